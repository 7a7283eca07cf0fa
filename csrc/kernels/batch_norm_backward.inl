// Recurrent batch normalisation on the way back, in stages like the step: sums over all rows
// stand between what a cell shows, its gates, and their sums of x and h.

template <class T, int N> FASTLSTM_INLINE void add_all(VecOf<T> &to, Many<T, N> v) {
    for (int j = 0; j < N; ++j)
        to = to + v.v[j];
}
// A group's sum of a step, kept for the merges, and added to that of all steps.
template <class T> FASTLSTM_INLINE void keep_sum(T *part, T *all, VecOf<T> sum) {
    store<T>(part, sum);
    store<T>(all, load<T>(all) + sum);
}
template <class T>
FASTLSTM_INLINE void merge_sums(const NormBackwardArgs<T> &a, Index slot, Index at,
                                Index columns) {
    const RowGroups<T> &g = a.norm.groups;
    for (int i = 0; i < g.own_merges; ++i) {
        T *into = a.norm.parts + g.own[i].into * slot;
        const T *from = a.norm.parts + g.own[i].from * slot;
        for (Index k = at; k < at + columns; k += Simd<T>::W)
            store<T>(into + k, load<T>(into + k) + load<T>(from + k));
    }
}
// The sum of all rows in one vector of columns, over the number of rows.
template <class T>
FASTLSTM_INLINE VecOf<T> mean_of_sums(const NormBackwardArgs<T> &a, Index slot, Index k) {
    const RowGroups<T> &g = a.norm.groups;
    VecOf<T> sum[kMostGroups];
    for (int i = 0; i < g.nodes; ++i)
        sum[i] = load<T>(a.norm.parts + g.node[i] * slot + k);
    for (int i = 0; i < g.merges; ++i)
        sum[g.merge[i].into] = sum[g.merge[i].into] + sum[g.merge[i].from];
    return sum[0] * splat<T>(T(1.0 / double(g.active)));
}

// What a thread knows of a step backward, in norm.total.
template <class T> struct BatchTotal {
    T *sum, *along_x, *along_h;    // gate columns: means of dz, dz normal x, dz normal h
    T *factor_x, *factor_h;        // gain times scale
    T *scale_c, *sum_c, *along_c;  // padded: means of gain_c da, gain_c da normal c
    const T *mean_c;

    explicit BatchTotal(const NormBackwardArgs<T> &a) {
        const Index G = columns_of<T>(a.cell.hidden), padded = padded_of<T>(a.cell.hidden);
        sum = a.norm.total;
        along_x = sum + G;
        along_h = along_x + G;
        factor_x = along_h + G;
        factor_h = factor_x + G;
        scale_c = factor_h + G;
        sum_c = scale_c + padded;
        along_c = sum_c + padded;
        mean_c = a.norm.statistics + batch_statistics(4, G, padded);
    }
};

template <class T, int N>
FASTLSTM_INLINE NormPlace<T, N> batch_place(const BatchTotal<T> &t, Index row, Index unit) {
    NormPlace<T, N> p;
    for (int j = 0; j < N; ++j) {
        p.row[j] = row + j;
        p.unit[j] = unit;
        p.mean.v[j] = load<T>(t.mean_c + unit);
        p.scale.v[j] = load<T>(t.scale_c + unit);
    }
    return p;
}

// Stage 0: gradients of what the cells show.
template <class T>
FASTLSTM_INLINE void batch_shown_backward(const NormBackwardArgs<T> &a, BatchTotal<T> t) {
    constexpr int W = Simd<T>::W;
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(s.hidden), padded = padded_of<T>(s.hidden);
    const Index slot = norm_sum_size(G, padded);
    for (Index k = 0; k < G; k += W) {
        const VecOf<T> scale_x = scale_of<T>(load<T>(n.statistics + G + k));
        const VecOf<T> scale_h = scale_of<T>(load<T>(n.statistics + 3 * G + k));
        store<T>(t.factor_x + k, load<T>(n.gain_ih + k) * scale_x);
        store<T>(t.factor_h + k, load<T>(n.gain_hh + k) * scale_h);
    }
    for (Index unit = 0; unit < padded; unit += W)
        store<T>(t.scale_c + unit, scale_of<T>(load<T>(t.mean_c + padded + unit)));
    for_groups<T>(a.norm.groups, [&](Index group, Index first, Index end) {
        for (Index unit = 0; unit < s.hidden; unit += Simd<T>::W) {
            VecOf<T> sum = {}, product = {};
            for_row_groups(end - first, [&](Index row, auto rows) {
                constexpr int N = decltype(rows)::value;
                const auto p = batch_place<T, N>(t, first + row, unit);
                for (const Index r : p.row)
                    if (r + N < s.rows) {
                        fetch_gates(s, r + N, unit);
                        fetch_cell(s, r + N, unit);
                    }
                Many<T, N> da, normal;
                show_backward(a, p, da, normal);
                add_all<T>(sum, da);
                add_all<T>(product, da * normal);
            });
            T *part = a.norm.parts + group * slot + 3 * G + unit;
            T *all = a.sums + group * slot + 3 * G + unit;
            keep_sum<T>(part, all, product);
            keep_sum<T>(part + padded, all + padded, sum);
        }
    });
    merge_sums(a, slot, 3 * G, 2 * padded);
}

