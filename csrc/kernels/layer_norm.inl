// Layer normalisation: moments over the columns of a row, in the order of the columns. R rows
// side by side: sums are chains of dependent operations.

// out[j] = the sum of the lanes of v[j], lanes paired as in a tree.
template <class T, int N> FASTLSTM_INLINE void lane_sums(const VecOf<T> (&v)[N], T (&out)[N]) {
    constexpr int W = Simd<T>::W;
    alignas(64) T lanes[N][W];
    for (int j = 0; j < N; ++j)
        store<T>(lanes[j], v[j]);
    for (int half = W / 2; half > 0; half /= 2)
        for (int j = 0; j < N; ++j)
            for (int l = 0; l < half; ++l)
                lanes[j][l] += lanes[j][l + half];
    for (int j = 0; j < N; ++j)
        out[j] = lanes[j][0];
}
template <class T> FASTLSTM_INLINE T scale_of_sum(T squares, Index n) {
    return (T)(1.0 / __builtin_sqrt(double(squares) / double(n) + kNormEpsilon));
}

// Moments of R rows of each of two arrays; columns that belong to no unit are zero.
template <class T, int R>
FASTLSTM_INLINE void row_moments(const T *const (&x)[2 * R], const NormArgs<T> &n, Index columns,
                                 T (&mean)[2 * R], T (&scale)[2 * R]) {
    constexpr int W = Simd<T>::W;
    VecOf<T> sums[2 * R] = {};
    for (Index k = 0; k < columns; k += W)
        for (int j = 0; j < 2 * R; ++j)
            sums[j] = sums[j] + load<T>(x[j] + k);
    lane_sums<T>(sums, mean);
    for (int j = 0; j < 2 * R; ++j) {
        mean[j] = mean[j] / (T)n.count;
        sums[j] = VecOf<T>{};
    }
    for (Index k = 0; k < columns; k += W)
        for (int j = 0; j < 2 * R; ++j) {
            const VecOf<T> d = (load<T>(x[j] + k) - splat<T>(mean[j])) * load<T>(n.valid + k);
            sums[j] = mul_add(d, d, sums[j]);
        }
    lane_sums<T>(sums, scale);
    for (int j = 0; j < 2 * R; ++j)
        scale[j] = scale_of_sum(scale[j], n.count);
}
// Those of the H cells of R rows; padding is zero.
template <class T, int R>
FASTLSTM_INLINE void cell_moments(const T *c, Index stride, Index hidden, T (&mean)[R],
                                  T (&scale)[R]) {
    constexpr int W = Simd<T>::W;
    VecOf<T> sums[R] = {};
    for (Index u = 0; u < hidden; u += W)
        for (int j = 0; j < R; ++j)
            sums[j] = sums[j] + load<T>(c + j * stride + u);
    lane_sums<T>(sums, mean);
    for (int j = 0; j < R; ++j) {
        mean[j] = mean[j] / (T)hidden;
        sums[j] = VecOf<T>{};
    }
    for (Index u = 0; u < hidden; u += W)
        for (int j = 0; j < R; ++j) {
            const VecOf<T> d = (load<T>(c + j * stride + u) - splat<T>(mean[j])) *
                               unit_valid<T>(hidden, u);
            sums[j] = mul_add(d, d, sums[j]);
        }
    lane_sums<T>(sums, scale);
    for (int j = 0; j < R; ++j)
        scale[j] = scale_of_sum(scale[j], hidden);
}

// The blocks of R rows, with the moments of their cells.
template <class T, int R, class F>
FASTLSTM_INLINE void for_blocks(Index row, Index hidden, const T (&mean)[R], const T (&scale)[R],
                                F each) {
    NormPlace<T, R> p;
    for (int j = 0; j < R; ++j) {
        p.row[j] = row + j;
        p.mean.v[j] = splat<T>(mean[j]);
        p.scale.v[j] = splat<T>(scale[j]);
    }
    for (Index unit = 0; unit < hidden; unit += Simd<T>::W) {
        for (int j = 0; j < R; ++j)
            p.unit[j] = unit;
        each(p);
    }
}
// Calls each(r, R) for all rows, R an integral constant.
template <class F> FASTLSTM_INLINE void for_row_groups(Index rows, F each) {
    constexpr int R = kCellRows;
    Index r = 0;
    for (; r + R <= rows; r += R)
        each(r, std::integral_constant<int, R>());
    for (; r < rows; ++r)
        each(r, std::integral_constant<int, 1>());
}

