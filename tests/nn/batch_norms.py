"""What the tests of BatchNorm build, feed and look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastlstm.nn import BatchNorm

from ..compare import Arrays

STATISTICS = ["running_mean", "running_var"]


def make(F: int, rng: np.random.Generator, **options: Any) -> BatchNorm:
    """A layer with random weights and averages."""
    layer = BatchNorm(F, **{"dtype": "float64", **options})
    with layer.writable() as params:
        for name, value in params.items():
            value[...] = rng.standard_normal(value.shape)
            if name == "running_var":
                value[...] = 0.5 + value**2
    return layer


def draw(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Features of means and scales of their own."""
    scale, mean = 0.5 + rng.random(shape[-1]), 3.0 * rng.standard_normal(shape[-1])
    return (scale * rng.standard_normal(shape) + mean).astype(dtype)


def ragged(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Lengths with at least one full and one short sequence, and their mask."""
    lengths = rng.integers(1, shape[1], shape[0])
    lengths[rng.integers(shape[0])] = shape[1]
    return lengths, np.arange(shape[1]) < lengths[:, None]


def run(layer: BatchNorm, x: np.ndarray, dy: np.ndarray, **options: Any) -> Arrays:
    """Results of a training pass by name; the averages have no gradient."""
    y, cache = layer.forward(x, **options)
    grads = layer.params.new_grads()
    dx = layer.backward(dy, cache, grads=grads)
    assert not any(grads[name].any() for name in STATISTICS)
    named = {name: grads[name] for name in grads if name not in STATISTICS}
    return {"y": y, "dx": dx, **named}