// Stage 1: through the cells, to the gradients of z, and their sums along the columns.
template <class T>
FASTLSTM_INLINE void batch_cells_backward(const NormBackwardArgs<T> &a, BatchTotal<T> t) {
    constexpr int W = Simd<T>::W;
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(s.hidden), padded = padded_of<T>(s.hidden);
    const Index slot = norm_sum_size(G, padded);
    for (Index unit = 0; unit < s.hidden; unit += W) {
        const VecOf<T> gain = load<T>(n.gain_c + unit);
        store<T>(t.along_c + unit, gain * mean_of_sums(a, slot, 3 * G + unit));
        store<T>(t.sum_c + unit, gain * mean_of_sums(a, slot, 3 * G + padded + unit));
    }
    for_groups<T>(n.groups, [&](Index group, Index first, Index end) {
        T *all = a.sums + group * slot, *part = n.parts + group * slot;
        for_row_groups(end - first, [&](Index row, auto rows) {
            constexpr int N = decltype(rows)::value;
            for (Index unit = 0; unit < s.hidden; unit += W) {
                const auto p = batch_place<T, N>(t, first + row, unit);
                Many<T, N> sum, along;
                T *to[N];
                for (int j = 0; j < N; ++j) {
                    sum.v[j] = load<T>(t.sum_c + unit);
                    along.v[j] = load<T>(t.along_c + unit);
                    to[j] = all;
                    fetch<T>(n.x + p.row[j] * n.stride + unit * 4, 4 * W);
                    fetch_to_write<T>(n.h + p.row[j] * n.stride + unit * 4, 4 * W);
                }
                forget_cells<T, N>(a, p, sum, along, to);
            }
        });
        for_columns<T>(G, [&](Index k, auto vectors) {
            constexpr int V = decltype(vectors)::value;
            VecOf<T> sum[V] = {}, along_x[V] = {}, along_h[V] = {};
            for (Index r = first; r < end; ++r)
                for (int v = 0; v < V; ++v) {
                    const Index at = r * n.stride + k + v * W;
                    const VecOf<T> dz = load<T>(s.gates + at);
                    sum[v] = sum[v] + dz;
                    along_x[v] = mul_add(dz, load<T>(n.x + at), along_x[v]);
                    along_h[v] = mul_add(dz, load<T>(n.h + at), along_h[v]);
                }
            for (int v = 0; v < V; ++v) {
                const Index at = k + v * W;
                keep_sum<T>(part + at, all + at, along_x[v]);
                keep_sum<T>(part + G + at, all + G + at, along_h[v]);
                keep_sum<T>(part + 2 * G + at, all + 2 * G + at, sum[v]);
            }
        });
    });
    merge_sums(a, slot, 0, 3 * G);
}

// Stage 2: gradients of z to those of the sums of x and of h.
template <class T>
FASTLSTM_INLINE void batch_sums_backward(const NormBackwardArgs<T> &a, BatchTotal<T> t) {
    constexpr int W = Simd<T>::W;
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(s.hidden), slot = norm_sum_size(G, padded_of<T>(s.hidden));
    for (Index k = 0; k < G; k += W) {
        store<T>(t.along_x + k, mean_of_sums(a, slot, k));
        store<T>(t.along_h + k, mean_of_sums(a, slot, G + k));
        store<T>(t.sum + k, mean_of_sums(a, slot, 2 * G + k));
    }
    for (Index r = 0; r < s.rows; ++r)
        for (Index k = 0; k < G; k += W) {
            const Index at = r * n.stride + k;
            const VecOf<T> d = load<T>(s.gates + at) - load<T>(t.sum + k);
            const VecOf<T> x = d - load<T>(n.x + at) * load<T>(t.along_x + k);
            const VecOf<T> h = d - load<T>(n.h + at) * load<T>(t.along_h + k);
            store<T>(s.gates + at, load<T>(t.factor_x + k) * x);
            store<T>(n.h + at, load<T>(t.factor_h + k) * h);
        }
}

template <class T> void batch_norm_backward(const NormBackwardArgs<T> &a) {
    const BatchTotal<T> total(a);
    if (a.stage == 0)
        batch_shown_backward(a, total);
    else if (a.stage == 1)
        batch_cells_backward(a, total);
    else
        batch_sums_backward(a, total);
}
