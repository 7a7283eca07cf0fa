"""Newly observed rows behind a panel: as if all had been read at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm.forecasting import Panel, read_panel

from .frames import FRAMES, dates, same

NAN = np.nan
N, T, EXTRA = 3, 9, 4
TIMES = pd.date_range("2024-02-26", periods=T + EXTRA, freq="D")
STEPS: dict[str, Any] = {
    "days": TIMES,
    "month ends": pd.date_range("2023-12-31", periods=T + EXTRA, freq="ME"),
    "business days": pd.date_range("2024-02-28", periods=T + EXTRA, freq="B"),
    "quarters": pd.period_range("2023Q4", periods=T + EXTRA, freq="Q"),
    "every second": pd.RangeIndex(100, 100 + 2 * (T + EXTRA), 2),
    "hours in ns": pd.date_range("2024-02-26", periods=T + EXTRA, freq="h", unit="ns"),
}


def numbers(*shape: int, missing: bool = True) -> np.ndarray:
    rng = np.random.default_rng(5)
    values = rng.standard_normal(shape).round(3)
    if missing:
        values[rng.random(shape) < 0.2] = NAN
        values[..., 0, :] = 1.0  # the first row of each part is observed
    return values


def make(form: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Series, what goes beside them row by row, and the other arguments."""
    if form == "array (T,)":
        y, future = numbers(T, 1)[:, 0], numbers(T + EXTRA, 2, missing=False)
        return {"X": y, "past": numbers(T, 2), "future": future}, {}
    if form == "array (T, K)":
        return {"X": numbers(T, 2), "past": numbers(T, 1)[:, 0]}, {}
    if form == "array (N, T, K)":
        y, future = numbers(N, T, 2), numbers(N, T + EXTRA, 1, missing=False)
        return {"X": y, "past": numbers(N, T, 2), "future": future}, {}
    if form == "columns of an array":
        return {"X": numbers(T, N), "future": numbers(T + EXTRA, 2, missing=False)}, {
            "columns": "series"
        }
    if form == "columns of a frame":
        y = pd.DataFrame(numbers(T, N), TIMES[:T], list("abc"))
        return {"X": y}, {"columns": "series"}
    if form == "pandas series":
        return {"X": pd.Series(numbers(T, 1)[:, 0], TIMES[:T], name="y")}, {}
    y = numbers(T, 2)
    data = {"day": dates(T), "a": y[:, 0], "b": y[:, 1], "c": numbers(T, 1)[:, 0]}
    data["d"] = np.arange(T)
    roles = {"past_covariates": ["c"], "future_covariates": ["d"]}
    return {"X": FRAMES[form](data)}, {"time_column": "day", **roles}


def rows(data: Any, begin: int, end: int) -> Any:
    if isinstance(data, np.ndarray) and data.ndim == 3:
        return data[:, begin:end]
    return data.iloc[begin:end] if hasattr(data, "iloc") else data[begin:end]


def read_in_parts(form: str, ends: list[int]) -> tuple[Panel, Panel]:
    """All at once, and part after part; future covariates reach on from each end."""
    data, options = make(form)
    panel: Panel | None = None
    begin = 0
    for end in ends:
        part = {
            name: rows(table, begin, end + EXTRA * (name == "future"))
            for name, table in data.items()
        }
        if panel is None:
            panel = read_panel(**part, **options)
        else:
            new = read_panel(**part, **options, like=panel.layout, new_rows=True)
            panel = panel.extended(new)
        begin = end
    assert panel is not None
    return read_panel(**data, **options), panel


