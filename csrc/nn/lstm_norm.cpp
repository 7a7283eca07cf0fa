// Normalised cells in the time loop: products first, then what needs all of a row or step.
#include "kernels/dispatch.h"
#include "nn/lstm.h"
#include "nn/row_groups.h"

namespace fastlstm {

// What batch normalisation knows of a step; for inference then a step's sums of h, its gates,
// and statistics of rows.
template <class T> Index LstmCall<T>::norm_scratch() const {
    if (config_.norm.kind == Normalization::None)
        return 0;
    Index row = 0, padded = 0;
    for (const DirectionRun<T> &r : runs_) {
        row = std::max(row, r.gates_row);
        padded = std::max(padded, r.padded);
    }
    return batch_total_size(row, padded) +
           (keeps_gates() ? 0 : map_.N * (2 * row + kLayerStatistics));
}

template <class T>
NormArgs<T> LstmCall<T>::norm_of(const DirectionRun<T> &r, const Share &share, Index s) const {
    const Index row = map_.row(s) + share.first_row;
    NormArgs<T> n = norm_weights(config_, *r.w, r.H);
    n.stride = r.gates_row;
    const bool by_row = config_.norm.kind == Normalization::Layer;
    if (r.statistics)
        n.statistics = r.statistics + (by_row ? row : s) * r.statistics_row;
    if (keeps_gates()) {
        n.x = r.x_norm + row * r.gates_row;
        n.h = r.h_norm + row * r.gates_row;
    }
    n.given = !arrays_.learns;
    if (!n.given && !by_row)
        n.groups = row_groups<T>(share, plan_.grain, map_.active(s));
    return n;
}

template <class T>
void LstmCall<T>::norm_step(StepArgs<T> &a, const DirectionRun<T> &r, const Share &share,
                            Index s, T *x_sums, T *scratch, Laps &laps) {
    NormArgs<T> n = norm_of(r, share, s);
    n.parts = r.parts;
    n.total = n.given ? n.statistics : scratch;
    scratch += batch_total_size(r.columns, r.padded);
    if (!keeps_gates()) {
        n.x = x_sums;
        n.h = scratch;
        a.gates = scratch + map_.N * r.gates_row;
        if (!n.statistics)
            n.statistics = scratch + 2 * map_.N * r.gates_row;
    }
    const Kernels<T> &k = kernels<T>();
    GemmArgs<T> g;
    g.M = a.rows;
    g.K = a.K;
    g.N = r.columns;
    g.a = a.h;
    g.b = a.w_hh;
    g.c = {n.h, r.gates_row, nullptr, 1};
    g.panel_begin = a.block_begin;
    g.panel_end = a.block_end;
    k.gemm(g);
    // Zoneout looks at the hidden state itself, which no mask is on: nn/combinations.py.
    if (config_.norm.kind == Normalization::Layer)
        return k.layer_norm_step({a, n});
    Barrier &barrier = group_barrier_[static_cast<std::size_t>(share.group)];
    for (int stage = n.given ? 1 : 0; stage < kBatchStages; ++stage) {
        k.batch_norm_step({a, n, stage});
        if (n.given || stage + 1 == kBatchStages)
            continue;
        laps.lap(Phase::Step);
        barrier.wait(share.members);
        laps.lap(Phase::Wait);
    }
}

template <class T> void LstmCall<T>::running_statistics() {
    const LstmLayout &layout = weights_.layout();
    for (DirectionRun<T> &r : runs_)
        read_statistics(layout.directions[static_cast<std::size_t>(r.slot)], config_, r.H, flat_,
                        map_.steps, kernels<T>().width, r.statistics);
}

// A step with one row says nothing about a variance: it is left out, with all that follow,
// since rows never become more.
template <class T>
void LstmCall<T>::learn(int layer, int d, T *const (&running)[6], T &seen, double momentum) const {
    const DirectionRun<T> &r = run(layer, d);
    const GatesOf gates{r.H, config_.cell.coupled};
    const Index W = kernels<T>().width, rows = config_.cell.gates() * r.H;
    const T share = static_cast<T>(momentum);
    Index s = 0;
    for (; s < std::min(map_.steps, config_.norm.steps) && map_.active(s) > 1; ++s) {
        const double n = static_cast<double>(map_.active(s));
        for (int part = 0; part < 6; ++part) {
            const T unbiased = static_cast<T>(part % 2 ? n / (n - 1) : 1);
            const T *own = r.statistics + s * r.statistics_row +
                           batch_statistics(part, r.columns, r.padded);
            T *to = running[part] + s * (part < 4 ? rows : r.H);
            const Index size = part < 4 ? r.columns : r.H;
            for (Index k = 0; k < size; ++k) {
                const Index at = part < 4 ? gate_row(k, gates, W) : k;
                if (at >= 0)
                    to[at] += share * (own[k] * unbiased - to[at]);
            }
        }
    }
    seen = std::max(seen, static_cast<T>(s));
}

#define FASTLSTM_INSTANTIATE(T)                                                                \
    template Index LstmCall<T>::norm_scratch() const;                                          \
    template NormArgs<T> LstmCall<T>::norm_of(const DirectionRun<T> &, const Share &, Index)   \
        const;                                                                                 \
    template void LstmCall<T>::norm_step(StepArgs<T> &, const DirectionRun<T> &,               \
                                         const Share &, Index, T *, T *, Laps &);              \
    template void LstmCall<T>::running_statistics();                                           \
    template void LstmCall<T>::learn(int, int, T *const(&)[6], T &, double) const;
FASTLSTM_INSTANTIATE(float)
FASTLSTM_INSTANTIATE(double)
#undef FASTLSTM_INSTANTIATE

} // namespace fastlstm
