// Layer normalisation: moments over the columns of a row, in the order of the columns.

template <class T> FASTLSTM_INLINE T lanes_sum(VecOf<T> a, VecOf<T> b) {
    const VecOf<T> both[2] = {a, b};
    return (T)sum_lanes<T>(both);
}
// Mean of n columns; there are an even number of vectors of gate columns, and the ones that
// belong to no unit are zero.
template <class T> FASTLSTM_INLINE T row_mean(const T *x, Index columns, Index n) {
    constexpr int W = Simd<T>::W;
    VecOf<T> a = {}, b = {};
    for (Index k = 0; k < columns; k += 2 * W) {
        a = a + load<T>(x + k);
        b = b + load<T>(x + k + W);
    }
    return lanes_sum<T>(a, b) / (T)n;
}
template <class T>
FASTLSTM_INLINE T row_scale(const T *x, const T *valid, Index columns, Index n, T mean) {
    constexpr int W = Simd<T>::W;
    VecOf<T> a = {}, b = {};
    for (Index k = 0; k < columns; k += 2 * W) {
        const VecOf<T> p = (load<T>(x + k) - splat<T>(mean)) * load<T>(valid + k);
        const VecOf<T> q = (load<T>(x + k + W) - splat<T>(mean)) * load<T>(valid + k + W);
        a = mul_add(p, p, a);
        b = mul_add(q, q, b);
    }
    return (T)(1.0 / __builtin_sqrt(double(lanes_sum<T>(a, b)) / double(n) + kNormEpsilon));
}
// Mean and scale of the H cells of a row; padding is zero.
template <class T>
FASTLSTM_INLINE void cell_moments(const T *c, Index hidden, T &mean, T &scale) {
    constexpr int W = Simd<T>::W;
    const VecOf<T> none = {};
    VecOf<T> a = {};
    for (Index u = 0; u < hidden; u += W)
        a = a + load<T>(c + u);
    mean = lanes_sum<T>(a, none) / (T)hidden;
    a = none;
    for (Index u = 0; u < hidden; u += W) {
        const VecOf<T> d = (load<T>(c + u) - splat<T>(mean)) * unit_valid<T>(hidden, u);
        a = mul_add(d, d, a);
    }
    const double variance = double(lanes_sum<T>(a, none)) / double(hidden);
    scale = (T)(1.0 / __builtin_sqrt(variance + kNormEpsilon));
}

// Calls each(NormPlace of N blocks) over the blocks of a row.
template <class T, class F>
FASTLSTM_INLINE void for_blocks(Index row, Index hidden, T mean, T scale, F each) {
    constexpr int W = Simd<T>::W, N = kCellRows;
    const Index blocks = (hidden + W - 1) / W;
    const auto at = [&](auto p, Index block) {
        for (unsigned j = 0; j < sizeof(p.row) / sizeof(p.row[0]); ++j) {
            p.row[j] = row;
            p.unit[j] = (block + j) * W;
            p.mean.v[j] = splat<T>(mean);
            p.scale.v[j] = splat<T>(scale);
        }
        return p;
    };
    Index block = 0;
    for (; block + N <= blocks; block += N)
        each(at(NormPlace<T, N>(), block));
    for (; block < blocks; ++block)
        each(at(NormPlace<T, 1>(), block));
}

