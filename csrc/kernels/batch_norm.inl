// Recurrent batch normalisation: moments over the rows of a step, in their order, each unit
// for itself, the V vectors of a block side by side.

constexpr Index kRowsAhead = 4; // of those that are fetched before a block needs them

// Mean and variance of V vectors of columns over the rows.
template <class T, int V>
FASTLSTM_INLINE void column_moments(const T *x, Index stride, Index rows, VecOf<T> (&mean)[V],
                                    VecOf<T> (&variance)[V]) {
    constexpr int W = Simd<T>::W;
    const VecOf<T> share = splat<T>(T(1.0 / double(rows)));
    VecOf<T> sums[V] = {};
    for (Index r = 0; r < rows; ++r) {
        if (r + kRowsAhead < rows)
            fetch_to_write<T>(x + (r + kRowsAhead) * stride, V * W);
        for (int v = 0; v < V; ++v)
            sums[v] = sums[v] + load<T>(x + r * stride + v * W);
    }
    for (int v = 0; v < V; ++v) {
        mean[v] = sums[v] * share;
        sums[v] = VecOf<T>{};
    }
    for (Index r = 0; r < rows; ++r)
        for (int v = 0; v < V; ++v) {
            const VecOf<T> d = load<T>(x + r * stride + v * W) - mean[v];
            sums[v] = mul_add(d, d, sums[v]);
        }
    for (int v = 0; v < V; ++v)
        variance[v] = sums[v] * share;
}
// The same, kept at or taken from a step's statistics: mean and scale.
template <class T, int V>
FASTLSTM_INLINE void kept_moments(bool given, T *at_mean, T *at_variance, const T *x,
                                  Index stride, Index rows, VecOf<T> (&mean)[V],
                                  VecOf<T> (&scale)[V]) {
    constexpr int W = Simd<T>::W;
    if (!given)
        column_moments<T, V>(x, stride, rows, mean, scale);
    for (int v = 0; v < V; ++v) {
        if (given) {
            mean[v] = load<T>(at_mean + v * W);
            scale[v] = load<T>(at_variance + v * W);
        } else {
            store<T>(at_mean + v * W, mean[v]);
            store<T>(at_variance + v * W, scale[v]);
        }
        scale[v] = scale_of<T>(scale[v]);
    }
}

// Calls each(NormPlace of N rows) over the rows of a block.
template <class T, class F>
FASTLSTM_INLINE void for_rows(Index rows, Index unit, VecOf<T> mean, VecOf<T> scale, F each) {
    for_row_groups(rows, [&](Index row, auto N) {
        NormPlace<T, decltype(N)::value> p;
        for (int j = 0; j < N; ++j) {
            p.row[j] = row + j;
            p.unit[j] = unit;
            p.mean.v[j] = mean;
            p.scale.v[j] = scale;
        }
        each(p);
    });
}

// The statistics of a step, from the block that begins with `unit` on.
template <class T>
FASTLSTM_INLINE T *statistics_of(const NormArgs<T> &n, int part, Index hidden, Index unit) {
    return n.statistics + batch_statistics(part, columns_of<T>(hidden), padded_of<T>(hidden)) +
           unit * (part < 4 ? 4 : 1);
}
// each(unit, V) for the blocks of a range, V vectors of gate columns as an integral constant.
template <class T, class F>
FASTLSTM_INLINE void for_each_block(Index hidden, Index begin, Index end, F each) {
    for (Index block = begin; block < end; ++block) {
        const Index unit = block * Simd<T>::W;
        if (is_half<T>(hidden, unit))
            each(unit, std::integral_constant<int, 2>());
        else
            each(unit, std::integral_constant<int, 4>());
    }
}

template <class T, int V>
FASTLSTM_INLINE void batch_norm_block(const NormStepArgs<T> &a, Index unit) {
    constexpr int W = Simd<T>::W;
    const StepArgs<T> &s = a.step;
    const NormArgs<T> &n = a.norm;
    const Index k = unit * 4;
    const auto kept = [&](int part) { return statistics_of<T>(n, part, s.hidden, unit); };
    VecOf<T> mean_x[V], scale_x[V], mean_h[V], scale_h[V], gain_x[V], gain_h[V], bias[V];
    kept_moments<T, V>(n.given, kept(0), kept(1), n.x + k, n.stride, s.rows, mean_x, scale_x);
    kept_moments<T, V>(n.given, kept(2), kept(3), n.h + k, n.stride, s.rows, mean_h, scale_h);
    for (int v = 0; v < V; ++v) {
        gain_x[v] = load<T>(n.gain_ih + k + v * W);
        gain_h[v] = load<T>(n.gain_hh + k + v * W);
        bias[v] = load<T>(n.bias + k + v * W);
    }
    for (Index r = 0; r < s.rows; ++r) {
        T *x = n.x + r * n.stride + k, *h = n.h + r * n.stride + k;
        if (r + kRowsAhead < s.rows)
            fetch_to_write<T>(s.gates + (r + kRowsAhead) * s.gates_stride + k, V * W);
        for (int v = 0; v < V; ++v) {
            const VecOf<T> p = (load<T>(x + v * W) - mean_x[v]) * scale_x[v];
            const VecOf<T> q = (load<T>(h + v * W) - mean_h[v]) * scale_h[v];
            store<T>(x + v * W, p);
            store<T>(h + v * W, q);
            store<T>(s.gates + r * s.gates_stride + k + v * W,
                     mul_add(gain_h[v], q, mul_add(gain_x[v], p, bias[v])));
        }
    }
    VecOf<T> mean[1] = {}, scale[1] = {};
    for_rows<T>(s.rows, unit, mean[0], scale[0], [&](const auto &p) {
        auto one = p.mean;
        decltype(one) z[4];
        load_gates<T, sizeof(one) / sizeof(VecOf<T>)>(z, s.gates, s.gates_stride, s.hidden, p);
        remember_cells(s, p, z);
    });
    kept_moments<T, 1>(n.given, kept(4), kept(5), s.c + unit, s.c_stride, s.rows, mean, scale);
    for_rows<T>(s.rows, unit, mean[0], scale[0], [&](const auto &p) { show_cells(s, n, p); });
}
template <class T> void batch_norm_step(const NormStepArgs<T> &a) {
    const StepArgs<T> &s = a.step;
    if (s.rows)
        for_each_block<T>(s.hidden, s.block_begin, s.block_end, [&](Index unit, auto V) {
            batch_norm_block<T, decltype(V)::value>(a, unit);
        });
}

