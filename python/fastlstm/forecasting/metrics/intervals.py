"""How often intervals hold what they promise, and how wide they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..numbers import Floats, as_numbers, check_levels, place
from .inputs import Axis, Levels, Score, Seen, as_forecast, as_truth, mean

__all__ = ["coverage", "interval_score", "width"]


def coverage(
    y: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike, *, axis: Axis = None
) -> Score:
    """Share of y inside its interval, whose ends belong to it.

    Parameters
    ----------
    y : (H,), (N, H) or (N, H, K) array
        NaN where nothing was observed.
    lower, upper : arrays of the shape of y, for several levels with one more axis of L
        May be infinite.
    axis : int or tuple of int, optional
        The axes of y to average over; all of them by default.

    Returns
    -------
    score : float or array
        One number a level, at the end, where there are several.

    Raises
    ------
    ValueError
        Shapes that do not fit, y infinite; where y is observed, ends that are NaN or a
        lower one above the upper one.
    TypeError
        What are no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import coverage, interval_score, width
    >>> y = np.array([1.0, 5.0, np.nan])
    >>> lower, upper = np.zeros(3), np.full(3, 4.0)
    >>> coverage(y, lower, upper), width(y, lower, upper)
    (0.5, 4.0)
    >>> interval_score(y, lower, upper, level=0.5)
    6.0
    """
    truth, low, high, seen = _ends(y, lower, upper)
    return mean(((low <= truth) & (truth <= high)).astype(np.float64), seen, axis)


def width(
    y: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike, *, axis: Axis = None
) -> Score:
    """Mean width of the intervals where y is observed, to be read beside `coverage`.

    Parameters, what is returned and errors as there.
    """
    _, low, high, seen = _ends(y, lower, upper)
    return mean(high - low, seen, axis)


def interval_score(
    y: npt.ArrayLike,
    lower: npt.ArrayLike,
    upper: npt.ArrayLike,
    level: Levels,
    *,
    axis: Axis = None,
) -> Score:
    """Winkler's score: the width, and ``2 / (1 - level)`` times what y lies outside.

    Winkler (1972); Gneiting & Raftery (2007, eq. 43), where alpha = 1 - level. The
    interval from the quantile (1 - level) / 2 to (1 + level) / 2 makes it least.

    Parameters
    ----------
    y : (H,), (N, H) or (N, H, K) array
        NaN where nothing was observed.
    lower, upper : arrays of the shape of y, for several levels with one more axis of L
    level : float or L of them
        The coverage that the intervals promise, in (0, 1), increasing.
    axis : int or tuple of int, optional
        The axes of y to average over; all of them by default.

    Returns
    -------
    score : float or array
        One number a level, at the end, where there are several.

    Raises
    ------
    ValueError
        As for `coverage`; levels that are none, or not as many as intervals.
    TypeError
        What are no real numbers.
    """
    truth, low, high, seen = _ends(y, lower, upper)
    levels, single = check_levels("level", level)
    shape = seen.shape if single else (*seen.shape, len(levels))
    if low.shape != shape:
        raise ValueError(
            f"lower must have shape {shape} for level = {level} and y of shape "
            f"{seen.shape}, got {low.shape}"
        )
    beyond = np.maximum(np.maximum(low - truth, truth - high), 0.0)
    factor = 2.0 / (1.0 - levels)
    return mean(high - low + (factor[0] if single else factor) * beyond, seen, axis)


def _ends(
    y: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike
) -> tuple[Floats, Floats, Floats, Seen]:
    """Return y and both ends, all with an axis of levels if the ends have it."""
    truth, seen = as_truth(y)
    low = as_numbers("lower", lower)
    levels = low.shape[-1] if low.ndim == truth.ndim + 1 else None
    low = as_forecast("lower", low, seen, levels)
    high = as_forecast("upper", upper, seen, levels)
    where = seen if levels is None else seen[..., None]
    bad = ~((low <= high) & (low < np.inf) & (high > -np.inf) | ~where)
    if bad.any():
        at = np.unravel_index(int(bad.argmax()), bad.shape)
        raise ValueError(
            f"lower = {low[at]} and upper = {high[at]} at {place(bad)} are no interval"
        )
    return truth if levels is None else truth[..., None], low, high, seen
