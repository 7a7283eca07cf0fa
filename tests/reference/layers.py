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


def mean_pooling(params: Params, x: Array) -> Array:
    """Mean over the steps of (N, T, F)."""
    return x.mean(axis=1)


def max_pooling(params: Params, x: Array) -> Array:
    """Largest values over the steps of (N, T, F)."""
    return x.max(axis=1)


def attention_weights(params: Params, x: Array) -> Array:
    """Weights a (N, T) of the steps of (N, T, F): Yang et al. 2016, eq. 5 and 6."""
    u = np.tanh(x @ params["projection.weight"].T + params["projection.bias"])
    powers = np.exp(u @ params["context.weight"][0])
    return powers / powers.sum(axis=1, keepdims=True)


def attention_pooling(params: Params, x: Array) -> Array:
    """Weighted mean over the steps: Yang et al. 2016, eq. 7."""
    return np.einsum("nt,ntf->nf", attention_weights(params, x), x)


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
