// Recurrent batch normalisation: moments over the rows of a step, each unit for itself. Rows
// belong to groups (RowGroups), V vectors of columns are summed side by side.

// Calls each(k, V) for the columns [0, columns), V vectors from k on, an integral constant.
template <class T, class F> FASTLSTM_INLINE void for_columns(Index columns, F each) {
    constexpr int W = Simd<T>::W;
    Index k = 0;
    for (; k + 4 * W <= columns; k += 4 * W)
        each(k, std::integral_constant<int, 4>());
    for (; k < columns; k += W)
        each(k, std::integral_constant<int, 1>());
}
// Calls each(group, first row, end) for this thread's groups that have rows, which are counted
// from the thread's own first.
template <class T, class F> FASTLSTM_INLINE void for_groups(const RowGroups<T> &g, F each) {
    for (Index group = g.begin; group < g.end; ++group) {
        const Index first = group * g.size, left = g.active - first;
        if (left > 0)
            each(group, first - g.begin * g.size,
                 first - g.begin * g.size + (left < g.size ? left : g.size));
    }
}

// Mean and sum of squared deviations of a group's rows.
template <class T, int V>
FASTLSTM_INLINE void group_moments(const T *x, Index stride, Index rows, T *to_mean, T *to_sum) {
    constexpr int W = Simd<T>::W;
    const VecOf<T> share = splat<T>(T(1.0 / double(rows)));
    VecOf<T> mean[V] = {}, sum[V] = {};
    for (Index r = 0; r < rows; ++r)
        for (int v = 0; v < V; ++v)
            mean[v] = mean[v] + load<T>(x + r * stride + v * W);
    for (int v = 0; v < V; ++v)
        mean[v] = mean[v] * share;
    for (Index r = 0; r < rows; ++r)
        for (int v = 0; v < V; ++v) {
            const VecOf<T> d = load<T>(x + r * stride + v * W) - mean[v];
            sum[v] = mul_add(d, d, sum[v]);
        }
    for (int v = 0; v < V; ++v) {
        store<T>(to_mean + v * W, mean[v]);
        store<T>(to_sum + v * W, sum[v]);
    }
}
// Moments of two sets of rows to those of both (Chan, Golub & LeVeque 1983, equation 2.1).
template <class T>
FASTLSTM_INLINE void merge_moments(VecOf<T> &mean, VecOf<T> &sum, VecOf<T> other_mean,
                                   VecOf<T> other_sum, const Merge<T> &m) {
    const VecOf<T> d = other_mean - mean;
    mean = mul_add(d, splat<T>(m.share), mean);
    sum = sum + mul_add(d * d, splat<T>(m.product), other_sum);
}

// The moments of the parts `part` (means) and `part` + 1 of the statistics.
template <class T> struct Part {
    Index at, columns;   // from the first column of means on; sums stand `columns` further
    Index slot;          // from one group to the next
};
template <class T> FASTLSTM_INLINE Part<T> part_of(Index hidden, int part) {
    const Index G = columns_of<T>(hidden), padded = padded_of<T>(hidden);
    return {batch_statistics(part, G, padded), part < 4 ? G : padded,
            batch_statistics(6, G, padded)};
}
// Those of this thread's groups of the rows of x, and their merges.
template <class T>
FASTLSTM_INLINE void own_moments(const NormArgs<T> &n, Part<T> p, const T *x, Index stride) {
    constexpr int W = Simd<T>::W;
    for_groups<T>(n.groups, [&](Index group, Index first, Index end) {
        T *to = n.parts + group * p.slot + p.at;
        for_columns<T>(p.columns, [&](Index k, auto vectors) {
            group_moments<T, decltype(vectors)::value>(x + first * stride + k, stride, end - first,
                                                 to + k, to + p.columns + k);
        });
    });
    for (int i = 0; i < n.groups.own_merges; ++i) {
        const Merge<T> &m = n.groups.own[i];
        T *into = n.parts + m.into * p.slot + p.at;
        const T *from = n.parts + m.from * p.slot + p.at;
        for (Index k = 0; k < p.columns; k += W) {
            VecOf<T> mean = load<T>(into + k), sum = load<T>(into + p.columns + k);
            merge_moments<T>(mean, sum, load<T>(from + k), load<T>(from + p.columns + k), m);
            store<T>(into + k, mean);
            store<T>(into + p.columns + k, sum);
        }
    }
}
// Those of all rows into `total`, as mean and scale, unless they are given there.
template <class T> FASTLSTM_INLINE void all_moments(const NormArgs<T> &n, Part<T> p) {
    if (n.given)
        return;
    constexpr int W = Simd<T>::W;
    const RowGroups<T> &g = n.groups;
    const VecOf<T> share = splat<T>(T(1.0 / double(g.active ? g.active : 1)));
    for (Index k = p.at; k < p.at + p.columns; k += W) {
        VecOf<T> mean[kMostGroups], sum[kMostGroups];
        for (int i = 0; i < g.nodes; ++i) {
            mean[i] = load<T>(n.parts + g.node[i] * p.slot + k);
            sum[i] = load<T>(n.parts + g.node[i] * p.slot + p.columns + k);
        }
        for (int i = 0; i < g.merges; ++i) {
            const Merge<T> &m = g.merge[i];
            merge_moments<T>(mean[m.into], sum[m.into], mean[m.from], sum[m.from], m);
        }
        const VecOf<T> variance = sum[0] * share;
        if (g.writes) {
            store<T>(n.statistics + k, mean[0]);
            store<T>(n.statistics + p.columns + k, variance);
        }
        store<T>(n.total + k, mean[0]);
        store<T>(n.total + p.columns + k, scale_of<T>(variance));
    }
}

