"""Where the values of a feature lie and how far they spread: a centre and a scale.

Each function takes rows (R, F) in float64 and weights (R,), or None for one each, and
returns two (F,) arrays. A scale is 1 where a feature is constant up to rounding, or
spreads by less than the smallest normal number, about 2e-308. What overflows is not
finite: `SequenceScaler` refuses it.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "mean_and_deviation",
    "median_and_quantile_range",
    "power_to_one",
    "range_to",
]

Floats: TypeAlias = NDArray[np.float64]
Weights: TypeAlias = Floats | None

_EPS: Final = float(np.finfo(np.float64).eps)
_TINY: Final = float(np.finfo(np.float64).tiny)


def mean_and_deviation(rows: Floats, weights: Weights) -> tuple[Floats, Floats]:
    """Return mean and standard deviation, the population's (divisor: all weights)."""
    if weights is not None:
        weights = weights / weights.max()  # only ratios matter: no sum overflows
    mean = np.average(rows, axis=0, weights=weights)
    deviations = rows - mean
    # Squares of 1e-200 would vanish. A power of two rounds nothing.
    factor = power_to_one(np.abs(deviations).max(axis=0))
    deviations *= factor
    variance = np.average(deviations**2, axis=0, weights=weights)
    # What rounding alone leaves of a constant feature's variance (Chan, Golub and
    # LeVeque 1983, eq. 2.4, as used in scikit-learn's StandardScaler).
    rounding = len(rows) * _EPS
    offset = rounding * (mean * factor)
    constant = variance <= rounding * variance + offset**2
    deviation = np.sqrt(variance) / factor
    constant = (constant | (deviation < _TINY)) & np.isfinite(variance)
    return mean, np.where(constant, 1.0, deviation)


def power_to_one(size: Floats) -> Floats:
    """Return the power of two that brings small sizes into [0.5, 1); 1 for others.

    At most 2^1022, which is finite: the smallest numbers get no larger than they can.
    """
    exponent = np.where(np.isfinite(size), np.frexp(size)[1], 0)
    return np.asarray(np.ldexp(1.0, -np.clip(exponent, -1022, 0)))


def range_to(
    rows: Floats, weights: Weights, target: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return what maps the smallest value to ``target[0]``, the largest to the other.

    Weights other than zero do not count.
    """
    if weights is not None:
        rows = rows[weights > 0]
    low, high = target
    smallest, largest = rows.min(axis=0), rows.max(axis=0)
    scale = _unless_constant(smallest, largest) / (high - low)
    return smallest - low * scale, scale


def median_and_quantile_range(
    rows: Floats, weights: Weights, percentiles: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return the median and the distance of two percentiles, 0 to 100."""
    ranks = [50.0, *percentiles]
    if weights is None:
        median, low, high = np.percentile(rows, ranks, axis=0)
    else:
        median, low, high = _weighted_percentiles(rows, weights, ranks)
    return median, _unless_constant(low, high)


def _unless_constant(low: Floats, high: Floats) -> Floats:
    """Return ``high - low``, or 1 where rounding alone may have made it."""
    size = np.maximum(np.abs(low), np.abs(high))
    return np.where(high - low <= 10 * _EPS * size, 1.0, high - low)


def _weighted_percentiles(rows: Floats, weights: Floats, ranks: list[float]) -> Floats:
    """Interpolate linearly in sorted values, each there as often as its weight says.

    With whole weights that is `numpy.percentile` (Hyndman and Fan 1996, definition 7)
    of repeated rows. There a value with cumulated weights C' before and C after it has
    the places C' to C - 1, of W - 1 in all. Weights below 1 count in units u of the
    smallest: C' to C - u, of W - u. So equal weights of any size give what none give.
    """
    rows, weights = rows[weights > 0], weights[weights > 0]
    unit = min(1.0, float(weights.min()))
    result = np.empty((len(ranks), rows.shape[1]))
    for feature, values in enumerate(rows.T):
        order = np.argsort(values, kind="stable")
        after = np.cumsum(weights[order])
        before = np.concatenate([[0.0], after[:-1]])
        places = np.stack([before, after - unit], axis=1).ravel()
        at = np.array(ranks) / 100.0 * places[-1]
        result[:, feature] = np.interp(at, places, values[order].repeat(2))
    return result
