"""From what users have to a panel: arrays, lists, dicts, wide frames, long frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._validate import check_choice
from .drafts import Draft, assemble
from .forms import Form
from .frames import is_frame
from .long import read_long
from .parts import Columns, read_columns, read_parts
from .series import Panel, PanelLayout
from .static import read_static

__all__ = ["read_panel"]


def read_panel(
    X: Any,
    y: Any = None,
    *,
    past: Any = None,
    future: Any = None,
    static: Any = None,
    columns: str = "variables",
    id_column: Any = None,
    time_column: Any = None,
    target: Any = None,
    past_covariates: Any = (),
    future_covariates: Any = (),
    static_features: Any = (),
    like: PanelLayout | None = None,
    new_rows: bool = False,
) -> Panel:
    """Read one series or many, with what is known beside them.

    Parameters
    ----------
    X : series
        One of

        - (T,) numbers: one series, as an array, list, or series of pandas or polars;
        - (T, K) array or wide frame: one series of K variables, or with
          ``columns="series"`` K series, each from its first to its last observation;
        - list or dict of any of these, (N, T, K) array: N series;
        - with ``id_column`` a long frame: a row for each series and time;
        - a panel that has been read, alone, which is returned.

        NaN is a missing value. Times are the index of pandas, or ``time_column``; an
        index of integers counts as times too.
    y : series, optional
        The series, while X are covariates known up to now, as ``past`` is.
    past : covariates known up to now, optional
        In the form of the series, one row a step; NaN is missing. With
        ``columns="series"`` one table for all, or a dict.
    future : covariates known ahead, optional
        Likewise, from the first row of the series on; those after its end are for its
        forecasts. Beside a long frame: a long frame with rows after the end alone.
    static : features of whole series, optional
        Numbers or categories: one row a series as an array, list or frame (with
        ``id_column`` in any order), or a dict of identifiers.
    columns : {"variables", "series"}, default="variables"
        What the columns of a table are.
    id_column, time_column : str, optional
    target : str or list of str, optional
        Columns of frames to forecast; without, all that are nothing else.
    past_covariates, future_covariates, static_features : str or sequence of str
        Columns of frames that are those; static ones of long frames only.
    like : PanelLayout, optional
        That of the fit, which the series have to agree with, and whose step they have:
        times that keep to a longer one are refused.
    new_rows : bool, default=False
        Whether these are rows for `Panel.extended`, one or more a series. There need
        not be an observed value among them, nor static features, nor future covariates
        where the panel knows those already. With ``columns="series"`` columns without
        any observed value have no new rows.

    Returns
    -------
    Panel

    Raises
    ------
    ValueError
        Empty or all-missing series, inf, duplicate, decreasing or irregular times,
        covariates of other lengths or times, variables that differ from series to
        series or from the fit, a column that is named as two things, a column of dates
        that nothing reads. Series, row and column are named.
    TypeError
        Text, and what else is no number or no time.

    Notes
    -----
    *Order.* Rows of a long frame may stand in any order. Elsewhere, where arrays of
    covariates go with the rows, times have to increase.

    *Gaps.* The step is what neighbouring times are usually apart (`find_step`):
    integers, a fixed time, months, month ends or business days. Times that are several
    steps apart leave a gap, which is filled with rows of missing values; others are
    refused as irregular.

    *Constant series* are read; they keep a scale of 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import read_panel
    >>> panel = read_panel([np.arange(5.0), np.arange(8.0)])
    >>> len(panel), panel.lengths, panel[1].y.shape
    (2, array([5, 8]), (8, 1))
    >>> panel.give_back([np.full((3, 1), 9.0), np.full((3, 1), 7.0)])
    [array([9., 9., 9.]), array([7., 7., 7.])]
    """
    check_choice("columns", columns, ("variables", "series"))
    if isinstance(X, Panel):
        beside = {"y": y, "past": past, "future": future, "static": static}
        more = [name for name, value in beside.items() if value is not None]
        if more:
            raise ValueError(f"X is a panel, which has all that it needs, got {more}")
        if like is not None:
            like.check(X.layout)
        return X
    data, name = X, "X"
    if y is not None:
        if past is not None:
            raise ValueError(
                "X are covariates known up to now where y is given, and past= too: "
                "expected one of the two"
            )
        data, name, past = y, "y", X
    frame_columns = Columns(
        time_column,
        target,
        _names(past_covariates),
        _names(future_covariates),
    )
    static_features = _names(static_features)
    _check_roles(
        {
            "id_column": () if id_column is None else (id_column,),
            "time_column": () if time_column is None else (time_column,),
            "target": frame_columns.named_targets,
            "past_covariates": frame_columns.past,
            "future_covariates": frame_columns.future,
            "static_features": static_features,
        }
    )
    if new_rows and is_frame(_first(data)):
        there = set(_first(data).columns)
        if there.isdisjoint(frame_columns.future):
            frame_columns.future = ()
        if there.isdisjoint(static_features):
            static_features = ()
    given = {"past": past, "future": future}
    drafts: list[Draft]
    form: Form
    named = True
    if id_column is not None:
        if columns == "series":
            raise ValueError(
                f"id_column={id_column!r} is for long frames, columns='series' for "
                "wide ones: expected one of the two"
            )
        drafts, form = read_long(
            data, name, id_column, frame_columns, static_features, given
        )
    else:
        if static_features:
            raise ValueError(
                f"static_features={list(static_features)} are columns of long frames, "
                "with id_column: pass others as static="
            )
        if time_column is not None and not is_frame(_first(data)):
            raise ValueError(
                f"time_column={time_column!r} is a column of a frame, got {name} of "
                f"type {type(data).__name__}"
            )
        if columns == "series":
            drafts, form, named = read_columns(
                data, name, frame_columns, given, new_rows=new_rows
            )
        else:
            drafts, form, named = read_parts(data, name, frame_columns, given)
    static_names = tuple(static_features)
    if static is not None:
        if static_features:
            raise ValueError(
                "static= was given beside static_features: expected one of the two"
            )
        static_names = read_static(static, drafts, id_column)
    _check_covariates(drafts)
    series, step = assemble(
        drafts, None if like is None else like.step, new_rows=new_rows
    )
    first = drafts[0]
    layout = PanelLayout(
        targets=first.y.names,
        past=() if first.past is None else first.past.names,
        future=() if first.future is None else first.future.names,
        static=static_names,
        step=step,
    )
    if like is not None:
        like.check(layout, new_rows=new_rows)
    return Panel(series, layout, form, named)


def _first(data: Any) -> Any:
    """Return what may be a frame: the data, or the first of several."""
    if isinstance(data, (list, tuple)) and data:
        return data[0]
    if isinstance(data, dict) and data:
        return next(iter(data.values()))
    return data


def _names(names: Any) -> tuple[Any, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _check_covariates(drafts: Sequence[Draft]) -> None:
    """Raise ValueError where not all series have the same covariates."""
    for kind in ("past", "future"):
        first = getattr(drafts[0], kind)
        for draft in drafts:
            table = getattr(draft, kind)
            if table is not None and len(table.names) != len(first.names):
                raise ValueError(
                    f"{draft.name} has {len(table.names)} {kind} covariates, but "
                    f"{drafts[0].name} has {len(first.names)}"
                )


def _check_roles(roles: Mapping[str, Sequence[Any]]) -> None:
    """Raise ValueError where a column has two of them: a target known ahead, say."""
    taken: dict[Any, str] = {}
    for role, names in roles.items():
        for name in names:
            if name in taken:
                where = f"in {taken[name]} and in {role}"
                if taken[name] == role:
                    where = f"in {role} twice"
                raise ValueError(
                    f"column {name!r} is named {where}: expected one of them; the "
                    "history of targets is read without being named, and what is known "
                    "ahead is known up to now, too"
                )
            taken[name] = role
