// Recurrent batch normalisation: moments over the rows of a step, in their order, each unit
// for itself, the V vectors of a block side by side. And the gradients of gains and biases,
// which are sums over rows in either way.

// Mean and variance of V vectors of columns over the rows.
template <class T, int V>
FASTLSTM_INLINE void column_moments(const T *x, Index stride, Index rows, VecOf<T> (&mean)[V],
                                    VecOf<T> (&variance)[V]) {
    constexpr int W = Simd<T>::W;
    const VecOf<T> share = splat<T>(T(1.0 / double(rows)));
    VecOf<T> sums[V] = {};
    for (Index r = 0; r < rows; ++r)
        for (int v = 0; v < V; ++v)
            sums[v] = sums[v] + load<T>(x + r * stride + v * W);
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
    for_rows<T>(s.rows, unit, mean[0], scale[0], [&](const auto &p) { remember_cells(s, p); });
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

// As row_backward, for V vectors of columns; `variance` of what was normalised.
template <class T, int V>
FASTLSTM_INLINE void column_backward(T *to, const T *dz, const T *normal, Index stride,
                                     Index rows, const T *gain, const T *variance) {
    constexpr int W = Simd<T>::W;
    VecOf<T> sum[V] = {}, product[V] = {}, factor[V];
    for (Index r = 0; r < rows; ++r)
        for (int v = 0; v < V; ++v) {
            const VecOf<T> d = load<T>(dz + r * stride + v * W);
            sum[v] = sum[v] + d;
            product[v] = mul_add(d, load<T>(normal + r * stride + v * W), product[v]);
        }
    const VecOf<T> share = splat<T>(T(1.0 / double(rows)));
    for (int v = 0; v < V; ++v) {
        sum[v] = sum[v] * share;
        product[v] = product[v] * share;
        factor[v] = load<T>(gain + v * W) * scale_of<T>(load<T>(variance + v * W));
    }
    for (Index r = 0; r < rows; ++r)
        for (int v = 0; v < V; ++v) {
            const Index at = r * stride + v * W;
            const VecOf<T> d = load<T>(dz + at) - sum[v];
            store<T>(to + at, factor[v] * (d - load<T>(normal + at) * product[v]));
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
        auto part = p.mean, along = p.mean;
        part = along = {};
        show_backward(a, p, part, along);
        add_all<T>(sum, part);
        add_all<T>(product, along);
    });
    const VecOf<T> share = splat<T>(T(1.0 / double(s.rows)));
    sum = sum * share;
    product = product * share;
    for_rows<T>(s.rows, unit, mean, scale, [&](const auto &p) {
        auto part = p.mean, along = p.mean;
        for (unsigned j = 0; j < sizeof(part) / sizeof(mean); ++j) {
            part.v[j] = sum;
            along.v[j] = product;
        }
        forget_cells(a, p, part, along);
    });
    const Index k = unit * 4;
    column_backward<T, V>(a.dh_sums + k, s.gates + k, n.h + k, n.stride, s.rows, n.gain_hh + k,
                          statistics_of<T>(n, 3, s.hidden, unit));
}
template <class T> void batch_norm_backward(const NormBackwardArgs<T> &a) {
    const CellBackwardArgs<T> &s = a.cell;
    if (s.rows)
        for_each_block<T>(s.hidden, s.block_begin, s.block_end, [&](Index unit, auto V) {
            batch_norm_block_backward<T, decltype(V)::value>(a, unit);
        });
}

template <class T> void batch_norm_input(const NormInputArgs<T> &a) {
    const NormArgs<T> &n = a.norm;
    if (a.rows)
        for_each_block<T>(a.hidden, a.block_begin, a.block_end, [&](Index unit, auto V) {
            const Index k = unit * 4;
            column_backward<T, decltype(V)::value>(a.gates + k, a.gates + k, n.x + k, n.stride,
                                                   a.rows, n.gain_ih + k,
                                                   statistics_of<T>(n, 1, a.hidden, unit));
        });
}

template <class T, int V>
FASTLSTM_INLINE void gate_gradients(const NormGradientArgs<T> &a, Index k, Index columns) {
    constexpr int W = Simd<T>::W;
    const NormArgs<T> &n = a.norm;
    VecOf<T> ih[V], hh[V], bias[V];
    for (int v = 0; v < V; ++v) {
        ih[v] = load<T>(a.sum + k + v * W);
        hh[v] = load<T>(a.sum + columns + k + v * W);
        bias[v] = load<T>(a.sum + 2 * columns + k + v * W);
    }
    for (Index r = 0; r < a.rows; ++r)
        for (int v = 0; v < V; ++v) {
            const Index at = r * n.stride + k + v * W;
            const VecOf<T> dz = load<T>(a.gates + at);
            ih[v] = mul_add(dz, load<T>(n.x + at), ih[v]);
            hh[v] = mul_add(dz, load<T>(n.h + at), hh[v]);
            bias[v] = bias[v] + dz;
        }
    for (int v = 0; v < V; ++v) {
        store<T>(a.sum + k + v * W, ih[v]);
        store<T>(a.sum + columns + k + v * W, hh[v]);
        store<T>(a.sum + 2 * columns + k + v * W, bias[v]);
    }
}
template <class T, Normalization KIND> void norm_gradients(const NormGradientArgs<T> &a) {
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(a.hidden), padded = padded_of<T>(a.hidden);
    for_each_block<T>(a.hidden, a.block_begin, a.block_end, [&](Index unit, auto V) {
        gate_gradients<T, decltype(V)::value>(a, unit * 4, G);
        T *sum = a.sum + 3 * G + unit;
        VecOf<T> gain = load<T>(sum), bias = load<T>(sum + padded), mean = {}, scale = {};
        if (KIND == Normalization::Batch) {
            mean = load<T>(statistics_of<T>(n, 4, a.hidden, unit));
            scale = scale_of<T>(load<T>(statistics_of<T>(n, 5, a.hidden, unit)));
        }
        for (Index r = 0; r < a.rows; ++r) {
            if (KIND == Normalization::Layer) {
                mean = splat<T>(n.statistics[r * kLayerStatistics + 3]);
                scale = splat<T>(n.statistics[r * kLayerStatistics + 2]);
            }
            const VecOf<T> da = load<T>(a.da + r * a.c_stride + unit);
            const VecOf<T> normal = (load<T>(a.c + r * a.c_stride + unit) - mean) * scale;
            gain = mul_add(da, normal, gain);
            bias = bias + da;
        }
        store<T>(sum, gain);
        store<T>(sum + padded, bias);
    });
}
