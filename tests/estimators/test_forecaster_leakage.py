"""No forecast knows what comes after its origin; no fit what it is judged on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.estimators import forecaster_engine
from fastlstm.forecasting import mase, read_panel

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE
from .forecasters import (
    forecaster,
    gaps_or_not,
    quiet,
    strategies,
    transforms,
    two_waves,
    wave,
    with_gaps,
)

pytestmark = quiet

warm_or_not = pytest.mark.parametrize("warm", [False, True], ids=["windows", "warm"])
# A judgement averages some tens of errors, which both have with the same bits.
AVERAGE = PAIR_VALUE["float64"]
LEVELS = [0.1, 0.9]


def garbage(y: np.ndarray, first: int, seed: int = 9) -> np.ndarray:
    """Replace all from a step on."""
    y = y.copy()
    y[first:] = np.random.default_rng(seed).uniform(50.0, 900.0, len(y) - first)
    return y


# --------------------------------------------------------------------- after origins


@strategies
@transforms
@warm_or_not
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_what_comes_after_an_origin_is_not_read(
    strategy: str, transform: Any, warm: bool, known: bool
) -> None:
    y = with_gaps(wave(80))
    options = {"strategy": strategy, "transforms": transform, "warm": warm}
    model = forecaster(loss="gaussian", **options).fit({"a": y[:60]})
    # Sums of quantiles are none, but for those of paths.
    levels = None if transform == "difference" and strategy != "recursive" else LEVELS
    name = "a" if known else "b"
    origins = [np.array([45, 50])]
    found = []
    for series in (y, garbage(y, 50), np.r_[y[:50], np.full(30, np.nan)], y[:50]):
        panel = read_panel({name: series})
        values = model._forecast_at(panel, origins)[0]
        spread = model._forecast_at(panel, [origins[0][-1:]], levels)[0]
        found.append({"points": values, "quantiles": spread})
    for other in found[1:]:
        assert_same_bits(other, found[0])


@strategies
@warm_or_not
def test_covariates_after_an_origin_are_not_read(strategy: str, warm: bool) -> None:
    """But for those known ahead, in the horizon."""
    rng = np.random.default_rng(0)
    y, past, future = wave(80), rng.random((80, 1)), rng.random((80, 1))
    given: dict[str, Any] = {}
    if strategy != "recursive":
        given["past"] = past
    if strategy != "direct":
        given["future"] = future
    model = forecaster(strategy=strategy, warm=warm).fit(y, **given)
    origins = [np.array([50])]

    def at(**other: Any) -> np.ndarray:
        panel = read_panel(y, **{**given, **other})
        values: np.ndarray = model._forecast_at(panel, origins)[0]
        return values[0, :, 0]

    def changed(table: np.ndarray, first: int) -> np.ndarray:
        table = table.copy()
        table[first:] += 5.0
        return table

    before = at()
    if "past" in given:
        np.testing.assert_array_equal(at(past=changed(past, 50)), before)
        assert (at(past=changed(past, 49)) != before).all()
    if "future" in given:
        np.testing.assert_array_equal(at(future=changed(future, 54)), before)
        for first in (53, 52, 51, 50):
            now = at(future=changed(future, first))
            # Steps before the change stay, too: nothing is read ahead of its time.
            np.testing.assert_array_equal(now[: first - 50], before[: first - 50])
            assert (now[first - 50 :] != before[first - 50 :]).all()


@strategies
@transforms
@warm_or_not
@gaps_or_not
def test_rolling_origins_are_truncated_histories(
    strategy: str, transform: Any, warm: bool, gaps: bool
) -> None:
    a, b = two_waves(90, 80, gaps)
    options = {"strategy": strategy, "transforms": transform, "warm": warm}
    model = forecaster(**options).fit({"a": a[:60], "b": b[:50]})
    panel = read_panel({"a": a, "b": b})
    origins = [np.array([20, 21, 55, 80]), np.array([30, 60])]
    rolled = model._forecast_at(panel, origins)
    for (name, y), own, forecasts in zip(
        {"a": a, "b": b}.items(), origins, rolled, strict=True
    ):
        for end, forecast in zip(own, forecasts, strict=True):
            expected = model.predict({name: y[:end]})[name]
            np.testing.assert_array_equal(forecast[:, 0], expected)


@warm_or_not
@pytest.mark.parametrize("loss", ["gaussian", "student_t"])
def test_rolling_origins_of_recursive_quantiles(loss: str, warm: bool) -> None:
    """An origin draws the same whichever others are asked for."""
    y = wave(90)
    model = forecaster(loss=loss, strategy="recursive", warm=warm).fit(y[:60])
    rolled = model._forecast_at(read_panel(y), [np.array([55, 80])], [0.25, 0.75])[0]
    for end, found in zip((55, 80), rolled, strict=True):
        expected = model.predict(y[:end], quantiles=[0.25, 0.75])
        np.testing.assert_array_equal(found[:, 0], expected)


@strategies
@warm_or_not
@pytest.mark.parametrize("loss", ["gaussian", "student_t", "negative_binomial"])
def test_draws_do_not_depend_on_other_series(
    strategy: str, warm: bool, loss: str
) -> None:
    rng = np.random.default_rng(0)
    y = {name: np.floor(20.0 * rng.random(60)) for name in ("a", "b", "c")}
    model = forecaster(strategy=strategy, warm=warm, loss=loss).fit(y)
    for asked in ({}, {"quantiles": [0.1, 0.9]}, {"samples": 3}):
        both = model.predict(y, **asked)
        alone = model.predict({"b": y["b"]}, **asked)
        np.testing.assert_array_equal(alone["b"], both["b"])
        # From a memory as well, which has seen all three.
        np.testing.assert_array_equal(model.predict(**asked)["b"], both["b"])
    # Series draw apart from one another, and a series at other origins.
    like = {"b": y["b"], "z": y["b"]}
    paths = model.predict(like, samples=200)
    assert (paths["b"] != paths["z"]).any()
    model.update({name: values[:5] for name, values in y.items()})
    grown = {name: np.concatenate([v, v[:5]]) for name, v in y.items()}
    expected = model.predict({"b": grown["b"]}, samples=3)
    np.testing.assert_array_equal(model.predict(samples=3)["b"], expected["b"])


# --------------------------------------------------------------------------- scores


def score_by_hand(
    model: Any, known: list[np.ndarray], new: list[np.ndarray], season: int
) -> float:
    """-MASE of Hyndman & Koehler (2006), in loops over truncated histories."""
    errors = []
    for n, (old, rows) in enumerate(zip(known, new, strict=True)):
        scale = np.nanmean(np.abs(old[season:] - old[:-season]))
        whole = np.concatenate([old, rows])
        for end in range(len(old), len(whole), model.horizon):
            histories = [
                np.concatenate([o, r]) for o, r in zip(known, new, strict=True)
            ]
            histories[n] = whole[:end]
            forecast = model.predict(histories)[n]
            truth = whole[end : end + model.horizon]
            errors.append(np.abs(truth - forecast[: len(truth)]) / scale)
    return -float(np.nanmean(np.concatenate(errors)))


@strategies
@transforms
@warm_or_not
@gaps_or_not
def test_scores_are_loops(
    strategy: str, transform: Any, warm: bool, gaps: bool
) -> None:
    a, b = two_waves(78, 70, gaps)
    options = {"strategy": strategy, "transforms": transform, "warm": warm}
    model = forecaster(**options).fit([a[:50], b[:50]])
    known, new = [a[:60], b[:60]], [a[60:], b[60:]]
    model.update([a[50:60], b[50:60]])
    score = model.score(new)
    expected = score_by_hand(model, known, new, season=6)
    assert_close(np.array(score), np.array(expected), AVERAGE)
    # Nothing was taken in.
    np.testing.assert_array_equal(model.panel_.lengths, [60, 60])
    assert model.score(new) == score


def test_scores_go_by_the_season_of_the_times() -> None:
    days = pd.date_range("2024-01-01", periods=80, freq="D")
    y = pd.Series(wave(80), index=days)
    model = forecaster(season_length=None).fit(y[:60])
    assert model.season_length_ == 7
    expected = _score_of_days(model, y)
    assert_close(np.array(model.score(y[60:])), np.array(expected), AVERAGE)
    assert forecaster(season_length=None).fit(wave(60)).season_length_ == 1


def _score_of_days(model: Any, y: pd.Series) -> float:
    values = y.to_numpy()
    scale = np.abs(values[7:60] - values[:53]).mean()
    errors = [
        np.abs(values[end : end + 4] - model.predict(y[:end]).to_numpy()) / scale
        for end in range(60, 80, 4)
    ]
    return -float(np.mean(errors))


def test_what_comes_later_changes_no_earlier_error() -> None:
    model = forecaster().fit(wave(60))
    new = wave(80)[60:]
    part = model.score(new[:8])
    for later in (garbage(new, 8), np.r_[new[:8], np.full(12, np.nan)]):
        rows = later.copy()
        rows[8:] = np.nan
        assert model.score(rows) == part
        assert model.score(new) != part


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ([np.nan, np.nan], "no value was observed in the new rows"),
        ([], "X is empty"),
        ([1.0, np.inf], "holds inf"),
    ],
)
def test_nothing_to_score(new: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        forecaster().fit(wave()).score(new)


def test_a_score_reads_each_history_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once an origin: the square of the length would be its cost."""
    model = forecaster(1).fit([wave(60), wave(50)])
    sizes = []

    def look(y: Any, forecast: Any, history: Any, **options: Any) -> float:
        sizes.append(np.size(history))
        return float(mase(y, forecast, history, **options))

    monkeypatch.setattr(forecaster_engine, "mase", look)
    model.score([wave(80)[60:], wave(70)[50:]])
    assert sizes == [60, 50]


