#include "base/phases.h"

#include <atomic>
#include <mutex>

namespace fastlstm {
namespace {

std::atomic<bool> g_on{false};
std::mutex g_mutex; // guards the totals
std::array<double, kPhases> g_seconds{};

} // namespace

bool profiling() { return g_on.load(std::memory_order_relaxed); }

void profile_start() {
    std::lock_guard<std::mutex> lock(g_mutex);
    g_seconds.fill(0);
    g_on.store(true);
}

std::array<double, kPhases> profile_stop() {
    g_on.store(false);
    std::lock_guard<std::mutex> lock(g_mutex);
    return g_seconds;
}

void Laps::flush() {
    std::lock_guard<std::mutex> lock(g_mutex);
    for (std::size_t p = 0; p < seconds_.size(); ++p)
        g_seconds[p] += seconds_[p];
}

} // namespace fastlstm
