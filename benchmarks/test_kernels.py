"""The parts of the core that are not the LSTM, on arrays that are there already."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm import _core

DTYPES = ["float32", "float64"]
# Rows and classes of a tagger's and of a language model's batch.
LOGITS = [(640, 16), (2240, 1000)]
VOCABULARY, WIDTH, TOKENS = 10_000, 128, 2240
PARAMETERS = 1_000_000


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", ["tanh", "sigmoid", "exp"])
def test_activation(benchmark, rng, function, dtype):
    x = rng.standard_normal(16_384).astype(dtype)
    out = np.empty_like(x)
    benchmark(getattr(_core, function), x, out)
    benchmark.extra_info["elements"] = x.size
    assert np.isfinite(out).all()


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(32, 32, 1), (2240, 200, 500)])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_linear(benchmark, rng, direction, rows, inputs, outputs):
    linear = _core.Linear(inputs, outputs, True, "float32")
    flat = rng.standard_normal(linear.parameter_count, dtype=np.float32)
    linear.set_parameters(flat, 1)
    x = rng.standard_normal((rows, inputs), dtype=np.float32)
    y = rng.standard_normal((rows, outputs), dtype=np.float32)
    dx, grads = np.empty_like(x), np.zeros_like(flat)
    if direction == "forward":
        benchmark(linear.forward, x, y)
    else:
        benchmark(linear.backward, y, x, grads, dx)
    times = 1 if direction == "forward" else 2
    benchmark.extra_info["gflop"] = times * 2e-9 * rows * inputs * outputs


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_embedding(benchmark, rng, direction):
    table = rng.standard_normal((VOCABULARY, WIDTH), dtype=np.float32)
    tokens = rng.integers(VOCABULARY, size=TOKENS)
    rows = rng.standard_normal((TOKENS, WIDTH), dtype=np.float32)
    if direction == "forward":
        benchmark(_core.embedding_forward, table, tokens, None, rows)
        np.testing.assert_array_equal(rows, table[tokens])
    else:
        benchmark(_core.embedding_backward, rows, tokens, None, table)


def test_dropout(benchmark, rng):
    x = rng.standard_normal((32, 50, 128), dtype=np.float32)
    out = np.empty_like(x)
    benchmark(_core.dropout, x, out, 0.5, False, 1, 2, None)
    assert 0.4 < (out == 0).mean() < 0.6


@pytest.mark.parametrize(("rows", "classes"), LOGITS)
def test_softmax(benchmark, rng, rows, classes):
    logits = rng.standard_normal((rows, classes), dtype=np.float32)
    out = np.empty_like(logits)
    benchmark(_core.softmax, logits, out)
    np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(("rows", "classes"), LOGITS)
def test_softmax_cross_entropy(benchmark, rng, rows, classes):
    logits = rng.standard_normal((rows, classes), dtype=np.float32)
    labels = rng.integers(classes, size=rows)
    out = np.empty_like(logits)
    value = benchmark(_core.softmax_cross_entropy, logits, labels, None, out)
    assert value > 0


def test_adam(benchmark, rng):
    params, grads = rng.standard_normal((2, PARAMETERS), dtype=np.float32)
    m, v = np.zeros((2, PARAMETERS), np.float32)
    moments = (1e-3, 0.9, 0.999, 1e-8)
    step = (params, grads, m, v, 0, PARAMETERS, *moments, 0.0, 0.0, False, 1, 1.0)
    benchmark(_core.adam_step, *step)
    assert np.isfinite(params).all()


def test_squared_norm(benchmark, rng):
    grads = rng.standard_normal(PARAMETERS, dtype=np.float32)
    assert benchmark(_core.squared_norm, grads) > 0