template <class T, int R>
FASTLSTM_INLINE void layer_norm_rows(const NormStepArgs<T> &a, Index r) {
    constexpr int W = Simd<T>::W;
    const StepArgs<T> &s = a.step;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(s.hidden);
    const T *sums[2 * R];
    T mean[2 * R], scale[2 * R];
    for (int j = 0; j < R; ++j) {
        sums[j] = n.x + (r + j) * n.stride;
        sums[R + j] = n.h + (r + j) * n.stride;
    }
    row_moments<T, R>(sums, n, G, mean, scale);
    for (Index k = 0; k < G; k += W) {
        const VecOf<T> valid = load<T>(n.valid + k), bias = load<T>(n.bias + k);
        const VecOf<T> gain_x = load<T>(n.gain_ih + k), gain_h = load<T>(n.gain_hh + k);
        for (int j = 0; j < R; ++j) {
            T *x = n.x + (r + j) * n.stride + k, *h = n.h + (r + j) * n.stride + k;
            const VecOf<T> p = (load<T>(x) - splat<T>(mean[j])) * (splat<T>(scale[j]) * valid);
            const VecOf<T> q =
                (load<T>(h) - splat<T>(mean[R + j])) * (splat<T>(scale[R + j]) * valid);
            store<T>(x, p);
            store<T>(h, q);
            store<T>(s.gates + (r + j) * s.gates_stride + k,
                     mul_add(gain_h, q, mul_add(gain_x, p, bias)));
        }
    }
    T cell_mean[R] = {}, cell_scale[R] = {};
    for_blocks<T, R>(r, s.hidden, cell_mean, cell_scale,
                     [&](const auto &p) { remember_cells(s, p); });
    cell_moments<T, R>(s.c + r * s.c_stride, s.c_stride, s.hidden, cell_mean, cell_scale);
    for_blocks<T, R>(r, s.hidden, cell_mean, cell_scale,
                     [&](const auto &p) { show_cells(s, n, p); });
    for (int j = 0; j < R; ++j) {
        T *kept = n.statistics + (r + j) * kLayerStatistics;
        kept[0] = scale[j];
        kept[1] = scale[R + j];
        kept[2] = cell_scale[j];
        kept[3] = cell_mean[j];
    }
}
template <class T> void layer_norm_step(const NormStepArgs<T> &a) {
    for_row_groups(a.step.rows,
                   [&](Index r, auto R) { layer_norm_rows<T, decltype(R)::value>(a, r); });
}

// to = the gradient of sums that were normalised to `normal`, given dz = d(gain normal), for R
// rows; to may be dz.
template <class T, int R>
FASTLSTM_INLINE void row_backward(T *to, const T *dz, const T *normal, const T *gain,
                                  const NormArgs<T> &n, Index columns, const T (&scale)[R]) {
    constexpr int W = Simd<T>::W;
    VecOf<T> sums[2 * R] = {};
    for (Index k = 0; k < columns; k += W) {
        const VecOf<T> g = load<T>(gain + k);
        for (int j = 0; j < R; ++j) {
            const VecOf<T> d = g * load<T>(dz + j * n.stride + k);
            sums[j] = sums[j] + d;
            sums[R + j] = mul_add(d, load<T>(normal + j * n.stride + k), sums[R + j]);
        }
    }
    T mean[2 * R];
    lane_sums<T>(sums, mean);
    for (int j = 0; j < 2 * R; ++j)
        sums[j] = splat<T>(mean[j] / (T)n.count);
    for (Index k = 0; k < columns; k += W) {
        const VecOf<T> g = load<T>(gain + k), valid = load<T>(n.valid + k);
        for (int j = 0; j < R; ++j) {
            const Index at = j * n.stride + k;
            const VecOf<T> d = g * load<T>(dz + at) - sums[j] * valid;
            store<T>(to + at, splat<T>(scale[j]) * (d - load<T>(normal + at) * sums[R + j]));
        }
    }
}

template <class T, int R>
FASTLSTM_INLINE void layer_norm_rows_backward(const NormBackwardArgs<T> &a, Index r) {
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    T mean[R], scale[R], scale_h[R], means[2 * R];
    for (int j = 0; j < R; ++j) {
        const T *kept = n.statistics + (r + j) * kLayerStatistics;
        scale_h[j] = kept[1];
        scale[j] = kept[2];
        mean[j] = kept[3];
    }
    Many<T, R> sum = {}, product = {};
    for_blocks<T, R>(r, s.hidden, mean, scale,
                     [&](const auto &p) { show_backward(a, p, sum, product); });
    VecOf<T> sums[2 * R];
    for (int j = 0; j < R; ++j) {
        sums[j] = sum.v[j];
        sums[R + j] = product.v[j];
    }
    lane_sums<T>(sums, means);
    for (int j = 0; j < R; ++j) {
        sum.v[j] = splat<T>(means[j] / (T)s.hidden);
        product.v[j] = splat<T>(means[R + j] / (T)s.hidden);
    }
    for_blocks<T, R>(r, s.hidden, mean, scale,
                     [&](const auto &p) { forget_cells(a, p, sum, product); });
    const Index at = r * n.stride;
    row_backward<T, R>(a.dh_sums + at, s.gates + at, n.h + at, n.gain_hh, n,
                       columns_of<T>(s.hidden), scale_h);
}
template <class T> void layer_norm_backward(const NormBackwardArgs<T> &a) {
    for_row_groups(a.cell.rows, [&](Index r, auto R) {
        layer_norm_rows_backward<T, decltype(R)::value>(a, r);
    });
}

template <class T> void layer_norm_input(const NormInputArgs<T> &a) {
    const NormArgs<T> &n = a.norm;
    for_row_groups(a.rows, [&](Index r, auto R) {
        T scale[decltype(R)::value];
        for (int j = 0; j < R; ++j)
            scale[j] = n.statistics[(r + j) * kLayerStatistics];
        const Index at = r * n.stride;
        row_backward<T, decltype(R)::value>(a.gates + at, a.gates + at, n.x + at, n.gain_ih, n,
                                            columns_of<T>(a.hidden), scale);
    });
}
