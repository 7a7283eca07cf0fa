// What the tests of the core share: counting, random numbers, comparison.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/dispatch.h"

namespace check {

using fastlstm::Index;
using fastlstm::Kernels;
using fastlstm::Rows;

inline long passed = 0, failed = 0;

// One check; `what` is only called for where it failed.
template <class What> void expect(bool ok, What &&what) {
    if (ok) {
        ++passed;
        return;
    }
    if (++failed <= 40)
        std::printf("FAILED %s\n", std::string(what()).c_str());
}

inline std::string text(double value) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.17g", value);
    return buffer;
}

// "gemm avx2 float32 M=3 K=5"
template <class T>
std::string label(const char *what, const char *isa,
                  std::initializer_list<std::pair<const char *, Index>> sizes) {
    std::string s = std::string(what) + " " + isa + (sizeof(T) == 4 ? " float32" : " float64");
    for (const auto &[name, size] : sizes)
        s += " " + std::string(name) + "=" + std::to_string(size);
    return s;
}

template <class T> std::vector<T> random_vector(Index n, double low = -1, double high = 1) {
    static std::mt19937_64 generator(20240229);
    std::uniform_real_distribution<double> uniform(low, high);
    std::vector<T> v(static_cast<std::size_t>(n));
    for (T &x : v)
        x = static_cast<T>(uniform(generator));
    return v;
}

// A value that no kernel may touch.
template <class T> constexpr T kSentinel = T(-12345);

template <class T> bool same_bits(const std::vector<T> &a, const std::vector<T> &b) {
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// max |a - b| / max |b|; infinite where either holds NaN. `size`: of the terms of the
// sums behind b, where these may cancel.
template <class T, class U>
double distance(const std::vector<T> &a, const std::vector<U> &b, double size = 1e-300) {
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = std::fabs(double(a[i]) - double(b[i]));
        if (std::isnan(difference))
            return std::numeric_limits<double>::infinity();
        most = std::max(most, difference);
        size = std::max(size, std::fabs(double(b[i])));
    }
    return a.size() == b.size() ? most / size : std::numeric_limits<double>::infinity();
}

// A few roundings of each type; the sums of the tests are short.
template <class T> constexpr double kRounding = sizeof(T) == 4 ? 2e-6 : 4e-15;

// The multiply-add of an instruction set: only `generic` rounds twice.
template <class T> T multiply_add(const char *isa, T a, T b, T c) {
    return std::strcmp(isa, "generic") == 0 ? a * b + c : std::fma(a, b, c);
}

template <class T, class U> Rows<T> rows(U *base, Index stride) {
    Rows<T> r;
    r.base = base;
    r.stride = stride;
    return r;
}

template <class T> const Kernels<T> &kernels_of(const fastlstm::KernelTable &table) {
    if constexpr (sizeof(T) == 4)
        return table.f32;
    else
        return table.f64;
}

// One file each.
template <class T> void test_products(const char *isa, const Kernels<T> &k);
template <class T> void test_functions(const char *isa, const Kernels<T> &k);
template <class T> void test_cell(const char *isa, const Kernels<T> &k);
template <class T> void test_pointwise(const char *isa, const Kernels<T> &k);
template <class T> void test_layers(); // with the table in use
void test_groups();
void test_special();
void test_threads();
void test_memory();

} // namespace check
