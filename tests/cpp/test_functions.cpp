// exp, sigmoid and tanh: at most 4 ULP where the result is normal, within the smallest
// normal number below that; NaN, infinities, denormals; every length and place.
#include "check.h"

namespace check {
namespace {

constexpr double kMostUlp = 4;

long double exact_sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double exact_tanh(long double x) { return std::tanh(x); }
long double exact_exp(long double x) { return std::exp(x); }

template <class T> using Function = void (*)(T *, const T *, Index);

template <class T> bool close(T value, long double exact) {
    const long double smallest = std::numeric_limits<T>::min();
    const long double error = std::fabs(static_cast<long double>(value) - exact);
    if (std::fabs(exact) < smallest)
        return error <= smallest;
    int exponent = 0;
    std::frexp(exact, &exponent);
    return error <= kMostUlp * std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits);
}

template <class T>
void test_function(const char *name, const char *isa, Function<T> f,
                   long double (*exact)(long double), double low, double high) {
    std::vector<T> x = random_vector<T>(20000, low, high);
    for (const T small : random_vector<T>(2000)) {
        x.push_back(small);
        x.push_back(std::ldexp(small, -20));
        x.push_back(std::ldexp(small, std::numeric_limits<T>::min_exponent - 5)); // denormal
    }
    for (int n = -200; n <= 200; ++n) { // where exp changes its power of two
        const T at = static_cast<T>(n * 0.34657359027997264);
        if (double(at) > low && double(at) < high)
            x.insert(x.end(), {std::nextafter(at, T(-9e9)), at, std::nextafter(at, T(9e9))});
    }
    std::vector<T> y(x.size());
    f(y.data(), x.data(), Index(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i)
        expect(close(y[i], exact(static_cast<long double>(x[i]))), [&] {
            return label<T>(name, isa, {}) + "(" + text(double(x[i])) + ") is " +
                   text(double(y[i]));
        });
    // The same bits in any place and length; nothing written beyond the end.
    for (Index n = 0; n < 40; ++n) {
        std::vector<T> part(std::size_t(n + 1), kSentinel<T>);
        f(part.data(), x.data() + 7, n);
        const bool same =
            std::memcmp(part.data(), y.data() + 7, std::size_t(n) * sizeof(T)) == 0;
        expect(same && part.back() == kSentinel<T>,
               [&] { return label<T>(name, isa, {{"n", n}}); });
    }
}

template <class T> void test_edges(const char *isa, const Kernels<T> &k) {
    const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    const T tiny = std::numeric_limits<T>::denorm_min(), small = std::numeric_limits<T>::min();
    const T huge = std::numeric_limits<T>::max();
    const std::vector<T> x = {nan, inf, -inf, T(0), T(-0.0), tiny, -tiny, huge, -huge};
    std::vector<T> e(x.size()), s(x.size()), t(x.size());
    k.exp(e.data(), x.data(), Index(x.size()));
    k.sigmoid(s.data(), x.data(), Index(x.size()));
    k.tanh(t.data(), x.data(), Index(x.size()));
    const auto is = [&](bool ok, const char *what) {
        expect(ok, [&] { return label<T>(what, isa, {}); });
    };
    is(std::isnan(e[0]) && std::isnan(s[0]) && std::isnan(t[0]), "NaN in, NaN out");
    // exp saturates: within a power of two of the largest, and at the smallest, normal.
    is(e[1] > huge / 4 && e[7] > huge / 4, "exp(inf)");
    is(e[2] >= 0 && e[2] <= 2 * small && e[8] <= 2 * small, "exp(-inf)");
    is(e[3] == 1 && e[4] == 1 && e[5] == 1 && e[6] == 1, "exp(0)");
    is(s[1] == 1 && s[7] == 1, "sigmoid(inf)");
    is(s[2] >= 0 && s[2] <= small && s[8] >= 0 && s[8] <= small, "sigmoid(-inf)");
    is(s[3] == T(0.5) && s[4] == T(0.5) && s[5] == T(0.5), "sigmoid(0)");
    is(t[1] == 1 && t[2] == -1 && t[7] == 1 && t[8] == -1, "tanh(inf)");
    is(t[3] == 0 && !std::signbit(t[3]) && t[4] == 0 && std::signbit(t[4]), "tanh(0)");
    is(std::fabs(t[5]) <= small && !std::signbit(t[5]) && std::signbit(t[6]), "tanh(tiny)");
}

} // namespace

template <class T> void test_functions(const char *isa, const Kernels<T> &k) {
    const bool single = sizeof(T) == 4;
    test_function<T>("exp", isa, k.exp, exact_exp, single ? -87 : -708, single ? 88 : 709);
    test_function<T>("sigmoid", isa, k.sigmoid, exact_sigmoid, single ? -110 : -760, 40);
    test_function<T>("tanh", isa, k.tanh, exact_tanh, -22, 22);
    test_edges(isa, k);
}

template void test_functions<float>(const char *, const Kernels<float> &);
template void test_functions<double>(const char *, const Kernels<double> &);

} // namespace check
