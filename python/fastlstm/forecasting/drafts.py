"""From what was read of each series to `Series` on one regular grid."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray
from .numbers import Floats, refuse_infinite
from .series import Series
from .steps import (
    Times,
    TimeStep,
    find_step,
    fixed_step,
    is_mostly_gaps,
    show_time,
)

__all__ = ["Draft", "Table", "assemble"]

# Rows that a series has at least to have a step of its own, and the share of them that
# are one such step apart, at least.
_ROWS_OF_A_STEP: Final = 3
_SHARE_OF_A_STEP: Final = 0.6
# What else times that go back may mean, where there seems to be one series.
_SEVERAL: Final = (
    "; or name the column that tells them apart, id_column, if these are several "
    "series below one another"
)


@dataclass
class Table:
    """Rows of numbers, as somebody has handed them over.

    Attributes
    ----------
    values : (R, C) float64 array
    names : tuple
        Of columns; their places where they have none.
    times : (R,) array, or None
    """

    values: Floats
    names: tuple[Any, ...]
    times: Times | None = None


@dataclass
class Draft:
    """A series as it was read, before times are made regular.

    Attributes
    ----------
    id : hashable
    name : str
        What errors call it.
    y : Table
    past, future : Table or None
    static : (S,) array
    rows : (T,) int64 array
        The user's numbers of the rows of ``y``.
    """

    id: Hashable
    name: str
    y: Table
    past: Table | None = None
    future: Table | None = None
    static: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    rows: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not self.rows.size:
            self.rows = np.arange(len(self.y.values))


def assemble(
    drafts: Sequence[Draft], step: TimeStep | None = None, *, new_rows: bool = False
) -> tuple[tuple[Series, ...], TimeStep | None]:
    """Check all series, and put each on its grid; gaps become rows of NaN.

    Parameters
    ----------
    drafts : sequence of Draft
    step : TimeStep, optional
        That of a fit; without, the one that most neighbours are apart.
    new_rows : bool, default=False
        Whether nothing has to be observed.

    Returns
    -------
    series : tuple of Series
    step : TimeStep or None
        None without times, or where no series has two.

    Raises
    ------
    ValueError
        What no model can read; the message names series, row and what was expected.
    """
    for draft in drafts:
        _check_values(draft, drafts[0])
        if not new_rows:
            _check_observed(draft)
    timed = [draft.y.times is not None for draft in drafts]
    if not any(timed):
        return tuple(_place(draft, None) for draft in drafts), None
    if not all(timed):
        with_times, without = drafts[timed.index(True)], drafts[timed.index(False)]
        raise ValueError(
            f"{with_times.name} has times and {without.name} has none: expected times "
            "for all series or for none"
        )
    kinds = [_times(draft.y).dtype.kind for draft in drafts]
    for draft, kind in zip(drafts, kinds, strict=True):
        if kind != kinds[0]:
            words = {"M": "datetimes", "i": "integers"}
            raise ValueError(
                f"{draft.name} has {words[kind]} for times, but {drafts[0].name} "
                f"{words[kinds[0]]}"
            )
    several = "" if len(drafts) > 1 else _SEVERAL
    for draft in drafts:
        _check_increasing(_times(draft.y), draft.name, draft.rows, several)
    if step is None or (step.unit == "") != (kinds[0] == "i"):
        step = find_step([_times(draft.y) for draft in drafts])
    elif step != (own := find_step([_times(draft.y) for draft in drafts])):
        _check_step(drafts, step, own)
    if step is None:  # one row each; covariates may go further
        ahead = [d.future.times for d in drafts if d.future is not None]
        step = find_step([t for t in ahead if t is not None] or [np.arange(0)])
    return tuple(_place(draft, step) for draft in drafts), step


def _times(table: Table) -> Times:
    assert table.times is not None
    return table.times


def _check_values(draft: Draft, first: Draft) -> None:
    values, names = draft.y.values, draft.y.names
    if 0 in values.shape:
        raise ValueError(f"{draft.name} is empty: expected at least one step")
    if len(names) != len(first.y.names):
        raise ValueError(
            f"{draft.name} has {len(names)} variables, but {first.name} has "
            f"{len(first.y.names)}: expected the same in all series"
        )
    if all(isinstance(n, str) for n in names + first.y.names) and (
        names != first.y.names
    ):
        raise ValueError(
            f"{draft.name} has the variables {list(names)}, but {first.name} "
            f"{list(first.y.names)}: expected the same in the same order"
        )
    refuse_infinite(values, draft.name, names, draft.rows)


def _check_observed(draft: Draft) -> None:
    values, names = draft.y.values, draft.y.names
    absent = np.isnan(values).all(axis=0)
    if absent.any():
        variable = "" if len(names) == 1 else f" of {names[int(absent.argmax())]!r}"
        raise ValueError(f"{draft.name} has no observed value{variable}")


def _check_increasing(
    times: Times, name: str, rows: IntArray, several: str = ""
) -> None:
    late = np.flatnonzero(times[1:] <= times[:-1])
    if late.size == 0:
        return
    at = int(late[0])
    here = f"rows {rows[at]} and {rows[at + 1]}"
    if times[at] == times[at + 1]:
        raise ValueError(
            f"{name} has the time {show_time(times[at])} twice, at {here}: expected "
            f"one row a time; average or drop the others{several}"
        )
    raise ValueError(
        f"{name} has {show_time(times[at])} before {show_time(times[at + 1])}, "
        f"at {here}: expected times that increase; sort the rows, and those of "
        f"covariates with them{several}"
    )


def _check_step(drafts: Sequence[Draft], step: TimeStep, own: TimeStep | None) -> None:
    """Raise ValueError where rows keep to a step of their own, longer than the fit's.

    Where rows of the fit's step are missing, some neighbours are a step apart, or the
    distances differ.
    """
    all_times = [_times(draft.y) for draft in drafts]
    if own is None or max(map(len, all_times)) < _ROWS_OF_A_STEP:
        return
    fitted = [step.places(times) for times in all_times]
    if not all(fits.all() for _, fits in fitted):
        return  # times off the step are refused with their rows
    apart = np.concatenate([np.diff(places) for places, _ in fitted])
    steps = np.concatenate([np.diff(own.places(times)[0]) for times in all_times])
    if apart.min() > 1 and (steps == 1).mean() > _SHARE_OF_A_STEP:
        whose = f"{drafts[0].name} has"
        if len(drafts) > 1:
            whose = f"{len(drafts)} series, {drafts[0].name} the first, have"
        raise ValueError(
            f"{whose} a step of {own}, but that of the fit is {step}: resample to it; "
            "where rows between are missing, pass them as NaN"
        )


def _places(
    times: Times | None, step: TimeStep | None, name: str, rows: IntArray
) -> IntArray:
    """Return the place of each row on the grid; ``rows`` are the user's numbers."""
    if times is None or step is None:
        return np.arange(len(rows))
    places, fits = step.places(times)
    fits[1:] &= places[1:] > places[:-1]
    if not fits.all():
        at = int(np.flatnonzero(~fits)[0])
        if at == 0:
            raise ValueError(
                f"{name} begins at {show_time(times[0])} (row {rows[0]}), where no "
                f"step of {step} can begin"
            )
        apart = fixed_step(times[at] - times[at - 1])
        raise ValueError(
            f"{name} is irregular: {show_time(times[at - 1])} and "
            f"{show_time(times[at])} (rows {rows[at - 1]} and {rows[at]}) are "
            f"{apart} apart, with a step of {step}; resample it, "
            "or drop the times if the order is what matters"
        )
    if is_mostly_gaps(len(times), int(places[-1])):
        at = int(np.diff(places).argmax()) + 1
        raise ValueError(
            f"{name} has {len(times)} rows, but its times span {places[-1] + 1} steps "
            f"of {step}: the longest gap is from {show_time(times[at - 1])} to "
            f"{show_time(times[at])}"
        )
    return places


