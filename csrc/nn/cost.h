// What a call costs, as the planner sees it when it chooses threads and how to cut: a few
// constants, measured on one machine. Only their ratios matter: a slower machine is slower
// everywhere.
#pragma once

#include <algorithm>

#include "base/threads.h"
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

// What is cut over the threads of one direction: its rows (no thread waits for another), its
// units (all meet at each step), or its layers (one follows the other by a few steps).
enum class Cut { Rows, Units, Layers };

// Steps that a layer does before the next one starts on them: enough to fill register tiles.
constexpr Index kWaveSteps = 12;

struct CallShape {
    Index rows = 0, steps = 0; // rows: of an average step
    Index most_rows = 0;       // of the first one
    bool training = false;
    Index width = 1; // W
    double team_seconds = kTeamSeconds;
};

// One step of one layer. The products of backward are cut in panels of four blocks.
inline double layer_seconds(const LstmConfig &config, int layer, const CallShape &call,
                            int members, Cut cut) {
    const bool by_units = cut == Cut::Units, by_rows = cut == Cut::Rows;
    const Index rows = by_rows ? (call.rows + members - 1) / members : call.rows;
    const Index blocks = (config.units(layer) + call.width - 1) / call.width;
    const Index grain = call.training ? 4 : 1, pieces = (blocks + grain - 1) / grain;
    const Index mine = by_units ? (pieces + members - 1) / members * grain : blocks;
    const double step = step_seconds(rows, std::min(mine, blocks),
                                     config.input(layer) + config.state(layer));
    double meetings = 0;
    if (by_units)
        meetings = config.projection ? 2 : 1;
    else if (by_rows && call.training && config.norm.kind == Normalization::Batch)
        meetings = kBatchStages - 1;
    return step + (members > 1 ? kBarrierSeconds * meetings : 0);
}

// All layers of one direction. Backward costs twice as much again and meets as often again
// for each step.
inline double call_seconds(const LstmConfig &config, const CallShape &call, int members,
                           Cut cut) {
    double step = 0;
    for (int l = 0; l < config.layers(); ++l)
        step += layer_seconds(config, l, call, members, cut);
    return step * double(call.steps) * (call.training ? 3 : 1) +
           (members > 1 ? call.team_seconds : 0) * (call.training ? 2 : 1);
}

// The layers [begin, end) of one member of a wave: neighbours, cut where the parts of the
// work are most nearly equal. A member may be left without any.
inline void wave_layers(const LstmConfig &config, const CallShape &call, int members, int member,
                        int &begin, int &end) {
    double total = 0, before = 0;
    for (int l = 0; l < config.layers(); ++l)
        total += layer_seconds(config, l, call, 1, Cut::Layers);
    begin = end = config.layers();
    for (int l = 0; l < config.layers(); ++l) {
        const double own = layer_seconds(config, l, call, 1, Cut::Layers);
        const int owner = std::min(members - 1, int(members * (before + own / 2) / total));
        if (owner >= member)
            begin = std::min(begin, l);
        if (owner > member)
            end = std::min(end, l);
        before += own;
    }
}

// Forward as a wave: the slowest thread, and the steps that the last one waits at first.
inline double wave_seconds(const LstmConfig &config, const CallShape &call, int members) {
    double slowest = 0;
    for (int m = 0; m < members; ++m) {
        int begin, end;
        wave_layers(config, call, members, m, begin, end);
        double step = 0;
        for (int l = begin; l < end; ++l)
            step += layer_seconds(config, l, call, 1, Cut::Layers);
        slowest = std::max(slowest, step);
    }
    return slowest * double(call.steps + (members - 1) * kWaveSteps) + call.team_seconds;
}

} // namespace fastlstm
