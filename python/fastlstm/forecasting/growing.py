"""Newly observed rows behind the ends of a panel's series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from .forms import ColumnsForm, Form
from .numbers import Floats
from .steps import Times, TimeStep, find_step, show_time

if TYPE_CHECKING:
    from .series import Panel, Series

__all__ = ["extend", "look_ahead"]

# A gap of so many steps is believed however short the series is.
_FEW_STEPS: Final = 30


def extend(panel: Panel, new: Panel) -> Panel:
    """Return ``panel`` with the rows of ``new``; see `Panel.extended`."""
    panel.layout.check(new.layout, new_rows=True)
    pairs = _match(panel, new)
    for at, place in pairs:
        _check_follows(panel[at], new[place])
    step = panel.layout.step or new.layout.step
    if step is None and panel[0].times is not None:  # one row a series until now
        step = find_step([_meeting(panel[at], new[place]) for at, place in pairs])
    series = list(panel.series)
    for at, place in pairs:
        old, rows = panel[at], new[place]
        gap = _rows_between(panel, at, new, place)
        if step is not None:
            gap = _steps_between(old, rows, step)
        series[at] = _grow(old, rows, gap, step)
    form = _grow_form(panel.form, new.form, [len(own) for own in series])
    layout = replace(panel.layout, step=step)
    return replace(panel, series=tuple(series), layout=layout, form=form)


def _match(panel: Panel, new: Panel) -> list[tuple[int, int]]:
    """Return the place of each series of ``new`` in ``panel``, and there."""
    if panel.named and new.named:
        places = {key: at for at, key in enumerate(panel.ids)}
        unknown = [key for key in new.ids if key not in places]
        if unknown:
            raise ValueError(
                f"there are new rows of series {unknown[0]!r}, which is none of the "
                f"{len(panel)} series of the panel"
            )
        return [(places[key], at) for at, key in enumerate(new.ids)]
    columns, size = list(range(len(new))), len(new)
    if isinstance(new.form, ColumnsForm):
        columns, size = new.form.columns, new.form.shape[1]
    if size != len(panel):
        raise ValueError(
            f"there are new rows of {size} series, but the panel has {len(panel)}: "
            "without names they are told by their place, so expected as many; with "
            "names, as {'a': rows}, they may be fewer where the fit had such, too"
        )
    return [(at, place) for place, at in enumerate(columns)]


def _check_follows(old: Series, new: Series) -> None:
    """Raise ValueError where rows do not come after a series, or are of another."""
    name = f"series {old.id!r}"
    if (old.times is None) != (new.times is None):
        without = "the new rows have none" if new.times is None else "it has none"
        raise ValueError(
            f"{name} and its new rows: expected times in both or in neither, {without}"
        )
    if old.times is not None and new.times is not None:
        last, first = old.times[-1], new.times[0]
        if old.times.dtype.kind != new.times.dtype.kind:
            raise ValueError(
                f"the new rows of {name} begin at {show_time(first)}, but its times "
                f"are of another kind, {show_time(last)} the last"
            )
        if first <= last:
            raise ValueError(
                f"the new rows of {name} begin at {show_time(first)}, but it has rows "
                f"until {show_time(last)}: expected rows after them; for cross-"
                "validation use TimeSeriesSplit, which keeps that order"
            )
    features = new.static.tolist()
    if features and features != old.static.tolist():
        raise ValueError(
            f"the new rows of {name} have the static features {features}, but it has "
            f"{old.static.tolist()}"
        )


def _meeting(old: Series, new: Series) -> Times:
    """Return the last time and the first new one."""
    assert old.times is not None
    assert new.times is not None
    return np.concatenate([old.times[-1:], new.times[:1]])


def _steps_between(old: Series, new: Series, step: TimeStep) -> int:
    """Count the steps that have no row."""
    both = _meeting(old, new)
    places, fits = step.places(both)
    last, first = (show_time(time) for time in both)
    if not fits.all():
        raise ValueError(
            f"the new rows of series {old.id!r} begin at {first}, which is no whole "
            f"number of steps of {step} after its last time, {last}"
        )
    gap = int(places[1]) - 1
    if gap > max(len(old), _FEW_STEPS):
        raise ValueError(
            f"the new rows of series {old.id!r} begin at {first}, {gap} steps of "
            f"{step} after its last time, {last}, but it has {len(old)} rows: a wrong "
            "time is more likely than such a gap; if it is right, fit anew"
        )
    return gap


def _rows_between(panel: Panel, at: int, new: Panel, place: int) -> int:
    """Count the rows of tables where a column has no values, at end and beginning."""
    rows = 0
    if isinstance(new.form, ColumnsForm):
        rows += new.form.starts[place]
        if isinstance(panel.form, ColumnsForm):
            rows += panel.form.shape[0] - panel.form.starts[at] - len(panel[at])
    return rows


def _grow(old: Series, new: Series, gap: int, step: TimeStep | None) -> Series:
    times = old.times
    if times is not None and step is not None:
        times = np.concatenate([times, step.span(times[-1], gap + len(new) + 1)[1:]])
    return replace(
        old,
        y=_behind(old.y, new.y, gap),
        times=times,
        past=_behind(old.past, new.past, gap),
        future=_ahead(old, new, gap),
    )


def _behind(old: Floats, new: Floats, gap: int) -> Floats:
    return np.concatenate([old, np.full((gap, old.shape[1]), np.nan), new])


def _ahead(old: Series, new: Series, gap: int) -> Floats:
    """Return what is known ahead: by the new rows, elsewhere by the old ones."""
    first, end = len(old) + gap, len(old) + gap + len(new)
    if old.future.shape[1] == 0:
        return np.empty((end, 0))
    if new.future.shape[1] == 0:
        if len(old.future) < end:
            raise ValueError(
                f"future covariates of series {old.id!r} are known for {old.extra} "
                f"rows after its end, but its new rows end {end - len(old)} after it: "
                "pass them with these"
            )
        return old.future
    before = old.future[:first]  # where it ends before, its last row stays
    before = np.pad(before, ((0, first - len(before)), (0, 0)), mode="edge")
    after = old.future[first + len(new.future) :]
    return np.concatenate([before, new.future, after])


def _grow_form(form: Form, new: Form, lengths: Sequence[int]) -> Form:
    """Return the form of the whole: a table has more rows."""
    if not isinstance(form, ColumnsForm):
        return form
    rows = max(form.shape[0], form.until(lengths).shape[0])
    if isinstance(new, ColumnsForm):
        rows = form.shape[0] + new.shape[0]
    return replace(form, shape=(rows, form.shape[1]))


def look_ahead(panel: Panel, ahead: Panel, *, shared: bool) -> Panel:
    """Return ``panel`` with covariates known ahead; see `Panel.with_future`."""
    if shared:
        places = [0] * len(panel)
    elif panel.named and ahead.named:
        there = {key: at for at, key in enumerate(ahead.ids)}
        unknown = [key for key in panel.ids if key not in there]
        if unknown:
            raise ValueError(
                f"future has no rows of series {unknown[0]!r}; to forecast some series "
                "alone, pass their histories, as predict(X, future=)"
            )
        places = [there[key] for key in panel.ids]
    elif len(panel) == len(ahead):
        places = list(range(len(panel)))
    else:
        raise ValueError(
            f"future has rows of {len(ahead)} series, but there are {len(panel)}; to "
            "forecast some series alone, pass their histories, as predict(X, future=)"
        )
    series = [
        _look_ahead(own, ahead[place], panel.layout.step)
        for own, place in zip(panel, places, strict=True)
    ]
    return replace(panel, series=tuple(series))


def _look_ahead(own: Series, rows: Series, step: TimeStep | None) -> Series:
    values = rows.y
    if own.times is not None and step is not None and rows.times is not None:
        values = values[_begin_ahead(own, own.times, rows.times, step) :]
    if np.isnan(values).any():
        raise ValueError(
            f"future of series {own.id!r} has missing values: covariates known ahead "
            "are known"
        )
    return replace(own, future=np.concatenate([own.future[: len(own)], values]))


def _begin_ahead(own: Series, times: Times, ahead: Times, step: TimeStep) -> int:
    """Return the place of the step after the end of ``times`` in those ``ahead``."""
    after = step.span(times[-1], 2)[1]
    known = times.dtype.kind == ahead.dtype.kind
    begin = int((ahead < after).sum()) if known else 0
    if begin == len(ahead):
        raise ValueError(
            f"future of series {own.id!r} ends at {show_time(ahead[-1])}, expected "
            f"rows from {show_time(after)} on, the step after its end"
        )
    if ahead[begin] != after:
        raise ValueError(
            f"future of series {own.id!r} begins at {show_time(ahead[begin])}, "
            f"expected {show_time(after)}, the step after its end"
        )
    return begin
