// The pointwise LSTM cells on vectors of W units. The drivers in cell.inl are templates on
// them and know no equation. forward: z holds pre-activations, then activations, in the
// order i f g o. backward: z holds activations, then gradients of the pre-activations; dc
// the gradient of c_t from later steps, then of c_{t-1}; dh that of h_t, then what of it goes
// to h_{t-1} past the gates; m receives o act(c).

// Where the N vectors stand: their rows, their first units, and what the cell has there.
template <class T, int N> struct Place {
    const CellOptions<T> *options;
    const CellMasks<T> *masks;
    Index row[N], unit[N];
};
template <class T, int N>
FASTLSTM_INLINE Many<T, N> mask_at(const Place<T, N> &at, const T *rows) {
    Many<T, N> m;
    for (int j = 0; j < N; ++j)
        m.v[j] = load<T>(rows + at.row[j] * at.masks->stride + at.unit[j]);
    return m;
}

// Sigmoids of i and f and the tanh of g, side by side with the fraction of o where it is
// known already. i and g share a division; f has its own, so that a forget gate that is 1 is
// exactly 1 and a latched cell does not drift.
template <bool WITH_O, class T, int N>
FASTLSTM_INLINE void squash(Many<T, N> *z, Fraction<T, N> &o) {
    constexpr int M = WITH_O ? 4 : 3;
    for (int j = 0; j < N; ++j) {
        Many<T, M> x;
        for (int v = 0; v < M; ++v)
            x.v[v] = v == 2 ? z[2].v[j] + z[2].v[j] : z[v].v[j];
        const Fraction<T, M> q = fractions<1 << 2>(x);
        Many<T, 1> i, g;
        divide<T, 1>({{{q.above.v[0]}}, {{q.below.v[0]}}}, {{{q.above.v[2]}}, {{q.below.v[2]}}},
                     i, g);
        z[0].v[j] = i.v[0];
        z[1].v[j] = q.above.v[1] / q.below.v[1];
        z[2].v[j] = g.v[0];
        if (WITH_O) {
            o.above.v[j] = q.above.v[M - 1];
            o.below.v[j] = q.below.v[M - 1];
        }
    }
}

// Hochreiter & Schmidhuber 1997 with the forget gate of Gers, Schmidhuber & Cummins 2000.
template <class T, int N> struct PlainCell {
    using Vec = Many<T, N>;

    static constexpr bool kReadsState = false; // forward's h_prev

    FASTLSTM_INLINE void forward(const Place<T, N> &, Vec *z, Vec c_prev, Vec, Vec &c, Vec &h) {
        Fraction<T, N> o;
        squash<true>(z, o);
        c = mul_add(z[1], c_prev, z[0] * z[2]);
        Vec tanh_c;
        divide(o, fractions<(1 << N) - 1>(c + c), z[3], tanh_c);
        h = z[3] * tanh_c;
    }

    FASTLSTM_INLINE void backward(const Place<T, N> &, Vec *z, Vec c_prev, Vec c, Vec &dh,
                                  Vec &dc, Vec &m) {
        const VecOf<T> one = splat<T>(T(1));
        const Vec i = z[0], f = z[1], g = z[2], o = z[3];
        const Vec tanh_c = tanh_many(c);
        m = o * tanh_c;
        dc = mul_add(dh * o, one - tanh_c * tanh_c, dc);
        z[0] = dc * g * i * (one - i);
        z[1] = dc * c_prev * f * (one - f);
        z[2] = dc * i * (one - g * g);
        z[3] = dh * tanh_c * o * (one - o);
        dc = dc * f;
    }
};

