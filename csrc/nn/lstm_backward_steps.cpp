// What a backward call computes: one step in time, and the products merged over a chunk.
#include "kernels/dispatch.h"
#include "nn/lstm_backward.h"

namespace fastlstm {

// One step backwards for this thread's rows and units.
template <class T>
void LstmBackward<T>::step(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                           const Window<T> &at, const Share &share, Index s, const BackwardWeights<T> &w,
                           Laps &laps) {
    Barrier &barrier = call_.group_barrier_[static_cast<std::size_t>(share.group)];
    const Index W = k_.width, row = map_.row(s) + share.first_row;
    const Index rows = share.rows(map_.active(s));
    // What this thread does of the products: all its rows and some panels of 4 W columns.
    Index unit_begin, unit_end, state_begin, state_end;
    split(panels_of(r.H, W), share.parts, share.part, unit_begin, unit_end);
    split(panels_of(r.K, W), share.parts, share.part, state_begin, state_end);
    const bool projection = config_.projection != 0;
    if (projection) {
        const Index begin = state_begin * 4 * W;
        const Index end = std::min(g.dh_stride, state_end * 4 * W);
        for (Index j = 0; j < rows; ++j) {
            const T *dh = g.dh + (share.first_row + j) * g.dh_stride;
            T *sum = g.dh_rows + (row + j - at.chunk_from) * g.dh_stride;
            std::copy(dh + begin, dh + end, sum + begin);
            if (g.dy_wanted)
                for (Index p = begin; p < std::min(end, r.K); ++p)
                    sum[p] += g.dy[row + j][p];
        }
        barrier.wait(share.parts);
        laps.lap(Phase::Wait);
        GemmArgs<T> m;
        m.M = rows;
        m.K = r.K;
        m.N = r.H;
        m.a.base = g.dh_rows + (row - at.chunk_from) * g.dh_stride;
        m.a.stride = g.dh_stride;
        m.b = w.w_hr_t.data();
        m.c.base = g.dm + share.first_row * r.padded;
        m.c.stride = r.padded;
        m.panel_begin = unit_begin;
        m.panel_end = unit_end;
        k_.gemm(m);
        laps.lap(Phase::Hidden);
    }
    CellBackwardArgs<T> a;
    a.rows = rows;
    a.hidden = r.H;
    a.block_begin = unit_begin * 4;
    a.block_end = std::min(r.padded / W, unit_end * 4);
    a.gates = at.gates + (row - at.gates_from) * r.gates_row;
    a.gates_stride = r.gates_row;
    a.c_prev = cells_before(r, at, s) + share.first_row * r.padded;
    a.c = at.c + (row - at.c_from) * r.padded;
    a.c_prev_stride = a.c_stride = a.dc_stride = r.padded;
    a.dc = g.dc + share.first_row * r.padded;
    if (projection) {
        a.dh = g.dm + share.first_row * r.padded;
        a.dh_stride = r.padded;
        a.m = g.m_rows + (row - at.chunk_from) * r.padded;
        a.m_stride = r.padded;
    } else {
        a.dh = g.dh + share.first_row * g.dh_stride;
        a.dh_stride = g.dh_stride;
        a.has_dy = g.dy_wanted;
        a.dy.ptr = g.dy + row;
    }
    a.options = &r.w->options;
    if (call_.arrays_.learns)
        a.masks = call_.masks_.cell(r.slot, r.H, s, share.first_row, rows, a.block_begin * W,
                                    a.block_end * W,
                                    scratch_masks_[static_cast<std::size_t>(share.thread)]);
    const bool normal = config_.norm.kind != Normalization::None;
    if (normal)
        norm_cells(a, r, g, share, s, laps);
    else
        config_.plain_cell() ? k_.lstm_cell_backward(a) : k_.lstm_cell_backward_variant(a);
    laps.lap(Phase::Cell);
    barrier.wait(share.parts);
    laps.lap(Phase::Wait);
    GemmArgs<T> h;
    h.M = rows;
    h.K = r.columns;
    h.N = r.K;
    h.a.base = normal ? r.h_norm + row * r.gates_row : a.gates;
    h.a.stride = a.gates_stride;
    h.b = w.w_hh_t.data();
    h.c.base = g.dh + share.first_row * g.dh_stride;
    h.c.stride = g.dh_stride;
    h.panel_begin = state_begin;
    h.panel_end = state_end;
    h.accumulate = config_.rates.zoneout_h > 0; // the cell left there what passed its gates
    k_.gemm(h);
    laps.lap(Phase::Hidden);
    if (r.h_factors)
        mask_back(r, g, at, row, share.first_row, rows, state_begin * 4 * W,
                  std::min(r.K, state_end * 4 * W));
    laps.lap(Phase::Dropout);
}

// Recurrent dropout on h: its mask on dh, and masked rows of h for the product of dW_hh.
template <class T>
void LstmBackward<T>::mask_back(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                                const Window<T> &at, Index row, Index rank, Index rows,
                                Index begin, Index end) const {
    for (Index j = 0; j < rows; ++j) {
        const T *factors = r.h_factors + (rank + j) * r.K, *h_prev = r.h_prev[row + j];
        T *dh = g.dh + (rank + j) * g.dh_stride;
        T *masked = g.h_rows + (row + j - at.chunk_from) * r.K;
        for (Index k = begin; k < end; ++k) {
            dh[k] *= factors[k];
            masked[k] = h_prev[k] * factors[k];
        }
    }
}

// Without a forget gate of its own the rows of g and o stand one gate further up.
template <class T> void LstmBackward<T>::coupled_outer(OuterArgs<T> o, Index vectors) const {
    OuterArgs<T> rest = o;
    o.end = std::min(o.end, vectors);
    if (o.begin < o.end)
        k_.outer(o);
    rest.begin = std::max(rest.begin, 2 * vectors);
    for (OuterPart<T> &part : rest.parts)
        if (part.K)
            part.c -= o.units * part.K;
    if (rest.begin < rest.end)
        k_.outer(rest);
}

// Peepholes have no product: sums over the rows of a chunk, by step.
template <class T>
void LstmBackward<T>::peephole_sums(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                                    const DirectionLayout &at, const Window<T> &window,
                                    const Share &share, Index s0, Index s1) {
    const Index W = k_.width;
    PeepholeArgs<T> p;
    p.hidden = r.H;
    split(r.padded / W, share.members, share.index, p.block_begin, p.block_end);
    p.gates_stride = r.gates_row;
    p.c_prev_stride = p.c_stride = r.padded;
    p.sum = g.dw_ch;
    std::fill(p.sum + p.block_begin * 3 * W, p.sum + p.block_end * 3 * W, T(0));
    for (Index s = s0; s < s1; ++s) {
        const Index row = map_.row(s);
        p.rows = map_.active(s);
        p.gates = window.gates + (row - window.gates_from) * r.gates_row;
        p.c_prev = cells_before(r, window, s);
        p.c = window.c + (row - window.c_from) * r.padded;
        k_.peephole_gradients(p);
    }
    T *to = arrays_.grads + at.weight_ch;
    for (Index v = 0; v < config_.cell.peepholes(); ++v)
        for (Index u = p.block_begin * W; u < std::min(r.H, p.block_end * W); ++u)
            to[v * r.H + u] += p.sum[peephole_offset(v, u, config_.cell, W)];
}

// dW += dz^T [x, h_prev], db += sum dz over packed rows [row0, row1), into the flat
// gradient; each member of the group owns part of the rows of W.
template <class T>
void LstmBackward<T>::weight_products(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                                      const DirectionLayout &at, const Window<T> &window,
                                      const Share &share, Index row0, Index row1) {
    T *const grads = arrays_.grads;
    const T one = 1; // the bias is the weight of an input that is always one
    OuterArgs<T> o;
    o.R = row1 - row0;
    o.units = r.H;
    o.gates = 4;
    o.b = window.gates + (row0 - window.gates_from) * r.gates_row;
    o.b_stride = r.gates_row;
    o.parts[0] = {r.I, {nullptr, 0, r.x + row0, 1}, grads + at.weight_ih};
    o.parts[1] = {r.K, {nullptr, 0, r.h_prev + row0, 1}, grads + at.weight_hh};
    if (r.h_factors)
        o.parts[1].a = {g.h_rows + (row0 - window.chunk_from) * r.K, r.K, nullptr, 1};
    if (g.dw_hh)
        o.parts[1].c = g.dw_hh;
    const bool normal = config_.norm.kind != Normalization::None;
    if (at.bias >= 0)
        o.parts[2] = {1, {&one, 0, nullptr, 1}, grads + at.bias};
    const Index vectors = r.padded / k_.width; // of a gate
    split(4 * vectors, share.members, share.index, o.begin, o.end);
    const auto add = [&](const OuterArgs<T> &part) {
        if (config_.cell.coupled)
            coupled_outer(part, vectors);
        else
            k_.outer(part);
    };
    if (normal) { // W_ih and W_hh have gradients of sums of their own
        OuterArgs<T> recurrent = o;
        recurrent.parts[0] = o.parts[1];
        recurrent.parts[1] = recurrent.parts[2] = o.parts[1] = o.parts[2] = {};
        recurrent.b = r.h_norm + row0 * r.gates_row;
        add(recurrent);
    }
    add(o);
    if (!config_.projection)
        return;
    OuterArgs<T> p;
    p.R = o.R;
    p.units = r.K;
    p.b = g.dh_rows + (row0 - window.chunk_from) * g.dh_stride;
    p.b_stride = g.dh_stride;
    const T *m = g.m_rows + (row0 - window.chunk_from) * r.padded;
    p.parts[0] = {r.H, {m, r.padded, nullptr, 1}, grads + at.weight_hr};
    split(g.dh_stride / k_.width, share.members, share.index, p.begin, p.end);
    k_.outer(p);
}

// dx = dz W_ih over part of the packed rows [row0, row1); the reverse direction adds.
template <class T>
void LstmBackward<T>::input_product(int layer, int d, const Window<T> &window, Index row0,
                                    Index row1, int parts, int part) {
    const DirectionRun<T> &r = call_.run(layer, d);
    const BackwardWeights<T> &w =
        (*set_)[static_cast<std::size_t>(layer * config_.directions() + d)];
    Index begin, end;
    split(row1 - row0, parts, part, begin, end);
    GemmArgs<T> g;
    g.M = end - begin;
    g.K = r.columns;
    g.N = r.I;
    g.a.base = window.gates + (row0 + begin - window.gates_from) * r.gates_row;
    g.a.stride = r.gates_row;
    g.b = w.w_ih_t.data();
    g.c.ptr = gradients_[static_cast<std::size_t>(d)].dx + row0 + begin;
    g.accumulate = d == 1;
    g.panel_end = w.w_ih_t.panels();
    k_.gemm(g);
}

template void LstmBackward<float>::step(const DirectionRun<float> &,
                                        const DirectionGradients<float> &,
                                        const Window<float> &, const Share &, Index,
                                        const BackwardWeights<float> &, Laps &);
template void LstmBackward<float>::peephole_sums(const DirectionRun<float> &,
                                                 const DirectionGradients<float> &,
                                                 const DirectionLayout &,
                                                 const Window<float> &, const Share &, Index,
                                                 Index);
template void LstmBackward<double>::peephole_sums(const DirectionRun<double> &,
                                                  const DirectionGradients<double> &,
                                                  const DirectionLayout &,
                                                  const Window<double> &, const Share &,
                                                  Index, Index);
template void LstmBackward<float>::weight_products(const DirectionRun<float> &,
                                                   const DirectionGradients<float> &,
                                                   const DirectionLayout &,
                                                   const Window<float> &, const Share &, Index,
                                                   Index);
template void LstmBackward<float>::input_product(int, int, const Window<float> &, Index, Index,
                                                 int, int);
template void LstmBackward<double>::step(const DirectionRun<double> &,
                                         const DirectionGradients<double> &,
                                         const Window<double> &, const Share &, Index,
                                         const BackwardWeights<double> &, Laps &);
template void LstmBackward<double>::weight_products(const DirectionRun<double> &,
                                                    const DirectionGradients<double> &,
                                                    const DirectionLayout &,
                                                    const Window<double> &, const Share &,
                                                    Index, Index);
template void LstmBackward<double>::input_product(int, int, const Window<double> &, Index,
                                                  Index, int, int);

} // namespace fastlstm
