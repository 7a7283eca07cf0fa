#include "nn/losses.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "nn/work.h"

namespace fastlstm {
namespace {

constexpr double kExpWork = 40; // of an element with an exp, about a nanosecond

// The sum of term(n) over all rows: blocks of kBlock rows from left to right, then the
// blocks.
template <class F> double sum_blocks(Index N, double work, F &&term) {
    constexpr Index kBlock = 64;
    std::vector<double> sums(static_cast<std::size_t>((N + kBlock - 1) / kBlock));
    parallel_ranges(N, kBlock, work, [&](Index begin, Index end) {
        for (Index n = begin; n < end; ++n)
            sums[static_cast<std::size_t>(n / kBlock)] += term(n);
    });
    double total = 0;
    for (const double sum : sums)
        total += sum;
    return total;
}

// The sum of weight row(n) over rows that are not absent. Clears the gradient of others.
template <class T, class F> double sum_rows(const LossRows<T> &r, double work, F &&row) {
    return sum_blocks(r.N, work, [&](Index n) {
        const T weight = r.weight ? r.weight[n] : T(1);
        T *gradient = r.gradient.base + n * r.gradient.stride;
        if (weight != T(0))
            return static_cast<double>(weight) * row(n, weight, gradient);
        std::fill_n(gradient, r.K, T(0));
        return 0.0;
    });
}

// The sum of value(k)^2 in float64: eight sums side by side.
template <class F> double sum_squares(Index K, F &&value) {
    double sums[8] = {};
    const auto add = [&](Index k, Index l) {
        const double v = static_cast<double>(value(k + l));
        sums[l] += v * v;
    };
    Index k = 0;
    for (; k + 8 <= K; k += 8)
        for (Index l = 0; l < 8; ++l)
            add(k, l);
    for (Index l = 0; k + l < K; ++l)
        add(k, l);
    double total = 0;
    for (const double sum : sums)
        total += sum;
    return total;
}

} // namespace

template <class T> double squared_error(const LossRows<T> &r, Rows<const T> target) {
    const auto row = [&](Index n, T weight, T *gradient) {
        const T *p = r.pred.base + n * r.pred.stride, *t = target.base + n * target.stride;
        const T scale = T(2) * weight / static_cast<T>(r.K);
        double sum = 0;
        for (Index k = 0; k < r.K; ++k) {
            const T residual = p[k] - t[k];
            sum += static_cast<double>(residual) * static_cast<double>(residual);
            gradient[k] = scale * residual;
        }
        return sum / static_cast<double>(r.K);
    };
    return sum_rows(r, 40.0 * double(r.N) * double(r.K), row);
}

template <class T> double softmax_cross_entropy(const LossRows<T> &r, const Index *labels) {
    for (Index n = 0; n < r.N; ++n)
        if ((labels[n] < 0 || labels[n] >= r.K) && !(r.weight && r.weight[n] == T(0)))
            throw std::invalid_argument("labels[" + std::to_string(n) + "] is " +
                                        std::to_string(labels[n]) + "; expected 0 to " +
                                        std::to_string(r.K - 1));
    const auto row = [&](Index n, T weight, T *gradient) {
        SoftmaxArgs<T> s;
        s.n = r.K;
        s.logits = r.pred.base + n * r.pred.stride;
        s.out = gradient;
        const double log_sum = kernels<T>().softmax(s);
        gradient[labels[n]] -= T(1);
        for (Index k = 0; k < r.K; ++k)
            gradient[k] *= weight;
        return log_sum - static_cast<double>(s.logits[labels[n]]);
    };
    return sum_rows(r, kExpWork * double(r.N) * double(r.K), row);
}

template <class T> double squared_activation(const LossRows<T> &r) {
    const auto row = [&](Index n, T weight, T *gradient) {
        const T *y = r.pred.base + n * r.pred.stride;
        const T scale = T(2) * weight / static_cast<T>(r.K);
        for (Index k = 0; k < r.K; ++k)
            gradient[k] = scale * y[k];
        return sum_squares(r.K, [&](Index k) { return y[k]; }) / static_cast<double>(r.K);
    };
    return sum_rows(r, 20.0 * double(r.N) * double(r.K), row);
}

template <class T> double squared_change(const LossRows<T> &r) {
    const auto term = [&](Index n) {
        const T *y = r.pred.base + n * r.pred.stride;
        T *gradient = r.gradient.base + n * r.gradient.stride;
        const T weight = n > 0 ? r.weight[n] : T(0);
        const T next = n + 1 < r.N ? r.weight[n + 1] : T(0);
        const T scale = T(2) * weight / static_cast<T>(r.K);
        const T next_scale = T(2) * next / static_cast<T>(r.K);
        double value = 0;
        if (weight == T(0)) {
            std::fill_n(gradient, r.K, T(0));
        } else {
            const T *before = y - r.pred.stride;
            for (Index k = 0; k < r.K; ++k)
                gradient[k] = scale * (y[k] - before[k]);
            value = static_cast<double>(weight) / static_cast<double>(r.K) *
                    sum_squares(r.K, [&](Index k) { return y[k] - before[k]; });
        }
        if (next != T(0)) {
            const T *after = y + r.pred.stride;
            for (Index k = 0; k < r.K; ++k)
                gradient[k] -= next_scale * (after[k] - y[k]);
        }
        return value;
    };
    return sum_blocks(r.N, 40.0 * double(r.N) * double(r.K), term);
}

template <class T> void softmax(Index N, Index K, Rows<const T> logits, Rows<T> out) {
    parallel_ranges(N, 1, kExpWork * double(N) * double(K), [&](Index begin, Index end) {
        for (Index n = begin; n < end; ++n) {
            SoftmaxArgs<T> s;
            s.n = K;
            s.logits = logits.base + n * logits.stride;
            s.out = out.base + n * out.stride;
            kernels<T>().softmax(s);
        }
    });
}

#define FASTLSTM_INSTANTIATE(T)                                                              \
    template double squared_error<T>(const LossRows<T> &, Rows<const T>);                    \
    template double softmax_cross_entropy<T>(const LossRows<T> &, const Index *);            \
    template double squared_activation<T>(const LossRows<T> &);                              \
    template double squared_change<T>(const LossRows<T> &);                                  \
    template void softmax<T>(Index, Index, Rows<const T>, Rows<T>);
FASTLSTM_INSTANTIATE(float)
FASTLSTM_INSTANTIATE(double)
#undef FASTLSTM_INSTANTIATE

} // namespace fastlstm
