"""The step from one time of a series to the next: its kinds, and how it is found.

What a clock shows is taken as it is: an hour that a change to summer time skips or
repeats is irregular, and time zones are for the caller to take away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray, check_choice, check_int
from ..files import storable

__all__ = [
    "TimeStep",
    "Times",
    "find_step",
    "fixed_step",
    "is_mostly_gaps",
    "show_time",
]

# (T,) datetime64 or int64, increasing.
Times: TypeAlias = NDArray[Any]

_FIXED: Final = {
    "D": "day",
    "h": "hour",
    "m": "minute",
    "s": "second",
    "ms": "millisecond",
    "us": "microsecond",
    "ns": "nanosecond",
}
_UNITS: Final = {"": "", "B": "business day", "M": "month", **_FIXED}
_DAY: Final = np.timedelta64(1, "D")
# From here on neighbours may be months apart; every month has this day.
_SHORTEST_MONTH: Final = 28
_MONTH_END: Final = 31
# Where the smallest distance makes at most this many steps a row, it is the step.
_MOST_STEPS: Final = 1.5
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
class TimeStep:
    """From one time to the next: so many days, hours, months, business days, integers.

    Parameters
    ----------
    count : int, default=1
        How many ``unit`` it has.
    unit : str, default="D"
        "D", "h", "m", "s", "ms", "us" or "ns", as NumPy calls them; "M", a month of
        the calendar; "B", a day from Monday to Friday; "" where times are integers.
    day : int, default=0
        With "M" the day of the month, or its last one if it is shorter: 31 is month
        ends. 0 is the day of the time that one counts from.

    Raises
    ------
    ValueError, TypeError
        A ``count`` below 1, another ``unit``, a ``day`` above 31 or without "M".

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import TimeStep
    >>> quarter = TimeStep(3, "M")
    >>> quarter.span(np.datetime64("2024-11-15"), 3)
    array(['2024-11-15', '2025-02-15', '2025-05-15'], dtype='datetime64[D]')
    >>> quarter.season_length
    4
    """

    count: int = 1
    unit: str = "D"
    day: int = 0

    def __post_init__(self) -> None:
        check_int("count", self.count, 1)
        check_choice("unit", self.unit, _UNITS)
        check_int("day", self.day, 0, 31 if self.unit == "M" else 0)

    def __str__(self) -> str:
        if self.unit == "":
            return str(self.count)
        end = " end" if self.day == _MONTH_END else ""
        several = "s" if self.count > 1 else ""
        return f"{self.count} {_UNITS[self.unit]}{end}{several}"

    @property
    def days(self) -> float:
        """Its length in days, in the mean: five business days are seven.

        A month is a twelfth of a year of the Gregorian calendar, 365.2425 days. NaN for
        integers.
        """
        if self.unit in _FIXED:
            return float(_fixed(self.count, self.unit) / _DAY)
        unit = {"B": 7.0 / 5.0, "M": 365.2425 / 12.0, "": np.nan}
        return self.count * unit[self.unit]

    @property
    def season_length(self) -> int:
        """Steps after which such series usually repeat; 1 where there is no custom.

        A day of hours, and of fractions of hours that divide it, a week of days (7) and
        of business days (5), a year of weeks (52), months (12) and quarters (4), and of
        several weeks or months that divide these.
        """
        if self.unit in ("", "B"):
            return 5 if (self.count, self.unit) == (1, "B") else 1
        if self.unit == "M":
            return _whole(12, self.count)
        if self.unit != "D":
            return _whole(int(_DAY // _fixed(1, self.unit)), self.count)
        weeks, rest = divmod(self.count, 7)
        return _whole(52, weeks) if rest == 0 else _whole(7, self.count)

    def span(self, first: Any, n: int) -> Times:
        """Return ``n`` times, of which ``first`` (a scalar) is the first, in its dtype.

        Times of months that ``day`` names are on that day, whatever day ``first`` has.
        """
        steps: Any = np.arange(n, dtype=np.int64) * self.count
        if self.unit == "":
            return cast(Times, steps + np.int64(first))
        start = np.asarray(np.datetime64(first))
        fine = _fine(start)
        day = fine.astype("M8[D]")
        if self.unit == "B":
            times = np.busday_offset(day, steps) + (fine - day)
        elif self.unit == "M":
            months = fine.astype("M8[M]") + steps
            on = np.minimum(self.day or _day_of_month(fine), _month_length(months))
            times = months.astype("M8[D]") + (on - 1) + (fine - day)
        else:
            times = fine + steps.astype(f"m8[{self.unit}]")
        return cast(Times, times.astype(start.dtype))

    def places(self, times: Times) -> tuple[IntArray, NDArray[np.bool_]]:
        """Count the steps from the first of ``times`` to each.

        Parameters
        ----------
        times : (T,) array

        Returns
        -------
        places : (T,) int64 array
            Negative before the first.
        fits : (T,) bool array
            Whether the time lies a whole number of steps after the first, and the first
            where a step may begin: on a business day, on the ``day`` of a month.
        """
        fine = _fine(times)
        fits = np.ones(len(fine), np.bool_)
        step: Any = self.count
        since = fine - fine[0]
        if self.unit in ("B", "M"):
            dates = fine.astype("M8[D]")
            clocks = fine - dates
            fits = clocks == clocks[0]
        if self.unit == "B":
            since = np.busday_count(dates[0], dates)
            fits &= np.is_busday(dates)
        elif self.unit == "M":
            months, days = fine.astype("M8[M]"), _day_of_month(fine)
            since = (months - months[0]).astype(np.int64)
            fits &= days == np.minimum(self.day or days[0], _month_length(months))
        elif self.unit:
            step = _fixed(self.count, self.unit)
        places = (since // step).astype(np.int64)
        return places, fits & (places * step == since)


def _fixed(count: int, unit: str) -> Any:
    """Return so many of a fixed unit."""
    return np.array(count, f"m8[{unit}]")[()]


def _whole(season: int, count: int) -> int:
    """Count the steps of ``count`` in a season, 1 if they do not divide it."""
    return season // count if season % count == 0 else 1


def _fine(times: NDArray[Any]) -> NDArray[Any]:
    """Return times of years and months as their first day."""
    if times.dtype.kind == "M" and np.datetime_data(times.dtype)[0] in ("Y", "M"):
        return times.astype("M8[D]")
    return times


def _day_of_month(times: NDArray[Any]) -> NDArray[np.int64]:
    """Return the day of the month of each time, from 1."""
    days = times.astype("M8[D]") - times.astype("M8[M]").astype("M8[D]")
    return np.asarray(days.astype(np.int64) + 1)


def _month_length(months: NDArray[Any]) -> NDArray[np.int64]:
    """Return the days of each month, given as datetime64[M]."""
    ends = (months + 1).astype("M8[D]") - months.astype("M8[D]")
    return np.asarray(ends.astype(np.int64))


def find_step(all_times: Sequence[Times]) -> TimeStep | None:
    """Find the step of all series: what neighbours are usually apart.

    That is the smallest distance, or the most frequent one where the smallest would
    leave more gaps than half the rows.

    Of fixed times, months and business days, the last two are taken only where every
    series keeps to them: neighbours at least 28 days apart to months, those mostly a
    day apart that skip a weekend and never meet one to business days. Months are from
    last day to last day, or from the same day to the same day: of each series its own,
    or one that shorter months lack.

    Parameters
    ----------
    all_times : sequence of (T,) arrays
        Increasing.

    Returns
    -------
    TimeStep or None
        None where no series has two times.
    """
    all_times = [_fine(times) for times in all_times]
    apart = np.concatenate([np.diff(times) for times in all_times])
    if apart.size == 0:
        return None
    step = _usual(apart, len(all_times))
    if apart.dtype.kind != "m":
        return fixed_step(step)
    if step >= np.timedelta64(_SHORTEST_MONTH, "D"):
        months = _months(all_times)
        if months is not None:
            return months
    if step == _DAY and _skips_weekends(all_times):
        return TimeStep(1, "B")
    return fixed_step(step)


def fixed_step(apart: Any) -> TimeStep:
    """Return a timedelta64 in the longest unit of which it is a multiple, or an int."""
    if not isinstance(apart, np.timedelta64):
        return TimeStep(int(apart), "")
    unit = next(u for u in _FIXED if apart % _fixed(1, u) == 0)
    return TimeStep(int(apart // _fixed(1, unit)), unit)


def _usual(apart: NDArray[Any], n: int) -> Any:
    """Return the smallest distance in ``n`` series, or the most frequent one.

    The smallest, where it leaves few gaps, half of them at most, and all others are
    multiples of it. Else it is more likely that one time is wrong, as one at half past
    where all others are full hours.
    """
    smallest = apart.min()
    few = apart.sum() + n * smallest <= _MOST_STEPS * (len(apart) + n) * smallest
    if few and not (apart % smallest).astype(np.int64).any():
        return smallest
    distinct, counts = np.unique(apart, return_counts=True)
    return distinct[counts.argmax()]


def _months(all_times: Sequence[Times]) -> TimeStep | None:
    counts = [np.diff(times.astype("M8[M]")).astype(int) for times in all_times]
    months = np.concatenate(counts)
    if months.min() < 1:
        return None
    count = int(_usual(months, len(all_times)))
    # A day that some month lacks does not go on for ever: it has to be named.
    days = [_MONTH_END, 0, 30, 29]
    if max(int(_day_of_month(times).max()) for times in all_times) > _SHORTEST_MONTH:
        days.remove(0)
    for day in days:
        step = TimeStep(count, "M", day)
        if all(step.places(times)[1].all() for times in all_times):
            return step
    return None


def _skips_weekends(all_times: Sequence[Times]) -> bool:
    days = [times.astype("M8[D]") for times in all_times]
    if not all(np.is_busday(d).all() for d in days):
        return False
    spans = sum(int((d[-1] - d[0]).astype(int)) for d in days)
    return spans > sum(int(np.busday_count(d[0], d[-1])) for d in days)
