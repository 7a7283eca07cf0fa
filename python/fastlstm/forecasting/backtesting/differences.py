"""Whether one forecaster is better than another, or was lucky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..numbers import Floats
from .truth import Truth

__all__ = ["Difference", "compare", "mean_and_error"]

# Fewer differences, that do not overlap, have no standard error worth the name.
_LEAST: Final = 10
# The 97.5 % quantile of a mean in units of its Newey-West error, as a polynomial of the
# bandwidth over n; its constant is the normal one.
_FIXED_BANDWIDTH: Final = (-0.5324, 0.4160, 2.9694, 1.9600)


@dataclass(frozen=True)
class Difference:
    """By how much scaled errors are larger than those of another forecaster.

    Attributes
    ----------
    mean : float
    error : float or None
        Its standard error; None where there are too few to tell.
    count : int
        Of how many origins, or series.
    unit : str
        "origins" or "series".
    """

    mean: float
    error: float | None
    count: int
    unit: str

    @property
    def ratio(self) -> float | None:
        """Standard errors that it is away from zero; None where that is unknown."""
        if self.error is None:
            return None
        if self.error == 0.0:
            return 0.0 if self.mean == 0.0 else float(np.copysign(np.inf, self.mean))
        return self.mean / self.error


def compare(truth: Truth, model: Floats, other: Floats, *, scaled: bool) -> Difference:
    """Compare absolute errors in pairs.

    The test of Diebold & Mariano (1995): a loss each moment, the mean over series and
    horizon, whose differences are a series of their own. With few moments but many
    series the differences are those of series, as if they were independent.

    Parameters
    ----------
    truth : Truth
    model, other : (R, H, K) arrays
    scaled : bool
        In units of ``truth.scale``, where there is one; else in those of y.
    """
    unit = truth.scale[:, None] if scaled else np.ones((1, 1, 1))
    terms = (np.abs(truth.y - model) - np.abs(truth.y - other)) / unit
    seen = ~np.isnan(terms)
    sums = np.where(seen, terms, 0.0).sum(axis=(1, 2))
    counts = seen.sum(axis=(1, 2)).astype(np.float64)
    horizon = truth.y.shape[1]
    overlap = -(-horizon // truth.spacing)
    mean, error, n = mean_and_error(sums, counts, truth.moment, overlap)
    if error is None:
        of_series, n_series = mean_and_error(sums, counts, truth.series, 0)[1:]
        if of_series is not None:
            return Difference(mean, of_series, n_series, "series")
    return Difference(mean, error, n, "origins")


def mean_and_error(
    sums: Floats, counts: Floats, groups: NDArray[Any], overlap: int
) -> tuple[float, float | None, int]:
    """Return a mean over groups of terms, and its standard error.

    Newey & West (1987), with a bandwidth of twice the overlap, or of ``n^(1/3) + 1``
    for what else lasts. That is too small an error where the bandwidth is no small part
    of n: it is stretched so that two errors have the level that they seem to have, 5 %,
    by Kiefer & Vogelsang (2005, "A new asymptotic theory for heteroskedasticity-
    autocorrelation robust tests", table 1, Bartlett). Groups of different sizes count
    by size.

    Parameters
    ----------
    sums, counts : (R,) arrays
        Of terms.
    groups : (R,) array
        Sorted, they are in the order of time.
    overlap : int
        How many groups next to one another share what came true, 1 where none do; 0
        of groups that are independent.

    Returns
    -------
    mean : float
        NaN without terms.
    error : float or None
        None of fewer than ten groups that share nothing.
    n : int
        Groups with terms.
    """
    keys, place = np.unique(groups, return_inverse=True)
    total = np.bincount(place, sums, len(keys))
    size = np.bincount(place, counts, len(keys))
    total, size = total[size > 0.0], size[size > 0.0]
    n = len(size)
    if n == 0:
        return float("nan"), None, 0
    mean = float(total.sum() / size.sum())
    span = max(2 * overlap, int(np.cbrt(n)) + 1) if overlap else 1
    if n < _LEAST * max(overlap, 1):
        return mean, None, n
    # The mean is a ratio of two sums: these are its linear part.
    parts = (total - mean * size) / size.mean()
    variance = parts @ parts / n
    for lag in range(1, span):
        weight = 1.0 - lag / span
        variance += 2.0 * weight * (parts[lag:] @ parts[:-lag]) / n
    stretch = np.polyval(_FIXED_BANDWIDTH, span / n) / _FIXED_BANDWIDTH[-1]
    return mean, float(np.sqrt(max(variance, 0.0) / n) * stretch), n
