"""What LSTMForecaster says, beside NumPy and loops that ask its network alone.

By hand: transform, centre, scale, the rows that a network reads, the way back. Of the
code under test there is `model_`, which other tests hold to torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.data import SequenceBatch, SequencePair
from fastlstm.forecasting import calendar_features
from scipy import stats

from ..compare import assert_close
from ..tolerances import MASK_RATE, PAIR_VALUE, SAMPLE_FIT
from .forecasters import forecaster, gaps_or_not, quiet, strategies, wave, with_gaps

pytestmark = quiet

WINDOW, HORIZON = 8, 4
CLOSE = PAIR_VALUE["float64"]
CENTERS = ("last", "mean", "series")
centers = pytest.mark.parametrize("center", CENTERS)
LAGS = {"difference": 1, "seasonal_difference": 6}


def exact(**options: Any) -> Any:
    """Make a forecaster in float64 that trains on all of its series."""
    return forecaster(HORIZON, WINDOW, dtype="float64", early_stopping=False, **options)


def carried(values: np.ndarray) -> np.ndarray:
    """Fill each gap of (T, K) with the last value before, and with 0."""
    return pd.DataFrame(values).ffill().fillna(0.0).to_numpy()


@dataclass
class ByHand:
    """A series (T, K) as a network reads it, and the way back."""

    y: np.ndarray
    transform: str | None = None
    center: str = "series"
    scaling: str = "standard"

    def __post_init__(self) -> None:
        z = self.y
        if self.transform == "log":
            z = np.log(z)
        if self.transform in LAGS:
            lag = LAGS[self.transform]
            z = np.full_like(self.y, np.nan)
            z[lag:] = self.y[lag:] - self.y[:-lag]
        robust = self.scaling == "robust"
        self.middle = (np.nanmedian if robust else np.nanmean)(z, axis=0)
        if self.center == "series":
            self.spread = _iqr(z) if robust else np.nanstd(z, axis=0)
        else:
            # Differences between any two values of a window.
            apart = [z[lag:] - z[:-lag] for lag in range(1, WINDOW)]
            every = np.concatenate(apart)
            rms = np.sqrt(np.nanmean(every**2, axis=0))
            self.spread = _iqr(every) if robust else rms
        values = (z - self.middle) / self.spread
        self.missing = np.isnan(values)
        self.filled = carried(values)
        self.shift = np.zeros(self.y.shape[1])
        if self.center == "last":
            self.shift = self.filled[-1]
        if self.center == "mean":
            self.shift = np.nanmean(values[-WINDOW:], axis=0)

    def rows(self, first: int, last: int) -> np.ndarray:
        """Values of these rows, and whether they are missing."""
        values = self.filled[first:last] - self.shift
        if not self.missing.any():
            return values
        return np.concatenate([values, self.missing[first:last]], axis=1)

    def back(self, outputs: np.ndarray) -> np.ndarray:
        """Take (H, K) from the network to the user's units."""
        z = self.middle + self.spread * (outputs + self.shift)
        if self.transform == "log":
            return np.exp(z)
        if self.transform not in LAGS:
            return z
        lag = LAGS[self.transform]
        whole = self.y.copy()
        for t in range(lag, len(whole)):
            gaps = np.isnan(whole[t])
            whole[t, gaps] = whole[t - lag, gaps]
        for step in z:
            whole = np.concatenate([whole, [whole[len(whole) - lag] + step]])
        return whole[-len(z) :]


def _iqr(values: np.ndarray) -> np.ndarray:
    low, high = np.nanpercentile(values, [25, 75], axis=0)
    return high - low


def ask(model: Any, source: np.ndarray, target: np.ndarray | None = None) -> np.ndarray:
    """Ask the network about one sequence, or a pair."""
    batch: Any = SequenceBatch(source[None])
    if target is not None:
        batch = SequencePair(batch, SequenceBatch(target[None]))
    answer: np.ndarray = model.model_.infer(batch)[0]
    return answer


