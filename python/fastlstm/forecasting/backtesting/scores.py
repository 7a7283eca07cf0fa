"""The scores of one forecaster, a column each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..metrics import coverage, crps_from_quantiles, mae, rmse, smape, width, wql
from ..metrics.inputs import Axis, mean
from ..numbers import Floats

__all__ = ["interval_pairs", "score", "score_names"]

# Levels such as 0.1 and 1 - 0.9 differ in their last bit.
_SAME_LEVEL = 1e-9


def interval_pairs(levels: Sequence[float]) -> list[tuple[int, int, float]]:
    """Return symmetric levels, the outermost first: their places, and what they hold.

    Examples
    --------
    >>> from fastlstm.forecasting.backtesting.scores import interval_pairs
    >>> interval_pairs([0.1, 0.25, 0.5, 0.9])
    [(0, 3, 0.8)]
    """
    return [
        (low, high, round(b - a, 9))
        for low, a in enumerate(levels)
        for high, b in enumerate(levels)
        if a < b and abs(a + b - 1.0) < _SAME_LEVEL
    ]


def score_names(levels: Sequence[float]) -> tuple[str, ...]:
    """Name the columns of `score`."""
    names = ["MAE", "RMSE", "sMAPE", "MASE"]
    if levels:
        names += ["WQL", "CRPS"]
    for _, _, share in interval_pairs(levels):
        names += [f"coverage {100 * share:g} %", f"width {100 * share:g} %"]
    return tuple(names)


def score(
    y: Floats,
    scale: Floats,
    points: Floats,
    quantiles: Floats | None,
    levels: Sequence[float],
    axis: Axis = None,
) -> Floats:
    """Score the forecasts of R origins.

    Parameters
    ----------
    y, points : (R, H, K) arrays
    scale : (R, K) array
        Of the MASE, NaN where there is none: such errors are left out of it.
    quantiles : (R, H, K, Q) array or None
        None makes their scores NaN.
    levels : sequence of Q floats
    axis : int or tuple of int, optional
        The axes of y to average over; all of them by default.

    Returns
    -------
    (columns, ...) array
        In the order of `score_names`.
    """
    result: list[Any] = [
        mae(y, points, axis=axis),
        rmse(y, points, axis=axis),
        smape(y, points, axis=axis),
    ]
    scaled = np.abs(y - points) / scale[:, None]
    seen = ~np.isnan(y) & ~np.isnan(scale)[:, None]
    result.append(mean(scaled, seen, axis))
    if quantiles is not None and levels:
        result.append(wql(y, quantiles, levels, axis=axis))
        result.append(crps_from_quantiles(y, quantiles, levels, axis=axis))
        for low, high, _ in interval_pairs(levels):
            ends = quantiles[..., low], quantiles[..., high]
            result += [coverage(y, *ends, axis=axis), width(y, *ends, axis=axis)]
    missing = len(score_names(levels)) - len(result)
    return np.stack([*result, *(missing * [np.full_like(result[0], np.nan)])])
