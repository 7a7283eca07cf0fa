"""The step between times: beside pandas' own, gaps, and what is irregular."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting import read_panel
from fastlstm.forecasting.steps import TimeStep, find_step
from hypothesis import given
from hypothesis import strategies as st

FREQUENCIES = {
    "MS": TimeStep(1, "M"),
    "ME": TimeStep(1, "M", 31),
    "QS": TimeStep(3, "M"),
    "QE": TimeStep(3, "M", 31),
    "YS": TimeStep(12, "M"),
    "YE": TimeStep(12, "M", 31),
    "2MS": TimeStep(2, "M"),
    "B": TimeStep(1, "B"),
    "D": TimeStep(1, "D"),
    "2D": TimeStep(2, "D"),
    "31D": TimeStep(31, "D"),
    "W-SUN": TimeStep(7, "D"),
    "h": TimeStep(1, "h"),
    "15min": TimeStep(15, "m"),
    "3s": TimeStep(3, "s"),
    "5ms": TimeStep(5, "ms"),
    "7us": TimeStep(7, "us"),
}


@pytest.mark.parametrize("start", ["2019-12-06 10:30", "2024-02-29"])
@pytest.mark.parametrize("freq", FREQUENCIES)
def test_goes_on_as_pandas_does(freq: str, start: str) -> None:
    index = pd.date_range(start, periods=100, freq=freq)
    times = index.to_numpy()[:60]
    step = find_step([times])
    assert step == FREQUENCIES[freq]
    np.testing.assert_array_equal(step.span(times[-1], 41), index.to_numpy()[59:])
    places, fits = step.places(times)
    assert fits.all()
    np.testing.assert_array_equal(places, np.arange(60))


@given(
    st.sampled_from(sorted(FREQUENCIES)),
    st.sets(st.integers(1, 60), min_size=40, max_size=55),
)
def test_gaps_are_rows_of_nan(freq: str, kept: set[int]) -> None:
    rows = [0, *sorted(kept)]
    if freq == "B":  # whatever is kept, a weekend has to be between neighbours
        rows = sorted({*rows, 4, 5, 6, 7, 8, 9, 10})
    full = pd.date_range("2021-03-01", periods=61, freq=freq)
    series = pd.Series(np.arange(61.0), full).iloc[rows]
    panel = read_panel(series)
    assert panel.layout.step == FREQUENCIES[freq]
    expected = pd.Series(np.nan, full[: rows[-1] + 1])
    expected.iloc[rows] = np.arange(61.0)[rows]
    np.testing.assert_array_equal(panel[0].y[:, 0], expected.to_numpy())
    np.testing.assert_array_equal(panel[0].times, expected.index.to_numpy())


@pytest.mark.parametrize(
    ("hours", "step"),
    [
        ([0, 1, 3, 5], 1),  # most are two apart, but few steps are missing
        ([0, 2, 4, 8, 10], 2),
        ([0, 1, 2, 3, 3.5, 4, 5], None),  # one at half past: not a step of 0.5
    ],
)
def test_the_usual_step(hours: list[float], step: int | None) -> None:
    times = pd.to_datetime("2024-01-01") + pd.to_timedelta(hours, unit="h")
    series = pd.Series(1.0, times)
    if step is None:
        with pytest.raises(ValueError, match=r"rows 3 and 4.* a step of 1 hour"):
            read_panel(series)
    else:
        assert read_panel(series).layout.step == TimeStep(step, "h")


@pytest.mark.parametrize(
    ("numbers", "count"), [([3, 5, 7, 13], 2), ([1990, 1991, 1993], 1)]
)
def test_integers_are_times(numbers: list[int], count: int) -> None:
    panel = read_panel(pd.Series(np.arange(len(numbers)), numbers))
    assert panel.layout.step == TimeStep(count, "")
    assert panel[0].times is not None
    assert panel[0].times.tolist() == list(range(numbers[0], numbers[-1] + 1, count))
    (ahead,) = panel.forecast_times(2) or []
    assert ahead.tolist() == [numbers[-1] + count, numbers[-1] + 2 * count]


def test_one_step_for_a_panel_whose_series_begin_anywhere() -> None:
    parts = {
        "hourly": pd.Series(
            range(50), pd.date_range("2024-01-01", periods=50, freq="h")
        ),
        "late": pd.Series([1.0], pd.date_range("2024-02-01 07:30", periods=1)),
        "two": pd.Series(
            [1, 2], pd.to_datetime(["2024-02-01 07:00", "2024-02-01 09:00"])
        ),
    }
    panel = read_panel(parts)
    assert panel.layout.step == TimeStep(1, "h")
    assert panel.lengths.tolist() == [50, 1, 3]
    times = panel.forecast_times(1)
    assert times is not None
    assert [str(t[0])[:16] for t in times] == [
        "2024-01-03T02:00",
        "2024-02-01T08:30",
        "2024-02-01T10:00",
    ]


def test_the_step_of_the_fit() -> None:
    index = pd.date_range("2024-01-01", periods=9, freq="D")
    fitted = read_panel(pd.Series(range(9), index))
    sparse = pd.Series([1, 2, 3], index[[0, 2, 8]])
    assert read_panel(sparse).layout.step == TimeStep(2, "D")
    later = read_panel(sparse, like=fitted.layout)
    assert later.layout.step == fitted.layout.step
    assert len(later[0]) == 9
    one = read_panel(sparse[:1], like=fitted.layout)
    assert str((one.forecast_times(1) or [])[0][0])[:10] == "2024-01-02"
    with pytest.raises(ValueError, match=r"one time have no step"):
        read_panel(sparse[:1]).forecast_times(1)


@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("new_rows", [False, True])
@pytest.mark.parametrize(
    ("freq", "longer", "own", "fitted"),
    [
        ("D", "W-MON", "7 days", "1 day"),
        ("h", "D", "1 day", "1 hour"),
        ("D", "MS", "1 month", "1 day"),
        ("MS", "QS", "3 months", "1 month"),
        ("ME", "YE", "12 month ends", "1 month end"),
    ],
)
def test_a_longer_step_than_that_of_the_fit(
    n: int, new_rows: bool, freq: str, longer: str, own: str, fitted: str
) -> None:
    """Read as the fit's, nearly all of its rows would be gaps."""
    index = pd.date_range("2022-01-01", periods=9, freq=freq)
    layout = read_panel(pd.Series(range(9), index)).layout
    times = pd.date_range("2023-01-01", periods=n, freq=longer)
    words = rf"a step of {own}, but that of the fit is {fitted}\b"
    for some in (times, times.delete(4) if n > 3 else times):  # and with a gap
        series = pd.Series(1.0, some)
        with pytest.raises(ValueError, match=words):
            read_panel(series, like=layout, new_rows=new_rows)
    # Told row by row, what is missing is missing, and no step is known of one or two.
    whole = pd.Series(1.0, times).asfreq(freq)
    assert len(read_panel(whole, like=layout)[0]) == len(whole)
    for few in (1, 2):
        panel = read_panel(pd.Series(1.0, times[:few]), like=layout, new_rows=new_rows)
        assert panel.layout.step == layout.step


