// Back-propagation through time, as each thread of a call runs it.
//
// Design: a chunk of steps is walked backwards, the sequential part first (pointwise
// gradients and dh = dz W_hh), then what has no order in time, merged over the chunk:
// dW += dz^T [x, h], db += sum dz and dx = dz W_ih. dz replaces the gates in place.
// Every element of dW is summed by one thread, in runs of kOuterRun rows, so gradients
// do not depend on the number of threads.
#include "kernels/dispatch.h"
#include "nn/lstm.h"

namespace fastlstm {

// The gradient of one packed weight, as one thread accumulates its part of it.
template <class T> struct PackedGradient {
    T *data = nullptr;
    Index K = 0, N = 0;
};

template <class T> struct DirectionGradients {
    PackedGradient<T> w_ih, w_hh, bias, w_hr;
    bool dy_wanted = false, dx_wanted = false;
    Index dh_stride = 0;   // K' = K padded to W
    T *dh = nullptr;       // (N, K') gradient of the hidden state from the next step
    T *dc = nullptr;       // (N, H')
    T *dm = nullptr;       // (N, H') with a projection: gradient of o tanh(c)
    T *dh_rows = nullptr;  // (R, K') with a projection: gradient of every h
    T *m_rows = nullptr;   // (R, H') with a projection: o tanh(c)
    const T **dy = nullptr; // (R,) rows of K, where dy_wanted
    T **dx = nullptr;       // (R,) rows of I, where dx_wanted
};

namespace {

// Part `part` of the (panels x K) plane of a packed gradient: whole panels where there
// are enough, else tiles of rows.
struct Patch {
    Index panel_begin, panel_end, k_begin, k_end;
};
Patch patch(Index K, Index panels, int parts, int part) {
    constexpr Index kTile = 6;
    Patch p{0, panels, 0, K};
    if (panels >= 2 * parts || K < kTile * parts) {
        split(panels, parts, part, p.panel_begin, p.panel_end);
    } else {
        split((K + kTile - 1) / kTile, parts, part, p.k_begin, p.k_end);
        p.k_begin *= kTile;
        p.k_end = std::min(K, p.k_end * kTile);
    }
    return p;
}

// Calls f(element of the packed gradient, k, n) for a patch.
template <class T, class F>
void for_patch(const PackedGradient<T> &g, const Patch &p, Index width, F &&f) {
    for (Index panel = p.panel_begin; panel < p.panel_end; ++panel) {
        const Index column = panel * 4 * width;
        const Index lanes = std::min(4 * width, round_up(g.N, width) - column);
        // Squares of 16, since one side is read and the other written across.
        for (Index k0 = p.k_begin; k0 < p.k_end; k0 += 16)
            for (Index n = 0; n < lanes; ++n)
                for (Index k = k0; k < std::min(p.k_end, k0 + 16); ++k)
                    f(g.data[column * g.K + k * lanes + n], k, column + n);
    }
}

// grads[row(n) * K + k] += packed(k, n) for the gate-packed gradients.
template <class T>
void add_gates(T *grads, const PackedGradient<T> &g, const Patch &p, Index H, Index W) {
    for_patch(g, p, W, [&](T &value, Index k, Index n) {
        if (const Index row = gate_row(n, H, W); row >= 0)
            grads[row * g.K + k] += value;
    });
}

// What one thread owns of each gradient of a direction.
struct Patches {
    Patch w_ih, w_hh, bias, w_hr;

