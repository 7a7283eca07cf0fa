"""Calendar features beside pandas' own fields, in leap years and before 1970 too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting import calendar_features, calendar_names

from ..compare import assert_close
from ..tolerances import VALUE

NAMES = [
    "hour_of_day",
    "day_of_week",
    "day_of_month",
    "week_of_year",
    "month_of_year",
    "day_of_year",
]


def phases_of_pandas(times: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    """Each name's place on its circle, 0 to 1, from pandas' fields."""
    day = (times - times.normalize()) / pd.Timedelta("1D")
    year = np.where(times.is_leap_year, 366.0, 365.0)
    week = times.isocalendar()
    # 28 December always lies in the last week of its ISO year.
    last = pd.to_datetime([f"{y}-12-28" for y in week["year"]]).isocalendar()
    into_month = (times.day - 1 + day) / times.days_in_month
    return {
        "hour_of_day": day.to_numpy(),
        "day_of_week": ((times.day_of_week + day) / 7.0).to_numpy(),
        "day_of_month": into_month.to_numpy(),
        "week_of_year": (
            (week["week"].to_numpy(float) - 1.0 + (times.day_of_week + day) / 7.0)
            / last["week"].to_numpy(float)
        ).to_numpy(),
        "month_of_year": ((times.month - 1 + into_month) / 12.0).to_numpy(),
        "day_of_year": ((times.day_of_year - 1 + day) / year).to_numpy(),
    }


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
@pytest.mark.parametrize(
    ("start", "freq"),
    [("1959-12-25", "7h"), ("1999-12-28", "11h"), ("2015-01-01 00:17", "6h30min")],
)
def test_as_pandas(unit: Any, start: str, freq: str) -> None:
    times = pd.date_range(start, periods=4000, freq=freq).as_unit(unit)
    expected = phases_of_pandas(times)
    features, columns = calendar_features(times, NAMES)
    assert columns == [f"{name}_{end}" for name in NAMES for end in ("sin", "cos")]
    assert features.shape == (4000, 12)
    for j, name in enumerate(NAMES):
        phase = expected[name]
        assert phase.min() >= 0.0
        assert phase.max() < 1.0
        sine, cosine = np.sin(2.0 * np.pi * phase), np.cos(2.0 * np.pi * phase)
        assert_close(features[:, 2 * j], sine, VALUE["float64"], name)
        assert_close(features[:, 2 * j + 1], cosine, VALUE["float64"], name)


def test_units_longer_than_a_day() -> None:
    for unit in ("D", "W", "M", "Y"):
        times = np.arange("2019", "2025", dtype="datetime64[Y]").astype(f"M8[{unit}]")
        features, _ = calendar_features(times, NAMES)
        expected, _ = calendar_features(times.astype("M8[s]"), NAMES)
        np.testing.assert_array_equal(features, expected)


def test_nothing_jumps() -> None:
    # Each circle is walked without a jump over ends of months and years, two of them
    # leap years, and of ISO years of 53 weeks (2020).
    times = np.arange("2019-12-20", "2025-01-15", 6, dtype="datetime64[h]")
    features, columns = calendar_features(times, NAMES)
    shortest = {"hour_of_day": 1, "day_of_week": 7, "day_of_month": 28}
    for j, name in enumerate(NAMES):
        days = {"week_of_year": 364, "month_of_year": 336, "day_of_year": 365}
        steps = np.diff(features[:, 2 * j : 2 * j + 2], axis=0)
        longest = np.linalg.norm(steps, axis=1).max()
        arc = 2.0 * np.pi * 0.25 / {**shortest, **days}[name]
        assert longest <= arc * (1.0 + 1e-9), columns[2 * j]


@pytest.mark.parametrize(
    ("start", "periods", "freq", "expected"),
    [
        ("2024-01-01", 20000, "h", ["hour_of_day", "day_of_week", "day_of_year"]),
        ("2024-01-01", 24 * 7, "h", ["hour_of_day", "day_of_week"]),
        ("2024-01-01", 24 * 7 - 1, "h", ["hour_of_day"]),
        ("2024-01-01", 23, "h", []),
        ("2024-01-01", 365, "D", ["day_of_week", "day_of_year"]),
        ("2024-01-01", 364, "D", ["day_of_week"]),
        ("2024-01-01", 300, "W", ["day_of_year"]),
        ("2024-01-01", 12, "MS", ["month_of_year"]),
        ("2024-01-01", 11, "MS", []),
        ("2024-01-01", 40, "QE", ["month_of_year"]),
        ("2024-01-01", 40, "YS", []),
        ("2024-01-01", 261, "B", ["day_of_week", "day_of_year"]),
        ("2024-01-01", 260, "B", ["day_of_week"]),
        ("2024-01-01", 6, "B", ["day_of_week"]),
    ],
)
def test_which_are_chosen(
    start: str, periods: int, freq: str, expected: list[str]
) -> None:
    times = pd.date_range(start, periods=periods, freq=freq)
    assert calendar_names(times) == expected
    features, columns = calendar_features(times)
    assert features.shape == (periods, 2 * len(expected))
    assert columns == [f"{name}_{end}" for name in expected for end in ("sin", "cos")]


def test_one_time_has_no_step() -> None:
    assert calendar_names(["2024-01-01"]) == []
    assert calendar_features(["2024-01-01"])[0].shape == (1, 0)
    assert calendar_features(["2024-01-01"], ["day_of_week"])[0].shape == (1, 2)


def test_errors() -> None:
    times = ["2024-01-01", "2024-01-02"]
    for names, message in (
        (
            ["hour_of_day", "minute"],
            r"names must be of \['hour_of_day', .*got 'minute'",
        ),
        ("day_of_week", "must be \"auto\" or different names, got 'day_of_week'"),
        (["day_of_week"] * 2, "different names, got"),
    ):
        with pytest.raises(ValueError, match=message):
            calendar_features(times, names)
    with pytest.raises(ValueError, match=r"times\[1\] = .* is not after"):
        calendar_features(times[::-1], ["day_of_week"])
    with pytest.raises(TypeError, match="datetime64 to have a calendar, got int64"):
        calendar_features([1990, 1991])
    # Irregular times have features; which ones, has to be said.
    irregular = ["2024-01-01", "2024-01-02", "2024-01-06"]
    assert calendar_features(irregular, ["day_of_week"])[0].shape == (3, 2)
    with pytest.raises(ValueError, match="expected a regular step"):
        calendar_features(irregular)
