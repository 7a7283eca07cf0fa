"""Dropout masks against their definition, alone and between the layers of an LSTM."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm import _core
from fastlstm.nn import LSTM, Dropout

from ..cases import CELLS, DTYPES, SHAPES, Stack
from ..compare import assert_all_close, assert_same_bits
from ..reference.lstm import Masks
from ..reference.random import dropout_mask, philox
from ..runs import make_layer, make_problem, run_layer, run_reference
from ..tolerances import GRADIENT, MASK_RATE, VALUE

SEED = 0x243F6A8885A308D3
BIG_ROW_IDS = np.array([3, 2**33 + 5, 2**62])


@pytest.mark.parametrize(
    ("counter", "seed", "words"),
    [
        # The known answers that Salmon et al. publish with their code.
        ([0] * 4, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([2**32 - 1] * 4, 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            0x299F31D0A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox(counter: list[int], seed: int, words: str) -> None:
    assert " ".join(f"{w:08x}" for w in philox(np.array(counter), seed)) == words


def test_reference_mask_statistics() -> None:
    p, shape = 0.3, (15, 21, 101)
    mask = dropout_mask(p, SEED, 1, np.arange(shape[0]), *shape[1:])
    kept = mask > 0
    for axis in (None, 0, 1, 2):  # in all, and at every row, step and unit
        others = tuple(a for a in range(3) if a != axis)
        count = kept.sum(axis=None if axis is None else others)
        trials = kept.size / np.size(count)
        deviation = np.abs(count - trials * (1 - p)) / np.sqrt(trials * p * (1 - p))
        assert np.max(deviation) < MASK_RATE.limit
    for axis, size in enumerate(shape):  # neighbours are independent
        near, far = (np.take(kept, np.arange(size - 1) + k, axis) for k in (0, 1))
        agree = (near == far).mean()
        expected = p * p + (1 - p) ** 2
        deviation = abs(agree - expected) / np.sqrt(expected * (1 - expected))
        assert deviation * np.sqrt(near.size) < MASK_RATE.limit


@pytest.mark.parametrize("units", [1, 15, 64, 65, 201])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_core_mask(p: float, units: int) -> None:
    x = np.ones((3, 5, units))
    out = np.empty_like(x)
    _core.dropout(x, out, p, False, SEED, 7, BIG_ROW_IDS)
    mask = dropout_mask(p, SEED, 7, BIG_ROW_IDS, 5, units)
    assert_same_bits({"mask": out}, {"mask": mask})
    _core.dropout(x, out, p, True, SEED, 7, BIG_ROW_IDS)
    locked = np.repeat(dropout_mask(p, SEED, 7, BIG_ROW_IDS, 1, units), 5, axis=1)
    assert_same_bits({"mask": out}, {"mask": locked})


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_layer(dtype: str, locked: bool, rng: np.random.Generator) -> None:
    layer, x = Dropout(0.4, locked), rng.standard_normal((5, 7, 33)).astype(dtype)
    assert_same_bits({"y": layer(x)}, {"y": x})
    y, cache = layer.forward(x, mask_seed=3)
    dy = np.ones_like(x)
    dx = layer.backward(dy, cache)
    np.testing.assert_array_equal(y, x * dx)
    assert set(np.unique(dx)) == {0.0, dx.max()}
    assert (dx == dx[:, :1]).all() == locked, "else another mask each step"
    assert not (dx == dx[:1]).all(), "another mask each sequence"
    rows = rng.permutation(5)
    moved, _ = layer.forward(x[rows], mask_seed=3, row_ids=rows)
    assert_same_bits({"y": moved}, {"y": y[rows]})
    other, _ = layer.forward(x, mask_seed=4)
    assert (other != y).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "stack", [Stack("3", (0, 4, 2)), Stack("2-both", (2, 0), True)]
)
@pytest.mark.parametrize("cell", CELLS[:2], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_between_layers(shape, cell, stack, dtype, rng, threads) -> None:
    problem = make_problem(rng, shape, stack, cell, dtype=dtype)
    layer = make_layer(shape, stack, cell, dtype, dropout=0.4)
    row_ids = rng.permutation(2 * shape.N)[: shape.N]
    sizes = stack.hidden_sizes(shape.H)[:-1]
    widths = [
        (shape.P if cell.projection else H) * (1 + stack.bidirectional) for H in sizes
    ]
    masks = Masks(
        {
            k + 1: dropout_mask(0.4, SEED, k, row_ids, shape.T, width)
            for k, width in enumerate(widths)
        }
    )
    actual = run_layer(layer, problem, mask_seed=SEED, row_ids=row_ids)
    expected = run_reference(problem, cell.reference, masks=masks)
    assert_all_close(actual, expected, VALUE[dtype], GRADIENT[dtype])
    for n in (1, 3):
        threads(n)
        again = run_layer(layer, problem, mask_seed=SEED, row_ids=row_ids)
        assert_same_bits(again, actual)
    inferred = run_layer(layer, problem, backward=False)
    plain = run_reference(problem, cell.reference, backward=False)
    assert_all_close(inferred, plain, VALUE[dtype], GRADIENT[dtype])


def test_the_same_bits_in_a_wave_of_layers(rng: np.random.Generator, threads) -> None:
    layer = LSTM(5, 24, 3, dropout=0.4, random_state=0)
    x = rng.standard_normal((1, 150, 5)).astype(np.float32)
    results = {}
    for n in (1, 3):
        threads(n)
        results[n] = layer.forward(x, mask_seed=SEED)[0]
    assert layer.path.endswith("layers x 3")
    assert_same_bits({"y": results[3]}, {"y": results[1]})
