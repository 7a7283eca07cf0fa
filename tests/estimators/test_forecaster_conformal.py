"""Intervals of LSTMForecaster: they hold what they say, and never cross."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.forecasting import SplitConformal
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ..compare import assert_close
from ..tolerances import PAIR_VALUE
from .forecasters import STRATEGIES, TRANSFORMS, forecaster, quiet, wave

pytestmark = quiet

LEVELS = [0.05, 0.2, 0.5, 0.8, 0.95]
LOSSES = (
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "gaussian",
    "student_t",
    "negative_binomial",
    "poisson",
)


@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=12)
@given(
    strategy=st.sampled_from(STRATEGIES),
    conformal=st.sampled_from([None, "split", "adaptive"]),
    transform=st.sampled_from(TRANSFORMS),
    warm=st.booleans(),
    seed=st.integers(0, 99),
    steps=st.integers(1, 4),
    inwards=st.sampled_from([0.0, 5.0]),
)
def test_quantiles_never_cross(
    loss: str,
    strategy: str,
    conformal: str | None,
    transform: Any,
    warm: bool,
    seed: int,
    steps: int,
    inwards: float,
) -> None:
    counts = loss in ("negative_binomial", "poisson")
    points = loss in ("squared_error", "absolute_error", "huber")
    if counts:
        transform = None
    if points and conformal is None:
        conformal = "split"
    if loss == "quantile" and strategy == "recursive":
        strategy = "direct"
    summed = transform == "difference" and strategy != "recursive"
    if summed and conformal is None:
        steps = 1  # beyond the first, quantiles of sums are refused
    rng = np.random.default_rng(seed)
    y = [wave(90, seed=seed), wave(80, 50.0, seed=seed + 1)]
    model = forecaster(
        strategy=strategy,
        loss=loss,
        conformal=conformal,
        transforms=transform,
        warm=warm,
        quantiles=LEVELS,
        max_iter=1,
        n_samples=20,
    ).fit([np.rint(one) for one in y])
    model.update(np.rint(rng.gamma(3.0, 4.0, (2, 3, 1)) + 1.0))
    if model.forecast_model_.calibration is not None:
        # As if the network had promised far too little: intervals shrink to points.
        model.forecast_model_.calibration.conformal.scores -= inwards
    found = np.stack(model.predict(quantiles=LEVELS, steps=steps))
    assert found.shape == (2, steps, 5)
    assert not np.isnan(found).any()
    assert (found[..., :-1] <= found[..., 1:]).all()
    part = np.stack(model.predict(quantiles=[0.8, 0.2], steps=steps))
    np.testing.assert_array_equal(part, found[..., [3, 1]])


# ------------------------------------------------------------------------- coverage


@pytest.mark.parametrize("loss", ["squared_error", "gaussian", "quantile"])
def test_split_intervals_cover(loss: str) -> None:
    """Of independent errors, whatever the network says of them: binomial bounds.

    Each of 60 fits has 30 calibration scores of noise that is no normal one, and is
    judged by what comes next.
    """
    held, n = {0.1: 0, 0.2: 0}, 60
    rng = np.random.default_rng(0)
    for seed in range(n):
        y = rng.exponential(size=91)
        model = forecaster(
            1,
            4,
            loss=loss,
            conformal="split",
            quantiles=[0.1, 0.2, 0.8, 0.9],
            validation_fraction=1 / 3,
            max_iter=1,
            random_state=seed,
        ).fit(y[:90])
        low_90, low_80, high_80, high_90 = model.predict(
            quantiles=[0.1, 0.2, 0.8, 0.9]
        )[0]
        held[0.1] += bool(low_90 <= y[90] <= high_90)
        held[0.2] += bool(low_80 <= y[90] <= high_80)
    for tail, count in held.items():
        level = 1.0 - 2.0 * tail
        # At least the level, and at most 1 / 31 above it.
        low = stats.binom.ppf(1e-4, n, level)
        high = stats.binom.ppf(1.0 - 1e-4, n, level + 1 / 31)
        assert low <= count <= high


def test_adaptive_intervals_follow_a_change() -> None:
    """After errors have grown tenfold, as many are missed as was said, before long."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal(150)
    options = {"quantiles": [0.2, 0.8], "max_iter": 1, "validation_fraction": 0.5}
    model = forecaster(1, 4, conformal="adaptive", **options).fit(y)
    model.forecast_model_.calibration.conformal.gamma = 0.05
    split = forecaster(1, 4, conformal="split", **options).fit(y)
    new = 10.0 * rng.standard_normal(200)
    held = {"adaptive": 0, "split": 0}
    for value in new:
        for name, one in (("adaptive", model), ("split", split)):
            low, high = one.predict(quantiles=[0.2, 0.8])[0]
            held[name] += bool(low <= value <= high)
            one.update([value])
    # Gibbs & Candes (2021), prop. 4.1: (max(level, 1 - level) + gamma) / (gamma T)
    assert abs(held["adaptive"] / 200 - 0.6) <= (0.6 + 0.05) / (0.05 * 200)
    assert held["split"] / 200 < 0.4


