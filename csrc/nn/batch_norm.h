// Batch normalisation (Ioffe & Szegedy 2015) over the valid steps of a ragged batch.
#pragma once

#include "kernels/kernels.h"

namespace fastlstm {

// Which rows of (N, T, F) arrays are valid; T is 1 where there are no steps.
struct ValidSteps {
    Index N = 0, T = 1, F = 0;
    const Index *lengths = nullptr; // (N,) in [1, T], or null: all T
};
// An array of rows of F, elements of a row side by side.
template <class T> struct Steps {
    T *base = nullptr;
    Index n_stride = 0, t_stride = 0;
};

// Everything below reads and writes valid rows only; what stands at the others stays.
// Sums are of doubles, over runs of rows that are cut by their number alone and are put
// together in order, so results do not depend on the number of threads, and those of a
// ragged batch are those of its valid rows alone.

// mean, variance (F,): of each feature over the valid rows, biased (divided by their
// number), by Welford's method for runs (Chan, Golub & LeVeque 1983).
template <class T>
void batch_moments(const ValidSteps &valid, Steps<const T> x, double *mean, double *variance);

// y = (x - mean) / sqrt(variance + epsilon) weight + bias, rounded once. weight, bias
// (F,) may be null: 1 and 0. Throws std::invalid_argument for a variance below 0 or NaN.
template <class T>
void batch_norm_forward(const ValidSteps &valid, Steps<const T> x, const double *mean,
                        const double *variance, double epsilon, const T *weight, const T *bias,
                        Steps<T> y);

// The gradients where mean and variance are those of `batch_moments` of x itself:
//   dweight, dbias  (F,) added to; may be null
//   dx              written; base may be null; may not overlap x or dy
template <class T>
void batch_norm_backward(const ValidSteps &valid, Steps<const T> dy, Steps<const T> x,
                         const double *mean, const double *variance, double epsilon,
                         const T *weight, T *dweight, T *dbias, Steps<T> dx);

} // namespace fastlstm
