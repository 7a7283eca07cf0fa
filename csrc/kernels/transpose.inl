// Rows of a parameter into lanes of a packed weight, W x W at a time in registers.

// One stage of the transpose: swaps the blocks of S lanes off the diagonal of two rows
// that are S apart. L: 0 .. W - 1.
template <class T, int S, int... L>
FASTLSTM_INLINE void exchange(VecOf<T> &low, VecOf<T> &high, std::integer_sequence<int, L...>) {
    constexpr int W = Simd<T>::W;
    const VecOf<T> a = low, b = high;
#if defined(__clang__)
    low = __builtin_shufflevector(a, b, (L & S ? W + L - S : L)...);
    high = __builtin_shufflevector(a, b, (L & S ? W + L : L + S)...);
#else
    using Int = typename Simd<T>::Int;
    low = __builtin_shuffle(a, b, Int{(L & S ? W + L - S : L)...});
    high = __builtin_shuffle(a, b, Int{(L & S ? W + L : L + S)...});
#endif
}

template <class T, int S> FASTLSTM_INLINE void transpose_stages(VecOf<T> *v) {
    constexpr int W = Simd<T>::W;
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i)
        if (!(i & S))
            exchange<T, S>(v[i], v[i + S], std::make_integer_sequence<int, W>());
    if constexpr (S > 1)
        transpose_stages<T, S / 2>(v);
}

template <class T> void transpose_kernel(const TransposeArgs<T> &g) {
    constexpr int W = Simd<T>::W;
    VecOf<T> v[W];
    for (Index k = 0; k < g.K; k += W) {
        const Index n = g.K - k < W ? g.K - k : W;
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) {
            const T *from = g.src + i * g.src_stride + k;
            v[i] = i >= g.rows ? VecOf<T>{} : n == W ? load<T>(from) : load_part<T>(from, n);
        }
        transpose_stages<T, W / 2>(v);
        T *to = g.dst + k * g.dst_stride;
        for (Index j = 0; j < n; ++j, to += g.dst_stride) {
            if (g.lanes == W)
                store<T>(to, v[j]);
            else
                store_half<T>(to, v[j]);
        }
    }
}
