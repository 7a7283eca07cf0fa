"""A panel in the network's units: all series below one another in flat arrays.

Design: windows overlap, so nothing is cut before a batch asks for it. Flat arrays hold
every step once, scaled and with gaps filled, and behind each series as many rows as the
horizon has: a batch is a few gathers of rows, and no horizon runs into another series.
Statistics come from the part that a fit trains on, and go wherever the model goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._validate import FloatDtype, IntArray, check_dtype, check_int
from ..data import SequenceScaler
from ..data.statistics import mean_and_deviation
from ..files import storable
from .numbers import Floats
from .scaling import SeriesScaler
from .series import Panel, Series
from .static import StaticEncoder
from .steps import Times

__all__ = ["Calendar", "EncodedPanel", "PanelEncoder"]

# From times (T,) to features (T, C), about as large as what is scaled.
Calendar: TypeAlias = Callable[[Times], Floats]


@dataclass(frozen=True, eq=False)
class EncodedPanel:
    """What windows are gathered from; R rows are all steps and N * H behind the ends.

    Attributes
    ----------
    first, lengths : (N,) int64 arrays
        The row of each series' first step, and its steps.
    horizon : int
        H.
    center, scale : (N, K) float64 arrays
        ``values = (y - center) / scale``.
    values : (R, K) float64 array
        NaN where nothing was observed.
    targets : (R, K) array of the network's dtype
        The same.
    filled : (R, K) float64 array
        There the last one observed before, or 0, the centre.
    seen : (R, K) bool array
        Whether one was observed at the step or before.
    steps : (R, F) array of the network's dtype
        ``filled``, with indicators 1 where a value is missing, past covariates, and
        what is ``known``.
    known : (R, C) array of the network's dtype
        Covariates known ahead, and calendar features.
    static : (N, D) array of the network's dtype
    n_past : int
        Past covariates.
    indicators : bool
    panel : Panel
        What was encoded.
    """

    first: IntArray
    lengths: IntArray
    horizon: int
    center: Floats
    scale: Floats
    values: Floats
    targets: NDArray[Any]
    filled: Floats
    seen: NDArray[np.bool_]
    steps: NDArray[Any]
    known: NDArray[Any]
    static: NDArray[Any]
    n_past: int
    indicators: bool
    panel: Panel

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_targets(self) -> int:
        """K."""
        return int(self.values.shape[1])

    @cached_property
    def all_seen(self) -> bool:
        """Whether every series begins with an observation of every variable."""
        return bool(self.seen.all())

    @cached_property
    def counts(self) -> Floats:
        """(R, K) observed values as they are, which have to be counts.

        In float64: float32 does not have all whole numbers from 2^24 on.

        Raises
        ------
        ValueError
            Values below 0 or not whole.
        """
        counts = np.full(self.values.shape, np.nan)
        for first, series in zip(self.first, self.panel, strict=True):
            bad = (series.y < 0.0) | (series.y > np.floor(series.y))
            if bad.any():
                step, k = np.argwhere(bad)[0]
                raise ValueError(
                    f"series {series.id!r} has {series.y[step, k]:g} at step {step}, "
                    f"variable {self.panel.layout.targets[k]!r}: expected counts, "
                    "whole numbers of at least 0, for loss='negative_binomial' or "
                    "'poisson'"
                )
            counts[first : first + len(series)] = series.y
        return counts

    @cached_property
    def lagged(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return what a recursive model reads of each step, and `seen` of it.

        Value and indicator of the step before, where there is one; what is known.
        """
        own = self.n_targets * (1 + self.indicators)
        before = np.roll(self.steps[:, :own], 1, axis=0)
        before[self.first, : self.n_targets] = 0.0
        before[self.first, self.n_targets :] = 1.0
        seen = np.roll(self.seen, 1, axis=0)
        seen[self.first] = False
        return np.concatenate([before, self.known], axis=1), seen

    @cached_property
    def sums(self) -> tuple[Floats, Floats]:
        """Sum and number of the values observed before each row, (R, K) each.

        Each series by itself, or a mean would depend on those above it.
        """
        there = ~np.isnan(self.values)
        values = np.where(there, self.values, 0.0)
        sums, counts = np.zeros(values.shape), np.zeros(values.shape)
        for first, length in zip(self.first, self.lengths, strict=True):
            own, after = (
                slice(first, first + length),
                slice(first + 1, first + length + 1),
            )
            np.cumsum(values[own], axis=0, out=sums[after])
            np.cumsum(there[own], axis=0, out=counts[after])
        return sums, counts


