"""Regular time stamps: continued as pandas does it, or refused."""

from __future__ import annotations

import copy
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.files import read_record, write_record
from fastlstm.forecasting import TimeStep, check_times, future_times, infer_step

FREQUENCIES = {
    "15min": TimeStep(15, "m"),
    "h": TimeStep(1, "h"),
    "36h": TimeStep(36, "h"),
    "D": TimeStep(1, "D"),
    "B": TimeStep(1, "B"),
    "W": TimeStep(7, "D"),
    "4W": TimeStep(28, "D"),
    "250ms": TimeStep(250, "ms"),
    "MS": TimeStep(1, "M"),
    "ME": TimeStep(1, "M", 31),
    "2ME": TimeStep(2, "M", 31),
    "QS": TimeStep(3, "M"),
    "QE": TimeStep(3, "M", 31),
    "YS": TimeStep(12, "M"),
    "YE": TimeStep(12, "M", 31),
    "YE-FEB": TimeStep(12, "M", 31),
}


@pytest.mark.parametrize("freq", FREQUENCIES)
@pytest.mark.parametrize("start", ["2019-08-15", "1967-11-30 13:45:00"])
@pytest.mark.parametrize("periods", [2, 3, 7, 40])
def test_as_pandas(freq: str, start: str, periods: int) -> None:
    if freq == "4W":
        periods += 1  # from 1 February to 1 March might be a month
    if freq == "B":
        periods += 5  # until there is a weekend
    for unit in ("us", "ns"):
        times = pd.date_range(start, periods=periods + 30, freq=freq).as_unit(unit)
        expected = FREQUENCIES[freq]
        assert infer_step(times[:periods]) == expected
        future = future_times(times[:periods], 30)
        np.testing.assert_array_equal(future, times[periods:].to_numpy(), strict=True)


@pytest.mark.parametrize("day", [5, 29, 30])
def test_days_that_some_months_lack(day: int) -> None:
    start = pd.Timestamp(f"2021-01-{day:02} 06:30")
    times = [start + pd.DateOffset(months=k) for k in range(60)]
    for known in (2, 3, 20):
        future = future_times(times[:known], 60 - known)
        assert future.tolist() == [t.to_pydatetime() for t in times[known:]]
    # A day that all months have is the one of the times, whatever it is.
    assert infer_step(times) == TimeStep(1, "M", day if day > 28 else 0)


def test_the_end_of_february() -> None:
    # Without a leap year among them, they might be the 28th.
    future = future_times(["2021-02-28", "2022-02-28", "2023-02-28"], 1)
    assert str(future[0]) == "2024-02-29"


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "ns", "12h", "3M"])
def test_dtypes_stay(unit: str) -> None:
    times = np.arange(7).astype(f"M8[{unit}]")
    future = future_times(times, 3)
    np.testing.assert_array_equal(future, np.arange(7, 10).astype(f"M8[{unit}]"))
    assert future.dtype == times.dtype


@pytest.mark.parametrize(
    "times",
    [
        pd.date_range("2024-01-01", periods=3),
        pd.Series(pd.date_range("2024-01-01", periods=3)),
        list(pd.date_range("2024-01-01", periods=3)),
        [datetime.date(2024, 1, day) for day in (1, 2, 3)],
        [datetime.datetime(2024, 1, day) for day in (1, 2, 3)],
        ["2024-01-01", "2024-01-02", "2024-01-03"],
        np.arange("2024-01-01", "2024-01-04", dtype="datetime64[D]"),
    ],
)
def test_what_is_taken_for_times(times: Any) -> None:
    checked = check_times(times)
    assert checked.dtype.kind == "M"
    expected = np.arange("2024-01-01", "2024-01-04", dtype="datetime64[D]")
    assert (checked == expected).all()
    assert infer_step(times) == TimeStep(1, "D")
    assert future_times(times, 1) == np.datetime64("2024-01-04")


def test_order_and_kind() -> None:
    days = np.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]")
    twice, back = days.copy(), days.copy()
    twice[17], back[9] = twice[16], back[3]
    for times, message in (
        (twice, r"times\[17\] = 2024-01-17 is not after times\[16\] = 2024-01-17$"),
        (back, r"times\[9\] = 2024-01-04 is not after times\[8\] = 2024-01-09$"),
        (days.reshape(1, -1), r"times must have shape \(T,\), got \(1, 31\)"),
        ([*days[:3], np.datetime64("NaT")], r"times\[3\] is NaT"),
    ):
        with pytest.raises(ValueError, match=message):
            check_times(times)
    zoned = pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin")
    periods = pd.period_range("2024-01", periods=3, freq="M")
    for times, message in (
        (zoned, r"must have no time zone, got 2024-01-01 00:00:00\+01:00 at 0: tz_loc"),
        (periods, r"got a Period, .* at 0: to_timestamp\(\) of pandas"),
        ([1.5, 2.5], "times must be datetime64 or integers, got float64"),
        (["January"], "times cannot be read: .*January"),
    ):
        with pytest.raises(TypeError, match=message):
            check_times(times)
    assert check_times(zoned.tz_localize(None)).shape == (3,)
    assert check_times(periods.to_timestamp()).shape == (3,)
    assert check_times(days[:0]).shape == (0,)


