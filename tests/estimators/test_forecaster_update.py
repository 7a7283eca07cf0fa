"""LSTMForecaster.update: as if all had been known, at the cost of what is new."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting import AdaptiveConformal, PanelEncoder
from fastlstm.models.stream import ModelStream

from ..compare import assert_same_bits
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

KEEPS = {"windows": False, "warm": True}
warm_or_not = pytest.mark.parametrize("warm", KEEPS.values(), ids=KEEPS)


def answers(model: Any, *X: Any, **covariates: Any) -> dict[str, np.ndarray]:
    """What a model says of one series or of many, by name."""
    found = {}
    draws = model.forecast_model_.head.random
    # Of differences only these have paths of more than a step.
    steps = None if model.forecast_model_.strategy == "recursive" else 1
    for name, asked in (("points", {}), ("paths", {"samples": 2, "steps": steps})):
        if asked and not draws:
            continue
        each = model.predict(*X, **asked, **covariates)
        each = each if isinstance(each, (dict, list)) else [each]
        values = each.values() if isinstance(each, dict) else each
        found |= {f"{name} {n}": np.asarray(v) for n, v in enumerate(values)}
    return found


def snapshot(model: Any) -> dict[str, np.ndarray]:
    """All that an update may change."""
    state = model._memory
    calibration = model.forecast_model_.calibration
    found = answers(model)
    found |= {f"y {one.id}": one.y for one in model.panel_}
    if state is not None:
        found |= {"h": state.state[0], "c": state.state[1], "ends": state.ends}
    if calibration is not None and calibration.adaptive:
        found |= {"alpha": calibration.conformal.alpha}
        found |= {f"low {n}": low for n, (low, _) in enumerate(model._issued)}
    return copy.deepcopy(found)


# ----------------------------------------------------------------- whole histories


@strategies
@transforms
@warm_or_not
@gaps_or_not
def test_updates_are_as_the_whole_history(
    strategy: str, transform: Any, warm: bool, gaps: bool
) -> None:
    """To the bit: a stream's step is a step of the whole, a tail's gaps are filled."""
    a, b = two_waves(90, 80, gaps)
    options = {"strategy": strategy, "transforms": transform, "warm": warm}
    fitted = forecaster(loss="gaussian", **options).fit([a[:60], b[:50]])
    by_one, at_once = copy.deepcopy(fitted), copy.deepcopy(fitted)
    for t in range(30):
        by_one.update([a[60 + t : 61 + t], b[50 + t : 51 + t]])
    at_once.update([a[60:], b[50:]])
    expected = answers(fitted, [a, b])
    assert_same_bits(answers(by_one), expected)
    assert_same_bits(answers(at_once), expected)
    for series, y in zip(by_one.panel_, (a, b), strict=True):
        np.testing.assert_array_equal(series.y[:, 0], y)
    # The statistics are those of the fit.
    assert by_one.forecast_model_.encoder is not fitted.forecast_model_.encoder
    for model in (by_one, at_once):
        scaler = model.forecast_model_.encoder.scaler
        np.testing.assert_array_equal(
            scaler.center, fitted.forecast_model_.encoder.scaler.center
        )


@strategies
@warm_or_not
def test_covariates_of_all_kinds(strategy: str, warm: bool) -> None:
    """Past ones with gaps, those known ahead, the calendar, features of the series."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=94, freq="D")
    past = pd.DataFrame({"p": rng.random(94), "never": np.nan}, index=days)
    past.loc[days[55:75], "p"] = np.nan
    kinds: dict[str, Any] = {}
    if strategy != "recursive":
        kinds["past"] = past
    if strategy != "direct":
        kinds["future"] = pd.DataFrame({"f": rng.random(94)}, index=days)
    y = pd.Series(with_gaps(wave(94)), index=days)

    def rows(first: int, last: int, ahead: int = 0) -> dict[str, Any]:
        ends = {"past": last, "future": last + ahead}
        return {kind: table[first : ends[kind]] for kind, table in kinds.items()}

    model = forecaster(strategy=strategy, warm=warm, loss="gaussian")
    model.fit(y[:60], **rows(0, 60), static=[[3.0]])
    expected = answers(model, y[:90], **rows(0, 90, 4), static=[[3.0]])
    for first, last in ((60, 61), (61, 63), (63, 78), (78, 90)):
        model.update(y[first:last], **rows(first, last))
    rows_ahead = {} if strategy == "direct" else {"future": kinds["future"][90:]}
    assert_same_bits(answers(model, **rows_ahead), expected)
    if rows_ahead:
        # The same where the last update has known them ahead.
        model.fit(y[:60], **rows(0, 60), static=[[3.0]])
        model.update(y[60:90], **rows(60, 90, 4))
        assert_same_bits(answers(model), expected)


