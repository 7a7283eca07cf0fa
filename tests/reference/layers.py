"""Layers other than the LSTM: outputs as functions of the parameters and the input."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from . import lstm

Array = np.ndarray
Params = Mapping[str, Array]


def linear(params: Params, x: Array) -> Array:
    """y = x W^T + b on the last axis."""
    return x @ params["weight"].T + params.get("bias", 0.0)


def embedding(params: Params, tokens: Array) -> Array:
    """Row ``tokens[n, t]`` of the table."""
    return params["weight"][tokens]


def batch_norm(params: Params, rows: Array, epsilon: float) -> Array:
    """Each feature of ``rows`` (M, F) normalised over them, scaled and shifted."""
    mean = rows.mean(axis=0)
    variance = ((rows - mean) ** 2).mean(axis=0)
    z = (rows - mean) / np.sqrt(variance + epsilon)
    return z * params.get("weight", 1.0) + params.get("bias", 0.0)


def part(params: Params, name: str) -> dict[str, Array]:
    """The parameters of one layer of a container."""
    return {
        key.removeprefix(f"{name}."): value
        for key, value in params.items()
        if key.startswith(f"{name}.")
    }


def tagger(params: Params, tokens: Array) -> Array:
    """Embedding, LSTM, linear: what a container composes."""
    x = embedding(part(params, "0"), tokens)
    y = lstm.forward(part(params, "1"), x)[0]
    return linear(part(params, "2"), y)
