// How one call is cut over threads. Results never depend on it, only time does.
#pragma once

#include <array>
#include <string>

#include "nn/cost.h"
#include "nn/sequence_map.h"
#include "nn/work.h"

namespace fastlstm {

struct Plan {
    int threads = 1;
    bool split_directions = false; // half of the threads for each direction
    Cut cut = Cut::Rows;
    Index grain = 1; // rows of a group that one thread has
    bool grouped = false; // whether all rows of a step make sums: at most kMostGroups groups
};

// rows: of all steps together.
CallShape shape_of(Index N, Index rows, Index steps, bool training, Index width);

// The plan weighs what cost.h counts. in_turn: one direction after the other. Backward is
// never cut by layers; its own plan is one with `waves` false.
Plan make_plan(const LstmConfig &config, const CallShape &call, int threads,
               bool in_turn = false, bool waves = true);

// One step of a stream: a team pays sooner, since its threads are awake and its weights lie in
// their caches.
Plan make_stream_plan(const LstmConfig &config, Index rows, int threads, Index width);

// Whether x W_ih^T is worth a pass of its own over many steps: it is where the rows of one
// step are too few for weights that have to be fetched. Else W_ih is read at each step beside
// W_hh, and gates do not go to memory and back. weight_bytes: of both.
bool merge_input(Index input, Index rows_per_step, Index steps, double weight_bytes);

// Whether a step reads its weights from the last block on: every other one does where reading
// is what takes the time, so that it finds near what was read last.
inline bool back_and_forth(Index rows, Index step) { return rows < kRowsForNear && step & 1; }

// Steps that one chunk spans: its gate rows stay in cache, or where they are so large
// that they do not, they are so many that W_ih is read for all of them at once.
Index chunk_steps(Index rows_per_step, Index row_bytes);

// "rows x 2", "units x 2", "1 thread", ...
std::string describe(const Plan &plan);

// What one thread does for one direction.
struct Share {
    int thread = 0;
    int group = 0, members = 1, index = 0; // group: the threads of one direction
    Index first_row = 0, row_end = 0;      // its ranks
    int parts = 1, part = 0;               // its part of the hidden units
    // Grouped plans: the first group of each member, and behind the last kMostGroups.
    std::array<Index, kMostGroups + 1> group_begin = {0, kMostGroups};

    Index rows(Index active) const {
        return std::max<Index>(0, std::min(active, row_end) - first_row);
    }
};
// Whether this thread works on direction d at all, and its share. Rows are cut so that
// each member has as many steps; they are neighbours, since a cache line that one core
// fetches ahead must not be one that another core writes.
bool make_share(const Plan &plan, const SequenceMap &map, int directions, int d, int thread,
                int team, Share &share);

} // namespace fastlstm
