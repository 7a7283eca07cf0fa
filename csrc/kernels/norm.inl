// Normalised cells: what stands between the products of a step and its states, forward and
// backward. Layer normalisation (Ba, Kiros & Hinton 2016, equations 20 to 22, without shifts
// of the sums, which the bias has) takes its moments over the gates of a row; recurrent batch
// normalisation (Cooijmans et al. 2017, equations 6 to 8) over the rows of a step. What both
// do to a vector of cells stands here once, in terms of that vector's mean and scale.

template <class T> FASTLSTM_INLINE Index columns_of(Index hidden) {
    constexpr int W = Simd<T>::W;
    const Index left = hidden % W, whole = hidden - left;
    return 4 * (whole + (left ? gate_lanes(left, W) : 0));
}
template <class T> FASTLSTM_INLINE Index padded_of(Index hidden) {
    constexpr int W = Simd<T>::W;
    return (hidden + W - 1) / W * W;
}
// One where the units from `unit` on are there.
template <class T> FASTLSTM_INLINE VecOf<T> unit_valid(Index hidden, Index unit) {
    constexpr int W = Simd<T>::W;
    if (hidden - unit >= W)
        return splat<T>(T(1));
    T ones[W] = {};
    for (Index l = 0; l < hidden - unit; ++l)
        ones[l] = T(1);
    return load<T>(ones);
}
template <class T> FASTLSTM_INLINE VecOf<T> scale_of(VecOf<T> variance) {
    return splat<T>(T(1)) / vec_sqrt(variance + splat<T>(T(kNormEpsilon)));
}

// N cells side by side, rows or blocks of one row, and what their cell states are
// normalised with.
template <class T, int N> struct NormPlace {
    Index row[N], unit[N];
    Many<T, N> mean, scale;
};

template <class T, int N>
FASTLSTM_INLINE Place<T, N> place_of(const CellOptions<T> *options, const CellMasks<T> *masks,
                                     const NormPlace<T, N> &p) {
    Place<T, N> at{options, masks, {}, {}};
    for (int j = 0; j < N; ++j) {
        at.row[j] = p.row[j];
        at.unit[j] = p.unit[j];
    }
    return at;
}
template <class T, int N>
FASTLSTM_INLINE Many<T, N> load_units(const T *x, Index stride, const NormPlace<T, N> &p) {
    Many<T, N> v;
    for (int j = 0; j < N; ++j)
        v.v[j] = load<T>(x + p.row[j] * stride + p.unit[j]);
    return v;
}
template <class T, int N>
FASTLSTM_INLINE void store_units(T *x, Index stride, const NormPlace<T, N> &p, Many<T, N> v) {
    for (int j = 0; j < N; ++j)
        store<T>(x + p.row[j] * stride + p.unit[j], v.v[j]);
}
template <class T, int N>
FASTLSTM_INLINE void load_gates(Many<T, N> *z, const T *gates, Index stride, Index hidden,
                                const NormPlace<T, N> &p) {
    for (int j = 0; j < N; ++j)
        for (int v = 0; v < 4; ++v)
            z[v].v[j] = load_gate<T>(gates + p.row[j] * stride + p.unit[j] * 4, v,
                                     is_half<T>(hidden, p.unit[j]));
}
template <class T, int N>
FASTLSTM_INLINE void store_gates(T *gates, Index stride, Index hidden, const NormPlace<T, N> &p,
                                 const Many<T, N> *z, int begin = 0, int end = 4) {
    for (int j = 0; j < N; ++j)
        for (int v = begin; v < end; ++v)
            store_gate<T>(gates + p.row[j] * stride + p.unit[j] * 4, v,
                          is_half<T>(hidden, p.unit[j]), z[v].v[j]);
}
template <class T, int N>
FASTLSTM_INLINE Many<T, N> per_unit(const T *x, const NormPlace<T, N> &p) {
    return load_units<T, N>(x, 0, p);
}

// Sums to activations in `gates` and the new cell.
template <class T, int N>
FASTLSTM_INLINE void remember_cells(const StepArgs<T> &s, const NormPlace<T, N> &p,
                                    Many<T, N> *z) {
    Many<T, N> c;
    Fraction<T, N> out = {};
    const Many<T, N> c_prev = load_units<T, N>(s.c_prev, s.c_prev_stride, p);
    VariantCell<T, N>::remember(place_of<T, N>(s.options, &s.masks, p), z, c_prev, c, out);
    if (VariantCell<T, N>::is_usual(*s.options))
        z[3] = out.above / out.below;
    store_gates<T, N>(s.gates, s.gates_stride, s.hidden, p, z);
    store_units<T, N>(s.c, s.c_stride, p, c);
}
// The hidden state of cells that are there.
template <class T, int N>
FASTLSTM_INLINE void show_cells(const StepArgs<T> &s, const NormArgs<T> &n,
                                const NormPlace<T, N> &p) {
    using Cell = VariantCell<T, N>;
    const CellOptions<T> &o = *s.options;
    Many<T, N> out, h_prev = {};
    for (int j = 0; j < N; ++j) {
        out.v[j] = load_gate<T>(s.gates + p.row[j] * s.gates_stride + p.unit[j] * 4, 3,
                                is_half<T>(s.hidden, p.unit[j]));
        if (o.zoneout_h > 0)
            h_prev.v[j] = load_most<T>(row_of(s.h, p.row[j]) + p.unit[j], s.hidden - p.unit[j]);
    }
    const Many<T, N> normal = (load_units<T, N>(s.c, s.c_stride, p) - p.mean) * p.scale;
    const Many<T, N> seen = mul_add(per_unit(n.gain_c, p), normal, per_unit(n.bias_c, p));
    Many<T, N> h = out * activate(o.cell, seen);
    if (o.zoneout_h > 0)
        h = Cell::mix(Cell::stays(place_of<T, N>(&o, &s.masks, p), s.masks.zoneout_h, o.zoneout_h),
                      h_prev, h);
    for (int j = 0; j < N; ++j) {
        const Index valid = s.hidden - p.unit[j];
        T *y = row_of(s.y, p.row[j]) + p.unit[j];
        if (valid >= Simd<T>::W)
            store<T>(y, h.v[j]);
        else
            store_part<T>(y, h.v[j], valid);
    }
}