def _place(draft: Draft, step: TimeStep | None) -> Series:
    """Put one series and its covariates on the grid."""
    y = draft.y
    places = _places(y.times, step, draft.name, draft.rows)
    n = int(places[-1]) + 1
    times = y.times
    if times is not None and n > len(times) and step is not None:
        times = step.span(times[0], n)
    past = np.empty((n, 0))
    if draft.past is not None:
        past = _spread(_past(draft, draft.past), places, n)
    future = np.empty((n, 0))
    if draft.future is not None:
        future = _future(draft, draft.future, places, step)
    return Series(
        id=draft.id,
        y=_spread(y.values, places, n),
        times=times,
        past=past,
        future=future,
        static=draft.static,
    )


def _spread(values: Floats, places: IntArray, n: int) -> Floats:
    """Put rows at ``places`` of ``n``, NaN elsewhere."""
    if n == len(values):
        return values
    result = np.full((n, values.shape[1]), np.nan)
    result[places] = values
    return result


def _past(draft: Draft, table: Table) -> Floats:
    """Check past covariates, which have the rows of the series."""
    name, steps = f"past covariates of {draft.name}", len(draft.y.values)
    if len(table.values) != steps:
        remedy = (
            "; what is known ahead are future covariates"
            if len(table.values) > steps
            else ""
        )
        raise ValueError(
            f"{name} have {len(table.values)} rows, but the series {steps}: expected "
            f"as many{remedy}"
        )
    refuse_infinite(table.values, name, table.names, draft.rows)
    if table.times is not None and draft.y.times is not None:
        differ = table.times != draft.y.times
        if differ.any():
            at = int(differ.argmax())
            raise ValueError(
                f"{name} have the time {show_time(table.times[at])} at row {at}, but "
                f"the series {show_time(draft.y.times[at])}: expected the same times"
            )
    return table.values