// Activations by name, and their derivatives from what they returned. hard-sigmoid is
// min(max(x / 6 + 1/2, 0), 1), as torch and Keras 3 have it.
template <class T, int N> FASTLSTM_INLINE Many<T, N> activate(Activation kind, Many<T, N> x) {
    const VecOf<T> zero = {}, one = splat<T>(T(1));
    Many<T, N> y;
    switch (kind) {
    case Activation::Sigmoid: {
        const Fraction<T, N> f = fractions<0>(x);
        return f.above / f.below;
    }
    case Activation::Tanh: return tanh_many(x);
    case Activation::HardSigmoid:
        for (int j = 0; j < N; ++j) {
            y.v[j] = mul_add(x.v[j], splat<T>(T(1) / 6), splat<T>(T(0.5)));
            y.v[j] = vec_min(one, vec_max(zero, y.v[j]));
        }
        return y;
    default:
        for (int j = 0; j < N; ++j)
            y.v[j] = vec_max(zero, x.v[j]);
        return y;
    }
}
template <class T, int N> FASTLSTM_INLINE Many<T, N> slope(Activation kind, Many<T, N> y) {
    const VecOf<T> zero = {}, one = splat<T>(T(1)), sixth = splat<T>(T(1) / 6);
    Many<T, N> d;
    for (int j = 0; j < N; ++j) {
        const VecOf<T> v = y.v[j];
        switch (kind) {
        case Activation::Sigmoid: d.v[j] = v * (one - v); break;
        case Activation::Tanh: d.v[j] = one - v * v; break;
        case Activation::HardSigmoid:
            d.v[j] = v > zero ? sixth : zero;
            d.v[j] = v < one ? d.v[j] : zero;
            break;
        default: d.v[j] = v > zero ? one : zero;
        }
    }
    return d;
}

