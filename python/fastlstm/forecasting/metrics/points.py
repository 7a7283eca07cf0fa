"""Errors of point forecasts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..._validate import check_int
from ..numbers import Floats, as_series
from .inputs import Axis, Score, Seen, as_forecast, as_truth, mean, over

__all__ = ["mae", "mase", "rmse", "smape"]


def mae(y: npt.ArrayLike, forecast: npt.ArrayLike, *, axis: Axis = None) -> Score:
    """Mean absolute error; the median is the forecast that makes it least.

    Parameters
    ----------
    y, forecast : (H,), (N, H) or (N, H, K) arrays
        What was observed, NaN where nothing was, and what had been forecast.
    axis : int or tuple of int, optional
        The axes of y to average over; all of them by default.

    Returns
    -------
    score : float, or array where ``axis`` leaves axes

    Raises
    ------
    ValueError
        Shapes that differ, y infinite, a forecast that is NaN where y is observed.
    TypeError
        What are no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import mae
    >>> y = np.array([[1.0, 2.0], [3.0, np.nan]])
    >>> mae(y, np.zeros((2, 2)))
    2.0
    >>> mae(y, np.zeros((2, 2)), axis=0)
    array([2., 2.])
    """
    error, seen = _errors(y, forecast)
    return mean(np.abs(error), seen, axis)


def rmse(y: npt.ArrayLike, forecast: npt.ArrayLike, *, axis: Axis = None) -> Score:
    """Root of the mean squared error; the mean is the forecast that makes it least.

    Parameters, what is returned and errors as for `mae`.
    """
    error, seen = _errors(y, forecast)
    with np.errstate(over="ignore"):  # then the score is infinite
        score = np.sqrt(mean(error**2, seen, axis))
    return float(score) if np.ndim(score) == 0 else score


def smape(y: npt.ArrayLike, forecast: npt.ArrayLike, *, axis: Axis = None) -> Score:
    """Symmetric absolute error, the mean of ``2 |y - f| / (|y| + |f|)``, from 0 to 2.

    The definition of the M4 competition (Makridakis, Spiliotis & Assimakopoulos 2020),
    which states it in percent, 100 times this. 0 / 0 counts 0. Parameters, what is
    returned and errors as for `mae`.
    """
    truth, seen = as_truth(y)
    value = as_forecast("forecast", forecast, seen)
    finite = np.isfinite(value)
    near = np.where(finite, value, 0.0)
    terms = over(2.0 * np.abs(truth - near), np.abs(truth) + np.abs(near))
    return mean(np.where(finite, terms, 2.0), seen, axis)


def mase(
    y: npt.ArrayLike,
    forecast: npt.ArrayLike,
    history: Any,
    *,
    season: int = 1,
    axis: Axis = None,
) -> Score:
    """Absolute error in units of the seasonal naive's own (Hyndman & Koehler 2006).

    The scale of a series is the mean of ``|h_t - h_(t - season)|`` over its history,
    wherever both are observed. Below 1 is better than the naive forecast was there.

    Parameters
    ----------
    y, forecast : (H,), (N, H) or (N, H, K) arrays
    history : (T,) array, or N of them; with (N, H, K) of (T, K) arrays
        What each series was before, not always of one length: an array with a first
        axis of N, or a list. One alone where y is windows of the same series.
    season : int, default=1
        Steps of a season, 1 for none.
    axis : int or tuple of int, optional

    Returns
    -------
    score : float, or array where ``axis`` leaves axes
        inf where a history repeats itself and the forecast misses, 0 if it does not.

    Raises
    ------
    ValueError
        As for `mae`; a history of another shape, or without two values a season apart.
    TypeError
        As for `mae`; ``season`` is no integer.

    Examples
    --------
    >>> from fastlstm.forecasting import mase
    >>> mase([7.0, 7.0], [5.0, 8.0], history=[1.0, 4.0, 1.0, 4.0, 7.0])
    0.5
    """
    error, seen = _errors(y, forecast)
    scale = _scales(history, error.shape, check_int("season", season, 1))
    return mean(over(np.abs(error), np.broadcast_to(scale, error.shape)), seen, axis)


def _errors(y: npt.ArrayLike, forecast: npt.ArrayLike) -> tuple[Floats, Seen]:
    truth, seen = as_truth(y)
    return truth - as_forecast("forecast", forecast, seen), seen


def _scales(history: Any, shape: tuple[int, ...], season: int) -> Floats:
    """Return what errors of ``shape`` are divided by; it broadcasts to that."""
    items = history if isinstance(history, (list, tuple)) else np.asarray(history)
    rank = np.ndim(items[0]) + 1 if len(items) else 1
    series_rank = max(1, len(shape) - 1)
    if rank == series_rank:
        return _scale("history", items, shape, season)
    if rank != series_rank + 1 or len(shape) == 1 or len(items) != shape[0]:
        outputs = f", {shape[2]})" if len(shape) == 3 else ",)"
        several = "" if len(shape) == 1 else f" or {shape[0]} such series"
        raise ValueError(
            f"history must be a series of shape (T{outputs}{several} for y of shape "
            f"{shape}, got {len(items)} items of {rank - 1} dimensions"
        )
    names = (f"history[{n}]" for n in range(len(items)))
    scales = [_scale(*pair, shape, season) for pair in zip(names, items, strict=True)]
    return np.stack([np.broadcast_to(s, shape[1:]) for s in scales])


def _scale(
    name: str, series: npt.ArrayLike, shape: tuple[int, ...], season: int
) -> Floats:
    """Return the mean seasonal difference of one series: () or (K,)."""
    values = as_series(name, series)
    if values.shape[1:] != shape[2:]:
        raise ValueError(
            f"{name} must have shape (T, {shape[2]}) for y of shape {shape}, got "
            f"{values.shape}"
        )
    steps = np.abs(values[season:] - values[:-season])
    seen = ~np.isnan(steps)
    if not seen.any(axis=0).all():
        raise ValueError(
            f"{name} has no two observed values {season} steps apart, so there is no "
            f"scale: it has {len(values)} steps"
        )
    return np.asarray(mean(steps, seen, 0))
