// What the CPU can do at most: independent chains of multiply-adds on registers alone.
// Returns a number that depends on all of them, so that none is left out.
template <class T> double multiply_adds_kernel(Index n) {
    VecOf<T> chain[kMultiplyAddChains];
    for (int j = 0; j < kMultiplyAddChains; ++j)
        chain[j] = splat<T>(T(j));
    const VecOf<T> factor = splat<T>(T(0.5)), term = splat<T>(T(1));
    for (Index i = 0; i < n; ++i)
#pragma GCC unroll 12
        for (int j = 0; j < kMultiplyAddChains; ++j)
            chain[j] = mul_add(chain[j], factor, term);
    double sum = 0;
    for (int j = 0; j < kMultiplyAddChains; ++j)
        sum += double(chain[j][0]);
    return sum;
}