def forecast_by_hand(model: Any, hand: ByHand) -> np.ndarray:
    """Points of one series without covariates, (H, K)."""
    n, k = hand.y.shape
    if model.strategy == "direct":
        outputs = ask(model, hand.rows(n - WINDOW, n)).reshape(HORIZON, k)
    elif model.strategy == "encoder_decoder":
        share = np.arange(1, HORIZON + 1)[:, None] / HORIZON
        outputs = ask(model, hand.rows(n - WINDOW, n), share)
    else:
        rows = hand.rows(n - WINDOW - 1, n)  # each step reads the value before it
        outputs = np.empty((0, k))
        for _ in range(HORIZON):
            step = ask(model, rows)[-1:]
            outputs = np.concatenate([outputs, step])
            told = np.zeros((1, rows.shape[1] - k))  # nothing that is drawn is missing
            rows = np.concatenate([rows, np.concatenate([step, told], axis=1)])
    return hand.back(outputs)


@strategies
@centers
@pytest.mark.parametrize("transform", [None, "log", *LAGS])
@gaps_or_not
def test_points(strategy: str, center: str, transform: str | None, gaps: bool) -> None:
    y = np.stack([wave(60), 30.0 + 5.0 * wave(60, seed=3)], axis=1)
    if gaps:
        y = np.stack([with_gaps(y[:, 0]), with_gaps(y[:, 1], seed=4)], axis=1)
    model = exact(strategy=strategy, center=center, transforms=transform).fit(y)
    expected = forecast_by_hand(model, ByHand(y, transform, center))
    assert_close(model.predict(), expected, CLOSE)


@strategies
@centers
def test_robust_scaling(strategy: str, center: str) -> None:
    y = with_gaps(wave(60))[:, None]
    y[30] = 1e6  # an outlier, which does not enter
    model = exact(strategy=strategy, center=center, scaling="robust").fit(y)
    hand = ByHand(y, None, center, "robust")
    assert (hand.spread < 10.0).all()
    assert_close(model.predict(), forecast_by_hand(model, hand), CLOSE)


@pytest.mark.parametrize(
    ("options", "center"),
    [
        ({}, "last"),
        ({"strategy": "encoder_decoder"}, "last"),
        ({"strategy": "recursive"}, "mean"),
        ({"transforms": "difference"}, "series"),
        ({"warm": True}, "series"),
        ({"loss": "poisson"}, "series"),
    ],
    ids=repr,
)
def test_centers_that_are_chosen(options: dict[str, Any], center: str) -> None:
    model = forecaster(**options).fit(np.rint(wave()))
    assert model.forecast_model_.center == center


@strategies
def test_many_series_are_scaled_by_themselves(strategy: str) -> None:
    X = {"a": wave(60)[:, None], "b": 1e3 * wave(40, seed=1)[:, None]}
    model = exact(strategy=strategy).fit(X)
    center = model.forecast_model_.center
    for name, forecast in model.predict().items():
        hand = ByHand(X[name], None, center)
        assert_close(forecast, forecast_by_hand(model, hand), CLOSE)
    # One that the fit has not seen by its own history, one that it has by the fit's.
    new = {"c": 1e6 * wave(30, seed=2)[:, None], "a": 9.0 + wave(20, seed=2)[:, None]}
    forecast = model.predict(new)
    hand = ByHand(new["c"], None, center)
    assert_close(forecast["c"], forecast_by_hand(model, hand), CLOSE)
    hand, old = (ByHand(y, None, center) for y in (new["a"], X["a"]))
    values = hand.filled * hand.spread + hand.middle
    hand.middle, hand.spread = old.middle, old.spread
    hand.filled = (values - old.middle) / old.spread
    window = hand.filled[-WINDOW:]
    hand.shift = window.mean(axis=0) if center == "mean" else window[-1]
    assert_close(forecast["a"], forecast_by_hand(model, hand), CLOSE)


def test_a_dated_slice_is_the_series_that_it_is_of() -> None:
    y = pd.Series(wave(60), pd.date_range("2024-01-01", periods=60))
    model = exact(center="series", calendar=None).fit(y)
    expected = model.predict()
    assert_close(model.predict(y.iloc[-20:]), expected, CLOSE)
    # One that differs at a time, and one at other times, are scaled by themselves.
    other = y.iloc[-20:] + np.eye(20)[0]
    for new in (other, y.iloc[-20:].set_axis(y.index[-20:] + pd.Timedelta("365D"))):
        hand = ByHand(new.to_numpy()[:, None], None, "series")
        expected = forecast_by_hand(model, hand)[:, 0]
        assert_close(model.predict(new), expected, CLOSE)


