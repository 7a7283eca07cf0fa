"""Where each series lies and how far it spreads, so that one network reads them all."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np

from .._validate import IntArray, check_choice, check_int
from ..data.statistics import mean_and_deviation
from ..files import storable
from .numbers import Floats
from .series import Panel, Series

__all__ = ["SeriesScaler"]

_METHODS: Final = ("standard", "robust", "mean")
_QUARTILES: Final = (25.0, 75.0)
# Distances in time at which values of a window are compared: more say hardly more.
_MOST_LAGS: Final = 32


@storable
class SeriesScaler:
    """A centre and a scale for each variable of each series.

    Parameters
    ----------
    method : {"standard", "robust", "mean"}, default="standard"
        Mean and standard deviation, or median and the distance of the quartiles, of
        what was observed, where these coincide, as of a series that is mostly 0, the
        deviation after all; "mean" is for counts, which are never shifted: the centre
        is 0, the scale 1 plus the mean (Salinas et al. 2020, "DeepAR", section 3.3).
    window : int or None, default=None
        With it the scale is that of differences between values of a window of so many
        steps: their root mean square, or the distance of their quartiles. For windows
        that are centred one by one, a series that only grows spreads no further than a
        window does. Not with "mean", of which windows have the series' centre.

    Attributes
    ----------
    ids : list, or None before ``fit``
    named : bool
        Whether these are names of the user's.
    center, scale : (N, K) float64 arrays, or None before ``fit``
        A scale is 1 where a series is constant up to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import SeriesScaler, read_panel
    >>> panel = read_panel({"a": [1.0, np.nan, 3.0], "b": [7.0, 7.0]})
    >>> scaler = SeriesScaler().fit(panel)
    >>> scaler.center.tolist(), scaler.scale.tolist()
    ([[2.0], [7.0]], [[1.0], [1.0]])

    A series that the fit has not seen is scaled by its own history:

    >>> center, scale = scaler.statistics(read_panel({"c": [10.0, 30.0], "b": [0.0]}))
    >>> center.tolist(), scale.tolist()
    ([[20.0], [7.0]], [[10.0], [1.0]])
    """

    def __init__(self, method: str = "standard", *, window: int | None = None) -> None:
        self.method = check_choice("method", method, _METHODS)
        self.window = None if window is None else check_int("window", window, 1)
        if method == "mean" and window is not None:
            raise ValueError(
                f"window={window} is of methods that subtract a centre, 'mean' does not"
            )
        self.ids: list[Hashable] | None = None
        self.named = False
        self.center: Floats | None = None
        self.scale: Floats | None = None

    def fit(
        self, panel: Panel, ends: Sequence[int] | IntArray | None = None
    ) -> SeriesScaler:
        """Take the statistics of each series.

        Parameters
        ----------
        panel : Panel
        ends : (N,) sequence of int, optional
            Steps of each series that belong to the training; without, all.

        Raises
        ------
        ValueError
            A variable without an observed value there; values so large that their
            spread overflows; with "mean" one below 0.
        """
        part = panel if ends is None else panel.until(ends)
        both = [self._of(series, part.layout.targets) for series in part]
        self.ids, self.named = panel.ids, panel.named
        self.center = np.array([center for center, _ in both])
        self.scale = np.array([scale for _, scale in both])
        return self

    def statistics(self, panel: Panel) -> tuple[Floats, Floats]:
        """Return centre and scale, (N, K) each, of the series of a panel.

        A series that ``fit`` has seen has those of the fit, others those of the history
        given here. Series are told by name; those without names by their place, as long
        as there are as many as in the fit, and but for ``panel.strangers``.

        Raises
        ------
        ValueError
            Before ``fit``; another number of variables; what ``fit`` refuses.
        """
        if self.ids is None or self.center is None or self.scale is None:
            raise ValueError("this scaler has no statistics yet: call fit first")
        k = self.center.shape[1]
        if len(panel.layout.targets) != k:
            raise ValueError(
                f"the series have {len(panel.layout.targets)} variables, those of the "
                f"fit {k}"
            )
        known = self.places(panel)
        center, scale = np.empty((len(panel), k)), np.empty((len(panel), k))
        for n, series in enumerate(panel):
            at = known.get(series.id)
            if at is None:
                center[n], scale[n] = self._of(series, panel.layout.targets)
            else:
                center[n], scale[n] = self.center[at], self.scale[at]
        return center, scale

    def places(self, panel: Panel) -> dict[Hashable, int]:
        """Tell which series of a panel the fit has seen: their places in it, by id."""
        if self.ids is None or panel.named != self.named:
            return {}
        if not panel.named and len(panel) != len(self.ids):
            return {}
        both = set(panel.ids) - set(panel.strangers)
        return {key: at for at, key in enumerate(self.ids) if key in both}

    def _of(self, series: Series, names: Sequence[object]) -> tuple[Floats, Floats]:
        """Return centre and scale, (K,) each, of one series."""
        center, scale = np.empty(len(names)), np.empty(len(names))
        for k, name in enumerate(names):
            values = series.y[:, k]
            seen = values[~np.isnan(values)][:, None]
            if not seen.size:
                raise ValueError(
                    f"series {series.id!r} has no observed value of {name!r} to scale "
                    "it by"
                )
            if self.method == "mean" and seen.min() < 0.0:
                at = int(np.nanargmin(values))
                raise ValueError(
                    f"series {series.id!r} has {values[at]:g} at step {at}, variable "
                    f"{name!r}: method='mean', which loss='negative_binomial' and "
                    "'poisson' take, is for counts, of at least 0"
                )
            with np.errstate(over="ignore", invalid="ignore"):
                if self.method == "standard":
                    (center[k],), (scale[k],) = mean_and_deviation(seen, None)
                elif self.method == "mean":
                    center[k], scale[k] = 0.0, 1.0 + seen.mean()
                else:
                    low, center[k], high = np.percentile(seen, [25.0, 50.0, 75.0])
                    scale[k] = high - low
                    if scale[k] <= _rounding(seen):
                        _, (scale[k],) = mean_and_deviation(seen, None)
                if self.window is not None:
                    scale[k] = self._within(values, float(scale[k]))
            if not (np.isfinite(center[k]) and np.isfinite(scale[k])):
                raise ValueError(
                    f"the spread of {name!r} of series {series.id!r} overflows float64:"
                    f" values reach {np.abs(seen).max():g}"
                )
        return center, scale

    def _within(self, values: Floats, whole: float) -> float:
        """Return how far values of a window are apart, or ``whole`` without any two."""
        assert self.window is not None
        longest = min(max(self.window - 1, 1), len(values) - 1)
        lags = np.unique(
            np.linspace(1, longest, min(longest, _MOST_LAGS)).astype(np.int64)
        )
        apart = [values[lag:] - values[:-lag] for lag in lags]
        differences = np.concatenate([np.empty(0), *apart])
        differences = differences[~np.isnan(differences)]
        if not differences.size:
            return whole
        rounding = _rounding(values)
        spread = 0.0
        if self.method == "robust":
            spread = float(np.ptp(np.percentile(differences, _QUARTILES)))
        if spread <= rounding:
            spread = float(np.sqrt(np.mean(differences**2)))
        return spread if spread > rounding else 1.0


def _rounding(values: Floats) -> float:
    """Return what rounding leaves of a constant series, as in data/statistics.py."""
    return float(10 * np.finfo(np.float64).eps * np.nanmax(np.abs(values)))
