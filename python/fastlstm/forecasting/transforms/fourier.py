"""A season as a smooth curve, for periods too long to be learnt step by step."""

from __future__ import annotations

import math

import numpy as np

from ..._validate import check_float, check_int
from ...files import storable
from ..numbers import Floats
from .base import Transform

__all__ = ["FourierSeason"]


@storable
class FourierSeason(Transform):
    """Take away a season that is a sum of a few waves.

    Least squares fit each output by a level, a straight trend and ``order`` pairs of
    sine and cosine (harmonic regression, Hyndman & Athanasopoulos 2021, "Forecasting:
    Principles and Practice", section 7.4). Only the waves are taken away; level and
    trend stay. For seasons of many steps, such as days of a year, of which a few years
    say too little of each step: `Difference` of them adds one year's noise to another.

    Parameters
    ----------
    period : float, default=365.25
        Steps of a season, at least 2; need not be whole.
    order : int, default=2
        Waves, at most half the period; the more, the sharper turns the season can have.

    Attributes
    ----------
    coefficients : (2 order,) or (2 order, K) array, or None before ``fit``
        Of the sine and the cosine of each wave, the longest first.
    begin, end : int
        Of the history, counted from the first step of ``fit``.

    Raises
    ------
    ValueError, TypeError
        A period below 2 or infinite; an order below 1 or above half the period. In
        ``fit``, a series without a whole season.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import FourierSeason
    >>> days = np.arange(731)
    >>> y = 10.0 + 8.0 * np.sin(2 * np.pi * days / 365.25)
    >>> season = FourierSeason(365.25, order=1).fit(y)
    >>> season.coefficients.round(6) + 0.0
    array([8., 0.])
    >>> season.transform(y)[:3].round(6)
    array([10., 10., 10.])
    >>> season.inverse_forecast(np.full(91, 10.0))[-1].round(2)
    np.float64(18.0)
    """

    pointwise = True

    def __init__(self, period: float = 365.25, order: int = 2) -> None:
        super().__init__()
        self.period = check_float("period", period, "[2, inf)")
        self.order = check_int("order", order, 1)
        if self.order > self.period / 2:
            raise ValueError(
                f"order must be at most half the period, {self.period:g} steps, got "
                f"{self.order}"
            )
        self.coefficients: Floats | None = None
        self.begin = self.end = 0

    def __repr__(self) -> str:
        return f"FourierSeason({self.period:g}, order={self.order})"

    def _fit(self, values: Floats) -> None:
        columns = values.reshape(len(values), -1)
        there = ~np.isnan(columns)
        first, last = there.argmax(axis=0), there[::-1].argmax(axis=0)
        shortest = int((len(values) - last - first).min())
        fewest, least = int(there.sum(axis=0).min()), 2 * self.order + 2
        if fewest < least:
            raise ValueError(
                f"{self} needs at least {least} observed values, got {fewest}"
            )
        if shortest < self.period:
            raise ValueError(
                f"{self} needs observed values over at least {math.ceil(self.period)} "
                f"steps, a whole season, got {shortest}"
            )
        # A line, centred and scaled as the waves are.
        line = np.linspace(-1.0, 1.0, len(values))[:, None]
        waves = self._waves(0, len(values))
        terms = np.concatenate([np.ones_like(line), line, waves], axis=1)
        solved = [
            np.linalg.lstsq(terms[seen], column[seen], rcond=None)[0]
            for column, seen in zip(columns.T, there.T, strict=True)
        ]
        found = np.stack(solved, axis=1)[2:]
        self.coefficients = found.reshape(-1, *values.shape[1:])
        self.begin, self.end = 0, len(values)

    def _follow(self, values: Floats, start: int) -> None:
        self.begin, self.end = start, start + len(values)

    def _transform(self, values: Floats) -> Floats:
        return values - self._season(self.begin, len(values))

    def _update(self, values: Floats) -> Floats:
        result = values - self._season(self.end, len(values))
        self.end += len(values)
        return result

    def _inverse(self, values: Floats) -> Floats:
        return values + self._season(self.begin, len(values))

    def _inverse_forecast(self, values: Floats, axis: int) -> Floats:
        return values + self._season(self.end, values.shape[axis])

    def _check_quantiles(self, horizon: int) -> None:
        """Accept: the same number is added to all quantiles of a step."""

    def _season(self, first: int, n: int) -> Floats:
        """Return the season of n steps from ``first`` on, (n,) or (n, K)."""
        assert self.coefficients is not None  # as fit has set it
        # Term by term: the digits of a product of matrices would depend on n.
        terms = zip(self._waves(first, n).T, self.coefficients, strict=True)
        return np.asarray(sum(np.multiply.outer(wave, a) for wave, a in terms))

    def _waves(self, first: int, n: int) -> Floats:
        """Return sine and cosine of each wave at n steps, (n, 2 order)."""
        turns = np.arange(first, first + n)[:, None] * np.arange(1, self.order + 1)
        # Of the rest of a turn: a sine of 1e9 turns would have lost its digits.
        angles = np.remainder(turns, self.period) * (2.0 * np.pi / self.period)
        return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(n, -1)
