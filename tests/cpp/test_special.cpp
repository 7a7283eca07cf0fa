// Against log gamma in long double, whose differences keep digits enough below 1000; and
// the same bits for any number of threads.
#include "nn/special.h"

#include "base/threads.h"
#include "check.h"

namespace check {

using namespace fastlstm;

void test_special() {
    const int before = num_threads();
    std::vector<double> z;
    for (double at = 1e-6; at < 1000; at *= 1.05)
        z.insert(z.end(), {at, std::floor(at) + 1});
    const Index n = Index(z.size());
    std::vector<double> first, y(z.rbegin(), z.rend());
    for (const int threads : {1, 3}) {
        set_num_threads(threads);
        std::vector<double> out(z.size() * 2);
        stirling_error(n, z.data(), out.data());
        digamma_change(n, z.data(), y.data(), out.data() + n);
        for (std::size_t i = 0; i < z.size(); ++i) {
            const long double at = z[i], by = y[i], half_log_two_pi = 0.918938533204672742L;
            const long double exact =
                std::lgamma(at + 1) - (at + 0.5L) * std::log(at) + at - half_log_two_pi;
            expect(std::fabs(double(out[i] - exact)) <= 4e-15 * std::fmax(1.0, double(exact)),
                   [&] { return "Stirling's error of " + text(z[i]); });
            // psi by its recurrence and a plain sum: psi(x + 1) = psi(x) + 1 / x.
            const std::size_t after = z.size() + i;
            if (by == std::floor(by) && by < 1000) {
                long double change = -by / at;
                for (int k = 0; k < int(by); ++k)
                    change += 1 / (at + k);
                expect(std::fabs(double(out[after] - change)) <= 1e-15 * double((1 + by) / at),
                       [&] { return "digamma's change at " + text(z[i]); });
            }
        }
        expect(threads == 1 || same_bits(out, first), [] { return "special functions, threads"; });
        first = out;
    }
    set_num_threads(before);
}

} // namespace check
