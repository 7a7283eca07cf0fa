#include "nn/batch_norm.h"

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "nn/work.h"

namespace fastlstm {
namespace {

using Doubles = std::vector<double>;

// Rows of a run: few enough that a second pass finds them in the second-level cache.
constexpr Index kRun = 64;

std::size_t size_of(Index n) { return static_cast<std::size_t>(n); }

// The valid rows one after another: row r, in the order of (n, t), wherever it lies.
class RowList {
  public:
    explicit RowList(const ValidSteps &v) : first_(size_of(v.N) + 1) {
        for (Index n = 0; n < v.N; ++n)
            first_[size_of(n) + 1] = first_[size_of(n)] + (v.lengths ? v.lengths[n] : v.T);
    }
    Index count() const { return first_.back(); }
    Index runs() const { return (count() + kRun - 1) / kRun; }

    // Calls body(n, t) for the rows [begin, end).
    template <class F> void each(Index begin, Index end, F &&body) const {
        Index n = std::upper_bound(first_.begin(), first_.end(), begin) - first_.begin() - 1;
        for (Index r = begin; r < end; ++n) {
            const Index stop = std::min(end, first_[size_of(n) + 1]);
            for (Index t = r - first_[size_of(n)]; r < stop; ++r, ++t)
                body(n, t);
        }
    }
    // The same for run k.
    template <class F> void each_of_run(Index k, F &&body) const {
        each(k * kRun, std::min(count(), (k + 1) * kRun), body);
    }

  private:
    std::vector<Index> first_; // (N + 1,) row of each sequence's first step
};

template <class T> T *at(const Steps<T> &a, Index n, Index t) {
    return a.base + n * a.n_stride + t * a.t_stride;
}

// One pass: about 10 operations' time an element.
double work(const RowList &rows, Index F) { return 10.0 * double(rows.count()) * double(F); }

// The mean and the sum of squared deviations of one run: two passes.
template <class T>
void run_moments(const RowList &rows, Index k, Index F, Steps<const T> x,
                 double *__restrict mean, double *__restrict squares) {
    Index count = 0;
    std::fill_n(mean, F, 0.0);
    std::fill_n(squares, F, 0.0);
    rows.each_of_run(k, [&](Index n, Index t) {
        const T *row = at(x, n, t);
        for (Index f = 0; f < F; ++f)
            mean[f] += double(row[f]);
        ++count;
    });
    for (Index f = 0; f < F; ++f)
        mean[f] /= double(count);
    rows.each_of_run(k, [&](Index n, Index t) {
        const T *row = at(x, n, t);
        for (Index f = 0; f < F; ++f) {
            const double from_mean = double(row[f]) - mean[f];
            squares[f] += from_mean * from_mean;
        }
    });
}

// 1 / sqrt(variance + epsilon)
Doubles inverse_deviation(const double *variance, Index F, double epsilon) {
    Doubles inverse(size_of(F));
    for (Index f = 0; f < F; ++f) {
        if (!(variance[f] >= 0))
            throw std::invalid_argument("the variance of feature " + std::to_string(f) + " is " +
                                        std::to_string(variance[f]) +
                                        "; expected at least 0");
        inverse[size_of(f)] = 1 / std::sqrt(variance[f] + epsilon);
    }
    return inverse;
}

} // namespace

template <class T>
void batch_moments(const ValidSteps &valid, Steps<const T> x, double *mean, double *variance) {
    const RowList rows(valid);
    const Index F = valid.F, runs = rows.runs();
    Doubles means(size_of(runs * F)), squares(size_of(runs * F));
    parallel_ranges(runs, 1, 2 * work(rows, F), [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k)
            run_moments(rows, k, F, x, &means[size_of(k * F)], &squares[size_of(k * F)]);
    });
    std::copy_n(means.data(), F, mean);
    std::copy_n(squares.data(), F, variance);
    for (Index k = 1; k < runs; ++k) {
        const double before = double(k * kRun);
        const double now = double(std::min(rows.count(), (k + 1) * kRun));
        const double share = (now - before) / now;
        for (Index f = 0; f < F; ++f) {
            const double apart = means[size_of(k * F + f)] - mean[f];
            mean[f] += apart * share;
            variance[f] += squares[size_of(k * F + f)] + apart * apart * before * share;
        }
    }
    for (Index f = 0; f < F; ++f)
        variance[f] /= double(rows.count());
}

