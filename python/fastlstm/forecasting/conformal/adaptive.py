"""Conformal intervals that adapt to what a series does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..._validate import check_float
from ...files import storable
from ..metrics.inputs import as_forecast, as_truth
from ..numbers import Floats
from .split import SplitConformal

__all__ = ["AdaptiveConformal"]


@storable
class AdaptiveConformal(SplitConformal):
    """Conformal intervals that correct themselves as truths come in.

    ``alpha``, which share of scores may lie outside, moves at each truth: up by
    ``gamma (1 - level)`` where the interval held it, down by ``gamma level`` where not
    (Gibbs & Candes 2021, eq. 2). So the share of misses of T updates differs from
    ``1 - level`` by at most ``(max(level, 1 - level) + gamma h) / (gamma T)`` for
    forecasts h steps ahead, whatever the series does (there prop. 4.1, for h = 1; one h
    steps ahead hears of its miss h - 1 updates late). The price: while misses were so
    many that alpha is below 1 / (n + 1), n the scores at hand, intervals are infinite.
    Where N series share one alpha, it moves by the mean of their moves, and the bound
    is one of their mean share of misses.

    Parameters
    ----------
    level : float or L of them, default=0.9
        As for `SplitConformal`.
    gamma : float, default=0.005
        The step, above 0. A large one adapts fast and makes widths jump; the default
        is the paper's.

    Attributes
    ----------
    alpha : (H,) or (H, K) array, with an axis of L for several levels, or None
        At most ``1 + gamma``. From 1 on the paper's interval is empty and misses; here
        it is a point, which may hit: so this bound, for alpha not to grow for ever.
        The share of misses then falls below ``1 - level``, never above as stated.
    scores : array or None
        As for `SplitConformal`. ``extend`` adds newer ones and leaves alpha alone.

    Raises
    ------
    ValueError, TypeError
        Levels that are none, a step that is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import AdaptiveConformal
    >>> errors = np.arange(1.0, 100.0).reshape(99, 1)
    >>> conformal = AdaptiveConformal(0.9, gamma=0.05).fit(errors, np.zeros((99, 1)))
    >>> lower, upper = conformal.interval([0.0])
    >>> upper
    array([90.])
    >>> conformal.update([100.0], lower, upper)  # a miss
    >>> conformal.interval([0.0])[1]
    array([95.])
    """

    def __init__(
        self, level: float | Sequence[float] = 0.9, *, gamma: float = 0.005
    ) -> None:
        super().__init__(level)
        self.gamma = check_float("gamma", gamma, "(0, inf)")
        self.alpha: Floats | None = None

    def fit(
        self,
        y: npt.ArrayLike,
        forecast: npt.ArrayLike,
        upper: npt.ArrayLike | None = None,
    ) -> AdaptiveConformal:
        """Take the scores of a calibration period, and begin with alpha = 1 - level.

        Parameters and errors as for `SplitConformal.fit`.
        """
        super().fit(y, forecast, upper)
        steps = np.shape(y)[1:]
        alpha = 1.0 - np.array(self.level)
        self.alpha = np.broadcast_to(alpha, (*steps, *alpha.shape)).copy()
        return self

    def update(
        self, y: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike
    ) -> None:
        """Learn whether intervals held what came.

        Parameters
        ----------
        y : (H,) or (H, K) array, or (N, H) or (N, H, K) of as many series
            The truth, NaN where it is not known (yet): there alpha stays, or moves by
            the other series alone.
        lower, upper : arrays
            What ``interval`` had returned for these steps, then.

        Raises
        ------
        ValueError
            Before ``fit``; shapes that do not fit, y infinite, ends that are NaN where
            y is known.
        TypeError
            What are no real numbers.
        """
        self._fitted()
        assert self.alpha is not None  # as fit sets both
        truth, seen = as_truth(y)
        levels = len(self.level) if isinstance(self.level, list) else None
        steps = self.alpha.shape if levels is None else self.alpha.shape[:-1]
        if truth.shape not in (steps, (*truth.shape[:1], *steps)):
            raise ValueError(
                f"y must have shape {steps}, as in fit, or {('N', *steps)}, got "
                f"{truth.shape}"
            )
        low = as_forecast("lower", lower, seen, levels)
        high = as_forecast("upper", upper, seen, levels)
        if levels is not None:
            truth, seen = truth[..., None], seen[..., None]
        missed = ~((low <= truth) & (truth <= high))
        moves = np.where(seen, 1.0 - np.array(self.level) - missed, 0.0)
        count = np.broadcast_to(seen, moves.shape)
        if moves.ndim > self.alpha.ndim:
            moves, count = moves.sum(axis=0), count.sum(axis=0)
        moved = self.alpha + self.gamma * (moves / np.maximum(count, 1))
        self.alpha = np.minimum(moved, 1.0 + self.gamma)

    def _levels(self) -> Floats:
        assert self.alpha is not None
        several = isinstance(self.level, list)
        return 1.0 - (self.alpha if several else self.alpha[..., None])
