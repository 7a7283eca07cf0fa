// Teams, barriers, and memory that is kept.
#include "base/arena.h"
#include "base/threads.h"
#include "check.h"
#include "nn/cost.h"
#include "nn/versioned.h"
#include "nn/work.h"

namespace check {
namespace {

using namespace fastlstm;

constexpr double kManyFlops = 1e12; // a long call keeps its team on a busy machine

template <class F> bool throws(F &&f) {
    try {
        f();
    } catch (const std::length_error &) {
        return true;
    }
    return false;
}

void test_team(int wanted) {
    std::vector<int> runs(16, 0);
    int granted = 0;
    run_on(wanted, kManyFlops, [&](int thread, int team) {
        ++runs[std::size_t(thread)];
        if (thread == 0)
            granted = team;
    });
    bool once = granted >= 1 && granted <= wanted;
    for (int thread = 0; thread < 16; ++thread)
        once = once && runs[std::size_t(thread)] == (thread < granted ? 1 : 0);
    expect(once, [&] { return "run_team of " + std::to_string(wanted); });
}

// In each phase all members write, meet, and read what the others wrote.
void test_barrier(int wanted) {
    constexpr int kPhases = 2000;
    Barrier barrier;
    std::vector<long> written(std::size_t(wanted) * 16, 0); // a cache line each
    std::vector<int> wrong(std::size_t(wanted) * 16, 0);
    run_on(wanted, kManyFlops, [&](int thread, int team) {
        for (int phase = 1; phase <= kPhases; ++phase) {
            written[std::size_t(thread) * 16] = phase;
            barrier.wait(team);
            for (int other = 0; other < team; ++other)
                if (written[std::size_t(other) * 16] != phase)
                    ++wrong[std::size_t(thread) * 16];
            barrier.wait(team);
        }
    });
    long total = 0;
    for (const int w : wrong)
        total += w;
    expect(total == 0, [&] { return "barrier of " + std::to_string(wanted); });
}

// What says that others hold the CPUs, and what is uneven by design.
void test_delay() {
    const auto is = [](double wanted, Attended a, double expected, Parts parts) {
        const double got = delay(a, expected, parts);
        expect(got == wanted, [&] { return "delay " + std::to_string(got); });
    };
    is(0, {1e-6, 1e-3, 1.2e-3}, 1e-3, Parts::Even);
    is(5e-3, {5e-3, 6e-3, 6e-3}, 1e-3, Parts::Even);   // came late
    is(5e-3, {5e-3, 6e-3, 6e-3}, 1e-3, Parts::Uneven); // also then
    is(8e-3, {0, 2e-3, 10e-3}, 2e-3, Parts::Even);     // was gone
    is(0, {0, 2e-3, 10e-3}, 2e-3, Parts::Uneven);
    is(0, {0, 6e-3, 10e-3}, 2e-3, Parts::Even);              // merely uneven
    is(0.4e-3, {0.4e-3, 0.4e-3, 0.4e-3}, 5e-6, Parts::Even); // late for a short call
    is(0, {0.4e-3, 0.8e-3, 0.8e-3}, 1e-4, Parts::Even);
}

// A follower sees all that was written before the step that it waits for.
void test_progress() {
    constexpr int kSteps = 5000;
    Progress progress;
    std::vector<int> written(kSteps, 0);
    int wrong = 0;
    run_on(2, kManyFlops, [&](int thread, int team) {
        for (int s = 0; s < kSteps; ++s) {
            if (thread == 0) {
                written[std::size_t(s)] = s + 1;
                progress.reach(s + 1);
            }
            if (thread == team - 1) {
                progress.wait_for(s + 1);
                wrong += written[std::size_t(s)] != s + 1;
            }
        }
    });
    expect(wrong == 0, [] { return "progress"; });
}

// Members of a wave: every layer once, in order, whatever their sizes.
void test_wave(std::vector<Index> hidden, int members) {
    LstmConfig config;
    config.input_size = 3;
    config.hidden = std::move(hidden);
    CallShape call;
    call.rows = call.most_rows = 1;
    call.steps = 100;
    call.width = 8;
    int next = 0;
    bool right = true;
    for (int m = 0; m < members; ++m) {
        int begin, end;
        wave_layers(config, call, members, m, begin, end);
        right = right && begin <= end && (begin == end || begin == next);
        next = std::max(next, end);
    }
    expect(right && next == config.layers(), [&] {
        return "wave of " + std::to_string(config.layers()) + " layers, " +
               std::to_string(members) + " members";
    });
}

void test_ranges() {
    for (const Index total : {0, 1, 7, 64, 100, 1000})
        for (const Index grain : {1, 3, 64})
            for (const int threads : {1, 2, 3, 5}) {
                set_num_threads(threads);
                std::vector<int> seen(std::size_t(total), 0);
                bool aligned = true;
                parallel_ranges(total, grain, 1e9, [&](Index begin, Index end) {
                    aligned = aligned && begin % grain == 0;
                    for (Index i = begin; i < end; ++i)
                        ++seen[std::size_t(i)];
                });
                bool once = aligned;
                for (const int count : seen)
                    once = once && count == 1;
                expect(once, [&] { return "ranges of " + std::to_string(total); });
            }
}

} // namespace

void test_threads() {
    const int before = num_threads();
    expect(before >= 1, [] { return "num_threads"; });
    for (const int wanted : {1, 2, 3, 5})
        test_team(wanted);
    for (const int wanted : {1, 2, 4})
        test_barrier(wanted);
    set_num_threads(3);
    expect(num_threads() == 3, [] { return "set_num_threads"; });
    int inside = 0;
    run_on(2, kManyFlops, [&](int thread, int team) {
        if (thread == 0)
            inside = team > 1 ? num_threads() : 1;
    });
    expect(inside == 1, [] { return "one thread inside a region"; });
    test_ranges();
    test_delay();
    test_progress();
    for (const int members : {1, 2, 3, 5}) {
        test_wave({64, 64, 64}, members);
        test_wave({16, 128}, members);
        test_wave({500, 3, 3, 3, 3}, members);
        test_wave({3, 3, 3, 3, 500}, members);
    }
    set_num_threads(before);
}

void test_memory() {
    expect(checked_multiply(3, 5) == 15, [] { return "checked_multiply"; });
    expect(throws([] { checked_multiply(std::size_t(1) << 40, std::size_t(1) << 30); }),
           [] { return "checked_multiply overflows"; });

    const auto pool = std::make_shared<Pool>();
    const void *first = nullptr;
    std::size_t size = 1;
    std::vector<AlignedBytes> others; // would get the block if the pool let it go
    for (int call = 0; call < 3; ++call) {
        others.push_back(allocate_aligned(size));
        Arena arena(pool);
        const std::size_t a = arena.request<float>(1000), b = arena.request<double>(3);
        arena.commit();
        const auto address = reinterpret_cast<std::uintptr_t>(arena.get<double>(b));
        expect(address % kAlignment == 0, [] { return "arena alignment"; });
        arena.get<float>(a)[999] = 1;
        arena.get<double>(b)[2] = 2;
        expect(call == 0 || first == arena.get<float>(a), [] { return "pool reuse"; });
        first = arena.get<float>(a);
        size = arena.bytes();
    }
    {
        Arena one(pool), two(pool);
        one.request<float>(1000);
        two.request<float>(1000);
        one.commit();
        two.commit();
        expect(one.get<float>(0) != two.get<float>(0), [] { return "blocks are apart"; });
    }
    expect(throws([&] { Arena(pool).request<double>(std::int64_t(1) << 61); }),
           [] { return "a request that overflows"; });

    Versioned<int> versioned;
    int fills = 0;
    const auto fill = [&](int &value) { value = ++fills; };
    const auto held = versioned.get(1, fill);
    expect(*versioned.get(1, fill) == 1, [] { return "a version is made once"; });
    expect(*versioned.get(2, fill) == 2 && *held == 1, [] { return "a held version stays"; });
}

} // namespace check
