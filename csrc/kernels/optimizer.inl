// One pass over the flat parameter buffer for each optimizer. grad_scale multiplies the
// gradient first, so that clipping by the global norm costs no pass of its own.

// The derivative of l1 |p|, 0 where p is 0; of numbers and of vectors.
template <class V> FASTLSTM_INLINE V l1_slope(V l1, V p) {
    const V zero = {};
    return p > zero ? l1 : (p < zero ? -l1 : zero);
}

// g' = grad_scale g + weight_decay p + l1 sign(p);  v = momentum v + g'
// p -= learning_rate (nesterov ? g' + momentum v : v)   (Sutskever et al. 2013)
template <class T> void sgd_kernel(const SgdArgs<T> &s) {
    const T lr = (T)s.learning_rate, mu = (T)s.momentum, decay = (T)s.weight_decay;
    const T l1 = (T)s.l1, scale = (T)s.grad_scale;
    T *__restrict param = s.param, *__restrict velocity = s.velocity;
    const T *__restrict grad = s.grad;
    const Index n = s.n;
    if (!velocity) {
        for (Index i = 0; i < n; ++i)
            param[i] -=
                lr * (scale * grad[i] + decay * param[i] + l1_slope(l1, param[i]));
        return;
    }
    // p -= lr (a g' + b v) holds both forms; the factors 0 and 1 are exact.
    const T a = s.nesterov ? T(1) : T(0), b = s.nesterov ? mu : T(1);
    for (Index i = 0; i < n; ++i) {
        const T g = scale * grad[i] + decay * param[i] + l1_slope(l1, param[i]);
        velocity[i] = mu * velocity[i] + g;
        param[i] -= lr * (a * g + b * velocity[i]);
    }
}

// Kingma & Ba 2015, algorithm 1; decoupled decay as Loshchilov & Hutter 2019, and l1 where
// the decay is.
template <class T> struct AdamStep {
    using Vec = VecOf<T>;
    Vec b1, b2, one_b1, one_b2, rate, root, epsilon, scale, coupled, shrink;
    Vec coupled_l1, shrink_l1;

    explicit AdamStep(const AdamArgs<T> &s)
        : b1(splat<T>((T)s.beta1)), b2(splat<T>((T)s.beta2)),
          one_b1(splat<T>((T)(1 - s.beta1))), one_b2(splat<T>((T)(1 - s.beta2))),
          rate(splat<T>((T)(s.learning_rate / s.correction1))),
          root(splat<T>((T)(1 / s.correction2))), epsilon(splat<T>((T)s.epsilon)),
          scale(splat<T>((T)s.grad_scale)),
          coupled(splat<T>((T)(s.decoupled ? 0 : s.weight_decay))),
          shrink(splat<T>((T)(s.decoupled ? s.learning_rate * s.weight_decay : 0))),
          coupled_l1(splat<T>((T)(s.decoupled ? 0 : s.l1))),
          shrink_l1(splat<T>((T)(s.decoupled ? s.learning_rate * s.l1 : 0))) {}

    FASTLSTM_INLINE void run(const AdamStep &k, Vec &p, Vec g, Vec &m, Vec &v) {
        g = g * k.scale + k.coupled * p + l1_slope(k.coupled_l1, p);
        m = k.b1 * m + k.one_b1 * g;
        v = k.b2 * v + k.one_b2 * (g * g);
        p = p - (k.shrink * p + l1_slope(k.shrink_l1, p));
        p = p - k.rate * m / (vec_sqrt(v * k.root) + k.epsilon);
    }
};

template <class T> void adam_kernel(const AdamArgs<T> &s) {
    constexpr Index W = Simd<T>::W;
    using Vec = VecOf<T>;
    const AdamStep<T> step(s);
    Index i = 0;
    for (; i + W <= s.n; i += W) {
        Vec p = load<T>(s.param + i), m = load<T>(s.m + i), v = load<T>(s.v + i);
        AdamStep<T>::run(step, p, load<T>(s.grad + i), m, v);
        store<T>(s.param + i, p);
        store<T>(s.m + i, m);
        store<T>(s.v + i, v);
    }
    if (const Index left = s.n - i; left > 0) {
        Vec p = load_part<T>(s.param + i, left);
        Vec m = load_part<T>(s.m + i, left), v = load_part<T>(s.v + i, left);
        AdamStep<T>::run(step, p, load_part<T>(s.grad + i, left), m, v);
        store_part<T>(s.param + i, p, left);
        store_part<T>(s.m + i, m, left);
        store_part<T>(s.v + i, v, left);
    }
}

// Sum of squares in float64: 8 partial sums over each run of 1024, runs added in order.
template <class T> double squared_norm_kernel(const T *x, Index n) {
    double total = 0;
    for (Index begin = 0; begin < n; begin += 1024) {
        const Index end = begin + 1024 < n ? begin + 1024 : n;
        double partial[8] = {};
        Index i = begin;
        for (; i + 8 <= end; i += 8)
            for (Index l = 0; l < 8; ++l)
                partial[l] += (double)x[i + l] * (double)x[i + l];
        for (; i < end; ++i)
            partial[0] += (double)x[i] * (double)x[i];
        for (Index l = 0; l < 8; ++l)
            total += partial[l];
    }
    return total;
}
