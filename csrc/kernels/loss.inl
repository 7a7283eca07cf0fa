// Softmax of one row, the vector part of the softmax cross-entropy.

// The largest element; NaN anywhere may be passed over: exp turns it up again. The last
// vector overlaps the one before it, which a maximum does not mind.
template <class T> FASTLSTM_INLINE T largest_of(const T *x, Index n) {
    constexpr Index W = Simd<T>::W;
    T largest = x[0];
    Index i = 1;
    if (n >= W) {
        VecOf<T> most = load<T>(x + n - W);
        for (Index j = 0; j + W <= n; j += W) {
            const VecOf<T> v = load<T>(x + j);
            most = vec_max(v, most);
        }
        for (Index l = 0; l < W; ++l)
            largest = most[l] > largest ? most[l] : largest;
        i = n;
    }
    for (; i < n; ++i)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

// out = exp(x - max) / sum, returns log(sum(exp(x))). The sum runs in a fixed order (W
// partial sums, then left to right), so a row's result depends on nothing but the row.
// The logarithm is a double: a loss subtracts a logit from it, and both may be large
// where the loss is small.
template <class T> double softmax_kernel(const SoftmaxArgs<T> &s) {
    constexpr Index W = Simd<T>::W;
    const T largest = largest_of(s.logits, s.n);
    const VecOf<T> shift = splat<T>(largest);
    VecOf<T> partial = {};
    Index i = 0;
    for (; i + W <= s.n; i += W) {
        const VecOf<T> e = vec_exp<T>(load<T>(s.logits + i) - shift);
        partial = partial + e;
        store<T>(s.out + i, e);
    }
    T sum = 0;
    for (Index l = 0; l < W; ++l)
        sum += partial[l];
    if (i < s.n) {
        const VecOf<T> e = vec_exp<T>(load_part<T>(s.logits + i, s.n - i) - shift);
        for (Index l = 0; l < s.n - i; ++l)
            sum += e[l];
        store_part<T>(s.out + i, e, s.n - i);
    }
    const T scale = T(1) / sum;
    for (Index j = 0; j < s.n; ++j)
        s.out[j] *= scale;
    return (double)largest + __builtin_log((double)sum);
}
