// exp, sigmoid and tanh of a vector: no branch, no gather, at most 4 ULP where the
// result is normal; exp saturates outside [kMin, kMax] instead of going to 0 and inf
// (tests/test_activations.py measures it over every float32, tests/cpp/test_cell.cpp for
// the gates of a cell, which share divisions).
//
// exp: x = n ln 2 + r, |r| <= ln(2)/2; exp(r) = 1 + r + r^2 q(r); n is found by adding a
// number so large that the sum has no fraction bits, and its low bits become the
// exponent. Coefficients of q: kernels/exp_coefficients.py.

template <class T> struct ExpConstants;
template <> struct ExpConstants<float> {
    static constexpr float kLog2e = 1.44269504f;
    static constexpr float kLn2High = 0.693359375f; // 9 bits: n times it is exact
    static constexpr float kLn2Low = -2.12194440e-4f;
    static constexpr float kShift = 12582912.f; // 1.5 * 2^23
    static constexpr int kMantissaBits = 23;
    static constexpr int kExponentBias = 127;
    static constexpr float kMin = -87.34f; // 2^n stays normal, exp(x) is just not
    static constexpr float kMax = 88.37f;
    static constexpr float kOne = 18.05f; // sigmoid(x) and tanh(x / 2) round to 1 from here on
    static constexpr int kDegree = 4;
    static constexpr float q[kDegree + 1] = {0.5f, 0.1666657699f, 0.04166655462f,
                                             0.008363179053f, 0.001392618359f};
};
template <> struct ExpConstants<double> {
    static constexpr double kLog2e = 1.4426950408889634;
    static constexpr double kLn2High = 6.93147180369123816490e-01; // 32 bits
    static constexpr double kLn2Low = 1.90821492927058770002e-10;
    static constexpr double kShift = 6755399441055744.0; // 1.5 * 2^52
    static constexpr int kMantissaBits = 52;
    static constexpr int kExponentBias = 1023;
    static constexpr double kMin = -708.40;
    static constexpr double kMax = 709.43;
    static constexpr double kOne = 38.2;
    static constexpr int kDegree = 9;
    static constexpr double q[kDegree + 1] = {
        0.500000000000000102,    0.166666666666666675,   0.0416666666666241279,
        0.00833333333333006183,  0.00138888889172137169, 0.000198412698630536169,
        0.0000248015212959543751, 2.75572684599970648e-6, 2.76200884454097482e-7,
        2.51003854955103191e-8};
};

// N vectors that take the same way at once. One cell is a chain of some forty dependent
// operations; side by side several of them fill the pipes that one leaves idle.
template <class T, int N> struct Many {
    VecOf<T> v[N];
};
#define FASTLSTM_EACH(EXPRESSION)                                                              \
    Many<T, N> out;                                                                            \
    _Pragma("GCC unroll 4") for (int j = 0; j < N; ++j) out.v[j] = EXPRESSION;                 \
    return out
#define FASTLSTM_OPERATOR(OP)                                                                  \
    template <class T, int N>                                                                  \
    FASTLSTM_INLINE Many<T, N> operator OP(Many<T, N> a, Many<T, N> b) {                       \
        FASTLSTM_EACH(a.v[j] OP b.v[j]);                                                       \
    }                                                                                          \
    template <class T, int N>                                                                  \
    FASTLSTM_INLINE Many<T, N> operator OP(VecOf<T> a, Many<T, N> b) {                         \
        FASTLSTM_EACH(a OP b.v[j]);                                                            \
    }
FASTLSTM_OPERATOR(+)
FASTLSTM_OPERATOR(-)
FASTLSTM_OPERATOR(*)
FASTLSTM_OPERATOR(/)
template <class T, int N>
FASTLSTM_INLINE Many<T, N> mul_add(Many<T, N> a, Many<T, N> b, Many<T, N> c) {
    FASTLSTM_EACH(mul_add(a.v[j], b.v[j], c.v[j]));
}
template <class T, int N>
FASTLSTM_INLINE Many<T, N> mul_add(Many<T, N> a, VecOf<T> b, Many<T, N> c) {
    FASTLSTM_EACH(mul_add(a.v[j], b, c.v[j]));
}
template <class T, int N>
FASTLSTM_INLINE Many<T, N> mul_add(Many<T, N> a, Many<T, N> b, VecOf<T> c) {
    FASTLSTM_EACH(mul_add(a.v[j], b.v[j], c));
}
template <class T, int N>
FASTLSTM_INLINE Many<T, N> mul_add(Many<T, N> a, VecOf<T> b, VecOf<T> c) {
    FASTLSTM_EACH(mul_add(a.v[j], b, c));
}
template <class T, int N> FASTLSTM_INLINE Many<T, N> clamp(Many<T, N> x, T low, T high) {
    FASTLSTM_EACH(vec_min(splat<T>(high), vec_max(splat<T>(low), x.v[j])));
}
template <class T, int N> FASTLSTM_INLINE Many<T, N> at_most_one(Many<T, N> x) {
    FASTLSTM_EACH(vec_min(splat<T>(T(1)), x.v[j]));
}
// 2^n where t = n + kShift.
template <class T, int N> FASTLSTM_INLINE Many<T, N> power_of_two(Many<T, N> t) {
    using C = ExpConstants<T>;
    using Int = typename Simd<T>::Int;
    FASTLSTM_EACH((VecOf<T>)(((Int)t.v[j] + C::kExponentBias) << C::kMantissaBits));
}
#undef FASTLSTM_OPERATOR
#undef FASTLSTM_EACH

