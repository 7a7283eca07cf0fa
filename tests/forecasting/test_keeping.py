"""Panels in files and pickles: as they were, and forecasts in the user's form."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm.files import read_record, read_tensors, write_record
from fastlstm.forecasting import Panel, read_panel
from fastlstm.forecasting.dtypes import describe_dtype
from pandas.testing import assert_frame_equal, assert_series_equal
from polars.testing import assert_frame_equal as assert_polars_equal
from polars.testing import assert_series_equal as assert_polars_series_equal
from safetensors.numpy import load_file

from .test_frames import INDEXES
from .test_growing import assert_same_panel
from .test_panel import FORMS

NAN = np.nan
DAYS = pd.date_range("2024-01-01", periods=9, freq="D")


def long_frame(**columns: Any) -> dict[str, Any]:
    data = {"id": list("bba"), "t": [1, 2, 1], "v": [1.0, 2.0, 3.0], **columns}
    return {"X": pd.DataFrame(data), "id_column": "id", "time_column": "t"}


def polars_long(dtype: Any, ids: Any = "bba", times: Any = None) -> dict[str, Any]:
    times = pl.Series([1, 2, 1], dtype=pl.Int16) if times is None else times
    frame = pl.DataFrame({"id": list(ids), "t": times, "v": [1.0, 2.0, 3.0]})
    frame = frame.cast({"id": dtype})
    return {"X": frame, "id_column": "id", "time_column": "t"}


FIRST = pd.Timestamp("2024-01-01")
SECOND = pd.Timestamp("2024-01-02")
TIMES = pl.Series([FIRST, SECOND, FIRST])
KEPT: dict[str, dict[str, Any]] = {
    **{name: {"X": data} for name, (data, _) in FORMS.items()},
    "covariates": {
        "X": {"a": [1.0, NAN, 3.0], "b": [4.0]},
        "past": {"a": [1.0, NAN, 3.0], "b": [4.0]},
        "future": {"a": np.arange(5.0), "b": np.arange(4.0)},
        "static": {"a": ["north", 3], "b": ["south", 4]},
    },
    "columns": {"X": np.arange(6.0).reshape(3, 2), "columns": "series"},
    "columns of pandas": {
        "X": pd.DataFrame({"a": [NAN, 2, 3], "b": [1.0, 2, NAN]}, DAYS[:3]),
        "columns": "series",
    },
    **{
        f"pandas frame of {index}": {"X": pd.DataFrame({"a": range(9)}, INDEXES[index])}
        for index in INDEXES
    },
    "pandas series": {"X": pd.Series(range(9), DAYS, name="sales")},
    "pandas series without name": {"X": pd.Series(range(9))},
    "dict of pandas": {
        "X": {"a": pd.Series(range(9), DAYS), 7: pd.Series([1], DAYS[:1])}
    },
    "column of periods": {
        "X": pd.DataFrame({"t": DAYS.to_period("D"), "a": range(9)}),
        "time_column": "t",
    },
    "dates of Python": {
        "X": pd.DataFrame({"t": DAYS.date, "a": range(9)}),
        "time_column": "t",
    },
    "long": long_frame(),
    "long with categories": long_frame(
        id=pd.Categorical(list("bba"), ["a", "b", "c"], ordered=True)
    ),
    "long with numbered categories": long_frame(id=pd.Categorical([20, 20, 10])),
    "long with strings": long_frame(id=pd.array(list("bba"), dtype="string[python]")),
    "long with objects": long_frame(id=pd.Series([1, 1, "a"], dtype=object)),
    "long with small integers": long_frame(
        id=pd.array([2, 2, 1], dtype="Int16"), t=np.array([1, 2, 1], np.int32)
    ),
    "polars series": {"X": pl.Series("q", [1, None, 3])},
    "polars frame": {"X": pl.DataFrame({"a": [1, 2], "b": [3.0, 4.0]})},
    "polars frame with dates": {
        "X": pl.DataFrame({"t": pl.Series(DAYS).cast(pl.Date), "a": range(9)}),
        "time_column": "t",
    },
    **{
        f"polars long of {dtype}": polars_long(dtype)
        for dtype in (pl.String(), pl.Categorical(), pl.Enum(["a", "b", "c"]))
    },
    "polars long of Int8": polars_long(pl.Int8(), [2, 2, 1]),
    "polars long of dates": polars_long(pl.UInt16(), [2, 2, 1], TIMES.cast(pl.Date)),
    "polars long of milliseconds": polars_long(
        pl.Int8(), [2, 2, 1], TIMES.cast(pl.Datetime("ms"))
    ),
}


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    checks: dict[type, Any] = {
        pd.DataFrame: assert_frame_equal,
        pd.Series: assert_series_equal,
        pl.DataFrame: assert_polars_equal,
        pl.Series: assert_polars_series_equal,
        np.ndarray: np.testing.assert_array_equal,
    }
    if type(other) in checks:
        checks[type(other)](one, other)
    elif isinstance(other, dict):
        assert list(one) == list(other)
        assert_same(list(one.values()), list(other.values()))
    else:
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)


def forecasts(panel: Panel) -> list[Any]:
    k = len(panel.layout.targets)
    some = [n + np.arange(12.0 * k).reshape(3, 2, k, 2) for n in range(len(panel))]
    return [
        panel.give_back([values[0, :, :, 0] for values in some]),
        panel.give_back([values[0] for values in some], quantiles=[0.1, 0.9]),
        panel.give_back([values[..., 0] for values in some], samples=True),
    ]


def kept(panel: Panel, path: Path) -> Panel:
    write_record(path, "panel", {"panel": panel})
    result = read_record(path, ["panel"])[1]["panel"]
    assert isinstance(result, Panel)
    return result


@pytest.mark.parametrize("what", KEPT)
def test_panels_are_kept(what: str, tmp_path: Path) -> None:
    panel = read_panel(**KEPT[what])
    from_file = kept(panel, tmp_path / "panel.safetensors")
    for copy in (from_file, pickle.loads(pickle.dumps(panel))):
        assert_same_panel(copy, panel)
        assert copy.form == panel.form
        for one, other in zip(forecasts(copy), forecasts(panel), strict=True):
            assert_same(one, other)
    # Its arrays are those of the format's own library.
    tensors = load_file(tmp_path / "panel.safetensors")
    ys = [values for name, values in tensors.items() if name.endswith(".y")]
    assert sorted(map(len, ys)) == sorted(panel.lengths.tolist())
    # A kept panel goes on.
    again = kept(panel.until(panel.lengths), tmp_path / "again.safetensors")
    assert_same_panel(again, panel)


@pytest.mark.parametrize("what", [what for what in KEPT if "long" in what])
def test_columns_keep_their_types(what: str) -> None:
    frame = KEPT[what]["X"]
    back = read_panel(**KEPT[what]).give_back([np.ones((1, 1))] * 2)
    for column in ("id", "t"):
        assert back[column].dtype == frame[column].dtype


def test_what_keeps_strings_is_described() -> None:
    # Text alone would be read as what the settings of pandas say.
    assert describe_dtype(pd.StringDtype("python")) == {"name": "string[python]"}


def test_a_form_holds_no_rows(tmp_path: Path) -> None:
    sizes = []
    for n in (9, 9000):
        index = pd.date_range("2024-01-01", periods=n, freq="D")
        form = read_panel(pd.DataFrame({"a": range(n)}, index)).form
        write_record(tmp_path / "form", "form", {"form": form})
        sizes.append((len(pickle.dumps(form)), (tmp_path / "form").stat().st_size))
        assert not read_tensors(tmp_path / "form")[0]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_forecasts_need_the_library(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame if library == "pandas" else pl.DataFrame
    panel = read_panel(frame({"a": [1.0, 2.0]}))
    write_record(tmp_path / "panel", "panel", {"panel": panel})
    monkeypatch.setitem(sys.modules, library, None)
    loaded = read_record(tmp_path / "panel", ["panel"])[1]["panel"]
    np.testing.assert_array_equal(loaded[0].y, [[1.0], [2.0]])
    with pytest.raises(
        ImportError, match=f"those of {library}, .*pip install {library}"
    ):
        loaded.give_back([np.ones((1, 1))])


def write_form(path: Path, **changes: Any) -> None:
    panel = read_panel(pl.DataFrame({"t": [1, 2], "a": [1.0, 2.0]}), time_column="t")
    builder = panel.form.templates[0].builder  # type: ignore[union-attr]
    vars(builder).update(changes)
    write_record(path, "panel", {"panel": panel})


def test_files_name_nothing_but_types(tmp_path: Path) -> None:
    """A file may not choose what is called or imported."""
    for changes, message in (
        ({"library": "os"}, "frames are those of pandas or polars, got 'os'"),
        ({"dtypes": {"t": {"name": "read_csv"}}}, "polars has no type 'read_csv'"),
        ({"dtypes": {"t": {"name": "nothing"}}}, "polars has no type 'nothing'"),
    ):
        write_form(tmp_path / "panel", **changes)
        panel = read_record(tmp_path / "panel", ["panel"])[1]["panel"]
        with pytest.raises(ValueError, match=message):
            panel.give_back([np.ones((1, 1))])
    write_form(tmp_path / "panel", rows=[1])
    with pytest.raises(ValueError, match="a FrameBuilder has no rows"):
        read_record(tmp_path / "panel", ["panel"])
