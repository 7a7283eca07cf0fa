// Optimizers over a range of the flat parameter buffer, cut over threads. Each element
// has its own update, so the result does not depend on where the cuts are.
#pragma once

#include "kernels/kernels.h"

namespace fastlstm {

template <class T> void sgd_step(const SgdArgs<T> &args);
template <class T> void adam_step(const AdamArgs<T> &args);

// Sum of squares in float64: pieces of fixed size, added from left to right.
template <class T> double squared_norm(const T *x, Index n);

} // namespace fastlstm
