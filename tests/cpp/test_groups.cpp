// Sums over all rows of a step: who has which groups of rows, and that every cut of them over
// threads comes to the one tree in which a single thread merges them.
#include "check.h"
#include "nn/row_groups.h"

namespace check {
namespace {

using namespace fastlstm;

// Merges by name: what stood in a slot before, and the weights. A slot that nobody wrote is "?".
std::string merged(const std::string &into, const std::string &from, const Merge<double> &m) {
    return "(" + into + " " + from + " " + text(m.share) + " " + text(m.product) + ")";
}

// What each member makes of a step where member m has the groups [cut[m], cut[m + 1]).
std::vector<std::string> trees(const std::vector<Index> &cut, Index size, Index active) {
    Share share;
    share.members = int(cut.size()) - 1;
    std::copy(cut.begin(), cut.end(), share.group_begin.begin());
    std::vector<RowGroups<double>> members;
    std::vector<std::string> slots(std::size_t(kMostGroups), "?");
    for (; share.index < share.members; ++share.index) {
        const RowGroups<double> &g =
            members.emplace_back(row_groups<double>(share, size, active));
        for (Index k = g.begin; k < g.end && k * size < active; ++k)
            slots[std::size_t(k)] = std::to_string(k);
        for (int i = 0; i < g.own_merges; ++i) {
            const Merge<double> &m = g.own[i];
            const bool own = m.into >= g.begin && m.from > m.into && m.from < g.end;
            expect(own, [] { return "a merge in another member's slot"; });
            std::string &into = slots[std::size_t(m.into)];
            into = merged(into, slots[std::size_t(m.from)], m);
        }
    }
    std::vector<std::string> all;
    for (const RowGroups<double> &g : members) {
        std::vector<std::string> nodes;
        for (int i = 0; i < g.nodes; ++i)
            nodes.push_back(slots[std::size_t(g.node[i])]);
        for (int i = 0; i < g.merges; ++i) {
            const Merge<double> &m = g.merge[i];
            std::string &into = nodes[std::size_t(m.into)];
            into = merged(into, nodes[std::size_t(m.from)], m);
        }
        all.push_back(nodes[0]);
    }
    return all;
}

// Every cut of the groups over up to kMostGroups members, of which some have none.
template <class F> void for_cuts(std::vector<Index> cut, std::size_t members, F &&each) {
    if (cut.size() == members) {
        cut.push_back(kMostGroups);
        each(cut);
        return;
    }
    for (Index next = cut.back(); next <= kMostGroups; ++next) {
        cut.push_back(next);
        for_cuts(cut, members, each);
        cut.pop_back();
    }
}

void test_trees(Index size, Index active) {
    const std::string one = trees({0, kMostGroups}, size, active)[0];
    expect(one.find('?') == std::string::npos, [&] { return "without rows: " + one; });
    for (std::size_t members = 2; members <= std::size_t(kMostGroups); members += 2)
        for_cuts({0}, members, [&](const std::vector<Index> &cut) {
            bool same = true;
            for (const std::string &tree : trees(cut, size, active))
                same = same && tree == one;
            expect(same, [&] {
                std::string s = std::to_string(active) + " rows, cut at";
                for (const Index at : cut)
                    s += " " + std::to_string(at);
                return s;
            });
        });
}

// The weights of a merge of four rows with two.
void test_weights() {
    Share share;
    const RowGroups<double> g = row_groups<double>(share, 4, 6);
    const bool right = g.own_merges == 1 && g.own[0].share == 1.0 / 3 &&
                       g.own[0].product == 8.0 / 6;
    expect(right, [] { return "weights of a merge"; });
}

// A member's ranks are those of its groups, whatever the lengths.
void test_shares(Index N, Index T, const Index *lengths) {
    const SequenceMap map(N, T, lengths);
    Plan plan;
    plan.grouped = true;
    plan.grain = round_up((N + kMostGroups - 1) / kMostGroups, 2);
    const int most = int((N + plan.grain - 1) / plan.grain);
    for (int members = 1; members <= most; ++members)
        for (int m = 0; m < members; ++m) {
            Share share;
            make_share(plan, map, 1, 0, m, members, share);
            const Index begin = share.group_begin[std::size_t(m)];
            const Index end = share.group_begin[std::size_t(m) + 1];
            const bool right = share.first_row == std::min(N, begin * plan.grain) &&
                               share.row_end == std::min(N, end * plan.grain) &&
                               (m > 0 || begin == 0) &&
                               (m + 1 < members || end == kMostGroups);
            expect(right, [&] {
                return label<double>("groups of a share", "", {{"N", N}, {"members", members}});
            });
        }
}

} // namespace

void test_groups() {
    for (const Index active : {1, 2, 3, 5, 6, 7, 9, 12, 13, 16})
        test_trees(2, active);
    test_weights();
    for (Index N = 2; N <= 70; ++N) {
        test_shares(N, 5, nullptr);
        for (const Index first : {1, 40}) { // few long sequences, many short ones
            std::vector<Index> lengths(std::size_t(N), 1);
            for (Index n = 0; n < std::min(N, first); ++n)
                lengths[std::size_t(n)] = 50;
            test_shares(N, 50, lengths.data());
        }
    }
}

} // namespace check
