"""Errors of predictions, of a whole series and step by step."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequenceScaler
from fastlstm.forecasting.prediction_errors import (
    ErrorStream,
    cut_windows,
    future_values,
    prediction_errors,
)
from fastlstm.models import SequenceModel

from ..compare import assert_same_bits


@pytest.mark.parametrize("steps", [1, 3, 4, 5, 9, 10, 23])
@pytest.mark.parametrize("window", [1, 2, 5, 8, 40])
def test_windows_overlap_by_half_and_leave_nothing_out(steps: int, window: int) -> None:
    series = np.arange(steps)
    windows = cut_windows(series, window)
    assert set(np.concatenate(windows)) == set(range(steps))
    for one, after in pairwise(windows):
        assert len(one) == window
        assert one[window - window // 2 :].tolist() == after[: window // 2].tolist()
    assert all(np.shares_memory(one, series) for one in windows)


def test_future_values() -> None:
    values = np.arange(10).reshape(5, 2)
    expected = [[2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9]]
    np.testing.assert_array_equal(future_values(values, 2), expected)


def make(horizon: int, targets: int, *, scaled: bool, dtype: str) -> SequenceModel:
    model = SequenceModel(
        3,
        horizon * targets,
        hidden_size=7,
        num_layers=2,
        output="sequence",
        dtype=dtype,
        random_state=0,
    )
    if scaled:
        rng = np.random.default_rng(1)
        model.input_scaler = SequenceScaler().fit(rng.normal(2.0, 3.0, size=(50, 3)))
        outputs = rng.normal(2.0, 3.0, size=(50, horizon * targets))
        model.target_scaler = SequenceScaler().fit(outputs)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(("horizon", "places"), [(1, [0]), (1, [2, 0]), (4, [1, 2])])
def test_errors(
    rng: np.random.Generator, horizon: int, places: list[int], scaled: bool, dtype: str
) -> None:
    targets = np.array(places)
    model = make(horizon, len(places), scaled=scaled, dtype=dtype)
    series = rng.normal(2.0, 3.0, size=(23, 3))
    options: dict[str, Any] = {"targets": targets, "horizon": horizon}
    actual = prediction_errors(model, series, **options)
    # In the user's units, one prediction after the other.
    predicted = model.predict(SequenceBatch(series[None]))[0]
    scaler = model.target_scaler
    assert np.isnan(actual[0])
    for t in range(1, len(series)):
        squares = []
        for h in range(1, min(t, horizon) + 1):
            for k, place in enumerate(places):
                column = (h - 1) * len(places) + k
                scale = 1.0 if scaler is None else scaler.scale[column]
                difference = series[t, place] - predicted[t - h, column]
                squares.append((difference / scale) ** 2)
        assert actual[t] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-6)

    stream = ErrorStream(model, **options)
    for _ in range(2):
        streamed = [stream.update(row) for row in series]
        assert_same_bits({"e": np.array(streamed[1:])}, {"e": actual[1:]})
        assert np.isnan(streamed[0])
        stream.reset()
    for steps in (1, 2, 3):  # shorter than the horizon
        part = prediction_errors(
            model, series[:steps], targets=targets, horizon=horizon
        )
        assert_same_bits({"e": part[1:]}, {"e": actual[1:steps]})
