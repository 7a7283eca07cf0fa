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
template <class T> class PackedMatrix {
  public:
    PackedMatrix() = default;
    PackedMatrix(Index K, Index N, Index width)
        : K_(K), N_(N), width_(width), data_(static_cast<std::size_t>(K * round_up(N, width))) {}

    Index K() const { return K_; }
    Index N() const { return N_; }
    Index panels() const { return panels_of(N_, width_); }
    const T *data() const { return data_.data(); }
    T *data() { return data_.data(); }

    // Where element (k, n) lies.
    Index offset(Index k, Index n) const {
        const Index panel = n / (4 * width_), column = panel * 4 * width_;
        const Index lanes = std::min(4 * width_, round_up(N_, width_) - column);
        return column * K_ + k * lanes + (n - column);
    }
    // Fills from at(k, n).
    template <class F> void fill(F &&at) {
        for (Index n0 = 0; n0 < N_; n0 += 4 * width_) {
            const Index n1 = std::min(N_, n0 + 4 * width_);
            for (Index k = 0; k < K_; ++k) {
                T *row = data() + offset(k, n0);
                for (Index n = n0; n < n1; ++n)
                    row[n - n0] = at(k, n);
            }
        }
    }

  private:
    Index K_ = 0, N_ = 0, width_ = 1;
    Buffer<T> data_;
};

// Gate weights are packed as the columns (block, gate, lane) of a (K, 4 H') matrix, H' =
// H rounded up to W: one panel holds the four gates of W units. gate_row gives the row
// of the (4H, K) parameter behind packed column n, or -1 where it is padding.
inline Index gate_row(Index n, Index hidden, Index width) {
    const Index block = n / (4 * width), gate = n / width % 4;
    const Index unit = block * width + n % width;
    return unit < hidden ? gate * hidden + unit : -1;
}

} // namespace fastlstm
