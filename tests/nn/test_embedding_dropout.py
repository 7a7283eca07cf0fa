"""Whole words dropped: the mask, both passes under it, and what it depends on."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from fastlstm.nn import Embedding, Sequential
from fastlstm.nn.base import derive_seed

from ..cases import DTYPES
from ..compare import Arrays, assert_close, assert_gradients, assert_same_bits
from ..reference.layers import embedding
from ..reference.random import dropout_mask
from ..tolerances import MASK_RATE, PAIR_GRADIENT, PAIR_VALUE

SEED = 0x243F6A8885A308D3
STREAM = 2**16 - 2
V, E, P = 131, 5, 0.4


def token_mask(p: float, seed: int, tokens: int = V) -> np.ndarray:
    return dropout_mask(p, seed, STREAM, np.zeros(1, int), 1, tokens)[0, 0]


def build(dtype: str = "float64", dropout: float = P) -> Embedding:
    return Embedding(V, E, dropout=dropout, dtype=dtype, random_state=0)


def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.integers(0, V, (7, 33)), rng.standard_normal((7, 33, E))


@pytest.mark.parametrize("dtype", DTYPES)
def test_against_reference(dtype: str, rng: np.random.Generator, threads) -> None:
    layer, (tokens, dy) = build(dtype), draw(rng)
    table = layer.params["weight"].astype(np.float64)
    scale = token_mask(P, SEED)
    expected = scale[tokens][..., None] * embedding({"weight": table}, tokens)
    gradient = np.zeros((V, E))
    np.add.at(gradient, tokens, scale[tokens][..., None] * dy)
    results = []
    for n in (1, 3):
        threads(n)
        y, cache = layer.forward(tokens, mask_seed=SEED)
        assert_close(y, expected, PAIR_VALUE[dtype])
        assert not y[scale[tokens] == 0.0].any()
        layer.zero_grad()
        assert layer.backward(dy.astype(dtype), cache) is None
        assert_close(layer.grads["weight"], gradient, PAIR_GRADIENT[dtype])
        results.append({"y": y, "dw": np.array(layer.grads["weight"])})
    assert_same_bits(*results)
    inferred = layer(tokens)
    assert_same_bits({"y": inferred}, {"y": layer.params["weight"][tokens]})


def test_gradient_against_differences(rng: np.random.Generator) -> None:
    layer, (tokens, dy) = build(), draw(rng)

    def loss(arrays: Arrays) -> float:
        other = copy.deepcopy(layer)
        other.load_state_dict(arrays)
        return float(np.sum(dy * other.forward(tokens, mask_seed=SEED)[0]))

    layer.backward(dy, layer.forward(tokens, mask_seed=SEED)[1])
    assert_gradients(loss, layer.state_dict(), layer.grads, rng)


def test_against_torch(rng: np.random.Generator) -> None:
    # As the authors' code: the rows of the table are masked, then looked up.
    torch = pytest.importorskip("torch", reason="torch is not installed")
    layer, (tokens, dy) = build(), draw(rng)
    y, cache = layer.forward(tokens, mask_seed=SEED)
    layer.backward(dy, cache)
    table = torch.tensor(layer.params["weight"], requires_grad=True)
    mask = torch.tensor(token_mask(P, SEED))[:, None]
    peer = torch.nn.functional.embedding(torch.tensor(tokens), mask * table)
    peer.backward(torch.tensor(dy))
    assert_close(y, peer.detach().numpy(), PAIR_VALUE["float64"])
    assert_close(layer.grads["weight"], table.grad.numpy(), PAIR_GRADIENT["float64"])


def test_mask_statistics() -> None:
    layer, every = build(), np.arange(V)
    seeds = 200
    kept = np.array(
        [layer.forward(every, mask_seed=k)[0].any(axis=1) for k in range(seeds)]
    )
    for axis in (None, 0, 1):  # in all, of every token, of every seed
        count = kept.sum(axis=axis)
        trials = kept.size / np.size(count)
        deviation = np.abs(count - trials * (1 - P)) / np.sqrt(trials * P * (1 - P))
        assert np.max(deviation) < MASK_RATE.limit
    for near, far in ((kept[:, 1:], kept[:, :-1]), (kept[1:], kept[:-1])):
        expected = P * P + (1 - P) ** 2
        deviation = (near == far).mean() - expected
        deviation *= np.sqrt(near.size / (expected * (1 - expected)))
        assert abs(deviation) < MASK_RATE.limit, "neighbours are independent"


def test_only_the_seed_and_the_token_matter(rng: np.random.Generator) -> None:
    layer, (tokens, _) = build(), draw(rng)
    y, _ = layer.forward(tokens, mask_seed=SEED)
    rows = rng.permutation(7)[:3]
    less, _ = layer.forward(tokens[rows], mask_seed=SEED, row_ids=rows)
    assert_same_bits({"y": less}, {"y": y[rows]})
    other, _ = layer.forward(tokens, mask_seed=SEED + 1)
    assert (other != y).any()


def test_padding_is_absent(rng: np.random.Generator) -> None:
    layer, (tokens, dy) = build(), draw(rng)
    lengths = rng.integers(1, 34, 7)
    valid = np.arange(33) < lengths[:, None]
    y, cache = layer.forward(
        np.where(valid, tokens, -1), lengths=lengths, mask_seed=SEED
    )
    assert not y[~valid].any()
    layer.backward(np.where(valid[..., None], dy, np.nan), cache)
    grads = layer.params.new_grads()
    part, cache = layer.forward(tokens[valid], mask_seed=SEED)
    layer.backward(dy[valid], cache, grads=grads)
    assert_same_bits(
        {"y": y[valid], "dw": layer.grads["weight"]},
        {"y": part, "dw": grads["weight"]},
    )


def test_a_dropped_row_of_the_table_may_hold_anything() -> None:
    layer, every = build(), np.arange(V)
    with layer.params.update() as flat:
        flat.reshape(V, E)[token_mask(P, SEED) == 0.0] = np.nan
    assert np.isfinite(layer.forward(every, mask_seed=SEED)[0]).all()


def test_seeds() -> None:
    every = np.arange(V)
    first, second = build(), build()
    a = [first.forward(every)[0] for _ in range(2)]
    b = [second.forward(every)[0] for _ in range(2)]
    assert_same_bits({"0": a[0], "1": a[1]}, {"0": b[0], "1": b[1]})
    assert (a[0] != a[1]).any(), "of random_state, one after another"
    model = Sequential(build())
    y, _ = model.forward(every, mask_seed=3)
    alone, _ = first.forward(every, mask_seed=derive_seed(3, 0))
    assert_same_bits({"y": y}, {"y": alone})


def test_without_dropout_no_seed_is_drawn() -> None:
    rng = np.random.default_rng(0)
    layer = Embedding(V, E, random_state=rng)
    before = rng.bit_generator.state
    y, _ = layer.forward(np.arange(V))
    assert rng.bit_generator.state == before
    assert_same_bits({"y": y}, {"y": np.asarray(layer.params["weight"])})


def test_refuses() -> None:
    with pytest.raises(ValueError, match=r"dropout must be .* in \[0, 1\), got 1"):
        Embedding(V, E, dropout=1.0)
    for layer in (build(), build(dropout=0.0)):
        with pytest.raises(ValueError, match=r"mask_seed must be .* got -1"):
            layer.forward(np.arange(V), mask_seed=-1)
