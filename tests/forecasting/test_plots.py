"""Plots of forecasts and backtests show the numbers that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm.forecasting import Backtest, backtest, read_panel
from fastlstm.plotting import (
    plot_backtest,
    plot_coverage,
    plot_forecast,
    plot_residuals_by_horizon,
)
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal

from .linear_forecaster import LinearForecaster

LEVELS = [0.1, 0.25, 0.5, 0.6, 0.75, 0.9]
PAIRS = [0.1, 0.25, 0.75, 0.9]


@pytest.fixture
def ax() -> Any:
    return Figure(layout="constrained").subplots()


def labels(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def line(ax: Any, label: str) -> tuple[np.ndarray, np.ndarray]:
    """The horizontal and vertical places of a line, which is the only one so named."""
    (found,) = (each for each in ax.lines if each.get_label() == label)
    return found.get_xdata(), found.get_ydata()


def bands(ax: Any) -> dict[str, np.ndarray]:
    """Lower and upper end of each shaded interval at each step, (H, 2), in order."""
    result = {}
    for each in ax.collections:
        corners = each.get_paths()[0].vertices
        ends = [
            [np.min(own), np.max(own)]
            for step in sorted(set(corners[:, 0]))
            for own in [corners[corners[:, 0] == step, 1]]
        ]
        result[each.get_label()] = np.array(ends)
    return result


# --------------------------------------------------------------------------- forecasts


def test_levels_are_in_the_names_of_columns(rng: np.random.Generator) -> None:
    days = pd.date_range("2024-01-01", periods=20, freq="D")
    panel = read_panel(pd.Series(rng.normal(size=15), days[:15], name="y_1"))
    fan = np.sort(rng.normal(size=(5, len(LEVELS))))
    frame = panel.give_back([fan[:, None]], quantiles=LEVELS)
    drawn = []
    for levels in (None, LEVELS):
        ax = Figure().subplots()
        plot_forecast(np.arange(15.0), quantiles=frame, levels=levels, ax=ax)
        drawn.append((labels(ax), bands(ax)))
    assert drawn[0][0] == drawn[1][0]
    for label, ends in drawn[1][1].items():
        assert_array_equal(drawn[0][1][label], ends)


@pytest.mark.parametrize(("horizon", "shown"), [(2, 60), (14, 140), (30, 200)])
def test_a_long_history_is_cut(horizon: int, shown: int) -> None:
    y = pd.Series(np.arange(200.0), pd.date_range("2024-01-01", periods=200), name="y")
    ahead = pd.Series(y.to_numpy()[-horizon:], y.index[-horizon:] + pd.Timedelta("30D"))
    ax = plot_forecast(y, ahead, ax=Figure().subplots())
    assert_array_equal(line(ax, "observed")[1], y[-shown:])
    assert ax.get_ylabel() == "y"
    ax = plot_forecast(y, ahead, last=1000, unit="°C", ax=Figure().subplots())
    assert len(line(ax, "observed")[1]) == 200
    assert ax.get_ylabel() == "°C"
    ax = plot_forecast(y, ax=Figure().subplots())
    assert len(line(ax, "observed")[1]) == 200


def test_fan_over_history(rng: np.random.Generator, ax: Any) -> None:
    days = pd.date_range("2024-01-01", periods=20, freq="D")
    y = pd.Series(rng.normal(size=15), days[:15])
    fan = pd.DataFrame(np.sort(rng.normal(size=(5, 6)), axis=1), days[15:])
    truth = rng.normal(size=5)
    assert (
        plot_forecast(
            y, quantiles=fan, levels=LEVELS, truth=truth, last=4, unit="°C", ax=ax
        )
        is ax
    )
    assert labels(ax) == [
        "observed",
        "came true",
        "median",
        "60 % quantile",
        "80 % interval",
        "50 % interval",
    ]
    times, values = line(ax, "observed")
    assert_array_equal(times, days[11:15])
    assert_array_equal(values, y[11:])
    times, values = line(ax, "came true")
    assert_array_equal(times, days[15:])
    assert_array_equal(values, truth)
    assert_array_equal(line(ax, "median")[1], fan[2])
    assert_array_equal(line(ax, "60 % quantile")[1], fan[3])
    shaded = bands(ax)
    assert_array_equal(shaded["80 % interval"], fan[[0, 5]])
    assert_array_equal(shaded["50 % interval"], fan[[1, 4]])
    # The narrower one lies on the wider one, and the darker.
    wide, narrow = ax.collections
    assert narrow.get_zorder() > wide.get_zorder()
    assert narrow.get_facecolor().sum() < wide.get_facecolor().sum()
    assert ax.get_ylabel() == "°C"
    assert ax.get_xlabel() == ""
    ax.figure.canvas.draw()
    # The legend hides nothing.
    legend = ax.get_legend().get_window_extent()
    tops = ax.transData.transform([(0.0, max(y.max(), fan.max().max(), truth.max()))])
    assert legend.y0 > tops[0, 1]


def test_lines_and_paths_of_arrays(rng: np.random.Generator, ax: Any) -> None:
    y, a, b = rng.normal(size=(6, 1)), rng.normal(size=3), rng.normal(size=(3, 1))
    paths = rng.normal(size=(60, 3))
    plot_forecast(y, {"a": a, "b": b}, samples=paths, ax=ax)
    assert labels(ax) == ["observed", "sample paths", "a", "b"]
    assert_array_equal(line(ax, "a"), [[6, 7, 8], a])
    assert_array_equal(line(ax, "b"), [[6, 7, 8], b[:, 0]])
    drawn = [each.get_ydata() for each in ax.lines[1:-2]]
    assert_array_equal(drawn, paths[:50])
    assert ax.get_xlabel() == "step"
    ax.figure.canvas.draw()


def test_paths_of_frames(rng: np.random.Generator, ax: Any) -> None:
    days = pd.date_range("2024-01-31", periods=6, freq="ME")
    y = pd.Series(rng.normal(size=6), days)
    panel, paths = read_panel(y), rng.normal(size=(4, 3))
    frame = panel.give_back([paths[:, :, None]], samples=True)
    plot_forecast(y, samples=frame, ax=ax)
    drawn = [each.get_ydata() for each in ax.lines[1:]]
    assert_array_equal(drawn, paths)
    after = pd.date_range("2024-07-31", periods=3, freq="ME")
    for each in ax.lines[1:]:
        assert_array_equal(each.get_xdata(), after)
    # What is an array goes on from the dates of the history.
    other = Figure().subplots()
    plot_forecast(y, paths[0], ax=other)
    assert_array_equal(line(other, "forecast")[0], after)


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_with_a_column_of_times(
    rng: np.random.Generator, library: Any, ax: Any
) -> None:
    """As `predict` gives them back; polars has no index to put times in."""
    days = pd.date_range("2024-01-01", periods=8, freq="D").to_numpy()
    y, ahead, fan = rng.normal(size=5), rng.normal(size=3), rng.normal(size=(3, 3))
    drawn = rng.normal(size=(4, 3, 1))
    history = library.DataFrame({"day": days[:5], "y": y})
    panel = read_panel(history, time_column="day")
    plot_forecast(
        history,
        panel.give_back([ahead[:, None]]),
        quantiles=panel.give_back([fan[:, None]], quantiles=[0.1, 0.5, 0.9]),
        samples=panel.give_back([drawn], samples=True),
        truth=library.DataFrame({"y": ahead + 1.0, "day": days[5:]}),
        time_column="day",
        ax=ax,
    )
    for name, values, times in (
        ("observed", y, days[:5]),
        ("forecast", ahead, days[5:]),
        ("came true", ahead + 1.0, days[5:]),
        ("sample paths", drawn[3, :, 0], days[5:]),
    ):
        found = line(ax, name)
        assert_array_equal(np.asarray(found[0], "M8[D]"), times.astype("M8[D]"))
        assert_array_equal(found[1], values)
    assert_array_equal(bands(ax)["80 % interval"], np.sort(fan[:, [0, 2]]))
    for other in ("date", None):
        with pytest.raises(TypeError, match="if these are the times, time_column='day"):
            plot_forecast(history, time_column=other, ax=ax)
    with pytest.raises(ValueError, match="columns 'day', 'sample' and one of a series"):
        plot_forecast(history, samples=history, time_column="day", ax=ax)


def test_times_of_ones_own(ax: Any) -> None:
    days = np.arange("2012-01", "2012-02", dtype="datetime64[D]")
    truth = np.linspace(0, 1, len(days))
    plot_forecast(truth, {"one": truth + 1}, times=days, future_times=days, ax=ax)
    for name in ("observed", "one"):
        assert_array_equal(line(ax, name)[0], days)


def test_history_alone() -> None:
    from matplotlib import pyplot

    ax = plot_forecast([1.0, 3.0, 2.0])  # a figure of its own
    assert labels(ax) == ["observed"]
    pyplot.close(ax.figure)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"history": np.zeros((5, 2))}, r"history must have shape \(steps,\), of one"),
        ({"history": []}, r"history must have shape .* got \(0,\)"),
        (
            {"forecast": np.zeros((3, 2))},
            r"forecast must have shape \(steps,\), of one",
        ),
        ({"quantiles": np.zeros((3, 2))}, "with their levels, got no levels"),
        ({"quantiles": pd.DataFrame(np.zeros((3, 2)))}, "got no levels"),
        (
            {"quantiles": pd.DataFrame(np.zeros((3, 2)), columns=["y_0.1", "high"])},
            "with their levels, got no levels",
        ),
        ({"levels": [0.5]}, "with their levels, got levels alone"),
        (
            {"quantiles": np.zeros((3, 2)), "levels": [0.1, 0.5, 0.9]},
            r"quantiles must have shape \(steps, 3\), of one series, got \(3, 2\)",
        ),
        ({"samples": np.zeros(3)}, r"samples must have shape \(paths, steps\), of one"),
        ({"forecast": np.zeros(3), "truth": np.zeros(2)}, "for 3 steps and for 2"),
        ({"times": [1, 2]}, r"times must have shape \(5,\), got \(2,\)"),
        (
            {"forecast": np.zeros(3), "future_times": [1, 2]},
            r"future_times must have shape \(3,\), got \(2,\)",
        ),
        ({"last": 0}, "last must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_forecast(**{"history": np.zeros(5), **arguments})


# --------------------------------------------------------------------------- backtests


def judge(
    rng: np.random.Generator, horizon: int = 4, k: int = 1, n: int = 1, **options: Any
) -> Backtest:
    days = pd.date_range("2024-01-01", periods=60, freq="D")
    names = [f"x{i}" for i in range(k)]
    series = {
        f"s{i}": pd.DataFrame(
            rng.normal(0, 1 + i, (60, k)).cumsum(axis=0), days, columns=names
        )
        for i in range(n)
    }
    model = LinearForecaster(horizon, quantiles=PAIRS)
    return backtest(model, series, start=30, name="AR", **options)


@pytest.mark.parametrize("stride", [None, 2, 6])
def test_backtest(rng: np.random.Generator, ax: Any, stride: int | None) -> None:
    result = judge(rng, k=2, n=2, stride=stride)
    plot_backtest(
        result, series="s1", target="x1", baseline="naive", history=10, unit="m", ax=ax
    )
    assert labels(ax) == ["observed", "80 % interval", "50 % interval", "naive", "AR"]
    drawn = [m for m, o in enumerate(result.origins[1]) if (o - 30) % 4 == 0]
    if stride == 6:
        drawn = list(range(5))
    last = int(result.origins[1][drawn[-1]])
    series = result.panel[1]
    assert series.times is not None
    times, values = line(ax, "observed")
    assert_array_equal(times, series.times[20 : last + 4])
    assert_array_equal(values, series.y[20 : last + 4, 1])
    own = [each for each in ax.lines if each.get_color() == "C0"]
    rivals = [each for each in ax.lines if each.get_color() == "C1"]
    assert len(own) == len(rivals) == len(drawn)
    for m, one, other in zip(drawn, own, rivals, strict=True):
        origin = int(result.origins[1][m])
        assert_array_equal(one.get_xdata(), series.times[origin : origin + 4])
        assert_array_equal(one.get_ydata(), result.forecasts["AR"][1][m, :, 1])
        assert_array_equal(other.get_ydata(), result.forecasts["naive"][1][m, :, 1])
    assert len(ax.collections) == 2 * len(drawn)
    assert_array_equal(
        bands(ax)["80 % interval"], result.quantiles["AR"][1][0, :, 1][:, [0, 3]]
    )
    assert ax.get_ylabel() == "m"
    ax.figure.canvas.draw()


def test_backtest_of_single_steps(rng: np.random.Generator, ax: Any) -> None:
    result = judge(rng, horizon=1)
    plot_backtest(result, ax=ax)
    assert labels(ax)[-1] == "AR"
    assert_array_equal(line(ax, "AR")[1], result.forecasts["AR"][0][:, 0, 0])
    times = result.origin_times
    assert times is not None
    assert_array_equal(line(ax, "AR")[0], times[0])


def test_backtest_of_points_without_dates(rng: np.random.Generator, ax: Any) -> None:
    result = Backtest.from_forecasts(
        [np.zeros(3), rng.normal(size=40)],
        [[], [20, 30]],
        {"a": [np.zeros((0, 5)), np.ones((2, 5))]},
    )
    plot_backtest(result, name="naive", ax=ax)
    assert labels(ax) == ["observed", "naive"]
    assert ax.get_xlabel() == "step"
    assert line(ax, "observed")[0].tolist() == list(range(13, 35))
    for options, message in (
        ({"series": 0}, r"no series 0 with an origin, only \[1\]"),
        ({"target": "y"}, r"no variable 'y', only \[0\]"),
        ({"name": "b"}, "no forecaster 'b', only"),
        ({"baseline": "b"}, "no forecaster 'b', only"),
        ({"history": -1}, "history must be at least 0, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            plot_backtest(result, **options)
    for plot in (plot_residuals_by_horizon, plot_coverage):
        other = {"names": ["b"]} if plot is plot_coverage else {"name": "b"}
        with pytest.raises(ValueError, match=r"no forecaster 'b'|levels are"):
            plot(result, **other)


@pytest.mark.parametrize(("horizon", "steps"), [(4, 4), (25, 13)])
@pytest.mark.parametrize("k", [1, 2])
def test_residuals(
    rng: np.random.Generator, ax: Any, horizon: int, steps: int, k: int
) -> None:
    result = judge(rng, horizon, k, stride=1)
    plot_residuals_by_horizon(result, unit="m", ax=ax)
    best = result.best_baseline
    assert labels(ax) == ["AR", best]
    assert len(ax.patches) == 2 * steps
    # The whiskers, of model and baseline: two for each box, with a cap each.
    truth = result.truth
    for number, name in enumerate(("AR", best)):
        box = ax.patches[number * steps + 1].get_path().vertices
        step = 1 if horizon == 4 else 2
        errors = truth.y[:, step] - np.concatenate(result.forecasts[str(name)])[:, step]
        if k == 2:
            errors = errors / truth.scale
        quartiles = np.quantile(errors, [0.25, 0.75])
        assert np.allclose([box[:, 1].min(), box[:, 1].max()], quartiles)
        assert box[:, 0].min() < step + 1 + (0.5 if number else 0.0)
    unit = "m" if k == 1 else "units of the MASE"
    assert ax.get_ylabel() == f"observed less forecast ({unit})"
    ax.figure.canvas.draw()


def test_coverage(rng: np.random.Generator, ax: Any) -> None:
    result = judge(rng, stride=1)
    plot_coverage(result, ax=ax)
    table, best = result.scores(), str(result.best_baseline)
    for name in ("AR", best):
        shares, observed = line(ax, name)
        assert list(shares) == [0.8, 0.5]
        expected = [table[name, "coverage 80 %"], table[name, "coverage 50 %"]]
        assert np.allclose(observed, expected)
    assert labels(ax)[1:] == ["AR", best]
    assert labels(ax)[0].startswith("95 % of calibrated forecasts (n = ")
    other = Figure().subplots()
    plot_coverage(result, names=["drift"], ax=other)
    assert labels(other)[1:] == ["drift"]
    with pytest.raises(ValueError, match=r"some of \['AR', .* got \['arima'\]"):
        plot_coverage(result, names=["arima"])
    ax.figure.canvas.draw()


def test_the_band_of_coverage_is_as_wide_as_chance(rng: np.random.Generator) -> None:
    # Calibrated forecasts: errors of one forecast go together wholly, so that only the
    # number of forecasts counts, 30 of them, and not that of steps, 120.
    inside = 0
    for _ in range(60):
        y = np.repeat(rng.normal(size=35), 4)
        at = np.arange(20, 140, 4)
        quantiles = np.broadcast_to([-1.2815515655, 1.2815515655], (30, 4, 2))
        result = Backtest.from_forecasts(
            y,
            at,
            {"a": np.zeros((30, 4))},
            quantiles={"a": quantiles},
            levels=[0.1, 0.9],
        )
        ax = Figure().subplots()
        plot_coverage(result, ax=ax)
        (band,) = ax.collections
        corners = band.get_paths()[0].vertices
        at_share = corners[np.isclose(corners[:, 0], 0.8), 1]
        observed = line(ax, "a")[1][0]
        inside += at_share.min() <= observed <= at_share.max()
    # 57 expected; with n = 120 it would be about 40.
    assert 52 <= inside <= 60


def test_few_origins_count_as_so_many(ax: Any) -> None:
    y = np.arange(30.0)
    quantiles = np.stack([np.zeros((3, 2)), np.full((3, 2), 99.0)], axis=-1)
    result = Backtest.from_forecasts(
        y,
        [20, 21, 22],
        {"a": np.zeros((3, 2))},
        quantiles={"a": quantiles},
        levels=[0.1, 0.9],
    )
    plot_coverage(result, names=["a"], ax=ax)
    assert labels(ax)[0].endswith("(n = 2)")  # 3 / 2, as they overlap
    assert line(ax, "a")[1].tolist() == [1.0]
