// Rows of a table, picked by token, and the gradient of the table.
#pragma once

#include "kernels/kernels.h"

namespace fastlstm {

// table: V rows of E. tokens (n,) in [0, V), else std::invalid_argument before anything
// is written. out: n rows of E, each times its token's scale; rows of scale 0 are zero,
// whatever the table holds. scale (V,), or null: 1.
template <class T>
void embedding_forward(Rows<const T> table, Index V, Index E, const Index *tokens, Index n,
                       const T *scale, Rows<T> out);

// dtable: V rows of E, += dy (n rows of E) times its scale at each token's row, in the
// order of the rows: the same bits for any number of threads.
template <class T>
void embedding_backward(Rows<const T> dy, Index V, Index E, const Index *tokens, Index n,
                        const T *scale, Rows<T> dtable);

} // namespace fastlstm
