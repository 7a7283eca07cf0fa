// What this machine can do at most, measured: for benchmarks and rooflines.
#include <atomic>
#include <chrono>

#include "base/arena.h"
#include "base/threads.h"
#include "bindings/bindings.h"
#include "kernels/dispatch.h"

namespace fastlstm {
namespace {

// Calls round() for so many seconds; units of work a second, of which a round does `work`.
template <class Round> double rate_of(double seconds, double work, Round &&round) {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    double passed = 0, done = 0;
    while (passed < seconds) {
        round();
        done += work;
        passed = std::chrono::duration<double>(Clock::now() - begin).count();
    }
    return done / passed;
}

// Two operations a multiply-add.
template <class T> double multiply_adds(double seconds, Index) {
    constexpr Index kRepeats = 100000;
    const Kernels<T> &k = kernels<T>();
    volatile double sink = 0;
    return rate_of(seconds, 2.0 * kMultiplyAddChains * double(k.width) * kRepeats,
                   [&] { sink = sink + k.multiply_adds(kRepeats); });
}

// Bytes of a block of so many bytes, again and again.
template <class T> double reads(double seconds, Index bytes) {
    const Kernels<T> &k = kernels<T>();
    const Index round = kReadChains * k.width, unit = round * Index(sizeof(T));
    const Index n = std::max<Index>(1, bytes / unit) * round;
    Buffer<T> block(static_cast<std::size_t>(n));
    volatile double sink = k.read(block.data(), n);
    const Index times = std::max<Index>(1, (1 << 20) / (n * Index(sizeof(T))));
    return rate_of(seconds, double(n) * sizeof(T) * double(times), [&] {
        for (Index i = 0; i < times; ++i)
            sink = sink + k.read(block.data(), n);
    });
}

// Units of a pointwise cell without products, forward or backward; the numbers stay in the
// first-level cache.
constexpr Index kCells = 8, kUnits = 64;

template <class T> struct CellNumbers {
    Buffer<T> gates{kCells * kUnits * 4}, c{kCells * kUnits}, h{kCells * kUnits};
};
template <class T> double cells(double seconds, Index) {
    const Kernels<T> &k = kernels<T>();
    CellNumbers<T> n;
    StepArgs<T> s;
    s.rows = kCells;
    s.hidden = kUnits;
    s.block_end = kUnits / k.width;
    s.h.base = n.h.data();
    s.h.stride = kUnits;
    s.gates = n.gates.data();
    s.gates_stride = 4 * kUnits;
    s.c_prev = s.c = n.c.data();
    s.c_prev_stride = s.c_stride = kUnits;
    s.y.base = n.h.data();
    s.y.stride = kUnits;
    return rate_of(seconds, 64.0 * kCells * kUnits, [&] {
        for (int i = 0; i < 64; ++i)
            k.lstm_step(s);
    });
}
template <class T> double backward_cells(double seconds, Index) {
    const Kernels<T> &k = kernels<T>();
    CellNumbers<T> n, d;
    CellBackwardArgs<T> s;
    s.rows = kCells;
    s.hidden = kUnits;
    s.block_end = kUnits / k.width;
    s.gates = n.gates.data();
    s.gates_stride = 4 * kUnits;
    s.c_prev = s.c = n.c.data();
    s.dh = d.h.data();
    s.dc = d.c.data();
    s.c_prev_stride = s.c_stride = s.dh_stride = s.dc_stride = kUnits;
    return rate_of(seconds, 64.0 * kCells * kUnits, [&] {
        for (int i = 0; i < 64; ++i)
            k.lstm_cell_backward(s);
    });
}

// The sum over a team of what each thread reaches.
double team_rate(int threads, double seconds, const std::string &dtype,
                 double (*single)(double, Index), double (*twice)(double, Index),
                 Index size = 0) {
    if (threads < 1 || threads > kMostThreads || !(seconds > 0 && seconds < 3600))
        throw py::value_error("threads is " + std::to_string(threads) + " and seconds " +
                              std::to_string(seconds) + "; expected both to be positive");
    if (dtype != "float32" && dtype != "float64")
        throw py::value_error("dtype is '" + dtype + "'; expected 'float32' or 'float64'");
    struct Job {
        double seconds;
        Index size;
        double (*measure)(double, Index);
        std::atomic<double> rate{0};
        std::atomic<bool> no_memory{false};
    } job;
    job.seconds = seconds;
    job.size = size;
    job.measure = dtype == "float32" ? single : twice;
    const py::gil_scoped_release release;
    run_team(
        threads, 1.0, // long enough to run with all threads even on a busy machine
        [](void *context, int, int) {
            Job &j = *static_cast<Job *>(context);
            try { // nothing may leave the region
                const double rate = j.measure(j.seconds, j.size);
                double sum = j.rate.load();
                while (!j.rate.compare_exchange_weak(sum, sum + rate))
                    ;
            } catch (const std::bad_alloc &) {
                j.no_memory = true;
            }
        },
        &job);
    if (job.no_memory)
        throw std::bad_alloc();
    return job.rate;
}

} // namespace

void bind_ceilings(py::module_ &m) {
    using py::arg;
    m.def(
        "fma_rate",
        [](int threads, double seconds, const std::string &dtype) {
            return team_rate(threads, seconds, dtype, multiply_adds<float>,
                             multiply_adds<double>);
        },
        arg("threads"), arg("seconds"), arg("dtype") = "float32",
        "Operations a second on registers alone, two a multiply-add, of all threads.");
    m.def(
        "read_rate",
        [](int threads, double seconds, Index bytes) {
            if (bytes < 1 || bytes > (Index(1) << 40))
                throw py::value_error("bytes is " + std::to_string(bytes) +
                                      "; expected 1 to 2**40");
            return team_rate(threads, seconds, "float32", reads<float>, reads<double>, bytes);
        },
        arg("threads"), arg("seconds"), arg("bytes"),
        "Bytes a second that all threads read of a block of so many bytes each.");
    m.def(
        "cell_rate",
        [](int threads, double seconds, const std::string &dtype, bool backward) {
            return backward ? team_rate(threads, seconds, dtype, backward_cells<float>,
                                        backward_cells<double>)
                            : team_rate(threads, seconds, dtype, cells<float>, cells<double>);
        },
        arg("threads"), arg("seconds"), arg("dtype") = "float32", arg("backward") = false,
        "Units a second of the pointwise cell, without products, of all threads.");
}

} // namespace fastlstm