// x = n ln 2 + r: returns 2^n and sets p = expm1(r). x must lie in [kMin, kMax].
template <class T, int N>
FASTLSTM_INLINE Many<T, N> exp_parts(Many<T, N> x, Many<T, N> &p) {
    using C = ExpConstants<T>;
    const Many<T, N> t = mul_add(x, splat<T>(C::kLog2e), splat<T>(C::kShift));
    const Many<T, N> n = splat<T>(-C::kShift) + t;
    Many<T, N> r = mul_add(n, splat<T>(-C::kLn2High), x);
    r = mul_add(n, splat<T>(-C::kLn2Low), r);
    Many<T, N> q = mul_add(r, splat<T>(C::q[C::kDegree]), splat<T>(C::q[C::kDegree - 1]));
    for (int d = C::kDegree - 2; d >= 0; --d)
        q = mul_add(q, r, splat<T>(C::q[d]));
    p = mul_add(q, r * r, r);
    return power_of_two(t);
}

template <class T> FASTLSTM_INLINE VecOf<T> vec_exp(VecOf<T> x) {
    using C = ExpConstants<T>;
    Many<T, 1> p;
    const Many<T, 1> scale = exp_parts(clamp(Many<T, 1>{{x}}, C::kMin, C::kMax), p);
    return mul_add(scale, p, scale).v[0];
}

// sigmoid and tanh as fractions, so that a cell can form two with one division:
//   sigmoid(x) = e / (1 + e) with e = exp(x),  tanh(x) = t / (t + 2) with t = expm1(2x)
// Beyond kOne both round to 1, so the denominators stay so small that their products
// are finite; for negative x the numerators keep the results' relative accuracy.
template <class T, int N> struct Fraction {
    Many<T, N> above, below;
};

// Vector j becomes tanh(x / 2) where bit j of TANH is set, else sigmoid(x): one way for
// all, so that they stay side by side.
template <int TANH, class T, int N> FASTLSTM_INLINE Fraction<T, N> fractions(Many<T, N> x) {
    using C = ExpConstants<T>;
    Many<T, N> p, start, one;
    const Many<T, N> scale = exp_parts(clamp(x, C::kMin, C::kOne), p);
    for (int j = 0; j < N; ++j) {
        const bool is_tanh = TANH >> j & 1;
        start.v[j] = is_tanh ? scale.v[j] - splat<T>(T(1)) : scale.v[j];
        one.v[j] = splat<T>(is_tanh ? T(2) : T(1));
    }
    const Many<T, N> above = mul_add(scale, p, start);
    return {above, above + one};
}

// A sigmoid and a tanh with one division. A shared quotient may round to just beyond 1
// where the fraction is 1: hence the clamps.
template <class T, int N>
FASTLSTM_INLINE void divide(Fraction<T, N> sigmoid, Fraction<T, N> tanh, Many<T, N> &x,
                            Many<T, N> &y) {
    const Many<T, N> r = splat<T>(T(1)) / (sigmoid.below * tanh.below);
    x = at_most_one(sigmoid.above * (tanh.below * r));
    y = clamp(tanh.above * (sigmoid.below * r), T(-1), T(1));
}

template <class T> FASTLSTM_INLINE VecOf<T> vec_sigmoid(VecOf<T> x) {
    const Fraction<T, 1> f = fractions<0>(Many<T, 1>{{x}});
    return f.above.v[0] / f.below.v[0];
}
template <class T, int N> FASTLSTM_INLINE Many<T, N> tanh_many(Many<T, N> x) {
    const Fraction<T, N> f = fractions<(1 << N) - 1>(x + x);
    return f.above / f.below;
}
template <class T> FASTLSTM_INLINE VecOf<T> vec_tanh(VecOf<T> x) {
    using Int = typename Simd<T>::Int;
    const Int sign = (Int)x & (Int)splat<T>(T(-0.0)); // for -0, which a cell does not mind
    return (VecOf<T>)((Int)tanh_many(Many<T, 1>{{x}}).v[0] | sign);
}

template <class T, VecOf<T> (*F)(VecOf<T>)>
void map_kernel(T *out, const T *x, Index n) {
    constexpr Index W = Simd<T>::W;
    Index i = 0;
    for (; i + W <= n; i += W)
        store<T>(out + i, F(load<T>(x + i)));
    if (i < n)
        store_part<T>(out + i, F(load_part<T>(x + i, n - i)), n - i);
}