// As sums_backward, for a block's V vectors of columns.
template <class T, int V>
FASTLSTM_INLINE void columns_backward(const NormBackwardArgs<T> &a, Index unit) {
    constexpr int W = Simd<T>::W;
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    const Index k = unit * 4, G = columns_of<T>(s.hidden);
    VecOf<T> sum[V] = {}, along_x[V] = {}, along_h[V] = {};
    for (Index r = 0; r < s.rows; ++r)
        for (int v = 0; v < V; ++v) {
            const Index at = r * n.stride + k + v * W;
            const VecOf<T> dz = load<T>(s.gates + at);
            sum[v] = sum[v] + dz;
            along_x[v] = mul_add(dz, load<T>(n.x + at), along_x[v]);
            along_h[v] = mul_add(dz, load<T>(n.h + at), along_h[v]);
        }
    const VecOf<T> share = splat<T>(T(1.0 / double(s.rows)));
    VecOf<T> factor_x[V], factor_h[V];
    for (int v = 0; v < V; ++v) {
        T *to = a.sums + k + v * W;
        store<T>(to, load<T>(to) + along_x[v]);
        store<T>(to + G, load<T>(to + G) + along_h[v]);
        store<T>(to + 2 * G, load<T>(to + 2 * G) + sum[v]);
        sum[v] = sum[v] * share;
        along_x[v] = along_x[v] * share;
        along_h[v] = along_h[v] * share;
        const auto scale = [&](int part) {
            return scale_of<T>(load<T>(statistics_of<T>(n, part, s.hidden, unit) + v * W));
        };
        factor_x[v] = load<T>(n.gain_ih + k + v * W) * scale(1);
        factor_h[v] = load<T>(n.gain_hh + k + v * W) * scale(3);
    }
    for (Index r = 0; r < s.rows; ++r)
        for (int v = 0; v < V; ++v) {
            const Index at = r * n.stride + k + v * W;
            const VecOf<T> d = load<T>(s.gates + at) - sum[v];
            store<T>(s.gates + at, factor_x[v] * (d - load<T>(n.x + at) * along_x[v]));
            store<T>(n.h + at, factor_h[v] * (d - load<T>(n.h + at) * along_h[v]));
        }
}

template <class T, int N> FASTLSTM_INLINE void add_all(VecOf<T> &to, Many<T, N> v) {
    for (int j = 0; j < N; ++j)
        to = to + v.v[j];
}

template <class T, int V>
FASTLSTM_INLINE void batch_norm_block_backward(const NormBackwardArgs<T> &a, Index unit) {
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    const VecOf<T> mean = load<T>(statistics_of<T>(n, 4, s.hidden, unit));
    const VecOf<T> scale = scale_of<T>(load<T>(statistics_of<T>(n, 5, s.hidden, unit)));
    VecOf<T> sum = {}, product = {};
    for_rows<T>(s.rows, unit, mean, scale, [&](const auto &p) {
        auto da = p.mean, normal = p.mean;
        for (const Index row : p.row)
            if (row + kRowsAhead < s.rows) {
                fetch_gates(s, row + kRowsAhead, unit);
                fetch_cell(s, row + kRowsAhead, unit);
            }
        show_backward(a, p, da, normal);
        add_all<T>(sum, da);
        add_all<T>(product, da * normal);
    });
    const Index padded = padded_of<T>(s.hidden);
    T *to = a.sums + 3 * columns_of<T>(s.hidden) + unit;
    store<T>(to, load<T>(to) + product);
    store<T>(to + padded, load<T>(to + padded) + sum);
    const VecOf<T> share = splat<T>(T(1.0 / double(s.rows))) * load<T>(n.gain_c + unit);
    for_rows<T>(s.rows, unit, mean, scale, [&](const auto &p) {
        auto part = p.mean, along = p.mean;
        constexpr int N = sizeof(part) / sizeof(mean);
        T *all[N];
        for (int j = 0; j < N; ++j) {
            part.v[j] = sum * share;
            along.v[j] = product * share;
            all[j] = a.sums;
        }
        for (const Index row : p.row) { // for columns_backward
            fetch<T>(n.x + row * n.stride + unit * 4, V * Simd<T>::W);
            fetch_to_write<T>(n.h + row * n.stride + unit * 4, V * Simd<T>::W);
        }
        forget_cells<T, N>(a, p, part, along, all);
    });
    columns_backward<T, V>(a, unit);
}
template <class T> void batch_norm_backward(const NormBackwardArgs<T> &a) {
    const CellBackwardArgs<T> &s = a.cell;
    if (s.rows)
        for_each_block<T>(s.hidden, s.block_begin, s.block_end, [&](Index unit, auto V) {
            batch_norm_block_backward<T, decltype(V)::value>(a, unit);
        });
}
