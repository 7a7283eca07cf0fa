"""Every layer against its definition, and its gradients against differences of that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ..cases import DTYPES, LAYERS, LayerCase
from ..compare import Arrays, assert_close, assert_gradients, assert_same_bits
from ..tolerances import GRADIENT, VALUE

every_layer = pytest.mark.parametrize("case", LAYERS, ids=str)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def build(case: LayerCase, dtype: str, rng: np.random.Generator) -> tuple[Any, Arrays]:
    """The layer with random parameters, biases too, and these in float64."""
    from fastlstm import nn

    layer = case.build(nn, dtype)
    with layer.writable() as params:
        for value in params.values():
            value[...] = 0.5 * rng.standard_normal(value.shape)
    params = {name: np.asarray(v, np.float64) for name, v in layer.params.items()}
    return layer, params


def draw(case: LayerCase, dtype: str, rng: np.random.Generator) -> np.ndarray:
    x = case.x(rng)
    return x if x.dtype.kind == "i" else x.astype(dtype)


def run(layer: Any, x: np.ndarray, dy: np.ndarray) -> dict[str, np.ndarray]:
    """y, dx (where x has one) and all gradients."""
    y, cache = layer.forward(x)
    grads = layer.params.new_grads()
    dx = layer.backward(dy.astype(y.dtype), cache, grads=grads)
    out = {"y": y, **{name: np.array(value) for name, value in grads.items()}}
    return out if dx is None else out | {"dx": dx}


@every_dtype
@every_layer
def test_values(case: LayerCase, dtype: str, rng: np.random.Generator) -> None:
    layer, params = build(case, dtype, rng)
    x = draw(case, dtype, rng)
    expected = case.reference(params, x if x.dtype.kind == "i" else x.astype(float))
    assert_close(layer(x), expected, VALUE[dtype])
    assert_close(layer.forward(x)[0], expected, VALUE[dtype])


@every_layer
def test_gradients(case: LayerCase, rng: np.random.Generator) -> None:
    layer, params = build(case, "float64", rng)
    x = draw(case, "float64", rng)
    dy = rng.standard_normal(case.reference(params, x).shape)
    arrays = params if x.dtype.kind == "i" else {**params, "dx": x}

    def loss(arrays: Arrays) -> float:
        return float(np.sum(dy * case.reference(dict(arrays), arrays.get("dx", x))))

    assert_gradients(loss, arrays, run(layer, x, dy), rng)


@every_layer
def test_float32_gradients(case: LayerCase, rng: np.random.Generator) -> None:
    layer, params = build(case, "float32", rng)
    exact, _ = build(case, "float64", rng)
    exact.load_state_dict(params)
    x = draw(case, "float32", rng)
    dy = rng.standard_normal(layer(x).shape).astype(np.float32)
    actual = run(layer, x, dy)
    expected = run(exact, x if x.dtype.kind == "i" else x.astype(np.float64), dy)
    assert set(actual) == set(expected)
    for name in expected:
        assert_close(actual[name], expected[name], GRADIENT["float32"], name)


@every_dtype
@every_layer
def test_same_bits(
    case: LayerCase, dtype: str, rng: np.random.Generator, threads: Any
) -> None:
    layer, _ = build(case, dtype, rng)
    x = draw(case, dtype, rng)
    dy = rng.standard_normal(layer(x).shape)
    threads(1)
    expected = run(layer, x, dy)
    for n in (2, 3, 5):
        threads(n)
        assert_same_bits(run(layer, x, dy), expected)
    rows = rng.permutation(len(x))[: max(1, len(x) // 2)]
    assert_same_bits({"y": layer(x[rows])}, {"y": expected["y"][rows]})


@every_layer
def test_gradients_are_added(case: LayerCase, rng: np.random.Generator) -> None:
    layer, _ = build(case, "float64", rng)
    x = draw(case, "float64", rng)
    dy = rng.standard_normal(layer(x).shape)
    once = layer.params.new_grads()
    twice = layer.params.new_grads()
    for grads, times in ((once, 1), (twice, 2)):
        for _ in range(times):
            _, cache = layer.forward(x)
            layer.backward(dy, cache, grads=grads, need_dx=False)
    assert_close(twice.flat, 2.0 * once.flat, GRADIENT["float64"])
    assert not layer.grads.flat.any(), "grads= keeps the layer's own untouched"
