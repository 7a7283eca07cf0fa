"""Scores beside scikit-learn's and plain loops; what a report says."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting import Backtest, ScoreTable
from fastlstm.forecasting.backtesting.scores import interval_pairs
from numpy.testing import assert_array_equal
from sklearn.metrics import (
    mean_absolute_error,
    mean_pinball_loss,
    root_mean_squared_error,
)

from ..compare import assert_close
from ..tolerances import LOSS

LEVELS = [0.1, 0.25, 0.5, 0.9]
H, SEASON = 4, 3


def make(
    rng: np.random.Generator, *, k: int = 2, dated: bool = False
) -> tuple[list[Any], list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Series, origins, forecasts and quantiles, of which one series has no origin."""
    series: list[Any] = []
    origins, points, spread = [], [], []
    for n, length in enumerate((50, 44, 20)):
        y = 10.0 * (n + 1) + rng.normal(0.0, 1.0 + n, (length, k)).cumsum(axis=0)
        missing = rng.random((length, k)) < 0.1
        missing[:10] = False
        y[missing] = np.nan
        at = np.arange(20, length - H + 1, 2)
        ahead = y[at[:, None] + np.arange(H)] if len(at) else np.empty((0, H, k))
        guess = np.where(np.isnan(ahead), 0.0, ahead) + rng.normal(0, 1.0, ahead.shape)
        series.append(pd.DataFrame(y, pd.date_range("2024", periods=length)))
        if not dated:
            series[-1] = y
        origins.append(at)
        points.append(guess)
        spread.append(guess[..., None] + [-1.0, -0.5, 0.0, 1.5])
    return series, origins, points, spread


def judge(rng: np.random.Generator, **options: Any) -> tuple[Backtest, Any]:
    series, origins, points, spread = made = make(rng, **options)
    result = Backtest.from_forecasts(
        series,
        origins,
        {"guess": points},
        quantiles={"guess": spread},
        levels=LEVELS,
        season_length=SEASON,
    )
    return result, made


def by_hand(
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
) -> dict[str, float]:
    """Score (y, scale, forecast, quantiles) of single values."""
    y, scale, f = (np.array([row[i] for row in rows]) for i in range(3))
    q = np.array([row[3] for row in rows])
    loss = [
        mean_pinball_loss(y, q[:, j], alpha=level) for j, level in enumerate(LEVELS)
    ]
    return {
        "MAE": mean_absolute_error(y, f),
        "RMSE": root_mean_squared_error(y, f),
        "sMAPE": float(np.mean(2 * abs(y - f) / (abs(y) + abs(f)))),
        "MASE": float(np.mean(abs(y - f) / scale)),
        "WQL": 2 * float(np.mean(loss)) / float(np.mean(abs(y))),
        "CRPS": 2 * float(np.mean(loss)),
        "coverage 80 %": float(np.mean((q[:, 0] <= y) & (y <= q[:, 3]))),
        "width 80 %": float(np.mean(q[:, 3] - q[:, 0])),
    }


@pytest.mark.parametrize("by", ["all", "series", "step", "target"])
@pytest.mark.parametrize("name", ["guess", "naive", "seasonal naive"])
def test_scores_as_scikit_learn(rng: np.random.Generator, by: str, name: str) -> None:
    result, (series, origins, _, _) = judge(rng)
    groups: dict[Any, list[Any]] = {}
    for n, y in enumerate(series):
        for m, origin in enumerate(origins[n]):
            for h in range(H):
                for k in range(2):
                    if np.isnan(y[origin + h, k]):
                        continue
                    past = y[: origins[n][0], k]
                    scale = np.nanmean(abs(past[SEASON:] - past[:-SEASON]))
                    row = (
                        y[origin + h, k],
                        scale,
                        result.forecasts[name][n][m, h, k],
                        result.quantiles[name][n][m, h, k],
                    )
                    key = {"all": (), "series": (n,), "step": (h + 1,), "target": (k,)}
                    groups.setdefault(key[by], []).append(row)
    table = {
        "all": result.scores,
        "series": result.by_series,
        "step": result.by_horizon,
        "target": result.by_target,
    }[by]()
    assert table.names == (*([by] if by != "all" else []), "forecaster")
    assert len(table.rows) == len(groups) * len(result.forecasts)
    for key, rows in groups.items():
        expected = by_hand(rows)
        assert table.columns == tuple(expected)
        for column, value in expected.items():
            got = table[(*key, name, column)]
            assert_close(got, value, LOSS["float64"], f"{key} {column}")


def test_pairs_of_levels_that_are_sums() -> None:
    levels = np.cumsum(np.full(9, 0.1)).tolist()
    assert levels[0] + levels[8] != 1.0
    pairs = interval_pairs(levels)
    assert pairs == [(0, 8, 0.8), (1, 7, 0.6), (2, 6, 0.4), (3, 5, 0.2)]


