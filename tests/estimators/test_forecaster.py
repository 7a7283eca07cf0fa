"""LSTMForecaster: series of every form go in, and forecasts of that form come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm.forecasting import read_panel

from .forecasters import forecaster, quiet, strategies, wave

pytestmark = quiet

A, B = wave(70), 3.0 * wave(60, seed=1)
BOTH = np.stack([A, 40.0 + wave(70, seed=2)], axis=1)
DAYS = pd.date_range("2024-02-26", periods=80, freq="D")
LEVELS = [0.1, 0.5, 0.9]


def gaussian(**options: Any) -> Any:
    return forecaster(loss="gaussian", **options)


@pytest.fixture(scope="module")
def expected() -> tuple[np.ndarray, ...]:
    """Points, quantiles and paths of the series A and B, read as a list."""
    with pytest.warns(UserWarning, match="maximum of max_iter"):
        model = gaussian().fit([A, B])
    answers = {}, {"quantiles": LEVELS}, {"samples": 3}
    return tuple(np.stack(model.predict(**asked)) for asked in answers)


def all_answers(model: Any) -> tuple[Any, ...]:
    return (
        model.predict(),
        model.predict(quantiles=LEVELS),
        model.predict(samples=3),
    )


def test_one_series() -> None:
    points, quantiles, paths = all_answers(gaussian().fit(A))
    assert points.shape == (4,)
    assert quantiles.shape == (4, 3)
    assert paths.shape == (3, 4)
    for same in (A.tolist(), pd.Series(A).to_numpy()):
        np.testing.assert_array_equal(gaussian().fit(same).predict(), points)
    column = all_answers(gaussian().fit(A[:, None]))
    assert [answer.shape for answer in column] == [(4, 1), (4, 1, 3), (3, 4, 1)]
    np.testing.assert_array_equal(column[0][:, 0], points)


def test_variables_are_forecast_together() -> None:
    model = gaussian().fit(BOTH)
    points, quantiles, paths = all_answers(model)
    assert (points.shape, quantiles.shape) == ((4, 2), (4, 2, 3))
    assert paths.shape == (3, 4, 2)
    assert (points[:, 1] > 35.0).all()
    # The network reads both: another history of one changes the forecast of the other.
    other = BOTH.copy()
    other[-4:, 1] += 9.0
    assert (model.predict(other)[:, 0] != model.predict(BOTH)[:, 0]).all()


def test_lists_and_dicts(expected: tuple[np.ndarray, ...]) -> None:
    for X in ((A, B), {"a": A, "b": B}, {7: A, (1, 2): B}):
        answers = all_answers(gaussian().fit(X))
        for answer, values in zip(answers, expected, strict=True):
            parts = answer
            if isinstance(X, dict):
                assert list(answer) == list(X)
                parts = list(answer.values())
            assert isinstance(parts, list)
            np.testing.assert_array_equal(np.stack(parts), values)


def test_three_dimensional_arrays() -> None:
    X = np.stack([BOTH, 2.0 * BOTH, BOTH[::-1]])
    answers = all_answers(gaussian().fit(X))
    parts = all_answers(gaussian().fit(list(X)))
    assert [answer.shape for answer in answers] == [
        (3, 4, 2),
        (3, 4, 2, 3),
        (3, 3, 4, 2),
    ]
    for answer, part in zip(answers, parts, strict=True):
        np.testing.assert_array_equal(answer, np.stack(part))


def test_series_of_pandas(expected: tuple[np.ndarray, ...]) -> None:
    series = pd.Series(A, index=DAYS[:70], name="visits")
    points, quantiles, paths = all_answers(gaussian(calendar=None).fit(series))
    plain = all_answers(gaussian().fit(A))
    assert points.name == "visits"
    assert points.index.equals(DAYS[70:74])
    np.testing.assert_array_equal(points, plain[0])
    assert list(quantiles) == ["visits_0.1", "visits_0.5", "visits_0.9"]
    assert quantiles.index.equals(DAYS[70:74])
    np.testing.assert_array_equal(quantiles, plain[1])
    assert paths.index.names[0] == "sample"
    np.testing.assert_array_equal(paths["visits"].to_numpy().reshape(3, 4), plain[2])


def test_wide_frames_of_variables() -> None:
    frame = pd.DataFrame(BOTH, columns=["cold", "warm"], index=DAYS[:70])
    points, quantiles, paths = all_answers(gaussian(calendar=None).fit(frame))
    plain = all_answers(gaussian().fit(BOTH))
    assert list(points) == ["cold", "warm"]
    assert points.index.equals(DAYS[70:74])
    np.testing.assert_array_equal(points, plain[0])
    np.testing.assert_array_equal(quantiles["warm_0.9"], plain[1][:, 1, 2])
    np.testing.assert_array_equal(
        paths["cold"].to_numpy().reshape(3, 4), plain[2][:, :, 0]
    )


def test_wide_frames_of_series(expected: tuple[np.ndarray, ...]) -> None:
    # The second series ends ten days earlier, and so do its forecasts begin.
    frame = pd.DataFrame({"a": A, "b": np.r_[B, np.full(10, np.nan)]}, index=DAYS[:70])
    points, quantiles, paths = all_answers(
        gaussian(calendar=None, columns="series").fit(frame)
    )
    own = {"a": DAYS[70:74], "b": DAYS[60:64]}
    for n, name in enumerate("ab"):
        forecast = points[name].dropna()
        assert forecast.index.equals(own[name])
        np.testing.assert_array_equal(forecast, expected[0][n])
        names = [f"{name}_{level}" for level in LEVELS]
        np.testing.assert_array_equal(quantiles[names].dropna(), expected[1][n])
        drawn = paths[name].dropna().to_numpy().reshape(3, 4)
        np.testing.assert_array_equal(drawn, expected[2][n])


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_long_frames(kind: str, expected: tuple[np.ndarray, ...]) -> None:
    data = {
        "shop": np.repeat(["a", "b"], [70, 60]),
        "day": np.r_[DAYS[:70].to_numpy(), DAYS[:60].to_numpy()],
        "sales": np.r_[A, B],
    }
    frame: Any = pd.DataFrame(data) if kind == "pandas" else pl.DataFrame(data)
    names = {"id_column": "shop", "time_column": "day", "target": "sales"}
    model = gaussian(calendar=None, **names).fit(frame)
    points, quantiles, paths = all_answers(model)
    assert type(points) is type(frame)
    assert list(points.columns) == ["shop", "day", "sales"]
    assert points["shop"].to_list() == 4 * ["a"] + 4 * ["b"]
    days = [*DAYS[70:74], *DAYS[60:64]]
    assert [pd.Timestamp(day) for day in points["day"].to_list()] == days
    np.testing.assert_array_equal(points["sales"].to_numpy(), expected[0].ravel())
    for at, level in enumerate(LEVELS):
        np.testing.assert_array_equal(
            quantiles[f"sales_{level}"].to_numpy(), expected[1][:, :, at].ravel()
        )
    np.testing.assert_array_equal(paths["sales"].to_numpy(), expected[2].ravel())
    assert paths["sample"].to_list()[:8] == 4 * [0] + 4 * [1]

    # Histories to go on from come in the same form, rows in any order.
    rows = np.random.default_rng(0).permutation(130)
    shuffled = frame.iloc[rows] if kind == "pandas" else frame[rows.tolist()]
    again = model.predict(shuffled)
    assert sorted(again["sales"].to_list()) == sorted(points["sales"].to_list())


def test_polars_wide() -> None:
    frame = pl.DataFrame({"day": DAYS[:70].to_numpy(), "y": A})
    forecast = forecaster(time_column="day").fit(frame).predict()
    assert isinstance(forecast, pl.DataFrame)
    assert [pd.Timestamp(day) for day in forecast["day"]] == list(DAYS[70:74])
    same = forecaster().fit(pd.DataFrame({"y": A}, index=DAYS[:70])).predict()
    np.testing.assert_array_equal(forecast["y"].to_numpy(), same["y"])


def test_panels_are_read_already() -> None:
    panel = read_panel({"a": A, "b": B})
    model = forecaster().fit(panel)
    np.testing.assert_array_equal(
        model.predict()["b"], forecaster().fit({"a": A, "b": B}).predict()["b"]
    )
    np.testing.assert_array_equal(model.predict(panel)["b"], model.predict()["b"])


# ------------------------------------------------------------------- steps, levels


@strategies
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("conformal", [None, "split"])
def test_fewer_steps_are_the_first(
    strategy: str, warm: bool, conformal: str | None
) -> None:
    model = gaussian(strategy=strategy, warm=warm, conformal=conformal).fit([A, B])
    for X in (None, [A[:30], B[:9]]):
        for asked in ({}, {"quantiles": LEVELS}, {"samples": 5}):
            whole = np.stack(model.predict(X, **asked))
            part = np.stack(model.predict(X, steps=2, **asked))
            at = whole[:, :, :2] if "samples" in asked else whole[:, :2]
            np.testing.assert_array_equal(part, at)


def test_recursive_goes_on_for_ever() -> None:
    model = gaussian(strategy="recursive", warm=True).fit(A)
    np.testing.assert_array_equal(model.predict(steps=30)[:4], model.predict())
    assert model.predict(steps=30, quantiles=0.5).shape == (30, 1)
    for strategy in ("direct", "encoder_decoder"):
        with pytest.raises(ValueError, match="steps=5 is more than the horizon=4"):
            gaussian(strategy=strategy).fit(A).predict(steps=5)
    model = gaussian(strategy="recursive", conformal="split").fit(A)
    assert model.predict(steps=9).shape == (9,)
    with pytest.raises(ValueError, match=r"steps=9 is more .* conformal='split' has"):
        model.predict(steps=9, quantiles=LEVELS)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": "3"}, TypeError, "steps must be an integer, got '3'"),
        ({"samples": 0}, ValueError, "samples must be at least 1, got 0"),
        ({"samples": 2.5}, TypeError, "samples must be an integer, got 2.5"),
        ({"quantiles": []}, ValueError, "quantiles is empty: expected one level"),
        ({"quantiles": [0.5, 1.0]}, ValueError, r"quantiles must .*\(0, 1\), got 1.0"),
        ({"quantiles": "x"}, TypeError, "quantiles must be a real number, got 'x'"),
        ({"quantiles": 0.5, "samples": 2}, ValueError, "quantiles or samples, got bo"),
        ({"y": A}, ValueError, "y, past and static go with X: got no X"),
        ({"future": A}, ValueError, "future was given, but the fit had no such"),
    ],
)
def test_refuses_what_it_cannot_answer(
    asked: dict[str, Any], error: type[Exception], words: str
) -> None:
    model = gaussian().fit(A)
    with pytest.raises(error, match=words):
        model.predict(**asked)


def test_quantiles_come_in_the_order_asked_for() -> None:
    model = gaussian().fit(A)
    down = model.predict(quantiles=[0.9, 0.1])
    np.testing.assert_array_equal(down, model.predict(quantiles=[0.1, 0.9])[:, ::-1])
    one = model.predict(quantiles=0.3)
    np.testing.assert_array_equal(one, model.predict(quantiles=[0.3]))


@pytest.mark.parametrize("strategy", ["direct", "encoder_decoder"])
def test_no_paths_of_sums_of_steps_drawn_apart(strategy: str) -> None:
    """Their spread would be that of a random walk, whatever the series is."""
    model = gaussian(strategy=strategy, transforms="difference").fit(A)
    with pytest.raises(ValueError, match="are sums of steps, and those of this strat"):
        model.predict(samples=3)
    assert np.shape(model.predict(samples=3, steps=1)) == (3, 1)


@pytest.mark.parametrize("conformal", [None, "split"])
def test_levels_are_the_same_but_for_rounding(conformal: str | None) -> None:
    levels = np.linspace(0.1, 0.9, 9)  # of which the third is no 0.3
    model = forecaster(loss="quantile", quantiles=levels, conformal=conformal).fit(A)
    found = model.predict(quantiles=[1.0 - 0.9, 0.3, 0.7])
    np.testing.assert_array_equal(found, model.predict(quantiles=levels[[0, 2, 6]]))


def test_windows_that_are_all_missing() -> None:
    """Their forecasts look like any other: a warning names them, once a call."""
    a, b = BOTH, 2.0 * BOTH
    model = forecaster().fit({"a": a, "b": b, "c": a})
    words = "The last 8 steps of series 'b'( and of 1 other|) have no observed value"
    gone = b.copy()
    gone[-8:] = np.nan
    for X in ({"a": a, "b": gone}, {"b": gone, "a": a, "d": gone[-20:]}):
        with pytest.warns(UserWarning, match=words) as caught:
            model.predict(X)
        assert len(caught) == 1
        assert caught[0].filename == __file__
    # What is observed of one variable, at one step, is a window to go on from.
    gone[-8, 0] = 1.0
    model.predict({"a": a, "b": gone})
    rows = np.full((8, 2), np.nan)
    model.update({"b": rows[:7]}).predict()
    model.update({"b": rows[:1], "c": rows})
    with pytest.warns(UserWarning, match="series 'b' and of 1 other have no observed"):
        model.predict()
    # A network that is kept has read what was before.
    forecaster(warm=True).fit(a).update(rows).predict()