@warm_or_not
def test_series_by_name(warm: bool) -> None:
    model = forecaster(warm=warm, loss="gaussian").fit({"a": wave(60), "b": wave(70)})
    before = model.predict()
    model.update({"b": [9.0, 8.0]})
    assert_same_bits({"a": model.predict()["a"]}, {"a": before["a"]})
    model.update({"b": [7.0], "a": [5.0]})
    whole = {"a": np.r_[wave(60), 5.0], "b": np.r_[wave(70), 9.0, 8.0, 7.0]}
    assert_same_bits(answers(model), answers(model, whole))
    assert list(model.predict()) == ["a", "b"]


def test_batch_normalization_goes_on_with_windows() -> None:
    model = forecaster(normalization="batch").fit(wave(60))
    model.update(wave(70)[60:])
    expected = model.predict(np.r_[wave(60), wave(70)[60:]])
    assert_same_bits({"y": model.predict()}, {"y": expected})


# ------------------------------------------------------------------------ the cost


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Any]]]:
    """Note what streams read and what is encoded."""
    calls: dict[str, list[Any]] = {"steps": [], "encoded": []}
    read, step, encode = ModelStream.read, ModelStream.step, PanelEncoder.encode

    def note_read(self: Any, batch: Any, **options: Any) -> Any:
        calls["steps"].append(batch.x.shape[:2])
        return read(self, batch, **options)

    def note_step(self: Any, x: Any) -> Any:
        calls["steps"].append((len(x), 1))
        return step(self, x)

    def note_encode(self: Any, panel: Any, *args: Any, **options: Any) -> Any:
        calls["encoded"].append(int(panel.lengths.max()))
        return encode(self, panel, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ModelStream, "read", note_read)
        patch.setattr(ModelStream, "step", note_step)
        patch.setattr(PanelEncoder, "encode", note_encode)
        yield calls


@strategies
@pytest.mark.parametrize("transform", [None, "difference"])
def test_a_warm_update_is_one_step(
    strategy: str, transform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"strategy": strategy, "transforms": transform, "loss": "gaussian"}
    model = forecaster(warm=True, max_iter=1, **options).fit([wave(600), wave(500)])
    with counted(monkeypatch) as calls:
        model.update([[9.0], [8.0]])
    assert calls["steps"] == [(2, 1)]
    assert max(calls["encoded"]) <= 2
    with counted(monkeypatch) as calls:
        model.update([[9.0, 7.0, 6.0], [np.nan, np.nan, 5.0]])
    assert calls["steps"] == [(2, 3)]
    # Of the second series no difference is known since the row before.
    assert max(calls["encoded"]) <= 4
    with counted(monkeypatch) as calls:
        model.predict()
    # Paths of 100 draws each go through the horizon; nothing reads the past.
    paths = [(200, 1)] * 4
    assert calls["steps"] == (paths if strategy == "recursive" else [])
    assert max(calls["encoded"]) <= 4


def test_a_tail_reaches_back_to_what_gaps_are_filled_with() -> None:
    y = np.stack([wave(60), wave(60, seed=1)], axis=1)
    model = forecaster(warm=True).fit(y)
    rows = np.full((9, 2), np.nan)
    rows[:, 0] = 9.0
    for t in range(9):
        model.update(rows[t : t + 1])
        (kept,) = model._memory.tail.rows
        np.testing.assert_array_equal(kept, np.r_[y[-1:], rows[: t + 1]])
    whole = model.predict(np.r_[y, rows])
    assert_same_bits({"y": model.predict()}, {"y": whole})
    model.update(np.array([[np.nan, 7.0]]))
    assert [kept.shape for kept in model._memory.tail.rows] == [(2, 2)]


# --------------------------------------------------------------- adaptive intervals


@pytest.mark.parametrize("transform", [None, "log", ("log", "difference")], ids=repr)
@pytest.mark.parametrize("loss", ["squared_error", "gaussian"])
@warm_or_not
def test_adaptive_intervals_learn_as_by_hand(
    loss: str, warm: bool, transform: Any
) -> None:
    """Each new value is judged by the intervals of the last origins, each step's own.

    By hand: quantiles that ``predict`` gave before each row, in the user's units.
    """
    levels = [0.05, 0.2, 0.8, 0.95]
    options = {"conformal": "adaptive", "quantiles": levels, "loss": loss}
    options = {**options, "transforms": transform}
    model = forecaster(horizon=3, warm=warm, **options).fit([wave(90), wave(80)])
    conformal = model.forecast_model_.calibration.conformal
    hand = AdaptiveConformal(conformal.level)
    hand.alpha = conformal.alpha.copy()
    hand.scores = conformal.scores
    new = np.random.default_rng(5).gamma(9.0, 1.0, (2, 12))
    new[0, 4] = np.nan
    issued: list[tuple[np.ndarray, np.ndarray]] = []
    for t in range(12):
        each = np.stack(model.predict(quantiles=levels))[:, :, None]  # (2, 3, 1, 4)
        issued.insert(0, (each[..., [1, 0]], each[..., [2, 3]]))
        truth = np.full((2, 3, 1), np.nan)
        low, high = (np.zeros((2, 3, 1, 2)) for _ in range(2))
        for step, (below, above) in enumerate(issued[:3]):
            truth[:, step, 0] = new[:, t]
            low[:, step], high[:, step] = below[:, step], above[:, step]
        hand.update(truth, low, high)
        model.update(list(new[:, t : t + 1]))
        alpha = model.forecast_model_.calibration.conformal.alpha
        np.testing.assert_array_equal(alpha, hand.alpha)
    assert len(np.unique(hand.alpha)) > 3

    # All rows at once teach the same.
    at_once = forecaster(horizon=3, warm=warm, **options).fit([wave(90), wave(80)])
    at_once.update(list(new))
    conformal = at_once.forecast_model_.calibration.conformal
    np.testing.assert_array_equal(conformal.alpha, hand.alpha)
    asked = {"quantiles": [0.2, 0.5, 0.8]}
    for a, b in zip(at_once.predict(**asked), model.predict(**asked), strict=True):
        np.testing.assert_array_equal(a, b)


