"""Pooling over time: ragged values and gradients, torch, padding, bits, bad input."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastlstm.nn import (
    LSTM,
    AttentionPooling,
    Embedding,
    Linear,
    MaxPooling,
    MeanPooling,
    Sequential,
)

from ..cases import DTYPES
from ..compare import Arrays, assert_close, assert_gradients, assert_same_bits
from ..reference import layers
from ..tolerances import PAIR_GRADIENT, PAIR_VALUE, VALUE

N, T, F, A = 5, 9, 7, 11
LENGTHS = np.array([6, 2, 9, 1, 7])
VALID = np.arange(T) < LENGTHS[:, None]

POOLINGS: dict[str, Callable[[str], Any]] = {
    "mean": lambda dtype: MeanPooling(),
    "max": lambda dtype: MaxPooling(),
    "attention": lambda dtype: AttentionPooling(F, A, dtype=dtype, random_state=0),
}
REFERENCES = {
    "mean": layers.mean_pooling,
    "max": layers.max_pooling,
    "attention": layers.attention_pooling,
}
every_pooling = pytest.mark.parametrize("name", POOLINGS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def build(name: str, dtype: str, rng: np.random.Generator) -> Any:
    """A pooling whose weights, biases too, are far from where they start."""
    layer = POOLINGS[name](dtype)
    with layer.writable() as params:
        for value in params.values():
            value[...] = 0.5 * rng.standard_normal(value.shape)
    return layer


def draw(rng: np.random.Generator, dtype: str = "float64") -> np.ndarray:
    return rng.standard_normal((N, T, F)).astype(dtype)


def run(layer: Any, x: np.ndarray, dy: np.ndarray, lengths: Any) -> dict[str, Any]:
    y, cache = layer.forward(x, lengths=lengths)
    grads = layer.params.new_grads()
    dx = layer.backward(dy, cache, grads=grads)
    return {"y": y, "dx": dx, "grads": grads.flat}


def ragged(name: str, params: Arrays, x: np.ndarray) -> np.ndarray:
    """The definition, sequence by sequence."""
    rows = [
        REFERENCES[name](params, x[n : n + 1, :steps])[0]
        for n, steps in enumerate(LENGTHS)
    ]
    return np.array(rows)


@every_dtype
@every_pooling
def test_ragged_values(name: str, dtype: str, rng: np.random.Generator) -> None:
    layer, x = build(name, dtype, rng), draw(rng, dtype)
    params = {key: value.astype(np.float64) for key, value in layer.params.items()}
    expected = ragged(name, params, x.astype(np.float64))
    y, _ = layer.forward(x, lengths=LENGTHS)
    assert_close(y, expected, VALUE[dtype])
    assert_same_bits({"y": layer(x, lengths=LENGTHS)}, {"y": y})
    full = np.full(N, T)
    assert_same_bits({"y": layer(x, lengths=full)}, {"y": layer(x)})


@every_pooling
def test_ragged_gradients(name: str, rng: np.random.Generator) -> None:
    layer, x = build(name, "float64", rng), draw(rng)
    dy = rng.standard_normal((N, F))
    _, cache = layer.forward(x, lengths=LENGTHS)
    dx = layer.backward(dy, cache)
    assert not dx[~VALID].any()
    gradients = {"dx": dx, **{key: np.array(g) for key, g in layer.grads.items()}}

    def loss(arrays: Arrays) -> float:
        return float(np.sum(dy * ragged(name, arrays, arrays["dx"])))

    assert_gradients(loss, {"dx": x, **layer.state_dict()}, gradients, rng)


@every_dtype
@every_pooling
def test_against_torch(name: str, dtype: str, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    layer, x = build(name, dtype, rng), draw(rng, dtype)
    dy = rng.standard_normal((N, F)).astype(dtype)
    out = run(layer, x, dy, LENGTHS)
    tensor = torch.tensor(x, requires_grad=True)
    weights = {
        key: torch.tensor(value.copy(), requires_grad=True)
        for key, value in layer.params.items()
    }
    pad = torch.tensor(~VALID)
    if name == "mean":
        count = torch.tensor(LENGTHS[:, None])
        y = tensor.masked_fill(pad[:, :, None], 0.0).sum(1) / count
    elif name == "max":
        y = tensor.masked_fill(pad[:, :, None], -torch.inf).max(1).values
    else:
        u = torch.tanh(
            torch.nn.functional.linear(
                tensor, weights["projection.weight"], weights["projection.bias"]
            )
        )
        scores = torch.nn.functional.linear(u, weights["context.weight"])[:, :, 0]
        a = torch.softmax(scores.masked_fill(pad, -torch.inf), dim=1)
        assert_close(
            layer.weights(x, lengths=LENGTHS), a.detach().numpy(), PAIR_VALUE[dtype]
        )
        y = (a[:, :, None] * tensor).sum(1)
    y.backward(torch.tensor(dy))
    assert_close(out["y"], y.detach().numpy(), PAIR_VALUE[dtype])
    assert_close(out["dx"], tensor.grad.numpy(), PAIR_GRADIENT[dtype])
    if weights:
        flat = np.concatenate([w.grad.numpy().ravel() for w in weights.values()])
        assert_close(out["grads"], flat, PAIR_GRADIENT[dtype])


@every_dtype
@every_pooling
def test_padding_is_never_read(name: str, dtype: str, rng: np.random.Generator) -> None:
    layer, x = build(name, dtype, rng), draw(rng, dtype)
    dy = rng.standard_normal((N, F)).astype(dtype)
    expected = run(layer, x, dy, LENGTHS)
    for spoilt in (np.nan, np.inf, 0.0):
        x[~VALID] = spoilt
        assert_same_bits(run(layer, x, dy, LENGTHS), expected)


@pytest.mark.parametrize("features", [1, 2, F])
@every_dtype
@every_pooling
def test_a_sequence_alone_has_the_same_bits(
    name: str, dtype: str, features: int, rng: np.random.Generator
) -> None:
    # Long enough that NumPy's own sums would take other orders.
    lengths = np.array([61, 7, 300, 129, 1, 33])
    x = rng.standard_normal((6, 300, features)).astype(dtype)
    layer = build(name, dtype, rng)
    if name == "attention":
        layer = AttentionPooling(features, A, dtype=dtype, random_state=0)
    together = layer(x, lengths=lengths)
    for n, steps in enumerate(lengths):
        longer = np.full((1, steps + 200, features), np.nan, dtype)
        longer[0, :steps] = x[n, :steps]
        for alone in (
            layer(x[n : n + 1, :steps]),
            layer(longer, lengths=[steps]),
            layer(np.asfortranarray(x[n : n + 1, :steps])),
            layer(np.repeat(x[n : n + 1, :steps], 3, axis=0))[2:],
        ):
            assert_same_bits({"y": alone[0]}, {"y": together[n]})
    order = np.array([3, 0, 5, 1, 4, 2])
    again, _ = layer.forward(x[order], lengths=lengths[order])
    assert_same_bits({"y": again}, {"y": together[order]})


@every_pooling
def test_steps_that_share_their_memory(name: str, rng: np.random.Generator) -> None:
    layer = build(name, "float64", rng)
    x = np.broadcast_to(rng.standard_normal((N, 1, F)), (N, T, F))
    assert_same_bits({"y": layer(x)}, {"y": layer(x.copy())})


@every_pooling
def test_nan_stays_in_its_sequence(name: str, rng: np.random.Generator) -> None:
    layer, x = build(name, "float64", rng), draw(rng)
    expected = layer(x, lengths=LENGTHS)
    x[2, 4, 3] = np.nan
    y = layer(x, lengths=LENGTHS)
    assert np.isnan(y[2, 3])
    others = np.arange(N) != 2
    assert_same_bits({"y": y[others]}, {"y": expected[others]})
    assert_same_bits({"y": layer.forward(x, lengths=LENGTHS)[0]}, {"y": y})


def test_the_gradient_of_equal_values_goes_to_the_first() -> None:
    layer = MaxPooling()
    y, cache = layer.forward(np.array([[[1.0], [5.0], [5.0], [2.0]]]))
    assert layer.backward(np.array([[3.0]]), cache).ravel().tolist() == [0, 3, 0, 0]
    for zeros in ([0.0, -0.0], [-0.0, 0.0], [-0.0, -0.0]):
        x = np.array(zeros).reshape(1, 2, 1)
        for y in (layer(x), layer.forward(x)[0]):
            assert_same_bits({"y": y}, {"y": np.zeros((1, 1))})


def test_attention_weights(rng: np.random.Generator) -> None:
    layer, x = build("attention", "float64", rng), draw(rng)
    a = layer.weights(x, lengths=LENGTHS)
    assert_close(a.sum(axis=1), np.ones(N), VALUE["float64"])
    assert not a[~VALID].any()
    assert (a[VALID] > 0.0).all()
    # Scores that no power of e can hold.
    with layer.writable() as params:
        params["context.weight"] *= 1e4
    expected = layer.weights(x[:, :6])
    assert np.isfinite(expected).all()
    assert_close(expected.sum(axis=1), np.ones(N), VALUE["float64"])


@every_pooling
def test_in_a_container(name: str, rng: np.random.Generator) -> None:
    model = Sequential(
        Embedding(13, 5, dtype="float64", random_state=0),
        LSTM(5, F, dtype="float64", random_state=1),
        POOLINGS[name]("float64"),
        Linear(F, 3, dtype="float64", random_state=2),
    )
    tokens = rng.integers(0, 13, (N, T))
    dy = rng.standard_normal((N, 3))
    _, cache = model.forward(tokens, lengths=LENGTHS)
    assert model.backward(dy, cache) is None

    def loss(arrays: Arrays) -> float:
        model.load_state_dict(arrays)
        return float(np.sum(dy * model(tokens, lengths=LENGTHS)))

    assert_gradients(loss, model.state_dict(), model.grads, rng)


def through_pickle(layer: Any) -> Any:
    return pickle.loads(pickle.dumps(layer))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
@every_pooling
def test_copies(name: str, duplicate: Any, rng: np.random.Generator) -> None:
    layer, x = build(name, "float32", rng), draw(rng, "float32")
    other = duplicate(layer)
    dy = rng.standard_normal((N, F)).astype("f4")
    expected = run(layer, x, dy, LENGTHS)
    assert_same_bits(run(other, x, dy, LENGTHS), expected)
    assert repr(other) == repr(layer)
    if layer.params:
        with layer.writable() as params:
            params["context.weight"] += 1.0
        assert_same_bits(run(other, x, dy, LENGTHS), expected)


@pytest.mark.parametrize(
    ("x", "lengths", "error", "match"),
    [
        (np.zeros((2, F)), None, ValueError, r"\(N, T, .*\), no axis empty, got \(2"),
        (np.zeros((2, 0, F)), None, ValueError, r"no axis empty, got \(2, 0, 7\)"),
        (np.zeros((2, 3, F)), [3, 4], ValueError, "lengths must be from 1 to 3"),
        (np.zeros((2, 3, F)), [3, 0], ValueError, "got 0 for sample 1"),
        (np.zeros((2, 3, F)), [3], ValueError, r"lengths must have shape \(2,\)"),
        (np.zeros((2, 3, F), int), None, TypeError, "x must be float.*, got int64"),
        (np.ma.zeros((2, 3, F)), None, TypeError, "x is a masked array"),
    ],
)
@every_pooling
def test_refuses(name: str, x: Any, lengths: Any, error: type, match: str) -> None:
    layer = POOLINGS[name]("float64")
    for call in (layer, layer.forward):
        with pytest.raises(error, match=match):
            call(x, lengths=lengths)


@every_pooling
def test_backward_refuses(name: str, rng: np.random.Generator) -> None:
    layer, x = build(name, "float64", rng), draw(rng)
    other = build(name, "float64", rng)
    y, cache = layer.forward(x)
    with pytest.raises(ValueError, match=r"dy must have shape \(5, 7\)"):
        layer.backward(y[:, :2], cache)
    with pytest.raises(TypeError, match="dy must be float"):
        layer.backward(np.ones((N, F), int), cache)
    with pytest.raises(ValueError, match="cache is of another layer"):
        other.backward(y, cache)
    layer.backward(y, cache)
    with pytest.raises(ValueError, match="cache was used already"):
        layer.backward(y, cache)


def test_attention_refuses(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="features must be at least 1, got 0"):
        AttentionPooling(0)
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        AttentionPooling(3, 0)
    layer, x = build("attention", "float64", rng), draw(rng)
    with pytest.raises(ValueError, match=r"\(N, T, 7\), no axis .* got \(5, 9, 6\)"):
        layer(x[:, :, :6])
    with pytest.raises(TypeError, match=r"x must be float64 .* got float32"):
        layer(x.astype("f4"))
    y, cache = layer.forward(x)
    with pytest.raises(ValueError, match="grads must have the names and shapes"):
        layer.backward(y, cache, grads=Linear(F, 2, dtype="float64").grads)
    assert layer.backward(y, cache, need_dx=False) is None
    _, cache = layer.forward(x)
    with layer.writable() as params:
        params["projection.bias"] += 1.0
    with pytest.raises(ValueError, match="cache is outdated"):
        layer.backward(y, cache)