def test_constant_series_have_a_score() -> None:
    model = forecaster().fit(np.ones(60))
    np.testing.assert_array_equal(model.predict(), np.ones(4))
    assert model.score(np.ones(4)) == 0.0
    assert model.score([2.0, 2.0]) == -np.inf


# -------------------------------------------------------------------- what fits see


@strategies
@pytest.mark.parametrize(
    ("loss", "transform"),
    [
        ("squared_error", None),
        ("student_t", ("box_cox", "difference")),
        ("negative_binomial", None),
    ],
)
def test_validation_values_are_in_no_statistics(
    strategy: str, loss: str, transform: Any
) -> None:
    """One epoch on the same windows: the validation part has no way to the network."""
    y = np.rint(wave(80))
    past, future = wave(80, seed=3)[:, None], wave(84, seed=4)[:, None]
    found = []
    other = np.rint(garbage(y, 72))
    for last in (y, other, np.r_[other[:74], np.full(6, np.nan)]):
        given: dict[str, Any] = {}
        if strategy != "recursive":
            given["past"] = np.r_[past[:72], last[72:, None]]
        if strategy != "direct":
            given["future"] = np.r_[future[:72], np.nan_to_num(last[72:, None])]
            given["future"] = np.r_[given["future"], future[80:]]
        days = pd.date_range("2024-01-01", periods=84, freq="D")
        table = {k: pd.DataFrame(v, index=days[: len(v)]) for k, v in given.items()}
        model = forecaster(
            strategy=strategy,
            transforms=transform,
            loss=loss,
            max_iter=1,
            validation_fraction=0.1,
        ).fit(pd.Series(last, index=days[:80]), **table)
        fitted = model.forecast_model_
        scaler = fitted.encoder.scaler
        assert fitted.calendar == ("day_of_week",)
        history = {k: t[: 50 + 4 * (k == "future")] for k, t in table.items()}
        answer = model.predict(pd.Series(y[:50], index=days[:50]), **history)
        found.append(
            {
                "center": scaler.center,
                "scale": scaler.scale,
                "weights": model.model_.params.flat,
                "indicators": np.array(fitted.encoder.indicators),
                "forecast": answer.to_numpy(),
            }
        )
    for other in found[1:]:
        assert_same_bits(other, found[0])


