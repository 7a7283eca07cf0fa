"""The step from one time of a series to the next: gaps, and how it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray
from ..files import storable

__all__ = ["GridStep", "Times", "find_step", "is_mostly_gaps", "show_time"]

# (T,) datetime64 or int64, increasing.
Times: TypeAlias = NDArray[Any]

_DAY: Final = np.timedelta64(1, "D")
# From here on neighbours may be months apart.
_SHORTEST_MONTH: Final = 28
# Where the smallest distance makes at most this many steps a row, it is the step.
_MOST_STEPS: Final = 1.5
_UNITS: Final = ("D", "h", "m", "s", "ms", "us", "ns")
# Filled gaps may be this many times what is there, and this many rows anyway: beyond, a
# wrong year is more likely than a sensor that slept, and memory would not suffice.
_MOST_GAPS: Final = 10
_FEW_ROWS: Final = 10_000


def show_time(time: Any) -> str:
    """Write a time without zeros that say nothing."""
    if isinstance(time, np.datetime64):
        return str(np.datetime_as_string(time, unit="auto"))
    return str(time)


def is_mostly_gaps(rows: int, steps: int) -> bool:
    """Tell whether ``rows`` that span so many steps are rather a wrong time."""
    return steps > _MOST_GAPS * rows + _FEW_ROWS


@storable
@dataclass(frozen=True)
class GridStep:
    """How far neighbouring times of a regular series are apart.

    Parameters
    ----------
    kind : {"number", "time", "month", "month end", "business day"}
        Integers; a fixed time; months from the same day to the same day, or from last
        day to last day; days from Monday to Friday.
    count : int
        How many ``unit`` a step has.
    unit : str
        Of a fixed time, as NumPy calls it: D, h, m, s, ms, us or ns.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting.steps import GridStep
    >>> GridStep("month", 3).span(np.datetime64("2024-11-15"), 3)
    array(['2024-11-15', '2025-02-15', '2025-05-15'], dtype='datetime64[D]')
    """

    kind: str = "number"
    count: int = 1
    unit: str = ""

    def __str__(self) -> str:
        return str(self.count) if self.kind == "number" else self._words()

    def _words(self) -> str:
        return f"{self.count} {self.unit or self.kind}"

    def span(self, first: Any, n: int) -> Times:
        """Return ``n`` times, of which ``first`` (a scalar) is the first."""
        steps: Any = np.arange(n, dtype=np.int64) * self.count
        if self.kind == "number":
            return cast(Times, steps + np.int64(first))
        first = np.datetime64(first)
        if self.kind == "time":
            return cast(Times, first + steps.astype(f"m8[{self.unit}]"))
        if self.kind == "business day":
            day = first.astype("M8[D]")
            days = np.busday_offset(day, steps)
            return cast(Times, (days + (first - day)).astype(first.dtype))
        month = first.astype("M8[M]")
        if self.kind == "month":
            starts = (month + steps).astype(first.dtype)
            return cast(Times, starts + (first - month.astype(first.dtype)))
        ends = (month + steps + 1).astype("M8[D]") - _DAY
        time = first - first.astype("M8[D]")
        return cast(Times, (ends + time).astype(first.dtype))

    def places(self, times: Times) -> tuple[IntArray, NDArray[np.bool_]]:
        """Count the steps from the first of ``times`` to each.

        Parameters
        ----------
        times : (T,) array, increasing

        Returns
        -------
        places : (T,) int64 array
            From 0.
        fits : (T,) bool array
            Whether the time lies a whole number of steps after the first.
        """
        if self.kind in ("number", "time"):
            step: Any = self.count
            if self.kind == "time":
                step = np.array(self.count, f"m8[{self.unit}]")
            since = times - times[0]
            places = (since // step).astype(np.int64)
            return places, cast(NDArray[np.bool_], places * step == since)
        if self.kind == "business day":
            days = times.astype("M8[D]")
            count = np.busday_count(days[0], days)
            alike = (times - days) == (times[0] - days[0])
            fits = np.is_busday(days) & alike
        else:
            months = times.astype("M8[M]")
            count = (months - months[0]).astype(np.int64)
            at = _in_month(times, ends=self.kind == "month end")
            fits = at == at[0]
        places = count // self.count
        return places.astype(np.int64), fits & (places * self.count == count)


def _in_month(times: Times, *, ends: bool) -> NDArray[np.timedelta64]:
    """Return the time since the month's first day, or since its last day."""
    months = times.astype("M8[M]")
    if ends:
        return cast("NDArray[np.timedelta64]", times - (months + 1).astype("M8[D]"))
    return cast("NDArray[np.timedelta64]", times - months.astype("M8[D]"))


def find_step(all_times: Sequence[Times]) -> GridStep | None:
    """Find the step of all series: what neighbours are usually apart.

    That is the smallest distance, or the most frequent one where the smallest would
    leave more gaps than half the rows.

    Of fixed times, months, month ends and business days, the last three are taken only
    where every series keeps to them: neighbours at least 28 days apart to months, those
    mostly a day apart that skip a weekend and never meet one to business days.

    Parameters
    ----------
    all_times : sequence of (T,) arrays
        Increasing.

    Returns
    -------
    GridStep or None
        None where no series has two times.
    """
    apart = np.concatenate([np.diff(times) for times in all_times])
    if apart.size == 0:
        return None
    step = _usual(apart, len(all_times))
    if apart.dtype.kind != "m":
        return GridStep("number", int(step))
    if step >= np.timedelta64(_SHORTEST_MONTH, "D"):
        months = _months(all_times)
        if months is not None:
            return months
    if step == _DAY and _skips_weekends(all_times):
        return GridStep("business day")
    unit = next(u for u in _UNITS if step % np.array(1, f"m8[{u}]") == 0)
    return GridStep("time", int(step // np.array(1, f"m8[{unit}]")), unit)


def _usual(apart: NDArray[Any], n: int) -> Any:
    """Return the smallest distance in ``n`` series, or the most frequent one.

    The smallest, where it leaves few gaps: half of them may be gaps. Else it is more
    likely that one time is wrong, as one at half past where all others are full hours.
    """
    smallest = apart.min()
    if apart.sum() + n * smallest <= _MOST_STEPS * (len(apart) + n) * smallest:
        return smallest
    distinct, counts = np.unique(apart, return_counts=True)
    return distinct[counts.argmax()]


def _months(all_times: Sequence[Times]) -> GridStep | None:
    counts = [np.diff(times.astype("M8[M]")).astype(int) for times in all_times]
    months = np.concatenate(counts)
    if months.min() < 1:
        return None
    count = int(_usual(months, len(all_times)))
    # A day that some month lacks does not go on for ever.
    every_month = all(
        (_in_month(t, ends=False) < np.timedelta64(_SHORTEST_MONTH, "D")).all()
        for t in all_times
    )
    last_days = all((_in_month(t, ends=True) >= -_DAY).all() for t in all_times)
    for kind, possible in (("month", every_month), ("month end", last_days)):
        step = GridStep(kind, count)
        if possible and all(step.places(times)[1].all() for times in all_times):
            return step
    return None


def _skips_weekends(all_times: Sequence[Times]) -> bool:
    days = [times.astype("M8[D]") for times in all_times]
    if not all(np.is_busday(d).all() for d in days):
        return False
    spans = sum(int((d[-1] - d[0]).astype(int)) for d in days)
    return spans > sum(int(np.busday_count(d[0], d[-1])) for d in days)