def test_frames(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = judge(rng, k=1)
    frame = result.to_frame()
    assert frame.index.name == "forecaster"
    for (name,) in result.scores().rows:
        for column in frame.columns:
            assert frame.loc[name, column] == result.scores()[name, column]
    frame = result.by_horizon().to_frame()
    assert frame.index.names == ["step", "forecaster"]
    assert frame.loc[(2, "naive"), "MAE"] == result.by_horizon()[2, "naive", "MAE"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        result.to_frame()


def test_scores_without_quantiles(rng: np.random.Generator) -> None:
    series, origins, points, spread = make(rng)
    result = Backtest.from_forecasts(
        series,
        origins,
        {"sure": points, "unsure": points},
        quantiles={"unsure": spread},
        levels=LEVELS,
        season_length=SEASON,
    )
    table = result.scores()
    assert table["sure", "MAE"] == table["unsure", "MAE"]
    assert np.isnan(table["sure", "WQL"])
    assert not np.isnan(table["unsure", "WQL"])
    lines = repr(result).splitlines()
    assert lines[3].split()[-4:] == ["-"] * 4
    assert lines[-2].startswith("sure ")
    assert lines[-1].startswith("unsure ")


def test_forms_of_forecasts(rng: np.random.Generator) -> None:
    y = rng.normal(size=40).cumsum()
    at = [20, 24, 28]
    points, spread = rng.normal(size=(3, H)), np.sort(rng.normal(size=(3, H, 2)))
    forms: list[Any] = [
        (y, at, points, spread),
        (y[:, None], [at], [points[..., None]], [spread[:, :, None]]),
        ([y], np.array(at), points[..., None], spread[:, :, None]),
        (pd.Series(y), [np.array(at)], [points], [spread]),
    ]
    tables = [
        Backtest.from_forecasts(
            X, origins, {"a": f}, quantiles={"a": q}, levels=[0.2, 0.8]
        ).scores()
        for X, origins, f, q in forms
    ]
    for table in tables[1:]:
        assert_array_equal(table.values, tables[0].values)
    # One list of origins may be for all series.
    two = Backtest.from_forecasts([y, y], at, {"a": [points, points]})
    both = two.scores()["a", "MAE"], tables[0]["a", "MAE"]
    assert_close(*both, LOSS["float64"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"origins": [[20]]}, ValueError, "origins of 3 series, or one .* got 1 lists"),
        ({"origins": [[20], [20.5], []]}, TypeError, "must be integers, got float64"),
        ({"origins": [[20], [22, 20], []]}, ValueError, r"increase, got \[22, 20\]"),
        ({"origins": [[0], [20], []]}, ValueError, "series 0 must be from 1 to 49"),
        ({"origins": [[20], [44], []]}, ValueError, "series 1 must be from 1 to 43"),
        ({"origins": [[], [], []]}, ValueError, "there is no origin"),
        ({"forecasts": {}}, ValueError, "expected forecasts by name"),
        ({"levels": []}, ValueError, r"with their levels, got .* levels=\[\]"),
        ({"levels": [0.5, 0.1, 0.2, 0.9]}, ValueError, "levels must increase"),
        (
            {"levels": [0.5]},
            ValueError,
            r"quantiles by a of series 0 must have shape \(",
        ),
        ({"quantiles": {"b": []}}, ValueError, r"quantiles of \['b'\]"),
        (
            {"forecasts": {"a": []}},
            ValueError,
            "expected 3 arrays, one a series, got 0",
        ),
        ({"forecasts": {"mean": 0}}, ValueError, "'mean' is the name of a baseline"),
        ({"season_length": 0}, ValueError, "season_length must be at least 1"),
    ],
)
def test_what_does_not_fit(
    rng: np.random.Generator,
    change: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    series, origins, points, spread = make(rng)
    if change.get("forecasts") == {"mean": 0}:
        change = {"forecasts": {"mean": points}, "quantiles": {}, "levels": []}
    arguments: dict[str, Any] = {
        "origins": origins,
        "forecasts": {"a": points},
        "quantiles": {"a": spread},
        "levels": LEVELS,
        **change,
    }
    with pytest.raises(error, match=message):
        Backtest.from_forecasts(series, **arguments)


def test_forecasts_that_do_not_fit(rng: np.random.Generator) -> None:
    y = np.arange(40.0)
    with pytest.raises(ValueError, match=r"\(2, H, 1\), which is \(M, H, K\), got \(2"):
        Backtest.from_forecasts(y, [20, 24], {"a": np.zeros(2)})
    with pytest.raises(ValueError, match="5 steps from origin 36, beyond its 40"):
        Backtest.from_forecasts(y, [20, 36], {"a": np.zeros((2, 5))})
    values = np.zeros((2, 4))
    values[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"series 0 is NaN at \[1, 2, 0\], where"):
        Backtest.from_forecasts(y, [20, 24], {"a": values})
    y[26] = np.nan  # then nothing has to be known of it
    Backtest.from_forecasts(y, [20, 24], {"a": values})
    with pytest.raises(
        TypeError, match="the forecast by a must hold numbers, got text"
    ):
        Backtest.from_forecasts(y, [20, 24], {"a": [np.full((2, 4), "x")]})


def test_what_is_missing_is_said(rng: np.random.Generator) -> None:
    constant, y = np.full(20, 5.0), rng.normal(size=20)
    result = Backtest.from_forecasts(
        [constant, y],
        [2, 9],
        {"a": np.full((2, 2, 2), 5.0)},
        quantiles={"a": np.full((2, 2, 2, 2), 5.0)},
        levels=[0.1, 0.9],
        season_length=3,
    )
    assert set(result.forecasts) == {"a", "naive", "drift", "mean"}
    assert set(result.quantiles) == {"a", "naive", "mean"}
    assert result.metric == "MAE"
    assert np.isnan(result.scores()["a", "MASE"])
    text = repr(result)
    for message in (
        "No row of the seasonal naive: series 0, origin 2: SeasonalNaive(season=3) ",
        "No row of the seasonal naive with growth: ",
        "No quantiles of the drift: series 0, origin 2: Drift() needs at least 3",
        "The MASE leaves out 2 series, ",
        "(MAE ",
    ):
        assert message in text
    result = Backtest.from_forecasts([constant, y], [9], {"a": np.full((2, 1, 2), 5.0)})
    assert result.metric == "MASE"
    assert "The MASE leaves out 1 series, " in repr(result)
    table = result.by_series()
    assert np.isnan(table[0, "a", "MASE"])
    assert result.scores()["a", "MASE"] == table[1, "a", "MASE"]


def test_nothing_observed_after() -> None:
    y = np.array([1.0, 3.0, 2.0, np.nan, np.nan, 7.0])
    result = Backtest.from_forecasts(y, [3], {"a": np.zeros((1, 2))})
    assert np.isnan(result.scores().values).all()
    assert result.verdict() == (
        "a cannot be judged: nothing was observed after any origin."
    )


def test_no_baseline_at_all() -> None:
    y = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 4.0], [4.0, 5.0]])
    result = Backtest.from_forecasts(y, [2], {"a": np.zeros((1, 2, 2))})
    assert result.best_baseline is None
    assert repr(result).endswith("\na has no baseline to be compared with.")


