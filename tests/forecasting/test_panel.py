"""From arrays, lists and dicts to a panel and back; covariates; what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting import Panel, PanelLayout, read_panel

RAMP = np.arange(12.0)
FORMS: dict[str, Any] = {
    "list of numbers": (RAMP.tolist(), [(12, 1)]),
    "array (T,)": (RAMP, [(12, 1)]),
    "array (T, K)": (RAMP.reshape(6, 2), [(6, 2)]),
    "integers": (np.arange(12), [(12, 1)]),
    "float32": (RAMP.astype(np.float32), [(12, 1)]),
    "objects with None": (np.array([1, None, 3.5], object), [(3, 1)]),
    "list (T,)": ([RAMP, RAMP[:5]], [(12, 1), (5, 1)]),
    "list (T, K)": ([RAMP.reshape(4, 3), RAMP[:9].reshape(3, 3)], [(4, 3), (3, 3)]),
    "list of lists": ([[1, 2, 3], [4, 5]], [(3, 1), (2, 1)]),
    "ragged objects": (np.array([RAMP, RAMP[:5]], object), [(12, 1), (5, 1)]),
    "dict": ({"a": RAMP, 7: RAMP[:5]}, [(12, 1), (5, 1)]),
    "array (N, T, K)": (RAMP.reshape(3, 2, 2), [(2, 2)] * 3),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_series(form: str) -> None:
    data, shapes = FORMS[form]
    panel = read_panel(data)
    assert [series.y.shape for series in panel] == shapes
    assert all(series.y.dtype == np.float64 for series in panel)
    assert panel.ids == (list(data) if form == "dict" else list(range(len(shapes))))
    assert panel.named == (form == "dict")
    parts = list(data.values()) if form == "dict" else data
    parts = [parts] if len(shapes) == 1 else parts
    for series, part in zip(panel, parts, strict=True):
        expected = np.asarray(part, np.float64).reshape(series.y.shape)
        np.testing.assert_array_equal(series.y, expected)


def values(panel: Panel, *rest: int, first: tuple[int, ...] = ()) -> list[np.ndarray]:
    shape = (*first, 2, len(panel.layout.targets), *rest)
    size = int(np.prod(shape))
    return [np.arange(size).reshape(shape) + 1000.0 * n for n in range(len(panel))]


@pytest.mark.parametrize("form", FORMS)
def test_forecasts_come_back_in_the_form(form: str) -> None:
    data, _ = FORMS[form]
    panel = read_panel(data)
    flat = panel.layout.targets == (0,)
    points, paths = values(panel), values(panel, first=(4,))
    quantiles = values(panel, 3)
    expected = [
        [p[:, 0] if flat else p for p in points],
        [q[:, 0] if flat else q for q in quantiles],
        [s[..., 0] if flat else s for s in paths],
    ]
    results = [
        panel.give_back(points),
        panel.give_back(quantiles, quantiles=[0.1, 0.5, 0.9]),
        panel.give_back(paths, samples=True),
    ]
    for result, parts in zip(results, expected, strict=True):
        if form == "dict":
            assert list(result) == ["a", 7]
            result = list(result.values())
        elif len(panel) == 1:
            result = [result]
        assert isinstance(result, np.ndarray if "(N," in form else list)
        for one, part in zip(result, parts, strict=True):
            np.testing.assert_array_equal(one, part)


def test_columns_that_are_series() -> None:
    table = np.array([[np.nan, 1.0], [2.0, 3.0], [np.nan, 4.0], [5.0, np.nan]])
    panel = read_panel(table, columns="series")
    np.testing.assert_array_equal(panel[0].y, [[2.0], [np.nan], [5.0]])
    np.testing.assert_array_equal(panel[1].y, [[1.0], [3.0], [4.0]])
    back = panel.give_back([np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]])])
    # The second series ends a row earlier, and so do its forecasts.
    np.testing.assert_array_equal(back, [[np.nan, 3.0], [1.0, 4.0], [2.0, np.nan]])
    paths = panel.give_back([np.ones((5, 2, 1)), 2 * np.ones((5, 2, 1))], samples=True)
    assert paths.shape == (5, 3, 2)
    many = [np.ones((2, 1, 3)), 2 * np.ones((2, 1, 3))]
    assert panel.give_back(many, quantiles=[0.1, 0.5, 0.9]).shape == (3, 2, 3)


def test_give_back_refuses_other_shapes() -> None:
    panel = read_panel([RAMP, RAMP])
    one = np.ones((2, 1))
    for wrong, options in (
        ([one], {}),
        ([one, np.ones((3, 1))], {}),
        ([one[:, :0]] * 2, {}),
        ([one] * 2, {"samples": True}),
        ([one[..., None]] * 2, {"quantiles": [0.1, 0.9]}),
    ):
        with pytest.raises(ValueError, match="expected 2 arrays"):
            panel.give_back(wrong, **options)  # type: ignore[arg-type]


def test_the_past_of_a_panel() -> None:
    past, future = RAMP[:, None] * 2, np.arange(14.0)[:, None]
    panel = read_panel([RAMP, RAMP], past=[past] * 2, future=[future] * 2)
    earlier = panel.until([4, 12])
    assert earlier.lengths.tolist() == [4, 12]
    np.testing.assert_array_equal(earlier[0].y, panel[0].y[:4])
    np.testing.assert_array_equal(earlier[0].past, past[:4])
    np.testing.assert_array_equal(earlier[0].future, future)
    assert (earlier[0].extra, earlier[1].extra) == (10, 2)
    for wrong in ([4], [4, 13], [0, 4]):
        with pytest.raises(ValueError, match="end"):
            panel.until(wrong)


# ----------------------------------------------------------------------- covariates


def test_covariates_of_one_series() -> None:
    panel = read_panel(RAMP, past=RAMP + 1, future=np.ones((15, 2)), static=[3, "red"])
    (series,) = panel
    np.testing.assert_array_equal(series.past, RAMP[:, None] + 1)
    assert (series.future.shape, series.extra) == ((15, 2), 3)
    assert series.static.tolist() == [3.0, "red"]
    panel.check_horizon(3)
    words = "have 3 rows after its end, expected 4, the horizon: pass future= with"
    with pytest.raises(ValueError, match=f"{words} the 4 rows that follow its end$"):
        panel.check_horizon(4)
    with pytest.raises(ValueError, match=f"{words} all 16 rows, from its first row on"):
        panel.check_horizon(4, whole=True)
    read_panel(RAMP).check_horizon(99)


def test_x_beside_y_is_known_up_to_now() -> None:
    panel = read_panel(np.stack([RAMP, -RAMP], axis=1), RAMP * 3)
    np.testing.assert_array_equal(panel[0].y[:, 0], RAMP * 3)
    assert panel[0].past.shape == (12, 2)
    with pytest.raises(
        ValueError, match="12: expected as many; what is known ahead are"
    ):
        read_panel(np.ones((13, 1)), RAMP)
    with pytest.raises(ValueError, match="and past= too"):
        read_panel(RAMP, RAMP, past=RAMP)


@pytest.mark.parametrize("form", ["list", "dict", "array (N, T, K)"])
def test_covariates_of_many_series(form: str) -> None:
    rng = np.random.default_rng(0)
    y, past = rng.random((3, 7, 2)), rng.random((3, 7, 1))
    future = rng.random((3, 9, 4))

    def formed(x: Any) -> Any:
        if form == "dict":
            return dict(zip("abc", x, strict=True))
        return list(x) if form == "list" else x

    panel = read_panel(
        formed(y), past=formed(past), future=formed(future), static=formed(np.eye(3))
    )
    for n, series in enumerate(panel):
        np.testing.assert_array_equal(series.y, y[n])
        np.testing.assert_array_equal(series.past, past[n])
        np.testing.assert_array_equal(series.future, future[n])
        np.testing.assert_array_equal(series.static, np.eye(3)[n])


def test_covariates_of_columns() -> None:
    table = np.array([[np.nan, 1.0], [2.0, 3.0], [4.0, np.nan]])
    shared, own = np.arange(5.0), {0: np.arange(3.0), 1: np.arange(3.0) * 2}
    panel = read_panel(table, columns="series", future=shared, past=own)
    np.testing.assert_array_equal(panel[0].future[:, 0], [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(panel[1].future[:, 0], shared)
    np.testing.assert_array_equal(panel[0].past[:, 0], [1.0, 2.0])
    np.testing.assert_array_equal(panel[1].past[:, 0], [0.0, 2.0])
    assert (panel[0].extra, panel[1].extra) == (2, 3)


def test_covariates_go_with_their_times() -> None:
    index = pd.date_range("2024-01-01", periods=8, freq="D")
    # The series has a gap where covariates go on, and one which they have too.
    y = pd.Series(RAMP[:4], index[[0, 1, 3, 5]])
    future = pd.DataFrame({"promo": RAMP[:7]}, index[[0, 1, 2, 3, 5, 6, 7]])
    panel = read_panel(y, future=future, past=y * 2)
    expected = [0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0]
    np.testing.assert_array_equal(panel[0].future[:, 0], expected)
    nan = np.nan
    np.testing.assert_array_equal(panel[0].past[:, 0], [0.0, 2.0, nan, 4.0, nan, 6.0])
    # Without times of their own they have the rows of the series.
    panel = read_panel(y, future=np.arange(6.0))
    expected = [0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 5.0]
    np.testing.assert_array_equal(panel[0].future[:, 0], expected)


INDEX = pd.date_range("2024-01-01", periods=12, freq="D")
DAILY = pd.Series(RAMP, INDEX)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "past too short": (
        {"past": RAMP[:5]},
        "past covariates of X have 5 rows, but the se",
    ),
    "past with inf": (
        {"past": np.where(RAMP == 1, np.inf, RAMP)},
        "past covariates of X holds inf at row 1",
    ),
    "past at other times": (
        {"X": DAILY, "past": DAILY.set_axis(INDEX + pd.Timedelta("1D"))},
        r"have the time 2024-01-02 at row 0, but the series 2024-01-01",
    ),
    "future too short": (
        {"future": RAMP[:5]},
        "future covariates of X have 5 rows, but",
    ),
    "future with NaN": (
        {"future": np.where(RAMP == 3, np.nan, RAMP)},
        "future covariates of X are missing at row 3, column 0",
    ),
    "future from a later time": (
        {"X": DAILY, "future": DAILY[1:]},
        r"begin at 2024-01-02, but the series at 2024-01-01",
    ),
    "future with a gap": (
        {"X": DAILY, "future": DAILY.drop(INDEX[4])},
        r"are missing at step 4 \(time 2024-01-05",
    ),
    "future that ends early": (
        {"X": DAILY, "future": DAILY[:-1]},
        r"are missing at step 11 \(time 2024-01-12",
    ),
    "future of integers": (
        {"X": DAILY, "future": DAILY.reset_index(drop=True)},
        "begin at 0, but the series at 2024-01-01",
    ),
    "future unsorted": (
        {"X": DAILY, "future": DAILY.iloc[[0, 2, 1, *range(3, 12)]]},
        "future covariates of X has .* before",
    ),
    "list of another length": (
        {"X": [RAMP, RAMP], "past": [RAMP]},
        "past covariates are expected as a list of 2, one a series, got 1",
    ),
    "no list": ({"X": [RAMP, RAMP], "past": RAMP}, "as a list of 2, .* got ndarray"),
    "no dict": ({"X": {"a": RAMP}, "future": [RAMP]}, "in a dict .* got list"),
    "not in the dict": (
        {"X": {"a": RAMP}, "future": {"b": RAMP}},
        "'a' .* got no such",
    ),
    "another number": (
        {"X": [RAMP, RAMP], "past": [RAMP, np.ones((12, 2))]},
        "series 1 has 2 past covariates, but series 0 has 1",
    ),
    "columns too short": (
        {"X": RAMP.reshape(6, 2), "columns": "series", "past": RAMP[:5]},
        "past covariates of series 0 have 5 rows, but the table of series 6",
    ),
    "columns without": (
        {"X": RAMP.reshape(6, 2), "columns": "series", "past": {0: RAMP[:6]}},
        "past covariates have none for series 1",
    ),
    "named for arrays": (
        {"past_covariates": ["a"]},
        "are columns of frames, but X is no",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_covariates_that_are_refused(what: str) -> None:
    arguments, message = WRONG[what]
    with pytest.raises(ValueError, match=message):
        read_panel(**{"X": RAMP, **arguments})


# ------------------------------------------------------------------------- refusals

BAD = np.array([[1.0, 2.0], [3.0, -np.inf], [5.0, 6.0]])
REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "inf": ({"X": BAD}, ValueError, "X holds -inf at row 1, column 1"),
    "inf in a list": (
        {"X": [BAD[2:], BAD]},
        ValueError,
        "series 1 holds -inf at row 1, ",
    ),
    "empty": ({"X": np.empty(0)}, ValueError, "X is empty: expected at least one step"),
    "no series": ({"X": []}, ValueError, "X is empty"),
    "empty in a list": ({"X": [RAMP, RAMP[:0]]}, ValueError, "series 1 is empty"),
    "all missing": ({"X": RAMP * np.nan}, ValueError, "X has no observed value"),
    "variable all missing": (
        {"X": np.stack([RAMP, RAMP * np.nan], axis=1)},
        ValueError,
        "X has no observed value of 1",
    ),
    "column all missing": (
        {"X": np.stack([RAMP, RAMP * np.nan], axis=1), "columns": "series"},
        ValueError,
        "series 1 has no observed value",
    ),
    "other variables": (
        {"X": [BAD[:1], RAMP]},
        ValueError,
        "series 1 has 1 variables, but series 0 has 2",
    ),
    "rank": (
        {"X": np.ones((1, 2, 3, 4))},
        ValueError,
        r"shape \(1, 2, 3, 4\), expected",
    ),
    "text": ({"X": ["a", "b"]}, TypeError, "X must hold numbers, got text"),
    "objects": (
        {"X": np.array([1.0, "2"], object)},
        TypeError,
        "X must hold numbers, got '2' at row 1",
    ),
    "times": ({"X": INDEX.to_numpy()}, TypeError, "numbers, got times, 2024-0"),
    "complex": ({"X": RAMP * 1j}, TypeError, "X must hold numbers, got complex128"),
    "mask": ({"X": np.ma.masked_less(RAMP, 3)}, TypeError, "X is a masked array"),
    "parts of no length": (
        {"X": [1.0, [2.0, 3.0]]},
        ValueError,
        "parts of different lengths",
    ),
    "columns": ({"X": RAMP, "columns": "rows"}, ValueError, "columns must be one of"),
    "id column": ({"X": RAMP, "id_column": "id"}, TypeError, "is a column of a frame"),
    "time column": (
        {"X": RAMP, "time_column": "t"},
        ValueError,
        "is a column of a fra",
    ),
    "some have times": (
        {"X": [DAILY, RAMP]},
        ValueError,
        "series 0 has times and series 1 has none",
    ),
    "kinds of times": (
        {"X": [DAILY, pd.Series(RAMP)]},
        ValueError,
        "series 1 has integers for times, but series 0 datetimes",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_series_that_are_refused(what: str) -> None:
    arguments, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        read_panel(**arguments)


def test_constant_series_are_read() -> None:
    assert (read_panel(np.full(9, 3.0))[0].y == 3.0).all()


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ({"X": np.ones((12, 2))}, r"2 variables, \[0, 1\], but those of the fit 1"),
        ({"past": None}, r"0 past covariates, \[\], but those of the fit 1, \[0\]"),
        ({"future": np.ones((12, 2))}, "2 future covariates"),
        ({"static": None}, "0 static features"),
    ],
)
def test_later_panels_are_those_of_the_fit(later: dict[str, Any], message: str) -> None:
    fitted: dict[str, Any] = {"X": RAMP, "past": RAMP, "future": RAMP, "static": [1]}
    layout = read_panel(**fitted).layout
    assert read_panel(**fitted, like=layout).layout == layout
    with pytest.raises(ValueError, match=message):
        read_panel(**(fitted | later), like=layout)


def test_names_and_steps_of_the_fit() -> None:
    layout = read_panel(pd.DataFrame({"a": RAMP, "b": RAMP}, INDEX)).layout
    with pytest.raises(ValueError, match=r"\['b', 'a'\], but those of the fit 2"):
        read_panel(pd.DataFrame({"b": RAMP, "a": RAMP}, INDEX), like=layout)
    read_panel(np.ones((3, 2)), like=layout)  # without names
    numbered = pd.DataFrame({"a": RAMP, "b": RAMP})
    with pytest.raises(
        ValueError, match="have a step of 1, but those of the fit of 1 day"
    ):
        read_panel(numbered, like=layout)


def test_a_layout_is_kept_in_files(tmp_path: Any) -> None:
    from fastlstm.files import read_record, write_record

    layout = read_panel(DAILY, past=RAMP, static=["x"]).layout
    write_record(tmp_path / "layout", "layout", {"layout": layout})
    kept = read_record(tmp_path / "layout", ["layout"])[1]["layout"]
    assert isinstance(kept, PanelLayout)
    assert kept == layout


def test_the_panel_has_numbers_of_its_own() -> None:
    one, several, past = np.zeros(9), np.zeros((3, 9, 2)), np.zeros((9, 1))
    panels = read_panel(one, past=past), read_panel(several)
    for array in (one, several, past):
        array += 1.0
    for series in (*panels[0], *panels[1]):
        assert not series.y.any()
        assert not series.past.any()
