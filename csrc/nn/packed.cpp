#include "nn/packed.h"

#include "nn/work.h"

namespace fastlstm {
namespace {

// An element that is moved costs about as much time as this many multiply-adds.
constexpr double kPackFlops = 8;

template <class T> double flops(const PackedMatrix<T> &b) {
    return kPackFlops * double(b.K()) * double(b.N());
}

} // namespace

template <class T>
void pack_transposed(const Kernels<T> &kernels, PackedMatrix<T> &b, const T *parameter,
                     GatesOf gates) {
    const Index W = b.width(), K = b.K(), N = b.N();
    parallel_ranges(N, W, flops(b), [&](Index n, Index end) {
        while (n < end) { // rows of the parameter that follow one another
            const Index panel = n / (4 * W) * 4 * W;
            const Index left = gates.hidden ? gates.hidden - panel / 4 : N - n;
            const Index row = gates.hidden ? gate_row(n, gates, W) : n;
            TransposeArgs<T> t;
            t.lanes = gates.hidden ? gate_lanes(left, W) : W;
            t.rows = std::min(t.lanes, left);
            t.K = K;
            t.src = parameter + row * K;
            t.src_stride = K;
            t.dst = b.data() + b.offset(0, n);
            t.dst_stride = std::min(4 * W, round_up(N, W) - panel);
            if (row >= 0)
                kernels.transpose(t);
            n += t.lanes;
        }
    });
}

template <class T> void pack_rows(PackedMatrix<T> &b, const T *parameter, GatesOf gates) {
    const Index W = b.width(), N = b.N();
    parallel_ranges(b.K(), 4 * W, flops(b), [&](Index k, Index end) {
        for (; k < end; ++k) {
            const Index row = gates.hidden ? gate_row(k, gates, W) : k;
            for (Index n = 0; row >= 0 && n < N; n += 4 * W)
                std::copy_n(parameter + row * N + n, std::min(4 * W, N - n),
                            b.data() + b.offset(k, n));
        }
    });
}

template void pack_transposed(const Kernels<float> &, PackedMatrix<float> &, const float *,
                              GatesOf);
template void pack_transposed(const Kernels<double> &, PackedMatrix<double> &, const double *,
                              GatesOf);
template void pack_rows<float>(PackedMatrix<float> &, const float *,
                              GatesOf);
template void pack_rows<double>(PackedMatrix<double> &, const double *, GatesOf);

} // namespace fastlstm
