// gemm and outer: every element to the bit, since each is one chain of multiply-adds in
// a fixed order; odd strides; nothing written beyond N.
#include "check.h"
#include "nn/packed.h"

namespace check {
namespace {

using fastlstm::gate_columns;
using fastlstm::gate_row;
using fastlstm::GatesOf;
using fastlstm::gate_lanes;
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
        pack_rows(packed, b.data());
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

// Parts of K, K2 and 1 columns; b has `gates` gates in packed order.
template <class T>
void test_outer(const char *isa, const Kernels<T> &k, Index R, Index units, Index gates, Index K) {
    using fastlstm::Index;
    const Index runs = (R + kOuterRun - 1) / kOuterRun;
    const Index W = k.width, K2 = 1 + K % 5, blocks = (units + W - 1) / W, N = gates * units;
    const Index sizes[3] = {K, K2, 1}, b_stride = gates * blocks * W + 3;
    const std::vector<T> b = random_vector<T>(R * b_stride);
    OuterArgs<T> o;
    o.R = R;
    o.units = units;
    o.gates = gates;
    o.b = b.data();
    o.b_stride = b_stride;
    std::vector<T> a[3], c[3], expected[3];
    for (int p = 0; p < 3; ++p) {
        a[p] = random_vector<T>(R * (sizes[p] + 1));
        c[p] = random_vector<T>(N * sizes[p]);
        expected[p] = c[p];
        o.parts[p] = {sizes[p], rows<const T>(a[p].data(), sizes[p] + 1), c[p].data()};
        for (Index n = 0; n < N; ++n)
            for (Index i = 0; i < sizes[p]; ++i)
                for (Index run = 0; run < runs; ++run) {
                    const Index gate = n / units, unit = n % units;
                    const Index column = unit / W * gates * W + unit % W +
                        gate * (gates == 4 ? gate_lanes(units - unit / W * W, W) : W);
                    T sum = 0;
                    for (Index r = R * run / runs; r < R * (run + 1) / runs; ++r)
                        sum = multiply_add(isa, b[std::size_t(r * b_stride + column)],
                                           a[p][std::size_t(r * (sizes[p] + 1) + i)], sum);
                    expected[p][std::size_t(n * sizes[p] + i)] += sum;
                }
    }
    const Index middle = gates * blocks / 2; // in two parts
    o.end = middle;
    k.outer(o);
    o.begin = middle;
    o.end = gates * blocks;
    k.outer(o);
    for (int p = 0; p < 3; ++p)
        expect(same_bits(c[p], expected[p]), [&] {
            return label<T>("outer", isa,
                            {{"R", R}, {"units", units}, {"gates", gates}, {"K", K}, {"part", p}});
        });
}

// Packed from a parameter: every element in its place, padding zero.
template <class T> void test_packing(const char *isa, const Kernels<T> &k, Index N, Index K) {
    const Index W = k.width;
    const std::vector<T> parameter = random_vector<T>(4 * N * K);
    const auto check = [&](const char *name, const PackedMatrix<T> &b, auto &&value) {
        bool same = true;
        for (Index i = 0; i < b.K(); ++i)
            for (Index n = 0; n < round_up(b.N(), W); ++n)
                same = same && b.data()[b.offset(i, n)] == value(i, n);
        expect(same, [&] { return label<T>(name, isa, {{"N", N}, {"K", K}}); });
    };
    const auto at = [&](Index row, Index k_) {
        return row < 0 ? T(0) : parameter[std::size_t(row * K + k_)];
    };
    PackedMatrix<T> plain(K, N, W), rows(N, K, W);
    pack_transposed(k, plain, parameter.data());
    check("pack_transposed", plain, [&](Index i, Index n) { return n < N ? at(n, i) : T(0); });
    pack_rows(rows, parameter.data());
    check("pack_rows", rows, [&](Index n, Index i) { return i < K ? at(n, i) : T(0); });
    for (const GatesOf of : {GatesOf{N, false}, GatesOf{N, true}}) {
        PackedMatrix<T> gates(K, gate_columns(N, W), W), gate_rows(gate_columns(N, W), K, W);
        pack_transposed(k, gates, parameter.data(), of);
        check("pack_transposed gates", gates,
              [&](Index i, Index n) { return at(gate_row(n, of, W), i); });
        pack_rows(gate_rows, parameter.data(), of);
        check("pack_rows gates", gate_rows,
              [&](Index n, Index i) { return i < K ? at(gate_row(n, of, W), i) : T(0); });
    }
}

// Every row of the gates' parameter has one column, in blocks of the right order.
void test_gate_rows(Index N, Index W) {
    for (const GatesOf of : {GatesOf{N, false}, GatesOf{N, true}}) {
        const Index rows = (of.coupled ? 3 : 4) * N;
        std::vector<int> seen(std::size_t(rows), 0);
        for (Index n = 0; n < gate_columns(N, W); ++n)
            if (const Index row = gate_row(n, of, W); row >= 0)
                ++seen[std::size_t(row)];
        const bool once = std::count(seen.begin(), seen.end(), 1) == rows;
        expect(once, [&] { return "gate_row " + std::to_string(N); });
    }
}

} // namespace

template <class T> void test_products(const char *isa, const Kernels<T> &k) {
    for (Index M = 1; M <= 20; ++M)
        for (Index N = 1; N <= 20; ++N) {
            for (Index K = 1; K <= 20; ++K)
                Product<T>{M, K, N, Start(K % 3), (M + N + K) % 2 == 0}.run(isa, k);
            test_outer(isa, k, M, N, 1 + M % 4, 1 + (M + N) % 20);
            test_packing(isa, k, M, N);
        }
    for (Index N = 1; N <= 40; ++N)
        test_gate_rows(N, k.width);
    const Index panel = 4 * k.width;
    for (const Index N : {panel - 1, panel, panel + 1, 2 * panel + k.width + 3})
        for (const Index M : {0, 1, 5, 13, 25, 37})
            for (const Start start : {Start::Zero, Start::Bias, Start::C}) {
                Product<T>{M, 0, N, start, false}.run(isa, k);
                Product<T>{M, 31, N, start, true}.run(isa, k);
                test_outer(isa, k, M * 11, 19, 4, N);
                test_packing(isa, k, N, M);
            }
}

template void test_products<float>(const char *, const Kernels<float> &);
template void test_products<double>(const char *, const Kernels<double> &);

} // namespace check
