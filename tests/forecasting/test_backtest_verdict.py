"""Whether a difference is real: paired, with errors that hold for few origins."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm.forecasting import Backtest
from fastlstm.forecasting.backtesting.differences import (
    Difference,
    compare,
    mean_and_error,
)
from fastlstm.forecasting.backtesting.truth import Truth
from fastlstm.forecasting.backtesting.verdict import verdict

from ..compare import assert_close
from ..tolerances import LOSS


def alike(n: int, factor: float, noise: float, series: int = 1) -> Backtest:
    """A random walk, forecast a step ahead with errors near ``factor`` of the naive."""
    rng = np.random.default_rng(3)
    walks = [rng.normal(size=20 + n).cumsum() for _ in range(series)]
    at = np.arange(20, 20 + n)
    points = [
        (y[at] - factor * (y[at] - y[at - 1]) + noise * rng.normal(size=n))[:, None]
        for y in walks
    ]
    return Backtest.from_forecasts(walks, at, {"LSTM": points})


def test_verdicts() -> None:
    better = alike(50, 0.5, 0.0).verdict()
    assert better.startswith(
        "LSTM is better than the best baseline, the naive, by 50 % ("
    )
    assert better.endswith(" standard errors over 50 origins.")
    worse = alike(50, 1.5, 0.0).verdict()
    assert worse.startswith("LSTM loses to the naive by 50 % (MASE ")
    few = alike(9, 1.5, 0.0).verdict()
    assert few.startswith("LSTM loses to the naive by 50 % (MASE ")
    words = (
        "are too few to tell whether that is more than luck: a smaller stride or an "
        "earlier start gives more."
    )
    assert few.endswith(f"; forecasts from 9 times {words}")
    single = alike(1, 0.5, 0.0).verdict()
    assert single.endswith(f"; forecasts from one time {words}")
    chance = alike(50, 1.0, 0.3).verdict()
    assert "which is no real difference: " in chance
    assert chance.endswith(" standard errors over 50 origins.")
    panel = alike(2, 0.5, 0.0, series=40)
    assert panel.verdict().endswith(" standard errors over 40 series.")
    assert panel.difference().unit == "series"
    same = alike(50, 1.0, 0.0)
    assert same.difference("naive", "naive").ratio == 0.0
    assert same.best_baseline == "naive"
    few = alike(5, 1.0, 0.0).verdict()
    assert few.startswith("LSTM is as good as the best baseline, the naive (MASE ")
    assert len(few.split("MASE ")[1].split()[0]) == 4
    with pytest.raises(ValueError, match="no forecaster 'Naive', only"):
        same.verdict("Naive")


def test_small_differences_are_told() -> None:
    gap = Difference(mean=1e-4, error=1e-5, count=30, unit="origins")
    assert verdict("a", "b", "MAE", 0.5001, 0.5, gap) == (
        "a loses to the b by 0.02 % (MAE 0.5001 against 0.5000): 10.0 standard errors "
        "over 30 origins."
    )
    none = Difference(mean=0.0, error=None, count=3, unit="origins")
    perfect = verdict("a", "b", "MAE", 0.1, 0.0, none)
    assert perfect.startswith(
        "a loses to the b (MAE 0.10 against 0.00); forecasts from 3 times"
    )
    assert verdict("a", "b", "MAE", 0.0, 0.0, none).startswith("a is as good as")
    endless = verdict("a", "b", "MAE", 1.0, float("inf"), none)
    assert endless.startswith("a is better than the best baseline, the b (MAE 1.00 ag")


def test_the_verdict_says_by_how_much() -> None:
    result = alike(50, 1.5, 0.0)
    table = result.scores()
    ratio = table["LSTM", "MASE"] / table["naive", "MASE"]
    assert f"by {100 * (ratio - 1):.0f} % " in result.verdict()
    assert f"MASE {table['LSTM', 'MASE']:.2f} against " in result.verdict()
    gap = result.difference()
    assert_close(
        gap.mean, table["LSTM", "MASE"] - table["naive", "MASE"], LOSS["float64"]
    )
    assert gap.ratio is not None
    assert f": {gap.ratio:.1f} standard errors" in result.verdict()


def plain_error(values: np.ndarray, lags: int) -> float:
    """Newey-West and Kiefer-Vogelsang, term by term."""
    n, mean = len(values), values.mean()
    total = 0.0
    for i in range(n):
        for j in range(n):
            weight = max(0.0, 1.0 - abs(i - j) / (lags + 1))
            total += weight * (values[i] - mean) * (values[j] - mean)
    b = (lags + 1) / n
    quantile = 1.96 + 2.9694 * b + 0.416 * b**2 - 0.5324 * b**3
    return float(np.sqrt(total) / n * quantile / 1.96)


@pytest.mark.parametrize(
    ("n", "overlap", "lags"), [(30, 1, 3), (80, 7, 13), (12, 0, 0)]
)
def test_standard_error(
    rng: np.random.Generator, n: int, overlap: int, lags: int
) -> None:
    values = rng.normal(1.0, 1.0, n).cumsum()
    # Each group's terms come in pieces, in any order.
    pieces = rng.permutation(np.repeat(np.arange(n), 3))
    sums = values[pieces] * 5.0 / 3.0
    mean, error, count = mean_and_error(sums, np.full(3 * n, 5 / 3), pieces, overlap)
    assert count == n
    assert error is not None
    assert_close(mean, values.mean(), LOSS["float64"])
    assert_close(error, plain_error(values, lags), LOSS["float64"])


def test_too_few_for_a_standard_error() -> None:
    ones = np.ones(9)
    assert mean_and_error(ones, ones, np.arange(9), 1) == (1.0, None, 9)
    ones = np.ones(69)
    assert mean_and_error(ones, ones, np.arange(69), 7) == (1.0, None, 69)
    ones = np.ones(70)
    assert mean_and_error(ones, ones, np.arange(70), 7) == (1.0, 0.0, 70)
    assert mean_and_error(ones, np.zeros(70), np.arange(70), 7)[1:] == (None, 0)


@pytest.mark.parametrize(("n", "overlap"), [(10, 1), (100, 1), (50, 5), (120, 12)])
def test_chance_is_seldom_taken_for_a_difference(n: int, overlap: int) -> None:
    # Forecasts that overlap share shocks, so their errors are moving averages.
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(1000):
        shocks = rng.normal(size=n + overlap - 1)
        values = np.convolve(shocks, np.ones(overlap), "valid")
        mean, error, _ = mean_and_error(values, np.ones(n), np.arange(n), overlap)
        assert error is not None
        wrong += abs(mean) > 2.0 * error
    # 46 of 1000 with a known error. Ten overlapping stretches tell little of it: the
    # test is then too eager, but not by more than two and a half times.
    assert 30 < wrong < (65 if overlap == 1 else 115)


def test_differences_are_paired_by_moment(rng: np.random.Generator) -> None:
    y = rng.normal(size=(40, 3, 1))
    truth = Truth(
        y=y,
        scale=np.full((40, 1), 2.0),
        series=np.repeat([0, 1], 20),
        moment=np.tile(np.arange(20), 2),
        spacing=3,
    )
    model, other = rng.normal(size=(2, 40, 3, 1))
    gap = compare(truth, model, other, scaled=True)
    terms = (abs(y - model) - abs(y - other)).mean(axis=(1, 2)) / 2.0
    values = terms.reshape(2, 20).mean(axis=0)
    assert gap.error is not None
    assert_close(gap.mean, values.mean(), LOSS["float64"])
    assert_close(gap.error, plain_error(values, 2), LOSS["float64"])
    plain = compare(truth, model, other, scaled=False)
    assert_close(plain.mean, 2.0 * values.mean(), LOSS["float64"])
