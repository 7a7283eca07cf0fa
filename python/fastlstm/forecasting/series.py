"""Series as forecasting reads them, and what a panel of them has in common."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray, check_int
from ..files import storable
from .forms import ColumnsForm, Forecasts, Form
from .growing import extend, look_ahead
from .numbers import Floats
from .steps import Times, TimeStep, show_time

__all__ = ["Panel", "PanelLayout", "Series"]


@storable
@dataclass(frozen=True, eq=False)
class Series:
    """One series on a regular grid; without covariates their arrays have no column.

    Attributes
    ----------
    id : hashable
        Its name, or its place among those without names.
    y : (T, K) float64 array
        NaN where nothing was observed.
    times : (T,) datetime64 or int64 array, or None
    past : (T, P) float64 array
        Covariates known up to now, NaN where missing.
    future : (T + extra, Q) float64 array
        Covariates known ahead.
    static : (S,) array
        Numbers or categories, one each for the whole series.
    """

    id: Hashable
    y: Floats
    times: Times | None
    past: Floats
    future: Floats
    static: NDArray[Any]

    def __len__(self) -> int:
        return len(self.y)

    def begins_like(self, other: Series) -> bool:
        """Whether both have the same values as far as the shorter one reaches."""
        both = min(len(self), len(other))
        return np.array_equal(self.y[:both], other.y[:both], equal_nan=True)

    def agrees_with(self, other: Series) -> bool:
        """Whether both have the same values at the times that both have.

        Without times, from their beginning on.
        """
        if self.times is None or other.times is None:
            return self.begins_like(other)
        both = np.intersect1d(
            self.times, other.times, assume_unique=True, return_indices=True
        )
        own, others = self.y[both[1]], other.y[both[2]]
        return len(own) > 0 and np.array_equal(own, others, equal_nan=True)

    @property
    def extra(self) -> int:
        """Steps after the end that known-future covariates reach."""
        return len(self.future) - len(self.y)

    def until(self, end: int) -> Series:
        """Keep the first ``end`` steps, and all that is known ahead."""
        times = None if self.times is None else self.times[:end]
        return replace(self, y=self.y[:end], times=times, past=self.past[:end])

    def since(self, begin: int) -> Series:
        """Keep the steps from ``begin`` on, and all that is known ahead."""
        return replace(
            self,
            y=self.y[begin:],
            times=None if self.times is None else self.times[begin:],
            past=self.past[begin:],
            future=self.future[begin:],
        )


@storable
@dataclass(frozen=True)
class PanelLayout:
    """What the series of a panel have in common, and a fit's panel with others.

    Attributes
    ----------
    targets, past, future, static : tuple
        Names, or places where there are none.
    step : TimeStep or None
        From one time to the next; None without times.
    """

    targets: tuple[Any, ...] = ()
    past: tuple[Any, ...] = ()
    future: tuple[Any, ...] = ()
    static: tuple[Any, ...] = ()
    step: TimeStep | None = None

    def check(self, other: PanelLayout, *, new_rows: bool = False) -> None:
        """Raise ValueError where a later panel, ``other``, differs.

        Names are compared where both have such. A panel of ``new_rows`` may have
        neither future covariates nor static features.
        """
        kinds = {
            "targets": "variables",
            "past": "past covariates",
            "future": "future covariates",
            "static": "static features",
        }
        for field, words in kinds.items():
            fitted, given = getattr(self, field), getattr(other, field)
            if new_rows and not given and field in ("future", "static"):
                continue
            named = all(isinstance(name, str) for name in (*fitted, *given))
            if len(fitted) != len(given) or (named and fitted != given):
                raise ValueError(
                    f"the series have {len(given)} {words}, {_list(given)}, but those "
                    f"of the fit {len(fitted)}, {_list(fitted)}"
                )
        if self.step != other.step and None not in (self.step, other.step):
            raise ValueError(
                f"the series have a step of {other.step}, but those of the fit of "
                f"{self.step}"
            )


def _list(names: Sequence[Any]) -> str:
    return f"[{', '.join(map(repr, names))}]"


@storable
@dataclass(frozen=True, eq=False)
class Panel:
    """Series of the same variables and covariates, made by `read_panel`.

    Attributes
    ----------
    series : tuple of Series
    layout : PanelLayout
    form : Form
        Gives forecasts back as the series came.
    named : bool
        Whether identifiers are names of the user's; else they are places.
    strangers : tuple
        Identifiers that are no series of a fit's, though it may have such; see
        `told_by`.
    """

    series: tuple[Series, ...]
    layout: PanelLayout
    form: Form
    named: bool
    strangers: tuple[Hashable, ...] = ()

    def __len__(self) -> int:
        return len(self.series)

    def __iter__(self) -> Iterator[Series]:
        return iter(self.series)

    def __getitem__(self, at: int) -> Series:
        return self.series[at]

    @property
    def ids(self) -> list[Hashable]:
        """Identifiers of all series, in order."""
        return [series.id for series in self.series]

    @property
    def lengths(self) -> IntArray:
        """(N,) steps of each series."""
        return np.array([len(series) for series in self.series], np.int64)

    def until(self, ends: Sequence[int] | IntArray) -> Panel:
        """Keep the first ``ends[n]`` steps of series n, and all that is known ahead.

        So a forecast may be made as it would have been then.

        Parameters
        ----------
        ends : (N,) sequence of int
            Each from 1 to the length of its series.

        Raises
        ------
        ValueError, TypeError
            Another number of ends, or one out of range.
        """
        if len(ends) != len(self):
            raise ValueError(f"expected {len(self)} ends, one a series, got {ends!r}")
        parts = [
            series.until(
                check_int(f"the end of series {series.id!r}", e, 1, len(series))
            )
            for series, e in zip(self.series, ends, strict=True)
        ]
        form = self.form
        if isinstance(form, ColumnsForm):
            form = form.until(ends)
        return replace(self, series=tuple(parts), form=form)

    def extended(self, new: Panel) -> Panel:
        """Return the panel with newly observed rows behind the ends of its series.

        Series are matched by name where both panels have such, and those without new
        rows stay as they are; else by place. Times go on at the step: what lies between
        is filled with missing rows. Without times rows follow at once, those of columns
        of a table below the last row of the first table. Where both panels know a
        future covariate of a step, the new one is taken; static features stay.
        Forecasts come back in the form of this panel.

        Parameters
        ----------
        new : Panel
            As `read_panel` reads rows with ``like=panel.layout, new_rows=True``.

        Returns
        -------
        Panel
            Arrays are copies where they have grown.

        Raises
        ------
        ValueError
            Other variables, covariates or step; a series that is none of these, or
            another number of series without names; times that do not come after the
            last one, are off the step, or so late that a wrong one is more likely;
            times in one of both panels alone; future covariates that are neither given
            nor known up to the new end; other static features.

        Examples
        --------
        >>> from fastlstm.forecasting import read_panel
        >>> panel = read_panel({"a": [1.0, 2.0], "b": [3.0]})
        >>> new = read_panel({"b": [4.0, 5.0]}, like=panel.layout, new_rows=True)
        >>> [series.y[:, 0].tolist() for series in panel.extended(new)]
        [[1.0, 2.0], [3.0, 4.0, 5.0]]
        """
        return extend(self, new)

    def told_by(self, known: Panel) -> Panel:
        """Mark series without names that are others than those in their places.

        ``known`` are those that a fit has seen. One that agrees with that in its place
        is taken for the same.
        """
        if self.named or known.named:
            return self
        places = {series.id: series for series in known}
        strangers = [
            series.id
            for series in self
            if series.id not in places or not series.agrees_with(places[series.id])
        ]
        return replace(self, strangers=tuple(strangers))

    def with_future(self, ahead: Panel, *, shared: bool = False) -> Panel:
        """Put covariates known ahead behind the end of each series.

        Parameters
        ----------
        ahead : Panel
            Whose variables are these covariates, in the steps that follow each end;
            with times it may begin earlier, and what is up to the end is not used.
        shared : bool, default=False
            Whether its one series is for all; else they are told by name, or place.

        Returns
        -------
        Panel

        Raises
        ------
        ValueError
            Missing values, a series without rows, times that end before or leave out
            what follows.
        """
        return look_ahead(self, ahead, shared=shared)

    def check_horizon(self, horizon: int, *, whole: bool = False) -> None:
        """Raise ValueError where covariates known ahead end before the horizon.

        The message asks for what follows the end, or for all of a ``whole`` series.
        """
        for series in self.series if self.layout.future else ():
            if series.extra < horizon:
                rows = f"the {horizon} rows that follow its end"
                if whole:
                    rows = f"all {len(series) + horizon} rows, from its first row on"
                if series.times is not None and self.layout.step is not None:
                    times = self.layout.step.span(series.times[-1], horizon + 1)
                    first = series.times[0] if whole else times[1]
                    rows += f", {show_time(first)} to {show_time(times[-1])}"
                if all(isinstance(name, str) for name in self.layout.future):
                    rows += f", of {_list(self.layout.future)}"
                raise ValueError(
                    f"future covariates of series {series.id!r} have {series.extra} "
                    f"rows after its end, expected {horizon}, the horizon: pass "
                    f"future= with {rows}"
                )

    def forecast_times(self, horizon: int) -> list[Times] | None:
        """Return the (H,) times that follow each series; None without times.

        Raises
        ------
        ValueError
            One time a series, and so no step.
        """
        if self.series[0].times is None:
            return None
        step = self.layout.step
        if step is None:
            raise ValueError(
                "series of one time have no step that forecasts could go on with"
            )
        return [
            step.span(series.times[-1], horizon + 1)[1:]
            for series in self.series
            if series.times is not None
        ]

    def give_back(
        self,
        values: Sequence[Floats],
        *,
        quantiles: Sequence[float] | None = None,
        samples: bool = False,
    ) -> Any:
        """Return forecasts of H steps in the form in which the series came.

        Parameters
        ----------
        values : N arrays (H, K), or (H, K, Q) with quantiles, or (S, H, K) with samples
        quantiles : sequence of Q floats, optional
        samples : bool, default=False

        Returns
        -------
        arrays, lists, dicts, series or frames
            Arrays (T,) come back without the axis K, an (N, T, K) array with an axis N
            in front. In frames quantiles are columns "value_0.1", or behind another
            target's name; sample paths are rows, told by the index level or column
            "sample". Times go on. A table of series that end at different rows has NaN
            where one has no forecast.

        Raises
        ------
        ValueError
            Arrays of other shapes; times without a step.
        """
        arrays = [np.asarray(array, np.float64) for array in values]
        rank = 2 + (quantiles is not None) + samples
        shapes = {array.shape for array in arrays}
        k_axis = 2 if samples else 1
        if (
            len(arrays) != len(self)
            or len(shapes) != 1
            or (quantiles is not None and samples)
            or len(arrays[0].shape) != rank
            or arrays[0].shape[k_axis] != len(self.layout.targets)
            or (quantiles is not None and arrays[0].shape[2] != len(quantiles))
        ):
            axes = "(H, K)" if rank == 2 else "(S, H, K)" if samples else "(H, K, Q)"
            raise ValueError(
                f"expected {len(self)} arrays {axes} of {len(self.layout.targets)} "
                f"targets, got {len(arrays)} of shapes {sorted(shapes)}"
            )
        horizon = arrays[0].shape[k_axis - 1]
        forecasts = Forecasts(
            values=arrays,
            ids=self.ids,
            times=self.forecast_times(horizon),
            ends=self.lengths.tolist(),
            targets=self.layout.targets,
            quantiles=None if quantiles is None else tuple(quantiles),
            samples=samples,
        )
        return self.form.give_back(forecasts)
