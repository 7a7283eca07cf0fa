"""One layer: inference and training. Run with ``pytest benchmarks``."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm.nn import LSTM
from shapes import INFERENCE, ODD, TRAINING, Shape


def _layer(shape: Shape) -> tuple[LSTM, np.ndarray]:
    lstm = LSTM(shape.inputs, shape.hidden, random_state=0)
    x = np.random.default_rng(0).standard_normal(
        (shape.batch, shape.steps, shape.inputs), dtype=np.float32
    )
    return lstm, x


@pytest.mark.parametrize("shape", INFERENCE + ODD, ids=str)
def test_inference(benchmark, shape):
    lstm, x = _layer(shape)
    y, _ = benchmark(lstm, x)
    benchmark.extra_info["gflop"] = shape.forward_flops / 1e9
    assert y.shape == (shape.batch, shape.steps, shape.hidden)
    assert np.isfinite(y).all()


@pytest.mark.parametrize("shape", TRAINING + ODD, ids=str)
def test_training(benchmark, shape):
    lstm, x = _layer(shape)
    dy = np.random.default_rng(1).standard_normal(
        (shape.batch, shape.steps, shape.hidden), dtype=np.float32
    )

    def train():
        _, _, cache = lstm.forward(x)
        lstm.zero_grad()
        return lstm.backward(dy, cache)

    dx, _ = benchmark(train)
    benchmark.extra_info["gflop"] = 3 * shape.forward_flops / 1e9
    assert dx.shape == x.shape
    assert np.isfinite(lstm.grads.flat).all()
