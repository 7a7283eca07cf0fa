// Weights in the order in which the kernels read them. Precision lives here and in the
// GEMM slot of the kernel table, nowhere else.
#pragma once

#include <algorithm>

#include "base/arena.h"
#include "kernels/kernels.h"

namespace fastlstm {

inline Index round_up(Index n, Index multiple) {
    return (n + multiple - 1) / multiple * multiple;
}
inline Index panels_of(Index n, Index width) { return round_up(n, 4 * width) / (4 * width); }

// A (K, N) matrix B for Kernels::gemm: panels of 4 W columns, each [K][vectors][W].
// Padding is zero.
template <class T> class PackedMatrix {
  public:
    PackedMatrix() = default;
    PackedMatrix(Index K, Index N, Index width)
        : K_(K), N_(N), width_(width), data_(static_cast<std::size_t>(K * round_up(N, width))) {}

    Index K() const { return K_; }
    Index N() const { return N_; }
    Index width() const { return width_; }
    Index panels() const { return panels_of(N_, width_); }
    const T *data() const { return data_.data(); }
    T *data() { return data_.data(); }

    // Where element (k, n) lies.
    Index offset(Index k, Index n) const {
        const Index panel = n / (4 * width_), column = panel * 4 * width_;
        const Index lanes = std::min(4 * width_, round_up(N_, width_) - column);
        return column * K_ + k * lanes + (n - column);
    }

  private:
    Index K_ = 0, N_ = 0, width_ = 1;
    Buffer<T> data_;
};

// Gate weights are packed as (K, gate columns), see kernels.h: one panel holds the four
// gates of W units. gate_row gives the row of the (4H, K) parameter behind column n, or -1
// where it is padding.
// Coupled gates have no forget gate of their own: three blocks i, g, o of H rows.
struct GatesOf {
    Index hidden = 0; // 0: no gates
    bool coupled = false;
};
inline Index gate_columns(Index hidden, Index width) {
    const Index left = hidden % width, whole = hidden - left;
    return 4 * (whole + (left ? gate_lanes(left, width) : 0));
}
inline Index gate_row(Index n, GatesOf gates, Index width) {
    const Index H = gates.hidden, first = n / (4 * width) * width, column = n % (4 * width);
    const Index lanes = gate_lanes(H - first, width), gate = column / lanes;
    const Index unit = first + column % lanes;
    if (unit >= H || (gates.coupled && gate == 1))
        return -1;
    return (gate - (gates.coupled && gate > 1)) * H + unit;
}

// Packed B (K, N) from the parameter (N, K) row-major, or from that of gates (4H, K) with
// N = gate_columns(H, W).
template <class T>
void pack_transposed(const Kernels<T> &kernels, PackedMatrix<T> &b, const T *parameter,
                     GatesOf gates = {});

// Packed B (K, N) from the parameter (K, N), or (4H, N) with K = gate_columns(H, W).
template <class T> void pack_rows(PackedMatrix<T> &b, const T *parameter, GatesOf gates = {});

} // namespace fastlstm
