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
        pack_transposed(kernels<T>(), f.weight, flat);
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
        pack_rows(b.weight, flat);
    });
    multiply<T>(N, dy, packed->weight, nullptr, dx);
}

// dW = dy^T x and db, each element summed over all rows by one thread.
template <class T>
void Linear<T>::parameter_gradients(Index N, Rows<const T> dy, Rows<const T> x, T *grads) {
    const T one = 1; // the bias is the weight of an input that is always one
    OuterArgs<T> o;
    o.R = N;
    o.units = O_;
    o.b = dy.base;
    o.b_stride = dy.stride;
    o.parts[0] = {I_, x, grads};
    if (bias_)
        o.parts[1] = {1, {&one, 0, nullptr, 1}, grads + O_ * I_};
    const Index W = kernels<T>().width;
    parallel_ranges((O_ + W - 1) / W, 1, flops(N), [&](Index begin, Index end) {
        OuterArgs<T> part = o;
        part.begin = begin;
        part.end = end;
        kernels<T>().outer(part);
    });
}

template class Linear<float>;
template class Linear<double>;

} // namespace fastlstm
