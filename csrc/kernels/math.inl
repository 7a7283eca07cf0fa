// exp, sigmoid and tanh of a vector: no branch, no gather, at most 4 ULP where the
// result is normal; exp saturates outside [kMin, kMax] instead of going to 0 and inf
// (tests/test_activations.py measures it over every float32).
//
// exp: x = n ln 2 + r, |r| <= ln(2)/2; exp(r) = 1 + r + r^2 q(r); n is found by adding a
// number so large that the sum has no fraction bits, and its low bits become the
// exponent. Coefficients of q: kernels/exp_coefficients.py.
// tanh(x) = t / (t + 2) with t = expm1(2|x|): exact to the last bits near zero too.

template <class T> struct ExpConstants;
template <> struct ExpConstants<float> {
    static constexpr float kLog2e = 1.44269504f;
    static constexpr float kLn2High = 0.693359375f; // 9 bits: n times it is exact
    static constexpr float kLn2Low = -2.12194440e-4f;
    static constexpr float kShift = 12582912.f; // 1.5 * 2^23
    static constexpr int kMantissaBits = 23;
    static constexpr int kExponentBias = 127;
    static constexpr float kMin = -87.33f; // 2^n stays a normal number
    static constexpr float kMax = 88.37f;
    static constexpr float kTanhOne = 9.02f; // tanh rounds to 1 from here on
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
    static constexpr double kMin = -708.39;
    static constexpr double kMax = 709.43;
    static constexpr double kTanhOne = 19.07;
    static constexpr int kDegree = 9;
    static constexpr double q[kDegree + 1] = {
        0.500000000000000102,    0.166666666666666675,   0.0416666666666241279,
        0.00833333333333006183,  0.00138888889172137169, 0.000198412698630536169,
        0.0000248015212959543751, 2.75572684599970648e-6, 2.76200884454097482e-7,
        2.51003854955103191e-8};
};

// x = n ln 2 + r: returns 2^n and sets p = expm1(r). x must lie in [kMin, kMax].
template <class T> FASTLSTM_INLINE VecOf<T> exp_parts(VecOf<T> x, VecOf<T> &p) {
    using C = ExpConstants<T>;
    using Vec = VecOf<T>;
    using Int = typename Simd<T>::Int;
    const Vec shift = splat<T>(C::kShift);
    const Vec t = mul_add(x, splat<T>(C::kLog2e), shift);
    const Vec n = t - shift;
    Vec r = mul_add(n, splat<T>(-C::kLn2High), x);
    r = mul_add(n, splat<T>(-C::kLn2Low), r);
    Vec q = splat<T>(C::q[C::kDegree]);
    for (int d = C::kDegree - 1; d >= 0; --d)
        q = mul_add(q, r, splat<T>(C::q[d]));
    p = mul_add(q, r * r, r);
    Int scale = ((Int)t + C::kExponentBias) << C::kMantissaBits;
    return (Vec)scale;
}

template <class T> FASTLSTM_INLINE VecOf<T> vec_exp(VecOf<T> x) {
    using C = ExpConstants<T>;
    const VecOf<T> low = splat<T>(C::kMin), high = splat<T>(C::kMax);
    x = select(x < low, low, x);
    x = select(x > high, high, x);
    VecOf<T> p;
    const VecOf<T> scale = exp_parts<T>(x, p);
    return mul_add(scale, p, scale);
}

template <class T> FASTLSTM_INLINE VecOf<T> vec_sigmoid(VecOf<T> x) {
    const VecOf<T> one = splat<T>(T(1));
    return one / (one + vec_exp<T>(-x));
}

template <class T> FASTLSTM_INLINE VecOf<T> vec_tanh(VecOf<T> x) {
    using C = ExpConstants<T>;
    using Int = typename Simd<T>::Int;
    const Int sign_bit = (Int)splat<T>(T(-0.0));
    const Int sign = (Int)x & sign_bit;
    VecOf<T> a = (VecOf<T>)((Int)x & ~sign_bit);
    const VecOf<T> limit = splat<T>(C::kTanhOne);
    a = select(a > limit, limit, a);
    VecOf<T> p;
    const VecOf<T> scale = exp_parts<T>(a + a, p);
    const VecOf<T> t = mul_add(scale, p, scale - splat<T>(T(1)));
    return (VecOf<T>)((Int)(t / (t + splat<T>(T(2)))) | sign);
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
