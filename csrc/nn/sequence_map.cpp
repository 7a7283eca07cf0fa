#include "nn/sequence_map.h"

#include <algorithm>
#include <numeric>

namespace fastlstm {

SequenceMap::SequenceMap(Index batch, Index time_steps, const Index *lengths)
    : N(batch), T_(time_steps), steps(time_steps), order(static_cast<std::size_t>(batch)),
      length(static_cast<std::size_t>(batch), time_steps) {
    std::iota(order.begin(), order.end(), Index(0));
    if (lengths) {
        std::stable_sort(order.begin(), order.end(),
                         [&](Index a, Index b) { return lengths[a] > lengths[b]; });
        for (std::size_t b = 0; b < order.size(); ++b)
            length[b] = lengths[order[b]];
        steps = length.front();
        ragged = length.back() != time_steps;
    }
    first.resize(static_cast<std::size_t>(steps) + 1);
    Index alive = N, row = 0;
    for (Index s = 0; s < steps; ++s) {
        while (length[static_cast<std::size_t>(alive - 1)] <= s)
            --alive;
        first[static_cast<std::size_t>(s)] = row;
        row += alive;
    }
    first.back() = row;
}

} // namespace fastlstm