template <class T>
void batch_norm_forward(const ValidSteps &valid, Steps<const T> x, const double *mean,
                        const double *variance, double epsilon, const T *weight, const T *bias,
                        Steps<T> y) {
    const RowList rows(valid);
    const Index F = valid.F;
    Doubles scales = inverse_deviation(variance, F, epsilon), shifts(size_of(F));
    for (Index f = 0; f < F; ++f) {
        scales[size_of(f)] *= weight ? double(weight[f]) : 1.0;
        shifts[size_of(f)] = bias ? double(bias[f]) : 0.0;
    }
    const double *scale = scales.data(), *shift = shifts.data();
    parallel_ranges(rows.count(), kRun, work(rows, F), [&](Index begin, Index end) {
        rows.each(begin, end, [&](Index n, Index t) {
            const T *from = at(x, n, t);
            T *__restrict to = at(y, n, t);
            for (Index f = 0; f < F; ++f)
                to[f] = T((double(from[f]) - mean[f]) * scale[f] + shift[f]);
        });
    });
}

template <class T>
void batch_norm_backward(const ValidSteps &valid, Steps<const T> dy, Steps<const T> x,
                         const double *mean, const double *variance, double epsilon,
                         const T *weight, T *dweight, T *dbias, Steps<T> dx) {
    const RowList rows(valid);
    const Index F = valid.F, runs = rows.runs();
    const Doubles inverse = inverse_deviation(variance, F, epsilon);
    // Sums of dy and of dy (x - mean), of each run and then of all in the first one's.
    Doubles sums(size_of(runs * F)), products(size_of(runs * F));
    parallel_ranges(runs, 1, work(rows, F), [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) {
            double *__restrict sum = &sums[size_of(k * F)];
            double *__restrict product = &products[size_of(k * F)];
            rows.each_of_run(k, [&](Index n, Index t) {
                const T *g = at(dy, n, t), *row = at(x, n, t);
                for (Index f = 0; f < F; ++f) {
                    sum[f] += double(g[f]);
                    product[f] += double(g[f]) * (double(row[f]) - mean[f]);
                }
            });
        }
    });
    for (Index k = 1; k < runs; ++k)
        for (Index f = 0; f < F; ++f) {
            sums[size_of(f)] += sums[size_of(k * F + f)];
            products[size_of(f)] += products[size_of(k * F + f)];
        }
    for (Index f = 0; f < F; ++f) {
        if (dweight)
            dweight[f] += T(products[size_of(f)] * inverse[size_of(f)]);
        if (dbias)
            dbias[f] += T(sums[size_of(f)]);
    }
    if (!dx.base)
        return;
    // With z = (x - mean) / deviation over M rows (Ioffe & Szegedy, section 3):
    //   dx = weight / deviation (dy - sum(dy) / M - z sum(dy z) / M)
    Doubles scales(size_of(F));
    const double share = 1 / double(rows.count());
    for (Index f = 0; f < F; ++f) {
        const double inv = inverse[size_of(f)];
        scales[size_of(f)] = inv * (weight ? double(weight[f]) : 1.0);
        sums[size_of(f)] *= share;
        products[size_of(f)] *= share * inv * inv;
    }
    const double *scale = scales.data(), *offset = sums.data(), *slope = products.data();
    parallel_ranges(rows.count(), kRun, work(rows, F), [&](Index begin, Index end) {
        rows.each(begin, end, [&](Index n, Index t) {
            const T *g = at(dy, n, t), *row = at(x, n, t);
            T *__restrict to = at(dx, n, t);
            for (Index f = 0; f < F; ++f)
                to[f] = T(scale[f] * (double(g[f]) - offset[f] -
                                      slope[f] * (double(row[f]) - mean[f])));
        });
    });
}

#define FASTLSTM_INSTANTIATE(T)                                                              \
    template void batch_moments<T>(const ValidSteps &, Steps<const T>, double *, double *);  \
    template void batch_norm_forward<T>(const ValidSteps &, Steps<const T>, const double *,  \
                                        const double *, double, const T *, const T *,        \
                                        Steps<T>);                                           \
    template void batch_norm_backward<T>(const ValidSteps &, Steps<const T>, Steps<const T>, \
                                         const double *, const double *, double, const T *,  \
                                         T *, T *, Steps<T>);
FASTLSTM_INSTANTIATE(float)
FASTLSTM_INSTANTIATE(double)
#undef FASTLSTM_INSTANTIATE

} // namespace fastlstm