// Calls each(NormPlace of N rows) for the blocks of a range, rows in pairs, with what their
// cells are normalised with: mean and scale of each unit.
template <class T, class F>
FASTLSTM_INLINE void for_cells(Index begin, Index end, Index rows, const T *mean, const T *scale,
                               F each) {
    for_row_groups(rows, [&](Index row, auto count) {
        constexpr int N = decltype(count)::value;
        for (Index unit = begin * Simd<T>::W; unit < end * Simd<T>::W; unit += Simd<T>::W) {
            NormPlace<T, N> p;
            for (int j = 0; j < N; ++j) {
                p.row[j] = row + j;
                p.unit[j] = unit;
                p.mean.v[j] = load<T>(mean + unit);
                p.scale.v[j] = load<T>(scale + unit);
            }
            each(p);
        }
    });
}

// Normalises the sums of N rows and a block in place, and adds them up to those of the gates.
template <class T, int N>
FASTLSTM_INLINE void batch_norm_sums(const NormStepArgs<T> &a, const NormPlace<T, N> &p,
                                     Many<T, N> *z) {
    constexpr int W = Simd<T>::W;
    const StepArgs<T> &s = a.step;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(s.hidden), first = p.unit[0] * 4;
    const bool half = is_half<T>(s.hidden, p.unit[0]);
    for (int v = 0; v < (half ? 2 : 4); ++v) {
        const Index k = first + v * W;
        const VecOf<T> mean_x = load<T>(n.total + k), scale_x = load<T>(n.total + G + k);
        const VecOf<T> mean_h = load<T>(n.total + 2 * G + k);
        const VecOf<T> scale_h = load<T>(n.total + 3 * G + k);
        const VecOf<T> gain_x = load<T>(n.gain_ih + k), gain_h = load<T>(n.gain_hh + k);
        const VecOf<T> bias = load<T>(n.bias + k);
        for (int j = 0; j < N; ++j) {
            T *x = n.x + p.row[j] * n.stride + k, *h = n.h + p.row[j] * n.stride + k;
            const VecOf<T> q = (load<T>(x) - mean_x) * scale_x;
            const VecOf<T> r = (load<T>(h) - mean_h) * scale_h;
            store<T>(x, q);
            store<T>(h, r);
            z[v].v[j] = mul_add(gain_h, r, mul_add(gain_x, q, bias));
            if (half)
                store<T>(s.gates + p.row[j] * s.gates_stride + k, z[v].v[j]);
        }
    }
    if (half)
        load_gates<T, N>(z, s.gates, s.gates_stride, s.hidden, p);
}

template <class T> void batch_norm_step(const NormStepArgs<T> &a) {
    constexpr int W = Simd<T>::W;
    const StepArgs<T> &s = a.step;
    const NormArgs<T> &n = a.norm;
    const Part<T> x = part_of<T>(s.hidden, 0), h = part_of<T>(s.hidden, 2);
    const Part<T> c = part_of<T>(s.hidden, 4);
    const T *mean_c = n.total + c.at, *scale_c = mean_c + c.columns;
    if (a.stage == 0 && !n.given) {
        own_moments<T>(n, x, n.x, n.stride);
        own_moments<T>(n, h, n.h, n.stride);
    } else if (a.stage == 1) {
        all_moments<T>(n, x);
        all_moments<T>(n, h);
        for_cells<T>(s.block_begin, s.block_end, s.rows, mean_c, scale_c, [&](const auto &p) {
            constexpr int N = sizeof(p.mean) / sizeof(VecOf<T>);
            for (const Index row : p.row)
                if (row + N < s.rows)
                    fetch_to_write<T>(s.gates + (row + N) * s.gates_stride + p.unit[0] * 4,
                                      4 * W);
            Many<T, N> z[4];
            batch_norm_sums<T, N>(a, p, z);
            remember_cells<T, N>(s, p, z);
        });
        if (!n.given)
            own_moments<T>(n, c, s.c, s.c_stride);
    } else if (a.stage == 2) {
        all_moments<T>(n, c);
        for_cells<T>(s.block_begin, s.block_end, s.rows, mean_c, scale_c,
                     [&](const auto &p) { show_cells(s, n, p); });
    }
}
