// Normalised cells on the way back.
#include "kernels/dispatch.h"
#include "nn/lstm_backward.h"

namespace fastlstm {

// One step of this thread's rows and units, from `row` on.
template <class T>
void LstmBackward<T>::norm_cells(const CellBackwardArgs<T> &a, const DirectionRun<T> &r,
                                 const DirectionGradients<T> &g, const Window<T> &window,
                                 Index s, Index row) {
    NormBackwardArgs<T> n{a, call_.norm_of(r, s, row), nullptr, nullptr};
    n.dh_sums = g.dh_sums + (row - window.chunk_from) * r.gates_row;
    n.da = g.da_rows + (row - window.chunk_from) * r.padded;
    k_.norm_backward[config_.norm.kind == Normalization::Batch](n);
}

// Gradients of gains and biases over the steps of a chunk; each member has units of its own.
template <class T>
void LstmBackward<T>::norm_sums(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                                const DirectionLayout &at, const Window<T> &window,
                                const Share &share, Index s0, Index s1) {
    const Index W = k_.width, G = r.columns, H = r.H;
    NormGradientArgs<T> a;
    a.hidden = H;
    split(r.padded / W, share.members, share.index, a.block_begin, a.block_end);
    a.c_stride = r.padded;
    a.sum = g.dnorm;
    const Index begin = a.block_begin * W, end = std::min(H, a.block_end * W);
    const Index columns_end = std::min(G, a.block_end * 4 * W);
    for (int k = 0; k < 3; ++k)
        std::fill(a.sum + k * G + begin * 4, a.sum + k * G + std::max(begin * 4, columns_end),
                  T(0));
    T *cells = a.sum + 3 * G;
    for (int k = 0; k < 2; ++k)
        std::fill(cells + k * r.padded + begin, cells + k * r.padded + a.block_end * W, T(0));
    for (Index s = s0; s < s1; ++s) {
        const Index row = map_.row(s);
        a.rows = map_.active(s);
        a.gates = window.gates + (row - window.gates_from) * r.gates_row;
        a.c = window.c + (row - window.c_from) * r.padded;
        a.da = g.da_rows + (row - window.chunk_from) * r.padded;
        a.norm = call_.norm_of(r, s, row);
        k_.norm_gradients[config_.norm.kind == Normalization::Batch](a);
    }
    const GatesOf gates{H, config_.cell.coupled};
    const Index to[3] = {at.gain_ih, at.gain_hh, at.bias};
    for (int k = 0; k < 3; ++k)
        for (Index n = begin * 4; to[k] >= 0 && n < columns_end; ++n)
            if (const Index row = gate_row(n, gates, W); row >= 0)
                arrays_.grads[to[k] + row] += a.sum[k * G + n];
    for (Index u = begin; u < end; ++u) {
        arrays_.grads[at.gain_c + u] += cells[u];
        if (at.bias_c >= 0)
            arrays_.grads[at.bias_c + u] += cells[r.padded + u];
    }
}

// Gradients of z, in the gates, to those of the sums of x: by rows or by units.
template <class T>
void LstmBackward<T>::norm_inputs(const DirectionRun<T> &r, const Window<T> &window,
                                  const Share &share, Index s0, Index s1) {
    const bool by_row = config_.norm.kind == Normalization::Layer;
    NormInputArgs<T> a;
    a.hidden = r.H;
    split(r.padded / k_.width, share.members, share.index, a.block_begin, a.block_end);
    const auto run = [&](Index s, Index row, Index rows) {
        a.rows = rows;
        a.gates = window.gates + (row - window.gates_from) * r.gates_row;
        a.norm = call_.norm_of(r, s, row);
        k_.norm_input[!by_row](a);
    };
    if (by_row) {
        const Index row0 = map_.row(s0), rows = map_.row(s1) - row0;
        Index begin, end;
        split(rows, share.members, share.index, begin, end);
        run(s0, row0 + begin, end - begin);
        return;
    }
    for (Index s = s0; s < s1; ++s)
        run(s, map_.row(s), map_.active(s));
}

#define FASTLSTM_INSTANTIATE(T)                                                                \
    template void LstmBackward<T>::norm_cells(const CellBackwardArgs<T> &,                     \
                                              const DirectionRun<T> &,                         \
                                              const DirectionGradients<T> &,                   \
                                              const Window<T> &, Index, Index);                \
    template void LstmBackward<T>::norm_sums(                                                  \
        const DirectionRun<T> &, const DirectionGradients<T> &, const DirectionLayout &,       \
        const Window<T> &, const Share &, Index, Index);                                       \
    template void LstmBackward<T>::norm_inputs(const DirectionRun<T> &, const Window<T> &,     \
                                               const Share &, Index, Index);
FASTLSTM_INSTANTIATE(float)
FASTLSTM_INSTANTIATE(double)
#undef FASTLSTM_INSTANTIATE

} // namespace fastlstm
