#include "nn/plan.h"

namespace fastlstm {

Plan make_plan(const LstmConfig &config, Index N, Index rows, Index steps, bool training,
               int threads, Index width) {
    Plan plan;
    if (threads <= 1)
        return plan;
    double flops = 0, smallest_step = 1e300;
    Index fewest_blocks = 1 << 30;
    for (int l = 0; l < config.layers(); ++l) {
        const double step =
            8.0 * static_cast<double>(config.units(l) * (config.input(l) + config.state(l)));
        flops += (training ? 3 : 1) * config.directions() * static_cast<double>(rows) * step;
        smallest_step = std::min(smallest_step, step * static_cast<double>(N));
        const Index unit = training ? 4 * width : width; // a panel or a block
        fewest_blocks = std::min(fewest_blocks, (config.state(l) + unit - 1) / unit);
        fewest_blocks = std::min(fewest_blocks, (config.units(l) + unit - 1) / unit);
    }
    const double serial = flops / kFlopsASecond;
    threads = static_cast<int>(std::min<double>(threads, serial / kSecondsWorthAThread));
    if (threads <= 1)
        return plan;
    plan.split_directions = config.bidirectional;
    const int members = config.bidirectional ? (threads + 1) / 2 : threads;
    if (N >= 2 * members || (N >= members && fewest_blocks < members)) {
        plan.threads = threads;
        return plan;
    }
    // Few rows: cut the units, if a step is worth a barrier. The gain of `members`
    // threads on a step must exceed the barriers that it costs.
    const double step_seconds = smallest_step / kFlopsASecond;
    const bool worth = fewest_blocks >= members && steps > 0 &&
                       step_seconds * (1 - 1.0 / members) >
                           kBarrierSeconds * (config.projection ? 2 : 1);
    if (members > 1 && worth) {
        plan.threads = threads;
        plan.split_units = true;
    } else if (config.bidirectional) {
        plan.threads = 2;
    } else {
        plan.threads = static_cast<int>(std::min<Index>(N, threads));
    }
    return plan;
}

bool merge_input(Index input, Index rows_per_step, Index steps) {
    if (steps < 2)
        return false;
    return rows_per_step < 4 ? input >= 4 : input >= 32;
}

Index chunk_steps(Index rows_per_step, Index row_bytes) {
    constexpr Index kChunkBytes = 192 * 1024, kChunkRows = 96;
    const Index bytes = std::max(kChunkBytes, kChunkRows * row_bytes);
    return std::max<Index>(1, bytes / std::max<Index>(1, rows_per_step * row_bytes));
}

std::string describe(const Plan &plan) {
    if (plan.threads == 1)
        return "1 thread";
    std::string cut = plan.split_units ? "units" : "rows";
    if (plan.split_directions)
        cut = plan.threads == 2 ? "directions" : "directions, " + cut;
    return cut + " x " + std::to_string(plan.threads);
}

bool make_share(const Plan &plan, int directions, int d, int thread, int team, Share &share) {
    int begin = 0, end = team;
    if (directions == 2 && plan.split_directions && team >= 2) {
        const int half = team / 2;
        begin = d == 0 ? 0 : half;
        end = d == 0 ? half : team;
    }
    if (thread < begin || thread >= end)
        return false;
    share = Share();
    share.group = d;
    share.members = end - begin;
    share.index = thread - begin;
    if (plan.split_units) {
        share.parts = share.members;
        share.part = share.index;
    } else {
        share.first_row = share.index;
        share.row_step = share.members;
    }
    return true;
}

} // namespace fastlstm