def test_the_printed_report() -> None:
    y = pd.Series([3.0, 1, 4, 1, 5, 9, 2, 6], pd.date_range("2024-01-01", periods=8))
    result = Backtest.from_forecasts(y, [4, 6], {"guess": np.array([[3, 4], [4, 5.0]])})
    assert str(result) == repr(result)
    assert repr(result).splitlines() == [
        "1 series, 2 origins from 2024-01-05 to 2024-01-07, 2 steps ahead, a season of "
        "1 step",
        "",
        "forecaster    MAE   RMSE  sMAPE   MASE",
        "guess       2.500  2.915  0.529  0.938",
        "naive       5.500  5.874  1.152  2.062",
        "drift       6.900  7.164  1.429  2.588",
        "mean        3.375  3.911  0.757  1.266",
        "",
        "guess is better than the best baseline, the mean, by 26 % (MASE 0.94 against "
        "1.27); forecasts from 2 times are too few to tell whether that is more than "
        "luck: a smaller stride or an earlier start gives more.",
    ]


def test_numbers_in_tables() -> None:
    values = np.array([[12345.6, 0.00123, 1e-9, np.inf], [1.2, 0.1, np.nan, 3.0]]).T
    table = ScoreTable(
        ("forecaster",), (("a",), ("b",), ("c",), ("d",)), ("x", "y"), values
    )
    assert repr(table).splitlines() == [
        "forecaster      x      y",
        "a           12346  1.200",
        "b               0  0.100",
        "c               0      -",
        "d             inf  3.000",
    ]
    small = ScoreTable(("forecaster",), (("a",),), ("x", "y"), np.array([[1e-9, 0.01]]))
    assert repr(small).split()[-2:] == ["1.000e-09", "0.01000"]
    for labels in (("b", "x"), ("a", "z")):
        with pytest.raises(KeyError, match="columns"):
            small[labels]


def test_dates_are_moments(rng: np.random.Generator) -> None:
    result, (_, origins, _, _) = judge(rng, dated=True)
    days = np.datetime64("2024-01-01") + np.concatenate(origins)
    assert_array_equal(result.truth.moment, days)
    assert result.truth.spacing == 2
    plain, _ = judge(rng)
    expected = np.concatenate([np.arange(len(at)) for at in origins])
    assert_array_equal(plain.truth.moment, expected)
    assert plain.origin_times is None
