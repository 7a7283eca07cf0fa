"""Rolling origins beside plain loops; nothing that lies ahead is looked at."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting import (
    Drift,
    Mean,
    Naive,
    SeasonalNaive,
    SeasonalNaiveWithGrowth,
    backtest,
    read_panel,
)
from fastlstm.forecasting.backtesting import run
from fastlstm.forecasting.backtesting.origins import plan_origins
from numpy.testing import assert_array_equal
from sklearn.base import clone

from .linear_forecaster import LinearForecaster

LEVELS = [0.1, 0.5, 0.9]
BASELINES = {
    "seasonal naive": SeasonalNaive(4),
    "seasonal naive with growth": SeasonalNaiveWithGrowth(4),
    "naive": Naive(),
    "drift": Drift(),
    "mean": Mean(),
}


def make(rng: np.random.Generator, lengths: list[int], k: int = 2) -> list[np.ndarray]:
    """Series around 50, of which a few values are missing."""
    result = []
    for length in lengths:
        y = 50.0 + rng.normal(0.0, 1.0, (length, k)).cumsum(axis=0)
        missing = rng.random((length, k)) < 0.05
        missing[:9] = False
        y[missing] = np.nan
        result.append(y)
    return result


def forecaster(horizon: int = 3, **options: Any) -> LinearForecaster:
    return LinearForecaster(horizon, season_length=4, **options)


@pytest.mark.parametrize("refit", [False, True, 2, 100])
@pytest.mark.parametrize("stride", [None, 1, 5])
def test_as_a_plain_loop(
    rng: np.random.Generator, refit: bool | int, stride: int | None
) -> None:
    series = make(rng, [40, 33])
    model = forecaster(quantiles=LEVELS)
    result = backtest(model, series, start=20, stride=stride, refit=refit)
    every = {False: 100, True: 1}.get(refit, refit)
    fitted: Any = None
    starts = range(20, 38, stride or 3)
    for round_, start in enumerate(starts):
        if round_ % every == 0:
            fitted = clone(model).fit([y[:start] for y in series])
        for n, y in enumerate(series):
            if start > len(y) - 3:
                assert start not in result.origins[n]
                continue
            m = result.origins[n].tolist().index(start)
            at = [np.array([min(start, len(v))]) for v in series]
            panel = read_panel([v[:start] for v in series])
            expected = fitted._forecast_at(panel, at)[n][0]
            assert_array_equal(result.forecasts["LinearForecaster"][n][m], expected)
            spread = fitted._forecast_at(panel, at, LEVELS)[n][0]
            assert_array_equal(result.quantiles["LinearForecaster"][n][m], spread)
            assert_array_equal(result.truths[n][m], y[start : start + 3])
            for name, baseline in BASELINES.items():
                expected = baseline.forecast(y[:start], 3)
                assert_array_equal(result.forecasts[name][n][m], expected)
                expected = baseline.quantiles(y[:start], 3, LEVELS)
                assert_array_equal(result.quantiles[name][n][m], expected)
    assert list(result.forecasts) == ["LinearForecaster", *BASELINES]
    assert [len(at) for at in result.origins] == [
        len([s for s in starts if s <= length - 3]) for length in (40, 33)
    ]
    assert not hasattr(model, "panel_")  # a copy was fitted


@pytest.mark.parametrize("refit", [False, True, 2])
@pytest.mark.parametrize("dated", [False, True])
def test_nothing_ahead_is_looked_at(
    rng: np.random.Generator, refit: bool | int, dated: bool
) -> None:
    arrays = make(rng, [40, 34])
    series: list[Any] = arrays
    if dated:  # both end on the same day
        days = pd.date_range("2024-01-01", periods=40, freq="D")
        series = [pd.DataFrame(y, days[40 - len(y) :]) for y in arrays]
    model = forecaster(quantiles=LEVELS)
    before = backtest(model, series, start=0.5, stride=2, refit=refit)
    for n, cut in ((0, 25), (0, 39), (1, 20), (1, 30)):
        changed = [y.copy() for y in series]
        if dated:
            changed[n].iloc[cut:] += 7.0
            date = days[40 - len(arrays[n]) :][cut]
        else:
            changed[n][cut:] += 7.0
        after = backtest(model, changed, start=0.5, stride=2, refit=refit)
        same = 0
        for i in range(2):
            assert_array_equal(before.origins[i], after.origins[i])
            for m, origin in enumerate(before.origins[i]):
                if dated:  # nor what another series does later
                    times = before.origin_times
                    assert times is not None
                    known = times[i][m] <= np.datetime64(date)
                else:
                    known = i == n and origin <= cut
                if not known:
                    continue
                same += 1
                for name in before.forecasts:
                    for kind in ("forecasts", "quantiles"):
                        one, other = getattr(before, kind), getattr(after, kind)
                        assert_array_equal(one[name][i][m], other[name][i][m])
        assert same > 0
        first = [min(at) for at in before.origins]
        if cut >= first[n]:  # the unit of errors lies before all of them
            assert_array_equal(before.truth.scale, after.truth.scale)
        # What is changed is seen from then on.
        late = before.origins[n] > cut
        if late.any():
            name = "LinearForecaster"
            pair = before.forecasts[name][n], after.forecasts[name][n]
            assert (pair[0][late] != pair[1][late]).all()


@pytest.mark.parametrize(
    ("start", "first", "count"),
    [
        (None, 38, 4),  # the last fifth, and two steps to whole horizons
        (0.3, 15, 11),
        (0.001, 1, 16),
        (7, 7, 14),
        (np.int64(47), 47, 1),
    ],
)
def test_start(rng: np.random.Generator, start: Any, first: int, count: int) -> None:
    plan = plan_origins(read_panel(make(rng, [50])), 3, start)
    (at,) = plan.origins(range(plan.rounds))
    assert at.tolist() == list(range(first, 50 - 3 + 1, 3))
    assert len(at) == count


def test_default_leaves_a_horizon(rng: np.random.Generator) -> None:
    (y,) = make(rng, [30], k=1)
    assert backtest(forecaster(12), y).origins[0].tolist() == [18]


@pytest.mark.parametrize("stride", [1, 5, 12])
def test_default_judges_the_newest(rng: np.random.Generator, stride: int) -> None:
    """The last fifth at least, without taking half of the series for it."""
    for length in range(24, 130):
        plan = plan_origins(read_panel(make(rng, [length])), 12, None, stride)
        (at,) = plan.origins(range(plan.rounds))
        judged = length - at[0]
        assert at[-1] == length - 12
        assert judged >= max(12, round(0.2 * length))
        assert judged - stride < max(12, round(0.2 * length))
    # Whole horizons would be two thirds of these, so the newest is left out.
    plan = plan_origins(read_panel(make(rng, [120])), 20, None, 60)
    assert plan.first.tolist() == [96]


def test_dates_are_common(rng: np.random.Generator) -> None:
    days = pd.date_range("2024-01-01", periods=60, freq="D")
    old, young, late, ended = make(rng, [60, 30, 8, 20])
    series = {
        "old": pd.DataFrame(old, days),
        "young": pd.DataFrame(young, days[30:]),
        "late": pd.DataFrame(late, days[52:]),
        "ended": pd.DataFrame(ended, days[:20]),
    }
    for start in (40, 2 / 3, "2024-02-10", pd.Timestamp("2024-02-09 12:00")):
        result = backtest(forecaster(), series, start=start, stride=4)
        assert [at.tolist() for at in result.origins] == [
            [40, 44, 48, 52, 56],
            [10, 14, 18, 22, 26],
            [],  # the fit has not seen it
            [],
        ]
    result = backtest(forecaster(), series, start=40, stride=4, refit=True)
    assert result.origins[2].tolist() == [4]
    result = backtest(forecaster(), series, start=40, stride=4, refit=3)
    assert result.origins[2].tolist() == []
    times = result.origin_times
    assert times is not None
    assert_array_equal(times[0], times[1])
    assert times[0][0] == days[40].to_datetime64()


def test_numbered_series_have_clocks_of_their_own(rng: np.random.Generator) -> None:
    series = [pd.DataFrame(y) for y in make(rng, [50, 30, 3])]
    result = backtest(forecaster(), series)
    assert [at.tolist() for at in result.origins] == [
        [38, 41, 44, 47],
        [24, 27],
        [],
    ]
    # The one that is too short for an origin is learnt from.
    alone = backtest(forecaster(), series[:2])
    name = "LinearForecaster"
    assert (alone.forecasts[name][0] != result.forecasts[name][0]).any()


def test_nothing_observed_before(rng: np.random.Generator) -> None:
    late, y = make(rng, [30, 30], k=1)
    late[:22] = np.nan
    plan = plan_origins(read_panel(late), 3, 20, 1)
    assert plan.origins(range(plan.rounds))[0].tolist() == list(range(23, 28))
    result = backtest(forecaster(), [late, y], start=20, stride=1)
    assert [at.tolist() for at in result.origins] == [[], list(range(20, 28))]
    result = backtest(forecaster(), [late, y], start=20, stride=1, refit=True)
    assert [at.tolist() for at in result.origins] == [
        list(range(23, 28)),
        list(range(20, 28)),
    ]


def test_as_it_is(rng: np.random.Generator) -> None:
    series = make(rng, [40, 36])
    model = forecaster(quantiles=LEVELS).fit([y[:24] for y in series])
    weights = model.weights_
    result = backtest(model, series, start=24, refit="never", stride=2)
    assert model.weights_ is weights
    expected = backtest(model, series, start=24, stride=2)
    for n in range(2):
        assert_array_equal(
            result.forecasts["LinearForecaster"][n],
            expected.forecasts["LinearForecaster"][n],
        )
    with pytest.raises(ValueError, match="has seen series 0 up to 24, and origin 22 "):
        backtest(model, series, start=22, refit="never")
    # Other series are not what it has seen.
    other = [y + 1.0 for y in series]
    assert len(backtest(model, other, start=5, refit="never").origins[0]) == 11
    with pytest.raises(ValueError, match="have 1 variables"):
        backtest(model, [y[:, :1] for y in series], start=24, refit="never")


def test_as_it_is_compares_series_that_begin_alike(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all with all, which takes minutes from a thousand series on."""
    series = make(rng, [30] * 20)
    model = forecaster().fit([y[:24] for y in series])
    equal, calls = np.array_equal, []

    def look(*args: Any, **options: Any) -> bool:
        calls.append(args)
        return equal(*args, **options)

    monkeypatch.setattr(run.np, "array_equal", look)
    backtest(model, series, start=24, refit="never")
    assert len(calls) == 2 * 20  # whether it was seen, and whose scale it has


