// Special functions of likelihoods, element by element, in float64. Densities need
// differences of log gamma, which lose all digits where its arguments are large: so these
// two are small there. python/fastlstm/distributions builds on them.
#pragma once

#include "kernels/kernels.h"

namespace fastlstm {

// out_i = log gamma(z + 1) - (z + 1/2) log z + z - log(2 pi) / 2 for z = z_i > 0, to a few
// 1e-15 absolutely or relatively: what Stirling's formula lacks. n elements each; out may
// be z.
void stirling_error(Index n, const double *z, double *out);

// out_i = psi(x + y) - psi(x) - y / x for x = x_i > 0, y = y_i >= 0 and psi the derivative of
// log gamma, to 1e-15 of (1 + y) / x. n elements each; out may be x or y.
void digamma_change(Index n, const double *x, const double *y, double *out);

} // namespace fastlstm
