// What a call costs, as the planner sees it when it chooses threads and how to cut: a few
// constants, measured on one machine. Only their ratios matter: a slower machine is slower
// everywhere.
#pragma once

#include <algorithm>

#include "nn/lstm_weights.h"

namespace fastlstm {

constexpr double kVectorSeconds = 0.29e-9; // one vector multiply-add from registers
constexpr double kLoadSeconds = 0.45e-9;   // one vector of weights from the second level
constexpr double kCellSeconds = 30e-9;     // the pointwise part of one vector of units
constexpr double kTileSeconds = 10e-9;     // a register tile, opened and closed
constexpr double kBarrierSeconds = 0.4e-6; // a barrier of a step
constexpr double kTeamSeconds = 8e-6;      // opening a region, caches that change owner
constexpr double kAwakeSeconds = 0.6e-6;   // the same, again and again for the same data

// How many rows a step needs to use weights as fast as they come: from the caches, and from
// memory where both matrices together exceed kNearBytes.
constexpr double kNearBytes = 8e6;
constexpr Index kRowsForNear = 4, kRowsForFar = 96;

// One time step of `blocks` blocks of W units for `rows` rows: each weight vector is
// loaded once for a tile of up to six rows.
inline double step_seconds(Index rows, Index blocks, Index K) {
    constexpr Index kTile = 6;
    const Index tiles = (rows + kTile - 1) / kTile;
    const double vectors = 4.0 * double(blocks) * double(K);
    const double product =
        vectors * std::max(kVectorSeconds * double(rows), kLoadSeconds * double(tiles));
    return product + double(blocks) * (kCellSeconds * double(rows) + kTileSeconds * double(tiles));
}

// One step of all layers of one direction, cut over `members` threads by rows or by
// units. Backward costs twice as much again and meets as often again for each step; its
// products are cut in panels of four blocks.
struct CallShape {
    Index rows = 0, steps = 0; // rows: of an average step
    Index most_rows = 0;       // of the first one
    bool training = false;
    Index width = 1; // W
    double team_seconds = kTeamSeconds;
};
inline double call_seconds(const LstmConfig &config, const CallShape &call, int members,
                           bool by_units) {
    const auto part = [&](Index n) { return by_units ? n : (n + members - 1) / members; };
    double step = 0;
    for (int l = 0; l < config.layers(); ++l) {
        const Index blocks = (config.units(l) + call.width - 1) / call.width;
        const Index grain = call.training ? 4 : 1, pieces = (blocks + grain - 1) / grain;
        const Index mine = by_units ? (pieces + members - 1) / members * grain : blocks;
        step += step_seconds(part(call.rows), std::min(mine, blocks),
                             config.input(l) + config.state(l));
        if (by_units && members > 1)
            step += kBarrierSeconds * (config.projection ? 2 : 1);
    }
    return step * double(call.steps) * (call.training ? 3 : 1) +
           (members > 1 ? call.team_seconds : 0) * (call.training ? 2 : 1);
}

} // namespace fastlstm