def test_series_shorter_than_the_window() -> None:
    model = exact(center="last").fit({"a": wave(60)})
    fitted = ByHand(wave(60)[:, None], None, "last")
    y = wave(60)[-3:, None]
    x = (y - y[-1]) / fitted.spread
    expected = y[-1] + fitted.spread * ask(model, x)[:, None]
    assert_close(model.predict({"a": y[:, 0]})["a"], expected[:, 0], CLOSE)


# ---------------------------------------------------------------------- covariates


def standard(values: np.ndarray) -> np.ndarray:
    return (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)


@strategies
def test_covariates_and_calendar(strategy: str) -> None:
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=64, freq="D")
    y = with_gaps(wave(60))
    past = rng.normal(50.0, 9.0, (60, 1))
    past[7:9] = np.nan
    future = rng.normal(3.0, 2.0, (64, 1))
    given: dict[str, Any] = {}
    if strategy != "recursive":
        given["past"] = pd.DataFrame(past, index=days[:60])
    if strategy != "direct":
        given["future"] = pd.DataFrame(future, index=days)
    model = exact(strategy=strategy, center="last", calendar=["day_of_week"])
    model.fit(pd.Series(y, index=days[:60]), **given, static=[["big"]])

    hand = ByHand(y[:, None], None, "last")
    own = hand.rows(0, 60)
    table = calendar_features(days.to_numpy(), ["day_of_week"])[0]
    known = np.concatenate([np.zeros((64, 0)), table], axis=1)
    if strategy != "direct":
        scaled = (future - future[:60].mean(axis=0)) / future[:60].std(axis=0)
        known = np.concatenate([scaled, known], axis=1)
    big = np.ones((64, 1))  # the only category that there is
    share = np.arange(1, HORIZON + 1)[:, None] / HORIZON
    if strategy == "recursive":
        x = np.concatenate([own[51:60], np.zeros((3, 2))])
        x = np.concatenate([x, known[52:], big[52:]], axis=1)
        for h in range(HORIZON):
            step = ask(model, x[: 9 + h])[-1]
            if h < 3:
                x[9 + h, :2] = [step[0], 0.0]
        outputs = ask(model, x)[-4:]
    else:
        # Ahead of the first value a past covariate would be its mean; here is none.
        before = carried(standard(past))
        x = np.concatenate([own, before, known[:60], big[:60]], axis=1)[-WINDOW:]
        ahead = np.concatenate([known[60:], big[60:], share], axis=1)
        outputs = ask(model, x, None if strategy == "direct" else ahead)
    expected = hand.back(outputs.reshape(HORIZON, 1))[:, 0]
    assert_close(model.predict().to_numpy(), expected, CLOSE)


# -------------------------------------------------------------------- distributions


def outputs_by_hand(model: Any, hand: ByHand) -> np.ndarray:
    return ask(model, hand.rows(len(hand.y) - WINDOW, len(hand.y))).reshape(HORIZON, -1)


def peer(loss: str, hand: ByHand, outputs: np.ndarray) -> Any:
    """Return SciPy's distribution of each step, by the docstrings' formulas."""
    location = hand.middle + hand.spread * (outputs[..., 0] + hand.shift)
    scale = hand.spread * (1e-3 + np.logaddexp(0.0, outputs[..., 1]))
    if loss == "gaussian":
        return stats.norm(location, scale)
    return stats.t(2.0 + 1e-6 + np.logaddexp(0.0, outputs[..., 2]), location, scale)


@pytest.mark.parametrize("loss", ["gaussian", "student_t"])
@pytest.mark.parametrize("transform", [None, "log"])
@centers
def test_likelihoods(loss: str, transform: str | None, center: str) -> None:
    y = wave(60)[:, None]
    model = exact(loss=loss, transforms=transform, center=center).fit(y)
    hand = ByHand(y, transform, center)
    expected = peer(loss, hand, outputs_by_hand(model, hand))
    inverse = np.exp if transform == "log" else np.asarray
    levels = [0.01, 0.1, 0.5, 0.9, 0.999]
    found = model.predict(quantiles=levels)[:, 0]
    want = inverse(np.stack([expected.ppf(q) for q in levels], axis=-1))
    assert_close(found, want, CLOSE)
    # The mean of logarithms comes back as a median.
    assert_close(model.predict()[:, 0], inverse(expected.mean()), CLOSE)


