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
// Sums of N squared deviations to scales, all at once.
template <class T, int N> FASTLSTM_INLINE void scales_of_sums(T (&x)[N], Index n) {
    constexpr int W = Simd<T>::W, V = (N + W - 1) / W;
    alignas(64) T lanes[V * W] = {};
    for (int j = 0; j < N; ++j)
        lanes[j] = x[j];
    for (int v = 0; v < V; ++v)
        store<T>(lanes + v * W,
                 scale_of<T>(load<T>(lanes + v * W) * splat<T>(T(1.0 / double(n)))));
    for (int j = 0; j < N; ++j)
        x[j] = lanes[j];
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
    scales_of_sums<T>(scale, n.count);
}
// Those of the H cells of R rows. Padding may hold anything: i g is not 0 there where the
// cell's activation of 0 is not.
template <class T, int R>
FASTLSTM_INLINE void cell_moments(const T *c, Index stride, Index hidden, T (&mean)[R],
                                  T (&scale)[R]) {
    constexpr int W = Simd<T>::W;
    VecOf<T> sums[R] = {};
    for (Index u = 0; u < hidden; u += W)
        for (int j = 0; j < R; ++j)
            sums[j] = sums[j] + load<T>(c + j * stride + u) * unit_valid<T>(hidden, u);
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
    scales_of_sums<T>(scale, hidden);
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
    // The sums of row j in vector k of the columns.
    const auto sum_at = [&](Index k, int j) {
        const VecOf<T> valid = load<T>(n.valid + k);
        T *x = n.x + (r + j) * n.stride + k, *h = n.h + (r + j) * n.stride + k;
        const VecOf<T> p = (load<T>(x) - splat<T>(mean[j])) * (splat<T>(scale[j]) * valid);
        const VecOf<T> q =
            (load<T>(h) - splat<T>(mean[R + j])) * (splat<T>(scale[R + j]) * valid);
        store<T>(x, p);
        store<T>(h, q);
        const VecOf<T> sum = mul_add(load<T>(n.gain_ih + k), p, load<T>(n.bias + k));
        return mul_add(load<T>(n.gain_hh + k), q, sum);
    };
    T cell_mean[R] = {}, cell_scale[R] = {};
    for_blocks<T, R>(r, s.hidden, cell_mean, cell_scale, [&](const auto &p) {
        const Index k = p.unit[0] * 4;
        Many<T, R> z[4];
        if (is_half<T>(s.hidden, p.unit[0])) {
            for (int j = 0; j < R; ++j)
                for (int v = 0; v < 2; ++v)
                    store<T>(s.gates + (r + j) * s.gates_stride + k + v * W,
                             sum_at(k + v * W, j));
            load_gates<T, R>(z, s.gates, s.gates_stride, s.hidden, p);
        } else {
            for (int v = 0; v < 4; ++v)
                for (int j = 0; j < R; ++j)
                    z[v].v[j] = sum_at(k + v * W, j);
        }
        for (int j = 0; j < R; ++j)
            if (r + R + j < s.rows)
                fetch_to_write<T>(s.gates + (r + R + j) * s.gates_stride + k, 4 * W);
        remember_cells(s, p, z);
    });
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

// Gradients of z, in the gates, to those of the sums of x, there, and of h, of R rows.
template <class T, int R>
FASTLSTM_INLINE void sums_backward(const NormBackwardArgs<T> &a, Index r, T *const (&to)[R]) {
    constexpr int W = Simd<T>::W;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(a.cell.hidden);
    VecOf<T> sums[4 * R] = {}; // of gain dz and gain dz normal, for x and h
    const bool together = to[0] == to[R - 1]; // groups of several rows are of pairs
    const bool more = r + 2 * R <= a.cell.rows; // rows to fetch while these are at hand
    for (Index k = 0; k < G; k += W) {
        const VecOf<T> gain_x = load<T>(n.gain_ih + k), gain_h = load<T>(n.gain_hh + k);
        VecOf<T> all_x = {}, all_h = {}, all = {};
        for (int j = 0; j < R; ++j) {
            const Index at = (r + j) * n.stride + k;
            const VecOf<T> dz = load<T>(a.cell.gates + at);
            if (more)
                fetch_to_write<T>(a.cell.gates + at + R * n.stride);
            const VecOf<T> x = dz * load<T>(n.x + at), h = dz * load<T>(n.h + at);
            sums[j] = mul_add(gain_x, dz, sums[j]);
            sums[R + j] = mul_add(gain_x, x, sums[R + j]);
            sums[2 * R + j] = mul_add(gain_h, dz, sums[2 * R + j]);
            sums[3 * R + j] = mul_add(gain_h, h, sums[3 * R + j]);
            all_x = all_x + x;
            all_h = all_h + h;
            all = all + dz;
            if (together && j + 1 < R)
                continue;
            T *sum = to[j] + k;
            store<T>(sum, load<T>(sum) + all_x);
            store<T>(sum + G, load<T>(sum + G) + all_h);
            store<T>(sum + 2 * G, load<T>(sum + 2 * G) + all);
            all_x = all_h = all = VecOf<T>{};
        }
    }
    T mean[4 * R];
    lane_sums<T>(sums, mean);
    for (int j = 0; j < 4 * R; ++j)
        sums[j] = splat<T>(mean[j] / (T)n.count);
    VecOf<T> scale[2 * R];
    for (int j = 0; j < R; ++j) {
        const T *kept = n.statistics + (r + j) * kLayerStatistics;
        scale[j] = splat<T>(kept[0]);
        scale[R + j] = splat<T>(kept[1]);
    }
    for (Index k = 0; k < G; k += W) {
        const VecOf<T> gain_x = load<T>(n.gain_ih + k), gain_h = load<T>(n.gain_hh + k);
        const VecOf<T> valid = load<T>(n.valid + k);
        for (int j = 0; j < R; ++j) {
            const Index at = (r + j) * n.stride + k;
            const VecOf<T> dz = load<T>(a.cell.gates + at);
            if (more) {
                fetch<T>(n.x + at + R * n.stride);
                fetch_to_write<T>(n.h + at + R * n.stride);
            }
            const VecOf<T> x = gain_x * dz - sums[j] * valid - load<T>(n.x + at) * sums[R + j];
            const VecOf<T> h =
                gain_h * dz - sums[2 * R + j] * valid - load<T>(n.h + at) * sums[3 * R + j];
            store<T>(a.cell.gates + at, scale[j] * x);
            store<T>(n.h + at, scale[R + j] * h);
        }
    }
}

template <class T, int R>
FASTLSTM_INLINE void layer_norm_rows_backward(const NormBackwardArgs<T> &a, Index r) {
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(s.hidden), padded = padded_of<T>(s.hidden);
    T mean[R], scale[R], means[2 * R], *to[R];
    for (int j = 0; j < R; ++j) {
        const T *kept = n.statistics + (r + j) * kLayerStatistics;
        scale[j] = kept[2];
        mean[j] = kept[3];
        to[j] = a.sums + (a.first_rank + r + j) / a.group * norm_sum_size(G, padded);
    }
    VecOf<T> sums[2 * R] = {};
    for_blocks<T, R>(r, s.hidden, mean, scale, [&](const auto &p) {
        Many<T, R> da, normal;
        show_backward(a, p, da, normal);
        const VecOf<T> gain = load<T>(n.gain_c + p.unit[0]);
        for (int j = 0; j < R; ++j) {
            const VecOf<T> along = da.v[j] * normal.v[j];
            sums[j] = mul_add(gain, da.v[j], sums[j]);
            sums[R + j] = mul_add(gain, along, sums[R + j]);
            T *sum = to[j] + 3 * G + p.unit[0];
            store<T>(sum, load<T>(sum) + along);
            store<T>(sum + padded, load<T>(sum + padded) + da.v[j]);
        }
    });
    lane_sums<T>(sums, means);
    Many<T, R> sum, product;
    for (int j = 0; j < R; ++j) {
        sum.v[j] = splat<T>(means[j] / (T)s.hidden);
        product.v[j] = splat<T>(means[R + j] / (T)s.hidden);
    }
    for_blocks<T, R>(r, s.hidden, mean, scale, [&](const auto &p) {
        forget_cells<T, R>(a, p, sum, product, to);
        for (int j = 0; j < R; ++j)
            if (p.row[j] + R < s.rows)
                fetch_cell(s, p.row[j] + R, p.unit[j]);
    });
    sums_backward<T, R>(a, r, to);
}
template <class T> void layer_norm_backward(const NormBackwardArgs<T> &a) {
    for_row_groups(a.cell.rows, [&](Index r, auto R) {
        layer_norm_rows_backward<T, decltype(R)::value>(a, r);
    });
}
