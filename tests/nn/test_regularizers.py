"""Masks inside the LSTM: values, gradients, statistics, expectation, same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM

from ..cases import (
    DTYPES,
    REGULARIZERS,
    SHAPES,
    CellCase,
    RegularizerCase,
    Shape,
    Stack,
)
from ..compare import Arrays, assert_all_close, assert_gradients, assert_same_bits
from ..reference.lstm import Masks
from ..reference.masks import draw, expected
from ..runs import Problem, make_layer, make_problem, run_layer, run_reference
from ..tolerances import GRADIENT, MASK_RATE, VALUE

SEED = 0x243F6A8885A308D3
STACKS = [Stack("2-both", (2, 0), True), Stack("2", (0, 0)), Stack("1", (0,))]
PLAIN = CellCase("plain")
MEMORY = ["store", "recompute", "checkpoint"]


def layer_sizes(shape: Shape, stack: Stack, cell: CellCase) -> list[Any]:
    sizes, width = [], shape.I
    for H in stack.hidden_sizes(shape.H):
        outputs = shape.P if cell.projection else H
        sizes.append((width, H, outputs))
        width = outputs * (1 + stack.bidirectional)
    return sizes


def masks_of(
    case: RegularizerCase, shape: Shape, stack: Stack, row_ids: np.ndarray
) -> Masks:
    return draw(
        case.options,
        layer_sizes(shape, stack, case.cell),
        SEED,
        row_ids,
        shape.T,
        directions=1 + stack.bidirectional,
        gates=case.cell.reference.gates,
    )


def setting(case: RegularizerCase, shape: Shape, stack: Stack, dtype: str) -> Any:
    return make_layer(shape, stack, case.cell, dtype, **case.options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stack", STACKS[:2], ids=str)
@pytest.mark.parametrize("case", REGULARIZERS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernels_against_reference(
    shape: Shape, case: Any, stack: Stack, dtype: str, rng: Any, threads: Any
) -> None:
    problem = make_problem(rng, shape, stack, case.cell, dtype=dtype)
    layer = setting(case, shape, stack, dtype)
    row_ids = rng.permutation(2 * shape.N)[: shape.N]
    drawn = {"mask_seed": SEED, "row_ids": row_ids}
    actual = run_layer(layer, problem, **drawn)
    masks = masks_of(case, shape, stack, row_ids)
    wanted = run_reference(problem, case.cell.reference, masks=masks)
    assert_all_close(actual, wanted, VALUE[dtype], GRADIENT[dtype])
    for memory in MEMORY:
        layer.memory = memory
        for n in (1, 3):
            threads(n)
            assert_same_bits(run_layer(layer, problem, **drawn), actual)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("case", REGULARIZERS, ids=str)
def test_inference_takes_the_mean(
    case: Any, stack: Stack, dtype: str, rng: Any
) -> None:
    shape = SHAPES[1]
    layer = setting(case, shape, stack, dtype)
    problem = make_problem(rng, shape, stack, case.cell, dtype=dtype)
    sizes = layer_sizes(shape, stack, case.cell)
    means = expected(case.options, sizes, shape.N, shape.T)
    wanted = run_reference(problem, case.cell.reference, masks=means, backward=False)
    actual = run_layer(layer, problem, backward=False)
    assert_all_close(actual, wanted, VALUE[dtype], GRADIENT[dtype])


@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("case", REGULARIZERS, ids=str)
def test_gradients_with_fixed_masks(case: Any, stack: Stack, rng: Any) -> None:
    shape = SHAPES[0]
    layer = setting(case, shape, stack, "float64")
    problem = make_problem(rng, shape, stack, case.cell)

    def loss(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        return problem.loss(run_layer(layer, moved, mask_seed=SEED))

    results = run_layer(layer, problem, mask_seed=SEED)
    gradients = {name: results[name] for name in problem.arrays()}
    assert_gradients(loss, problem.arrays(), gradients, rng)


@pytest.mark.parametrize("case", REGULARIZERS, ids=str)
def test_reference_against_differences(case: Any, rng: Any) -> None:
    shape, stack = SHAPES[0], STACKS[0]
    problem = make_problem(rng, shape, stack, case.cell)
    masks = masks_of(case, shape, stack, np.arange(shape.N))
    cell = case.cell.reference

    def loss(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        return problem.loss(run_reference(moved, cell, masks=masks, backward=False))

    results = run_reference(problem, cell, masks=masks)
    gradients = {name: results[name] for name in problem.arrays()}
    assert_gradients(loss, problem.arrays(), gradients, rng)


@pytest.mark.parametrize("case", REGULARIZERS, ids=str)
def test_masks_move_with_the_rows(case: Any, rng: Any) -> None:
    """Values depend on row ids, not on places in the batch or on padding."""
    shape, stack = SHAPES[2], STACKS[0]
    layer = setting(case, shape, stack, "float32")
    problem = make_problem(rng, shape, stack, case.cell, dtype="float32")
    ids = np.arange(shape.N) + 7

    def values(problem: Problem, ids: np.ndarray) -> Arrays:
        results = run_layer(layer, problem, mask_seed=SEED, row_ids=ids)
        return {k: v for k, v in results.items() if k[:2] in ("y", "hn", "cn")}

    whole = values(problem, ids)
    rows = rng.permutation(shape.N)[:5]
    some = values(problem.take(rows), ids[rows])
    assert_same_bits(some, {k: v[rows] for k, v in whole.items()})
    padded = values(problem.padded(3, np.nan), ids)
    assert not padded["y"][:, shape.T :].any()
    padded["y"] = padded["y"][:, : shape.T]
    assert_same_bits(padded, whole)


@pytest.mark.parametrize("case", REGULARIZERS, ids=str)
def test_streams_equal_inference(case: Any, rng: Any) -> None:
    shape, stack = SHAPES[1], Stack("2", (0, 0))
    layer = setting(case, shape, stack, "float32")
    x = rng.standard_normal((shape.N, shape.T, shape.I)).astype(np.float32)
    stream = layer.stream(shape.N)
    ys = [stream.step(step).copy() for step in x.transpose(1, 0, 2)]
    assert_same_bits({"y": np.stack(ys, axis=1)}, {"y": layer(x)[0]})


@pytest.mark.parametrize("option", ["zoneout_h", "zoneout_c"])
def test_zoneout_keeps_units_at_its_rate(option: str, rng: Any) -> None:
    p, n, t, units = 0.3, 7, 60, 90
    lstm = LSTM(3, units, dtype="float64", random_state=0, **{option: p})
    x = rng.standard_normal((n, t, 3))
    y, (_, c), _ = lstm.forward(x, mask_seed=1)
    if option == "zoneout_c":
        states = np.stack(
            [lstm.forward(x[:, : s + 1], mask_seed=1)[1][1][0] for s in range(t)], 1
        )
        np.testing.assert_array_equal(states[:, -1], c[0])
    else:
        states = y
    stays = states[:, 1:] == states[:, :-1]
    assert_random(stays, p)


def assert_random(kept: np.ndarray, q: float) -> None:
    """``kept`` (N, T, F) is true with probability q, independently."""
    for axis in (None, 0, 1, 2):
        others = tuple(a for a in range(3) if a != axis)
        count = kept.sum(axis=None if axis is None else others)
        trials = kept.size / np.size(count)
        deviation = np.abs(count - trials * q) / np.sqrt(trials * q * (1 - q))
        assert np.max(deviation) < MASK_RATE.limit
    for axis, size in enumerate(kept.shape):
        near, far = (np.take(kept, np.arange(size - 1) + k, axis) for k in (0, 1))
        agree = (near == far).mean()
        same = q * q + (1 - q) ** 2
        deviation = abs(agree - same) / np.sqrt(same * (1 - same))
        assert deviation * np.sqrt(near.size) < MASK_RATE.limit


def test_candidate_is_dropped_at_its_rate_and_anew() -> None:
    # With the forget gate shut, c is i g: zero exactly where g was dropped.
    p, n, t, units = 0.4, 7, 50, 90
    lstm = LSTM(
        3, units, recurrent_dropout=p, forget_bias=-1e4, dtype="float64", random_state=0
    )
    x = np.random.default_rng(0).standard_normal((n, t, 3))
    y, _, _ = lstm.forward(x, mask_seed=1)
    assert_random(np.abs(y) < 1e-30, p)


def test_variational_masks_are_locked() -> None:
    p, n, t, units = 0.4, 9, 20, 120
    lstm = LSTM(3, units, variational_dropout=p, random_state=0)
    x = np.random.default_rng(0).standard_normal((n, t, 3)).astype(np.float32)
    y, _, cache = lstm.forward(x, mask_seed=1)
    dropped = (y == 0.0).all(axis=1)
    np.testing.assert_array_equal((y == 0.0), np.repeat(dropped[:, None], t, 1))
    assert 0 < dropped.sum() < dropped.size
    assert (dropped[0] != dropped[1]).any(), "another mask for each sequence"
    dx, _ = lstm.backward(np.ones_like(y), cache)
    gone = (dx == 0.0).all(axis=1)
    np.testing.assert_array_equal((dx == 0.0), np.repeat(gone[:, None], t, 1))
    assert 0 < gone.sum() < gone.size


def test_hidden_masks_are_locked_and_weights_drop_for_the_call() -> None:
    # Rows of equal input and state: what differs, differs by the mask.
    n, t, units = 5, 12, 33
    x = np.ones((n, t, 2), np.float32)
    weights = LSTM(2, units, weight_dropout=0.5, random_state=0)
    y, _, _ = weights.forward(x, mask_seed=1)
    assert (y == y[:1]).all(), "one mask for all rows"
    other, _, _ = weights.forward(x, mask_seed=2)
    assert (y != other).any()
    hidden = LSTM(
        2, units, recurrent_dropout=0.5, recurrent_dropout_kind="hidden", random_state=0
    )
    y, _, _ = hidden.forward(x, mask_seed=1)
    assert (y[0] != y[1]).any(), "one mask for each row"


@pytest.mark.parametrize("case", REGULARIZERS, ids=str)
def test_mean_of_many_masks_is_near_inference(case: Any) -> None:
    # One step from a given state, linear in each mask but for the squashing: near.
    n, units = 4000, 13
    layer = setting(case, Shape(n, 1, 5, units, 7), STACKS[2], "float64")
    rng = np.random.default_rng(0)
    x = np.repeat(0.3 * rng.standard_normal((1, 1, 5)), n, axis=0)
    outputs = layer.output_size
    state = (
        np.repeat(0.3 * rng.standard_normal((1, 1, outputs)), n, axis=1),
        np.repeat(0.3 * rng.standard_normal((1, 1, units)), n, axis=1),
    )
    if "weight_dropout" in case.options:  # one mask a call: calls instead of rows
        one = (state[0][:, :1], state[1][:, :1])
        runs = [layer.forward(x[:1], one, mask_seed=s)[1] for s in range(n)]
        c = np.array([r[1][0, 0] for r in runs])
    else:
        c = layer.forward(x, state, mask_seed=1)[1][1][0]
    wanted = layer(x[:1], (state[0][:, :1], state[1][:, :1]))[1][1][0, 0]
    spread = c.std(axis=0) / np.sqrt(n)
    assert (np.abs(c.mean(axis=0) - wanted) < 5 * spread + 0.02).all()


@pytest.mark.parametrize(
    "name",
    ["variational_dropout", "recurrent_dropout", "weight_dropout", "zoneout_h"],
)
@pytest.mark.parametrize("value", [-0.1, 1.0, np.nan])
def test_bad_rates(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        LSTM(3, 4, **{name: value})
    with pytest.raises(TypeError, match=name):
        LSTM(3, 4, **{name: "half"})


def test_bad_kind() -> None:
    with pytest.raises(ValueError, match=r"recurrent_dropout_kind.*'cell'"):
        LSTM(3, 4, recurrent_dropout=0.1, recurrent_dropout_kind="cell")
