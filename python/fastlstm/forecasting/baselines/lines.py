"""Straight lines: the mean, and the drift from the first value to the last."""

from __future__ import annotations

import numpy as np

from ..numbers import Floats
from .base import Baseline

__all__ = ["Drift", "Mean"]


class Mean(Baseline):
    """The mean of the history, at every step.

    Examples
    --------
    >>> from fastlstm.forecasting import Mean
    >>> Mean().forecast([1.0, 2.0, 6.0], 2)
    array([3., 3.])
    """

    def _mean(self, values: Floats, horizon: int) -> Floats:
        return np.full(horizon, np.nanmean(values))

    def _deviation(self, values: Floats, horizon: int) -> Floats:
        seen = values[~np.isnan(values)]
        _need_observed(len(seen), 2, self)
        deviation = float(np.std(seen, ddof=1))
        return np.full(horizon, deviation * np.sqrt(1.0 + 1.0 / len(seen)))


class Drift(Baseline):
    """The straight line from the first through the last value.

    Examples
    --------
    >>> from fastlstm.forecasting import Drift
    >>> Drift().forecast([1.0, 9.0, 5.0], 3)
    array([ 7.,  9., 11.])
    """

    def _mean(self, values: Floats, horizon: int) -> Floats:
        at = np.flatnonzero(~np.isnan(values))
        _need_observed(len(at), 2, self)
        first, last = at[[0, -1]]
        slope = (values[last] - values[first]) / (last - first)
        line: Floats = values[last] + slope * _ahead(values, last, horizon)
        return line

    def _deviation(self, values: Floats, horizon: int) -> Floats:
        at = np.flatnonzero(~np.isnan(values))
        _need_observed(len(at), 3, self)
        gaps, steps = np.diff(at), np.diff(values[at])
        length = at[-1] - at[0]
        residuals = steps - steps.sum() / length * gaps
        variance = np.sum(residuals**2 / gaps) / (len(steps) - 1)
        ahead = _ahead(values, at[-1], horizon)
        deviation: Floats = np.sqrt(variance * ahead * (1.0 + ahead / length))
        return deviation


def _ahead(values: Floats, last: int, horizon: int) -> Floats:
    """Count the steps from the last observed value to each that is forecast, (H,)."""
    return np.arange(1.0, horizon + 1.0) + (len(values) - 1 - last)


def _need_observed(count: int, least: int, baseline: Baseline) -> None:
    if count < least:
        raise ValueError(
            f"{baseline} needs at least {least} observed values, got {count}"
        )
