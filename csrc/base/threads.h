// Threads: how many, and how a team that works on one call meets.
#pragma once

#include <atomic>
#include <cstdint>

namespace fastlstm {

// The number a parallel call may use now: what set_num_threads said, else the smallest
// of CPU affinity, cgroup quota and OMP_NUM_THREADS; a limit set through OpenMP since
// then (threadpoolctl) holds; 1 inside another parallel region and in a forked child.
int num_threads();
void set_num_threads(int n); // 0: back to the default
int requested_threads();     // what set_num_threads said, 0 where nothing
constexpr int kMostThreads = 1024;

// A barrier that spins for a bounded time and then yields. OpenMP may grant fewer
// threads than were asked for, so the number of members is said at each wait.
class Barrier {
  public:
    void wait(int members);

  private:
    alignas(64) std::atomic<int> waiting_{0};
    alignas(64) std::atomic<unsigned> phase_{0};
};

// How far one thread has come, for another that follows it. Waits as a Barrier does.
class Progress {
  public:
    void reach(std::int64_t n) { reached_.store(n, std::memory_order_release); }
    void wait_for(std::int64_t n) const;

  private:
    alignas(64) std::atomic<std::int64_t> reached_{0};
};

// Members of parts that are uneven by design may end far apart, which else is a sign of a
// machine whose CPUs are taken.
enum class Parts { Even, Uneven };

// When the members of a team started and ended, in seconds from its opening.
struct Attended {
    double last_start, first_end, last_end;
};
// How late the last member was; 0 where that is no sign of others on the CPUs. `expected`
// is about what the call takes.
double delay(const Attended &attended, double expected, Parts parts);

// Runs body(thread, team) on at most `wanted` threads in one OpenMP region and returns
// team, the number that really ran: OpenMP may grant fewer, and on a machine whose CPUs
// are taken a short call runs on one thread (see threads.cpp). `seconds` is about what
// one thread would need.
using TeamBody = void (*)(void *context, int thread, int team);
int run_team(int wanted, double seconds, TeamBody body, void *context,
             Parts parts = Parts::Even);

// [begin, end) of part `index` of `parts` nearly equal parts of `total`.
inline void split(std::int64_t total, int parts, int index, std::int64_t &begin,
                  std::int64_t &end) {
    begin = total * index / parts;
    end = total * (index + 1) / parts;
}

} // namespace fastlstm
