// gemm and outer: every element to the bit, since each is one chain of multiply-adds in
// a fixed order; odd strides; nothing written beyond N.
#include "check.h"
#include "nn/packed.h"

namespace check {
namespace {

using fastlstm::GemmArgs;
using fastlstm::kOuterRun;
using fastlstm::OuterArgs;
using fastlstm::PackedMatrix;
using fastlstm::round_up;

enum class Start { Zero, Bias, C };

template <class T> struct Product {
    Index M, K, N;
    Start start;
    bool pointers; // rows given by a list of pointers

    void run(const char *isa, const Kernels<T> &k) const {
        const Index a_stride = K + 3, c_stride = N + 5;
        const std::vector<T> a = random_vector<T>(M * a_stride), b = random_vector<T>(K * N);
        std::vector<T> bias = random_vector<T>(N), c = random_vector<T>(M * c_stride);
        bias.resize(static_cast<std::size_t>(round_up(N, k.width)));
        for (Index m = 0; m < M; ++m)
            for (Index n = N; n < c_stride; ++n)
                c[std::size_t(m * c_stride + n)] = kSentinel<T>;
        std::vector<T> expected = c;
        for (Index m = 0; m < M; ++m)
            for (Index n = 0; n < N; ++n) {
                T &out = expected[std::size_t(m * c_stride + n)];
                T sum = start == Start::C ? out : start == Start::Bias ? bias[std::size_t(n)] : 0;
                for (Index i = 0; i < K; ++i)
                    sum = multiply_add(isa, a[std::size_t(m * a_stride + i)],
                                       b[std::size_t(i * N + n)], sum);
                out = sum;
            }

        PackedMatrix<T> packed(K, N, k.width);
        packed.fill([&](Index i, Index n) { return b[std::size_t(i * N + n)]; });
        std::vector<const T *> a_rows;
        std::vector<T *> c_rows;
        for (Index m = 0; m < M; ++m) {
            a_rows.insert(a_rows.end(), {a.data() + m * a_stride, nullptr});
            c_rows.insert(c_rows.end(), {c.data() + m * c_stride, nullptr});
        }
        GemmArgs<T> g;
        g.M = M;
        g.K = K;
        g.N = N;
        g.a = rows<const T>(a.data(), a_stride);
        g.c = rows<T>(c.data(), c_stride);
        if (pointers) {
            g.a.ptr = a_rows.data();
            g.c.ptr = c_rows.data();
            g.a.ptr_step = g.c.ptr_step = 2;
        }
        g.b = packed.data();
        g.bias = start == Start::Bias ? bias.data() : nullptr;
        g.accumulate = start == Start::C;
        for (Index p = 0; p < packed.panels(); ++p) { // panel by panel
            g.panel_begin = p;
            g.panel_end = p + 1;
            k.gemm(g);
        }
        expect(same_bits(c, expected), [&] {
            return label<T>("gemm", isa, {{"M", M}, {"K", K}, {"N", N}, {"start", int(start)}});
        });
    }
};

template <class T>
void test_outer(const char *isa, const Kernels<T> &k, Index R, Index K, Index N) {
    const Index a_stride = K + 1, b_stride = round_up(N, k.width) + 3;
    const std::vector<T> a = random_vector<T>(R * a_stride), b = random_vector<T>(R * b_stride);
    const std::vector<T> before = random_vector<T>(K * N);
    std::vector<T> expected = before;
    for (Index i = 0; i < K; ++i)
        for (Index n = 0; n < N; ++n)
            for (Index r0 = 0; r0 < R; r0 += kOuterRun) {
                T sum = 0;
                for (Index r = r0; r < std::min(R, r0 + kOuterRun); ++r)
                    sum = multiply_add(isa, a[std::size_t(r * a_stride + i)],
                                       b[std::size_t(r * b_stride + n)], sum);
                expected[std::size_t(i * N + n)] += sum;
            }

    PackedMatrix<T> packed(K, N, k.width);
    packed.fill([&](Index i, Index n) { return before[std::size_t(i * N + n)]; });
    OuterArgs<T> o;
    o.R = R;
    o.K = K;
    o.N = N;
    o.a = rows<const T>(a.data(), a_stride);
    o.b = b.data();
    o.b_stride = b_stride;
    o.c = packed.data();
    o.panel_end = packed.panels();
    o.k_end = K / 2; // in two parts
    k.outer(o);
    o.k_begin = K / 2;
    o.k_end = K;
    k.outer(o);
    std::vector<T> c = before;
    for (Index i = 0; i < K; ++i)
        for (Index n = 0; n < N; ++n)
            c[std::size_t(i * N + n)] = packed.data()[packed.offset(i, n)];
    expect(same_bits(c, expected), [&] {
        return label<T>("outer", isa, {{"R", R}, {"K", K}, {"N", N}});
    });
}

} // namespace

template <class T> void test_products(const char *isa, const Kernels<T> &k) {
    for (Index M = 1; M <= 20; ++M)
        for (Index N = 1; N <= 20; ++N) {
            for (Index K = 1; K <= 20; ++K)
                Product<T>{M, K, N, Start(K % 3), (M + N + K) % 2 == 0}.run(isa, k);
            test_outer(isa, k, M, N, 1 + (M + N) % 20);
        }
    const Index panel = 4 * k.width;
    for (const Index N : {panel - 1, panel, panel + 1, 2 * panel + k.width + 3})
        for (const Index M : {0, 1, 5, 13, 25, 37})
            for (const Start start : {Start::Zero, Start::Bias, Start::C}) {
                Product<T>{M, 0, N, start, false}.run(isa, k);
                Product<T>{M, 31, N, start, true}.run(isa, k);
                test_outer(isa, k, M * 11, 19, N);
            }
}

template void test_products<float>(const char *, const Kernels<float> &);
template void test_products<double>(const char *, const Kernels<double> &);

} // namespace check
