#include "nn/row_groups.h"

#include <algorithm>

namespace fastlstm {

namespace {

// Sums of `groups` groups from `first` on.
struct Range {
    Index first, groups, node;
};

} // namespace

template <class T> RowGroups<T> row_groups(const Share &share, Index size, Index active) {
    RowGroups<T> to;
    to.size = size;
    to.begin = share.group_begin[static_cast<std::size_t>(share.index)];
    to.end = share.group_begin[static_cast<std::size_t>(share.index) + 1];
    to.active = active;
    to.writes = share.index == 0;
    const auto rows = [&](Index first, Index groups) {
        return std::clamp<Index>(active - first * size, 0, groups * size);
    };
    // Without rows there is nothing to merge, and what stands there means nothing.
    const auto merge = [&](Index first, Index groups, Index into, Index from, Merge<T> *list,
                           int &count) {
        const double a = double(rows(first, groups)), b = double(rows(first + groups, groups));
        if (b > 0)
            list[count++] = {into, from, T(b / (a + b)), T(a * b / (a + b))};
    };
    for (Index n = 1; n < kMostGroups; n *= 2)
        for (Index a = round_up(to.begin, 2 * n); a + 2 * n <= to.end; a += 2 * n)
            merge(a, n, a, a + n, to.own, to.own_merges);
    Range open[kMostGroups];
    int depth = 0;
    for (int m = 0; m < share.members; ++m) {
        Index at = share.group_begin[static_cast<std::size_t>(m)];
        const Index end = share.group_begin[static_cast<std::size_t>(m) + 1];
        while (at < end) {
            Index n = 1;
            while (at % (2 * n) == 0 && at + 2 * n <= end)
                n *= 2;
            to.node[to.nodes] = at;
            open[depth++] = {at, n, to.nodes++};
            at += n;
            for (; depth > 1 && open[depth - 2].groups == open[depth - 1].groups &&
                   open[depth - 2].first % (2 * open[depth - 1].groups) == 0;
                 --depth) {
                Range &low = open[depth - 2];
                merge(low.first, low.groups, low.node, open[depth - 1].node, to.merge,
                      to.merges);
                low.groups *= 2;
            }
        }
    }
    return to;
}

template RowGroups<float> row_groups(const Share &, Index, Index);
template RowGroups<double> row_groups(const Share &, Index, Index);

} // namespace fastlstm
