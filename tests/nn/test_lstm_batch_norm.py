"""Recurrent batch normalisation: statistics of each step, running ones, gradients."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM
from fastlstm.optim import AdamW

from ..cases import BATCH_NORM, DTYPES, STACKS, CellCase, Shape, Stack
from ..cases import SHAPES as ALL_SHAPES
from ..compare import (
    Arrays,
    assert_all_close,
    assert_close,
    assert_gradients,
    assert_same_bits,
)
from ..reference.lstm import Masks
from ..runs import Problem, make_layer, make_problem, run_layer, run_reference
from ..tolerances import BATCH_NORM_GRADIENT, BATCH_NORM_VALUE

PARTS = ("ih", "hh", "c")
# With one input N(w x) does not depend on w but for its sign, and over three rows
# little is left of a gradient: nothing but roundings.
SHAPES = [replace(s, N=max(9, s.N), I=max(3, s.I)) for s in ALL_SHAPES]
BOTH = Stack("2-both", (2, 0), True)


def own(results: Arrays) -> Arrays:
    """Without the running statistics, which have no gradient."""
    for name in [name for name in results if name.startswith("running")]:
        assert not results.pop(name).any(), f"{name} has a gradient"
    return results


def load(layer: Any, problem: Problem) -> None:
    """The problem's weights beside statistics as at the start."""
    state = LSTM.state_dict(layer)
    dtype = str(layer.dtype)
    state |= {name: value.astype(dtype) for name, value in problem.params.items()}
    layer.load_state_dict(state)


def with_rows(problem: Problem, dtype: str) -> Problem:
    """Ragged, but in float32 with four rows to the end.

    Two rows, normalised, are 1 and -1: their gradients are roundings, of which only
    float64 has some to spare.
    """
    if dtype == "float64" or problem.lengths is None:
        return problem
    lengths = problem.lengths.copy()
    lengths[np.argsort(lengths)[-4:]] = problem.x.shape[1]
    return replace(problem, lengths=lengths)


