"""Differences, for series whose level wanders."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..._validate import check_int
from ...files import storable
from ..numbers import Floats
from .base import Transform

__all__ = ["Difference"]


@storable
class Difference(Transform):
    """Differences over ``lag`` steps, ``z_t = y_t - y_(t - lag)``.

    The transform is as long as the series, and NaN in its first ``lag`` steps and
    wherever one of both is missing. Forecasts go on from the last observed value of
    each step of the season.

    Parameters
    ----------
    lag : int, default=1
        1 takes a trend away, the length of a season its pattern. At least 1.

    Attributes
    ----------
    steps : int
        Steps of the series of ``fit``.
    tail, last : (lag,) or (lag, K) arrays, or None before ``fit``
        The last steps as they are, and with the last observed value of the same step of
        the season where they are missing.
    anchors : int array, values : array, or None before ``fit``
        Which values, counted in rows, the differences do not tell, and what they are.

    Raises
    ------
    ValueError, TypeError
        A lag below 1 or no integer. In ``fit``, a series without observed value at
        some step of the season.

    Notes
    -----
    Quantiles of sums are no sums of quantiles: beyond ``lag`` steps
    ``inverse_quantiles`` raises ValueError. Sample paths go through
    ``inverse_forecast`` exactly, and quantiles may be taken of what comes out. Up to
    ``lag`` steps only known values are added, and quantiles stay quantiles.

    Examples
    --------
    >>> from fastlstm.forecasting import Difference
    >>> difference = Difference(lag=2).fit([1.0, 2.0, 4.0, 3.0])
    >>> difference.transform([1.0, 2.0, 4.0, 3.0])
    array([nan, nan,  3.,  1.])
    >>> difference.inverse_forecast([1.0, 1.0, 5.0])
    array([ 5.,  4., 10.])
    """

    def __init__(self, lag: int = 1) -> None:
        super().__init__()
        self.lag = check_int("lag", lag, 1)
        self.steps = 0
        self.tail: Floats | None = None
        self.last: Floats | None = None
        self.anchors: npt.NDArray[np.int64] | None = None
        self.values: Floats | None = None

    def __repr__(self) -> str:
        return f"Difference(lag={self.lag})"

    def _fit(self, values: Floats) -> None:
        if len(values) < self.lag:
            raise ValueError(
                f"{self} needs a series of at least {self.lag} steps, got {len(values)}"
            )
        last = _carry(values[: self.lag], values[self.lag :])
        missing = np.isnan(last)
        if missing.any():
            row = int(np.argwhere(missing)[0][0])
            raise ValueError(
                f"{self} has no observed value {self.lag - row} steps (nor whole "
                "seasons more) before the first step to forecast"
            )
        unknown = np.isnan(self._transform(values)) & ~np.isnan(values)
        self.steps, self.tail, self.last = len(values), values[-self.lag :].copy(), last
        self.anchors = np.flatnonzero(unknown)
        self.values = values[unknown]

    def _follow(self, values: Floats, start: int) -> None:
        self._fit(values)

    def _transform(self, values: Floats) -> Floats:
        result = np.full_like(values, np.nan)
        result[self.lag :] = values[self.lag :] - values[: -self.lag]
        return result

    def _update(self, values: Floats) -> Floats:
        assert self.tail is not None  # as fit has set both
        assert self.last is not None
        whole = np.concatenate([self.tail, values])
        self.last = _carry(self.last, values)
        self.tail = whole[-self.lag :].copy()
        return np.asarray(whole[self.lag :] - whole[: -self.lag])

    def _inverse(self, values: Floats) -> Floats:
        if len(values) != self.steps:
            raise ValueError(
                f"z must have the {self.steps} steps of the series of fit, got "
                f"{len(values)}"
            )
        result = np.full_like(values, np.nan)
        assert self.anchors is not None  # as fit has set it
        result.flat[self.anchors] = self.values
        known = ~np.isnan(result)
        for at in range(self.lag, len(values)):
            level = result[at - self.lag] + values[at]
            result[at] = np.where(known[at], result[at], level)
        return result

    def _inverse_forecast(self, values: Floats, axis: int) -> Floats:
        steps = np.moveaxis(values, axis, 0)
        result = np.empty_like(steps)
        assert self.last is not None
        # Paths lie between the steps and the outputs.
        last = np.expand_dims(self.last, 1) if axis else self.last
        for start in range(0, len(steps), self.lag):
            part = steps[start : start + self.lag]
            before = result[start - self.lag : start] if start else last
            result[start : start + self.lag] = before[: len(part)] + part
        return np.moveaxis(result, 0, axis)

    def _check_quantiles(self, horizon: int) -> None:
        if horizon > self.lag:
            raise ValueError(
                f"quantiles of {horizon} steps of {self} cannot be inverted, as sums "
                f"of quantiles are none: expected at most {self.lag} steps, or sample "
                "paths in inverse_forecast"
            )


def _carry(last: Floats, values: Floats) -> Floats:
    """Return the last rows after ``values``, missing ones from a season before."""
    lag = len(last)
    whole = np.concatenate([last, values])
    for start in range(lag, len(whole), lag):
        now = whole[start : start + lag]
        before = whole[start - lag : start][: len(now)]
        now[...] = np.where(np.isnan(now), before, now)
    return whole[-lag:].copy()
