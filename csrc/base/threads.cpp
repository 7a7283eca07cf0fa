#include "base/threads.h"

#include <algorithm>
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
std::atomic<bool> g_team_ran{false};
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

// libgomp does not survive a fork after a parallel region: its worker threads exist
// only in the parent and the child would wait for them for ever.
void after_fork_in_child() {
    if (g_team_ran.load())
        g_forked.store(true);
}

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
    const int wanted = requested ? requested : g_startup.default_threads;
    const int limit = omp_get_max_threads();
    return limit < g_startup.omp_limit ? std::min(wanted, limit) : wanted;
}

void set_num_threads(int n) { g_requested.store(n); }

void Barrier::wait(int members) {
    constexpr int kSpins = 2000;
    if (members == 1)
        return;
    const unsigned phase = phase_.load(std::memory_order_acquire);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
        waiting_.store(0, std::memory_order_relaxed);
        phase_.store(phase + 1, std::memory_order_release);
        return;
    }
    for (int spin = 0; phase_.load(std::memory_order_acquire) == phase; ++spin) {
        if (spin < kSpins)
            pause();
        else
            std::this_thread::yield();
    }
}

void run_team(int wanted, TeamBody body, void *context) {
    if (wanted <= 1) {
        body(context, 0, 1);
        return;
    }
    g_team_ran.store(true, std::memory_order_relaxed);
#pragma omp parallel num_threads(wanted)
    body(context, omp_get_thread_num(), omp_get_num_threads());
}

} // namespace fastlstm
