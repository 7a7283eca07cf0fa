"""Special functions that NumPy lacks, of arrays, in float64.

Design: densities need differences of logarithms of the gamma function, which lose all
digits where its arguments are large. So what is computed is the difference of a gamma
function from Stirling's formula, which is small, as Loader 2000 ("Fast and accurate
computation of binomial probabilities") does, and that of two digammas. Continued
fractions are evaluated by the modified algorithm of Lentz (Press et al. 2007, Numerical
Recipes, section 5.2); "DLMF" is the NIST Digital Library of Mathematical Functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core

__all__ = [
    "beta_fraction",
    "digamma_change",
    "gamma_fraction",
    "gamma_upper_fraction",
    "sigmoid",
    "softplus",
    "stirling_error",
]

Floats: TypeAlias = NDArray[np.float64]

_TINY: Final = 1e-300
_EPSILON: Final = 2.0**-51
# A fraction takes about the square root of its largest parameter, and those that do not
# end are NaN.
_MOST_TERMS: Final = 100_000


def softplus(x: Floats) -> Floats:
    """``log(1 + exp(x))``."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x: Floats) -> Floats:
    """``1 / (1 + exp(-x))``, the slope of `softplus`."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0.0, e, 1.0) / (1.0 + e)


def stirling_error(z: ArrayLike) -> Floats:
    """``log gamma(z + 1) - (z + 1/2) log z + z - log(2 pi) / 2`` for z > 0.

    What Stirling's formula lacks: goes to 0 as z grows, and no factorial of a count
    overflows. The error is a few 1e-15, relative where the result is above 1.
    """
    array = np.ascontiguousarray(z, np.float64)
    result = np.empty_like(array)
    _core.stirling_error(array.reshape(-1), result.reshape(-1))
    return result


def digamma_change(x: ArrayLike, y: ArrayLike) -> Floats:
    """``psi(x + y) - psi(x) - y / x`` for x > 0, y >= 0; psi is (log gamma)'.

    Goes to 0 as x grows. The error is below 1e-15 of (1 + y) / x.
    """
    xs, ys = (np.array(v, np.float64) for v in np.broadcast_arrays(x, y))
    result = np.empty_like(xs)
    _core.digamma_change(xs.reshape(-1), ys.reshape(-1), result.reshape(-1))
    return result


def beta_fraction(a: Floats, b: Floats, x: Floats) -> Floats:
    """``x^a (1 - x)^b / (a B(a, b) I_x(a, b))``: DLMF 8.17.22, for x below the mean.

    Above ``(a + 1) / (a + b + 2)`` it is slow and loses digits: there
    ``I_x(a, b) = 1 - I_{1-x}(b, a)`` (DLMF 8.17.4). Flat arrays.
    """

    def term(m: int, a: Floats, b: Floats, x: Floats) -> Floats:
        k = m // 2
        if m % 2:
            return -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        return k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))

    return _fraction(term, a, b, x)


def gamma_fraction(a: Floats, x: Floats) -> Floats:
    """``x^a exp(-x) / (gamma(a + 1) P(a, x))``: `beta_fraction` as x b for b to inf.

    For x below a + 1; P is the regularised lower incomplete gamma function.
    """

    def term(m: int, a: Floats, x: Floats) -> Floats:
        k = m // 2
        if m % 2:
            return -(a + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        return k * x / ((a + 2 * k - 1) * (a + 2 * k))

    return _fraction(term, a, x)


def gamma_upper_fraction(a: Floats, x: Floats) -> Floats:
    """``x^(a-1) exp(-x) / (gamma(a) Q(a, x))``: DLMF 8.9.2, for x above a + 1."""

    def term(m: int, a: Floats, x: Floats) -> Floats:
        k = m // 2
        return (k + 1.0 - a if m % 2 else k) / x

    return _fraction(term, a, x)


def _fraction(term: Callable[..., Floats], *parameters: Floats) -> Floats:
    """``1 + t_1 / (1 + t_2 / (1 + ...))``, each until nothing changes any more."""
    result = np.full_like(parameters[0], np.nan)
    where = np.arange(result.size)
    c, d, f = np.ones(result.size), np.zeros(result.size), np.ones(result.size)
    for m in range(1, _MOST_TERMS):
        if not where.size:
            break
        t = term(m, *parameters)
        c, d = 1.0 + t / c, 1.0 + t * d
        c[c == 0.0] = _TINY
        d[d == 0.0] = _TINY
        d = 1.0 / d
        f *= c * d
        going = np.abs(c * d - 1.0) > _EPSILON
        if going.all():
            continue
        # At once, or the last bit would depend on what else there is to do.
        result[where[~going]] = f[~going]
        where, c, d, f = where[going], c[going], d[going], f[going]
        parameters = tuple(p[going] for p in parameters)
    return result