def test_quantiles_that_were_trained() -> None:
    y = wave(60)[:, None]
    model = exact(loss="quantile", quantiles=[0.1, 0.2, 0.9], center="last").fit(y)
    hand = ByHand(y, None, "last")
    outputs = np.sort(outputs_by_hand(model, hand), axis=-1)  # 0.5 is with them
    levels = [0.1, 0.2, 0.5, 0.9]
    for at, level in enumerate(levels):
        found = model.predict(quantiles=level)[:, :, 0]
        assert_close(found, hand.back(outputs[:, [at]]), CLOSE)
    assert_close(model.predict(), hand.back(outputs[:, [2]]), CLOSE)
    assert model.quantiles_ == [0.1, 0.2, 0.9]


def test_paths_of_one_step_are_of_its_distribution() -> None:
    y = wave(60)[:, None]
    model = exact(loss="student_t", transforms="log").fit(y)
    hand = ByHand(y, "log", "last")
    expected = peer("student_t", hand, outputs_by_hand(model, hand))
    paths = model.predict(samples=4000)[:, :, 0]
    uniform = expected.cdf(np.log(paths))
    for h in range(HORIZON):
        p_value = stats.kstest(uniform[:, h], "uniform").pvalue
        assert p_value > SAMPLE_FIT.limit
    # Steps of these paths know nothing of each other.
    correlation = np.corrcoef(uniform, rowvar=False)
    off = correlation[~np.eye(HORIZON, dtype=bool)]
    assert np.abs(off).max() < MASK_RATE.limit / np.sqrt(len(paths))


@pytest.mark.parametrize("transform", [None, "difference"])
@pytest.mark.parametrize("center", ["mean", "series"])
def test_recursive_paths(transform: str | None, center: str) -> None:
    """Each draw is the next step's input: with the same draws, the same paths."""
    y = wave(60)[:, None]
    options = {"strategy": "recursive", "loss": "gaussian", "center": center}
    model = exact(transforms=transform, **options).fit(y)
    hand = ByHand(y, transform, center)
    paths = 50
    rows = np.repeat(hand.rows(60 - WINDOW - 1, 60)[None], paths, axis=0)
    drawn = np.empty((paths, 0, 1))
    # Of the first series of the fit; counters go up by draws and by origins.
    key = np.array([model.forecast_model_.seed, 0], np.uint64)
    for h in range(HORIZON):
        rng = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, h, 60]))
        outputs = model.model_.infer(SequenceBatch(rows))[:, -1]
        scale = 1e-3 + np.logaddexp(0.0, outputs[:, 1])
        step = outputs[:, 0] + scale * rng.standard_normal(paths)
        told = np.zeros((paths, 1, rows.shape[2] - 1))
        drawn = np.concatenate([drawn, step[:, None, None]], axis=1)
        told = np.concatenate([step[:, None, None], told], axis=2)
        rows = np.concatenate([rows, told], axis=1)
    expected = np.stack([hand.back(path) for path in drawn])
    found = model.predict(samples=paths)
    # An error of one draw goes through the network to all that follow.
    assert_close(found, expected, CLOSE)
    model.set_params(n_samples=paths).fit(y)
    assert_close(model.predict(), expected.mean(axis=0), CLOSE)
    levels = [0.1, 0.5, 0.9]
    want = np.moveaxis(np.quantile(expected, levels, axis=0), 0, -1)
    assert_close(model.predict(quantiles=levels), want, CLOSE)


@pytest.mark.parametrize("transform", ["log", ("log", "difference")], ids=repr)
def test_recursive_points_are_no_means_of_exponentials(transform: Any) -> None:
    """Of heavy tails these do not exist: one path in a hundred would be the answer."""
    y = wave(60)
    options = {"strategy": "recursive", "loss": "student_t", "n_samples": 50}
    model = exact(transforms=transform, **options).fit(y)
    paths = model.predict(samples=50)
    assert_close(model.predict(), np.exp(np.log(paths).mean(axis=0)), CLOSE)


def test_recursive_draws_are_a_matter_of_the_seed() -> None:
    model = forecaster(strategy="recursive", loss="gaussian").fit(wave())
    np.testing.assert_array_equal(model.predict(), model.predict())
    other = forecaster(strategy="recursive", loss="gaussian", random_state=1)
    assert (other.fit(wave()).predict() != model.predict()).all()
