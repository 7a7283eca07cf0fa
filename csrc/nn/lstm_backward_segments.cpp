// Gates and cells that forward did not keep: which are at hand, and how they come back.
#include "kernels/dispatch.h"
#include "nn/lstm_backward.h"

namespace fastlstm {

// The window that begins at step s0.
template <class T> Window<T> LstmBackward<T>::window(const DirectionRun<T> &r, Index s0) const {
    Window<T> w{s0, r.gates, 0, r.c, 0};
    if (!call_.keeps_gates()) {
        w.gates = segment_gates_;
        w.gates_from = map_.row(s0);
    }
    if (!call_.keeps_cells()) {
        w.c = segment_c_;
        w.c_from = map_.row(s0);
    }
    return w;
}

// Cells (N, H') by rank before step s.
template <class T>
const T *LstmBackward<T>::cells_before(const DirectionRun<T> &r, const Window<T> &w,
                                       Index s) const {
    if (s == 0)
        return r.c0;
    if (r.checkpoints && s == w.first_step)
        return r.checkpoints + call_.segment_of(r, s) * map_.N * r.padded;
    return w.c + (map_.row(s - 1) - w.c_from) * r.padded;
}

// Steps [first_step, s1) forward again for this thread's rows and units. The hidden states
// are known, so no step waits for another thread's.
template <class T>
void LstmBackward<T>::recompute(const DirectionRun<T> &r, const Share &share,
                                const Window<T> &w, Index s1) {
    const Index W = k_.width;
    Index begin, end; // in panels of 4 W units, as backward divides them
    split(panels_of(r.H, W), share.parts, share.part, begin, end);
    for (Index s = w.first_step; s < s1; ++s) {
        const Index row = map_.row(s) + share.first_row;
        StepArgs<T> a =
            call_.step_inputs(r, share, s, begin * 4, std::min(r.padded / W, end * 4));
        a.gates = w.gates + (row - w.gates_from) * r.gates_row;
        a.store_gates = true;
        a.c_prev = cells_before(r, w, s) + share.first_row * r.padded;
        a.c = w.c + (row - w.c_from) * r.padded;
        a.y.base = segment_y_ + share.first_row * r.padded; // known already
        a.y.stride = r.padded;
        if (call_.arrays_.learns)
            call_.mask_step(a, r, share, s,
                            scratch_masks_[static_cast<std::size_t>(share.thread)]);
        step_kernel(k_, config_)(a);
    }
}

template Window<float> LstmBackward<float>::window(const DirectionRun<float> &, Index) const;
template Window<double> LstmBackward<double>::window(const DirectionRun<double> &, Index) const;
template void LstmBackward<float>::recompute(const DirectionRun<float> &, const Share &,
                                             const Window<float> &, Index);
template void LstmBackward<double>::recompute(const DirectionRun<double> &, const Share &,
                                              const Window<double> &, Index);
template const float *LstmBackward<float>::cells_before(const DirectionRun<float> &,
                                                        const Window<float> &, Index) const;
template const double *LstmBackward<double>::cells_before(const DirectionRun<double> &,
                                                          const Window<double> &, Index) const;

} // namespace fastlstm
