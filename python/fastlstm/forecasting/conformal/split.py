"""Split-conformal intervals, around points or around intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ..._validate import check_int
from ...files import storable
from ..metrics.inputs import as_forecast, as_truth
from ..numbers import Floats, as_numbers, check_levels, place

__all__ = ["SplitConformal"]

Ends: TypeAlias = tuple[Floats, Floats]

# Levels are decimals that binary numbers miss by half a unit in the last place: without
# this, a rank that is whole would sometimes be rounded to the next one.
_BELOW: Final = 1.0 - 4.0 * float(np.finfo(np.float64).eps)


@storable
class SplitConformal:
    """Split-conformal intervals, for each step of the horizon (and output) by itself.

    Around point forecasts the score of an observation is its absolute error (Lei et al.
    2018), around intervals how far it lies outside, ``max(lower - y, y - upper)``,
    negative inside (conformalised quantile regression; Romano, Patterson & Candes
    2019): so these keep their shape and are moved outwards or inwards. Of n scores the
    one of rank ``ceil((n + 1) level)`` is added on both sides (Vovk, Gammerman & Shafer
    2005; Lei et al. 2018).

    Parameters
    ----------
    level : float or L of them, default=0.9
        The coverage that intervals promise, in (0, 1), increasing. Several are nested:
        where calibration would have them cross, the outer one is widened.

    Attributes
    ----------
    scores : (N, H) or (N, H, K) array, or None before ``fit``
        With an axis of L at the end where intervals of several levels were given.
    around_intervals : bool
        Whether ``fit`` was given intervals, and not point forecasts.

    Raises
    ------
    ValueError, TypeError
        Levels that are none.

    Notes
    -----
    Coverage is at least ``level`` for exchangeable errors; what this means for time
    series is said in `fastlstm.forecasting.conformal`. From one set of n independent
    scores to another it varies, with the distribution Beta(k, n + 1 - k), k the rank:
    with 100 scores and level 0.9 from 0.85 to 0.94 nine times of ten (Vovk 2012).

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import SplitConformal
    >>> errors = np.array([[-3.0], [1.0], [0.5], [-2.0]])  # four origins, one step
    >>> conformal = SplitConformal(level=0.75).fit(errors, np.zeros((4, 1)))
    >>> conformal.interval([10.0])
    (array([7.]), array([13.]))
    """

    def __init__(self, level: float | Sequence[float] = 0.9) -> None:
        values, single = check_levels("level", level)
        self.level: float | list[float] = float(values[0])
        if not single:
            self.level = values.tolist()
        self.scores: Floats | None = None
        self.around_intervals = False

    @property
    def least_scores(self) -> int:
        """Scores that the highest level needs at each step."""
        highest = float(np.max(self.level))
        least = max(int(highest / (1.0 - highest)) - 1, 1)
        while _rank(np.array(least), np.array(highest)) > least:
            least += 1
        return least

    def fit(
        self,
        y: npt.ArrayLike,
        forecast: npt.ArrayLike,
        upper: npt.ArrayLike | None = None,
    ) -> SplitConformal:
        """Take the scores of a calibration period; those of an earlier one go.

        Parameters
        ----------
        y : (N, H) or (N, H, K) array
            What was observed after each of N origins, NaN where nothing was.
        forecast : array of the shape of y
            Point forecasts; or, beside ``upper``, lower ends.
        upper : array, optional
            Upper ends. With several levels both have one more axis of L at the end.

        Raises
        ------
        ValueError
            Shapes that do not fit, infinite values, a forecast that is NaN where y is
            observed, lower ends above upper ones; too few observations at a step, and
            then how many its highest level needs.
        TypeError
            What are no real numbers.
        """
        scores = self._score(y, forecast, upper)
        self._check_count(scores)
        self.scores, self.around_intervals = scores, upper is not None
        return self

    def extend(
        self,
        y: npt.ArrayLike,
        forecast: npt.ArrayLike,
        upper: npt.ArrayLike | None = None,
        *,
        keep: int | None = None,
    ) -> None:
        """Add newer scores to those of ``fit``.

        Parameters
        ----------
        y, forecast, upper
            As for ``fit``, of any number of origins.
        keep : int, optional
            How many of the last scores stay; all by default.

        Raises
        ------
        ValueError, TypeError
            As for ``fit``; forecasts of another shape. Nothing has changed then.
        """
        old = self._fitted()
        self._check_kind("extend", upper)
        new = self._score(y, forecast, upper)
        if new.shape[1:] != old.shape[1:]:
            raise ValueError(
                f"fit had forecasts whose scores have shape {('N', *old.shape[1:])}, "
                f"these have {new.shape}"
            )
        scores = np.concatenate([old, new])
        if keep is not None:
            scores = scores[-check_int("keep", keep, 1) :]
        self._check_count(scores)
        self.scores = scores

    def interval(
        self, forecast: npt.ArrayLike, upper: npt.ArrayLike | None = None
    ) -> Ends:
        """Return intervals around forecasts.

        Parameters
        ----------
        forecast : (H,) or (H, K) array, or any number of axes before these
            Point forecasts; or, beside ``upper``, lower ends, as in ``fit``.
        upper : array, optional
            Upper ends, if ``fit`` was given such. With several levels both have one
            more axis of L at the end.

        Returns
        -------
        lower, upper : arrays of the shape of forecasts
            With an axis of L at the end where there are several levels. An interval
            that calibration would turn inside out is the point in its middle.

        Raises
        ------
        ValueError
            Before ``fit``; forecasts of another shape, NaN or infinite ones.
        TypeError
            What are no real numbers.
        """
        scores = self._fitted()
        low, high = self._ends(forecast, upper)
        if low.shape[len(low.shape) - scores.ndim + 1 :] != scores.shape[1:]:
            raise ValueError(
                f"forecasts must end with shape {scores.shape[1:]}, as in fit, got "
                f"{low.shape}"
            )
        margin = self._margins(scores)
        several = isinstance(self.level, list)
        if several and upper is None:
            low, high = low[..., None], high[..., None]
        middle = low + (high - low) / 2.0
        low = np.minimum(low - margin, middle)
        high = np.maximum(high + margin, middle)
        if several:
            low = np.minimum.accumulate(low, axis=-1)
            high = np.maximum.accumulate(high, axis=-1)
        return low, high

    def _levels(self) -> Floats:
        """Return the levels to take quantiles of scores at: (L,) or (H[, K], L)."""
        return np.atleast_1d(self.level)

    def _margins(self, scores: Floats) -> Floats:
        """Return what is added on both sides: (H[, K]), or (H[, K], L)."""
        several = isinstance(self.level, list)
        if not (several and self.around_intervals):
            scores = scores[..., None]
        ordered = np.sort(scores, axis=0)  # NaN, which is missing, goes last
        count = (~np.isnan(scores)).sum(axis=0)
        rank = _rank(count, self._levels())
        at = np.clip(rank - 1, 0, np.maximum(count - 1, 0))
        margin = np.take_along_axis(ordered, at[None], axis=0)[0]
        margin = np.where(rank > count, np.inf, np.where(rank < 1, -np.inf, margin))
        return margin if several else margin[..., 0]

    def _score(
        self, y: npt.ArrayLike, forecast: npt.ArrayLike, upper: npt.ArrayLike | None
    ) -> Floats:
        """Return how far y lies outside: (N, H[, K]), or (N, H[, K], L)."""
        truth, seen = as_truth(y)
        if truth.ndim == 1:
            raise ValueError(
                f"y must have shape (N, H) or (N, H, K), got {truth.shape}"
            )
        levels = None
        if upper is not None and isinstance(self.level, list):
            truth, levels = truth[..., None], len(self.level)
        name = "forecast" if upper is None else "lower"
        low = high = as_forecast(name, forecast, seen, levels)
        if upper is not None:
            high = as_forecast("upper", upper, seen, levels)
        _check_ends(name, low, high)
        return np.maximum(low - truth, truth - high)

    def _ends(self, forecast: npt.ArrayLike, upper: npt.ArrayLike | None) -> Ends:
        self._check_kind("interval", upper)
        name = "forecast" if upper is None else "lower"
        low = high = as_numbers(name, forecast)
        if upper is not None:
            high = as_numbers("upper", upper)
            if low.shape != high.shape:
                raise ValueError(
                    f"upper must have the shape of lower, {low.shape}, got {high.shape}"
                )
        _check_ends(name, low, high)
        return low, high

    def _check_kind(self, method: str, upper: npt.ArrayLike | None) -> None:
        if (upper is not None) != self.around_intervals:
            kinds = "point forecasts", "intervals"
            raise ValueError(
                f"fit was given {kinds[self.around_intervals]}, {method} "
                f"{kinds[upper is not None]}: expected the same"
            )

    def _check_count(self, scores: Floats) -> None:
        """Refuse fewer scores at a step than the highest level needs."""
        count = (~np.isnan(scores)).sum(axis=0)
        least = self.least_scores
        if count.min() < least:
            raise ValueError(
                f"intervals of level {np.max(self.level):g} need at least {least} "
                f"observed calibration values for each step, got {count.min()} at "
                f"{place(count == count.min())}"
            )

    def _fitted(self) -> Floats:
        if self.scores is None:
            raise ValueError(
                f"this {type(self).__name__} has no scores: call fit first"
            )
        return self.scores


def _rank(count: npt.NDArray[np.int64], level: Floats) -> npt.NDArray[np.int64]:
    """Return ``ceil((count + 1) level)``, of which score to take, counted from 1."""
    exact = np.ceil((count + 1) * level * _BELOW)
    rank: npt.NDArray[np.int64] = exact.astype(np.int64)
    return rank


def _check_ends(name: str, low: Floats, high: Floats) -> None:
    for which, end in ((name, low), ("upper", high)):
        bad = ~np.isfinite(end)
        if bad.any():
            value = end[np.unravel_index(int(bad.argmax()), bad.shape)]
            raise ValueError(f"{which} is {value} at {place(bad)}")
    bad = low > high
    if bad.any():
        at = np.unravel_index(int(bad.argmax()), bad.shape)
        raise ValueError(
            f"lower = {low[at]} is above upper = {high[at]} at {place(bad)}"
        )
