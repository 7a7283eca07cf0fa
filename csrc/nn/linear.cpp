#include "nn/linear.h"

#include <stdexcept>
#include <string>

#include "kernels/dispatch.h"
#include "nn/work.h"

namespace fastlstm {
namespace {

template <class T> Rows<T> from_row(Rows<T> rows, Index m) {
    rows.base += m * rows.stride;
    return rows;
}

// Rows of A that stay in L2 while every panel of B passes by.
template <class T> Index rows_at_once(Index K) {
    constexpr Index kBytes = 256 * 1024, kTile = 12;
    return std::max(kTile, kBytes / static_cast<Index>(sizeof(T)) / K / kTile * kTile);
}

// c = bias + a b, cut over rows, or over panels where the rows are few.
template <class T>
void multiply(Index M, Rows<const T> a, const PackedMatrix<T> &b, const T *bias, Rows<T> c) {
    constexpr Index kTile = 12;
    const double flops = 2.0 * double(M) * double(b.K()) * double(b.N());
    const auto part = [&](Index row_begin, Index row_end, Index panel_begin, Index panel_end) {
        const Index block = rows_at_once<T>(b.K());
        for (Index m = row_begin; m < row_end; m += block) {
            GemmArgs<T> g;
            g.M = std::min(block, row_end - m);
            g.K = b.K();
            g.N = b.N();
            g.a = from_row(a, m);
            g.b = b.data();
            g.c = from_row(c, m);
            g.bias = bias;
            g.panel_begin = panel_begin;
            g.panel_end = panel_end;
            kernels<T>().gemm(g);
        }
    };
    if (M >= kTile * team_for(flops) || b.panels() == 1)
        parallel_ranges(M, kTile, flops,
                        [&](Index begin, Index end) { part(begin, end, 0, b.panels()); });
    else
        parallel_ranges(b.panels(), 1, flops,
                        [&](Index begin, Index end) { part(0, M, begin, end); });
}

// Outputs of one tile of dW.
constexpr Index kOutputs = 96;

// grads[k] += sum over the rows of a[row][k], in runs of kOuterRun rows as Kernels::outer.
template <class T> void add_columns(Index R, Rows<const T> a, Index K, T *grads) {
    T run[kOutputs], total[kOutputs] = {};
    for (Index r0 = 0; r0 < R; r0 += kOuterRun) {
        std::fill_n(run, K, T(0));
        for (Index r = r0; r < std::min(R, r0 + kOuterRun); ++r) {
            const T *row = a.base + r * a.stride;
            for (Index k = 0; k < K; ++k)
                run[k] += row[k];
        }
        for (Index k = 0; k < K; ++k)
            total[k] += run[k];
    }
    for (Index k = 0; k < K; ++k)
        grads[k] += total[k];
}

// grads (K, I) += dy^T x for K outputs and the I inputs of one panel; rows of x are I
// padded to W apart or more. tile: memory for K x (I padded to W).
template <class T>
void add_outer(Index R, Rows<const T> dy, Index K, const T *x, Index x_stride, Index I,
               T *grads, Index grads_stride, T *tile) {
    const Index lanes = round_up(I, kernels<T>().width);
    std::fill_n(tile, K * lanes, T(0));
    OuterArgs<T> o;
    o.R = R;
    o.K = o.k_end = K;
    o.N = I;
    o.a = dy;
    o.b = x;
    o.b_stride = x_stride;
    o.c = tile;
    o.panel_end = 1;
    kernels<T>().outer(o);
    for (Index k = 0; k < K; ++k)
        for (Index i = 0; i < I; ++i)
            grads[k * grads_stride + i] += tile[k * lanes + i];
}

} // namespace

template <class T>
Linear<T>::Linear(Index in, Index out, bool bias) : I_(in), O_(out), bias_(bias) {
    if (in < 1 || out < 1)
        throw std::invalid_argument("in_features is " + std::to_string(in) +
                                    " and out_features " + std::to_string(out) +
                                    "; expected at least 1");
    // Packed, the smaller side may grow to a vector.
    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    checked_multiply(checked_multiply(size(in) + 64, size(out) + 64), sizeof(T));
}

template <class T>
void Linear<T>::forward(const T *flat, Index version, Index N, Rows<const T> x, Rows<T> y) {
    const auto packed = forward_.get(version, [&](Forward &f) {
        const Index W = kernels<T>().width;
        if (f.weight.K() == 0) {
            f.weight = PackedMatrix<T>(I_, O_, W);
            if (bias_)
                f.bias = Buffer<T>(static_cast<std::size_t>(round_up(O_, W)));
        }
        f.weight.fill([&](Index i, Index o) { return flat[o * I_ + i]; });
        if (bias_)
            std::copy_n(flat + O_ * I_, O_, f.bias.data());
    });
    multiply(N, x, packed->weight, bias_ ? packed->bias.data() : nullptr, y);
}

template <class T>
void Linear<T>::backward(const T *flat, Index version, Index N, Rows<const T> dy,
                         Rows<const T> x, T *grads, Rows<T> dx) {
    parameter_gradients(N, dy, x, grads);
    if (!dx.base)
        return;
    const auto packed = backward_.get(version, [&](Backward &b) {
        if (b.weight.K() == 0)
            b.weight = PackedMatrix<T>(O_, I_, kernels<T>().width);
        b.weight.fill([&](Index o, Index i) { return flat[o * I_ + i]; });
    });
    multiply<T>(N, dy, packed->weight, nullptr, dx);
}

// dW = dy^T x as tiles of kOutputs outputs x one panel of inputs, each summed over all
// rows by one thread in memory of its own. Outputs are the broadcast side of the outer
// product: a layer with one output wastes no lanes, and the tile lies as W does.
template <class T>
void Linear<T>::parameter_gradients(Index N, Rows<const T> dy, Rows<const T> x, T *grads) {
    const Index W = kernels<T>().width, panels = panels_of(I_, W);
    const Index tasks = panels * ((O_ + kOutputs - 1) / kOutputs);
    const int wanted = static_cast<int>(std::min<Index>(team_for(flops(N)), tasks));

    // The kernel reads whole vectors of x.
    const Index padded = round_up(I_, W);
    const bool copy = padded != I_;
    checked_multiply(static_cast<std::size_t>(N), static_cast<std::size_t>(padded));
    Arena arena(pool_);
    const std::size_t copy_at = arena.request<T>(copy ? N * padded : 0);
    const std::size_t tiles_at = arena.request<T>(wanted * kOutputs * 4 * W);
    arena.commit();
    if (T *const to = arena.get<T>(copy_at); copy) {
        parallel_ranges(N, 64, 4.0 * double(N) * double(I_), [&](Index begin, Index end) {
            for (Index r = begin; r < end; ++r) {
                std::copy_n(x.base + r * x.stride, I_, to + r * padded);
                std::fill_n(to + r * padded + I_, padded - I_, T(0));
            }
        });
        x.base = to;
        x.stride = padded;
    }

    run_on(wanted, flops(N), [&](int thread, int team) {
        T *const tile = arena.get<T>(tiles_at) + thread * kOutputs * 4 * W;
        Index task, last;
        split(tasks, team, thread, task, last);
        for (; task < last; ++task) {
            const Index o = task / panels * kOutputs, i = task % panels * 4 * W;
            const Index K = std::min(kOutputs, O_ - o);
            Rows<const T> a = dy;
            a.base += o;
            add_outer(N, a, K, x.base + i, x.stride, std::min(4 * W, I_ - i),
                      grads + o * I_ + i, I_, tile);
            if (bias_ && i == 0)
                add_columns(N, a, K, grads + O_ * I_ + o);
        }
    });
}

template class Linear<float>;
template class Linear<double>;

} // namespace fastlstm
