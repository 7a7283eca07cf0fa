// What the CPU can do at most. Each returns a number that depends on all that it did, so
// that nothing is left out.

// The sum of the lanes of N vectors.
template <class T, int N> FASTLSTM_INLINE double sum_lanes(const VecOf<T> (&v)[N]) {
    constexpr int W = Simd<T>::W;
    T lanes[W];
    VecOf<T> sum = v[0];
    for (int j = 1; j < N; ++j)
        sum = sum + v[j];
    store<T>(lanes, sum);
    for (int half = W / 2; half > 0; half /= 2)
        for (int l = 0; l < half; ++l)
            lanes[l] += lanes[l + half];
    return double(lanes[0]);
}

// Independent chains of multiply-adds on registers alone.
template <class T> double multiply_adds_kernel(Index n) {
    VecOf<T> chain[kMultiplyAddChains];
    for (int j = 0; j < kMultiplyAddChains; ++j)
        chain[j] = splat<T>(T(j));
    const VecOf<T> factor = splat<T>(T(0.5)), term = splat<T>(T(1));
    for (Index i = 0; i < n; ++i)
#pragma GCC unroll 12
        for (int j = 0; j < kMultiplyAddChains; ++j)
            chain[j] = mul_add(chain[j], factor, term);
    return sum_lanes<T>(chain);
}

// A sum over n elements, of whole rounds of chains: as fast as they can be read.
template <class T> double read_kernel(const T *x, Index n) {
    constexpr int W = Simd<T>::W;
    VecOf<T> sums[kReadChains] = {};
    for (Index i = 0; i + kReadChains * W <= n; i += kReadChains * W)
#pragma GCC unroll 8
        for (int j = 0; j < kReadChains; ++j)
            sums[j] = sums[j] + load<T>(x + i + j * W);
    return sum_lanes<T>(sums);
}