def _future(
    draft: Draft, table: Table, places: IntArray, step: TimeStep | None
) -> Floats:
    """Put covariates known ahead on the grid, which they may follow beyond the end.

    Where the series itself has a gap, the last ones known before stand there.
    """
    name, steps = f"future covariates of {draft.name}", len(draft.y.values)
    values, times = table.values, table.times
    rows = np.arange(len(values))
    refuse_infinite(values, name, table.names, rows)
    absent = np.isnan(values)
    if absent.any():
        row, column = divmod(int(absent.argmax()), values.shape[1])
        raise ValueError(
            f"{name} are missing at row {row}, column {table.names[column]!r}: what is "
            "known ahead is known everywhere; others are past covariates"
        )
    if times is not None and draft.y.times is not None:
        first = draft.y.times[0]
        if times.dtype.kind != draft.y.times.dtype.kind or times[0] != first:
            raise ValueError(
                f"{name} begin at {show_time(times[0])}, but the series at "
                f"{show_time(first)}: expected the same first time"
            )
        _check_increasing(times, name, rows)
        own = _places(times, step, name, rows)
    elif len(values) < steps:
        raise ValueError(
            f"{name} have {len(values)} rows, but the series {steps}: expected them "
            "from the first row of the series on, and more after its end"
        )
    else:
        ahead = np.arange(len(values) - steps) + places[-1] + 1
        own = np.concatenate([places, ahead])
    n = max(int(own[-1]), int(places[-1])) + 1
    known = np.zeros(n, bool)
    known[own] = True
    needed = np.zeros(n, bool)
    needed[places] = needed[places[-1] :] = True
    if (needed & ~known).any():
        at = int((needed & ~known).argmax())
        time = ""
        if draft.y.times is not None and step is not None:
            time = f" (time {show_time(step.span(draft.y.times[0], at + 1)[-1])})"
        raise ValueError(f"{name} are missing at step {at}{time}")
    # Of each step the last known one: the first is known.
    last = np.maximum.accumulate(np.where(known, np.arange(n), 0))
    return _spread(values, own, n)[last]