template <class T> void layer_norm_step(const NormStepArgs<T> &a) {
    constexpr int W = Simd<T>::W;
    const StepArgs<T> &s = a.step;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(s.hidden);
    for (Index r = 0; r < s.rows; ++r) {
        T *x = n.x + r * n.stride, *h = n.h + r * n.stride, *z = s.gates + r * s.gates_stride;
        T *kept = n.statistics + r * kLayerStatistics;
        const T mean_x = row_mean(x, G, n.count), mean_h = row_mean(h, G, n.count);
        kept[0] = row_scale(x, n.valid, G, n.count, mean_x);
        kept[1] = row_scale(h, n.valid, G, n.count, mean_h);
        for (Index k = 0; k < G; k += W) {
            const VecOf<T> valid = load<T>(n.valid + k);
            const VecOf<T> p = (load<T>(x + k) - splat<T>(mean_x)) * (splat<T>(kept[0]) * valid);
            const VecOf<T> q = (load<T>(h + k) - splat<T>(mean_h)) * (splat<T>(kept[1]) * valid);
            store<T>(x + k, p);
            store<T>(h + k, q);
            const VecOf<T> sum = mul_add(load<T>(n.gain_ih + k), p, load<T>(n.bias + k));
            store<T>(z + k, mul_add(load<T>(n.gain_hh + k), q, sum));
        }
        for_blocks<T>(r, s.hidden, T(0), T(1), [&](auto p) { remember_cells(s, p); });
        cell_moments(s.c + r * s.c_stride, s.hidden, kept[3], kept[2]);
        for_blocks<T>(r, s.hidden, kept[3], kept[2], [&](auto p) { show_cells(s, n, p); });
    }
}

// to = the gradient of sums that were normalised to `normal`, given dz = d(gain normal); to
// may be dz.
template <class T>
FASTLSTM_INLINE void row_backward(T *to, const T *dz, const T *normal, const T *gain,
                                  const NormArgs<T> &n, Index columns, T scale) {
    constexpr int W = Simd<T>::W;
    VecOf<T> sum = {}, product = {};
    const VecOf<T> none = {};
    for (Index k = 0; k < columns; k += W) {
        const VecOf<T> d = load<T>(gain + k) * load<T>(dz + k);
        sum = sum + d;
        product = mul_add(d, load<T>(normal + k), product);
    }
    const VecOf<T> mean = splat<T>(lanes_sum<T>(sum, none) / (T)n.count);
    const VecOf<T> along = splat<T>(lanes_sum<T>(product, none) / (T)n.count);
    for (Index k = 0; k < columns; k += W) {
        const VecOf<T> d = load<T>(gain + k) * load<T>(dz + k) - mean * load<T>(n.valid + k);
        store<T>(to + k, splat<T>(scale) * (d - load<T>(normal + k) * along));
    }
}

template <class T, int N> FASTLSTM_INLINE void add_all(VecOf<T> &to, Many<T, N> v) {
    for (int j = 0; j < N; ++j)
        to = to + v.v[j];
}

template <class T> void layer_norm_backward(const NormBackwardArgs<T> &a) {
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    const VecOf<T> none = {};
    for (Index r = 0; r < s.rows; ++r) {
        const T *kept = n.statistics + r * kLayerStatistics;
        VecOf<T> sum = {}, product = {};
        for_blocks<T>(r, s.hidden, kept[3], kept[2], [&](auto p) {
            auto part = p.mean, along = p.mean;
            part = along = {};
            show_backward(a, p, part, along);
            add_all<T>(sum, part);
            add_all<T>(product, along);
        });
        const T mean = lanes_sum<T>(sum, none) / (T)s.hidden;
        const T mean_along = lanes_sum<T>(product, none) / (T)s.hidden;
        for_blocks<T>(r, s.hidden, kept[3], kept[2], [&](auto p) {
            auto part = p.mean, along = p.mean;
            for (unsigned j = 0; j < sizeof(part) / sizeof(none); ++j) {
                part.v[j] = splat<T>(mean);
                along.v[j] = splat<T>(mean_along);
            }
            forget_cells(a, p, part, along);
        });
        row_backward(a.dh_sums + r * n.stride, s.gates + r * s.gates_stride, n.h + r * n.stride,
                     n.gain_hh, n, columns_of<T>(s.hidden), kept[1]);
    }
}

template <class T> void layer_norm_input(const NormInputArgs<T> &a) {
    const NormArgs<T> &n = a.norm;
    for (Index r = 0; r < a.rows; ++r) {
        T *gates = a.gates + r * n.stride;
        row_backward(gates, gates, n.x + r * n.stride, n.gain_ih, n, columns_of<T>(a.hidden),
                     n.statistics[r * kLayerStatistics]);
    }
}