def train(layer: Any, problem: Problem) -> Arrays:
    return own(run_layer(layer, problem, load=False))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("cell", BATCH_NORM, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_training_against_reference(
    shape: Shape, cell: CellCase, stack: Stack, dtype: str, rng: Any, threads: Any
) -> None:
    problem = with_rows(make_problem(rng, shape, stack, cell, dtype=dtype), dtype)
    layer = make_layer(shape, stack, cell, dtype)
    load(layer, problem)
    actual = train(layer, problem)
    assert_all_close(
        actual,
        run_reference(problem, cell.reference),
        BATCH_NORM_VALUE[dtype],
        BATCH_NORM_GRADIENT[dtype],
    )
    for n in (1, 2, 3):
        threads(n)
        assert_same_bits(train(layer, problem), actual)


@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("cell", BATCH_NORM, ids=str)
def test_gradients_against_differences(cell: CellCase, stack: Stack, rng: Any) -> None:
    shape = Shape(7, 3, 5, 11, 9)
    problem = make_problem(rng, shape, stack, cell)
    layer = make_layer(shape, stack, cell, "float64")

    def loss(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        load(layer, moved)
        return moved.loss(train(layer, moved))

    load(layer, problem)
    results = train(layer, problem)
    gradients = {name: results[name] for name in problem.arrays()}
    assert_gradients(loss, problem.arrays(), gradients, rng)


def seen_statistics(problem: Problem, cell: CellCase, suffix: str) -> list[Any]:
    """Mean and variance of ih, hh and c at each step, as the reference takes them."""
    seen: list[dict[str, Any]] = [{} for _ in range(problem.x.shape[1])]
    masks = Masks(drawn={suffix: {"seen": seen}})
    run_reference(problem, cell.reference, masks=masks, backward=False)
    return seen


@pytest.mark.parametrize("cell", BATCH_NORM, ids=str)
def test_running_statistics(cell: CellCase, rng: Any) -> None:
    shape = replace(SHAPES[0], N=3)
    problem = make_problem(rng, shape, BOTH, cell)
    steps = 4
    layer = make_layer(
        shape,
        BOTH,
        cell,
        "float64",
        normalization_steps=steps,
        normalization_momentum=0.3,
    )
    load(layer, problem)
    rows = (np.arange(shape.T)[:, None] < problem.lengths).sum(axis=1)
    learned = int((rows[:steps] > 1).sum())
    assert 0 < learned < steps, "some step has one row"
    version = layer.params.version
    for _ in range(2):
        train(layer, problem)
    assert layer.params.version == version, "statistics outdate nothing"
    for suffix in ("_l0", "_l0_reverse", "_l1", "_l1_reverse"):
        seen = seen_statistics(problem, cell, suffix)
        assert layer.params["running_steps" + suffix][0] == learned
        for part in PARTS:
            for k, moment in enumerate(("mean", "var")):
                actual = layer.params[f"running_{moment}_{part}{suffix}"]
                expected = np.full(actual.shape, float(k))
                for s in range(learned):
                    batch = seen[s][part][k] * (rows[s] / (rows[s] - 1) if k else 1.0)
                    for _ in range(2):
                        expected[s] += 0.3 * (batch - expected[s])
                assert_close(actual, expected, BATCH_NORM_VALUE["float64"])


def given_statistics(layer: Any, suffix: str) -> list[dict[str, np.ndarray]]:
    seen = int(layer.params["running_steps" + suffix][0])
    return [
        {
            f"{moment}_{part}": layer.params[f"running_{moment}_{part}{suffix}"][s]
            for moment in ("mean", "var")
            for part in PARTS
        }
        for s in range(seen)
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stack", STACKS[1:4], ids=str)
@pytest.mark.parametrize("cell", BATCH_NORM, ids=str)
def test_inference_takes_running_statistics(
    cell: CellCase, stack: Stack, dtype: str, rng: Any, threads: Any
) -> None:
    shape = SHAPES[1]
    problem = make_problem(rng, shape, stack, cell, dtype=dtype)
    layer = make_layer(shape, stack, cell, dtype, normalization_steps=7)
    load(layer, problem)
    train(layer, problem)
    suffixes = [n[9:] for n in layer.params if n.startswith("weight_ih")]
    masks = Masks(drawn={s: {"given": given_statistics(layer, s)} for s in suffixes})
    wanted = run_reference(problem, cell.reference, masks=masks, backward=False)
    actual = run_layer(layer, problem, backward=False, load=False)
    limits = BATCH_NORM_VALUE[dtype], BATCH_NORM_GRADIENT[dtype]
    assert_all_close(actual, wanted, *limits)
    for n in (1, 3):
        threads(n)
        again = run_layer(layer, problem, backward=False, load=False)
        assert_same_bits(again, actual)
    rows = rng.permutation(shape.N)[:3]  # inference does not depend on the batch
    some = run_layer(layer, problem.take(rows), backward=False, load=False)
    assert_same_bits(some, {name: v[rows] for name, v in actual.items()})
    gates = layer.trace(problem.x.astype(dtype), lengths=problem.lengths)
    assert gates["l0"].i.shape == (shape.N, shape.T, layer.hidden_sizes[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", BATCH_NORM, ids=str)
def test_streams_count_their_steps(cell: CellCase, dtype: str, rng: Any) -> None:
    shape, stack = SHAPES[1], Stack("2", (0, 0))
    problem = make_problem(
        rng, shape, stack, cell, ragged=False, state=False, dtype=dtype
    )
    layer = make_layer(shape, stack, cell, dtype, normalization_steps=7)
    load(layer, problem)
    train(layer, problem)
    x = problem.x.astype(dtype)
    wanted = {"y": layer(x)[0]}
    stream = layer.stream(shape.N)
    for _ in range(2):
        ys = [stream.step(step.copy()).copy() for step in x.transpose(1, 0, 2)]
        assert_same_bits({"y": np.stack(ys, axis=1)}, wanted)
        stream.reset()


def test_statistics_are_part_of_the_layer(rng: Any) -> None:
    lstm = LSTM(3, 5, normalization="batch", random_state=0)
    x = rng.standard_normal((9, 6, 3)).astype(np.float32)
    fresh = lstm(x)[0]
    _, _, first = lstm.forward(x)
    y, _, cache = lstm.forward(x)  # a second one before the first one's backward
    assert (lstm(x)[0] != fresh).any()
    twin = LSTM(3, 5, normalization="batch", random_state=1)
    twin.load_state_dict(lstm.state_dict())
    for other in (twin, copy.deepcopy(lstm), pickle.loads(pickle.dumps(lstm))):
        assert_same_bits({"y": other(x)[0]}, {"y": lstm(x)[0]})
    for kept in (first, cache):
        lstm.backward(np.ones_like(y), kept)
    before = {n: v.copy() for n, v in lstm.params.items() if n.startswith("running")}
    AdamW(lstm.params, weight_decay=0.1).step(lstm.grads)
    assert_same_bits({n: lstm.params[n] for n in before}, before)


def test_one_row_is_refused(rng: Any) -> None:
    lstm = LSTM(3, 5, normalization="batch", dtype="float64", random_state=0)
    x = rng.standard_normal((1, 6, 3))
    before = lstm.state_dict()
    with pytest.raises(ValueError, match=r"at least 2 sequences.*\(1, 6, 3\)"):
        lstm.forward(x)
    assert_same_bits(lstm.state_dict(), before)
    assert np.isfinite(lstm(x)[0]).all()


def test_stream_goes_on_from_its_own_state(rng: Any) -> None:
    lstm = LSTM(3, 5, normalization="batch", dtype="float64", random_state=0)
    x = rng.standard_normal((4, 6, 3))
    lstm.forward(x)
    stream = lstm.stream(4)
    ys = []
    for step in x.transpose(1, 0, 2):
        ys.append(stream.step(step.copy()).copy())
        stream.state = stream.state
    assert_same_bits({"y": np.stack(ys, axis=1)}, {"y": lstm(x)[0]})


@pytest.mark.parametrize("memory", ["recompute", "checkpoint"])
def test_memory_is_refused(memory: str) -> None:
    with pytest.raises(ValueError, match="memory='store'"):
        LSTM(3, 5, normalization="layer", memory=memory)
    lstm = LSTM(3, 5, normalization="layer")
    with pytest.raises(ValueError, match="memory='store'"):
        lstm.memory = memory
    assert lstm.memory == "store"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"normalization": "group"}, "'group'"),
        ({"normalization": "batch", "normalization_steps": 0}, "normalization_steps"),
        ({"normalization_momentum": 0.0}, "normalization_momentum"),
        ({"normalization": "layer", "zoneout_c": 0.1}, "use zoneout_h"),
    ],
)
def test_bad_arguments(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LSTM(3, 5, **options)
