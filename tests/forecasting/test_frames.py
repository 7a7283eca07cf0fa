"""Frames and series of pandas and polars: read, and forecasts given back as such."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm.forecasting import Panel, read_panel
from pandas.testing import assert_frame_equal, assert_series_equal

from .frames import FRAMES, dates, frames, same

QUANTILES = [0.1, 0.5, 0.9]
INDEXES: dict[str, Any] = {
    "month ends": pd.date_range("2024-01-31", periods=9, freq="ME", name="when"),
    "business days": pd.date_range("2024-01-01", periods=9, freq="B"),
    "hours without freq": pd.DatetimeIndex(
        pd.date_range("2024-01-01", periods=9, freq="h").to_numpy()
    ),
    "nanoseconds": pd.date_range("2024-01-01", periods=9, freq="D", unit="ns"),
    "periods of months": pd.period_range("2024-01", periods=9, freq="M"),
    "periods of quarters": pd.period_range("2024Q1", periods=9, freq="Q-MAR"),
    "periods of weeks": pd.period_range("2024-01-01", periods=9, freq="W-WED"),
    "range": pd.RangeIndex(9),
    "range by 2": pd.RangeIndex(10, 28, 2, name="step"),
    "years": pd.Index(range(1990, 1999), name="year"),
}
indexes = pytest.mark.parametrize("index", INDEXES)


def cut(panel: Panel, table: Any, at: slice, name: str = "steps") -> Any:
    """Forecasts that are what the table itself goes on with."""
    return panel.give_back([np.asarray(table.to_numpy()[at], float).reshape(3, -1)])


@indexes
def test_a_pandas_frame_goes_on(index: str) -> None:
    whole = pd.DataFrame(
        np.arange(18.0).reshape(9, 2), INDEXES[index], columns=["a", "b"]
    )
    panel = read_panel(whole[:6])
    assert panel.layout.targets == ("a", "b")
    assert_frame_equal(cut(panel, whole, slice(6, 9)), whole[6:])


@indexes
def test_a_pandas_series_goes_on(index: str) -> None:
    whole = pd.Series(np.arange(9.0), INDEXES[index], name="sales")
    panel = read_panel(whole[:6])
    assert panel.layout.targets == ("sales",)
    assert_series_equal(cut(panel, whole, slice(6, 9)), whole[6:])


@indexes
def test_quantiles_and_paths_of_pandas(index: str) -> None:
    times = INDEXES[index]
    panel = read_panel(pd.DataFrame({"a": range(6), "b": range(6)}, times[:6]))
    values = np.arange(18.0).reshape(3, 2, 3)
    expected = pd.DataFrame(
        values.reshape(3, 6),
        times[6:],
        columns=["a_0.1", "a_0.5", "a_0.9", "b_0.1", "b_0.5", "b_0.9"],
    )
    assert_frame_equal(panel.give_back([values], quantiles=QUANTILES), expected)
    paths = np.arange(24.0).reshape(4, 3, 2)
    result = panel.give_back([paths], samples=True)
    assert result.index.names == ["sample", times.name]
    for sample in range(4):
        expected = pd.DataFrame(paths[sample], times[6:], columns=["a", "b"])
        assert_frame_equal(result.loc[sample], expected, check_freq=False)


@pytest.mark.parametrize("name", ["sales", None])
def test_quantiles_and_paths_of_a_series(name: str | None) -> None:
    index = pd.date_range("2024-01-01", periods=9, freq="D")
    label = name or "value"
    for series in (
        pd.Series(range(6), index[:6], name=name),
        pl.Series(name, range(6)),
    ):
        panel = read_panel(series)
        result = panel.give_back([np.ones((3, 1, 2))], quantiles=[0.05, 0.95])
        assert list(result.columns) == [f"{label}_0.05", f"{label}_0.95"]
        paths = panel.give_back([np.ones((2, 3, 1))], samples=True)
        assert paths.shape == ((6, 1) if isinstance(series, pd.Series) else (6, 2))
        assert label in paths.columns


def test_a_polars_series_goes_on() -> None:
    result = read_panel(pl.Series("q", [1, None, 3])).give_back([np.ones((2, 1))])
    assert isinstance(result, pl.Series)
    assert (result.name, result.to_list()) == ("q", [1.0, 1.0])
    unnamed = read_panel(pl.Series([1, 2])).give_back([np.ones((2, 1))])
    assert isinstance(unnamed, pl.Series)
    assert unnamed.name == ""


@frames
def test_a_wide_frame_with_a_time_column(kind: str) -> None:
    frame = FRAMES[kind]
    data = {"day": dates(6), "a": [1, 2, None, 4, 5, 6], "b": np.arange(6.0)}
    panel = read_panel(frame(data), time_column="day")
    assert panel.layout.targets == ("a", "b")
    np.testing.assert_array_equal(panel[0].y[:, 0], [1, 2, np.nan, 4, 5, 6])
    ahead = {"day": dates(3, 6), "a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}
    same(panel.give_back([np.array([[1.0, 4], [2, 5], [3, 6]])]), frame(ahead))
    paths = np.arange(12.0).reshape(2, 3, 2)
    rows = {
        "sample": np.repeat(np.arange(2), 3),
        "day": dates(3, 6) * 2,
        "a": paths[:, :, 0].ravel(),
        "b": paths[:, :, 1].ravel(),
    }
    same_paths = panel.give_back([paths], samples=True)
    if kind.startswith("pandas"):
        np.testing.assert_array_equal(same_paths["a"], rows["a"])
        same(
            same_paths.reset_index()[["day", "a", "b"]], frame(rows)[["day", "a", "b"]]
        )
    else:
        same(same_paths, frame(rows))


@frames
def test_columns_that_are_series(kind: str) -> None:
    frame, nan = FRAMES[kind], np.nan
    data = {
        "day": dates(5),
        "x": [nan, 2.0, 3.0, 4.0, 5.0],
        "y": [1.0, nan, 3.0, nan, nan],
    }
    panel = read_panel(frame(data), time_column="day", columns="series")
    assert panel.ids == ["x", "y"]
    assert panel.named
    assert panel.layout.targets == ("value",)
    assert [str(s.times[0])[:10] for s in panel if s.times is not None] == [
        "2024-02-27",
        "2024-02-26",
    ]
    np.testing.assert_array_equal(panel[1].y[:, 0], [1, nan, 3])
    back = panel.give_back([np.full((2, 1), 7.0), np.full((2, 1), 8.0)])
    # y ends two days before x.
    ahead = {"day": dates(4, 3), "x": [nan, nan, 7.0, 7.0], "y": [8.0, 8.0, nan, nan]}
    same(back, frame(ahead))


@frames
def test_columns_that_are_series_with_a_gap(kind: str) -> None:
    frame, nan = FRAMES[kind], np.nan
    days = dates(7)
    data = {
        "day": [days[at] for at in (0, 1, 2, 4, 5, 6)],
        "x": [nan, nan, nan, nan, 1.0, 2.0],
        "y": [1.0, 2.0, 3.0, 4.0, 5.0, nan],
    }
    panel = read_panel(frame(data), time_column="day", columns="series")
    np.testing.assert_array_equal(panel[1].y[:, 0], [1, 2, 3, nan, 4, 5])
    back = panel.give_back([np.full((2, 1), 7.0), np.full((2, 1), 8.0)])
    same(back, frame({"day": dates(3, 6), "x": [nan, 7.0, 7.0], "y": [8.0, 8.0, nan]}))


def test_lists_and_dicts_of_frames() -> None:
    index = pd.date_range("2024-01-01", periods=6, freq="D")
    parts = {
        "a": pd.DataFrame({"v": range(4)}, index[:4]),
        "b": pd.DataFrame({"v": [1]}),
    }
    parts["b"].index = index[2:3]
    for data in (parts, list(parts.values())):
        panel = read_panel(data)
        back = panel.give_back([np.ones((2, 1)), np.ones((2, 1))])
        assert type(back) is type(data)
        back = list(back.values()) if isinstance(back, dict) else back
        expected = pd.DataFrame({"v": [1.0, 1.0]}, index[4:])
        assert_frame_equal(back[0], expected, check_freq=False)
        assert list(back[1].index) == list(index[3:5])
    with pytest.raises(
        ValueError, match=r"series 1 has the variables \['w'\], but ser"
    ):
        read_panel([parts["a"], parts["b"].rename(columns={"v": "w"})])


@pytest.mark.parametrize("kind", ["pandas", "polars dates"])
def test_covariates_inside_a_wide_frame(kind: str) -> None:
    data = {
        "day": dates(4),
        "a": [1.0, 2, 3, 4],
        "b": [5.0, 6, 7, 8],
        "c": [1, 2, 3, 4],
    }
    data = FRAMES[kind](data)
    panel = read_panel(
        data, time_column="day", past_covariates=["b"], future_covariates=["c"]
    )
    assert panel.layout.targets == ("a",)
    np.testing.assert_array_equal(panel[0].past[:, 0], [5, 6, 7, 8])
    np.testing.assert_array_equal(panel[0].future[:, 0], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="expected one of the two"):
        read_panel(data, time_column="day", past_covariates=["b"], past=np.ones(4))
    with pytest.raises(ValueError, match="expected none with columns='series'"):
        read_panel(data, time_column="day", target="a", columns="series")
    with pytest.raises(ValueError, match="no column 'd'"):
        read_panel(data, time_column="day", past_covariates=["d"])
    with pytest.raises(ValueError, match="are columns of long frames, with id_column"):
        read_panel(data, time_column="day", static_features=["c"])


def test_a_target_is_a_column() -> None:
    """What has no columns is that series only if it says so."""
    y, frame = np.arange(4.0), pd.DataFrame({"x": np.ones(4)})
    for target in ("a", ["a"], ("a",), np.array(["a"])):
        assert read_panel(frame.assign(a=y), target=target).layout.targets == ("a",)
        for series in (pd.Series(y, name="a"), pl.Series("a", y)):
            assert read_panel(series, target=target).layout.targets == ("a",)
            assert read_panel(frame, series, target=target).layout.past == ("x",)
    words = "names a column of a frame, but"
    for data, what in (
        (y, "is a ndarray: pass a frame"),
        (np.stack([y, y], axis=1), "is a ndarray"),
        (y.tolist(), "is a list"),
        (pd.Series(y), "is a Series"),
        (pl.Series(y), "is a Series"),
        (pd.Series(y, name="b"), "is a Series with the name 'b'"),
    ):
        with pytest.raises(ValueError, match=f"target='a' {words} X {what}"):
            read_panel(data, target="a")
        with pytest.raises(ValueError, match=rf"\['a', 'b'\] {words} y {what}"):
            read_panel(frame, data, target=["a", "b"])
        with pytest.raises(ValueError, match=f"target='a' {words} series 'k' {what}"):
            read_panel({"k": data}, target="a")


def test_text_and_lazy_frames() -> None:
    frame = pl.DataFrame({"a": [1.0], "b": ["rain"]})
    with pytest.raises(TypeError, match=r"column 'b'.* must hold numbers, got .*rain"):
        read_panel(frame)
    with pytest.raises(TypeError, match=r"X is a LazyFrame: pass X.collect\(\)"):
        read_panel(frame.lazy())
    zoned = pl.DataFrame({"t": [datetime.datetime(2024, 1, 1)], "a": [1.0]})
    zoned = zoned.with_columns(pl.col("t").dt.replace_time_zone("UTC"))
    words = "column 't', has the time zone UTC, and forecasts would come without it"
    with pytest.raises(ValueError, match=words):
        read_panel(zoned, time_column="t")


@frames
def test_dates_that_nothing_reads(kind: str) -> None:
    """A target by name must not leave the times away without a word."""
    data = FRAMES[kind](
        {"day": dates(4), "sales": np.arange(4.0), "shop": list("aabb")}
    )
    alone: dict[str, Any] = {}
    for options in (alone, {"id_column": "shop"}):
        with pytest.raises(
            ValueError, match=r"dates in the column 'day'.*time_column="
        ):
            read_panel(data, target="sales", **options)
    assert read_panel(data, target="sales", time_column="day")[0].times is not None


def test_dates_that_are_text_and_those_beside_an_index() -> None:
    text = pd.DataFrame({"day": ["1/31/2024", "2/1/2024"], "sales": [1.0, 2.0]})
    with pytest.raises(ValueError, match="dates in the column 'day'"):
        read_panel(text, target="sales")
    assert read_panel(text.assign(day=["a", "b"]), target="sales").lengths == [2]
    dated = text.set_index(pd.date_range("2024-01-31", periods=2))
    assert read_panel(dated, target="sales").lengths == [2]


def test_a_column_has_one_role() -> None:
    data = pd.DataFrame({"a": np.arange(4.0), "b": np.arange(4.0), "s": list("xxyy")})
    both = "column 'a' is named in target and in"
    for role in ("past_covariates", "future_covariates"):
        for names in ("a", ["b", "a"]):
            with pytest.raises(ValueError, match=f"{both} {role}: expected one"):
                read_panel(data, target="a", **{role: names})
    roles: dict[str, Any] = {"past_covariates": ["b"], "future_covariates": ["b"]}
    with pytest.raises(ValueError, match="'b' is named in past_covariates and in fut"):
        read_panel(data, target="a", **roles)
    with pytest.raises(ValueError, match="'b' is named in past_covariates twice"):
        read_panel(data, target="a", past_covariates=["b", "b"])
    with pytest.raises(ValueError, match="'s' is named in id_column and in target"):
        read_panel(data, target="s", id_column="s")
    # One covariate may stand by itself.
    panel = read_panel(data, target="a", past_covariates="b", id_column="s")
    assert panel.layout.past == ("b",)
    assert read_panel(data, target="a", future_covariates="b").layout.future == ("b",)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "float32", object])
def test_missing_values_of_pandas(dtype: Any) -> None:
    missing = np.nan if dtype == "float32" else pd.NA
    series = pd.Series([1, missing, 0], dtype=dtype)
    np.testing.assert_array_equal(read_panel(series)[0].y[:, 0], [1.0, np.nan, 0.0])


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["2008-01-01", "2008-02-01"], "'2008-01-01' at row 0"),
        ([None, "31.1.2008 12:00"], "'31.1.2008 12:00' at row 1"),
        (["2008-01", "2008-02"], "'2008-01' at row 0"),
        (pd.to_datetime(["2008-01-01", "2008-02-01"]), "times, 2008-01-01 first"),
        ([datetime.date(2008, 1, 1)] * 2, "datetime.date(2008, 1, 1) at row 0"),
    ],
)
def test_a_column_of_times_that_nobody_named(values: Any, shown: str) -> None:
    frame = pd.DataFrame({"month": values, "y": [1.0, 2.0]})
    words = re.escape(f"{shown}: if these are the times, time_column='month'")
    with pytest.raises(TypeError, match=f"^X, column 'month', must .* got {words}$"):
        read_panel(frame)
    for other in (["north", "south"], ["1.5", "2.5"], ["1-2", "2"]):
        with pytest.raises(TypeError, match=r"at row 0$"):
            read_panel(frame.assign(month=other))