@pytest.mark.parametrize("count", [1, 2])
def test_gaps_of_the_step_of_the_fit(count: int) -> None:
    """Some rows missing, most of them, all weekends; integers as well."""
    every = np.arange(0, 60 * count, count)
    days = np.datetime64("2024-01-01") + every.astype("m8[D]")
    for times in (pd.DatetimeIndex(days), pd.Index(every)):
        layout = read_panel(pd.Series(1.0, times)).layout
        kept = np.sort(np.random.default_rng(0).permutation(60)[:12])
        for rows in (
            kept,
            np.arange(60)[np.arange(60) % 7 < 5],
            [0, 1, 5, 9],
            [0, 2, 6],
        ):
            sparse = pd.Series(1.0, times[rows])
            panel = read_panel(sparse, like=layout)
            assert panel.lengths[0] == rows[-1] - rows[0] + 1
        with pytest.raises(ValueError, match="step of"):
            read_panel(pd.Series(1.0, times[::3]), like=layout)
        with pytest.raises(ValueError, match=r"2 series, .* the first, have a step of"):
            read_panel(2 * [pd.Series(1.0, times[::3])], like=layout)
        # Beside one that has the step of the fit a sparse one is one of gaps.
        both = {"a": pd.Series(1.0, times), "b": pd.Series(1.0, times[::7])}
        assert read_panel(both, like=layout).lengths.tolist() == [60, 57]


