"""Metrics beside scikit-learn's, closed forms, definitions and published examples."""

from __future__ import annotations

from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm import forecasting
from fastlstm.forecasting import (
    coverage,
    crps,
    crps_from_quantiles,
    interval_score,
    mae,
    mase,
    pinball,
    rmse,
    smape,
    width,
    wql,
)
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_pinball_loss,
    root_mean_squared_error,
)

from ..compare import assert_close
from ..tolerances import CRPS_GRID, LOSS, VALUE

LEVELS = [0.1, 0.25, 0.5, 0.9]
SHAPES = [(7,), (5, 7), (5, 7, 3)]
shapes = pytest.mark.parametrize("shape", SHAPES)


def problem(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Truths of which about a fifth is missing, and forecasts."""
    y = rng.normal(10.0, 3.0, shape)
    forecast = y + rng.normal(0.0, 2.0, shape)
    missing = rng.random(shape) < 0.2
    missing[..., :2] = False
    y[missing] = np.nan
    forecast[missing & (rng.random(shape) < 0.5)] = np.nan  # is not read there
    assert missing.any() or shape == (7,)
    return y, forecast


def as_theirs(metric: Any, y: np.ndarray, forecast: np.ndarray, **options: Any) -> Any:
    seen = ~np.isnan(y)
    return metric(y[seen], forecast[seen], **options)


@shapes
def test_points_as_scikit_learn(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    y, forecast = problem(rng, shape)
    for ours, theirs in ((mae, mean_absolute_error), (rmse, root_mean_squared_error)):
        assert type(ours(y, forecast)) is float
        assert_close(ours(y, forecast), as_theirs(theirs, y, forecast), LOSS["float64"])
    for j, level in enumerate(LEVELS):
        expected = as_theirs(mean_pinball_loss, y, forecast, alpha=level)
        assert_close(pinball(y, forecast, level), expected, LOSS["float64"])
        several = np.stack([forecast + k for k in range(len(LEVELS))], axis=-1)
        expected = as_theirs(mean_pinball_loss, y, forecast + j, alpha=level)
        assert_close(pinball(y, several, LEVELS)[j], expected, LOSS["float64"])


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3, (0, 1), (-2, -1), (0, 1, 2), ()])
def test_axes_are_those_of_y(rng: np.random.Generator, axis: Any) -> None:
    y, forecast = problem(rng, (5, 7, 3))
    y[2] = np.nan  # a series that is not observed at all
    axes = (axis,) if isinstance(axis, int) else axis
    kept = [a for a in range(3) if a not in {b % 3 for b in axes}]
    samples = np.stack([forecast - 1.0, forecast, forecast + 2.0])
    quantiles = np.moveaxis(samples, 0, -1)
    lower, upper = quantiles[..., :2], quantiles[..., [2, 2]] + 1.0
    history = rng.normal(size=(5, 20, 3))
    cases: dict[str, tuple[Any, ...]] = {
        "mae": (forecast,),
        "rmse": (forecast,),
        "smape": (forecast,),
        "pinball": (quantiles, [0.1, 0.5, 0.8]),
        "wql": (quantiles, [0.1, 0.5, 0.8]),
        "crps_from_quantiles": (quantiles, [0.1, 0.5, 0.8]),
        "coverage": (lower, upper),
        "width": (lower, upper),
        "interval_score": (lower, upper, [0.5, 0.9]),
    }
    samples[:, np.isnan(y)] = np.nan
    for at in np.ndindex(*(y.shape[a] for a in kept)):
        index: list[Any] = [slice(None)] * 3
        for a, i in zip(kept, at, strict=True):
            index[a] = i
        where = tuple(index)
        part = np.atleast_1d(y[where])
        for name, arguments in cases.items():
            metric = getattr(forecasting, name)
            whole = np.asarray(metric(y, *arguments, axis=axis))
            assert np.shape(whole)[: len(kept)] == tuple(y.shape[a] for a in kept)
            pieces = [
                v
                if isinstance(v, list)
                else v[where].reshape(*part.shape, *v.shape[3:])
                for v in arguments
            ]
            alone = np.asarray(metric(part, *pieces))
            both = np.nan_to_num(whole[at], nan=-1.0), np.nan_to_num(alone, nan=-1.0)
            assert_close(*both, LOSS["float64"], name)
        alone = crps(part, samples[(slice(None), *where)].reshape(3, *part.shape))
        whole = np.asarray(crps(y, samples, axis=axis))
        both = np.nan_to_num([whole[at], alone], nan=-1.0)
        assert_close(both[0], both[1], LOSS["float64"], "crps")
    scaled = mase(y, forecast, history, axis=(1,))
    for n, k in np.ndindex(5, 3):
        alone = mase(y[n, :, k], forecast[n, :, k], history[n, :, k])
        assert np.isnan(alone) == np.isnan(scaled[n, k]) == (n == 2)
        if n != 2:
            assert_close(scaled[n, k], alone, LOSS["float64"])


def test_axis_that_is_none(rng: np.random.Generator) -> None:
    y, forecast = problem(rng, (5, 7))
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        mae(y, forecast, axis=2)
    quantiles = np.stack([forecast, forecast], axis=-1)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        pinball(y, quantiles, [0.1, 0.9], axis=2)


def test_smape() -> None:
    y, forecast = np.array([0.0, 2.0, -4.0, 0.0]), np.array([0.0, 6.0, 4.0, 5.0])
    np.testing.assert_array_equal(smape(y, forecast, axis=()), [0.0, 1.0, 2.0, 2.0])
    assert smape([1.0, 3.0], [np.inf, 1.0]) == 1.5
    # Of two positive numbers: twice the absolute percentage error of their sum.
    y, forecast = np.array([3.0, 8.0]), np.array([4.0, 2.0])
    expected = 2.0 * mean_absolute_percentage_error(y + forecast, 2.0 * y)
    assert_close(smape(y, forecast), expected, LOSS["float64"])


@pytest.mark.parametrize("season", [1, 5])
def test_mase_scales_each_series(rng: np.random.Generator, season: int) -> None:
    y, forecast = problem(rng, (3, 7))
    history = [rng.normal(0.0, s, t) for s, t in ((1.0, 12), (50.0, 30), (0.1, 6))]
    history[1][[3, 11]] = np.nan
    expected = []
    for n, series in enumerate(history):
        now, before = series[season:], series[:-season]
        seen = ~np.isnan(now + before)
        naive = mean_absolute_error(now[seen], before[seen])
        expected.append(as_theirs(mean_absolute_error, y[n], forecast[n]) / naive)
    scores = mase(y, forecast, history, season=season, axis=1)
    assert_close(scores, np.array(expected), LOSS["float64"])
    weights = (~np.isnan(y)).sum(axis=1)
    assert_close(
        mase(y, forecast, history, season=season),
        np.average(expected, weights=weights),
        LOSS["float64"],
    )
    # One history for all windows; histories of one length as an array.
    one = mase(y, forecast, history[0], season=season, axis=1)
    three = mase(y, forecast, np.stack([history[0]] * 3), season=season, axis=1)
    np.testing.assert_array_equal(one, three)
    outputs = np.stack([history[0], 2.0 * history[0]], axis=1)  # (T, K)
    both = np.stack([y, y], axis=2), np.stack([forecast, forecast], axis=2)
    scores = mase(*both, outputs, season=season, axis=1)
    assert_close(scores, np.stack([one, one / 2.0], axis=1), LOSS["float64"])
    lists = [outputs.tolist()] * 3
    np.testing.assert_array_equal(scores, mase(*both, lists, season=season, axis=1))


def test_mase_of_a_constant_history() -> None:
    assert mase([3.0], [4.0], [3.0, 3.0, 3.0]) == np.inf
    assert mase([3.0], [3.0], [3.0, 3.0, 3.0]) == 0.0


def test_published_scores_of_a_naive_forecast() -> None:
    # Hyndman & Athanasopoulos, 3rd ed., section 5.9: Google's price in January 2016.
    # They print 4.86 and 55.7 of numbers with more digits than these.
    truth, low, high = [741.84], [744.54], [773.22]
    assert round(2.0 * pinball(truth, low, 0.1), 2) == 4.86
    assert round(interval_score(truth, low, high, 0.8), 1) == 55.7


def test_weighted_quantile_loss(rng: np.random.Generator) -> None:
    y, forecast = problem(rng, (5, 7))
    y -= 8.0  # both signs
    quantiles = np.stack([forecast + k - 9.0 for k in range(4)], axis=-1)
    seen = ~np.isnan(y)
    each = [
        2.0
        * seen.sum()
        * as_theirs(mean_pinball_loss, y, quantiles[..., j], alpha=level)
        / np.abs(y[seen]).sum()
        for j, level in enumerate(LEVELS)
    ]
    assert_close(wql(y, quantiles, LEVELS), np.mean(each), LOSS["float64"])
    assert_close(wql(y, quantiles[..., 1], 0.25), np.array(each[1]), LOSS["float64"])
    # At the median the sum of absolute errors over that of the values.
    expected = mae(y, forecast) / mae(y, np.where(seen, 0.0, np.nan))
    assert_close(wql(y, forecast, 0.5), expected, LOSS["float64"])
    assert wql([0.0, 0.0], [0.0, 1.0], 0.5) == np.inf
    assert wql([0.0, 0.0], [0.0, 0.0], 0.5) == 0.0
    np.testing.assert_array_equal(
        wql([[0.0, 1.0], [0.0, np.nan]], [[1.0, 1.0], [0.0, 9.0]], 0.5, axis=0),
        [np.inf, 0.0],
    )


def gaussian_crps(y: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """Gneiting, Raftery, Westveld & Goldman (2005, eq. 5)."""
    normal = NormalDist()
    z = ((y - mean) / deviation).tolist()
    terms = [
        v * (2.0 * normal.cdf(v) - 1.0) + 2.0 * normal.pdf(v) - np.pi**-0.5 for v in z
    ]
    return deviation * np.array(terms)


def test_crps_of_a_gaussian() -> None:
    y = np.array([-9.0, -3.0, 1.0, 1.5, 4.0, 8.0])
    mean, deviation, n = 1.0, 2.5, 4000
    levels = (np.arange(n) + 0.5) / n
    normal = NormalDist(mean, deviation)
    points = np.array([normal.inv_cdf(level) for level in levels.tolist()])
    expected = gaussian_crps(y, mean, deviation)
    samples = np.repeat(points[:, None], len(y), axis=1)
    scores = crps_from_quantiles(y, samples.T, levels, axis=())
    assert_close(scores, expected, CRPS_GRID)
    assert_close(crps(y, samples, fair=False, axis=()), expected, CRPS_GRID)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_crps_is_the_integral_of_the_squared_distance(
    rng: np.random.Generator, count: int
) -> None:
    # Of the empirical distribution from that of y, Gneiting & Raftery (2007, eq. 20).
    y, samples = rng.normal(size=6), rng.normal(size=(count, 6))
    for h in range(6):
        steps = np.sort([*samples[:, h], y[h]])
        middles = (steps[1:] + steps[:-1]) / 2.0
        below = (samples[:, h] <= middles[:, None]).mean(axis=1)
        expected = np.sum(np.diff(steps) * (below - (y[h] <= middles)) ** 2)
        actual = crps(y[h : h + 1], samples[:, h : h + 1], fair=False)
        assert_close(actual, expected, VALUE["float64"])


def test_fair_crps_is_the_mean_over_all_pairs(rng: np.random.Generator) -> None:
    y, samples = rng.normal(size=(2, 3)), rng.normal(size=(7, 2, 3))
    pairs = [crps(y, samples[list(p)], axis=()) for p in combinations(range(7), 2)]
    assert_close(crps(y, samples, axis=()), np.mean(pairs, axis=0), VALUE["float64"])
    shuffled = crps(y, rng.permutation(samples), axis=())
    assert_close(shuffled, crps(y, samples, axis=()), VALUE["float64"])


def test_crps_keeps_its_digits_on_a_high_level(rng: np.random.Generator) -> None:
    # Multiples of 2^-10, so that adding 2^30 loses nothing.
    y = np.round(1024.0 * rng.normal(size=5)) / 1024.0
    samples = np.round(1024.0 * rng.normal(size=(50, 5))) / 1024.0
    assert crps(y + 2.0**30, samples + 2.0**30) == crps(y, samples)


def test_intervals(rng: np.random.Generator) -> None:
    y, forecast = problem(rng, (5, 7))
    forecast = np.where(np.isnan(y), np.nan, forecast)
    half = np.array([0.5, 2.0, 6.0])
    lower, upper = forecast[..., None] - half, forecast[..., None] + 2.0 * half
    levels = [0.2, 0.6, 0.95]
    shares = coverage(y, lower, upper)
    scores = interval_score(y, lower, upper, levels)
    assert shares.shape == scores.shape == (3,)
    assert 0.0 < shares[0] < shares[1] <= shares[2]
    assert_close(width(y, lower, upper), 3.0 * half, VALUE["float64"])
    for j, level in enumerate(levels):
        low, high = lower[..., j], upper[..., j]
        assert coverage(y, low, high) == shares[j]
        # The pinball losses of both ends say the same (Bracher et al. 2021, eq. 2).
        tail = (1.0 - level) / 2.0
        ends = pinball(y, low, tail) + pinball(y, high, 1.0 - tail)
        assert_close(scores[j], ends / tail, VALUE["float64"])
        assert_close(interval_score(y, low, high, level), scores[j], LOSS["float64"])


def test_ends_belong_to_an_interval_and_may_be_infinite() -> None:
    y = np.array([1.0, 2.0, np.nan])
    lower, upper = np.array([1.0, -np.inf, 3.0]), np.array([5.0, 2.0, 0.0])
    assert coverage(y, lower, upper) == 1.0
    assert width(y, lower, upper) == np.inf
    np.testing.assert_array_equal(
        interval_score(y, lower, upper, 0.5, axis=()), [4.0, np.inf, np.nan]
    )


def test_infinite_forecasts_have_infinite_errors() -> None:
    y, forecast = [1.0, 2.0], [np.inf, 2.0]
    assert mae(y, forecast) == rmse(y, forecast) == np.inf
    assert pinball(y, forecast, 0.9) == wql(y, forecast, 0.9) == np.inf
    assert mase(y, forecast, [1.0, 2.0]) == np.inf
    assert rmse([1e200], [-1e200]) == np.inf


def test_nothing_is_read_where_nothing_was_observed() -> None:
    y, inf = [1.0, np.nan], np.inf
    assert mae(y, [2.0, inf]) == smape([2.0, np.nan], [6.0, -inf]) == 1.0
    assert width(y, [0.0, inf], [3.0, inf]) == 3.0
    assert pinball(y, [[0.0, 3.0], [-inf, inf]], [0.1, 0.5]).tolist() == [0.1, 1.0]
    assert crps(y, [[2.0, np.nan], [2.0, inf]]) == 1.0


def test_nothing_observed_is_nan() -> None:
    y, forecast = np.full((2, 3), np.nan), np.zeros((2, 3))
    assert np.isnan(mae(y, forecast))
    assert np.isnan(rmse(y, forecast, axis=1)).all()
    assert np.isnan(wql(y, forecast, 0.5))
    assert np.isnan(crps(y, np.zeros((4, 2, 3))))
    assert np.isnan(coverage(y, forecast, forecast))


def test_what_is_taken_for_numbers() -> None:
    assert mae([1, 2], np.array([1, 4], np.int8)) == 1.0
    assert mae([True, False], [0.0, 0.0]) == 0.5
    assert mae(np.array([1.0, None], object), [0.5, 9.0]) == 0.5
    assert mae(pd.Series([1, None], dtype="Int64"), [0.5, 9.0]) == 0.5
    with pytest.raises(TypeError, match=r"y must hold numbers, got '2' at row 0"):
        mae(np.array(["2", 1.0], object), [0.5, 9.0])
    with pytest.raises(TypeError, match=r"y must hold numbers, got <object"):
        mae(object(), [0.5])
    with pytest.raises(TypeError, match=r"y must hold numbers, got 'a' at row 1"):
        mae(np.array([1.0, "a"], object), [0.5, 9.0])
    with pytest.raises(TypeError, match="forecast must hold numbers, got complex"):
        mae([1.0], [1.0j])
    with pytest.raises(TypeError, match="y is a masked array"):
        mae(np.ma.masked_array([1.0], [True]), [1.0])


FLAT = np.zeros((2, 3))
LAST_NAN = np.array([[0.0, 0.0, np.nan]] * 2)
MIDDLE_INF = np.array([[[0.0, np.inf, 0.0]] * 2] * 2)
ERRORS: list[tuple[Any, tuple[Any, ...], str]] = [
    (mae, (FLAT, FLAT[0]), r"forecast must have shape \(2, 3\).*got \(3,\)"),
    (mae, (0.0, 0.0), r"y must have shape \(H,\), \(N, H\) or \(N, H, K\), got \(\)"),
    (mae, ([1.0, np.inf], [1.0, 1.0]), r"y is infinite at \[1\]"),
    (mae, (FLAT, LAST_NAN), r"forecast is NaN at \[0, 2\]"),
    (pinball, (FLAT, FLAT, [0.5]), r"quantiles must have shape \(2, 3, 1\)"),
    (pinball, (FLAT, FLAT, 1.0), r"levels must be .* in \(0, 1\), got 1.0"),
    (pinball, (FLAT, FLAT, []), r"levels must be a number or a list .* got \[\]"),
    (wql, (FLAT, np.zeros((2, 3, 2)), [0.5, 0.1]), "levels must increase, got"),
    (crps, (FLAT, FLAT), r"samples must have shape \(S, 2, 3\).*got \(2, 3\)"),
    (crps, (FLAT, FLAT[None]), "the fair score needs 2 samples, got 1"),
    (crps, (FLAT, MIDDLE_INF), r"not finite at \[0, 0, 1\]"),
    (coverage, (FLAT, FLAT, FLAT - 1), r"lower = 0.0 and upper = -1.0 at \[0, 0\] are"),
    (width, (FLAT, FLAT + np.inf, FLAT + np.inf), "lower = inf and upper = inf"),
    (interval_score, (FLAT, FLAT, FLAT, [0.5]), r"lower must have shape \(2, 3, 1\)"),
    (mase, (FLAT, FLAT, [1.0]), r"history has no two observed values 1 steps apart"),
    (mase, (FLAT, FLAT, [[1.0, 2.0], [1.0]]), r"history\[1\] has no two observed"),
    (mase, (FLAT, FLAT, [[1.0, 2.0]]), r"series of shape \(T,\) or 2 such .*got 1 it"),
    (mase, (FLAT[0], FLAT[0], FLAT), r"history must be a series of shape \(T,\) for"),
    (mase, (FLAT[None], FLAT[None], FLAT[:, :2]), r"shape \(T, 3\) .*got \(2, 2\)"),
    (mase, (FLAT, FLAT, []), r"history must be a series, .*got shape \(0,\)"),
    (mase, (FLAT, FLAT, [0.0, np.inf]), r"history is infinite at \[1\]"),
]


@pytest.mark.parametrize(("metric", "arguments", "message"), ERRORS)
def test_errors(metric: Any, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric(*arguments)
