"""What the calendar says about a time, as numbers that a model can learn from.

Design: each feature is a place on a circle, as sine and cosine, so that Sunday is next
to Monday and December to January. The place is a continuous function of time: the time
since the period began over the period's own length, be it a month of 28 or 31 days, a
year of 365 or 366, or an ISO year of 52 or 53 weeks. So nothing jumps, also not where
the step is shorter than the unit that names the feature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .numbers import Floats
from .steps import Times
from .times import check_times, infer_step

__all__ = ["calendar_features", "calendar_names"]


def calendar_features(
    times: npt.ArrayLike, names: str | Sequence[str] = "auto"
) -> tuple[Floats, list[str]]:
    """Return sine and cosine of where each time lies in the day, the week, the year.

    Parameters
    ----------
    times : array-like of T time stamps, increasing
        datetime64, or what NumPy turns into it, such as an index of pandas. Integers
        have no calendar.
    names : "auto" or sequence of str, default="auto"
        Any of "hour_of_day", "day_of_week", "day_of_month", "week_of_year" (ISO),
        "month_of_year", "day_of_year". "auto" is what `calendar_names` chooses for
        ``times``; to have the same features of later times, pass on its result.

    Returns
    -------
    features : (T, 2 F) array of float64
    columns : list of 2 F str
        Each name with "_sin", then with "_cos".

    Raises
    ------
    ValueError
        Times as for `check_times`, with "auto" also as for `infer_step`; names that are
        unknown or there twice.
    TypeError
        As for `check_times`, and integers.

    Examples
    --------
    >>> from fastlstm.forecasting import calendar_features
    >>> times = ["2024-01-01", "2024-07-02"]
    >>> features, columns = calendar_features(times, ["day_of_year"])
    >>> columns
    ['day_of_year_sin', 'day_of_year_cos']
    >>> features.round(3) + 0.0
    array([[ 0.,  1.],
           [ 0., -1.]])
    """
    array = _check_dates(times)
    chosen = calendar_names(array) if names == "auto" else names
    if isinstance(chosen, str) or len(set(chosen)) < len(chosen):
        raise ValueError(f'names must be "auto" or different names, got {names!r}')
    for name in chosen:
        if name not in _PHASES:
            raise ValueError(f"names must be of {list(_PHASES)}, got {name!r}")
    circles = [2.0 * np.pi * _PHASES[name](array) for name in chosen]
    features = np.empty((len(array), 2 * len(chosen)))
    for j, circle in enumerate(circles):
        features[:, 2 * j], features[:, 2 * j + 1] = np.sin(circle), np.cos(circle)
    return features, [f"{name}_{end}" for name in chosen for end in ("sin", "cos")]


def calendar_names(times: npt.ArrayLike) -> list[str]:
    """Choose calendar features by the step and the number of regular times.

    A period is taken if it is longer than the step and the times, T steps, last at
    least as long: the day ("hour_of_day"), the week ("day_of_week"), and the year, as
    "month_of_year" where steps are months and "day_of_year" else.

    Parameters
    ----------
    times : array-like of T time stamps
        As for `infer_step`; a business day lasts 7/5 days in the mean. One time alone
        has no step, and lasts no period: no feature.

    Raises
    ------
    ValueError, TypeError
        As for `infer_step`, and integers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import calendar_names
    >>> calendar_names(np.arange("2023-01-01", "2024-01-01", dtype="datetime64[D]"))
    ['day_of_week', 'day_of_year']
    """
    array = _check_dates(times)
    if len(array) == 1:
        return []
    step = infer_step(array)
    year = "month_of_year" if step.unit == "M" else "day_of_year"
    periods = {"hour_of_day": 1.0, "day_of_week": 7.0, year: 365.0}
    span = len(array) * step.days
    return [name for name, days in periods.items() if step.days < days <= span]


def _check_dates(times: npt.ArrayLike) -> Times:
    array = check_times(times)
    if array.dtype.kind != "M":
        raise TypeError(
            f"times must be datetime64 to have a calendar, got {array.dtype}"
        )
    return array


def _hour_of_day(times: npt.NDArray[Any]) -> Floats:
    day = times.astype("M8[D]")
    return _share(times, day, day + 1)


def _day_of_week(times: npt.NDArray[Any]) -> Floats:
    monday = _monday(times)
    return _share(times, monday, monday + 7)


def _day_of_month(times: npt.NDArray[Any]) -> Floats:
    month = times.astype("M8[M]")
    return _share(times, month, month + 1)


def _month_of_year(times: npt.NDArray[Any]) -> Floats:
    month = times.astype("M8[M]")
    number = (month - times.astype("M8[Y]")).astype(np.int64)
    return np.asarray((number + _day_of_month(times)) / 12.0)


def _day_of_year(times: npt.NDArray[Any]) -> Floats:
    year = times.astype("M8[Y]")
    return _share(times, year, year + 1)


def _week_of_year(times: npt.NDArray[Any]) -> Floats:
    # ISO 8601: a week belongs to the year of its Thursday, 4 January to week 1.
    year = (_monday(times) + 3).astype("M8[Y]")
    first, following = (_monday(y.astype("M8[D]") + 3) for y in (year, year + 1))
    return _share(times, first, following)


def _monday(times: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the last Monday not after each time."""
    days = times.astype("M8[D]")  # since 1 January 1970, a Thursday
    return np.asarray(days - (days.astype(np.int64) + 3) % 7)


def _share(
    times: npt.NDArray[Any], start: npt.NDArray[Any], end: npt.NDArray[Any]
) -> Floats:
    """Return how much of the way from start to end has passed, in [0, 1)."""
    now, begin, stop = (
        t.astype("M8[us]").astype(np.int64) for t in (times, start, end)
    )
    return np.asarray((now - begin) / (stop - begin), np.float64)


_PHASES: Final[dict[str, Callable[[npt.NDArray[Any]], Floats]]] = {
    "hour_of_day": _hour_of_day,
    "day_of_week": _day_of_week,
    "day_of_month": _day_of_month,
    "week_of_year": _week_of_year,
    "month_of_year": _month_of_year,
    "day_of_year": _day_of_year,
}
