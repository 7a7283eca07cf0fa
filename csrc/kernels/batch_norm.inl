// Recurrent batch normalisation: moments over the rows of a step, in their order, each unit
// for itself. And the gradients of gains and biases, which are sums over rows in either way.

// Mean and variance of a vector of columns over the rows.
template <class T>
FASTLSTM_INLINE void column_moments(const T *x, Index stride, Index rows, VecOf<T> &mean,
                                    VecOf<T> &variance) {
    VecOf<T> a = {}, b = {};
    const VecOf<T> share = splat<T>(T(1.0 / double(rows)));
    Index r = 0;
    for (; r + 2 <= rows; r += 2) {
        a = a + load<T>(x + r * stride);
        b = b + load<T>(x + (r + 1) * stride);
    }
    if (r < rows)
        a = a + load<T>(x + r * stride);
    mean = (a + b) * share;
    a = VecOf<T>{};
    for (r = 0; r < rows; ++r) {
        const VecOf<T> d = load<T>(x + r * stride) - mean;
        a = mul_add(d, d, a);
    }
    variance = a * share;
}
// The same, kept at or taken from a step's statistics; returns the scale.
template <class T>
FASTLSTM_INLINE VecOf<T> kept_moments(const NormArgs<T> &n, T *at_mean, T *at_variance,
                                      const T *x, Index stride, Index rows, VecOf<T> &mean) {
    VecOf<T> variance;
    if (n.given) {
        mean = load<T>(at_mean);
        variance = load<T>(at_variance);
    } else {
        column_moments(x, stride, rows, mean, variance);
        store<T>(at_mean, mean);
        store<T>(at_variance, variance);
    }
    return scale_of<T>(variance);
}

// Calls each(NormPlace of N rows) over the rows of a block.
template <class T, class F>
FASTLSTM_INLINE void for_rows(Index rows, Index unit, VecOf<T> mean, VecOf<T> scale, F each) {
    constexpr int N = kCellRows;
    const auto at = [&](auto p, Index row) {
        for (unsigned j = 0; j < sizeof(p.row) / sizeof(p.row[0]); ++j) {
            p.row[j] = row + j;
            p.unit[j] = unit;
            p.mean.v[j] = mean;
            p.scale.v[j] = scale;
        }
        return p;
    };
    Index row = 0;
    for (; row + N <= rows; row += N)
        each(at(NormPlace<T, N>(), row));
    for (; row < rows; ++row)
        each(at(NormPlace<T, 1>(), row));
}

// Vectors of the gate columns of a block.
template <class T> FASTLSTM_INLINE int block_vectors(Index hidden, Index unit) {
    return is_half<T>(hidden, unit) ? 2 : 4;
}
// The statistics of a step, from the block that begins with `unit` on.
template <class T>
FASTLSTM_INLINE T *statistics_of(const NormArgs<T> &n, int part, Index hidden, Index unit) {
    return n.statistics + batch_statistics(part, columns_of<T>(hidden), padded_of<T>(hidden)) +
           unit * (part < 4 ? 4 : 1);
}

template <class T> void batch_norm_step(const NormStepArgs<T> &a) {
    constexpr int W = Simd<T>::W;
    const StepArgs<T> &s = a.step;
    const NormArgs<T> &n = a.norm;
    const auto kept = [&](int part, Index unit) {
        return statistics_of<T>(n, part, s.hidden, unit);
    };
    if (s.rows == 0)
        return;
    for (Index block = s.block_begin; block < s.block_end; ++block) {
        const Index unit = block * W;
        for (int v = 0; v < block_vectors<T>(s.hidden, unit); ++v) {
            const Index k = unit * 4 + v * W, at = v * W;
            T *x = n.x + k, *h = n.h + k, *z = s.gates + k;
            VecOf<T> mean_x, mean_h;
            const VecOf<T> scale_x = kept_moments(n, kept(0, unit) + at, kept(1, unit) + at, x,
                                                  n.stride, s.rows, mean_x);
            const VecOf<T> scale_h = kept_moments(n, kept(2, unit) + at, kept(3, unit) + at, h,
                                                  n.stride, s.rows, mean_h);
            const VecOf<T> gain_x = load<T>(n.gain_ih + k), gain_h = load<T>(n.gain_hh + k);
            const VecOf<T> bias = load<T>(n.bias + k);
            for (Index r = 0; r < s.rows; ++r) {
                const VecOf<T> p = (load<T>(x + r * n.stride) - mean_x) * scale_x;
                const VecOf<T> q = (load<T>(h + r * n.stride) - mean_h) * scale_h;
                store<T>(x + r * n.stride, p);
                store<T>(h + r * n.stride, q);
                store<T>(z + r * s.gates_stride, mul_add(gain_h, q, mul_add(gain_x, p, bias)));
            }
        }
        const VecOf<T> none = {};
        for_rows<T>(s.rows, unit, none, none, [&](auto p) { remember_cells(s, p); });
        VecOf<T> mean;
        const VecOf<T> scale =
            kept_moments(n, kept(4, unit), kept(5, unit), s.c + unit, s.c_stride, s.rows, mean);
        for_rows<T>(s.rows, unit, mean, scale, [&](auto p) { show_cells(s, n, p); });
    }
}

