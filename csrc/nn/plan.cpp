#include "nn/plan.h"

namespace fastlstm {

namespace {

// The cheapest of every number of threads by rows and by units. Two directions take
// half of the threads each, or one after the other what there is. Sets what it costs.
Plan cheapest(const LstmConfig &config, const CallShape &call, int threads, bool together,
              double &least) {
    const int directions = config.directions();
    Plan best;
    // Groups of one row or of pairs.
    const Normalization norm = config.norm.kind;
    best.grouped = norm == Normalization::Batch && call.training;
    const Index groups = best.grouped ? kMostGroups : 32;
    if (norm != Normalization::None && (best.grouped || call.most_rows > groups))
        best.grain = round_up((call.most_rows + groups - 1) / groups, 2);
    least = directions * call_seconds(config, call, 1, Cut::Rows);
    if (least <= call.team_seconds)
        return best; // no team is that quick
    // Layer normalisation needs all units of a row.
    const bool whole_rows = norm == Normalization::Layer || best.grouped;
    const auto weigh = [&](int n) {
        const int members = together ? n / 2 : n; // of the smaller group
        const int most = together ? n - n / 2 : n;
        for (const Cut cut : {Cut::Rows, Cut::Units}) {
            if (members == 1 ? cut == Cut::Units : cut == Cut::Rows && members > call.most_rows)
                continue;
            if (most > 1 && cut == Cut::Units && whole_rows)
                continue;
            if (best.grouped && most * best.grain > round_up(call.most_rows, best.grain))
                continue;
            double seconds = call_seconds(config, call, members, cut);
            seconds *= together ? 1 : directions;
            if (members == 1) // each direction alone on its thread: still a team
                seconds += call.team_seconds;
            if (seconds < least) {
                least = seconds;
                best.threads = n;
                best.cut = cut;
                best.split_directions = together;
            }
        }
    };
    // Every number up to sixteen, then a sixteenth more each time, and the last.
    for (int n = 2; n < threads; n += 1 + n / 16)
        weigh(n);
    if (threads > 1)
        weigh(threads);
    return best;
}

} // namespace

CallShape shape_of(Index N, Index rows, Index steps, bool training, Index width) {
    CallShape call;
    call.most_rows = N;
    call.rows = std::max<Index>(1, (rows + steps - 1) / std::max<Index>(1, steps));
    call.steps = steps;
    call.training = training;
    call.width = width;
    return call;
}

Plan make_plan(const LstmConfig &config, const CallShape &call, int threads, bool in_turn,
               bool waves) {
    double least = 0;
    Plan best = cheapest(config, call, threads, config.bidirectional && !in_turn, least);
    const int most = std::min(threads, config.bidirectional ? 1 : config.layers());
    if (!waves || least <= kTeamSeconds || call.steps < 2)
        return best;
    const double backward = call.training ? least * 2 / 3 : 0;
    for (int n = 2; n <= most; ++n)
        if (const double seconds = wave_seconds(config, call, n) + backward; seconds < least) {
            least = seconds;
            best.threads = n;
            best.cut = Cut::Layers;
        }
    return best;
}

Plan make_stream_plan(const LstmConfig &config, Index rows, int threads, Index width) {
    CallShape call = shape_of(rows, rows, 1, false, width);
    call.team_seconds = kAwakeSeconds;
    double least = 0;
    return cheapest(config, call, threads, false, least);
}

bool merge_input(Index input, Index rows_per_step, Index steps, double weight_bytes) {
    if (steps < 2 || input < 4)
        return false;
    return rows_per_step < (weight_bytes > kNearBytes ? kRowsForFar : kRowsForNear);
}

Index chunk_steps(Index rows_per_step, Index row_bytes) {
    constexpr Index kChunkBytes = 192 * 1024, kChunkRows = 96;
    const Index bytes = std::max(kChunkBytes, kChunkRows * row_bytes);
    return std::max<Index>(1, bytes / std::max<Index>(1, rows_per_step * row_bytes));
}

std::string describe(const Plan &plan) {
    if (plan.threads == 1)
        return "1 thread";
    constexpr const char *kNames[] = {"rows", "units", "layers"};
    std::string cut = kNames[static_cast<int>(plan.cut)];
    if (plan.split_directions)
        cut = plan.threads == 2 ? "directions" : "directions, " + cut;
    return cut + " x " + std::to_string(plan.threads);
}

namespace {

// The first rank of part `index` of `parts` parts that hold about as many steps each.
Index first_rank(const SequenceMap &map, int parts, int index) {
    if (!map.ragged)
        return map.N * index / parts;
    const Index goal = map.rows() * index / parts;
    Index rank = 0;
    for (Index sum = 0; rank < map.N; ++rank) {
        const Index length = map.length[static_cast<std::size_t>(rank)];
        if (sum + length / 2 >= goal)
            break;
        sum += length;
    }
    return rank;
}

} // namespace

bool make_share(const Plan &plan, const SequenceMap &map, int directions, int d, int thread,
                int team, Share &share) {
    int begin = 0, end = team;
    if (directions == 2 && plan.split_directions && team >= 2) {
        const int half = team / 2;
        begin = d == 0 ? 0 : half;
        end = d == 0 ? half : team;
    }
    if (thread < begin || thread >= end)
        return false;
    share = Share();
    share.thread = thread;
    share.group = d;
    share.members = end - begin;
    share.index = thread - begin;
    share.row_end = map.N;
    if (plan.cut == Cut::Units) {
        share.parts = share.members;
        share.part = share.index;
    } else {
        const auto from = [&](int index) {
            return std::min(map.N, round_up(first_rank(map, share.members, index), plan.grain));
        };
        share.first_row = from(share.index);
        share.row_end = from(share.index + 1);
        if (share.index + 1 == share.members)
            share.row_end = map.N;
        for (int m = 1; plan.grouped && m < share.members; ++m)
            share.group_begin[static_cast<std::size_t>(m)] =
                (from(m) + plan.grain - 1) / plan.grain;
        if (plan.grouped)
            share.group_begin[static_cast<std::size_t>(share.members)] = kMostGroups;
    }
    return true;
}

} // namespace fastlstm
