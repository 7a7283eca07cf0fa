// Gradients of one direction while a backward call accumulates them: packed as the
// kernels write them, each part owned by one thread, added to the flat gradient at last.
#pragma once

#include "kernels/kernels.h"
#include "nn/packed.h"
#include "nn/plan.h"

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

// Part `part` of the (panels x K) plane of a packed gradient: whole panels where there
// are enough, else tiles of rows.
struct Patch {
    Index panel_begin, panel_end, k_begin, k_end;
};
inline Patch patch(Index K, Index panels, int parts, int part) {
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

} // namespace fastlstm
