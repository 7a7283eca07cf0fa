"""What metrics read, and the mean over what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..numbers import Floats, as_numbers, place

__all__ = ["Axis", "Levels", "Score", "Seen", "as_forecast", "as_truth", "mean", "over"]

Axis: TypeAlias = int | tuple[int, ...] | None
Levels: TypeAlias = float | Sequence[float] | Floats
Seen: TypeAlias = npt.NDArray[np.bool_]
# A number where a mean is over everything, else an array.
Score: TypeAlias = Any


def as_truth(y: npt.ArrayLike) -> tuple[Floats, Seen]:
    """Return y in float64 and where it is observed."""
    truth = as_numbers("y", y)
    if not 1 <= truth.ndim <= 3:
        raise ValueError(
            f"y must have shape (H,), (N, H) or (N, H, K), got {truth.shape}"
        )
    if np.isinf(truth).any():
        raise ValueError(f"y is infinite at {place(np.isinf(truth))}")
    return truth, ~np.isnan(truth)


def as_forecast(
    name: str, value: npt.ArrayLike, seen: Seen, levels: int | None = None
) -> Floats:
    """Return a forecast of the shape of y, with one more axis of ``levels`` at the end.

    It may hold anything where nothing was observed, and is 0 there then.
    """
    forecast = as_numbers(name, value)
    several = () if levels is None else (levels,)
    if forecast.shape != (*seen.shape, *several):
        words = "" if levels is None else f", one number a level (of {levels}) each"
        raise ValueError(
            f"{name} must have shape {(*seen.shape, *several)} for y of shape "
            f"{seen.shape}{words}, got {forecast.shape}"
        )
    where = seen if levels is None else seen[..., None]
    bad = np.isnan(forecast) & where
    if bad.any():
        raise ValueError(f"{name} is NaN at {place(bad)}, where y is observed")
    return np.where(where, forecast, 0.0)


def mean(terms: Floats, seen: Seen, axis: Axis) -> Score:
    """Average ``terms`` over ``axis`` of y, where y is observed; NaN where nowhere.

    Terms may have an axis of levels behind those of y, which stays.
    """
    count = np.asarray(seen.sum(axis=axis), np.float64)
    if terms.ndim > seen.ndim:  # negative axes count from the end of y
        given = range(seen.ndim) if axis is None else np.atleast_1d(axis)
        axes = tuple(int(a) % seen.ndim for a in given)
        total = np.where(seen[..., None], terms, 0.0).sum(axis=axes)
        count = count[..., None]
    else:
        total = np.asarray(np.where(seen, terms, 0.0).sum(axis=axis))
    empty = count == 0.0
    score = np.where(empty, np.nan, total / np.where(empty, 1.0, count))
    return score if score.ndim else float(score)


def over(values: Floats, scale: Floats) -> Floats:
    """Divide; 0 / 0 is 0, and anything else over 0 is infinite."""
    zero = scale == 0.0
    beyond = np.where(values == 0.0, 0.0, np.copysign(np.inf, values))
    quotient = values / np.where(zero, 1.0, scale)
    return np.where(zero & ~np.isnan(values), beyond, quotient)