def test_a_series_that_begins_off_the_step_of_the_fit() -> None:
    index = pd.date_range("2024-01-31", periods=9, freq="ME")
    fitted = read_panel(pd.Series(range(9), index))
    later = pd.Series([1.0, 2.0], pd.to_datetime(["2024-10-30", "2024-11-30"]))
    with pytest.raises(
        ValueError,
        match=r"X begins at 2024-10-30 \(row 0\), where no step of 1 month end can",
    ):
        read_panel(later, like=fitted.layout)
    week = pd.bdate_range("2024-01-04", periods=9)
    fitted = read_panel(pd.Series(range(9), week))
    saturday = pd.Series([1.0, 2.0], pd.to_datetime(["2024-01-19", "2024-01-20"]))
    with pytest.raises(ValueError, match=r"2024-01-20 \(rows 0 and 1\) are 1 day"):
        read_panel(saturday, like=fitted.layout)


def test_months_of_a_panel_whose_days_differ() -> None:
    # Each keeps its own day; one that February lacks has to be that of all.
    starts = {day: pd.Timestamp(f"2021-01-{day:02} 06:30") for day in (5, 28, 30)}
    times = {
        day: pd.DatetimeIndex([start + pd.DateOffset(months=k) for k in range(14)])
        for day, start in starts.items()
    }
    series = {str(day): pd.Series(range(12), times[day][:12]) for day in times}
    mixed = read_panel({day: series[day] for day in ("5", "28")})
    assert mixed.layout.step == TimeStep(1, "M")
    alone = read_panel(series["30"])
    assert alone.layout.step == TimeStep(1, "M", 30)
    for panel, day, n in ((mixed, 5, 0), (mixed, 28, 1), (alone, 30, 0)):
        ahead = (panel.forecast_times(2) or [])[n]
        np.testing.assert_array_equal(ahead, times[day][12:].to_numpy())


def days(*numbers: float) -> pd.DatetimeIndex:
    return pd.to_datetime("2024-01-01") + pd.to_timedelta(numbers, unit="D")


WRONG: dict[str, tuple[Any, str]] = {
    "twice": (days(0, 1, 1, 2), r"X has the time 2024-01-02 twice, at rows 1 and 2"),
    "unsorted": (
        days(0, 2, 1, 3),
        r"X has 2024-01-03 before 2024-01-02, at rows 1 and 2.*sort the rows, .*"
        "id_column, if these are several series",
    ),
    "irregular": (
        days(0, 1, 2, 3.5),
        r"X is irregular: 2024-01-03 and 2024-01-04T12\S* \(rows 2 and 3\) are 36 "
        r"hours apart, with a step of 1 day",
    ),
    "a month with its day moved": (
        pd.to_datetime(["2024-01-05", "2024-02-05", "2024-03-06", "2024-04-05"]),
        "X is irregular",
    ),
    "a business day at another hour": (
        days(2, 3, 4, 7.25, 8, 9),
        r"2024-01-05 and 2024-01-08T06:00 \(rows 2 and 3\)",
    ),
    "integers": (pd.Index([1, 2, 3, 3]), "X has the time 3 twice, at rows 2 and 3"),
    "a far year": (
        days(0, 5, 6, 80_000),
        r"X has 4 rows, but its times span 80001 steps of 1 day: the longest gap is "
        r"from 2024-01-07 to 2243",
    ),
    "not a time": (
        pd.DatetimeIndex(["2024-01-01", None, *days(2, 3)]),
        "no time at row 1",
    ),
    "a time zone": (
        pd.date_range("2024-01-01", periods=4, tz="Europe/Berlin"),
        r"the index of X has the time zone Europe/Berlin.*tz_localize\(None\)",
    ),
    "floats": (pd.Index([0.5, 1.5, 2.5, 3.5]), "must hold datetimes, periods or integ"),
    "text": (pd.Index(["a", "b", "c", "d"]), "text.*pandas.to_datetime"),
    "levels": (
        pd.MultiIndex.from_product([["a", "b"], [0, 1]]),
        r"index of 2 levels: pass X.reset_index\(\)",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_times_that_are_refused(what: str) -> None:
    index, message = WRONG[what]
    series = pd.Series(np.ones(len(index)), index)
    error = TypeError if what in ("floats", "text") else ValueError
    with pytest.raises(error, match=message):
        read_panel(series)


def test_dates_that_are_objects() -> None:
    index = days(0, 1, 3)
    series = pd.DataFrame({"day": list(index.date), "value": [1.0, 2.0, 3.0]})
    panel = read_panel(series, time_column="day")
    np.testing.assert_array_equal(panel[0].y[:, 0], [1.0, 2.0, np.nan, 3.0])
