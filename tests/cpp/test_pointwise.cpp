// Dropout, softmax, optimizers and norm of every instruction set against plain loops.
#include "check.h"

namespace check {
namespace {

// Philox 4x32-10 (Salmon et al. 2011), one draw, word by word.
void philox(std::uint32_t *c, std::uint64_t seed) {
    std::uint32_t k0 = std::uint32_t(seed), k1 = std::uint32_t(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
        const std::uint32_t next[4] = {std::uint32_t(p1 >> 32) ^ c[1] ^ k0, std::uint32_t(p1),
                                       std::uint32_t(p0 >> 32) ^ c[3] ^ k1, std::uint32_t(p0)};
        std::copy(next, next + 4, c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

void test_known_answer() {
    // From the authors' own test vectors.
    std::uint32_t c[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
    philox(c, 0x299f31d0a4093822ull);
    expect(c[0] == 0xd16cfe09 && c[1] == 0x94fdcceb && c[2] == 0x5001e420 && c[3] == 0x24126ea1,
           [] { return "Philox known answer"; });
}

template <class T> void test_dropout(const char *isa, const Kernels<T> &k, Index n, double p) {
    const std::vector<T> x = random_vector<T>(n);
    std::vector<T> expected, out(std::size_t(n + 1), kSentinel<T>);
    fastlstm::DropoutArgs<T> d;
    d.n = n;
    d.x = x.data();
    d.out = out.data();
    d.p = p;
    d.seed = 0xFEDCBA9876543210ull;
    d.stream = 3;
    d.row_id = 0x500000007ull;
    d.step = 11;
    k.dropout(d);
    for (Index u = 0; u < n; ++u) {
        std::uint32_t c[4] = {std::uint32_t(u / 64 * 16 + u % 16), d.step,
                              std::uint32_t(d.row_id),
                              (d.stream << 16) ^ std::uint32_t(d.row_id >> 32)};
        philox(c, d.seed);
        const bool kept = double(c[u / 16 % 4]) >= std::floor(p * 4294967296.0);
        expected.push_back(kept ? x[std::size_t(u)] * T(1 / (1 - p)) : T(0));
    }
    expected.push_back(kSentinel<T>);
    expect(same_bits(out, expected), [&] { return label<T>("dropout", isa, {{"n", n}}); });
}

// at: a logit far above the others, so that the maximum must be found; -1: none.
template <class T>
void test_softmax(const char *isa, const Kernels<T> &k, Index n, Index at) {
    std::vector<T> x = random_vector<T>(n, -30, 30);
    if (at >= 0)
        x[std::size_t(at)] += T(500);
    std::vector<T> out(std::size_t(n + 1), kSentinel<T>);
    double largest = -1e300, sum = 0;
    for (const T v : x)
        largest = std::max(largest, double(v));
    std::vector<double> expected;
    for (const T v : x)
        sum += std::exp(double(v) - largest);
    for (const T v : x)
        expected.push_back(std::exp(double(v) - largest) / sum);
    fastlstm::SoftmaxArgs<T> s;
    s.n = n;
    s.logits = x.data();
    s.out = out.data();
    const double log_sum = k.softmax(s);
    const bool end = out.back() == kSentinel<T>;
    out.pop_back();
    expect(end && distance(out, expected) < kRounding<T> &&
               std::fabs(log_sum - largest - std::log(sum)) < kRounding<T>,
           [&] { return label<T>("softmax", isa, {{"n", n}, {"at", at}}); });
}

double sign_of(double x) { return double(x > 0) - double(x < 0); }

template <class T> void test_sgd(const char *isa, const Kernels<T> &k, Index n, bool nesterov) {
    std::vector<T> p = random_vector<T>(n + 1), v = random_vector<T>(n + 1);
    p[0] = 0; // where sign(p) is 0
    std::vector<T> q = p;
    const std::vector<T> g = random_vector<T>(n + 1);
    const double lr = 0.1, mu = 0.9, decay = 0.01, l1 = 0.03, scale = 0.5;
    std::vector<double> want(p.begin(), p.end()), want_v(v.begin(), v.end()), want_q = want;
    for (std::size_t i = 0; i < std::size_t(n); ++i) {
        const double gradient =
            scale * double(g[i]) + decay * want[i] + l1 * sign_of(want[i]);
        want_v[i] = mu * want_v[i] + gradient;
        want_q[i] -= lr * gradient;
        want[i] -= lr * (nesterov ? gradient + mu * want_v[i] : want_v[i]);
    }
    fastlstm::SgdArgs<T> s;
    s.n = n;
    s.param = p.data();
    s.grad = g.data();
    s.velocity = v.data();
    s.learning_rate = lr;
    s.momentum = mu;
    s.weight_decay = decay;
    s.l1 = l1;
    s.grad_scale = scale;
    s.nesterov = nesterov;
    k.sgd(s);
    s.param = q.data();
    s.velocity = nullptr;
    k.sgd(s);
    expect(distance(p, want) < kRounding<T> && distance(v, want_v) < kRounding<T> &&
               distance(q, want_q) < kRounding<T>,
           [&] { return label<T>("sgd", isa, {{"n", n}, {"nesterov", nesterov}}); });
}

template <class T> void test_adam(const char *isa, const Kernels<T> &k, Index n, bool decoupled) {
    std::vector<T> p = random_vector<T>(n + 1), m = random_vector<T>(n + 1);
    p[0] = 0; // where sign(p) is 0
    std::vector<T> v = random_vector<T>(n + 1, 0, 1);
    const std::vector<T> g = random_vector<T>(n + 1);
    std::vector<double> want(p.begin(), p.end()), want_m(m.begin(), m.end());
    std::vector<double> want_v(v.begin(), v.end());
    fastlstm::AdamArgs<T> a;
    a.n = n;
    a.param = p.data();
    a.grad = g.data();
    a.m = m.data();
    a.v = v.data();
    a.learning_rate = 0.01;
    a.beta1 = 0.9;
    a.beta2 = 0.999;
    a.epsilon = 1e-8;
    a.weight_decay = 0.1;
    a.l1 = 0.3;
    a.grad_scale = 0.5;
    a.correction1 = 1 - std::pow(0.9, 7);
    a.correction2 = 1 - std::pow(0.999, 7);
    a.decoupled = decoupled;
    k.adam(a);
    for (std::size_t i = 0; i < std::size_t(n); ++i) {
        double gradient = a.grad_scale * double(g[i]);
        if (decoupled)
            want[i] -= a.learning_rate * (a.weight_decay * want[i] + a.l1 * sign_of(want[i]));
        else
            gradient += a.weight_decay * want[i] + a.l1 * sign_of(want[i]);
        want_m[i] = a.beta1 * want_m[i] + (1 - a.beta1) * gradient;
        want_v[i] = a.beta2 * want_v[i] + (1 - a.beta2) * gradient * gradient;
        want[i] -= a.learning_rate * (want_m[i] / a.correction1) /
                   (std::sqrt(want_v[i] / a.correction2) + a.epsilon);
    }
    expect(distance(p, want) < kRounding<T> && distance(m, want_m) < kRounding<T> &&
               distance(v, want_v) < kRounding<T>,
           [&] { return label<T>("adam", isa, {{"n", n}, {"decoupled", decoupled}}); });
}

template <class T> void test_norm(const char *isa, const Kernels<T> &k, Index n) {
    const std::vector<T> x = random_vector<T>(n);
    long double sum = 0;
    for (const T v : x)
        sum += static_cast<long double>(v) * static_cast<long double>(v);
    const double norm = k.squared_norm(x.data(), n);
    expect(std::fabs(norm - double(sum)) <= 1e-14 * double(sum),
           [&] { return label<T>("squared norm", isa, {{"n", n}}); });
}

} // namespace

template <class T> void test_pointwise(const char *isa, const Kernels<T> &k) {
    test_known_answer();
    for (Index n = 1; n <= 70; ++n) {
        test_dropout(isa, k, n, 0.3);
        for (Index at = -1; at < n; ++at)
            test_softmax(isa, k, n, at);
        for (const bool variant : {false, true}) {
            test_sgd(isa, k, n, variant);
            test_adam(isa, k, n, variant);
        }
        test_norm(isa, k, n);
    }
    test_dropout(isa, k, 1000, 0.7);
    test_softmax(isa, k, 1003, -1);
    test_norm(isa, k, 5003);
}

template void test_pointwise<float>(const char *, const Kernels<float> &);
template void test_pointwise<double>(const char *, const Kernels<double> &);

} // namespace check
