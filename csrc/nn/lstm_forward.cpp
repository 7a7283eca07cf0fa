// The time loop of the forward pass, as each thread of a call runs it.
#include "base/phases.h"
#include "kernels/dispatch.h"
#include "nn/lstm.h"

namespace fastlstm {

template <class T> void LstmCall<T>::forward_thread(int thread, int team) {
    if (plan_.cut == Cut::Layers)
        return forward_wave(thread, team);
    const int D = config_.directions();
    const int L = config_.layers();
    Laps laps;
    const auto meet = [&] {
        team_barrier_.wait(team);
        laps.lap(Phase::Wait);
    };
    const auto hand_on = [&](int l, const Activations<T> &from, const Activations<T> &to) {
        drop(l, from, to, 0, map_.steps, thread, team,
             scratch_masks_[static_cast<std::size_t>(thread)]);
        laps.lap(Phase::Dropout);
    };
    if (drops(-1)) {
        hand_on(-1, user_x(), inputs_[0]);
        meet();
    }
    for (int l = 0; l < L; ++l) {
        const auto l_ = static_cast<std::size_t>(l);
        const bool last = l + 1 == L;
        for (int d = 0; d < D; ++d) {
            Share share;
            if (make_share(plan_, map_, D, d, thread, team, share))
                forward_steps(run(l, d), share, thread, 0, map_.steps, laps);
        }
        if (last && !drops(l))
            return;
        meet();
        if (drops(l)) {
            hand_on(l, outputs_[l_], last ? user_y() : inputs_[l_ + 1]);
            if (!last)
                meet();
        }
    }
}

// Each thread has layers of its own and follows the one below by a few steps, so it waits
// once in kWaveSteps steps instead of at each, and its weights stay in its own caches.
template <class T> void LstmCall<T>::forward_wave(int thread, int team) {
    Laps laps;
    Share all;
    all.row_end = map_.N;
    int begin, end;
    wave_layers(config_, shape_, team, thread, begin, end);
    for (Index s0 = 0; s0 < map_.steps; s0 += kWaveSteps) {
        const Index s1 = std::min(map_.steps, s0 + kWaveSteps);
        for (int l = begin; l < end; ++l) {
            const auto l_ = static_cast<std::size_t>(l);
            if (l == begin && l > 0) {
                progress_[l_ - 1].wait_for(s1);
                laps.lap(Phase::Wait);
            }
            forward_steps(run(l, 0), all, thread, s0, s1, laps);
            if (drops(l)) {
                drop(l, outputs_[l_], inputs_[l_ + 1], s0, s1, 0, 1, nullptr);
                laps.lap(Phase::Dropout);
            }
            progress_[l_].reach(s1);
        }
    }
}

// Design: rows over threads needs no barrier, since a row never looks at another. Units
// over threads needs one a step: the next product reads every unit. x W_ih^T has no
// order in time, so it is done for a chunk of steps at once where that pays.
template <class T>
void LstmCall<T>::forward_steps(const DirectionRun<T> &r, const Share &share, int thread,
                                Index begin, Index end, Laps &laps) {
    const Kernels<T> &k = kernels<T>();
    const auto step = step_kernel(k, config_);
    const Index W = k.width, row_size = r.gates_row, blocks = r.padded / W;
    const auto thread_ = static_cast<std::size_t>(thread);
    const bool keep = keeps_gates();
    Index block_begin, block_end, panel_begin, panel_end;
    split(blocks, share.parts, share.part, block_begin, block_end);
    split(r.w->w_hr.panels(), share.parts, share.part, panel_begin, panel_end);
    Barrier &barrier = group_barrier_[static_cast<std::size_t>(share.group)];
    const Index rows_per_step = share.rows(map_.N);
    const Index fitting =
        keep ? scratch_rows_ : std::min(scratch_rows_, scratch_size_ / row_size);
    const Index fitting_steps = fitting / std::max<Index>(1, rows_per_step);
    const double bytes = double(sizeof(T)) * double(r.columns) * double(r.I + r.K);
    const bool normal = config_.norm.kind != Normalization::None;
    const bool merge = normal || (fitting_steps > 0 &&
                                  merge_input(r.I, rows_per_step, map_.steps, bytes));
    const Index chunk = merge ? fitting_steps : map_.steps;
    T *scratch = keep ? nullptr : scratch_gates_[thread_];
    const T **from = scratch_from_[thread_];
    T **to = scratch_to_[thread_];

    for (Index s0 = begin; s0 < end; s0 += chunk) {
        const Index s1 = std::min(end, s0 + chunk);
        if (merge) {
            Index rows = 0;
            for (Index s = s0; s < s1; ++s)
                for (Index b = share.first_row; b < std::min(map_.active(s), share.row_end); ++b) {
                    const Index row = map_.row(s) + b;
                    from[rows] = r.x[row];
                    T *kept = normal ? r.x_norm : r.gates;
                    to[rows] = keep ? kept + row * row_size : scratch + rows * row_size;
                    ++rows;
                }
            GemmArgs<T> g;
            g.M = rows;
            g.K = r.I;
            g.N = r.columns;
            g.a.ptr = const_cast<const T *const *>(from);
            g.b = r.w->w_ih.data();
            g.c.ptr = to;
            g.bias = normal ? nullptr : r.w->bias.data();
            g.panel_begin = block_begin;
            g.panel_end = block_end;
            k.gemm(g);
            laps.lap(Phase::Input);
        }
        T *chunk_gates = scratch;
        for (Index s = s0; s < s1; ++s) {
            const Index row = map_.row(s) + share.first_row;
            StepArgs<T> a = step_inputs(r, share, s, block_begin, block_end);
            if (arrays_.learns)
                mask_step(a, r, share, s, scratch_masks_[thread_]);
            if (merge)
                a.w_ih = nullptr; // x and bias are in the gates
            T *sums = keep ? r.x_norm + row * row_size : chunk_gates; // normalised cells
            a.gates = keep ? r.gates + row * row_size : chunk_gates;
            a.store_gates = keep;
            if (!keep && merge)
                chunk_gates += a.rows * row_size;
            if (keeps_cells()) {
                a.c_prev = s ? r.c + (map_.row(s - 1) + share.first_row) * r.padded
                             : r.c0 + share.first_row * r.padded;
                a.c = r.c + row * r.padded;
            } else {
                a.c_prev = a.c = r.c + share.first_row * r.padded;
            }
            if (r.checkpoints && begins_segment(r, s))
                copy_cells(r, s, share.first_row, a.rows, block_begin * W, block_end * W);
            if (config_.projection) {
                a.y.base = r.m + share.first_row * r.padded;
                a.y.stride = r.padded;
            } else {
                a.y.ptr = r.y + row;
            }
            if (normal)
                norm_step(a, r, share, s, sums, scratch_norms_[thread_], laps);
            else
                step(a);
            laps.lap(Phase::Step);
            if (config_.projection) {
                barrier.wait(share.parts);
                laps.lap(Phase::Wait);
                GemmArgs<T> g;
                g.M = a.rows;
                g.K = r.H;
                g.N = r.K;
                g.a.base = a.y.base;
                g.a.stride = a.y.stride;
                g.b = r.w->w_hr.data();
                g.c.ptr = r.y + row;
                g.panel_begin = panel_begin;
                g.panel_end = panel_end;
                k.gemm(g);
                laps.lap(Phase::Step);
            }
            barrier.wait(share.parts);
            laps.lap(Phase::Wait);
        }
    }
}

template <class T>
StepArgs<T> LstmCall<T>::step_inputs(const DirectionRun<T> &r, const Share &share, Index s,
                                     Index block_begin, Index block_end) const {
    const Index row = map_.row(s) + share.first_row;
    StepArgs<T> a;
    a.rows = share.rows(map_.active(s));
    a.hidden = r.H;
    a.options = &r.w->options;
    a.descending = back_and_forth(a.rows, s);
    a.next_begins = back_and_forth(a.rows, s + 1) ? block_end - 1 : block_begin;
    a.block_begin = block_begin;
    a.block_end = block_end;
    a.x.ptr = r.x + row;
    a.I = r.I;
    a.w_ih = r.w->w_ih.data();
    a.bias = r.w->bias.data();
    a.h.ptr = r.h_prev + row;
    a.K = r.K;
    a.w_hh = r.w->w_hh.data();
    a.c_prev_stride = a.c_stride = r.padded;
    a.gates_stride = r.gates_row;
    return a;
}

// The cells before step s of some rows and units, for the segment that begins there.
template <class T>
void LstmCall<T>::copy_cells(const DirectionRun<T> &r, Index s, Index first_row, Index rows,
                             Index unit_begin, Index unit_end) const {
    T *to = r.checkpoints + (segment_of(r, s) * map_.N + first_row) * r.padded;
    const T *from = r.c + first_row * r.padded;
    for (Index j = 0; j < rows; ++j, to += r.padded, from += r.padded)
        std::copy(from + unit_begin, from + unit_end, to + unit_begin);
}

template void LstmCall<float>::forward_thread(int, int);
template void LstmCall<double>::forward_thread(int, int);
template StepArgs<float> LstmCall<float>::step_inputs(const DirectionRun<float> &, const Share &,
                                                      Index, Index, Index) const;
template StepArgs<double> LstmCall<double>::step_inputs(const DirectionRun<double> &,
                                                        const Share &, Index, Index,
                                                        Index) const;
template void LstmCall<float>::copy_cells(const DirectionRun<float> &, Index, Index, Index, Index,
                                          Index) const;
template void LstmCall<double>::copy_cells(const DirectionRun<double> &, Index, Index, Index,
                                           Index, Index) const;

} // namespace fastlstm