def test_as_it_is_with_dates(rng: np.random.Generator) -> None:
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    frame = pd.DataFrame(make(rng, [40])[0], days)
    model = forecaster().fit(frame[:30])
    assert len(backtest(model, frame, start=30, refit="never").origins[0]) == 3
    later = frame[10:] + 1.0  # of any series: dates are common
    with pytest.raises(ValueError, match="up to 2024-01-30, and origin 19 of"):
        backtest(model, later, start="2024-01-30", refit="never")


def test_long_frames_and_names(rng: np.random.Generator) -> None:
    parts = [
        pd.DataFrame({"id": name, "value": y[:, 0]})
        for name, y in zip("ab", make(rng, [30, 30]), strict=True)
    ]
    model = forecaster(id_column="id", quantiles=LEVELS)
    result = backtest(model, pd.concat(parts), quantiles=[], name="AR", season_length=2)
    assert result.panel.ids == ["a", "b"]
    assert result.models == ("AR",)
    assert result.levels == ()
    assert result.quantiles == {}
    assert result.season_length == 2
    given = backtest(model, pd.concat(parts), quantiles=[0.3])
    assert given.levels == (0.3,)


def test_progress(
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (y,) = make(rng, [40])
    backtest(forecaster(), y, refit=True)
    assert capsys.readouterr().err == ""
    backtest(forecaster(), y, refit=True, verbose=True)
    assert "3/3" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    backtest(forecaster(), y, refit=True, verbose=2)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"backtest: {done} of 3 origins" for done in (1, 2, 3)]
    backtest(forecaster(), y, refit=True, verbose=0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start": 1.0}, ValueError, r"start must be .* in \(0, 1\), got 1.0"),
        ({"start": 0}, ValueError, "start must be at least 1, got 0"),
        ({"start": True}, TypeError, "got True"),
        ({"start": 39}, ValueError, "no series has an origin .* has 40 steps"),
        ({"start": "2024-01-03"}, ValueError, "is a time, but the series have no"),
        ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ({"stride": 1.5}, TypeError, "stride must be an integer, got 1.5"),
        ({"refit": "always"}, ValueError, "'never' or a number of origins, got 'alw"),
        ({"refit": 0}, ValueError, "refit must be at least 1, got 0"),
        ({"refit": 1.5}, TypeError, "refit must be an integer, got 1.5"),
        ({"quantiles": [0.9, 0.1]}, ValueError, "quantiles must increase"),
        ({"season_length": 0}, ValueError, "season_length must be at least 1"),
        ({"verbose": "yes"}, TypeError, "verbose must be an integer, got 'yes'"),
        ({"name": "drift"}, ValueError, "'drift' is the name of a baseline"),
    ],
)
def test_arguments(
    rng: np.random.Generator,
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        backtest(forecaster(), make(rng, [40])[0], **options)


def test_time_zone(rng: np.random.Generator) -> None:
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    frame = pd.DataFrame(make(rng, [40])[0], days)
    with pytest.raises(ValueError, match="has a time zone"):
        backtest(forecaster(), frame, start=pd.Timestamp("2024-02-01", tz="UTC"))
    with pytest.raises(ValueError, match="no series has an origin to judge"):
        backtest(forecaster(), frame, start="2025-02-01")


def test_a_horizon_longer_than_the_series(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="and 50 steps, the horizon, after it"):
        backtest(forecaster(50), make(rng, [40])[0])


def test_a_panel_reads_as_itself(rng: np.random.Generator) -> None:
    panel = read_panel(make(rng, [40, 30]))
    assert read_panel(panel) is panel
    with pytest.raises(ValueError, match=r"is a panel, .* got \['y', 'static'\]"):
        read_panel(panel, [1.0], static=[[1], [2]])
    other = read_panel(make(rng, [40], k=1)[0])
    with pytest.raises(ValueError, match="have 2 variables"):
        read_panel(panel, like=other.layout)


def test_arguments_the_wrong_way_round() -> None:
    with pytest.raises(TypeError, match="got a list first, then a LinearForecaster"):
        backtest([1.0, 2.0], LinearForecaster())  # type: ignore[arg-type]