@storable
class PanelEncoder:
    """Takes panels into the network's units, with the statistics of the first one.

    Parameters
    ----------
    method : {"standard", "robust", "mean"}, default="standard"
    window : int or None, default=None
        Of a `SeriesScaler`. Covariates and static numbers have the mean 0 and the
        deviation 1 over all steps of all series, whatever the method.

    Attributes
    ----------
    scaler : SeriesScaler
    static : StaticEncoder
    past, future : SequenceScaler or None
        None before ``fit``, and without such covariates.
    indicators : bool
        Whether values were missing at ``fit``, and are told from filled ones.
    """

    def __init__(self, method: str = "standard", *, window: int | None = None) -> None:
        self.scaler = SeriesScaler(method, window=window)
        self.static = StaticEncoder()
        self.past: SequenceScaler | None = None
        self.future: SequenceScaler | None = None
        self.indicators = False

    def fit(
        self, panel: Panel, ends: Sequence[int] | IntArray | None = None
    ) -> PanelEncoder:
        """Take the statistics of a panel.

        Parameters
        ----------
        panel : Panel
        ends : (N,) sequence of int, optional
            Steps of each series that belong to the training; without, all.

        Raises
        ------
        ValueError
            As `SeriesScaler.fit` does.
        """
        self.scaler.fit(panel, ends)
        self.static.fit(panel)
        part = panel if ends is None else panel.until(ends)
        self.past = _scaler([series.past for series in part])
        self.future = _scaler([series.future[: len(series)] for series in part])
        self.indicators = any(np.isnan(series.y).any() for series in part)
        return self

    def encode(
        self,
        panel: Panel,
        horizon: int,
        *,
        calendar: Calendar | None = None,
        dtype: DTypeLike = "float32",
        ends: Sequence[int] | IntArray | None = None,
    ) -> EncodedPanel:
        """Encode a panel like that of ``fit``.

        Missing values are filled with the last one observed before, and with 0, the
        centre, where there is none; so are past covariates. What is known ahead stays
        as it is from the last known row on: `Panel.check_horizon` tells whether any
        forecast would read that.

        Parameters
        ----------
        panel : Panel
        horizon : int
            Steps H of a forecast.
        calendar : callable, optional
            Features of times, which the series need to have.
        dtype : {"float32", "float64"}, default="float32"
        ends : (N,) sequence of int, optional
            Steps of each series that are known where it is scaled by its own history,
            because the fit has not seen it; without, all.

        Raises
        ------
        ValueError
            No times for a calendar; a category that the fit has not seen; what
            `SeriesScaler.statistics` refuses.
        """
        horizon, numbers = check_int("horizon", horizon, 1), check_dtype(dtype)
        known_part = panel if ends is None else panel.until(ends)
        center, scale = self.scaler.statistics(known_part)
        lengths = panel.lengths
        first = np.concatenate([[0], np.cumsum(lengths + horizon)[:-1]])
        rows = int(first[-1] + lengths[-1] + horizon)
        values = np.full((rows, len(panel.layout.targets)), np.nan)
        past = np.full((rows, len(panel.layout.past)), np.nan)
        known = []
        ahead = panel.forecast_times(horizon) if calendar is not None else None
        for n, series in enumerate(panel):
            own = slice(int(first[n]), int(first[n]) + len(series))
            with np.errstate(over="ignore"):
                values[own] = (series.y - center[n]) / scale[n]
            past[own] = series.past
            features = [self._future(series, len(series) + horizon)]
            if calendar is not None:
                if ahead is None or series.times is None:
                    raise ValueError(
                        "calendar features need times: pass frames with a "
                        "DatetimeIndex, a PeriodIndex or a time_column"
                    )
                features.append(calendar(np.concatenate([series.times, ahead[n]])))
            known.append(np.concatenate(features, axis=1))
        starts = np.repeat(first, lengths + horizon)
        filled, seen = _fill(values, starts)
        covariates, there = _fill(past, starts)
        if self.past is not None:
            covariates = np.where(there, self.past.transform(covariates), 0.0)
        parts = [filled, covariates, np.concatenate(known)]
        if self.indicators:
            parts.insert(1, np.isnan(values))
        return EncodedPanel(
            first=first,
            lengths=lengths,
            horizon=horizon,
            center=center,
            scale=scale,
            values=values,
            targets=_cast(values, numbers),
            filled=filled,
            seen=seen,
            steps=_cast(np.concatenate(parts, axis=1), numbers),
            known=_cast(np.concatenate(known), numbers),
            static=_cast(self.static.transform(panel), numbers),
            n_past=len(panel.layout.past),
            indicators=self.indicators,
            panel=panel,
        )

    def _future(self, series: Series, rows: int) -> Floats:
        """Return what is known ahead, scaled, its last row repeated up to ``rows``."""
        known = series.future[:rows]
        if self.future is not None:
            known = self.future.transform(known)
        return np.pad(known, ((0, rows - len(known)), (0, 0)), mode="edge")


def _scaler(parts: list[Floats]) -> SequenceScaler | None:
    """Return mean and deviation of each column over what is there of all parts."""
    rows = np.concatenate(parts)
    if rows.shape[1] == 0:
        return None
    center, scale = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    for at, column in enumerate(rows.T):
        there = column[~np.isnan(column)][:, None]
        if there.size:
            (center[at],), (scale[at],) = mean_and_deviation(there, None)
    scaler = SequenceScaler()
    scaler.load_state_dict({"center": center, "scale": scale})
    return scaler


def _fill(values: Floats, starts: IntArray) -> tuple[Floats, NDArray[np.bool_]]:
    """Carry the last value of each series on, and tell where there is one.

    ``starts`` is the first row of each row's series.
    """
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows), axis=0)
    seen = last >= starts[:, None]
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(seen, carried, 0.0), seen


def _cast(values: NDArray[Any], dtype: FloatDtype) -> NDArray[Any]:
    """Return ``values`` in the network's dtype.

    Raises
    ------
    ValueError
        What is too large for it.
    """
    with np.errstate(over="ignore"):
        result: NDArray[Any] = np.ascontiguousarray(values, dtype)
    if np.isinf(result).any():
        largest = np.abs(values[~np.isnan(values)]).max()
        raise ValueError(
            f"values reach {largest:.3g} after scaling, too large for {dtype}: "
            "expected data on the scale of the fit"
        )
    return result
