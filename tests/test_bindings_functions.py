"""The core beside the LSTM: each wrong argument is an error, not a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastlstm import _core

N, V, E, T = 5, 7, 3, 4
Arguments = dict[str, Any]


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def linear(**a: Any) -> None:
    core = _core.Linear(E, V, True, "float32")
    core.set_parameters(zeros(core.parameter_count), 1)
    if "dy" in a:
        core.backward(a["dy"], a["x"], a["grads"], a["dx"])
    else:
        core.forward(a["x"], a["y"])


# Right arguments by name, in order; the functions are called with these first.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[], Arguments]]] = {
    "linear forward": (linear, lambda: {"x": zeros(N, E), "y": zeros(N, V)}),
    "linear backward": (
        linear,
        lambda: {
            "dy": zeros(N, V),
            "x": zeros(N, E),
            "grads": zeros(V * E + V),
            "dx": zeros(N, E),
        },
    ),
    "embedding forward": (
        lambda table, tokens, scale, out: _core.embedding_forward(
            table, tokens, scale, out
        ),
        lambda: {
            "table": zeros(V, E),
            "tokens": np.arange(N),
            "scale": zeros(V),
            "out": zeros(N, E),
        },
    ),
    "embedding backward": (
        lambda dy, tokens, scale, dtable: _core.embedding_backward(
            dy, tokens, scale, dtable
        ),
        lambda: {
            "dy": zeros(N, E),
            "tokens": np.arange(N),
            "scale": zeros(V),
            "dtable": zeros(V, E),
        },
    ),
    "dropout": (
        lambda x, out, p, row_ids: _core.dropout(x, out, p, False, 0, 0, row_ids),
        lambda: {
            "x": zeros(N, E),
            "out": zeros(N, E),
            "p": 0.5,
            "row_ids": np.arange(N),
        },
    ),
    "batch moments": (
        lambda x, lengths, out: _core.batch_moments(x, lengths, out),
        lambda: {
            "x": zeros(N, T, E),
            "lengths": np.arange(N) % T + 1,
            "out": np.zeros((2, E)),
        },
    ),
    "batch norm forward": (
        lambda x, lengths, moments, weight, bias, y: _core.batch_norm_forward(
            x, lengths, moments, 1.0, weight, bias, y
        ),
        lambda: {
            "x": zeros(N, T, E),
            "lengths": np.arange(N) % T + 1,
            "moments": np.zeros((2, E)),
            "weight": zeros(E),
            "bias": zeros(E),
            "y": zeros(N, T, E),
        },
    ),
    "batch norm backward": (
        lambda dy, x, lengths, moments, weight, grads, dbias, dx: (
            _core.batch_norm_backward(
                dy, x, lengths, moments, 1.0, weight, grads, dbias, dx
            )
        ),
        lambda: {
            "dy": zeros(N, T, E),
            "x": zeros(N, T, E),
            "lengths": np.arange(N) % T + 1,
            "moments": np.zeros((2, E)),
            "weight": zeros(E),
            "grads": zeros(E),
            "dbias": zeros(E),
            "dx": zeros(N, T, E),
        },
    ),
    "softmax": (
        lambda logits, out: _core.softmax(logits, out),
        lambda: {"logits": zeros(N, V), "out": zeros(N, V)},
    ),
    "squared error": (
        lambda pred, target, weight, gradient: _core.squared_error(
            pred, target, weight, gradient
        ),
        lambda: {
            "pred": zeros(N, V),
            "target": zeros(N, V),
            "weight": np.ones(N, np.float32),
            "gradient": zeros(N, V),
        },
    ),
    "cross-entropy": (
        lambda logits, labels, weight, gradient: _core.softmax_cross_entropy(
            logits, labels, weight, gradient
        ),
        lambda: {
            "logits": zeros(N, V),
            "labels": np.arange(N),
            "weight": np.ones(N, np.float32),
            "gradient": zeros(N, V),
        },
    ),
    "squared activation": (
        lambda pred, weight, gradient: _core.squared_activation(pred, weight, gradient),
        lambda: {
            "pred": zeros(N, V),
            "weight": np.ones(N, np.float32),
            "gradient": zeros(N, V),
        },
    ),
    "squared change": (
        lambda pred, weight, gradient: _core.squared_change(pred, weight, gradient),
        lambda: {
            "pred": zeros(N, V),
            "weight": np.ones(N, np.float32),
            "gradient": zeros(N, V),
        },
    ),
    "stirling error": (
        lambda z, out: _core.stirling_error(z, out),
        lambda: {"z": np.ones(N), "out": np.zeros(N)},
    ),
    "digamma change": (
        lambda x, by, out: _core.digamma_change(x, by, out),
        lambda: {"x": np.ones(N), "by": np.ones(N), "out": np.zeros(N)},
    ),
    "sgd": (
        lambda params, grads, velocity, begin, end: _core.sgd_step(
            params, grads, velocity, begin, end, 0.1, 0.9, False, 0.0, 0.0, 1.0
        ),
        lambda: {
            "params": zeros(N),
            "grads": zeros(N),
            "velocity": zeros(N),
            "begin": 1,
            "end": N,
        },
    ),
    "adam": (
        lambda params, grads, m, v, begin, end, step: _core.adam_step(
            *(params, grads, m, v, begin, end),
            *(0.1, 0.9, 0.99, 1e-8, 0.0, 0.0, False, step, 1.0),
        ),
        lambda: {
            "params": zeros(N),
            "grads": zeros(N),
            "m": zeros(N),
            "v": zeros(N),
            "begin": 1,
            "end": N,
            "step": 1,
        },
    ),
    "tanh": (
        lambda x, out: _core.tanh(x, out),
        lambda: {"x": zeros(N), "out": zeros(N)},
    ),
    "squared norm": (
        lambda flat: _core.squared_norm(flat),
        lambda: {"flat": zeros(N)},
    ),
}
OUTPUTS = {"y", "grads", "dbias", "dx", "out", "dtable", "gradient", "params"}
OUTPUTS |= {"velocity", "m"}
ARRAYS = [
    (function, name)
    for function, (_, arguments) in FUNCTIONS.items()
    for name, value in arguments().items()
    if isinstance(value, np.ndarray)
]


def refuse(function: str, **changes: Any) -> None:
    call, arguments = FUNCTIONS[function]
    call(**arguments())
    with pytest.raises((ValueError, TypeError, IndexError)):
        call(**{**arguments(), **changes})


@pytest.mark.parametrize(("function", "name"), ARRAYS)
def test_wrong_arrays(function: str, name: str) -> None:
    right = FUNCTIONS[function][1]()[name]
    refuse(function, **{name: right[None]})
    refuse(function, **{name: right.astype(right.dtype.newbyteorder())})
    refuse(function, **{name: right.astype(np.int16)})
    refuse(function, **{name: right.tolist()})
    refuse(function, **{name: np.repeat(right, 2, axis=-1)[..., ::2]})
    if name not in ("flat", "table", "dtable"):  # what may have any length
        refuse(function, **{name: right[1:]})
    if name in OUTPUTS and function not in ("sgd", "adam"):
        refuse(function, **{name: np.broadcast_to(right, right.shape)})


@pytest.mark.parametrize(
    ("function", "changes"),
    [
        ("embedding forward", {"tokens": np.array([0, 1, 2, 3, V])}),
        ("embedding forward", {"tokens": np.array([0, 1, 2, 3, -1])}),
        ("embedding backward", {"tokens": np.array([0, 1, 2, 3, V])}),
        ("embedding backward", {"tokens": np.array([0, 1, 2, 3, -(2**62)])}),
        ("batch moments", {"lengths": np.array([1, 2, 3, 4, T + 1])}),
        ("batch moments", {"lengths": np.array([1, 2, 3, 4, 0])}),
        ("batch moments", {"x": zeros(N), "lengths": None}),
        ("batch moments", {"x": zeros(0, E), "lengths": None}),
        ("batch norm forward", {"lengths": np.array([1, 2, 3, 4, 2**62])}),
        ("batch norm forward", {"moments": np.full((2, E), -1.0)}),
        ("batch norm forward", {"moments": np.full((2, E), np.nan)}),
        ("batch norm backward", {"lengths": np.array([1, 2, 3, 4, -1])}),
        ("batch norm backward", {"moments": np.full((2, E), -1.0)}),
        ("cross-entropy", {"labels": np.array([0, 1, 2, 3, V])}),
        ("cross-entropy", {"labels": np.array([0, 1, 2, 3, -1])}),
        ("dropout", {"p": 1.0}),
        ("dropout", {"p": -0.1}),
        ("dropout", {"p": float("nan")}),
        ("sgd", {"begin": -1}),
        ("sgd", {"end": N + 1}),
        ("sgd", {"begin": 4, "end": 3}),
        ("sgd", {"end": 2**62}),
        ("adam", {"begin": -1}),
        ("adam", {"end": N + 1}),
        ("adam", {"step": 0}),
    ],
    ids=str,
)
def test_wrong_values(function: str, changes: Arguments) -> None:
    refuse(function, **changes)


@pytest.mark.parametrize("n", [0, -1, -(2**31)])
def test_wrong_number_of_threads(n: int) -> None:
    import fastlstm

    before = fastlstm.get_num_threads()
    with pytest.raises(ValueError, match=str(n)):
        fastlstm.set_num_threads(n)
    assert fastlstm.get_num_threads() == before