// All that CellOptions and CellMasks offer. Peepholes: Gers, Schraudolph & Schmidhuber 2002,
// the output gate looks at the new cell. Coupled gates: Greff et al. 2017. A cell at its clip
// lets no gradient through (Sak, Senior & Beaufays 2014 clip so). Masked candidate: Semeniuta
// et al. 2016. Zoneout: Krueger et al. 2017, h shows the new cell even where c keeps the old.
template <class T, int N> struct VariantCell {
    using Vec = Many<T, N>;
    static constexpr bool kReadsState = true;

    // The peepholes of gate v (i, f, o) at these units.
    FASTLSTM_INLINE Vec peephole(const Place<T, N> &at, int v) {
        Vec p;
        for (int j = 0; j < N; ++j)
            p.v[j] = load<T>(at.options->peephole + at.unit[j] * 3 + v * Simd<T>::W);
        return p;
    }
    // How much of the old state stays: by a mask, or in the mean.
    FASTLSTM_INLINE Vec stays(const Place<T, N> &at, const T *mask, T mean) {
        if (mask)
            return mask_at(at, mask);
        Vec d;
        for (int j = 0; j < N; ++j)
            d.v[j] = splat<T>(mean);
        return d;
    }
    FASTLSTM_INLINE Vec mix(Vec stays, Vec old, Vec fresh) {
        return mul_add(stays, old, (splat<T>(T(1)) - stays) * fresh);
    }

    // The new cell before zoneout.
    FASTLSTM_INLINE Vec fresh_cell(const CellOptions<T> &o, Vec i, Vec f, Vec g, Vec c_prev) {
        const Vec c = mul_add(f, c_prev, i * g);
        return o.clip > 0 ? clamp(c, -o.clip, o.clip) : c;
    }

    FASTLSTM_INLINE bool is_usual(const CellOptions<T> &o) {
        return o.gate == Activation::Sigmoid && o.cell == Activation::Tanh;
    }

    // Gates and the new cell. In the usual case o stays a fraction, to share a division.
    FASTLSTM_INLINE void remember(const Place<T, N> &at, Vec *z, Vec c_prev, Vec &c,
                                  Fraction<T, N> &out) {
        const CellOptions<T> &o = *at.options;
        if (o.peephole) {
            z[0] = mul_add(peephole(at, 0), c_prev, z[0]);
            z[1] = mul_add(peephole(at, 1), c_prev, z[1]);
        }
        const bool usual = is_usual(o);
        if (usual && o.peephole) {
            squash<false>(z, out);
        } else if (usual) {
            squash<true>(z, out);
        } else {
            z[0] = activate(o.gate, z[0]);
            z[1] = activate(o.gate, z[1]);
            z[2] = activate(o.cell, z[2]);
        }
        if (o.coupled)
            z[1] = splat<T>(T(1)) - z[0];
        const Vec g = at.masks->candidate ? z[2] * mask_at(at, at.masks->candidate) : z[2];
        c = fresh_cell(o, z[0], z[1], g, c_prev);
        if (o.peephole)
            z[3] = mul_add(peephole(at, 2), c, z[3]);
        if (!usual)
            z[3] = activate(o.gate, z[3]);
        else if (o.peephole)
            out = fractions<0>(z[3]);
    }

    FASTLSTM_INLINE void forward(const Place<T, N> &at, Vec *z, Vec c_prev, Vec h_prev, Vec &c,
                                 Vec &h) {
        const CellOptions<T> &o = *at.options;
        Fraction<T, N> out = {};
        remember(at, z, c_prev, c, out);
        if (is_usual(o)) {
            Vec shown;
            divide(out, fractions<(1 << N) - 1>(c + c), z[3], shown);
            h = z[3] * shown;
        } else {
            h = z[3] * activate(o.cell, c);
        }
        if (o.zoneout_h > 0)
            h = mix(stays(at, at.masks->zoneout_h, o.zoneout_h), h_prev, h);
        if (o.zoneout_c > 0)
            c = mix(stays(at, at.masks->zoneout_c, o.zoneout_c), c_prev, c);
    }

    // dh becomes the gradient of what the cell shows; what zoneout keeps of it is returned.
    FASTLSTM_INLINE Vec past_h(const Place<T, N> &at, Vec &dh) {
        if (!(at.options->zoneout_h > 0))
            return {};
        const Vec d = stays(at, at.masks->zoneout_h, at.options->zoneout_h);
        const Vec past = d * dh;
        dh = (splat<T>(T(1)) - d) * dh;
        return past;
    }

    // From the gradient dc of the new cell c on; z[3] is that of o's sum already. dc becomes
    // that of c_prev, with past_c, what zoneout keeps.
    FASTLSTM_INLINE void forget(const Place<T, N> &at, Vec *z, Vec c_prev, Vec c, Vec past_c,
                                Vec &dc) {
        const CellOptions<T> &o = *at.options;
        const Vec i = z[0], f = z[1];
        const bool masked = at.masks->candidate != nullptr;
        const Vec factor = masked ? mask_at(at, at.masks->candidate) : Vec{};
        const Vec g = masked ? z[2] * factor : z[2];
        if (o.peephole)
            dc = mul_add(z[3], peephole(at, 2), dc);
        if (o.clip > 0)
            for (int j = 0; j < N; ++j) {
                const VecOf<T> zero = {}, most = splat<T>(o.clip);
                dc.v[j] = c.v[j] < most ? dc.v[j] : zero;
                dc.v[j] = c.v[j] > -most ? dc.v[j] : zero;
            }
        z[2] = dc * i * slope(o.cell, z[2]);
        if (masked)
            z[2] = z[2] * factor;
        if (o.coupled) {
            z[0] = dc * (g - c_prev) * slope(o.gate, i);
            z[1] = {};
        } else {
            z[0] = dc * g * slope(o.gate, i);
            z[1] = dc * c_prev * slope(o.gate, f);
        }
        dc = o.zoneout_c > 0 ? mul_add(dc, f, past_c) : dc * f;
        if (o.peephole) {
            dc = mul_add(z[0], peephole(at, 0), dc);
            dc = mul_add(z[1], peephole(at, 1), dc);
        }
    }

    FASTLSTM_INLINE void backward(const Place<T, N> &at, Vec *z, Vec c_prev, Vec c, Vec &dh,
                                  Vec &dc, Vec &m) {
        const CellOptions<T> &o = *at.options;
        const Vec out = z[3];
        Vec past_c = {};
        if (o.zoneout_c > 0) {
            const CellMasks<T> &masks = *at.masks;
            const Vec d = stays(at, masks.zoneout_c, o.zoneout_c);
            const Vec g = masks.candidate ? z[2] * mask_at(at, masks.candidate) : z[2];
            c = fresh_cell(o, z[0], z[1], g, c_prev);
            past_c = d * dc;
            dc = (splat<T>(T(1)) - d) * dc;
        }
        const Vec past = past_h(at, dh), shown = activate(o.cell, c);
        m = out * shown;
        z[3] = dh * shown * slope(o.gate, out);
        dc = mul_add(dh * out, slope(o.cell, shown), dc);
        dh = past;
        forget(at, z, c_prev, c, past_c, dc);
    }
};
