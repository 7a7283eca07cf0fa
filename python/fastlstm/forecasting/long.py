"""Long frames: one row for each series and time."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray
from .drafts import Draft, Table
from .forms import LongForm
from .frames import FrameBuilder, column_of, is_frame, is_missing
from .parts import Columns, read_table
from .static import static_row
from .steps import show_time

__all__ = ["read_long"]


def read_long(
    data: Any,
    name: str,
    id_column: Any,
    columns: Columns,
    static_features: Sequence[Any],
    given: Mapping[str, Any],
) -> tuple[list[Draft], LongForm]:
    """Read a long frame: series in the order in which they first appear.

    The rows of a series may stand in any order, which its times give; without times in
    a column or an index of pandas, rows stay in order.

    Parameters
    ----------
    data : frame
    name : str
        Its argument.
    id_column : str
    columns : Columns
    static_features : sequence of str
        Columns that are constant within a series.
    given : dict of str to object
        ``future`` is a long frame of rows after the end of each series, or None;
        ``past`` has to be None.

    Raises
    ------
    ValueError, TypeError
        Columns that are not there, missing identifiers, a duplicate time, static
        features that change, and what `read_table` refuses.
    """
    if not is_frame(data):
        raise TypeError(
            f"id_column={id_column!r} is a column of a frame, got {name} of type "
            f"{type(data).__name__}"
        )
    if given["past"] is not None:
        raise ValueError(
            "past covariates of a long frame are columns of it: name them in "
            "past_covariates"
        )
    groups = _groups(column_of(data, id_column, name), name)
    targets = columns.targets_of(data, name, (id_column, *static_features))
    chosen = [*targets, *columns.past, *columns.future]
    table = read_table(data, name, columns.time, chosen)
    if not len(table.values):
        raise ValueError(f"{name} has no rows: expected at least one series")
    ahead = _ahead(given["future"], id_column, columns, groups)
    cuts = np.cumsum([len(targets), len(columns.past)])
    stops = [0, *cuts.tolist(), len(chosen)]
    drafts = []
    for key, rows in groups.items():
        order, times = _in_time(table, rows)
        parts = [
            Table(table.values[order, a:b], tuple(chosen[a:b]), times)
            for a, b in pairwise(stops)
        ]
        draft = Draft(key, f"series {key!r}", parts[0], rows=order)
        if columns.past:
            draft.past = parts[1]
        if columns.future:
            draft.future = _joined(parts[2], ahead.get(key), draft.name)
        drafts.append(draft)
    if static_features:
        _read_static(data, name, static_features, drafts)
    return drafts, LongForm(FrameBuilder.of(data, columns.time, id_column))


def _groups(column: Any, name: str) -> dict[Hashable, IntArray]:
    """Return the rows of each identifier, in the order of first rows."""
    rows: dict[Hashable, list[int]] = {}
    for row, key in enumerate(column.to_list()):
        if is_missing(key):
            raise ValueError(f"{name} has no identifier at row {row}")
        rows.setdefault(key, []).append(row)
    return {key: np.array(own, np.int64) for key, own in rows.items()}


def _in_time(table: Table, rows: IntArray) -> tuple[IntArray, NDArray[Any] | None]:
    """Return ``rows`` in the order of their times, and those."""
    if table.times is None:
        return rows, None
    order = rows[np.argsort(table.times[rows], kind="stable")]
    return order, table.times[order]


def _ahead(
    future: Any, id_column: Any, columns: Columns, groups: Mapping[Hashable, Any]
) -> dict[Hashable, Table]:
    """Read the rows of ``future`` for each series."""
    if future is None:
        return {}
    if not columns.future:
        raise ValueError(
            "future= has no columns to give: name them in future_covariates"
        )
    if not is_frame(future):
        raise TypeError(
            "future covariates beside a long frame are a long frame too, got "
            f"{type(future).__name__}"
        )
    table = read_table(future, "future", columns.time, columns.future)
    result = {}
    for key, rows in _groups(column_of(future, id_column, "future"), "future").items():
        if key not in groups:
            raise ValueError(
                f"future has rows for {key!r}, which is none of the series"
            )
        order, times = _in_time(table, rows)
        result[key] = Table(table.values[order], table.names, times)
    return result


def _joined(here: Table, ahead: Table | None, name: str) -> Table:
    """Put what is known after the end below what is known before."""
    if ahead is None:
        return here
    values = np.concatenate([here.values, ahead.values])
    if here.times is None or ahead.times is None:
        return Table(values, here.names)
    if ahead.times[0] <= here.times[-1]:
        raise ValueError(
            f"future begins at {show_time(ahead.times[0])} for {name}, which has rows "
            f"until {show_time(here.times[-1])}: expected rows after them"
        )
    return Table(values, here.names, np.concatenate([here.times, ahead.times]))


def _read_static(
    data: Any, name: str, features: Sequence[Any], drafts: Sequence[Draft]
) -> None:
    by_column = [column_of(data, feature, name).to_list() for feature in features]
    for draft in drafts:
        row = []
        for feature, values in zip(features, by_column, strict=True):
            own = [values[at] for at in draft.rows]
            other = next((at for at, v in enumerate(own) if v != own[0]), None)
            if other is not None and not is_missing(own[0]):
                raise ValueError(
                    f"static feature {feature!r} of {draft.name} is {own[0]!r} at row "
                    f"{draft.rows[0]} and {own[other]!r} at row {draft.rows[other]}: "
                    "expected one value a series"
                )
            row.append(own[0])
        draft.static = static_row(row, draft.name)
