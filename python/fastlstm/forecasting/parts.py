"""Series that are arrays, frames or series of their own, and tables of series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .drafts import Draft, Table
from .forms import ColumnsForm, Form, PartsForm, Template
from .frames import column_of, index_times, is_frame, is_series, read_times
from .numbers import as_rows, looks_like_times
from .steps import Times

__all__ = ["Columns", "is_many", "read_columns", "read_parts", "read_table"]


class Columns:
    """Which columns of a wide frame are what.

    Parameters
    ----------
    time, target, past, future
        As `read_panel` takes them.
    """

    def __init__(
        self,
        time: Any = None,
        target: Any = None,
        past: Sequence[Any] = (),
        future: Sequence[Any] = (),
    ) -> None:
        self.time = time
        self.target = target
        self.past = tuple(past)
        self.future = tuple(future)

    @property
    def any_named(self) -> bool:
        """Whether a column is named at all."""
        return self.target is not None or bool(self.past or self.future)

    @property
    def named_targets(self) -> list[Any]:
        """The columns that ``target`` names: none, itself, or its items."""
        if self.target is None:
            return []
        many = isinstance(self.target, (list, tuple, np.ndarray))
        return list(self.target) if many else [self.target]

    def targets_of(
        self, frame: Any, name: str, others: Sequence[Any] = ()
    ) -> list[Any]:
        """Return the target columns: those named, or all that are nothing else."""
        if self.target is not None:
            targets = self.named_targets
        else:
            taken = {self.time, *self.past, *self.future, *others}
            targets = [c for c in frame.columns if c not in taken]
        if not targets:
            raise ValueError(
                f"{name} has no target column: its columns are {list(frame.columns)}"
            )
        return targets

    def check_target_of(self, data: Any, name: str) -> None:
        """Raise ValueError where a target is named, which is not the name of data."""
        given = getattr(data, "name", None) if is_series(data) else None
        if self.target is None or self.named_targets == [given]:
            return
        what = f"a {type(data).__name__}"
        if given not in (None, ""):
            what += f" with the name {given!r}"
        raise ValueError(
            f"target={self.target!r} names a column of a frame, but {name} is {what}: "
            "pass a frame which has it, or leave target away"
        )


def read_table(
    data: Any, name: str, time_column: Any = None, columns: Sequence[Any] | None = None
) -> Table:
    """Read an array, list, series or frame as rows.

    Parameters
    ----------
    columns : sequence, optional
        Of a frame; without, all but ``time_column``.

    Raises
    ------
    ValueError, TypeError
        What holds no numbers or no times, or has another rank.
    """
    if type(data).__name__ == "LazyFrame":
        raise TypeError(f"{name} is a LazyFrame: pass {name}.collect()")
    if is_frame(data):
        if columns is None:
            columns = [c for c in data.columns if c != time_column]
        values = as_rows(name, data, columns)
        if time_column is None:
            times = index_times(data, name)
            _check_no_dates(data, name, columns, times)
            return Table(values, tuple(columns), times)
        what = f"{name}, column {time_column!r},"
        times = read_times(column_of(data, time_column, name), what)
        return Table(values, tuple(columns), times)
    values = as_rows(name, data)
    names: tuple[Any, ...] = tuple(range(values.shape[1]))
    if not is_series(data):
        return Table(values, names)
    given = getattr(data, "name", None)
    return Table(
        values, names if given in (None, "") else (given,), index_times(data, name)
    )


def _check_no_dates(
    data: Any, name: str, columns: Sequence[Any], times: Times | None
) -> None:
    """Raise ValueError where a column that nobody reads has the dates."""
    if times is not None and times.dtype.kind == "M":
        return
    for column in data.columns:
        if column not in columns and looks_like_times(column_of(data, column, name)):
            raise ValueError(
                f"{name} has dates in the column {column!r}, which nothing reads: pass "
                f"time_column={column!r}, or drop the column if the order of the rows "
                "is what matters"
            )


def is_many(data: Any) -> bool:
    """Tell a list of series from one, which may be a list of numbers."""
    if isinstance(data, (list, tuple)):
        return not data or _is_object(data[0]) or np.ndim(data[0]) > 0
    is_objects = isinstance(data, np.ndarray) and data.dtype == object
    return is_objects and data.ndim == 1 and data.size > 0 and np.ndim(data[0]) > 0


def _is_object(data: Any) -> bool:
    return is_frame(data) or is_series(data)


def read_parts(
    data: Any, name: str, columns: Columns, given: Mapping[str, Any]
) -> tuple[list[Draft], Form, bool]:
    """Read one series, or a list, dict or (N, T, K) array of them.

    Parameters
    ----------
    data : object
    name : str
        Its argument.
    columns : Columns
        For frames.
    given : dict of str to object
        The arguments ``past`` and ``future``, which have the form of ``data``.

    Returns
    -------
    drafts : list of Draft
    form : Form
    named : bool
    """
    form = "one"
    keys: list[Any] = [0]
    parts: list[Any] = [data]
    names = [name]
    if isinstance(data, Mapping):
        form, keys, parts = "dict", list(data), list(data.values())
    elif is_many(data):
        form, keys, parts = "list", list(range(len(data))), list(data)
    elif isinstance(data, np.ndarray) and data.ndim == 3:
        form, keys, parts = "array", list(range(len(data))), list(data)
    if form != "one":
        names = [f"series {key!r}" for key in keys]
    if not parts:
        raise ValueError(f"{name} is empty: expected at least one series")
    drafts = []
    for at, (key, part) in enumerate(zip(keys, parts, strict=True)):
        own = is_frame(part)
        if not own:
            columns.check_target_of(part, names[at])
        targets = columns.targets_of(part, names[at]) if own else None
        time = columns.time if own else None
        y = read_table(part, names[at], time, targets)
        draft = Draft(key, names[at], y)
        for kind in ("past", "future"):
            what = f"{kind} covariates of {names[at]}"
            inside = getattr(columns, kind)
            other = _part_of(given[kind], kind, form, key, at, len(parts))
            if inside and own:
                if other is not None:
                    raise ValueError(
                        f"{kind}= was given beside {kind}_covariates={list(inside)}: "
                        "expected one of the two"
                    )
                table = read_table(part, names[at], time, inside)
                setattr(draft, kind, table)
            elif inside:
                raise ValueError(
                    f"{kind}_covariates={list(inside)} are columns of frames, but "
                    f"{names[at]} is none: pass them as {kind}="
                )
            elif other is not None:
                has_time = is_frame(other) and columns.time in list(other.columns)
                time_there = columns.time if has_time else None
                setattr(draft, kind, read_table(other, what, time_there))
        drafts.append(draft)
    templates = [Template.of(part, columns.time) for part in parts]
    return drafts, PartsForm(form, templates), form == "dict"


def _part_of(given: Any, kind: str, form: str, key: Any, at: int, n: int) -> Any:
    """Return the covariates of one series."""
    if given is None or form == "one":
        return given
    if form == "dict":
        if not isinstance(given, Mapping) or key not in given:
            what = "no such" if isinstance(given, Mapping) else type(given).__name__
            raise ValueError(
                f"{kind} covariates of series {key!r} are expected in a dict with the "
                f"identifiers of the series, got {what}"
            )
        return given[key]
    many = is_many(given) or (isinstance(given, np.ndarray) and given.ndim == 3)
    if not many or len(given) != n:
        raise ValueError(
            f"{kind} covariates are expected as a list of {n}, one a series, got "
            f"{len(given) if many else type(given).__name__}"
        )
    return given[at]


def read_columns(
    data: Any,
    name: str,
    columns: Columns,
    given: Mapping[str, Any],
    *,
    new_rows: bool = False,
) -> tuple[list[Draft], Form, bool]:
    """Read a table of which each column is a series.

    NaN before the first and after the last observation is outside the series. Of
    ``new_rows`` NaN before the first belongs to it, and columns without any observation
    are left out. Covariates are one table for all series, or a dict of one each, whose
    rows are those of ``data``. Arguments and results are those of `read_parts`.
    """
    if columns.any_named:
        raise ValueError(
            "target, past_covariates and future_covariates name columns of one series: "
            "expected none with columns='series'"
        )
    table = read_table(data, name, columns.time)
    tables: dict[str, dict[Any, Table] | None] = {}
    for kind in ("past", "future"):
        tables[kind] = _shared(given[kind], kind, table, columns.time)
    drafts: list[Draft] = []
    starts, places = [], []
    for at, key in enumerate(table.names):
        values = table.values[:, at]
        seen = np.flatnonzero(~np.isnan(values))
        label = f"series {key!r}"
        if not seen.size and not new_rows:
            raise ValueError(f"{label} has no observed value")
        if not seen.size:
            continue
        rows = np.arange(0 if new_rows else seen[0], seen[-1] + 1)
        times = None if table.times is None else table.times[rows]
        y = Table(values[rows, None], ("value",), times)
        draft = Draft(key, label, y, rows=rows)
        for kind, there in tables.items():
            if there is not None:
                stop = rows[-1] + 1 if kind == "past" else None
                setattr(draft, kind, _cut(there[key], slice(rows[0], stop)))
        drafts.append(draft)
        starts.append(int(rows[0]))
        places.append(at)
    if not drafts:
        raise ValueError(f"{name} has no observed value")
    n, k = table.values.shape
    form = ColumnsForm(Template.of(data, columns.time), starts, places, (n, k))
    return drafts, form, is_frame(data)


def _cut(table: Table, rows: slice) -> Table:
    times = None if table.times is None else table.times[rows]
    return Table(table.values[rows], table.names, times)


def _shared(given: Any, kind: str, y: Table, time: Any) -> dict[Any, Table] | None:
    """Return the covariates of each column of a table of series."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        given = dict.fromkeys(y.names, given)
    missing = [key for key in y.names if key not in given]
    if missing:
        raise ValueError(f"{kind} covariates have none for series {missing[0]!r}")
    result, known = {}, {}
    for key in y.names:
        data = given[key]
        if id(data) not in known:
            has_time = is_frame(data) and time in list(data.columns)
            what = f"{kind} covariates of series {key!r}"
            known[id(data)] = read_table(data, what, time if has_time else None)
            rows = len(known[id(data)].values)
            if rows < len(y.values) or (kind == "past" and rows > len(y.values)):
                raise ValueError(
                    f"{what} have {rows} rows, but the table of series {len(y.values)}"
                )
        result[key] = known[id(data)]
    return result
