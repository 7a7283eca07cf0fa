// How much work deserves more than one thread, and how it is handed out. The LSTM has
// a plan of its own: plan.h, on the constants of cost.h.
#pragma once

#include <algorithm>
#include <type_traits>

#include "base/threads.h"
#include "kernels/kernels.h"

namespace fastlstm {

// What one thread does in products; a pass over memory does a few operations a
// nanosecond, and `flops` counts it accordingly.
constexpr double kFlopsASecond = 40e9;
// With less for each thread a team costs more than it saves.
constexpr double kSecondsWorthAThread = 10e-6;

inline int team_for(double flops) {
    constexpr double kFlopsWorthAThread = kFlopsASecond * kSecondsWorthAThread;
    if (flops < 2 * kFlopsWorthAThread)
        return 1;
    const int threads = num_threads();
    return static_cast<int>(std::min<double>(threads, flops / kFlopsWorthAThread));
}

// run_team for anything callable as body(thread, team).
template <class F> void run_on(int wanted, double flops, F &&body) {
    using Body = std::remove_reference_t<F>;
    run_team(
        wanted, flops / kFlopsASecond,
        [](void *context, int thread, int team) {
            (*static_cast<Body *>(context))(thread, team);
        },
        const_cast<void *>(static_cast<const void *>(&body)));
}

// Calls body(begin, end) for parts of [0, total), one a thread, that begin at multiples
// of `grain`. The body must not depend on where the parts end, and must not throw.
template <class F> void parallel_ranges(Index total, Index grain, double flops, F &&body) {
    const Index pieces = (total + grain - 1) / grain;
    const int wanted = static_cast<int>(std::min<Index>(team_for(flops), pieces));
    run_on(wanted, flops, [&](int thread, int team) {
        Index begin, end;
        split(pieces, team, thread, begin, end);
        if (begin < end)
            body(begin * grain, std::min(total, end * grain));
    });
}

} // namespace fastlstm