def test_adaptive_intervals_need_all_series() -> None:
    options = {"conformal": "adaptive", "loss": "gaussian"}
    model = forecaster(**options).fit({"a": wave(90), "b": wave(90)})
    before = snapshot(model)
    for new in ({"a": [1.0]}, {"a": [1.0], "b": [1.0, 2.0]}):
        with pytest.raises(ValueError, match=r"as many new rows of each, got . to .*"):
            model.update(new)
    assert_same_bits(snapshot(model), before)


def test_split_intervals_stay() -> None:
    model = forecaster(conformal="split").fit(wave(90))
    scores = model.forecast_model_.calibration.conformal.scores.copy()
    model.update([900.0])
    conformal = model.forecast_model_.calibration.conformal
    np.testing.assert_array_equal(conformal.scores, scores)


# ----------------------------------------------------------------- what goes wrong


BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "inf": ({"a": [1.0, np.inf]}, {}, "'a' holds inf at row 1"),
    "unknown": ({"c": [1.0]}, {}, "new rows of series 'c', which is none of the 2"),
    "none": ({}, {}, "is empty: expected at least one series"),
    "variables": ({"a": np.ones((3, 2))}, {}, "have 2 variables"),
    "past": ({"a": [1.0]}, {"past": {"a": [[1.0]]}}, "have 1 past covariates"),
    "future": ({"a": [1.0]}, {"future": {"a": [[1.0]]}}, "have 1 future covariates"),
    "overflow": ({"a": [1.0, 1e80]}, {}, "too large for float32"),
    "below 0": (
        {"a": [2.0, -1.0]},
        {"transforms": "log"},
        r"series 'a': y\[1, 0\] = -1",
    ),
    "count": ({"a": [2.5]}, {"loss": "poisson"}, "expected counts, whole numbers"),
}


@strategies
@warm_or_not
@pytest.mark.parametrize("bad", BAD)
def test_what_is_refused_changes_nothing(strategy: str, warm: bool, bad: str) -> None:
    new, options, words = BAD[bad]
    beside = {k: v for k, v in options.items() if k in ("past", "future")}
    options = {k: v for k, v in options.items() if k not in beside}
    options = {"conformal": "adaptive", "loss": "gaussian", **options}
    model = forecaster(strategy=strategy, warm=warm, **options)
    counts = np.rint(wave(70))
    model.fit({"a": counts, "b": counts + 1.0})
    model.update({"a": [3.0], "b": [4.0]})
    before, panel = snapshot(model), model.panel_
    with pytest.raises(ValueError, match=words):
        model.update(new, **beside)
    assert model.panel_ is panel
    assert_same_bits(snapshot(model), before)
    model.update({"a": [3.0], "b": [4.0]})


def test_times_have_to_follow() -> None:
    days = pd.date_range("2024-01-01", periods=100, freq="D")
    model = forecaster().fit(pd.Series(wave(60), index=days[:60]))
    for first, words in ((59, "until 2024-02-29: expected rows after"), (0, "until")):
        with pytest.raises(ValueError, match=words):
            model.update(pd.Series([1.0, 2.0], index=days[first : first + 2]))
    with pytest.raises(ValueError, match="no whole number of steps"):
        model.update(pd.Series([1.0], index=days[60:61] + pd.Timedelta("5h")))
    with pytest.raises(ValueError, match="expected times in both or in neither"):
        model.update([1.0])
    # A gap is filled with what is missing, and told from what was observed.
    model.update(pd.Series([1.0, 2.0], index=days[62:64]))
    y = pd.Series(np.r_[wave(60), np.nan, np.nan, 1.0, 2.0], index=days[:64])
    assert_same_bits({"y": model.predict()}, {"y": model.predict(y)})
