// The LSTM step against one equation a line, and its pointwise gradients against 4-point
// differences of those equations in float64.
#include "check.h"
#include "nn/packed.h"

namespace check {
namespace {

using fastlstm::CellBackwardArgs;
using fastlstm::gate_columns;
using fastlstm::gate_lanes;
using fastlstm::gate_row;
using fastlstm::PackedMatrix;
using fastlstm::round_up;
using fastlstm::StepArgs;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Unit {
    double i, f, g, o, c, h;
};
// z: pre-activations i f g o.
Unit plain_cell(const double *z, double c_prev) {
    Unit u;
    u.i = sigmoid(z[0]);
    u.f = sigmoid(z[1]);
    u.g = std::tanh(z[2]);
    u.o = sigmoid(z[3]);
    u.c = u.f * c_prev + u.i * u.g;
    u.h = u.o * std::tanh(u.c);
    return u;
}

// Where gate v of unit u stands among the packed columns.
Index column(Index u, int v, Index H, Index W) {
    const Index block = u / W;
    return block * 4 * W + v * gate_lanes(H - block * W, W) + u % W;
}

// One step of random numbers: what goes in, and what comes out of plain_cell.
template <class T> struct Step {
    Index N, I, K, H, W, Hp; // N rows
    Index x_stride, h_stride, y_stride, gates_stride;
    std::vector<T> w_ih, w_hh, bias, x, h, c_prev;
    std::vector<T> input; // x W_ih^T + b where `gates` wants it
    std::vector<double> want_c, want_h, want_gates;

    Step(Index n, Index in, Index state, Index hidden, Index width)
        : N(n), I(in), K(state), H(hidden), W(width), Hp(round_up(H, W)), x_stride(I + 1),
          h_stride(K + 3), y_stride(H + 2), gates_stride(gate_columns(H, W) + 3),
          w_ih(random_vector<T>(4 * H * I)), w_hh(random_vector<T>(4 * H * K)),
          bias(random_vector<T>(4 * H)), x(random_vector<T>(N * x_stride)),
          h(random_vector<T>(N * h_stride)), c_prev(random_vector<T>(N * Hp)),
          input(std::size_t(N * gates_stride), T(0)) {
        for (Index r = 0; r < N; ++r)
            for (Index u = 0; u < H; ++u)
                add_unit(r, u);
    }
    void add_unit(Index r, Index u) {
        double z[4];
        for (int v = 0; v < 4; ++v) {
            const Index row = v * H + u;
            z[v] = double(bias[std::size_t(row)]) +
                   dot(w_ih.data() + row * I, x.data() + r * x_stride, I);
            input[std::size_t(r * gates_stride + column(u, v, H, W))] = T(z[v]);
            z[v] += dot(w_hh.data() + row * K, h.data() + r * h_stride, K);
        }
        const Unit unit = plain_cell(z, double(c_prev[std::size_t(r * Hp + u)]));
        want_c.push_back(unit.c);
        want_h.push_back(unit.h);
        want_gates.insert(want_gates.end(), {unit.i, unit.f, unit.g, unit.o});
    }
    static double dot(const T *a, const T *b, Index n) {
        double sum = 0;
        for (Index i = 0; i < n; ++i)
            sum += double(a[i]) * double(b[i]);
        return sum;
    }
    PackedMatrix<T> packed(const std::vector<T> &w, Index size) const {
        PackedMatrix<T> m(size, gate_columns(H, W), W);
        for (Index i = 0; i < size; ++i)
            for (Index n = 0; n < m.N(); ++n)
                if (const Index row = gate_row(n, {H}, W); row >= 0)
                    m.data()[m.offset(i, n)] = w[std::size_t(row * size + i)];
        return m;
    }
};

template <class T>
void test_step(const char *isa, const Kernels<T> &k, const Step<T> &p, bool merged, bool keep) {
    std::vector<T> c(p.c_prev.size()), y(std::size_t(p.N * p.y_stride), kSentinel<T>);
    std::vector<T> gates = p.input;
    const PackedMatrix<T> w_ih = p.packed(p.w_ih, p.I), w_hh = p.packed(p.w_hh, p.K);
    const PackedMatrix<T> bias = p.packed(p.bias, 1);
    StepArgs<T> s;
    s.rows = p.N;
    s.hidden = p.H;
    s.I = p.I;
    s.K = p.K;
    s.x = rows<const T>(p.x.data(), p.x_stride);
    s.w_ih = merged ? nullptr : w_ih.data();
    s.bias = bias.data();
    s.h = rows<const T>(p.h.data(), p.h_stride);
    s.w_hh = w_hh.data();
    s.gates = gates.data();
    s.gates_stride = p.gates_stride;
    s.store_gates = keep;
    s.c_prev = p.c_prev.data();
    s.c = c.data();
    s.c_prev_stride = s.c_stride = p.Hp;
    s.y = rows<T>(y.data(), p.y_stride);
    const Index blocks = p.Hp / p.W, at_once = merged ? blocks : 1;
    s.descending = keep;
    for (Index block = 0; block < blocks; block += at_once) {
        s.block_begin = block;
        s.block_end = block + at_once;
        k.lstm_step(s);
    }
    std::vector<double> got_c, got_h, got_gates;
    bool inside = true;
    for (Index r = 0; r < p.N; ++r) {
        for (Index u = 0; u < p.H; ++u) {
            got_c.push_back(double(c[std::size_t(r * p.Hp + u)]));
            got_h.push_back(double(y[std::size_t(r * p.y_stride + u)]));
            for (int v = 0; v < 4; ++v)
                got_gates.push_back(
                    double(gates[std::size_t(r * p.gates_stride + column(u, v, p.H, p.W))]));
        }
        for (Index u = p.H; u < p.y_stride; ++u)
            inside = inside && y[std::size_t(r * p.y_stride + u)] == kSentinel<T>;
    }
    const bool ok = inside && distance(got_c, p.want_c, 1) < kRounding<T> &&
                    distance(got_h, p.want_h, 1) < kRounding<T> &&
                    (!keep || distance(got_gates, p.want_gates, 1) < kRounding<T>);
    expect(ok, [&] {
        return label<T>("step", isa, {{"rows", p.N}, {"I", p.I}, {"K", p.K}, {"H", p.H}}) +
               (merged ? " merged" : "") + (keep ? " keep" : "");
    });
}

// d(dh h + dc c) / d(z or c_prev) of one unit by 4-point central differences.
double difference(const double *z, double c_prev, double dh, double dc, int which) {
    const auto value = [&](double shift) {
        double moved[5] = {z[0], z[1], z[2], z[3], c_prev};
        moved[which] += shift;
        const Unit u = plain_cell(moved, moved[4]);
        return dh * u.h + dc * u.c;
    };
    const double step = 1e-3;
    return (8 * (value(step) - value(-step)) - (value(2 * step) - value(-2 * step))) /
           (12 * step);
}

template <class T>
void test_backward(const char *isa, const Kernels<T> &k, Index rows_, Index H, bool with_dy) {
    const Index W = k.width, Hp = round_up(H, W), N = gate_columns(H, W), stride = Hp + W, dy_stride = H + 1;
    const std::vector<double> z = random_vector<double>(rows_ * H * 4, -2, 2);
    const std::vector<T> c_prev = random_vector<T>(rows_ * stride);
    std::vector<T> dh = random_vector<T>(rows_ * stride);
    const std::vector<T> dy = random_vector<T>(rows_ * dy_stride);
    std::vector<T> c(c_prev.size()), gates(std::size_t(rows_ * N), T(0)), m(c_prev.size());
    std::vector<T> dc = random_vector<T>(rows_ * stride);
    std::vector<double> want, got, want_m, got_m;
    for (Index r = 0; r < rows_; ++r)
        for (Index u = 0; u < H; ++u) {
            const std::size_t at = std::size_t(r * stride + u);
            const double *zu = z.data() + (r * H + u) * 4;
            const Unit unit = plain_cell(zu, double(c_prev[at]));
            const double activations[4] = {unit.i, unit.f, unit.g, unit.o};
            for (int v = 0; v < 4; ++v)
                gates[std::size_t(r * N + column(u, v, H, W))] = T(activations[v]);
            c[at] = T(unit.c);
            const double above =
                double(dh[at]) + (with_dy ? double(dy[std::size_t(r * dy_stride + u)]) : 0);
            for (int which = 0; which < 5; ++which)
                want.push_back(difference(zu, double(c_prev[at]), above, double(dc[at]), which));
            want_m.push_back(unit.h);
        }
    CellBackwardArgs<T> s;
    s.rows = rows_;
    s.hidden = H;
    s.block_end = Hp / W;
    s.gates = gates.data();
    s.gates_stride = N;
    s.c_prev = c_prev.data();
    s.c = c.data();
    s.dh = dh.data();
    s.c_prev_stride = s.c_stride = s.dh_stride = s.dc_stride = s.m_stride = stride;
    s.has_dy = with_dy;
    s.dy = rows<const T>(dy.data(), dy_stride);
    s.dc = dc.data();
    s.m = m.data();
    k.lstm_cell_backward(s);
    for (Index r = 0; r < rows_; ++r)
        for (Index u = 0; u < H; ++u) {
            for (int v = 0; v < 4; ++v)
                got.push_back(double(gates[std::size_t(r * N + column(u, v, H, W))]));
            got.push_back(double(dc[std::size_t(r * stride + u)]));
            got_m.push_back(double(m[std::size_t(r * stride + u)]));
        }
    // The differences' own error is about 1e-12.
    const double limit = sizeof(T) == 4 ? kRounding<T> : 1e-10;
    const bool ok =
        distance(got, want, 1) < limit && distance(got_m, want_m, 1) < kRounding<T>;
    expect(ok, [&] { return label<T>("cell backward", isa, {{"rows", rows_}, {"H", H}}); });
}

} // namespace

// Gates that share a division, beside every kind of partner: at most 4 ULP where the
// result is normal, never beyond 1, and a forget gate that rounds to 1 is 1: a latched
// cell must not drift.
template <class T> void test_gates(const char *isa, const Kernels<T> &k) {
    const Index W = k.width, rows_ = 3000;
    std::vector<T> z = random_vector<T>(rows_ * 4 * W), c(std::size_t(rows_ * W)), h(c.size());
    const std::vector<T> c_prev = random_vector<T>(rows_ * W, -5, 5);
    for (std::size_t j = 0; j < z.size(); ++j)
        z[j] *= T(j / std::size_t(W) % 7 == 0 ? 1 : j % 3 == 0 ? 90 : j % 3 == 1 ? 20 : 4);
    const std::vector<T> before = z;
    StepArgs<T> s;
    s.rows = rows_;
    s.hidden = W;
    s.block_end = 1;
    s.gates = z.data();
    s.gates_stride = 4 * W;
    s.store_gates = true;
    s.c_prev = c_prev.data();
    s.c = c.data();
    s.c_prev_stride = s.c_stride = W;
    s.h = rows<const T>(h.data(), W);
    s.y = rows<T>(h.data(), W);
    k.lstm_step(s);
    constexpr int kDigits = std::numeric_limits<T>::digits;
    for (std::size_t j = 0; j < z.size(); ++j) {
        const int gate = int(j / std::size_t(W) % 4);
        const long double x = before[j], got = z[j];
        const long double exact =
            gate == 2 ? std::tanh(x)
                      : x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
        const bool normal = std::fabs(exact) >= std::numeric_limits<T>::min();
        const long double most =
            normal ? 4 * std::ldexp(1.0L, std::ilogb(exact) - kDigits + 1)
                   : static_cast<long double>(std::numeric_limits<T>::min());
        const auto name = [&] {
            return label<T>("gate", isa, {{"gate", gate}}) + "(" + text(double(x)) + ") is " +
                   text(double(got));
        };
        expect(std::fabs(got - exact) <= most, name);
        expect(std::fabs(got) <= 1 && (gate != 1 || T(exact) != T(1) || x < 40 || got == 1),
               name);
    }
    for (const T value : h)
        expect(std::fabs(value) <= 1, [&] { return label<T>("h beyond 1", isa, {}); });
}

template <class T> void test_cell(const char *isa, const Kernels<T> &k) {
    const Index W = k.width;
    test_gates(isa, k);
    for (const Index rows_ : {1, 2, 3, 5, 6, 7, 13})
        for (const Index H : {Index(1), Index(3), W - 1, W, W + 1, 3 * W + 2}) {
            const Step<T> step(rows_, 5, H % 2 ? H : Index(7), H, W);
            for (const bool merged : {false, true})
                for (const bool keep : {false, true})
                    test_step(isa, k, step, merged, keep);
            test_backward(isa, k, rows_, H, false);
            test_backward(isa, k, rows_, H, true);
        }
}

template void test_cell<float>(const char *, const Kernels<float> &);
template void test_cell<double>(const char *, const Kernels<double> &);

} // namespace check
