// Dropout over a batch; the mask of an element is a function of (seed, stream, step, row
// id, unit) alone, so the same call on the gradient is the backward pass. Locked, every
// step has the mask of step 0 (Gal & Ghahramani 2016).
#pragma once

#include "kernels/kernels.h"

namespace fastlstm {

template <class T> struct DropoutBatch {
    Index N = 0, steps = 1, F = 0;
    const T *x = nullptr; // (N, steps, F)
    Index x_n = 0, x_t = 0;
    T *out = nullptr; // (N, steps, F) = x mask / (1 - p); may be x itself
    Index out_n = 0, out_t = 0;
    double p = 0; // in [0, 1)
    bool locked = false;
    std::uint64_t seed = 0;
    std::uint32_t stream = 0;       // below 2^16: which layer draws
    const Index *row_ids = nullptr; // (N,), or null: 0 .. N - 1
};
template <class T> void dropout(const DropoutBatch<T> &batch);

} // namespace fastlstm
