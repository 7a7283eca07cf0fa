// Who sums which rows of a step, where all of them make one sum (batch normalisation).
#pragma once

#include "nn/plan.h"

namespace fastlstm {

// Groups have `size` ranks each; `active` ranks are alive at the step.
template <class T> RowGroups<T> row_groups(const Share &share, Index size, Index active);

} // namespace fastlstm
