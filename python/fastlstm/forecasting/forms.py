"""Forecasts in the form in which the user's series came.

Values of a series are (H, K): horizon and targets; quantiles (H, K, Q), sample paths
(S, H, K). Frames have no third axis: quantiles are columns "value_0.1", as AutoGluon
and GluonTS name them behind the target's name, in polars as in pandas and in long as in
wide frames; sample paths lie below one another, told by the number "sample".
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray
from ..files import storable
from .frames import FrameBuilder, is_frame, is_series
from .numbers import Floats
from .steps import Times

__all__ = ["ColumnsForm", "Forecasts", "Form", "LongForm", "PartsForm", "Template"]

# The name of a series that has none, where a column needs one.
_UNNAMED = "value"


@dataclass(frozen=True)
class Forecasts:
    """What is given back: one entry of each a series.

    Parameters
    ----------
    values : list of (H, K), (H, K, Q) or (S, H, K) arrays
    ids : list
    times : list of (H,) arrays, or None
    ends : list of int
        Steps of each series before its forecasts.
    targets : tuple
        Names of the K targets.
    quantiles : tuple of float or None
        With it values have an axis Q.
    samples : bool
        Whether values have an axis S.
    """

    values: list[Floats]
    ids: list[Hashable]
    times: list[Times] | None
    ends: list[int]
    targets: tuple[Any, ...]
    quantiles: tuple[float, ...] | None = None
    samples: bool = False

    @property
    def horizon(self) -> int:
        """H."""
        return int(self.values[0].shape[1 if self.samples else 0])

    def columns(
        self, values: Floats, targets: Sequence[Any]
    ) -> dict[Any, NDArray[np.float64]]:
        """Name the columns of a frame, (H,) or (S * H,) each."""
        if self.quantiles is not None:
            levels = [f"{quantile:g}" for quantile in self.quantiles]
            if len(set(levels)) < len(levels):  # alike in six digits
                levels = [repr(float(quantile)) for quantile in self.quantiles]
            return {
                f"{target}_{level}": values[:, k, q]
                for k, target in enumerate(targets)
                for q, level in enumerate(levels)
            }
        rows = values.reshape(-1, values.shape[-1])
        return {target: rows[:, k] for k, target in enumerate(targets)}

    def rows(
        self, values: Floats, times: Times | None
    ) -> tuple[NDArray[np.int64] | None, Times | None]:
        """Return the sample number and the time of each row of `columns`."""
        if not self.samples:
            return None, times
        n, horizon = values.shape[:2]
        numbers = np.repeat(np.arange(n), horizon)
        return numbers, None if times is None else np.tile(times, n)


@storable
@dataclass(frozen=True)
class Template:
    """How one series came: an array (T,) or (T, K), a pandas or polars object.

    Parameters
    ----------
    flat : bool
        Whether it has no axis K.
    name : hashable
        Of a series of pandas or polars.
    builder : FrameBuilder or None
        None for arrays.
    """

    flat: bool
    name: Any = None
    builder: FrameBuilder | None = None

    @classmethod
    def of(cls, data: Any, time_column: Any = None) -> Template:
        """Look at an array, list, series or frame."""
        if is_frame(data):
            return cls(False, builder=FrameBuilder.of(data, time_column))
        if is_series(data):
            name = getattr(data, "name", None)
            return cls(True, name, FrameBuilder.of(data, time_column))
        return cls(np.ndim(data) == 1)

    def build(
        self,
        forecasts: Forecasts,
        values: Floats,
        targets: Sequence[Any],
        times: Times | None,
    ) -> Any:
        """Give ``values`` of one series this form."""
        if self.builder is None:
            if not self.flat:
                return values
            return values[..., 0] if forecasts.quantiles is None else values[:, 0]
        if self.flat and forecasts.quantiles is None and not forecasts.samples:
            return self.builder.build_series(values[:, 0], self.name, times)
        if self.flat:
            targets = [_UNNAMED if self.name in (None, "") else self.name]
        numbers, row_times = forecasts.rows(values, times)
        columns = forecasts.columns(values, targets)
        return self.builder.build(columns, samples=numbers, times=row_times)


@storable
@dataclass(frozen=True)
class PartsForm:
    """Series that are objects of their own: one, or those of a list, dict or array.

    Parameters
    ----------
    kind : {"one", "list", "dict", "array"}
        What holds them.
    templates : list of Template
    """

    kind: str
    templates: list[Template]

    def give_back(self, forecasts: Forecasts) -> Any:
        """Return one result of each part, gathered."""
        times = forecasts.times or len(self.templates) * (None,)
        parts = [
            template.build(forecasts, values, forecasts.targets, own)
            for template, values, own in zip(
                self.templates, forecasts.values, times, strict=True
            )
        ]
        if self.kind == "one":
            return parts[0]
        if self.kind == "dict":
            return dict(zip(forecasts.ids, parts, strict=True))
        return np.stack(parts) if self.kind == "array" else parts


@storable
@dataclass(frozen=True)
class ColumnsForm:
    """Series that are the columns of one table.

    Where they end at different rows, so do their forecasts: NaN stands elsewhere.

    Parameters
    ----------
    template : Template
    starts : list of int
        The row at which each series begins; not read where there are times.
    columns : list of int
        The column of each series: all, but for columns of new rows without any value.
    shape : tuple of int
        Rows and columns of the table.
    """

    template: Template
    starts: list[int]
    columns: list[int]
    shape: tuple[int, int]

    def until(self, ends: Sequence[int] | IntArray) -> ColumnsForm:
        """Return the form of a table that ends where the last series does."""
        rows = max(
            start + int(end) for start, end in zip(self.starts, ends, strict=True)
        )
        return replace(self, shape=(rows, self.shape[1]))

    def give_back(self, forecasts: Forecasts) -> Any:
        """Return one table with a column, or Q of them, for each series."""
        times, horizon = None, forecasts.horizon
        if forecasts.times is None:
            ends = np.add(self.starts, forecasts.ends)
            firsts = ends - ends.min()
            rows = int(firsts.max()) + horizon
        else:
            times = np.unique(np.concatenate(forecasts.times))
            firsts = np.searchsorted(times, [own[0] for own in forecasts.times])
            rows = len(times)
        axis = 1 if forecasts.samples else 0
        shape = list(forecasts.values[0].shape)
        shape[axis], shape[axis + 1] = rows, len(firsts)
        table = np.full(shape, np.nan)
        for n, (first, values) in enumerate(zip(firsts, forecasts.values, strict=True)):
            at = slice(int(first), int(first) + horizon)
            if forecasts.samples:
                table[:, at, n] = values[:, :, 0]
            else:
                table[at, n] = values[:, 0]
        return self.template.build(forecasts, table, forecasts.ids, times)


@storable
@dataclass(frozen=True)
class LongForm:
    """Series below one another in one frame, with a column that tells them apart."""

    builder: FrameBuilder

    def give_back(self, forecasts: Forecasts) -> Any:
        """Return one frame: series after series, in each sample after sample."""
        parts = [
            forecasts.columns(values, forecasts.targets) for values in forecasts.values
        ]
        columns = {
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        }
        sizes = [len(next(iter(part.values()))) for part in parts]
        ids = np.repeat(_labels(forecasts.ids), sizes)
        all_times = forecasts.times or len(parts) * (None,)
        labels = [
            forecasts.rows(values, times)
            for values, times in zip(forecasts.values, all_times, strict=True)
        ]
        numbers = _join([n for n, _ in labels])
        times = _join([t for _, t in labels])
        return self.builder.build(columns, ids=ids, samples=numbers, times=times)


Form: TypeAlias = PartsForm | ColumnsForm | LongForm


def _labels(ids: list[Hashable]) -> NDArray[Any]:
    """Return identifiers as an array of their own type."""
    array = np.array(ids)
    if array.ndim == 1 and array.tolist() == ids:
        return array
    array = np.empty(len(ids), object)
    array[:] = ids
    return array


def _join(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """Concatenate, where there is anything."""
    present = [part for part in parts if part is not None]
    return np.concatenate(present) if present else None