// As row_backward, for a vector of columns.
template <class T>
FASTLSTM_INLINE void column_backward(T *to, const T *dz, const T *normal, Index stride,
                                     Index rows, VecOf<T> factor) {
    VecOf<T> sum = {}, product = {};
    for (Index r = 0; r < rows; ++r) {
        const VecOf<T> d = load<T>(dz + r * stride);
        sum = sum + d;
        product = mul_add(d, load<T>(normal + r * stride), product);
    }
    const VecOf<T> share = splat<T>(T(1.0 / double(rows)));
    sum = sum * share;
    product = product * share;
    for (Index r = 0; r < rows; ++r) {
        const VecOf<T> d = load<T>(dz + r * stride) - sum;
        store<T>(to + r * stride, factor * (d - load<T>(normal + r * stride) * product));
    }
}

template <class T> void batch_norm_backward(const NormBackwardArgs<T> &a) {
    constexpr int W = Simd<T>::W;
    const CellBackwardArgs<T> &s = a.cell;
    const NormArgs<T> &n = a.norm;
    if (s.rows == 0)
        return;
    for (Index block = s.block_begin; block < s.block_end; ++block) {
        const Index unit = block * W;
        const VecOf<T> mean = load<T>(statistics_of<T>(n, 4, s.hidden, unit));
        const VecOf<T> scale = scale_of<T>(load<T>(statistics_of<T>(n, 5, s.hidden, unit)));
        VecOf<T> sum = {}, product = {};
        for_rows<T>(s.rows, unit, mean, scale, [&](auto p) {
            auto part = p.mean, along = p.mean;
            part = along = {};
            show_backward(a, p, part, along);
            add_all<T>(sum, part);
            add_all<T>(product, along);
        });
        const VecOf<T> share = splat<T>(T(1.0 / double(s.rows)));
        for_rows<T>(s.rows, unit, mean, scale, [&](auto p) {
            auto part = p.mean, along = p.mean;
            for (unsigned j = 0; j < sizeof(part) / sizeof(mean); ++j) {
                part.v[j] = sum * share;
                along.v[j] = product * share;
            }
            forget_cells(a, p, part, along);
        });
        for (int v = 0; v < block_vectors<T>(s.hidden, unit); ++v) {
            const Index k = unit * 4 + v * W;
            const VecOf<T> variance = load<T>(statistics_of<T>(n, 3, s.hidden, unit) + v * W);
            column_backward(a.dh_sums + k, s.gates + k, n.h + k, n.stride, s.rows,
                            load<T>(n.gain_hh + k) * scale_of<T>(variance));
        }
    }
}

template <class T> void batch_norm_input(const NormInputArgs<T> &a) {
    constexpr int W = Simd<T>::W;
    const NormArgs<T> &n = a.norm;
    if (a.rows == 0)
        return;
    for (Index block = a.block_begin; block < a.block_end; ++block)
        for (int v = 0; v < block_vectors<T>(a.hidden, block * W); ++v) {
            const Index k = block * W * 4 + v * W;
            const VecOf<T> variance =
                load<T>(statistics_of<T>(n, 1, a.hidden, block * W) + v * W);
            column_backward(a.gates + k, a.gates + k, n.x + k, n.stride, a.rows,
                            load<T>(n.gain_ih + k) * scale_of<T>(variance));
        }
}

template <class T, Normalization KIND> void norm_gradients(const NormGradientArgs<T> &a) {
    constexpr int W = Simd<T>::W;
    const NormArgs<T> &n = a.norm;
    const Index G = columns_of<T>(a.hidden), padded = padded_of<T>(a.hidden);
    for (Index block = a.block_begin; block < a.block_end; ++block) {
        const Index unit = block * W;
        for (int v = 0; v < block_vectors<T>(a.hidden, unit); ++v) {
            const Index k = unit * 4 + v * W;
            VecOf<T> ih = load<T>(a.sum + k), hh = load<T>(a.sum + G + k);
            VecOf<T> bias = load<T>(a.sum + 2 * G + k);
            for (Index r = 0; r < a.rows; ++r) {
                const VecOf<T> dz = load<T>(a.gates + r * n.stride + k);
                ih = mul_add(dz, load<T>(n.x + r * n.stride + k), ih);
                hh = mul_add(dz, load<T>(n.h + r * n.stride + k), hh);
                bias = bias + dz;
            }
            store<T>(a.sum + k, ih);
            store<T>(a.sum + G + k, hh);
            store<T>(a.sum + 2 * G + k, bias);
        }
        T *sum = a.sum + 3 * G + unit;
        VecOf<T> gain = load<T>(sum), bias = load<T>(sum + padded);
        VecOf<T> mean = {}, scale = {};
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
    }
}