def test_irregular_times() -> None:
    days = np.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]")
    months = pd.date_range("2020-01-01", periods=20, freq="MS")
    hours = pd.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin")
    business = pd.bdate_range("2024-01-01", periods=20)
    for times, message in (
        (
            np.delete(days, [4, 5]),
            r"times\[3\] = 2024-01-04 and times\[4\] = 2024-01-07 are 3 days apart, "
            r"with a step of 1 day: .*asfreq",
        ),
        (
            months.delete(7),
            r"times\[6\] = .* are 2 months apart, with a step of 1 month",
        ),
        (
            hours.tz_localize(None),
            r"03-31T01:.*03-31T03:.* are 2 hours apart, .* 1 hour:",
        ),
        (
            business.delete(6),
            r"times\[5\] = 2024-01-08 and .* = 2024-01-10 are 2 business days apart",
        ),
        ([0, 2, 4, 6, 7], r"times\[3\] = 6 and times\[4\] = 7 are 1 apart, .* of 2:"),
        (
            days[[0, 7, 8, 9]],
            r"times\[0\] = 2024-01-01 and times\[1\] = 2024-01-08 are",
        ),
        (["2024-01-31", "2024-02-28", "2024-03-31"], r"times\[1\] = .* are 32 days ap"),
    ):
        with pytest.raises(ValueError, match=message):
            future_times(times, 3)
    with pytest.raises(ValueError, match="a step needs at least 2 times, got 1"):
        infer_step(days[:1])
    with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
        future_times(days, 0)


def test_integers() -> None:
    assert infer_step([1990, 1992, 1994]) == TimeStep(2, "")
    future = future_times(np.array([1990, 1992, 1994], np.uint16), 2)
    np.testing.assert_array_equal(future, np.array([1996, 1998]), strict=True)


def test_step(tmp_path: Path) -> None:
    for step, words in (
        (TimeStep(3, "M"), "3 months"),
        (TimeStep(1, "M", 31), "1 month end"),
        (TimeStep(2, "M", 30), "2 months"),
        (TimeStep(1, "B"), "1 business day"),
        (TimeStep(5, ""), "5"),
    ):
        assert str(step) == words
    assert TimeStep(36, "h").days == 1.5
    assert TimeStep(12, "M", 1).days == 365.2425
    assert TimeStep(5, "B").days == 7.0
    assert np.isnan(TimeStep(1, "").days)
    for step in (TimeStep(2, "M", 31), TimeStep(1, "B"), TimeStep(7, "")):
        write_record(tmp_path / "step", "test", {"step": step})
        assert read_record(tmp_path / "step", ["test"])[1]["step"] == step
        assert copy.deepcopy(step) == step


def test_steps_that_are_none() -> None:
    for arguments, message in (
        ((0, "D"), "count must be at least 1, got 0"),
        ((1, "week"), r"unit must be one of .*got 'week'"),
        ((1, "M", 32), "day must be at least 0 and at most 31, got 32"),
        ((1, "D", 1), "day must be at least 0 and at most 0, got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            TimeStep(*arguments)
    with pytest.raises(ValueError, match=r"ns or longer units, got datetime64\[ps\]"):
        infer_step(np.arange(3).astype("M8[ps]"))


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        ("15min", 96),
        ("30min", 48),
        ("h", 24),
        ("2h", 12),
        ("12h", 2),
        ("7min", 1),
        ("36h", 1),
        ("s", 86400),
        ("D", 7),
        ("2D", 1),
        ("B", 5),
        ("W", 52),
        ("W-WED", 52),
        ("4W", 13),
        ("3W", 1),
        ("52W", 1),
        ("MS", 12),
        ("ME", 12),
        ("2MS", 6),
        ("QS", 4),
        ("QE", 4),
        ("5MS", 1),
        ("YS", 1),
        ("2YE", 1),
    ],
)
def test_season_length(freq: str, season: int) -> None:
    step = infer_step(pd.date_range("2024-01-10", periods=30, freq=freq))
    assert step.season_length == season


def test_season_of_integers() -> None:
    assert TimeStep(1, "").season_length == 1
    assert TimeStep(1, "B").season_length == 5
    assert TimeStep(5, "B").season_length == 1
