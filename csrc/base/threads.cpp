#include "base/threads.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <omp.h>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fastlstm {
namespace {

std::atomic<int> g_requested{0};
std::atomic<int> g_omp_at_request{0}; // what OpenMP's own limit was then
std::atomic<bool> g_forked{false};

// CPUs that the scheduler lets this process use.
int affinity_cpus() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1u, std::thread::hardware_concurrency());
}

// CPUs' worth of time that the cgroup grants, rounded up; a large number without one.
int quota_cpus() {
    double quota = 0, period = 0;
    if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2) {
        std::string first;
        v2 >> first >> period;
        quota = first == "max" ? 0 : std::atof(first.c_str());
    } else {
        std::ifstream q("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
        std::ifstream p("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
        if (!(q >> quota && p >> period))
            quota = 0;
    }
    if (quota <= 0 || period <= 0)
        return 1 << 20;
    return std::max(1, (int)std::ceil(quota / period));
}

// libgomp does not survive a fork after a parallel region, ours or another library's:
// its worker threads exist only in the parent and the child would wait for ever.
void after_fork_in_child() { g_forked.store(true); }

struct Startup {
    int omp_limit, default_threads;
    Startup() : omp_limit(omp_get_max_threads()) {
        default_threads = std::min({affinity_cpus(), quota_cpus(), omp_limit});
#if defined(__linux__)
        pthread_atfork(nullptr, nullptr, after_fork_in_child);
#endif
    }
};
const Startup g_startup;

inline void pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

} // namespace

int num_threads() {
    if (g_forked.load(std::memory_order_relaxed) || omp_in_parallel())
        return 1;
    const int requested = g_requested.load(std::memory_order_relaxed);
    const int usual = requested ? g_omp_at_request.load(std::memory_order_relaxed)
                                : g_startup.omp_limit;
    int wanted = requested ? requested : g_startup.default_threads;
    if (const int limit = omp_get_max_threads(); limit != usual)
        wanted = std::min(wanted, limit); // somebody limits OpenMP for a while
    return std::min(wanted, omp_get_thread_limit());
}

void set_num_threads(int n) {
    g_omp_at_request.store(omp_get_max_threads());
    g_requested.store(std::min(n, kMostThreads));
}

int requested_threads() { return g_requested.load(); }

namespace {

// Spins for a bounded time, then gives the CPU away between looks.
template <class Done> void spin_until(Done &&done) {
    constexpr int kSpins = 2000;
    for (int spin = 0; !done(); ++spin) {
        if (spin < kSpins)
            pause();
        else
            std::this_thread::yield();
    }
}

} // namespace

void Barrier::wait(int members) {
    if (members == 1)
        return;
    const unsigned phase = phase_.load(std::memory_order_acquire);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
        waiting_.store(0, std::memory_order_relaxed);
        phase_.store(phase + 1, std::memory_order_release);
        return;
    }
    spin_until([&] { return phase_.load(std::memory_order_acquire) != phase; });
}

void Progress::wait_for(std::int64_t n) const {
    spin_until([&] { return reached_.load(std::memory_order_acquire) >= n; });
}

// Where other processes hold the CPUs, a team waits for a member until the scheduler's
// next time slice, which is milliseconds: a call of half a millisecond then takes thirty
// times longer on two threads than on one. It shows in when members start and end.
// After such a call, short calls run on one thread for a hundred times the delay, twice as
// long each time that it happens again. Results never depend on it. A number of threads
// that the user has set is not second-guessed.
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kShortCall = 20e-3; // seconds; longer ones lose little
constexpr double kLate = 1e-3;       // a member that starts or ends this much apart
constexpr double kLeastLate = 0.2e-3; // the same for calls much shorter than that
constexpr double kPatience = 100;    // alone for so many times the delay
constexpr double kMostAlone = 2.0;   // seconds

std::atomic<double> g_alone_until{0}; // seconds from g_origin; 0: nothing known
std::atomic<double> g_backoff{0};     // the last time alone
const Clock::time_point g_origin = Clock::now();

double seconds_now() { return std::chrono::duration<double>(Clock::now() - g_origin).count(); }

bool prefers_alone() {
    const double until = g_alone_until.load(std::memory_order_relaxed);
    return until > 0 && seconds_now() < until;
}

// When the members of one team started and ended, in seconds from its opening.
struct Attendance {
    Clock::time_point opened = Clock::now();
    std::atomic<double> last_start{0}, first_end{1e9}, last_end{0};

    double now() const {
        return std::chrono::duration<double>(Clock::now() - opened).count();
    }
    static void raise(std::atomic<double> &to, double value) {
        double seen = to.load(std::memory_order_relaxed);
        while (value > seen && !to.compare_exchange_weak(seen, value))
            ;
    }
    static void lower(std::atomic<double> &to, double value) {
        double seen = to.load(std::memory_order_relaxed);
        while (value < seen && !to.compare_exchange_weak(seen, value))
            ;
    }
    Attended attended() const { return {last_start, first_end, last_end}; }
};

void note(double delay) {
    const double before = g_backoff.load(std::memory_order_relaxed);
    if (delay > 0) {
        const double alone = std::min(kMostAlone, std::max(kPatience * delay, 2 * before));
        g_backoff.store(alone, std::memory_order_relaxed);
        g_alone_until.store(seconds_now() + alone, std::memory_order_relaxed);
    } else if (before > 0) {
        g_backoff.store(before < 1e-3 ? 0 : before / 2, std::memory_order_relaxed);
    }
}

} // namespace

double delay(const Attended &a, double expected, Parts parts) {
    const double late = std::clamp(20 * expected, kLeastLate, kLate);
    const double apart = a.last_end - a.first_end;
    if (a.last_start > late)
        return a.last_start;
    // Somewhat uneven parts are no sign, a member that was gone for most of the call is.
    return parts == Parts::Even && apart > std::max(late, 0.6 * a.last_end) ? apart : 0;
}

int run_team(int wanted, double seconds, TeamBody body, void *context, Parts parts) {
    const bool guarded =
        seconds < kShortCall && g_requested.load(std::memory_order_relaxed) == 0;
    if (g_forked.load(std::memory_order_relaxed))
        wanted = 1;
    if (wanted > 1 && guarded && prefers_alone())
        wanted = 1;
    if (wanted <= 1) {
        body(context, 0, 1);
        return 1;
    }
    Attendance attendance;
    int team = 1;
#pragma omp parallel num_threads(wanted)
    {
        const int thread = omp_get_thread_num();
        if (thread == 0)
            team = omp_get_num_threads();
        Attendance::raise(attendance.last_start, attendance.now());
        body(context, thread, omp_get_num_threads());
        const double end = attendance.now();
        Attendance::lower(attendance.first_end, end);
        Attendance::raise(attendance.last_end, end);
    }
    if (guarded)
        note(delay(attendance.attended(), seconds, parts));
    return team;
}

} // namespace fastlstm
