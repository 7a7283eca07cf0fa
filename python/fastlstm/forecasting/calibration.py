"""Conformal quantiles on top of any prediction, in the network's units.

Design: windows of all series are on one scale there, so that they are calibrated
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..files import storable
from .conformal import AdaptiveConformal, SplitConformal
from .numbers import Floats, level_places
from .predictions import Prediction

__all__ = ["Calibration"]

# Scaling there and back misses whole numbers by less than these decimals tell.
_DECIMALS: Final = 6


@storable
class Calibration:
    """Pairs of quantiles that hold what they promise on validation data.

    Parameters
    ----------
    levels : sequence of float
        Quantiles that go in pairs, q and 1 - q; 0.5 is not among them.
    adaptive : bool, default=False
        Whether what comes later moves them.
    around_points : bool, default=False
        Whether intervals lie around point forecasts, or around quantiles.

    Raises
    ------
    ValueError
        A quantile without its counterpart.
    """

    def __init__(
        self,
        levels: Sequence[float] = (0.1, 0.9),
        *,
        adaptive: bool = False,
        around_points: bool = False,
    ) -> None:
        lower = [q for q in sorted(levels, reverse=True) if q < 0.5]
        upper = [q for q in sorted(levels) if q > 0.5]
        pairs_up = len(lower) == len(upper) and all(
            abs(a + b - 1.0) < 1e-9 for a, b in zip(lower, upper, strict=True)
        )
        if not (lower and pairs_up):
            raise ValueError(
                "conformal intervals need quantiles in pairs, such as 0.1 and 0.9: got "
                f"quantiles={list(levels)}"
            )
        self.lower, self.upper = lower, upper  # from the inside outwards
        self.around_points = around_points
        coverage = [1.0 - 2.0 * q for q in lower]
        kind = AdaptiveConformal if adaptive else SplitConformal
        self.conformal = kind(coverage)

    def fit(self, pairs: Sequence[tuple[Prediction, Floats]]) -> Calibration:
        """Calibrate on predictions of windows, and what came, (n, H, K).

        Raises
        ------
        ValueError
            Too few windows for the levels; the message says how many they need.
        """
        truth = np.concatenate([_scaled(y, prediction) for prediction, y in pairs])
        bases = [self._base(prediction) for prediction, _ in pairs]
        try:
            self.conformal.fit(truth, *map(np.concatenate, zip(*bases, strict=True)))
        except ValueError as error:
            raise ValueError(
                f"{error}: expected more of them in the validation part, by a larger "
                "validation_fraction or fewer missing values"
            ) from None
        return self

    def interval(self, prediction: Prediction) -> tuple[Floats, Floats]:
        """Return lower and upper ends (n, H, K, L), in the network's units."""
        return self.conformal.interval(*self._base(prediction))

    def quantiles(self, prediction: Prediction, levels: Sequence[float]) -> Floats:
        """Return (n, H, K, Q) quantiles, which increase with their levels.

        Those of counts are the outermost counts that lie inside calibrated intervals,
        and so hold what these hold.

        Raises
        ------
        ValueError
            Levels that were not calibrated.
        """
        known = [*self.lower[::-1], 0.5, *self.upper]
        at = level_places(levels, known)
        if -1 in at:
            raise ValueError(
                f"quantile {levels[at.index(-1)]:g} was not calibrated: the fit had "
                f"quantiles={known}"
            )
        low, high = self.interval(prediction)
        middle = _scaled(prediction.point(), prediction)[..., None]
        if not self.around_points:
            middle = _scaled(prediction.quantiles([0.5]), prediction)
        each = np.concatenate([low[..., ::-1], middle, high], axis=-1)
        scale = _alike(prediction.scale, each)
        values = np.asarray(each * scale + _alike(prediction.center, each))
        if prediction.head.counts:
            values, middle_at = values.round(_DECIMALS), len(self.lower)
            values[..., :middle_at] = np.ceil(values[..., :middle_at])
            values[..., middle_at:] = np.floor(values[..., middle_at:])
            values = np.maximum(values, 0.0)
        values.sort(axis=-1)
        return values[..., at]

    @property
    def adaptive(self) -> bool:
        """Whether `observe` moves the quantiles."""
        return isinstance(self.conformal, AdaptiveConformal)

    def issue(self, prediction: Prediction) -> tuple[Floats, Floats]:
        """Return `interval` in units of the series, for `observe`."""
        low, high = self.interval(prediction)
        scale = _alike(prediction.scale, low)
        center = _alike(prediction.center, low)
        return low * scale + center, high * scale + center

    def observe(self, y: Floats, issued: Sequence[tuple[Floats, Floats]]) -> None:
        """Learn whether intervals held the next value of each series.

        Parameters
        ----------
        y : (N, K) array
            NaN where nothing was observed.
        issued : sequence of pairs
            What `issue` gave at the last origins, the newest first: its first step is
            the one observed now, the second step of the one before, and so on.
        """
        assert isinstance(self.conformal, AdaptiveConformal)
        lower, upper = issued[0]
        horizon = lower.shape[1]
        truth: Floats = np.full(lower.shape[:-1], np.nan)
        low, high = np.zeros_like(lower), np.zeros_like(upper)
        for step, (lower, upper) in enumerate(issued[:horizon]):
            truth[:, step] = y
            low[:, step], high[:, step] = lower[:, step], upper[:, step]
        self.conformal.update(truth, low, high)

    def _base(self, prediction: Prediction) -> list[Floats]:
        if self.around_points:
            return [_scaled(prediction.point(), prediction)]
        return [
            _scaled(prediction.quantiles(side), prediction)
            for side in (self.lower, self.upper)
        ]


def _alike(units: Floats, values: Floats) -> Floats:
    """Bring (n, K) to the rank of (n, H, K) or (n, H, K, Q)."""
    n, k = units.shape
    return units.reshape(n, 1, k, *(1,) * (values.ndim - 3))


def _scaled(values: Floats, prediction: Prediction) -> Floats:
    center, scale = (_alike(u, values) for u in (prediction.center, prediction.scale))
    return np.asarray((values - center) / scale)
