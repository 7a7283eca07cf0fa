#include "nn/special.h"

#include <cmath>

#include "nn/work.h"

namespace fastlstm {
namespace {

constexpr double kLogWork = 2000; // of an element with a few logarithms, about 50 ns

// From here on six terms of Stirling's series are exact: the seventh is 6e-17. Below, the
// recurrence of the gamma function leads up to it.
constexpr int kShift = 12;
// B_2k / (2k (2k - 1)), for k = 1 to 6: DLMF 5.11.1.
constexpr double kStirling[6] = {1.0 / 12,    -1.0 / 360, 1.0 / 1260,
                                 -1.0 / 1680, 1.0 / 1188, -691.0 / 360360};

// log gamma(z) - ((z - 1/2) log z - z + log(2 pi) / 2) for z >= kShift.
double stirling_series(double z) {
    const double square = 1 / (z * z);
    double sum = 0;
    for (int k = 5; k >= 0; --k)
        sum = sum * square + kStirling[k];
    return sum / z;
}

// psi(z) - log z for z >= kShift: DLMF 5.11.2, the derivative of the above.
double digamma_series(double z) {
    const double square = 1 / (z * z);
    double sum = 0;
    for (int k = 5; k >= 0; --k)
        sum = sum * square - (2 * k + 1) * kStirling[k];
    return sum * square - 0.5 / z;
}

double stirling_error_of(double z) {
    if (z >= kShift)
        return stirling_series(z);
    // gamma(far) is gamma(z + 1) (z + 1) ... (far - 1).
    const double far = z + kShift;
    double factors = 1;
    for (int i = 1; i < kShift; ++i)
        factors *= (z + i) / far;
    return stirling_series(far) + (z + 0.5) * std::log1p(kShift / z) - std::log(factors) -
           kShift;
}

double digamma_change_of(double x, double y) {
    double z = x, near = 0;
    if (!(x >= kShift)) {
        for (int i = 0; i < kShift; ++i)
            near += y / ((x + i) * (x + i + y));
        z = x + kShift;
    }
    return std::log1p(y / z) + digamma_series(z + y) - digamma_series(z) + near - y / x;
}

template <class F> void each(Index n, F &&f) {
    parallel_ranges(n, 8, kLogWork * double(n), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i)
            f(i);
    });
}

} // namespace

void stirling_error(Index n, const double *z, double *out) {
    each(n, [=](Index i) { out[i] = stirling_error_of(z[i]); });
}

void digamma_change(Index n, const double *x, const double *y, double *out) {
    each(n, [=](Index i) { out[i] = digamma_change_of(x[i], y[i]); });
}

} // namespace fastlstm
