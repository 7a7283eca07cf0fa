// Linear, embedding, dropout, batch norm, losses and optimizers on the table in use: against plain
// loops, and the same bits for any number of threads and any batch.
#include <stdexcept>

#include "base/threads.h"
#include "check.h"
#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/losses.h"
#include "nn/optimizers.h"

namespace check {
namespace {

using namespace fastlstm;

template <class F> bool refuses(F &&f) {
    try {
        f();
    } catch (const std::invalid_argument &) {
        return true;
    }
    return false;
}

// One forward and backward of a Linear, all results in a row.
template <class T> struct LinearRun {
    Index N, I, O;
    bool bias;
    std::vector<T> flat, x, dy;

    LinearRun(Index n, Index in, Index out, bool with_bias)
        : N(n), I(in), O(out), bias(with_bias), flat(random_vector<T>(O * I + (bias ? O : 0))),
          x(random_vector<T>(N * (I + 3))), dy(random_vector<T>(N * (O + 1))) {}

    std::vector<T> results(Index rows_) const {
        Linear<T> layer(I, O, bias);
        std::vector<T> y(std::size_t(rows_ * (O + 2)), kSentinel<T>);
        std::vector<T> dx(std::size_t(rows_ * (I + 1)), kSentinel<T>);
        std::vector<T> grads(flat.size(), T(0.5));
        layer.forward(flat.data(), 1, rows_, rows<const T>(x.data(), I + 3),
                      rows<T>(y.data(), O + 2));
        layer.backward(flat.data(), 1, rows_, rows<const T>(dy.data(), O + 1),
                       rows<const T>(x.data(), I + 3), grads.data(), rows<T>(dx.data(), I + 1));
        y.insert(y.end(), dx.begin(), dx.end());
        y.insert(y.end(), grads.begin(), grads.end());
        return y;
    }
    std::vector<double> expected() const {
        std::vector<double> y, dx, grads(flat.size(), 0.5);
        for (Index n = 0; n < N; ++n) {
            const T *xn = x.data() + n * (I + 3), *dyn = dy.data() + n * (O + 1);
            for (Index o = 0; o < O; ++o) {
                double sum = bias ? double(flat[std::size_t(O * I + o)]) : 0;
                for (Index i = 0; i < I; ++i) {
                    sum += double(flat[std::size_t(o * I + i)]) * double(xn[i]);
                    grads[std::size_t(o * I + i)] += double(dyn[o]) * double(xn[i]);
                }
                if (bias)
                    grads[std::size_t(O * I + o)] += double(dyn[o]);
                y.push_back(sum);
            }
            y.insert(y.end(), 2, double(kSentinel<T>));
            for (Index i = 0; i < I; ++i) {
                double sum = 0;
                for (Index o = 0; o < O; ++o)
                    sum += double(flat[std::size_t(o * I + i)]) * double(dyn[o]);
                dx.push_back(sum);
            }
            dx.push_back(double(kSentinel<T>));
        }
        y.insert(y.end(), dx.begin(), dx.end());
        y.insert(y.end(), grads.begin(), grads.end());
        return y;
    }
};

// Like distance, but the sentinels must be untouched and do not hide errors.
template <class T> double error(std::vector<T> a, const std::vector<double> &b) {
    std::vector<double> c = b;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (c[i] == double(kSentinel<T>) && a[i] == kSentinel<T>)
            a[i] = T(c[i] = 0);
    return distance(a, c);
}

template <class T> void test_linear(Index N, Index I, Index O, bool bias) {
    const LinearRun<T> run(N, I, O, bias);
    const std::initializer_list<std::pair<const char *, Index>> sizes = {
        {"N", N}, {"I", I}, {"O", O}};
    set_num_threads(1);
    const std::vector<T> one = run.results(N), single = run.results(1);
    expect(error(one, run.expected()) < 10 * kRounding<T>,
           [&] { return label<T>("linear", "", sizes); });
    set_num_threads(3);
    expect(same_bits(run.results(N), one), [&] { return label<T>("linear threads", "", sizes); });
    expect(std::memcmp(single.data(), one.data(), std::size_t(O) * sizeof(T)) == 0,
           [&] { return label<T>("linear batch", "", sizes); });
}

template <class T> void test_linear_versions() {
    Linear<T> layer(3, 2, false);
    std::vector<T> flat(6, T(1)), x(3, T(1)), y(2);
    const auto run = [&](Index version) {
        layer.forward(flat.data(), version, 1, rows<const T>(x.data(), 3), rows<T>(y.data(), 2));
        return y[0];
    };
    expect(run(1) == 3, [] { return "linear version 1"; });
    flat.assign(6, T(2));
    expect(run(1) == 3 && run(2) == 6, [] { return "linear packs once a version"; });
    expect(refuses([] { Linear<T>(0, 3, true); }), [] { return "linear of size 0"; });
}

template <class T> void test_embedding() {
    const Index V = 7, E = 37, n = 3000;
    const std::vector<T> table = random_vector<T>(V * E), dy = random_vector<T>(n * E);
    std::vector<Index> tokens;
    for (Index r = 0; r < n; ++r)
        tokens.push_back(r * r % V);
    for (const std::vector<T> &scale : {std::vector<T>{}, std::vector<T>{2, 0, 1, 4, 0, 2, 8}}) {
        std::vector<T> expected(table.size(), T(1));
        const T *factors = scale.empty() ? nullptr : scale.data();
        const auto factor = [&](Index token) { return factors ? factors[token] : T(1); };
        for (Index r = 0; r < n; ++r)
            for (Index e = 0; e < E; ++e) {
                const Index token = tokens[std::size_t(r)];
                expected[std::size_t(token * E + e)] +=
                    factor(token) * dy[std::size_t(r * E + e)];
            }
        for (const int threads : {1, 3}) {
            set_num_threads(threads);
            std::vector<T> out(std::size_t(n * E), T(9)), dtable(table.size(), T(1));
            embedding_forward<T>(rows<const T>(table.data(), E), V, E, tokens.data(), n,
                                 factors, rows<T>(out.data(), E));
            bool same = true;
            for (Index i = 0; i < n * E; ++i) {
                const Index token = tokens[std::size_t(i / E)];
                same = same && out[std::size_t(i)] ==
                                   factor(token) * table[std::size_t(token * E + i % E)];
            }
            expect(same, [] { return "embedding forward"; });
            embedding_backward<T>(rows<const T>(dy.data(), E), V, E, tokens.data(), n, factors,
                                  rows<T>(dtable.data(), E));
            expect(same_bits(dtable, expected), [] { return "embedding backward"; });
        }
    }
    for (const Index bad : {Index(-1), V}) {
        tokens[5] = bad;
        std::vector<T> dtable(table.size());
        expect(refuses([&] {
                   embedding_backward<T>(rows<const T>(dy.data(), E), V, E, tokens.data(), n,
                                         nullptr, rows<T>(dtable.data(), E));
               }),
               [] { return "a token outside the table"; });
    }
}

template <class T> void test_dropout_batch() {
    const Index N = 31, steps = 7, F = 65;
    const std::vector<T> ones(std::size_t(N * steps * F), T(1));
    const auto masks = [&](const std::vector<Index> &ids, bool locked = false) {
        std::vector<T> out(ids.size() * std::size_t(steps * F));
        DropoutBatch<T> b;
        b.N = Index(ids.size());
        b.steps = steps;
        b.F = F;
        b.x = ones.data();
        b.out = out.data();
        b.x_n = b.out_n = steps * F;
        b.x_t = b.out_t = F;
        b.p = 0.25;
        b.locked = locked;
        b.seed = 99;
        b.row_ids = ids.data();
        dropout(b);
        return out;
    };
    std::vector<Index> ids(static_cast<std::size_t>(N));
    for (Index n = 0; n < N; ++n)
        ids[std::size_t(n)] = n;
    set_num_threads(1);
    const std::vector<T> one = masks(ids), last = masks({N - 1});
    set_num_threads(3);
    expect(same_bits(masks(ids), one), [] { return "dropout threads"; });
    expect(std::equal(last.begin(), last.end(), one.end() - steps * F),
           [] { return "dropout by row id"; });
    const std::vector<T> locked = masks(ids, true);
    for (Index n = 0; n < N; ++n)
        for (Index t = 0; t < steps; ++t)
            expect(std::equal(locked.begin() + (n * steps + t) * F,
                              locked.begin() + (n * steps + t + 1) * F,
                              one.begin() + n * steps * F),
                   [] { return "a locked mask is that of step 0"; });
    double kept = 0;
    for (const T v : one)
        kept += v != 0;
    const double n = double(one.size()), deviation = std::sqrt(n * 0.25 * 0.75);
    expect(std::fabs(kept - 0.75 * n) < 5 * deviation, [] { return "dropout rate"; });
}

// y, dx, dweight and dbias of a ragged batch, with sentinels where it is padded.
template <class T> void test_batch_norm(Index N, Index steps, Index F) {
    const std::vector<T> x = random_vector<T>(N * steps * F, 2, 4),
                         dy = random_vector<T>(N * steps * F), weight = random_vector<T>(F);
    std::vector<Index> lengths;
    for (Index n = 0; n < N; ++n)
        lengths.push_back(1 + n % steps);
    const ValidSteps valid{N, steps, F, lengths.data()};
    const auto in = [&](const std::vector<T> &a) {
        return Steps<const T>{a.data(), steps * F, F};
    };
    const auto out = [&](T *a) { return Steps<T>{a, steps * F, F}; };
    const auto results = [&] {
        std::vector<T> all(2 * x.size() + std::size_t(2 * F), kSentinel<T>);
        T *y = all.data(), *dx = y + x.size(), *dweight = dx + x.size(), *dbias = dweight + F;
        std::fill_n(dweight, 2 * F, T(0));
        std::vector<double> moments(std::size_t(2 * F));
        double *mean = moments.data(), *variance = mean + F;
        batch_moments<T>(valid, in(x), mean, variance);
        batch_norm_forward<T>(valid, in(x), mean, variance, 0.1, weight.data(), nullptr, out(y));
        batch_norm_backward<T>(valid, in(dy), in(x), mean, variance, 0.1, weight.data(), dweight,
                               dbias, out(dx));
        return all;
    };
    std::vector<double> expected(2 * x.size() + std::size_t(2 * F), double(kSentinel<T>));
    for (Index f = 0; f < F; ++f) {
        double M = 0, mean = 0, variance = 0, sum = 0, product = 0;
        const auto each = [&](auto &&body) {
            for (Index n = 0; n < N; ++n)
                for (Index t = 0; t < lengths[std::size_t(n)]; ++t)
                    body(std::size_t((n * steps + t) * F + f));
        };
        each([&](std::size_t i) { mean += double(x[i]), ++M; });
        mean /= M;
        each([&](std::size_t i) { variance += std::pow(double(x[i]) - mean, 2) / M; });
        const double w = double(weight[std::size_t(f)]), inverse = 1 / std::sqrt(variance + 0.1);
        const auto z = [&](std::size_t i) { return (double(x[i]) - mean) * inverse; };
        each([&](std::size_t i) { sum += double(dy[i]), product += double(dy[i]) * z(i); });
        each([&](std::size_t i) {
            expected[i] = w * z(i);
            expected[x.size() + i] =
                w * inverse * (double(dy[i]) - sum / M - z(i) * product / M);
        });
        expected[2 * x.size() + std::size_t(f)] = product;
        expected[2 * x.size() + std::size_t(F + f)] = sum;
    }
    const std::initializer_list<std::pair<const char *, Index>> sizes = {
        {"N", N}, {"T", steps}, {"F", F}};
    set_num_threads(1);
    const std::vector<T> one = results();
    expect(error(one, expected) < kRounding<T>,
           [&] { return label<T>("batch norm", "", sizes); });
    set_num_threads(3);
    expect(same_bits(results(), one),
           [&] { return label<T>("batch norm threads", "", sizes); });
}

template <class T> void test_losses(Index N, Index K) {
    const std::vector<T> pred = random_vector<T>(N * K, -5, 5);
    std::vector<T> target = random_vector<T>(N * K), weight = random_vector<T>(N, 0, 2);
    std::vector<Index> labels;
    for (Index n = 0; n < N; ++n)
        labels.push_back(n % K);
    const T nan = std::numeric_limits<T>::quiet_NaN();
    const std::size_t absent = std::size_t(N / 2); // its target must not be looked at
    weight[absent] = 0;
    target[absent * std::size_t(K)] = nan;
    labels[absent] = -1;
    long double squared_sum = 0, entropy_sum = 0; // plain sums: their own rounding shows
    std::vector<double> d_squared(pred.size(), 0.0), d_entropy(pred.size(), 0.0);
    for (std::size_t n = 0; n < std::size_t(N); ++n) {
        if (n == absent)
            continue;
        const double w = double(weight[n]);
        double sum = 0;
        for (std::size_t at = n * std::size_t(K); at < (n + 1) * std::size_t(K); ++at)
            sum += std::exp(double(pred[at]));
        for (std::size_t k = 0; k < std::size_t(K); ++k) {
            const std::size_t at = n * std::size_t(K) + k;
            const double r = double(pred[at]) - double(target[at]);
            squared_sum += w * r * r / double(K);
            d_squared[at] = 2 * w * r / double(K);
            const bool hit = Index(k) == labels[n];
            d_entropy[at] = w * (std::exp(double(pred[at])) / sum - hit);
            entropy_sum += hit ? w * (std::log(sum) - double(pred[at])) : 0;
        }
    }
    const double squared = double(squared_sum), entropy = double(entropy_sum);
    double first = 0;
    for (const int threads : {1, 3}) {
        set_num_threads(threads);
        std::vector<T> gradient(pred.size());
        LossRows<T> r;
        r.N = N;
        r.K = K;
        r.pred = rows<const T>(pred.data(), K);
        r.weight = weight.data();
        r.gradient = rows<T>(gradient.data(), K);
        const auto name = [&] { return label<T>("loss", "", {{"N", N}, {"K", K}}); };
        double value = squared_error<T>(r, rows<const T>(target.data(), K));
        expect(std::fabs(value - squared) <= kRounding<T> * squared &&
                   distance(gradient, d_squared) < kRounding<T>,
               name);
        value += softmax_cross_entropy<T>(r, labels.data());
        expect(std::fabs(value - squared - entropy) <= kRounding<T> * (squared + entropy) &&
                   distance(gradient, d_entropy) < kRounding<T>,
               name);
        expect(threads == 1 || value == first, [] { return "loss threads"; });
        first = value;
        r.weight = nullptr;
        expect(refuses([&] { softmax_cross_entropy<T>(r, labels.data()); }),
               [] { return "a label out of range"; });
    }
}

template <class T> void test_penalties(Index N, Index K) {
    const std::vector<T> y = random_vector<T>(N * K);
    std::vector<T> weight = random_vector<T>(N, 0, 2);
    for (Index n = 2; n < N; n += 3)
        weight[std::size_t(n)] = 0; // another sequence begins
    double activation = 0, change = 0;
    std::vector<double> d_activation(y.size(), 0.0), d_change(y.size(), 0.0);
    for (Index i = 0; i < N * K; ++i) {
        const std::size_t at = std::size_t(i), before = std::size_t(i - K);
        const double w = double(weight[std::size_t(i / K)]) / double(K), value = double(y[at]);
        activation += w * value * value;
        d_activation[at] = 2 * w * value;
        if (i < K)
            continue;
        const double step = value - double(y[before]);
        change += w * step * step;
        d_change[at] += 2 * w * step;
        d_change[before] -= 2 * w * step;
    }
    for (const int threads : {1, 3}) {
        set_num_threads(threads);
        std::vector<T> gradient(y.size());
        LossRows<T> r;
        r.N = N;
        r.K = K;
        r.pred = rows<const T>(y.data(), K);
        r.weight = weight.data();
        r.gradient = rows<T>(gradient.data(), K);
        const auto name = [&] { return label<T>("penalty", "", {{"N", N}, {"K", K}}); };
        expect(std::fabs(squared_activation<T>(r) - activation) <= kRounding<T> * activation &&
                   distance(gradient, d_activation) < kRounding<T>,
               name);
        expect(std::fabs(squared_change<T>(r) - change) <= kRounding<T> * change &&
                   distance(gradient, d_change) < kRounding<T>,
               name);
    }
}

template <class T> void test_optimizers() {
    const Index n = 200003;
    const std::vector<T> start = random_vector<T>(n), g = random_vector<T>(n);
    std::vector<T> first;
    double norm = 0;
    for (const int threads : {1, 3}) {
        set_num_threads(threads);
        std::vector<T> p = start, m(start.size()), v(start.size());
        AdamArgs<T> a;
        a.n = n;
        a.param = p.data();
        a.grad = g.data();
        a.m = m.data();
        a.v = v.data();
        a.learning_rate = 0.1;
        a.beta1 = 0.9;
        a.beta2 = 0.999;
        a.epsilon = 1e-8;
        adam_step(a);
        SgdArgs<T> s;
        s.n = n;
        s.param = p.data();
        s.grad = g.data();
        s.velocity = m.data();
        s.learning_rate = 0.1;
        s.momentum = 0.5;
        sgd_step(s);
        expect(threads == 1 || same_bits(p, first), [] { return "optimizer threads"; });
        expect(threads == 1 || squared_norm(p.data(), n) == norm, [] { return "norm threads"; });
        norm = squared_norm(p.data(), n);
        first = p;
    }
}

} // namespace

template <class T> void test_layers() {
    const int before = num_threads();
    const Index sizes[][3] = {{1, 1, 1},    {2, 3, 5},    {7, 64, 1},   {130, 65, 3},
                              {257, 33, 7}, {3, 200, 97}, {40, 16, 150}, {300, 130, 193}};
    for (const auto &s : sizes)
        for (const bool bias : {false, true})
            test_linear<T>(s[0], s[1], s[2], bias);
    test_linear_versions<T>();
    test_embedding<T>();
    test_dropout_batch<T>();
    test_batch_norm<T>(3, 2, 5);
    test_batch_norm<T>(67, 13, 37);
    test_batch_norm<T>(301, 17, 1);
    test_losses<T>(5, 3);
    test_losses<T>(1000, 1);
    test_losses<T>(301, 70);
    test_penalties<T>(5, 3);
    test_penalties<T>(1000, 1);
    test_penalties<T>(301, 70);
    test_optimizers<T>();
    set_num_threads(before);
}

template void test_layers<float>();
template void test_layers<double>();

} // namespace check