def test_validation_is_what_comes_last() -> None:
    """The score of an epoch is the loss on windows whose targets all lie there."""
    y = wave(100)
    model = forecaster(max_iter=1, validation_fraction=0.2, dtype="float64").fit(y)
    scaler = model.forecast_model_.encoder.scaler
    errors = []
    for origin in range(80, 100):
        truth = y[origin : origin + 4]
        forecast = model.predict(y[:origin])[: len(truth)]
        errors.append((truth - forecast) / scaler.scale[0, 0])
    # Half of the mean square over those observed, of each target of a window.
    loss = np.mean(np.concatenate(errors) ** 2)
    ratio = -model.validation_scores_[0] / loss
    assert_close(np.array(ratio), np.array(_factor()), AVERAGE)


def test_recursive_validation_is_of_horizons_alone() -> None:
    """The steps of windows are targets as well, but training has seen these."""
    y = wave(100)
    options = {"max_iter": 1, "validation_fraction": 0.1, "dtype": "float64"}
    model = forecaster(1, strategy="recursive", **options).fit(y)
    scale = model.forecast_model_.encoder.scaler.scale[0, 0]
    errors = [
        (y[origin] - model.predict(y[:origin])[0]) / scale for origin in range(90, 100)
    ]
    expected = -_factor() * np.mean(np.square(errors))
    assert_close(np.array(model.validation_scores_[0]), np.array(expected), AVERAGE)


def _factor() -> float:
    """What the squared error of one target of error 1 costs."""
    from fastlstm.losses import SquaredError

    value, _ = SquaredError()(np.ones((1, 1)), np.zeros((1, 1)))
    return float(value)


@pytest.mark.parametrize("conformal", [None, "split"])
def test_validation_needs_a_value(conformal: str | None) -> None:
    y = np.r_[wave(60), np.full(20, np.nan)]
    with pytest.raises(ValueError, match="no value was observed in the validation par"):
        forecaster(conformal=conformal).fit(y)
    forecaster(early_stopping=False).fit(y)
