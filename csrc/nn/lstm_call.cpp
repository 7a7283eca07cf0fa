// What a call needs before and after its parallel region: memory, row addresses, states.
#include <cmath>

#include "kernels/dispatch.h"
#include "nn/lstm.h"

namespace fastlstm {

template <class T>
LstmCall<T>::LstmCall(LstmWeights<T> &weights, const T *flat, Index version,
                      std::shared_ptr<Pool> pool, const ForwardArrays<T> &arrays,
                      bool training)
    : weights_(weights), config_(weights.config()), flat_(flat), version_(version),
      arrays_(arrays), training_(training), map_(arrays.N, arrays.T_, arrays.lengths),
      pool_(pool), arena_(pool),
      masks_(weights.config(), map_, arrays.learns, arrays.seed, arrays.row_ids) {
    Laps laps;
    if (masks_.rates().weight > 0)
        drop_weights();
    else
        set_ = weights.forward(flat, version);
    laps.lap(Phase::Pack);
    const int L = config_.layers(), D = config_.directions();
    const Index W = kernels<T>().width, N = map_.N, R = map_.rows();
    // Where gates are not kept, dx is formed before they are given up.
    const bool in_turn = arrays.memory != Memory::Store;
    shape_ = shape_of(N, R, map_.steps, training, W);
    plan_ = make_plan(config_, shape_, num_threads(), in_turn, !drops(-1));
    const auto L_ = static_cast<std::size_t>(L);
    if (plan_.cut == Cut::Layers)
        progress_ = std::vector<Progress>(L_);
    runs_.resize(L_ * static_cast<std::size_t>(D));
    inputs_.resize(L_);
    outputs_.resize(L_);

    const auto threads = static_cast<std::size_t>(plan_.threads);
    scratch_gates_.resize(keeps_gates() ? 0 : threads);
    scratch_from_.resize(threads);
    scratch_to_.resize(threads);
    scratch_masks_.resize(threads);
    scratch_norms_.resize(threads);
    for (Placer place(arena_); place.next_pass();) {
        for (int l = 0; l < L; ++l) {
            const auto l_ = static_cast<std::size_t>(l);
            const Index K = config_.state(l), H = config_.units(l);
            const Index padded = round_up(H, W), columns = gate_columns(H, W);
            const Index gates_row = row_apart<T>(columns);
            for (int d = 0; d < D; ++d) {
                DirectionRun<T> &r = runs_[l_ * static_cast<std::size_t>(D) +
                                           static_cast<std::size_t>(d)];
                r.w = &(*set_)[static_cast<std::size_t>(l * D + d)];
                r.slot = l * D + d;
                r.I = config_.input(l);
                r.H = H;
                r.K = K;
                r.padded = padded;
                r.columns = columns;
                r.gates_row = gates_row;
                place(r.x, R);
                place(r.y, R);
                place(r.h_prev, R);
                place(r.h0, N, K);
                if (masks_.rates().hidden > 0)
                    place(r.h_factors, N, K);
                place(r.c0, N, padded);
                // Long enough to fill a run of the outer product, short enough for the cache.
                r.chunk = std::max(std::max<Index>(1, kOuterRun / N),
                                   chunk_steps(N, gates_row * Index(sizeof(T))));
                r.segment = arrays.memory == Memory::Store ? map_.steps : r.chunk;
                if (keeps_gates())
                    place(r.gates, R, gates_row);
                if (keeps_cells()) {
                    place(r.c, R, padded);
                } else if (training) {
                    const auto root = Index(std::ceil(std::sqrt(double(map_.steps))));
                    r.segment = round_up(root, r.chunk);
                    place(r.c, N, padded);
                    place(r.checkpoints, map_.steps / r.segment, N * padded);
                } else {
                    r.c = r.c0;
                }
                if (config_.projection)
                    place(r.m, N, padded);
                if (config_.norm.kind == Normalization::None)
                    continue;
                if (keeps_gates()) {
                    place(r.x_norm, R, gates_row);
                    place(r.h_norm, R, gates_row);
                }
                const bool by_row = config_.norm.kind == Normalization::Layer;
                r.statistics_row =
                    by_row ? kLayerStatistics : batch_statistics(6, columns, padded);
                if (!by_row || keeps_gates())
                    place(r.statistics, by_row ? R : map_.steps, r.statistics_row);
                if (plan_.grouped)
                    place(r.parts, kMostGroups, r.statistics_row);
            }
            const Index per_step = (N + plan_.threads - 1) / plan_.threads;
            const bool all = plan_.cut != Cut::Rows || map_.ragged ||
                             config_.norm.kind != Normalization::None;
            const Index most_rows = all ? N : per_step;
            const Index steps = std::min(
                map_.steps,
                chunk_steps(most_rows, gates_row * static_cast<Index>(sizeof(T))));
            // With split directions a group is smaller than the team: rows up to N.
            const Index rows = plan_.split_directions ? N : most_rows;
            scratch_size_ = std::max(scratch_size_, steps * rows * gates_row);
            scratch_rows_ = std::max(scratch_rows_, steps * rows);
            Activations<T> &in = inputs_[l_], &out = outputs_[l_];
            const auto rows_of = [&](Activations<T> &a, Index size) {
                a.row_stride = size;
                place(a.base, R, size);
            };
            if (drops(l - 1))
                rows_of(in, config_.input(l));
            else
                in = l ? outputs_[l_ - 1] : user_x();
            if (drops(l) || l + 1 < L)
                rows_of(out, D * K);
            else
                out = user_y();
        }
        for (std::size_t t = 0; t < threads; ++t) {
            if (!keeps_gates())
                place(scratch_gates_[t], scratch_size_);
            place(scratch_from_[t], scratch_rows_);
            place(scratch_to_[t], scratch_rows_);
            place(scratch_masks_[t], mask_scratch());
            place(scratch_norms_[t], norm_scratch());
        }
    }
    for (int l = 0; l < L; ++l) {
        flops_ += 8.0 * D * static_cast<double>(R) * static_cast<double>(config_.units(l)) *
                  static_cast<double>(config_.input(l) + config_.state(l));
        for (int d = 0; d < D; ++d)
            fill_pointers(l, d);
    }
    copy_states_in();
    if (config_.norm.kind == Normalization::Batch && !arrays.learns)
        running_statistics();
    laps.lap(Phase::Prepare);
}

template <class T> void LstmCall<T>::fill_pointers(int layer, int d) {
    const DirectionRun<T> &r = run(layer, d);
    const auto l = static_cast<std::size_t>(layer);
    for (Index s = 0; s < map_.steps; ++s) {
        const Index row = map_.row(s), active = map_.active(s);
        const Index before = s ? map_.row(s - 1) : 0;
        for (Index b = 0; b < active; ++b) {
            const Index t = map_.time(d, s, b);
            r.x[row + b] = inputs_[l].at(map_, b, t);
            r.y[row + b] = outputs_[l].at(map_, b, t) + d * r.K;
            r.h_prev[row + b] = s ? r.y[before + b] : r.h0 + b * r.K;
        }
    }
}

template <class T> void LstmCall<T>::copy_states_in() {
    const T *h0 = arrays_.h0, *c0 = arrays_.c0;
    const Index N = map_.N;
    for (const DirectionRun<T> &r : runs_) {
        for (Index b = 0; b < N; ++b) {
            const Index n = map_.order[static_cast<std::size_t>(b)];
            T *h = r.h0 + b * r.K, *c = r.c0 + b * r.padded;
            if (h0)
                std::copy(h0 + n * r.K, h0 + (n + 1) * r.K, h);
            else
                std::fill(h, h + r.K, T(0));
            std::fill(c, c + r.padded, T(0));
            if (c0)
                std::copy(c0 + n * r.H, c0 + (n + 1) * r.H, c);
            if (training_ && !keeps_cells())
                std::copy(c, c + r.padded, r.c + b * r.padded);
            if (r.h_factors)
                masks_.locked(MaskKind::Hidden, r.slot, masks_.rates().hidden, b, r.K,
                              r.h_factors + b * r.K);
        }
        h0 = h0 ? h0 + N * r.K : nullptr;
        c0 = c0 ? c0 + N * r.H : nullptr;
    }
}

template <class T> void LstmCall<T>::copy_states_out() const {
    T *hn = arrays_.hn, *cn = arrays_.cn;
    for (const DirectionRun<T> &r : runs_)
        for (Index b = 0; b < map_.N; ++b) {
            const auto b_ = static_cast<std::size_t>(b);
            const Index n = map_.order[b_];
            const Index last = map_.row(map_.length[b_] - 1) + b;
            if (hn)
                std::copy(r.y[last], r.y[last] + r.K, hn + n * r.K);
            const T *c = r.c + (keeps_cells() ? last : b) * r.padded;
            if (cn)
                std::copy(c, c + r.H, cn + n * r.H);
            if (b + 1 == map_.N) {
                hn = hn ? hn + map_.N * r.K : nullptr;
                cn = cn ? cn + map_.N * r.H : nullptr;
            }
        }
}

template <class T> void LstmCall<T>::forward() {
    map_.clear_padding(arrays_.y, arrays_.y_n, arrays_.y_t, config_.output());
    plan_.threads = run_team(
        plan_.threads, flops_ / kFlopsASecond,
        [](void *self, int thread, int team) {
            static_cast<LstmCall *>(self)->forward_thread(thread, team);
        },
        this, plan_.cut == Cut::Layers ? Parts::Uneven : Parts::Even);
    Laps laps;
    copy_states_out();
    laps.lap(Phase::Prepare);
}

template class LstmCall<float>;
template class LstmCall<double>;

} // namespace fastlstm
