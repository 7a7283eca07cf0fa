// Back-propagation through time, as each thread of a call runs it.
//
// Design: a chunk of steps is walked backwards, the sequential part first (pointwise
// gradients and dh = dz W_hh), then what has no order in time, merged over the chunk:
// dW += dz^T [x, h], db += sum dz and dx = dz W_ih. dz replaces the gates in place.
// Every element of dW is summed by one thread, in runs of kOuterRun rows, so gradients
// do not depend on the number of threads.
#include "kernels/dispatch.h"
#include "nn/lstm_backward.h"

namespace fastlstm {

template <class T>
LstmBackward<T>::LstmBackward(LstmCall<T> &call, const BackwardArrays<T> &arrays)
    : call_(call), config_(call.config_), map_(call.map_), arrays_(arrays), k_(kernels<T>()),
      arena_(call.pool_) {
    Laps laps;
    if (call.own_flat_.size()) {
        auto own = std::make_shared<std::vector<BackwardWeights<T>>>();
        pack_all(*own, config_, call.weights_.layout(), call.flat_);
        set_ = std::move(own);
    } else {
        set_ = call.weights_.backward(call.flat_, call.version_);
    }
    laps.lap(Phase::Pack);
    const Index W = k_.width, N = map_.N, R = map_.rows();
    const int L = config_.layers(), D = config_.directions();
    plan_ = call.plan_;
    if (plan_.cut == Cut::Layers)
        plan_ = make_plan(config_, call.shape_, num_threads(), false, false);
    const Rates &rates = call.masks_.rates();
    const bool normal = config_.norm.kind != Normalization::None;
    Index K = 0, H = 0, recurrent = 0, row = 0, inner = call.drops(L - 1) ? config_.output() : 0;
    for (int l = 0; l < L; ++l) {
        recurrent = std::max(recurrent, config_.cell.gates() * config_.units(l) *
                                            config_.state(l));
        K = std::max(K, config_.state(l));
        H = std::max(H, round_up(config_.units(l), W));
        if (l)
            inner = std::max(inner, config_.input(l));
    }
    const Index padded_k = round_up(K, W);
    bool in_one_chunk = true;
    for (const DirectionRun<T> &r : call.runs_) {
        in_one_chunk = in_one_chunk && r.chunk >= map_.steps;
        row = std::max(row, r.gates_row);
    }
    const Index chunk = in_one_chunk ? R : 2 * chunk_rows();
    scratch_masks_.resize(static_cast<std::size_t>(plan_.threads));
    scratch_norms_.resize(static_cast<std::size_t>(plan_.threads));
    for (Placer place(arena_); place.next_pass();) {
        for (T *&scratch : scratch_masks_)
            place(scratch, call.mask_scratch());
        for (T *&scratch : scratch_norms_)
            place(scratch, plan_.grouped ? batch_total_size(row, H) : 0);
        for (int d = 0; d < D; ++d) {
            DirectionGradients<T> &g = gradients_[static_cast<std::size_t>(d)];
            place(g.dh, N, padded_k);
            place(g.dc, N, H);
            if (config_.cell.peephole)
                place(g.dw_ch, 3 * H);
            if (config_.projection) {
                place(g.dm, N, H);
                place(g.dh_rows, chunk, padded_k);
                place(g.m_rows, chunk, H);
            }
            if (rates.hidden > 0)
                place(g.h_rows, chunk, K);
            if (rates.weight > 0)
                place(g.dw_hh, recurrent);
            if (normal) {
                place(g.da, N, H);
                place(g.dnorm, norm_groups(), norm_sum_size(row, H));
                if (plan_.grouped)
                    place(g.norm_parts, kMostGroups, norm_sum_size(row, H));
            }
            place(g.dy, R);
            place(g.dx, R);
        }
        if (!call.keeps_gates()) {
            Index gates = 0, cells = 0;
            for (const DirectionRun<T> &r : call.runs_) {
                const Index rows = std::min(map_.steps, r.segment) * N;
                gates = std::max(gates, rows * r.gates_row);
                cells = std::max(cells, rows * r.padded);
            }
            place(segment_gates_, gates);
            place(segment_y_, N, H);
            if (!call.keeps_cells())
                place(segment_c_, cells);
        }
        if (inner)
            for (T *&buffer : inner_)
                place(buffer, R, inner);
    }
}

template <class T> Index LstmBackward<T>::chunk_rows() const {
    Index steps = 0;
    for (const DirectionRun<T> &r : call_.runs_)
        steps = std::max(steps, std::min(r.chunk, map_.steps));
    return steps * map_.N;
}

template <class T> void LstmBackward<T>::run() {
    if (arrays_.dx)
        map_.clear_padding(arrays_.dx, arrays_.dx_n, arrays_.dx_t, config_.input_size);
    run_team(
        plan_.threads, 2 * call_.flops_ / kFlopsASecond,
        [](void *self, int thread, int team) {
            static_cast<LstmBackward *>(self)->thread_body(thread, team);
        },
        this);
}

template <class T> void LstmBackward<T>::thread_body(int thread, int team) {
    const int D = config_.directions();
    Barrier &barrier = call_.team_barrier_;
    Laps laps;
    const auto meet = [&] {
        barrier.wait(team);
        laps.lap(Phase::Wait);
    };
    const int top = config_.layers() - 1;
    T *scratch = scratch_masks_[static_cast<std::size_t>(thread)];
    if (arrays_.dy && call_.drops(top)) {
        const Activations<const T> dy{arrays_.dy, arrays_.dy_n, arrays_.dy_t, 0};
        call_.drop(top, dy, top_dy(), 0, map_.steps, thread, team, scratch);
        laps.lap(Phase::Dropout);
    }
    for (int l = top; l >= 0; --l) {
        if (thread == 0)
            prepare_layer(l);
        laps.lap(Phase::Prepare);
        meet();
        for (int d = 0; d < D; ++d) {
            Share share;
            if (make_share(plan_, map_, D, d, thread, team, share))
                direction(l, d, share, laps);
            if (!call_.keeps_gates())
                meet(); // the next direction takes the same memory and adds to dx
        }
        meet();
        if (D == 2 && call_.keeps_gates() && gradients_[0].dx_wanted)
            for (int d = 0; d < D; ++d) { // in turn: both write the same rows
                input_product(l, d, window(call_.run(l, d), 0), 0, map_.rows(), team, thread);
                laps.lap(Phase::Dx);
                meet();
            }
        if (call_.drops(l - 1) && dx_.base) { // forward's masks again
            call_.drop(l - 1, dx_, dx_, 0, map_.steps, thread, team, scratch);
            laps.lap(Phase::Dropout);
            meet();
        }
        if (call_.masks_.rates().weight > 0) {
            add_dropped(l, thread, team);
            meet(); // the next layer takes the same memory
        }
        if (thread == 0)
            states_out(l);
        laps.lap(Phase::Prepare);
    }
}

// Row addresses and the gradients that come from outside: dy and the final states.
template <class T> void LstmBackward<T>::prepare_layer(int layer) {
    const int L = config_.layers(), D = config_.directions();
    const auto parity = static_cast<std::size_t>(layer & 1);
    if (layer + 1 < L)
        dy_ = {inner_[1 - parity], 0, 0, config_.input(layer + 1)};
    else if (arrays_.dy && call_.drops(layer))
        dy_ = top_dy();
    else
        dy_ = {arrays_.dy, arrays_.dy_n, arrays_.dy_t, 0};
    dx_ = layer == 0 ? Activations<T>{arrays_.dx, arrays_.dx_n, arrays_.dx_t, 0}
                     : Activations<T>{inner_[parity], 0, 0, config_.input(layer)};
    const T *dhn = arrays_.dhn, *dcn = arrays_.dcn;
    for (int l = 0; l < layer; ++l) {
        dhn += dhn ? D * map_.N * config_.state(l) : 0;
        dcn += dcn ? D * map_.N * config_.units(l) : 0;
    }
    for (int d = 0; d < D; ++d) {
        const DirectionRun<T> &r = call_.run(layer, d);
        DirectionGradients<T> &g = gradients_[static_cast<std::size_t>(d)];
        g.dh_stride = round_up(r.K, k_.width);
        g.dy_wanted = dy_.base != nullptr;
        g.dx_wanted = dx_.base != nullptr;
        for (Index s = 0; s < map_.steps; ++s)
            for (Index b = 0; b < map_.active(s); ++b) {
                const Index t = map_.time(d, s, b), row = map_.row(s) + b;
                if (g.dy_wanted)
                    g.dy[row] = dy_.at(map_, b, t) + d * r.K;
                if (g.dx_wanted)
                    g.dx[row] = dx_.at(map_, b, t);
            }
        for (Index b = 0; b < map_.N; ++b) {
            const Index n = map_.order[static_cast<std::size_t>(b)];
            T *dh = g.dh + b * g.dh_stride, *dc = g.dc + b * r.padded;
            std::fill(dh, dh + g.dh_stride, T(0));
            std::fill(dc, dc + r.padded, T(0));
            if (dhn)
                std::copy(dhn + n * r.K, dhn + (n + 1) * r.K, dh);
            if (dcn)
                std::copy(dcn + n * r.H, dcn + (n + 1) * r.H, dc);
        }
        if (config_.projection)
            std::fill(g.dm, g.dm + map_.N * r.padded, T(0));
        if (g.dnorm)
            std::fill(g.dnorm, g.dnorm + norm_groups() * norm_sum_size(r.columns, r.padded),
                      T(0));
        if (g.dw_hh)
            std::fill(g.dw_hh, g.dw_hh + config_.cell.gates() * r.H * r.K, T(0));
        dhn += dhn ? map_.N * r.K : 0;
        dcn += dcn ? map_.N * r.H : 0;
    }
}

template <class T>
void LstmBackward<T>::direction(int layer, int d, const Share &share, Laps &laps) {
    const DirectionRun<T> &r = call_.run(layer, d);
    const DirectionGradients<T> &g = gradients_[static_cast<std::size_t>(d)];
    const auto slot = static_cast<std::size_t>(layer * config_.directions() + d);
    const DirectionLayout &at = call_.weights_.layout().directions[slot];
    Barrier &barrier = call_.group_barrier_[static_cast<std::size_t>(d)];
    const bool kept = call_.keeps_gates();
    const bool dx_now = g.dx_wanted && (config_.directions() == 1 || !kept);
    const auto meet = [&] {
        barrier.wait(share.members);
        laps.lap(Phase::Wait);
    };
    const bool normal = config_.norm.kind != Normalization::None;
    Index s1 = map_.steps;
    bool second = false; // every other chunk has the other half of dh_rows and m_rows
    while (s1 > 0) { // segments, the last one first
        const Index begin = std::max<Index>(0, s1 - r.segment);
        Window<T> at_hand = window(r, begin);
        if (!kept) {
            recompute(r, share, at_hand, s1);
            laps.lap(Phase::Step);
        }
        while (s1 > begin) {
            const Index s0 = std::max(begin, s1 - r.chunk);
            at_hand.chunk_from = map_.row(s0) - (second ? chunk_rows() : 0);
            second = !second;
            for (Index s = s1 - 1; s >= s0; --s)
                step(r, g, at_hand, share, s, (*set_)[slot], laps);
            meet();
            const Index row0 = map_.row(s0), row1 = map_.row(s1);
            if (config_.cell.peephole && !normal)
                peephole_sums(r, g, at, at_hand, share, s0, s1);
            weight_products(r, g, at, at_hand, share, row0, row1);
            laps.lap(Phase::Weights);
            if (dx_now) {
                input_product(layer, d, at_hand, row0, row1, share.members, share.index);
                laps.lap(Phase::Dx);
            }
            s1 = s0;
        }
        if (!kept)
            meet(); // the next segment takes the same memory
    }
    if (normal)
        add_norms(r, g, at, share);
}

// The gradient of W_hh is that of the dropped weights under the same mask.
template <class T> void LstmBackward<T>::add_dropped(int layer, int part, int parts) {
    for (int d = 0; d < config_.directions(); ++d) {
        const DirectionRun<T> &r = call_.run(layer, d);
        const auto slot = static_cast<std::size_t>(r.slot);
        T *to = arrays_.grads + call_.weights_.layout().directions[slot].weight_hh;
        Index begin, end;
        split(config_.cell.gates() * r.H, parts, part, begin, end);
        for (Index row = begin; row < end; ++row) {
            T *from = gradients_[static_cast<std::size_t>(d)].dw_hh + row * r.K;
            call_.masks_.weight_row(r.slot, row, r.K, from, from);
            for (Index k = 0; k < r.K; ++k)
                to[row * r.K + k] += from[k];
        }
    }
}

template <class T> void LstmBackward<T>::states_out(int layer) {
    const int D = config_.directions();
    T *dh0 = arrays_.dh0, *dc0 = arrays_.dc0;
    for (int l = 0; l < layer; ++l) {
        dh0 += dh0 ? D * map_.N * config_.state(l) : 0;
        dc0 += dc0 ? D * map_.N * config_.units(l) : 0;
    }
    for (int d = 0; d < D; ++d) {
        const DirectionRun<T> &r = call_.run(layer, d);
        const DirectionGradients<T> &g = gradients_[static_cast<std::size_t>(d)];
        for (Index b = 0; b < map_.N; ++b) {
            const Index n = map_.order[static_cast<std::size_t>(b)];
            const T *dh = g.dh + b * g.dh_stride, *dc = g.dc + b * r.padded;
            if (dh0)
                std::copy(dh, dh + r.K, dh0 + n * r.K);
            if (dc0)
                std::copy(dc, dc + r.H, dc0 + n * r.H);
        }
        dh0 += dh0 ? map_.N * r.K : 0;
        dc0 += dc0 ? map_.N * r.H : 0;
    }
}

template <class T> void LstmCall<T>::backward(const BackwardArrays<T> &arrays) {
    LstmBackward<T>(*this, arrays).run();
}

template void LstmCall<float>::backward(const BackwardArrays<float> &);
template void LstmCall<double>::backward(const BackwardArrays<double> &);

} // namespace fastlstm
