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
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

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

# Below this the recurrence of the gamma function leads up to it; from here on six terms
# of Stirling's series are exact: the seventh is 6e-16 (DLMF 5.11.1).
_SHIFT: Final = 10
# B_2k / (2k (2k - 1)), for k = 1 to 6.
_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
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


def stirling_error(z: Floats) -> Floats:
    """``log gamma(z + 1) - (z + 1/2) log z + z - log(2 pi) / 2`` for z > 0.

    What Stirling's formula lacks: goes to 0 as z grows, and no factorial of a count
    overflows. The absolute error is a few 1e-15.
    """
    far = z + _SHIFT
    # gamma(far + 1) is gamma(z + 1) times (z + 1) ... far.
    factors = np.prod([(z + i) / far for i in range(1, _SHIFT)], axis=0)
    result: Floats = (
        _stirling(far) + (z + 0.5) * np.log1p(_SHIFT / z) - np.log(factors) - _SHIFT
    )
    return result


def digamma_change(x: Floats, y: Any) -> Floats:
    """``psi(x + y) - psi(x) - y / x`` for x > 0, y >= 0; psi is (log gamma)'.

    Goes to 0 as x grows. The absolute error is a few 1e-16 of (1 + y) / x.
    """
    z = x + _SHIFT
    far = np.log1p(y / z) + _psi_series(z + y) - _psi_series(z)
    near = sum(y / ((x + i) * (x + i + y)) for i in range(_SHIFT))
    result: Floats = far + near - y / x
    return result


def _stirling(z: Floats) -> Floats:
    """Log gamma(z) less ``(z - 1/2) log z - z + log(2 pi) / 2`` (DLMF 5.11.1)."""
    square = 1.0 / (z * z)
    total: Any = 0.0
    for coefficient in reversed(_STIRLING):
        total = total * square + coefficient
    result: Floats = total / z
    return result


def _psi_series(z: Floats) -> Floats:
    """``psi(z) - log z`` (DLMF 5.11.2)."""
    square = 1.0 / (z * z)
    total: Any = 0.0
    for k, coefficient in reversed(list(enumerate(_STIRLING, 1))):
        total = total * square - (2 * k - 1) * coefficient
    result: Floats = total * square - 0.5 / z
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