// The gradient of what the cells show: that of o's sum into the gates, and da, that of
// gain_c normal + bias_c.
template <class T, int N>
FASTLSTM_INLINE void show_backward(const NormBackwardArgs<T> &a, const NormPlace<T, N> &p,
                                   Many<T, N> &da, Many<T, N> &normal) {
    using Cell = VariantCell<T, N>;
    const CellBackwardArgs<T> &s = a.cell;
    const CellOptions<T> &o = *s.options;
    Many<T, N> z[4], dh = load_units<T, N>(s.dh, s.dh_stride, p);
    for (int j = 0; j < N; ++j) {
        z[3].v[j] = load_gate<T>(s.gates + p.row[j] * s.gates_stride + p.unit[j] * 4, 3,
                                 is_half<T>(s.hidden, p.unit[j]));
        if (s.has_dy)
            dh.v[j] = dh.v[j] +
                      load_most<T>(row_of(s.dy, p.row[j]) + p.unit[j], s.hidden - p.unit[j]);
    }
    const Many<T, N> past = Cell::past_h(place_of<T, N>(&o, &s.masks, p), dh);
    if (o.zoneout_h > 0)
        store_units<T, N>(s.dh, s.dh_stride, p, past);
    normal = (load_units<T, N>(s.c, s.c_stride, p) - p.mean) * p.scale;
    const Many<T, N> shown = activate(
        o.cell, mul_add(per_unit(a.norm.gain_c, p), normal, per_unit(a.norm.bias_c, p)));
    if (s.m)
        store_units<T, N>(s.m, s.m_stride, p, z[3] * shown);
    da = dh * z[3] * slope(o.cell, shown);
    z[3] = dh * shown * slope(o.gate, z[3]);
    store_gates<T, N>(s.gates, s.gates_stride, s.hidden, p, z, 3, 4);
    store_units<T, N>(a.da, s.c_stride, p, da);
}
// The rest of it, given the means of gain_c da and of gain_c da normal.
template <class T, int N>
FASTLSTM_INLINE void forget_cells(const NormBackwardArgs<T> &a, const NormPlace<T, N> &p,
                                  Many<T, N> sum, Many<T, N> product, T *const (&to)[N]) {
    const CellBackwardArgs<T> &s = a.cell;
    Many<T, N> z[4], valid;
    load_gates<T, N>(z, s.gates, s.gates_stride, s.hidden, p);
    for (int j = 0; j < N; ++j)
        valid.v[j] = unit_valid<T>(s.hidden, p.unit[j]);
    const Many<T, N> c = load_units<T, N>(s.c, s.c_stride, p), normal = (c - p.mean) * p.scale;
    const Many<T, N> da = load_units<T, N>(a.da, s.c_stride, p);
    const Many<T, N> own = per_unit(a.norm.gain_c, p) * da - sum - normal * product;
    Many<T, N> dc = mul_add(p.scale * valid, own, load_units<T, N>(s.dc, s.dc_stride, p));
    const Many<T, N> c_prev = load_units<T, N>(s.c_prev, s.c_prev_stride, p);
    VariantCell<T, N>::forget(place_of<T, N>(s.options, &s.masks, p), z, c_prev, c, {}, dc);
    if (s.options->peephole)
        for (int j = 0; j < N; ++j) {
            constexpr int W = Simd<T>::W;
            T *kept = to[j] + 3 * columns_of<T>(s.hidden) + 2 * padded_of<T>(s.hidden) +
                     p.unit[j] * 3;
            store<T>(kept, mul_add(z[0].v[j], c_prev.v[j], load<T>(kept)));
            store<T>(kept + W, mul_add(z[1].v[j], c_prev.v[j], load<T>(kept + W)));
            store<T>(kept + 2 * W, mul_add(z[3].v[j], c.v[j], load<T>(kept + 2 * W)));
        }
    store_gates<T, N>(s.gates, s.gates_stride, s.hidden, p, z);
    store_units<T, N>(s.dc, s.dc_stride, p, dc);
}