# -------------------------------------------------------------------------- by hand


@pytest.mark.parametrize("loss", ["squared_error", "gaussian"])
@pytest.mark.parametrize("transform", [None, "log", "difference"])
def test_split_intervals_by_hand(loss: str, transform: str | None) -> None:
    """Scores of all validation windows, in units of the scale of the series."""
    y = wave(100)
    options = {"conformal": "split", "quantiles": [0.2, 0.8], "loss": loss}
    model = forecaster(
        transforms=transform, validation_fraction=0.3, dtype="float64", **options
    ).fit(y)
    plain = forecaster(
        transforms=transform, validation_fraction=0.3, dtype="float64", loss=loss
    ).fit(y)
    to_z, back = (np.log, np.exp) if transform == "log" else (np.asarray, np.asarray)
    around_points = loss == "squared_error" or transform == "difference"

    def forecast(end: int) -> tuple[np.ndarray, ...]:
        if around_points:
            return (to_z(plain.predict(y[:end])),) * 2
        both = to_z(plain.predict(y[:end], quantiles=[0.2, 0.8]))
        return both[:, 0], both[:, 1]

    scores = np.full((30, 4), np.nan)
    for row, end in enumerate(range(70, 100)):
        came = to_z(y[end : end + 4])
        low, high = (part[: len(came)] for part in forecast(end))
        scores[row, : len(came)] = np.maximum(low - came, came - high)
    low, high = forecast(100)
    margins = []
    for h in range(4):
        ordered = np.sort(scores[:, h][~np.isnan(scores[:, h])])
        margins.append(ordered[int(np.ceil((len(ordered) + 1) * 0.6)) - 1])
    expected = np.stack([back(low - margins), back(high + margins)], axis=1)
    found = model.predict(quantiles=[0.2, 0.8])
    assert_close(found, expected, PAIR_VALUE["float64"])
    # Points stay, and so do those beside the intervals.
    np.testing.assert_array_equal(model.predict(), plain.predict())


def test_levels_that_were_calibrated() -> None:
    model = forecaster(conformal="split", loss="gaussian").fit(wave(90))
    assert model.quantiles_ == [0.1, 0.5, 0.9]
    assert model.predict(quantiles=[0.9, 0.5]).shape == (4, 2)
    with pytest.raises(ValueError, match=r"quantile 0.25 was not calibrated: .*=\[0.1"):
        model.predict(quantiles=[0.25, 0.75])
    assert isinstance(model.forecast_model_.calibration.conformal, SplitConformal)
    assert forecaster().fit(wave()).quantiles_ is None
    with pytest.raises(ValueError, match="has no quantiles: fit with loss='quantile'"):
        forecaster().fit(wave()).predict(quantiles=0.5)


def test_series_share_their_scores() -> None:
    """One scale: a series of large values has intervals as much wider."""
    small = wave(100)
    model = forecaster(conformal="split", dtype="float64").fit(
        {"a": small, "b": 1e4 * small}
    )
    found = model.predict(quantiles=[0.1, 0.9])
    assert_close(1e4 * found["a"], found["b"], PAIR_VALUE["float64"])


def test_long_series_calibrate_for_short_ones() -> None:
    """Nine scores are needed, of which series too short for a judgement have none."""
    series = [wave(60), *(wave(11, seed=n) for n in range(9))]
    model = forecaster(conformal="split", quantiles=(0.05, 0.95)).fit(series)
    scores = model.forecast_model_.calibration.conformal.scores
    assert (~np.isnan(scores)).sum(axis=0).min() == 9


def test_a_validation_part_with_few_values() -> None:
    y = np.array([*wave(60), *np.full(10, np.nan)])
    y[65] = 1.0
    words = "at least 4 observed calibration .* by a larger validation_fraction"
    with pytest.raises(ValueError, match=words):
        forecaster(3, 6, conformal="split", quantiles=[0.1, 0.9]).fit(y)
