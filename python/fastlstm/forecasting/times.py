"""What users have as time stamps: checked, and continued at their regular step."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .._validate import as_array, check_int
from .numbers import place
from .steps import Times, TimeStep, find_step, fixed_step, show_time

__all__ = ["check_times", "future_times", "infer_step"]

_TOO_FINE: Final = ("ps", "fs", "as")


def check_times(times: npt.ArrayLike) -> Times:
    """Return times (T,) as datetime64 or int64, checked to increase.

    Parameters
    ----------
    times : array-like
        datetime64, or what NumPy turns into it: an index of pandas, dates, strings; or
        integers, such as years or days of trade.

    Raises
    ------
    TypeError
        What are no time stamps, or such of a time zone.
    ValueError
        Not one axis, NaT, a time that is not after the one before; its place is named.
        Units below a nanosecond.

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
    if array.dtype.kind in "iu":
        array = array.astype(np.int64)
    elif array.dtype.kind != "M":
        raise TypeError(f"times must be datetime64 or integers, got {array.dtype}")
    elif np.datetime_data(array.dtype)[0] in _TOO_FINE:
        raise ValueError(f"times must be in ns or longer units, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"times must have shape (T,), got {array.shape}")
    if array.dtype.kind == "M" and np.isnat(array).any():
        raise ValueError(f"times{place(np.isnat(array))} is NaT")
    wrong = np.flatnonzero(array[1:] <= array[:-1])
    if wrong.size:
        at = int(wrong[0]) + 1
        raise ValueError(
            f"times[{at}] = {array[at]} is not after times[{at - 1}] = {array[at - 1]}"
        )
    return array


def infer_step(times: npt.ArrayLike) -> TimeStep:
    """Return the step of regular times.

    They are months where that fits: always the same day of the month at the same time,
    or always its end. They are business days where they are days that skip weekends.
    Else all differences have to be equal.

    Parameters
    ----------
    times : array-like of T times
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
    >>> str(infer_step(["2024-01-04", "2024-01-05", "2024-01-08"]))
    '1 business day'
    """
    array = check_times(times)
    step = find_step([array])
    if step is None:
        raise ValueError(f"a step needs at least 2 times, got {len(array)}")
    places, fits = step.places(array)
    regular = fits[1:] & (np.diff(places) == 1)
    if not regular.all():
        at = int(regular.argmin())
        if fits[at + 1]:
            apart = replace(step, count=step.count * int(places[at + 1] - places[at]))
        else:
            apart = fixed_step(array[at + 1] - array[at])
        raise ValueError(
            f"times[{at}] = {show_time(array[at])} and times[{at + 1}] = "
            f"{show_time(array[at + 1])} are {apart} apart, with a step of {step}: "
            "expected a regular step; a row for each missing time, with NaN in it, "
            "makes one (series.asfreq in pandas)"
        )
    return step


def future_times(times: npt.ArrayLike, horizon: int) -> Times:
    """Return the times that come after regular ones.

    Parameters
    ----------
    times : array-like of T times
        As for `infer_step`.
    horizon : int
        How many to return, H.

    Returns
    -------
    times : (H,) array of datetime64, of the unit of ``times``, or of int64

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
    return step.span(array[-1], check_int("horizon", horizon, 1) + 1)[1:]


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
