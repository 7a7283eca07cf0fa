// Losses and penalties: their weighted sum over rows, in float64, and its gradient.
//
// A loss is one function of a LossRows and its targets here, one row of a table in the
// tests and one binding; see docs/adding.md. Sums run in a fixed order, so value and
// gradient do not depend on the number of threads.
#pragma once

#include "kernels/kernels.h"

namespace fastlstm {

// N rows of K predictions. A row of weight 0 is absent: neither its predictions nor its
// target are read, its gradient is zero.
template <class T> struct LossRows {
    Index N = 0, K = 0;
    Rows<const T> pred;
    const T *weight = nullptr; // (N,), or null: 1
    Rows<T> gradient;          // N rows of K, =; may not overlap the others
};

// sum over n of weight_n mean over k of (pred_nk - target_nk)^2; target: N rows of K.
template <class T> double squared_error(const LossRows<T> &rows, Rows<const T> target);

// sum over n of weight_n (log(sum over k of exp(pred_nk)) - pred_n,label); its gradient
// is weight_n (softmax(pred_n) - onehot(label_n)). A label outside [0, K) in a row that
// is not absent throws std::invalid_argument, before anything is written.
template <class T> double softmax_cross_entropy(const LossRows<T> &rows, const Index *labels);

// Penalties on the rows themselves. sum over n of weight_n mean over k of pred_nk^2:
template <class T> double squared_activation(const LossRows<T> &rows);

// sum over n > 0 of weight_n mean over k of (pred_nk - pred_n-1,k)^2. A weight is that of
// the pair of a row and the one before it; a row whose two pairs have weight 0 is absent.
// The first row has no pair: its weight is not used. weight may not be null.
template <class T> double squared_change(const LossRows<T> &rows);

// out = softmax of each of N rows of K; out may be logits itself.
template <class T> void softmax(Index N, Index K, Rows<const T> logits, Rows<T> out);

} // namespace fastlstm
