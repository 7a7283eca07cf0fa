// Ragged batches: sequences sorted by length, steps that shrink as sequences end.
#pragma once

#include <vector>

#include "kernels/kernels.h"

namespace fastlstm {

// Rank b is a sequence's place when the longest stands first (ties keep their order).
// At step s the ranks [0, active(s)) are alive; packed row first[s] + b is rank b at
// step s, so padding has no row: it is neither read nor computed.
struct SequenceMap {
    Index N = 0, T_ = 0;
    Index steps = 0; // the longest length
    bool ragged = false;
    std::vector<Index> order;  // (N,) batch row of each rank
    std::vector<Index> length; // (N,) by rank
    std::vector<Index> first;  // (steps + 1,)

    // lengths (N,) may be null: all T. Lengths must lie in [1, T].
    SequenceMap(Index N, Index T, const Index *lengths);

    Index active(Index s) const {
        const std::size_t i = static_cast<std::size_t>(s);
        return first[i + 1] - first[i];
    }
    Index row(Index s) const { return first[static_cast<std::size_t>(s)]; }
    Index rows() const { return first.back(); }
    // The time that direction d (1: reverse) reads at step s of rank b.
    Index time(int d, Index s, Index b) const {
        return d == 0 ? s : length[static_cast<std::size_t>(b)] - 1 - s;
    }

    // Zeroes the padded steps of an (N, T, size) array.
    template <class E> void clear_padding(E *a, Index n_stride, Index t_stride, Index size) const {
        for (std::size_t b = 0; b < order.size(); ++b)
            for (Index t = length[b]; t < T_; ++t) {
                E *row = a + order[b] * n_stride + t * t_stride;
                for (Index i = 0; i < size; ++i)
                    row[i] = E(0);
            }
    }
};

// A layer's input or output over the whole call: the user's (N, T, F) array, or rows in
// the packed order of SequenceMap.
template <class T> struct Activations {
    T *base = nullptr;
    Index n_stride = 0, t_stride = 0; // user's array
    Index row_stride = 0;             // packed rows where not 0

    T *at(const SequenceMap &map, Index b, Index t) const {
        if (row_stride)
            return base + (map.row(t) + b) * row_stride;
        return base + map.order[static_cast<std::size_t>(b)] * n_stride + t * t_stride;
    }
    operator Activations<const T>() const { return {base, n_stride, t_stride, row_stride}; }
};

} // namespace fastlstm