def assert_same_panel(panel: Panel, expected: Panel) -> None:
    assert (panel.ids, panel.named) == (expected.ids, expected.named)
    assert panel.layout == expected.layout
    for one, other in zip(panel, expected, strict=True):
        for name in ("y", "past", "future"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert one.static.tolist() == other.static.tolist()
        assert (one.times is None) == (other.times is None)
        if one.times is not None and other.times is not None:
            np.testing.assert_array_equal(one.times, other.times)
            assert one.times.dtype == other.times.dtype


def assert_same_forecasts(panel: Panel, expected: Panel) -> None:
    k = len(panel.layout.targets)
    values = [n + np.arange(2.0 * k).reshape(2, k) for n in range(len(panel))]
    one, other = panel.give_back(values), expected.give_back(values)
    if isinstance(other, (pd.DataFrame, pl.DataFrame)):
        same(one, other)
    elif isinstance(other, pd.Series):
        pd.testing.assert_series_equal(one, other)
    else:
        np.testing.assert_array_equal(one, other)


FORMS = [
    *("array (T,)", "array (T, K)", "array (N, T, K)", "columns of an array"),
    *("columns of a frame", "pandas series"),
    *FRAMES,
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ends", [[4, T], [6, 7, 8, T]], ids=["at once", "row by row"])
def test_parts_are_the_whole(form: str, ends: list[int]) -> None:
    whole, grown = read_in_parts(form, ends)
    assert_same_panel(grown, whole)
    assert_same_forecasts(grown, whole)


@pytest.mark.parametrize("kind", FRAMES)
def test_long_frames_in_parts(kind: str) -> None:
    y = numbers(2 * T, 2)
    data = {
        "shop": ["b"] * T + ["a"] * T,
        "day": [*dates(T), *dates(T, 2)],
        "sales": y[:, 0],
        "promo": np.arange(2 * T),
        "city": ["B"] * T + ["A"] * T,
    }
    roles: dict[str, Any] = {"id_column": "shop", "time_column": "day"}
    roles |= {"future_covariates": ["promo"], "static_features": ["city"]}

    def part(at: list[int], leave_out: str = "") -> Any:
        columns = {name: column for name, column in data.items() if name != leave_out}
        return FRAMES[kind](
            {name: [column[i] for i in at] for name, column in columns.items()}
        )

    panel = read_panel(part([*range(6), *range(T, T + 4)]), **roles)
    for at in ([6], [8, T + 4, 7], [*range(T + 5, 2 * T)]):
        new = read_panel(part(at, "city"), **roles, like=panel.layout, new_rows=True)
        panel = panel.extended(new)
    whole = read_panel(part([*range(2 * T)]), **roles)
    assert_same_panel(panel, whole)
    assert_same_forecasts(panel, whole)


@pytest.mark.parametrize("step", STEPS)
def test_steps_go_on(step: str) -> None:
    index = STEPS[step][:T]
    whole = pd.DataFrame({"a": np.arange(float(T))}, index)
    head = read_panel(whole[:5])
    # One row alone, and one after a gap.
    for at in ([5], [7, 8]):
        like = head.layout
        new = read_panel(whole.iloc[at], like=like, new_rows=True)
        assert new.layout.step == like.step
        head = head.extended(new)
    expected = np.arange(float(T))
    expected[6] = NAN
    np.testing.assert_array_equal(head[0].y[:, 0], expected)
    np.testing.assert_array_equal(head[0].times, read_panel(whole)[0].times)
    ahead = head.give_back([np.ones((EXTRA, 1))])
    np.testing.assert_array_equal(ahead.index, STEPS[step][T:])


@pytest.mark.parametrize("kind", FRAMES)
def test_a_step_that_the_first_rows_do_not_tell(kind: str) -> None:
    days = dates(8)
    frame = FRAMES[kind]
    panel = read_panel(frame({"day": days[:1], "a": [1.0]}), time_column="day")
    assert panel.layout.step is None
    new = frame({"day": days[2:3], "a": [2.0]})
    panel = panel.extended(read_panel(new, time_column="day", new_rows=True))
    assert str(panel.layout.step) == "2 days"
    new = frame({"day": days[6:7], "a": [4.0]})
    panel = panel.extended(read_panel(new, time_column="day", new_rows=True))
    np.testing.assert_array_equal(panel[0].y[:, 0], [1.0, 2.0, NAN, 4.0])
    # The new rows alone tell it.
    panel = read_panel(frame({"day": days[:1], "a": [1.0]}), time_column="day")
    new = frame({"day": days[2:4], "a": [2.0, 3.0]})
    panel = panel.extended(read_panel(new, time_column="day", new_rows=True))
    np.testing.assert_array_equal(panel[0].y[:, 0], [1.0, NAN, 2.0, 3.0])


def test_names_tell_series() -> None:
    past = {"a": [1.0, 2.0], "b": [3.0], "c": [4.0]}
    panel = read_panel(past, past=past, static={"a": ["x"], "b": [2], "c": [3]})
    new = {"c": [9.0], "a": [5.0, NAN]}
    read = read_panel(new, past=new, like=panel.layout, new_rows=True)
    grown = panel.extended(read)
    expected: list[Any] = [[1, 2, 5, NAN], [3], [4, 9]]
    for series, values in zip(grown, expected, strict=True):
        np.testing.assert_array_equal(series.y[:, 0], values)
        np.testing.assert_array_equal(series.past[:, 0], values)
    assert grown[0].static.tolist() == ["x"]
    assert panel.lengths.tolist() == [2, 1, 1]
    # By place where one of both has no names.
    listed = read_panel([[5.0], [6.0], [7.0]], past=[[0.0]] * 3)
    np.testing.assert_array_equal(panel.extended(listed)[2].y, [[4.0], [7.0]])


def test_columns_that_end_early() -> None:
    table = np.array([[NAN, 1.0, 2.0], [3.0, NAN, 4.0], [5.0, NAN, 6.0]])
    rest = np.array([[NAN, 7.0, NAN], [8.0, NAN, NAN], [NAN] * 3])
    known = np.arange(7.0)
    options: dict[str, Any] = {"columns": "series"}
    panel = read_panel(table, future=known, **options)
    new = read_panel(rest, future=known[3:], **options, new_rows=True)
    grown = panel.extended(new)
    assert_same_panel(
        grown, read_panel(np.concatenate([table, rest]), future=known, **options)
    )
    values = [np.full((2, 1), float(n)) for n in range(3)]
    # The last rows of the series are 4, 3 and 2 of a table of six.
    expected = [[NAN, NAN, 2], [NAN, 1, 2], [0, 1, NAN], [0, NAN, NAN]]
    np.testing.assert_array_equal(grown.give_back(values), expected)
    # Below the table, where all its columns end early, and below what an earlier
    # panel knew.
    for more, length in ((grown, 6), (grown.until([3, 3, 2]), 4)):
        again = more.extended(
            read_panel([[1.0] * 3], future=[[1.0]], **options, new_rows=True)
        )
        ends = [series.y[-1, 0] for series in again]
        assert ends == [1.0] * 3
        np.testing.assert_array_equal(
            again.give_back(values), np.tile([0.0, 1.0, 2.0], (2, 1))
        )
        assert len(again[0]) == length
    # Others than columns follow at once.
    at_once = panel.extended(read_panel([[9.0]] * 3, future=[[1.0]] * 3))
    np.testing.assert_array_equal(at_once[1].y[:, 0], [1.0, 9.0])
    # Three rows are four by now.
    new = read_panel([[2.0] * 3], future=[[1.0]], **options, new_rows=True)
    below = at_once.extended(new)
    np.testing.assert_array_equal(below[0].y[:, 0], [3.0, 5.0, 9.0, 2.0])
    np.testing.assert_array_equal(below[1].y[:, 0], [1.0, 9.0, NAN, NAN, 2.0])
    # Read as series of their own, columns begin at their first observation.
    listed = read_panel([[1.0]] * 3, future=[[0.0, 0.0]] * 3)
    own = read_panel(
        np.array([[NAN, 7.0, 8.0], [4.0] * 3]), future=known[:2], **options
    )
    np.testing.assert_array_equal(listed.extended(own)[0].y[:, 0], [1.0, NAN, 4.0])
    with pytest.raises(ValueError, match="X has no observed value"):
        read_panel(rest * NAN, **options, new_rows=True)
    with pytest.raises(ValueError, match="of 2 series, but the panel has 3: without n"):
        panel.extended(read_panel(rest[:, :2], **options, new_rows=True))


def test_nothing_has_to_be_observed_in_new_rows() -> None:
    panel = read_panel(np.ones((4, 2)))
    row = np.array([[NAN, 3.0]])
    with pytest.raises(ValueError, match="X has no observed value of 0"):
        read_panel(row, like=panel.layout)
    new = read_panel(row, like=panel.layout, new_rows=True)
    np.testing.assert_array_equal(panel.extended(new)[0].y[-1:], row)


@pytest.mark.parametrize(("n", "longest"), [(4, 30), (30, 30), (50, 50)])
def test_the_longest_gap(n: int, longest: int) -> None:
    times = pd.date_range("2024-01-01", periods=200, freq="D")
    y = pd.Series(1.0, times)
    panel = read_panel(y[:n])
    for gap in (longest, longest + 1):
        at = n + gap
        new = read_panel(y[at : at + 1], like=panel.layout, new_rows=True)
        if gap == longest:
            assert len(panel.extended(new)[0]) == at + 1
        else:
            with pytest.raises(ValueError, match="if it is right, fit anew"):
                panel.extended(new)


def test_what_is_known_ahead() -> None:
    known = np.arange(10.0)
    panel = read_panel({"a": np.ones(4)}, future={"a": known[:7]})
    options: dict[str, Any] = {"like": panel.layout, "new_rows": True}
    # Not given: the old ones, as long as they reach.
    two = panel.extended(read_panel({"a": np.ones(2)}, **options))
    np.testing.assert_array_equal(two[0].future[:, 0], known[:7])
    assert two[0].extra == 1
    with pytest.raises(
        ValueError,
        match="known for 3 rows after its end, but its new rows end 4 after it",
    ):
        panel.extended(read_panel({"a": np.ones(4)}, **options))
    # Given: the new ones, and behind these the old ones.
    for n, expected in (
        (1, [0.0, 1, 2, 3, 40, 5, 6]),
        (4, [0.0, 1, 2, 3, 40, 41, 42, 43]),
    ):
        future = {"a": 40 + np.arange(float(n))}
        new = read_panel({"a": [1.0]}, future=future, **options)
        np.testing.assert_array_equal(panel.extended(new)[0].future[:, 0], expected)


def test_what_is_known_ahead_in_a_gap() -> None:
    index = TIMES[:9]
    for reach, in_gap in ((4, [3.0, 3.0]), (5, [4.0, 4.0]), (6, [4.0, 5.0])):
        y = pd.Series(1.0, index[:4])
        panel = read_panel(y, future=pd.Series(np.arange(reach), index[:reach]))
        new = read_panel(
            pd.Series([2.0], index[6:7]), future=pd.Series([9.0, 8.0], index[6:8])
        )
        future = panel.extended(new)[0].future[:, 0]
        np.testing.assert_array_equal(future, [0, 1, 2, 3, *in_gap, 9, 8])


def named_frame(first: int, n: int) -> pd.DataFrame:
    return pd.DataFrame({"a": np.ones(n)}, TIMES[first : first + n])


PANEL: dict[str, Any] = {"X": named_frame(0, 4)}
WEEKS = pd.DataFrame({"a": [1.0]}, TIMES[:1] + pd.Timedelta("9h") + pd.Timedelta("9D"))
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "an overlap": (
        PANEL,
        {"X": named_frame(3, 2)},
        r"new rows of series 0 begin at 2024-02-29, but it has rows until 2024-02-29",
    ),
    "earlier times": (
        {"X": {"a": named_frame(4, 3)}},
        {"X": {"a": named_frame(0, 3)}},
        r"series 'a' begin at 2024-02-26, but it has rows until 2024-03-03: exp",
    ),
    "off the step": (
        PANEL,
        {"X": WEEKS},
        r"begin at 2024-03-06T09:00, which is no whole number of steps of 1 day after "
        "its last time, 2024-02-29",
    ),
    "a wrong year": (
        PANEL,
        {"X": WEEKS.set_axis(pd.to_datetime(["2924-02-29"]))},
        r"begin at 2924-02-29, 328\d{3} steps of 1 day after its last time, 2024-02-29",
    ),
    "a gap longer than the series": (
        PANEL,
        {"X": WEEKS.set_axis(pd.to_datetime(["2024-04-01"]))},
        "31 steps of 1 day after its last time, 2024-02-29, but it has 4 rows: a wrong",
    ),
    "no times": (PANEL, {"X": np.ones((1, 1))}, "in neither, the new rows have none"),
    "times": ({"X": np.ones((4, 1))}, PANEL, "or in neither, it has none"),
    "integers": (
        {"X": named_frame(0, 1)},
        {"X": pd.DataFrame({"a": [1.0]})},
        "begin at 0, but its times are of another kind, 2024-02-26 the last",
    ),
    "another step": (
        PANEL,
        {"X": pd.DataFrame({"a": [1.0, 2.0]}, TIMES[[5, 7]])},
        "have a step of 2 days, but those of the fit of 1 day",
    ),
    "other variables": (
        PANEL,
        {"X": np.ones((1, 2))},
        r"2 variables, \[0, 1\], but those of the fit 1, \['a'\]",
    ),
    "no past covariates": (
        {"X": np.ones(4), "past": np.ones(4)},
        {"X": np.ones(1)},
        "have 0 past covariates",
    ),
    "a series more": (
        {"X": {"a": [1.0]}},
        {"X": {"a": [1.0], "b": [2.0]}},
        "new rows of series 'b', which is none of the 1 series",
    ),
    "a series less": (
        {"X": [[1.0], [2.0]]},
        {"X": {"a": [1.0]}},
        "new rows of 1 series, but the panel has 2",
    ),
    "static features": (
        {"X": [1.0], "static": ["x", 2]},
        {"X": [1.0], "static": ["y", 2]},
        r"static features \['y', 2.0\], but it has \['x', 2.0\]",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_rows_that_are_refused(what: str) -> None:
    first, then, message = REFUSED[what]
    panel, new = read_panel(**first), read_panel(**then)
    with pytest.raises(ValueError, match=message):
        panel.extended(new)
