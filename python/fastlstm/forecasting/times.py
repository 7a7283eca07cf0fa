"""Time stamps at a regular step, and how they go on.

Fixed steps are any number of days, hours, seconds; calendar steps are whole months (12
for a year) from a day of one month to the same day of another, or from end to end. What
a clock shows is taken as it is: an hour that a change to summer time skips or repeats
is irregular, and time zones are for the caller to take away.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .._validate import as_array, check_int
from ..files import storable
from .numbers import place

__all__ = ["TimeStep", "Times", "check_times", "future_times", "infer_step"]

Times: TypeAlias = npt.NDArray[np.datetime64]

_UNITS: Final = {
    "M": "month",
    "D": "day",
    "h": "hour",
    "m": "minute",
    "s": "second",
    "ms": "millisecond",
    "us": "microsecond",
    "ns": "nanosecond",
    "ps": "picosecond",
    "fs": "femtosecond",
    "as": "attosecond",
}
_DAY: Final = np.timedelta64(1, "D")


@storable
@dataclass(frozen=True)
class TimeStep:
    """From one time stamp to the next: so many of a unit of `numpy.timedelta64`.

    Parameters
    ----------
    count : int, default=1
    unit : str, default="D"
        "D" or shorter; or "M", a month of the calendar.
    day : int, default=0
        With "M" the day of the month, or its last one if it is shorter: 31 is month
        ends.
    """

    count: int = 1
    unit: str = "D"
    day: int = 0

    def __str__(self) -> str:
        several = "s" if self.count > 1 else ""
        return f"{self.count} {_UNITS[self.unit]}{several}"

    @property
    def days(self) -> float:
        """Its length in days, of a month as in the mean of the Gregorian calendar."""
        if self.unit == "M":
            return self.count * 365.2425 / 12.0
        return float(np.array(self.count, f"m8[{self.unit}]") / _DAY)

    def after(self, last: np.datetime64, horizon: int) -> Times:
        """Return the ``horizon`` time stamps that follow ``last``, in its dtype."""
        start = _fine(np.asarray(last))
        ahead = self.count * np.arange(1, horizon + 1)
        if self.unit != "M":
            result = start + ahead.astype(f"m8[{self.unit}]")
        else:
            month = start.astype("M8[M]") + ahead
            days = np.minimum(self.day, _month_length(month)) - 1
            clock = start - start.astype("M8[D]")
            result = month.astype("M8[D]") + days.astype("m8[D]") + clock
        return np.asarray(result.astype(last.dtype))


def check_times(times: npt.ArrayLike) -> Times:
    """Return time stamps (T,) as datetime64, checked to increase.

    Parameters
    ----------
    times : array-like
        datetime64, or what NumPy turns into it: an index of pandas, dates, strings.

    Raises
    ------
    TypeError
        What are no time stamps, or such of a time zone.
    ValueError
        Not one axis, NaT, a time that is not after the one before; its place is named.

    Examples
    --------
    >>> from fastlstm.forecasting import check_times
    >>> check_times(["2024-02-28", "2024-02-29"])
    array(['2024-02-28', '2024-02-29'], dtype='datetime64[D]')
    """
    array = as_array("times", times)
    if array.dtype.kind == "O":
        array = _from_objects(array)
    elif array.dtype.kind in "US":
        try:
            array = array.astype("M8")
        except ValueError as error:
            raise TypeError(f"times cannot be read: {error}") from None
    if array.dtype.kind != "M":
        raise TypeError(f"times must be datetime64, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"times must have shape (T,), got {array.shape}")
    missing = np.isnat(array)
    if missing.any():
        raise ValueError(f"times{place(missing)} is NaT")
    wrong = np.flatnonzero(array[1:] <= array[:-1])
    if wrong.size:
        at = int(wrong[0]) + 1
        raise ValueError(
            f"times[{at}] = {array[at]} is not after times[{at - 1}] = {array[at - 1]}"
        )
    return array


def infer_step(times: npt.ArrayLike) -> TimeStep:
    """Return the step of regular time stamps.

    They are months where that fits: always the same day of the month at the same time,
    or always its end. Else all differences have to be equal.

    Parameters
    ----------
    times : array-like of T time stamps
        As for `check_times`.

    Raises
    ------
    ValueError, TypeError
        As for `check_times`; fewer than two; irregular times, and the first two that
        are.

    Examples
    --------
    >>> from fastlstm.forecasting import infer_step
    >>> infer_step(["2024-01-31", "2024-02-29", "2024-03-31"])
    TimeStep(count=1, unit='M', day=31)
    >>> str(infer_step(["2024-01-01T00:00", "2024-01-01T00:30"]))
    '30 minutes'
    """
    array = check_times(times)
    if len(array) < 2:
        raise ValueError(f"a step needs at least 2 times, got {len(array)}")
    fine = _fine(array)
    months = fine.astype("M8[M]")
    dates = fine.astype("M8[D]")
    days = (dates - months.astype("M8[D]")).astype(np.int64) + 1
    lengths, clocks = _month_length(months), fine - dates
    day = 31 if (days == lengths).all() else int(days.max())
    if (clocks == clocks[0]).all() and (days == np.minimum(day, lengths)).all():
        between, unit = np.diff(months), "M"
    else:
        between, day = np.diff(fine), 0
        unit = _largest_unit(between)
    counts = (between // np.array(1, f"m8[{unit}]")).astype(np.int64)
    values, frequencies = np.unique(counts, return_counts=True)
    most = int(values[frequencies.argmax()])
    if len(values) > 1:
        at = int((counts != most).argmax())
        raise ValueError(
            f"times[{at}] = {array[at]} and times[{at + 1}] = {array[at + 1]} are "
            f"{TimeStep(int(counts[at]), unit)} apart, most others "
            f"{TimeStep(most, unit)}: expected a regular step; a row for each missing "
            "time, with NaN in it, makes one (series.asfreq in pandas)"
        )
    return TimeStep(most, unit, day)


def future_times(times: npt.ArrayLike, horizon: int) -> Times:
    """Return the time stamps that come after regular ones.

    Parameters
    ----------
    times : array-like of T time stamps
        As for `infer_step`.
    horizon : int
        How many to return, H.

    Returns
    -------
    times : (H,) array of datetime64, of the unit of ``times``

    Raises
    ------
    ValueError, TypeError
        As for `infer_step`; ``horizon`` below 1 or no integer.

    Examples
    --------
    >>> from fastlstm.forecasting import future_times
    >>> future_times(["2023-11-30", "2023-12-31"], 3)
    array(['2024-01-31', '2024-02-29', '2024-03-31'], dtype='datetime64[D]')
    """
    array = check_times(times)
    step = infer_step(array)
    return step.after(array[-1], check_int("horizon", horizon, 1))


def _from_objects(array: npt.NDArray[Any]) -> Times:
    """Return dates and datetimes of Python (and pandas), which have no time zone."""
    for at, value in enumerate(array.flat):
        if not isinstance(value, datetime.date):
            raise TypeError(
                f"times must be datetime64, got a {type(value).__name__}, {value!r}, "
                f"at {at}: to_timestamp() of pandas makes times of periods"
            )
        if getattr(value, "tzinfo", None) is not None:
            raise TypeError(
                f"times must have no time zone, got {value} at {at}: tz_localize(None) "
                "of pandas keeps what the clock shows, tz_convert(None) what it shows "
                "in UTC"
            )
    return array.astype("M8[us]")


def _fine(times: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return times of years and months as their first day."""
    unit = np.datetime_data(times.dtype)[0]
    return times.astype("M8[D]") if unit in ("Y", "M") else times


def _month_length(months: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the days of each month, given as datetime64[M]."""
    ends = (months + 1).astype("M8[D]") - months.astype("M8[D]")
    return np.asarray(ends.astype(np.int64))


def _largest_unit(between: npt.NDArray[Any]) -> str:
    """Return the longest unit of which all these are multiples."""
    none = np.zeros(1, between.dtype)
    for unit in list(_UNITS)[1:]:
        if (between % np.array(1, f"m8[{unit}]") == none).all():
            break
    return unit
