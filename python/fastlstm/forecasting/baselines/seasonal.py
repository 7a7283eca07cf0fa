"""The last season again, and the last value, which is a season of one step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..._validate import check_int
from ..numbers import Floats
from .base import Baseline

__all__ = ["Naive", "SeasonalNaive", "SeasonalNaiveWithGrowth"]


class SeasonalNaive(Baseline):
    """The last observed value of the same step of the season.

    Parameters
    ----------
    season : int
        Steps of a season: 12 of months, 7 of days, 24 of hours. At least 1.

    Raises
    ------
    ValueError, TypeError
        ``season`` below 1 or no integer.

    Examples
    --------
    >>> from fastlstm.forecasting import SeasonalNaive
    >>> SeasonalNaive(season=3).forecast([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 5)
    array([4., 5., 6., 4., 5.])
    >>> SeasonalNaive(season=3).interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1, level=0.8)
    (array([0.15534...]), array([7.84465...]))
    """

    def __init__(self, season: int) -> None:
        self.season = check_int("season", season, 1)

    def _mean(self, values: Floats, horizon: int) -> Floats:
        return _last(values, self.season, horizon, self)[0]

    def _deviation(self, values: Floats, horizon: int) -> Floats:
        _, seasons = _last(values, self.season, horizon, self)
        rows = _rows(values, self.season)
        total, count = 0.0, 0
        for phase in rows.T:
            at = np.flatnonzero(~np.isnan(phase))
            total += float(np.sum(np.diff(phase[at]) ** 2 / np.diff(at)))
            count += len(at) - 1
        if count == 0:
            raise ValueError(
                f"{self} needs two observed values a season apart for its variance, "
                f"got none in a history of {len(values)} steps"
            )
        deviation: Floats = np.sqrt(total / count * seasons)
        return deviation


class Naive(SeasonalNaive):
    """The last observed value, at every step: what a random walk expects.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import Naive
    >>> Naive().forecast([1.0, 4.0, np.nan], 2)
    array([4., 4.])
    """

    def __init__(self) -> None:
        super().__init__(1)

    def __repr__(self) -> str:
        return "Naive()"


class SeasonalNaiveWithGrowth(SeasonalNaive):
    """The last season times its growth over the season before, and so on.

    Season j ahead is the last one times ``g^j``, g the sum of the last season over that
    of the one before, over steps that are observed in both. Errors are those of
    ``y_t = g y_(t - season) + e_t``, for which the book has no entry: variance
    ``1 + g^2 + ... + g^(2 j - 2)`` times that of the residuals, each season of the
    history from the third on forecast from the two before it.

    Parameters
    ----------
    season : int
        Steps of a season, at least 1.

    Raises
    ------
    ValueError, TypeError
        ``season`` below 1 or no integer. When it forecasts: a history shorter than two
        seasons (for intervals three), or whose seasons do not have positive sums.

    Examples
    --------
    >>> from fastlstm.forecasting import SeasonalNaiveWithGrowth
    >>> SeasonalNaiveWithGrowth(season=2).forecast([1.0, 3.0, 2.0, 6.0], 4)
    array([ 4., 12.,  8., 24.])
    """

    def _mean(self, values: Floats, horizon: int) -> Floats:
        last, seasons = _last(values, self.season, horizon, self)
        forecast: Floats = last * self._growth(values) ** seasons
        return forecast

    def _deviation(self, values: Floats, horizon: int) -> Floats:
        _, seasons = _last(values, self.season, horizon, self)
        _need_steps(len(values), 3 * self.season, self)
        squares = self._residuals(values) ** 2
        if np.isnan(squares).all():
            raise ValueError(f"{self} has no observed residual")
        powers = self._growth(values) ** (2.0 * np.arange(seasons.max()))
        return np.sqrt(np.nanmean(squares) * np.cumsum(powers)[seasons - 1])

    def _residuals(self, values: Floats) -> Floats:
        """Return how far each season from the third on is from its forecast."""
        rows = _rows(values, self.season)
        seen = ~np.isnan(rows)
        # The first row is a whole season only where the history is so many of them.
        first = 2 + (len(values) % self.season > 0)
        both = seen[:-1] & seen[1:]
        before = np.where(both, rows[:-1], 0.0).sum(axis=1)
        last = np.where(both, rows[1:], 0.0).sum(axis=1)
        at = np.where(seen, np.arange(len(rows))[:, None], -1)
        at = np.maximum.accumulate(at, axis=0)
        bad = (np.minimum(before, last) <= 0.0) | (at[1:] < 0).any(axis=1)
        bad = np.flatnonzero(bad[first - 2 : -1])
        if len(bad):  # the forecast says what is wrong
            left = len(rows) - first - int(bad[-1])
            self._mean(values[: len(values) - left * self.season], self.season)
        growth = (last[first - 2 : -1] / before[first - 2 : -1])[:, None]
        at = at[first - 1 : -1]
        seasons = np.arange(first, len(rows))[:, None] - at
        known = np.take_along_axis(rows, at, axis=0)
        residuals: Floats = rows[first:] - known * growth**seasons
        return residuals

    def _growth(self, values: Floats) -> float:
        _need_steps(len(values), 2 * self.season, self)
        before, last = values[-2 * self.season :].reshape(2, self.season)
        seen = ~np.isnan(before + last)
        sums = float(before[seen].sum()), float(last[seen].sum())
        if min(sums) <= 0.0:
            raise ValueError(
                f"{self} needs seasons with positive sums, got {sums[0]:g} and "
                f"{sums[1]:g} over {int(seen.sum())} steps observed in both of the "
                "last two"
            )
        return sums[1] / sums[0]


def _need_steps(steps: int, least: int, baseline: Baseline) -> None:
    if steps < least:
        raise ValueError(
            f"{baseline} needs a history of at least {least} steps, from its first "
            f"observed value on, got {steps}"
        )


def _rows(values: Floats, season: int) -> Floats:
    """Return whole seasons back from the end (R, season), NaN before the start."""
    missing = -len(values) % season
    return np.concatenate([np.full(missing, np.nan), values]).reshape(-1, season)


def _last(
    values: Floats, season: int, horizon: int, baseline: Baseline
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return for each step ahead the last value of its step of the season, (H,).

    And how many seasons that lies back, 1 for the last one, (H,).
    """
    _need_steps(len(values), season, baseline)
    rows = _rows(values, season)
    seen = ~np.isnan(rows[::-1])
    if not seen.any(axis=0).all():
        back_by = season - int(np.flatnonzero(~seen.any(axis=0))[0])
        raise ValueError(
            f"{baseline} has no observed value {back_by} steps (nor whole seasons "
            "more) before the first step to forecast"
        )
    back = seen.argmax(axis=0)
    last = rows[::-1][back, np.arange(season)]
    step = np.arange(horizon)
    return last[step % season], back[step % season] + step // season + 1
