"""What Linear, Embedding and Dropout refuse, and their behaviour beyond values."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from fastlstm.losses import SoftmaxCrossEntropy, SquaredError
from fastlstm.nn import Dropout, Embedding, Linear, Sequential
from fastlstm.params import Parameters

from ..compare import assert_same_bits

LINEAR = {"in_features": 5, "out_features": 3}


@pytest.mark.parametrize(
    ("build", "error", "match"),
    [
        (lambda: Linear(0, 3), ValueError, "in_features must be at least 1, got 0"),
        (lambda: Linear(5, -1), ValueError, "out_features must be at least 1"),
        (lambda: Linear(5, 3.0), TypeError, "out_features must be an integer"),
        (lambda: Linear(2**40, 2**40), ValueError, "too large to address"),
        (lambda: Linear(5, 3, bias=None), TypeError, "bias must be True or False"),
        (lambda: Linear(5, 3, initializer="normal"), ValueError, "initializer must be"),
        (lambda: Linear(5, 3, dtype="int32"), ValueError, "dtype must be"),
        (lambda: Embedding(0, 3), ValueError, "num_embeddings must be at least 1"),
        (lambda: Embedding(5, 0), ValueError, "embedding_dim must be at least 1"),
        (lambda: Embedding(2**40, 2**40), ValueError, "too large to address"),
        (lambda: Embedding(5, 3, initializer="x"), ValueError, "initializer must be"),
        (lambda: Dropout(1.0), ValueError, r"p must be finite and in \[0, 1\), got 1"),
        (lambda: Dropout(-0.1), ValueError, "p must be finite and in"),
        (lambda: Dropout("a"), TypeError, "p must be a real number"),
        (lambda: Dropout(0.5, 1), TypeError, "locked must be True or False"),
    ],
)
def test_constructors(build: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        build()


def test_linear_takes_any_rank_and_strides(rng: np.random.Generator) -> None:
    layer = Linear(**LINEAR, random_state=0)
    x = rng.standard_normal((2, 7, 4, 9)).astype("f4")[:, ::2, ::-1, 1:6]
    y, cache = layer.forward(x)
    assert y.shape == (2, 4, 4, 3)
    rows = np.ascontiguousarray(x).reshape(-1, 5)
    assert_same_bits({"y": y.reshape(-1, 3)}, {"y": layer(rows)})
    assert layer.backward(y, cache).shape == x.shape
    last = rng.standard_normal((6, 7, 5)).astype("f4")[:, -1]
    assert_same_bits({"y": layer(last)}, {"y": layer(last.copy())})


def test_linear_keeps_nan_to_its_row() -> None:
    x = np.ones((3, 5), np.float32)
    x[1, 2] = np.nan
    bad = np.isnan(Linear(**LINEAR, random_state=0)(x))
    assert bad[1].all()
    assert not bad[[0, 2]].any()


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (np.zeros(5, "f4"), ValueError, r"\(\.\.\., 5\), at least two .* got \(5,\)"),
        (np.zeros((2, 4), "f4"), ValueError, r"\(\.\.\., 5\).* got \(2, 4\)"),
        (np.zeros((0, 5), "f4"), ValueError, r"none empty, got \(0, 5\)"),
        (np.zeros((2, 5)), TypeError, "x must be float32 .* got float64"),
    ],
)
def test_linear_refuses(x: np.ndarray, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        Linear(**LINEAR)(x)


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("need_dx", [True, False])
def test_linear_never_reads_padding(
    rng: np.random.Generator, need_dx: bool, strided: bool
) -> None:
    layer = Linear(**LINEAR, dtype="float64", random_state=0)
    with layer.writable() as params:
        params["bias"][:] = 1.0
    valid = np.arange(7) < np.array([[7], [2], [4]])
    x, dy = rng.standard_normal((3, 7, 5)), rng.standard_normal((3, 7, 3))
    if strided:
        x, dy = np.asfortranarray(x), np.asfortranarray(dy)
    y_rows, rows = layer.forward(x[valid])
    dx_rows = layer.backward(dy[valid], rows)
    expected = layer.grads.flat.copy()
    x[~valid] = np.nan
    for spoilt in (np.nan, 3.0):
        dy[~valid] = spoilt
        layer.zero_grad()
        y, cache = layer.forward(x, lengths=[7, 2, 4])
        dx = layer.backward(dy, cache, need_dx=need_dx)
        assert_same_bits(
            {"y": y, "valid": y[valid], "grads": layer.grads.flat},
            {"y": layer(x, lengths=[7, 2, 4]), "valid": y_rows, "grads": expected},
        )
        assert not y[~valid].any()
        if not need_dx:
            assert dx is None
            continue
        assert_same_bits({"dx": dx[valid]}, {"dx": dx_rows})
        assert not dx[~valid].any()


def test_linear_of_full_lengths_copies_nothing() -> None:
    layer = Linear(**LINEAR)
    x = np.ones((2, 7, 5), np.float32)
    _, cache = layer.forward(x, lengths=[7, 7])
    assert np.shares_memory(cache.open(layer, layer.params.version)[0], x)


def test_linear_of_rows_has_no_steps_to_pad() -> None:
    layer = Linear(**LINEAR)
    x = np.ones((2, 5), np.float32)
    assert_same_bits({"y": layer(x, lengths=[1, 3])}, {"y": layer(x)})


def test_linear_pads_steps_of_any_rank(rng: np.random.Generator) -> None:
    layer = Linear(**LINEAR, random_state=0)
    x = rng.standard_normal((2, 3, 4, 5)).astype("f4")
    y, cache = layer.forward(x, lengths=[3, 1])
    dx = layer.backward(y, cache)
    assert y.shape == (2, 3, 4, 3)
    assert_same_bits({"y": y[1, 0]}, {"y": layer(x[1, 0])})
    assert dx[1, 0].all()
    assert not y[1, 1:].any()
    assert not dx[1, 1:].any()


@pytest.mark.parametrize(
    ("x", "lengths", "match"),
    [
        (np.zeros((2, 7, 5), "f4"), [7, 8], "lengths must be from 1 to 7"),
        (np.zeros((2, 7, 5), "f4"), [7], r"lengths must have shape \(2,\)"),
    ],
)
def test_linear_refuses_lengths(x: np.ndarray, lengths: Any, match: str) -> None:
    layer = Linear(**LINEAR)
    for run in (layer, layer.forward):
        with pytest.raises(ValueError, match=match):
            run(x, lengths=lengths)


def cases() -> list[Any]:
    """A layer, what it reads, another layer of its kind."""
    x = np.ones((2, 7, 5), np.float32)
    tokens = np.ones((2, 7), np.int64)
    return [
        pytest.param(lambda: Linear(5, 3, random_state=0), x, id="linear"),
        pytest.param(lambda: Embedding(9, 3, random_state=0), tokens, id="embedding"),
        pytest.param(lambda: Dropout(0.5, random_state=0), x, id="dropout"),
    ]


@pytest.mark.parametrize(("build", "x"), cases())
def test_caches(build: Any, x: np.ndarray) -> None:
    layer, other = build(), build()
    y, cache = layer.forward(x)
    for dy, error, match in (
        (y[:1], ValueError, "dy must have shape"),
        (y.astype(np.int64), TypeError, "dy must be float32"),
    ):
        with pytest.raises(error, match=match):
            layer.backward(dy, cache)
    with pytest.raises(ValueError, match="cache is of another layer"):
        other.backward(y, cache)
    layer.backward(y, cache)
    with pytest.raises(ValueError, match="cache was used already"):
        layer.backward(y, cache)


@pytest.mark.parametrize(("build", "x"), cases()[:2])
def test_outdated_caches(build: Any, x: np.ndarray) -> None:
    layer = build()
    y, cache = layer.forward(x)
    with layer.writable() as params:
        params["weight"] += 1.0
    with pytest.raises(ValueError, match="cache is outdated"):
        layer.backward(y, cache)
    assert not layer.grads.flat.any()
    y2, cache = layer.forward(x)
    assert (y2 != y).any(), "the new weights are used"
    layer.backward(y2, cache)
    assert layer.grads.flat.any()
    layer.zero_grad()
    assert not layer.grads.flat.any()


@pytest.mark.parametrize(("build", "x"), cases())
def test_copies(build: Any, x: np.ndarray) -> None:
    layer = build()
    expected = layer(x)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert_same_bits({"y": other(x)}, {"y": expected})
        state = {name: value + 1 for name, value in layer.state_dict().items()}
        other.load_state_dict(state)
    assert_same_bits({"y": layer(x)}, {"y": expected})
    assert repr(layer).startswith(type(layer).__name__)


def test_gradients_of_another_layer_are_refused() -> None:
    layer = Linear(**LINEAR)
    y, cache = layer.forward(np.ones((2, 5), np.float32))
    with pytest.raises(ValueError, match="grads must have the names and shapes"):
        layer.backward(y, cache, grads=Linear(4, 3).grads)
    with pytest.raises(TypeError, match="grads must be float32"):
        layer.backward(y, cache, grads=Linear(5, 3, dtype="float64").grads)
    assert layer.backward(y, cache, need_dx=False) is None


def test_embedding_never_looks_up_padding(rng: np.random.Generator) -> None:
    layer = Embedding(9, 3, dtype="float64", random_state=0)
    tokens = np.array([[1, 2, -100, 2**40], [3, 8, 0, 3]])
    lengths = [2, 4]
    y, cache = layer.forward(tokens, lengths=lengths)
    np.testing.assert_array_equal(y[0, :2], layer.params["weight"][[1, 2]])
    assert not y[0, 2:].any()
    dy = rng.standard_normal(y.shape)
    dy[0, 2:] = np.nan
    assert layer.backward(dy, cache) is None
    expected = np.zeros((9, 3))
    np.add.at(expected, tokens[0, :2], dy[0, :2])
    np.add.at(expected, tokens[1], dy[1])
    np.testing.assert_allclose(layer.grads["weight"], expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("tokens", "options", "error", "match"),
    [
        ([[1.0]], {}, TypeError, "x must hold integer tokens, got float64"),
        ([[True]], {}, TypeError, "x must hold integer tokens, got bool"),
        (3, {}, ValueError, r"\(N,\) or \(N, T\), .* got \(\)"),
        ([[[1]]], {}, ValueError, r"got \(1, 1, 1\)"),
        (np.zeros((2, 0), int), {}, ValueError, r"got \(2, 0\)"),
        ([[1, 2], [3, 9]], {}, ValueError, "0 to 8, got 9 at sample 1, step 1"),
        ([1, -1], {}, ValueError, "0 to 8, got -1 at sample 1$"),
        ([[1, 9]], {"lengths": [2]}, ValueError, "got 9 at sample 0, step 1"),
        ([1, 2], {"lengths": [1, 1]}, ValueError, "lengths need x of shape"),
        ([[1, 2]], {"lengths": [3]}, ValueError, "lengths must be from 1 to 2"),
    ],
)
def test_embedding_refuses(
    tokens: Any, options: dict[str, Any], error: type, match: str
) -> None:
    with pytest.raises(error, match=match):
        Embedding(9, 3)(tokens, **options)


@pytest.mark.parametrize(
    ("x", "options", "error", "match"),
    [
        (np.zeros((2, 3), int), {}, TypeError, "float32 or float64, got int64"),
        (np.zeros(3), {}, ValueError, r"\(N, F\) or \(N, T, F\), .* got \(3,\)"),
        (np.zeros((0, 3)), {}, ValueError, r"no axis empty, got \(0, 3\)"),
        (np.zeros((2, 3)), {"mask_seed": -1}, ValueError, "mask_seed must be at least"),
        (np.zeros((2, 3)), {"row_ids": [1]}, ValueError, "row_ids must be"),
    ],
)
def test_dropout_refuses(
    x: np.ndarray, options: dict[str, Any], error: type, match: str
) -> None:
    with pytest.raises(error, match=match):
        Dropout().forward(x, **options)


def test_what_backward_needs_may_be_overwritten(rng: np.random.Generator) -> None:
    ids, tokens = np.arange(3), np.array([[1, 2], [3, 4], [5, 6]])
    dropout, embedding = Dropout(0.5), Embedding(9, 3, random_state=0)
    y, dropped = dropout.forward(np.ones((3, 5)), mask_seed=1, row_ids=ids)
    vectors, looked_up = embedding.forward(tokens)
    ids += 7
    tokens[:] = 0
    assert_same_bits({"dx": dropout.backward(np.ones((3, 5)), dropped)}, {"dx": y})
    embedding.backward(np.ones_like(vectors), looked_up)
    np.testing.assert_array_equal(
        embedding.grads["weight"][:, 0], [0, 1, 1, 1, 1, 1, 1, 0, 0]
    )


def test_masked_arrays_are_refused() -> None:
    x = np.ones((2, 7, 5), np.float32)
    tokens, ones = np.ones((2, 7), np.int64), np.ones(2, np.int64)
    linear, embedding, dropout = Linear(**LINEAR), Embedding(9, 3), Dropout()
    whole = Sequential(Linear(**LINEAR))
    error, labels = SquaredError(), SoftmaxCrossEntropy()
    masked = np.ma.masked_array
    calls: list[tuple[str, Any]] = [
        ("x", lambda: linear(masked(x))),
        ("x", lambda: embedding(masked(tokens))),
        ("x", lambda: dropout(masked(x))),
        ("dy", lambda: linear.backward(masked(x[..., :3]), linear.forward(x)[1])),
        ("dy", lambda: whole.backward(masked(x[..., :3]), whole.forward(x)[1])),
        ("lengths", lambda: linear(x, lengths=masked(ones))),
        ("row_ids", lambda: dropout.forward(x, row_ids=masked(ones))),
        ("pred", lambda: error(masked(x), x)),
        ("target", lambda: error(x, masked(x))),
        ("target", lambda: labels(x, masked(tokens))),
        ("sample_weight", lambda: error(x, x, sample_weight=masked(ones))),
    ]
    for name, call in calls:
        with pytest.raises(TypeError, match=rf"{name} is a masked array.*\.filled"):
            call()


def test_dropout_draws_seeds_from_its_random_state() -> None:
    x = np.ones((3, 5, 17))
    a, b = Dropout(random_state=1), Dropout(random_state=1)
    first = [a.forward(x)[0] for _ in range(2)]
    second = [b.forward(x)[0] for _ in range(2)]
    assert_same_bits({"0": first[0], "1": first[1]}, {"0": second[0], "1": second[1]})
    assert (first[0] != first[1]).any()


def test_dropout_of_zero_passes_x_through() -> None:
    x = np.ones((3, 5))
    y, cache = Dropout(0.0).forward(x)
    assert y is x
    assert Dropout()(x) is x
    assert cache is not None


def test_dropout_has_no_parameters_but_joins() -> None:
    dropout = Dropout()
    whole = Parameters.join({"a": Linear(5, 3).params, "b": dropout.params})
    y, cache = dropout.forward(np.ones((3, 5)))
    with whole.update() as flat:
        flat += 1.0
    dropout.backward(y, cache)
    assert len(dropout.params) == len(dropout.grads) == 0