    template <class T>
    Patches(const DirectionGradients<T> &g, Index width, const Share &share) {
        const auto own = [&](const PackedGradient<T> &p) {
            return patch(p.K, panels_of(p.N, width), share.members, share.index);
        };
        w_ih = own(g.w_ih);
        w_hh = own(g.w_hh);
        bias = own(g.bias);
        w_hr = own(g.w_hr);
    }
    template <class T> void clear(const DirectionGradients<T> &g, Index width) const {
        const auto zero = [](T &value, Index, Index) { value = T(0); };
        for_patch(g.w_ih, w_ih, width, zero);
        for_patch(g.w_hh, w_hh, width, zero);
        for_patch(g.bias, bias, width, zero);
        if (g.w_hr.data)
            for_patch(g.w_hr, w_hr, width, zero);
    }
};

template <class T>
void outer_patch(const Kernels<T> &kernels, const PackedGradient<T> &g, const Patch &p,
                 Rows<const T> a, const T *b, Index b_stride, Index rows) {
    OuterArgs<T> o;
    o.R = rows;
    o.K = g.K;
    o.N = g.N;
    o.a = a;
    o.b = b;
    o.b_stride = b_stride;
    o.c = g.data;
    o.k_begin = p.k_begin;
    o.k_end = p.k_end;
    o.panel_begin = p.panel_begin;
    o.panel_end = p.panel_end;
    kernels.outer(o);
}

} // namespace

template <class T> class LstmBackward {
  public:
    LstmBackward(LstmCall<T> &call, const BackwardArrays<T> &arrays);
    void run();

  private:
    void thread_body(int thread, int team);
    void prepare_layer(int layer);
    void direction(int layer, int d, const Share &share);
    void step(const DirectionRun<T> &r, const DirectionGradients<T> &g, const Share &share,
              Index s, const BackwardWeights<T> &w);
    void weight_products(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                         const Patches &patches, Index row0, Index row1);
    void input_product(int layer, int d, Index row0, Index row1, int parts, int part);
    void states_out(int layer);
    void drop_layer(int layer, int thread, int team);

    LstmCall<T> &call_;
    const LstmConfig &config_;
    const SequenceMap &map_;
    const BackwardArrays<T> arrays_;
    const Kernels<T> &k_;
    typename LstmWeights<T>::BackwardSet set_;
    Arena arena_;
    std::array<DirectionGradients<T>, 2> gradients_;
    Activations<const T> dy_; // of the layer at hand
    Activations<T> dx_;
    std::array<T *, 2> inner_ = {nullptr, nullptr}; // dx of a layer is dy of the one below
};

template <class T>
LstmBackward<T>::LstmBackward(LstmCall<T> &call, const BackwardArrays<T> &arrays)
    : call_(call), config_(call.config_), map_(call.map_), arrays_(arrays), k_(kernels<T>()),
      set_(call.weights_.backward(call.flat_, call.version_)), arena_(call.pool_) {
    const Index W = k_.width, N = map_.N, R = map_.rows();
    const int L = config_.layers(), D = config_.directions();
    Index I = 0, K = 0, H = 0, inner = 0;
    for (int l = 0; l < L; ++l) {
        I = std::max(I, config_.input(l));
        K = std::max(K, config_.state(l));
        H = std::max(H, round_up(config_.units(l), W));
        if (l)
            inner = std::max(inner, config_.input(l));
    }
    const Index padded_k = round_up(K, W);
    for (Placer place(arena_); place.next_pass();) {
        for (int d = 0; d < D; ++d) {
            DirectionGradients<T> &g = gradients_[static_cast<std::size_t>(d)];
            place(g.w_ih.data, I, 4 * H);
            place(g.w_hh.data, K, 4 * H);
            place(g.bias.data, 4 * H);
            place(g.dh, N, padded_k);
            place(g.dc, N, H);
            if (config_.projection) {
                place(g.w_hr.data, K, H);
                place(g.dm, N, H);
                place(g.dh_rows, R, padded_k);
                place(g.m_rows, R, H);
            }
            place(g.dy, R);
            place(g.dx, R);
        }
        if (L > 1)
            for (T *&buffer : inner_)
                place(buffer, R, inner);
    }
}

template <class T> void LstmBackward<T>::run() {
    if (arrays_.dx)
        map_.clear_padding(arrays_.dx, arrays_.dx_n, arrays_.dx_t, config_.input_size);
    run_team(
        call_.plan_.threads,
        [](void *self, int thread, int team) {
            static_cast<LstmBackward *>(self)->thread_body(thread, team);
        },
        this);
}

template <class T> void LstmBackward<T>::thread_body(int thread, int team) {
    const int D = config_.directions();
    Barrier &barrier = call_.team_barrier_;
    for (int l = config_.layers() - 1; l >= 0; --l) {
        if (thread == 0)
            prepare_layer(l);
        barrier.wait(team);
        for (int d = 0; d < D; ++d) {
            Share share;
            if (make_share(call_.plan_, D, d, thread, team, share))
                direction(l, d, share);
        }
        barrier.wait(team);
        if (D == 2 && gradients_[0].dx_wanted)
            for (int d = 0; d < D; ++d) { // in turn: both write the same rows
                input_product(l, d, 0, map_.rows(), team, thread);
                barrier.wait(team);
            }
        if (l > 0 && call_.arrays_.dropout > 0) {
            drop_layer(l, thread, team);
            barrier.wait(team);
        }
        if (thread == 0)
            states_out(l);
    }
}

// Row addresses and the gradients that come from outside: dy and the final states.
template <class T> void LstmBackward<T>::prepare_layer(int layer) {
    const int L = config_.layers(), D = config_.directions();
    const auto parity = static_cast<std::size_t>(layer & 1);
    dy_ = layer + 1 == L
              ? Activations<const T>{arrays_.dy, arrays_.dy_n, arrays_.dy_t, 0}
              : Activations<const T>{inner_[1 - parity], 0, 0, config_.input(layer + 1)};
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
        g.w_ih.K = r.I;
        g.w_hh.K = r.K;
        g.bias.K = 1;
        g.w_ih.N = g.w_hh.N = g.bias.N = 4 * r.padded;
        g.w_hr.K = r.K;
        g.w_hr.N = r.H;
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
        dhn += dhn ? map_.N * r.K : 0;
        dcn += dcn ? map_.N * r.H : 0;
    }
}

