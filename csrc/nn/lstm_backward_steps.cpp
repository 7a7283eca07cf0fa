// What a backward call computes: one step in time, and the products merged over a chunk.
#include "kernels/dispatch.h"
#include "nn/lstm_backward.h"

namespace fastlstm {

// One step backwards for this thread's rows and units.
template <class T>
void LstmBackward<T>::step(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                           const Share &share, Index s, const BackwardWeights<T> &w) {
    Barrier &barrier = call_.group_barrier_[static_cast<std::size_t>(share.group)];
    const Index W = k_.width, row = map_.row(s) + share.first_row;
    const Index rows = share.rows(map_.active(s)), jump = share.row_step;
    Index unit_begin, unit_end, state_begin, state_end; // in panels of 4 W
    split(panels_of(r.H, W), share.parts, share.part, unit_begin, unit_end);
    split(panels_of(r.K, W), share.parts, share.part, state_begin, state_end);
    const bool projection = config_.projection != 0;
    if (projection) {
        const Index begin = state_begin * 4 * W;
        const Index end = std::min(g.dh_stride, state_end * 4 * W);
        for (Index j = 0; j < rows; ++j) {
            const T *dh = g.dh + (share.first_row + j * jump) * g.dh_stride;
            T *sum = g.dh_rows + (row + j * jump) * g.dh_stride;
            std::copy(dh + begin, dh + end, sum + begin);
            if (g.dy_wanted)
                for (Index p = begin; p < std::min(end, r.K); ++p)
                    sum[p] += g.dy[row + j * jump][p];
        }
        if (share.parts > 1)
            barrier.wait(share.parts);
        GemmArgs<T> m;
        m.M = rows;
        m.K = r.K;
        m.N = r.H;
        m.a.base = g.dh_rows + row * g.dh_stride;
        m.a.stride = jump * g.dh_stride;
        m.b = w.w_hr_t.data();
        m.c.base = g.dm + share.first_row * r.padded;
        m.c.stride = jump * r.padded;
        m.panel_begin = unit_begin;
        m.panel_end = unit_end;
        k_.gemm(m);
    }
    CellBackwardArgs<T> a;
    a.rows = rows;
    a.hidden = r.H;
    a.block_begin = unit_begin * 4;
    a.block_end = std::min(r.padded / W, unit_end * 4);
    a.gates = r.gates + row * 4 * r.padded;
    a.gates_stride = jump * 4 * r.padded;
    a.c_prev = s ? r.c + (map_.row(s - 1) + share.first_row) * r.padded
                 : r.c0 + share.first_row * r.padded;
    a.c = r.c + row * r.padded;
    a.c_prev_stride = a.c_stride = a.dc_stride = jump * r.padded;
    a.dc = g.dc + share.first_row * r.padded;
    if (projection) {
        a.dh = g.dm + share.first_row * r.padded;
        a.dh_stride = jump * r.padded;
        a.m = g.m_rows + row * r.padded;
        a.m_stride = jump * r.padded;
    } else {
        a.dh = g.dh + share.first_row * g.dh_stride;
        a.dh_stride = jump * g.dh_stride;
        a.has_dy = g.dy_wanted;
        a.dy.ptr = g.dy + row;
        a.dy.ptr_step = jump;
    }
    k_.lstm_cell_backward(a);
    if (share.parts > 1)
        barrier.wait(share.parts);
    GemmArgs<T> h;
    h.M = rows;
    h.K = 4 * r.padded;
    h.N = r.K;
    h.a.base = a.gates;
    h.a.stride = a.gates_stride;
    h.b = w.w_hh_t.data();
    h.c.base = g.dh + share.first_row * g.dh_stride;
    h.c.stride = jump * g.dh_stride;
    h.panel_begin = state_begin;
    h.panel_end = state_end;
    k_.gemm(h);
}

// dW += dz^T [x, h_prev] and db += sum dz over packed rows [row0, row1).
template <class T>
void LstmBackward<T>::weight_products(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                                      const Patches &p, Index row0, Index row1) {
    const Index rows = row1 - row0, size = 4 * r.padded;
    const T *dz = r.gates + row0 * size;
    Rows<const T> a;
    a.ptr = r.x + row0;
    outer_patch(k_, g.w_ih, p.w_ih, a, dz, size, rows);
    a.ptr = r.h_prev + row0;
    outer_patch(k_, g.w_hh, p.w_hh, a, dz, size, rows);
    const T one = 1; // the bias is the weight of an input that is always one
    Rows<const T> ones;
    ones.base = &one;
    outer_patch(k_, g.bias, p.bias, ones, dz, size, rows);
    if (config_.projection) {
        Rows<const T> dh;
        dh.base = g.dh_rows + row0 * g.dh_stride;
        dh.stride = g.dh_stride;
        outer_patch(k_, g.w_hr, p.w_hr, dh, g.m_rows + row0 * r.padded, r.padded, rows);
    }
}

// dx = dz W_ih over part of the packed rows [row0, row1); the reverse direction adds.
template <class T>
void LstmBackward<T>::input_product(int layer, int d, Index row0, Index row1, int parts,
                                    int part) {
    const DirectionRun<T> &r = call_.run(layer, d);
    const BackwardWeights<T> &w =
        (*set_)[static_cast<std::size_t>(layer * config_.directions() + d)];
    Index begin, end;
    split(row1 - row0, parts, part, begin, end);
    GemmArgs<T> g;
    g.M = end - begin;
    g.K = 4 * r.padded;
    g.N = r.I;
    g.a.base = r.gates + (row0 + begin) * g.K;
    g.a.stride = g.K;
    g.b = w.w_ih_t.data();
    g.c.ptr = gradients_[static_cast<std::size_t>(d)].dx + row0 + begin;
    g.accumulate = d == 1;
    g.panel_end = w.w_ih_t.panels();
    k_.gemm(g);
}

template void LstmBackward<float>::step(const DirectionRun<float> &, const DirectionGradients<float> &,
                                        const Share &, Index, const BackwardWeights<float> &);
template void LstmBackward<float>::weight_products(const DirectionRun<float> &,
                                                   const DirectionGradients<float> &,
                                                   const Patches &, Index, Index);
template void LstmBackward<float>::input_product(int, int, Index, Index, int, int);
template void LstmBackward<double>::step(const DirectionRun<double> &, const DirectionGradients<double> &,
                                        const Share &, Index, const BackwardWeights<double> &);
template void LstmBackward<double>::weight_products(const DirectionRun<double> &,
                                                   const DirectionGradients<double> &,
                                                   const Patches &, Index, Index);
template void LstmBackward<double>::input_product(int, int, Index, Index, int, int);

} // namespace fastlstm
