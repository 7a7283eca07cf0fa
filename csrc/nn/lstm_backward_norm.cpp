// Normalised cells on the way back.
#include "kernels/dispatch.h"
#include "nn/lstm_backward.h"

namespace fastlstm {

// One step of this thread's rows and units, from `row` on.
template <class T>
void LstmBackward<T>::norm_cells(const CellBackwardArgs<T> &a, const DirectionRun<T> &r,
                                 const DirectionGradients<T> &g, const Share &share, Index s,
                                 Laps &laps) {
    NormBackwardArgs<T> n;
    n.cell = a;
    n.norm = call_.norm_of(r, share, s);
    n.norm.parts = g.norm_parts;
    n.norm.total = scratch_norms_[static_cast<std::size_t>(share.thread)];
    n.da = g.da + share.first_row * r.padded;
    n.sums = g.dnorm;
    n.group = plan_.grain;
    n.first_rank = share.first_row;
    if (config_.norm.kind == Normalization::Layer)
        return k_.layer_norm_backward(n);
    Barrier &barrier = call_.group_barrier_[static_cast<std::size_t>(share.group)];
    for (n.stage = 0; n.stage < kBatchStages; ++n.stage) {
        k_.batch_norm_backward(n);
        if (n.stage + 1 == kBatchStages)
            break;
        laps.lap(Phase::Cell);
        barrier.wait(share.members);
        laps.lap(Phase::Wait);
    }
}

// Gradients of gains, biases and peepholes after the last step: the groups of rows in order,
// so that no thread count shows. Each member has columns of its own.
template <class T>
void LstmBackward<T>::add_norms(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                                const DirectionLayout &at, const Share &share) {
    const Index W = k_.width, G = r.columns, H = r.H, size = norm_sum_size(G, r.padded);
    const GatesOf gates{H, config_.cell.coupled};
    const auto sum = [&](Index k) {
        double total = 0;
        for (Index group = 0; group < norm_groups(); ++group)
            total += double(g.dnorm[group * size + k]);
        return static_cast<T>(total);
    };
    Index begin, end;
    split(G, share.members, share.index, begin, end);
    const Index to[3] = {at.gain_ih, at.gain_hh, at.bias};
    for (Index part = 0; part < 3; ++part)
        for (Index n = begin; to[part] >= 0 && n < end; ++n)
            if (const Index row = gate_row(n, gates, W); row >= 0)
                arrays_.grads[to[part] + row] += sum(part * G + n);
    split(H, share.members, share.index, begin, end);
    for (Index u = begin; u < end; ++u) {
        arrays_.grads[at.gain_c + u] += sum(3 * G + u);
        if (at.bias_c >= 0)
            arrays_.grads[at.bias_c + u] += sum(3 * G + r.padded + u);
        for (Index p = 0; p < config_.cell.peepholes(); ++p)
            arrays_.grads[at.weight_ch + p * H + u] +=
                sum(3 * G + 2 * r.padded + peephole_offset(p, u, config_.cell, W));
    }
}

#define FASTLSTM_INSTANTIATE(T)                                                                \
    template void LstmBackward<T>::norm_cells(                                                 \
        const CellBackwardArgs<T> &, const DirectionRun<T> &, const DirectionGradients<T> &,   \
        const Share &, Index, Laps &);                                                         \
    template void LstmBackward<T>::add_norms(const DirectionRun<T> &,                          \
                                             const DirectionGradients<T> &,                    \
                                             const DirectionLayout &, const Share &);
FASTLSTM_INSTANTIATE(float)
FASTLSTM_INSTANTIATE(double)
#undef FASTLSTM_INSTANTIATE

} // namespace fastlstm
