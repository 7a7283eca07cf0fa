"""Baselines beside published tables, simulated paths and their own definitions."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from fastlstm.forecasting import (
    Drift,
    Mean,
    Naive,
    SeasonalNaive,
    SeasonalNaiveWithGrowth,
)

from ..compare import assert_close
from ..tolerances import LOSS, VALUE

BASELINES: list[Any] = [
    Mean(),
    Naive(),
    SeasonalNaive(3),
    Drift(),
    SeasonalNaiveWithGrowth(3),
]
baselines = pytest.mark.parametrize("baseline", BASELINES, ids=str)


def deviations(baseline: Any, history: Any, horizon: int) -> np.ndarray:
    """Standard deviations, of the quantile that is one of them above the mean."""
    level = NormalDist().cdf(1.0)
    above = baseline.quantiles(history, horizon, level)
    return above - baseline.forecast(history, horizon)


def test_published_naive_intervals() -> None:
    # R's naive(goog200), Hyndman & Athanasopoulos, 2nd ed., section 3.5: the last price
    # is 531.4783, its changes have the root mean square 6.208148.
    changes = 6.208148 * np.resize([1.0, -1.0], 199)
    history = 531.4783 + np.concatenate([changes.cumsum(), [0.0]])
    table = """
        531.4783 523.5222 539.4343 519.3105 543.6460
        531.4783 520.2267 542.7298 514.2705 548.6861
        531.4783 517.6980 545.2586 510.4031 552.5534
        531.4783 515.5661 547.3904 507.1428 555.8138
        531.4783 513.6880 549.2686 504.2704 558.6862
        531.4783 511.9900 550.9666 501.6735 561.2830
        531.4783 510.4285 552.5280 499.2854 563.6711
        531.4783 508.9751 553.9814 497.0627 565.8939
        531.4783 507.6101 555.3465 494.9750 567.9815
        531.4783 506.3190 556.6375 493.0005 569.9561"""
    expected = np.array(table.split(), np.float64).reshape(10, 5)
    lower, upper = Naive().interval(history, 10, [0.8, 0.95])
    point = Naive().forecast(history, 10)
    actual = np.stack([point, lower[:, 0], upper[:, 0], lower[:, 1], upper[:, 1]], 1)
    # The table was made of numbers with more digits than it prints.
    assert np.abs(actual - expected).max() <= 1.5e-4


def test_forecasts() -> None:
    history = np.array([5.0, 1.0, 3.0, 6.0, 2.0, 4.0, 9.0, 3.0])
    expected = {
        "Mean()": [4.125] * 5,
        "Naive()": [3.0] * 5,
        "SeasonalNaive(season=3)": [4.0, 9.0, 3.0, 4.0, 9.0],
        "Drift()": [3.0 - 2.0 / 7.0 * h for h in range(1, 6)],
        # 16 in the last season, 11 in that before.
        "SeasonalNaiveWithGrowth(season=3)": [
            *(v * 16.0 / 11.0 for v in (4.0, 9.0, 3.0)),
            *(v * (16.0 / 11.0) ** 2 for v in (4.0, 9.0)),
        ],
    }
    for baseline in BASELINES:
        forecast = baseline.forecast(history, 5)
        assert_close(forecast, np.array(expected[repr(baseline)]), LOSS["float64"])


def test_forecasts_start_from_what_was_observed_last() -> None:
    nan = np.nan
    history = np.array([nan, nan, 5.0, nan, 3.0, 6.0, 2.0, 4.0, nan, nan])
    assert Naive().forecast(history, 2).tolist() == [4.0, 4.0]
    assert SeasonalNaive(3).forecast(history, 4).tolist() == [4.0, 6.0, 2.0, 4.0]
    assert Mean().forecast(history, 1).tolist() == [4.0]
    # From 5 to 4 in five steps, and two more to the end.
    assert_close(
        Drift().forecast(history, 2), np.array([4.0 - 0.6, 4.0 - 0.8]), VALUE["float64"]
    )
    # Growth is that of the steps which both seasons have, 9 / 6; what was not observed
    # in the last season grows twice.
    history = np.array([1.0, 5.0, 3.0, nan, 10.0, 6.0, 8.0, nan, 9.0])
    grown = SeasonalNaiveWithGrowth(3).forecast(history, 3)
    growth = 9.0 / 6.0
    assert_close(grown, np.array([8.0, 10.0 * growth, 9.0]) * growth, LOSS["float64"])


@baselines
@pytest.mark.parametrize("shape", [(20,), (20, 3)])
def test_shapes(
    rng: np.random.Generator, baseline: Any, shape: tuple[int, ...]
) -> None:
    history = 10.0 + rng.random(shape)
    history[[4, 9]] = np.nan
    outputs = shape[1:]
    forecast = baseline.forecast(history, 5)
    assert forecast.shape == (5, *outputs)
    quantiles = baseline.quantiles(history, 5, [0.1, 0.5, 0.9])
    assert quantiles.shape == (5, *outputs, 3)
    assert_close(quantiles[..., 1], forecast, LOSS["float64"])
    assert baseline.quantiles(history, 5, 0.1).shape == (5, *outputs)
    lower, upper = baseline.interval(history, 5, [0.8, 0.9])
    assert lower.shape == upper.shape == (5, *outputs, 2)
    np.testing.assert_array_equal(lower[..., 0], quantiles[..., 0])
    np.testing.assert_array_equal(upper[..., 0], quantiles[..., 2])
    assert (lower[..., 1] < lower[..., 0]).all()
    assert (upper[..., 1] > upper[..., 0]).all()
    low, high = baseline.interval(history, 5, 0.9)
    np.testing.assert_array_equal(low, lower[..., 1])
    np.testing.assert_array_equal(high, upper[..., 1])
    if outputs:
        for k in range(3):  # each output by itself
            alone = baseline.quantiles(history[:, k], 5, [0.1, 0.5, 0.9])
            np.testing.assert_array_equal(alone, quantiles[:, k])
    # What stands before the first observed value is no part of the series.
    early = np.full((7, *outputs), np.nan)
    later = baseline.quantiles(np.concatenate([early, history]), 5, [0.1, 0.5, 0.9])
    np.testing.assert_array_equal(later, quantiles)


def test_deviations_by_the_book(rng: np.random.Generator) -> None:
    # Section 5.5 of the third edition; sigma^2 = sum of squares / (T - K - M), eq. 5.1.
    y, h, m = rng.normal(size=20).cumsum(), np.arange(1.0, 9.0), 3
    size, changes, seasonal = len(y), np.diff(y), y[m:] - y[:-m]
    slope = (y[-1] - y[0]) / (size - 1)
    sigma = {
        "Mean()": np.sum((y - y.mean()) ** 2) / (size - 1),
        "Naive()": np.sum(changes**2) / (size - 1),
        "SeasonalNaive(season=3)": np.sum(seasonal**2) / (size - m),
        "Drift()": np.sum((changes - slope) ** 2) / (size - 2),
    }
    factor = {
        "Mean()": np.full(8, 1.0 + 1.0 / size),
        "Naive()": h,
        "SeasonalNaive(season=3)": (h - 1) // m + 1,
        "Drift()": h * (1.0 + h / (size - 1)),
    }
    for baseline in BASELINES[:4]:
        expected = np.sqrt(sigma[repr(baseline)] * factor[repr(baseline)])
        assert_close(deviations(baseline, y, 8), expected, VALUE["float64"])


def test_deviations_over_gaps() -> None:
    nan = np.nan
    # Steps of 2 (one), 6 (over two) and -3 (one); then two steps are missing.
    history = np.array([1.0, 3.0, nan, 9.0, 6.0, nan, nan])
    variance = (4.0 + 36.0 / 2.0 + 9.0) / 3.0
    expected = np.sqrt(variance * np.array([3.0, 4.0]))
    assert_close(deviations(Naive(), history, 2), expected, VALUE["float64"])
    # The drift is 5 / 4 a step.
    residuals = np.array([2.0 - 1.25, 6.0 - 2.5, -3.0 - 1.25])
    variance = np.sum(residuals**2 / [1.0, 2.0, 1.0]) / 2.0
    ahead = np.array([3.0, 4.0])
    expected = np.sqrt(variance * ahead * (1.0 + ahead / 4.0))
    assert_close(deviations(Drift(), history, 2), expected, VALUE["float64"])
    # Seasons of 2: 1, _, 6, _ and 3, 9, _ with one season missing at the end of both.
    history = np.array([1.0, 3.0, nan, 9.0, 6.0, nan, nan, nan])
    variance = (25.0 / 2.0 + 36.0) / 2.0
    expected = np.sqrt(variance * np.array([2.0, 3.0, 3.0]))
    assert_close(deviations(SeasonalNaive(2), history, 3), expected, VALUE["float64"])


def test_deviations_of_growth() -> None:
    # Seasons (1, 3), (3, 5), (4, 8), (10, 14): residuals of the third from the first
    # two, with growth 2, and of the fourth from the second and third, with 1.5.
    history = np.array([1.0, 3.0, 3.0, 5.0, 4.0, 8.0, 10.0, 14.0])
    residuals = np.array([4.0 - 6.0, 8.0 - 10.0, 10.0 - 6.0, 14.0 - 12.0])
    variance, growth = np.mean(residuals**2), 2.0
    expected = np.sqrt(variance * np.array([1.0, 1.0, 1.0 + growth**2]))
    baseline = SeasonalNaiveWithGrowth(2)
    assert_close(deviations(baseline, history, 3), expected, VALUE["float64"])
    history[[2, 7]] = np.nan  # growth 5 / 3, then 2 from (5, 8)
    growth = 5.0 / 3.0
    last = 8.0 / 5.0
    residuals = np.array([4.0 - 1.0 * growth**2, 8.0 - 5.0 * growth, 10.0 - 4.0 * last])
    variance, now = np.mean(residuals**2), 10.0 / 4.0
    expected = np.sqrt(variance * np.array([1.0, 1.0 + now**2]))
    assert_close(deviations(baseline, history, 2), expected, VALUE["float64"])


@pytest.mark.parametrize(
    ("baseline", "drift", "season"),
    [(Naive(), 0.0, 1), (SeasonalNaive(4), 0.0, 4), (Drift(), 0.7, 1)],
    ids=str,
)
def test_intervals_cover_random_walks(
    rng: np.random.Generator, baseline: Any, drift: float, season: int
) -> None:
    # 600 independent walks with many steps, so that the deviation is as good as known.
    steps = drift + rng.normal(size=(406, 600))
    walks = np.zeros_like(steps)
    for t in range(len(steps)):
        walks[t] = steps[t] + (walks[t - season] if t >= season else 0.0)
    history, future = walks[:400], walks[400:]
    history[rng.random(history.shape) < 0.3] = np.nan
    history[-2:] = np.nan
    history[:season] = 0.0
    lower, upper = baseline.interval(history, 6, 0.8)
    held = ((lower <= future) & (future <= upper)).sum(axis=1)
    # Five standard deviations of a binomial count.
    assert (np.abs(held - 480) < 5.0 * np.sqrt(600 * 0.8 * 0.2)).all(), held


def test_repr() -> None:
    assert [repr(baseline) for baseline in BASELINES] == [
        "Mean()",
        "Naive()",
        "SeasonalNaive(season=3)",
        "Drift()",
        "SeasonalNaiveWithGrowth(season=3)",
    ]


NAN = np.nan
ERRORS: list[tuple[Any, Any, str]] = [
    (Naive(), [[[1.0]]], r"history must be a series, .* got shape \(1, 1, 1\)"),
    (Naive(), [], r"history must be a series, .* got shape \(0,\)"),
    (Naive(), [1.0, -np.inf], r"history is infinite at \[1\]"),
    (Mean(), [NAN, NAN], "history has no observed value"),
    (Mean(), [[1.0, NAN], [2.0, NAN]], "history of output 1 has no observed value"),
    (Drift(), [1.0, NAN], r"Drift\(\) needs at least 2 observed values, got 1"),
    (SeasonalNaive(3), [1.0, 2.0], r"=3\) needs a history of at least 3 .* got 2"),
    (SeasonalNaive(3), [NAN, NAN, 1.0], r"at least 3 steps, from its first .* got 1"),
    (SeasonalNaive(2), [1.0, NAN, 2.0, NAN], "no observed value 1 steps"),
    (SeasonalNaiveWithGrowth(2), [1.0] * 3, "a history of at least 4 .* got 3"),
    (SeasonalNaiveWithGrowth(2), [1, -1, 3, 4], "positive sums, got 0 and 7 over 2"),
]


@pytest.mark.parametrize(("baseline", "history", "message"), ERRORS, ids=str)
def test_errors(baseline: Any, history: Any, message: str) -> None:
    for call in (
        lambda: baseline.forecast(history, 2),
        lambda: baseline.quantiles(history, 2, 0.5),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_no_variance_without_residuals() -> None:
    for baseline, history, message in (
        (Mean(), [1.0], "at least 2 observed values, got 1"),
        (Naive(), [1.0], "two observed values a season apart"),
        (SeasonalNaive(2), [1.0, NAN, NAN, 2.0], "two observed values a season"),
        (Drift(), [1.0, 2.0], "at least 3 observed values, got 2"),
        (SeasonalNaiveWithGrowth(1), [1.0, 2.0], "at least 3 steps, .* got 2"),
        (
            SeasonalNaiveWithGrowth(2),
            [1.0, NAN, 2.0, NAN, 3.0, 5.0, 4.0, 6.0],
            "no observed value 1 steps",
        ),
    ):
        assert np.isfinite(baseline.forecast(history, 2)).all()
        with pytest.raises(ValueError, match=message):
            baseline.interval(history, 2)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="season must be at least 1, got 0"):
        SeasonalNaive(0)
    with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
        Naive().forecast([1.0], 0)
    with pytest.raises(ValueError, match=r"levels must be .* in \(0, 1\), got 1.5"):
        Naive().quantiles([1.0, 2.0], 1, 1.5)
    with pytest.raises(ValueError, match=r"level must increase, got \[0.9, 0.8\]"):
        Naive().interval([1.0, 2.0], 1, [0.9, 0.8])