template <class T>
void LstmBackward<T>::direction(int layer, int d, const Share &share) {
    const DirectionRun<T> &r = call_.run(layer, d);
    const DirectionGradients<T> &g = gradients_[static_cast<std::size_t>(d)];
    const auto slot = static_cast<std::size_t>(layer * config_.directions() + d);
    const DirectionLayout &at = call_.weights_.layout().directions[slot];
    Barrier &barrier = call_.group_barrier_[static_cast<std::size_t>(d)];
    const Index W = k_.width;
    const Patches patches(g, W, share);
    patches.clear(g, W);
    // Long enough to fill a run of the outer product, short enough to stay in cache.
    const Index chunk = std::max((kOuterRun + map_.N - 1) / map_.N,
                                 chunk_steps(map_.N, 4 * r.padded * Index(sizeof(T))));
    const bool dx_now = config_.directions() == 1 && g.dx_wanted;
    for (Index s1 = map_.steps; s1 > 0; s1 -= std::min(chunk, s1)) {
        const Index s0 = std::max<Index>(0, s1 - chunk);
        for (Index s = s1 - 1; s >= s0; --s)
            step(r, g, share, s, set_->directions[slot]);
        if (share.members > 1)
            barrier.wait(share.members);
        weight_products(r, g, patches, map_.row(s0), map_.row(s1));
        if (dx_now)
            input_product(layer, d, map_.row(s0), map_.row(s1), share.members, share.index);
    }
    T *grads = arrays_.grads;
    add_gates(grads + at.weight_ih, g.w_ih, patches.w_ih, r.H, W);
    add_gates(grads + at.weight_hh, g.w_hh, patches.w_hh, r.H, W);
    if (at.bias >= 0)
        add_gates(grads + at.bias, g.bias, patches.bias, r.H, W);
    if (at.weight_hr >= 0)
        for_patch(g.w_hr, patches.w_hr, W, [&](T &value, Index p, Index h) {
            if (h < r.H)
                grads[at.weight_hr + p * r.H + h] += value;
        });
}

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
        set_->directions[static_cast<std::size_t>(layer * config_.directions() + d)];
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

// The masks of the forward pass again, on the gradient of this layer's input.
template <class T> void LstmBackward<T>::drop_layer(int layer, int thread, int team) {
    call_.drop(layer - 1, dx_, dx_, thread, team);
}

template <class T> void LstmCall<T>::backward(const BackwardArrays<T> &arrays) {
    LstmBackward<T>(*this, arrays).run();
}

template void LstmCall<float>::backward(const BackwardArrays<float> &);
template void LstmCall<double>::backward(const BackwardArrays<double> &);

} // namespace fastlstm
