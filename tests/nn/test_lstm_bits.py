"""The same bits: whatever the threads, the batch, the padding, in pieces or whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..cases import CELLS, DTYPES, SHAPES, CellCase, Shape, Stack
from ..compare import Arrays, assert_all_close, assert_same_bits, is_value
from ..runs import Problem, make_layer, make_problem, run_layer
from ..tolerances import GRADIENT, VALUE

# The last three are worth cutting by rows, with few of these by units, and by layers.
BIT_SHAPES = [
    *SHAPES,
    Shape(33, 19, 21, 131, 65),
    Shape(3, 11, 35, 203, 101),
    Shape(1, 150, 5, 24, 12),
]
BIT_STACKS = [Stack("2", (0, 0)), Stack("2-unequal-both", (2, 0), True)]
BIT_CELLS = [cell for cell in CELLS if "bias" not in cell.options]
THREADS = [1, 2, 3, 5]

every_case = [
    pytest.mark.parametrize("dtype", DTYPES),
    pytest.mark.parametrize("cell", BIT_CELLS, ids=str),
    pytest.mark.parametrize("shape", BIT_SHAPES, ids=str),
]


def for_every_case(test: Any) -> Any:
    for mark in every_case:
        test = mark(test)
    return test


def values(results: Arrays) -> Arrays:
    return {name: v for name, v in results.items() if is_value(name)}


# Each invariant is a function of a layer and a problem, used on the table of shapes and
# by Hypothesis.


def check_threads(layer: Any, problem: Problem, threads: Any) -> None:
    threads(THREADS[0])
    expected = run_layer(layer, problem)
    inferred = run_layer(layer, problem, backward=False)
    assert_same_bits(inferred, values(expected))
    for n in THREADS[1:]:
        threads(n)
        assert_same_bits(run_layer(layer, problem), expected)
        assert_same_bits(run_layer(layer, problem, backward=False), inferred)


def check_rows(layer: Any, problem: Problem, rows: np.ndarray) -> None:
    """Some of the rows in another order: the values move with them."""
    whole = run_layer(layer, problem, backward=False)
    some = problem.take(rows)
    expected = {name: value[rows] for name, value in whole.items()}
    assert_same_bits(run_layer(layer, some, backward=False), expected)
    assert_same_bits(values(run_layer(layer, some)), expected)


def check_alone(layer: Any, problem: Problem, row: int) -> None:
    """One row by itself, without its padding."""
    whole = run_layer(layer, problem, backward=False)
    length = problem.x.shape[1] if problem.lengths is None else problem.lengths[row]
    alone = problem.take(np.array([row]), int(length))
    expected = {name: value[[row]] for name, value in whole.items()}
    assert not expected["y"][:, length:].any(), "padded steps are zero"
    expected["y"] = expected["y"][:, :length]
    assert_same_bits(run_layer(layer, alone, backward=False), expected)
    assert_same_bits(values(run_layer(layer, alone)), expected)


def check_padding(layer: Any, problem: Problem, steps: int, dtype: str) -> None:
    """More padding, and NaN in all of it: nothing but zeros at its place."""
    T = problem.x.shape[1]
    expected = run_layer(layer, problem)
    actual = run_layer(layer, problem.padded(steps, np.nan))
    for name in ("y", "dx"):
        assert not actual[name][:, T:].any()
        actual[name] = actual[name][:, :T]
    assert_same_bits(values(actual), values(expected))
    assert_all_close(actual, expected, VALUE[dtype], GRADIENT[dtype])


def split(problem: Problem, at: int) -> tuple[Problem, Problem]:
    """Both pieces of the sequences; the second one's state is still to be set."""
    first = problem.take(slice(None), at)
    rest = replace(problem, x=problem.x[:, at:], dy=problem.dy[:, at:])
    return first, rest


def check_split(layer: Any, problem: Problem, at: int) -> None:
    """In two pieces, the state handed over; one direction, equal lengths."""
    whole = run_layer(layer, problem, backward=False)
    first, rest = split(problem, at)
    a = run_layer(layer, first, backward=False)
    blocks = range(len(problem.dhn))
    rest = replace(
        rest, h0=[a[f"hn{k}"] for k in blocks], c0=[a[f"cn{k}"] for k in blocks]
    )
    b = run_layer(layer, rest, backward=False)
    b["y"] = np.concatenate([a["y"], b["y"]], axis=1)
    assert_same_bits(b, whole)


def check_stream(layer: Any, problem: Problem) -> None:
    """Step by step, with zero state; one direction, equal lengths."""
    whole = run_layer(layer, problem, backward=False)
    x = problem.x.astype(str(layer.dtype))
    blocks = range(len(problem.dhn))
    expected = {"y": whole["y"]}
    for name in ("h", "c"):
        expected[name] = np.concatenate([whole[f"{name}n{k}"].ravel() for k in blocks])
    stream = layer.stream(x.shape[0])
    for _ in range(2):
        ys = [stream.step(step.copy()).copy() for step in x.transpose(1, 0, 2)]
        h, c = (np.concatenate([np.ravel(b) for b in s]) for s in stream.state)
        actual = {"y": np.stack(ys, axis=1), "h": h, "c": c}
        assert_same_bits(actual, expected)
        stream.reset()


def stream_plans(shape: Shape, stack: Stack, rng: Any) -> set[str]:
    """What steps in a close sequence run, tried until a team comes."""
    layer = make_layer(shape, stack, BIT_CELLS[0], "float32")
    stream = layer.stream(shape.N)
    x = rng.standard_normal((shape.N, shape.I)).astype(np.float32)
    paths = set()
    for _ in range(2000):
        stream.step(x)
        paths.add(stream.path.partition(", ")[2])
        if len(paths) > 1:
            break
    return paths


def test_streams_reach_every_plan(rng: Any, threads: Any) -> None:
    threads(3)
    plans = set()
    for shape in BIT_SHAPES:
        plans |= stream_plans(shape, Stack("2", (0, 0)), rng)
    assert {"1 thread", "rows x 3", "units x 3"} <= plans


def test_shapes_reach_every_plan(rng: Any, threads: Any) -> None:
    # Else the tests below would say nothing about the plan that is left out.
    plans = set()
    for shape in BIT_SHAPES:
        for stack in BIT_STACKS:
            layer = make_layer(shape, stack, BIT_CELLS[0], "float32")
            for n in THREADS:
                threads(n)
                problem = make_problem(rng, shape, stack, BIT_CELLS[0], ragged=False)
                for backward in (True, False):
                    run_layer(layer, problem, backward=backward)
                    plans |= set(layer.path.replace(",", "").split())
    assert {"1", "rows", "units", "layers", "directions", *map(str, THREADS)} <= plans


@for_every_case
@pytest.mark.parametrize("stack", BIT_STACKS, ids=str)
def test_threads(
    shape: Shape, stack: Stack, cell: CellCase, dtype: str, rng: Any, threads: Any
) -> None:
    problem = make_problem(rng, shape, stack, cell, dtype=dtype)
    check_threads(make_layer(shape, stack, cell, dtype), problem, threads)


@for_every_case
@pytest.mark.parametrize("stack", BIT_STACKS, ids=str)
def test_batch_and_padding(
    shape: Shape, stack: Stack, cell: CellCase, dtype: str, rng: Any
) -> None:
    problem = make_problem(rng, shape, stack, cell, dtype=dtype)
    layer = make_layer(shape, stack, cell, dtype)
    check_rows(layer, problem, rng.permutation(shape.N))
    check_rows(layer, problem, rng.permutation(shape.N)[: max(1, shape.N // 2)])
    for row in rng.permutation(shape.N)[:5]:
        check_alone(layer, problem, int(row))
    check_padding(layer, problem, 3, dtype)


@for_every_case
def test_pieces(
    shape: Shape, cell: CellCase, dtype: str, rng: Any, threads: Any
) -> None:
    stack = Stack("2-unequal", (2, 0))
    layer = make_layer(shape, stack, cell, dtype)
    problem = make_problem(rng, shape, stack, cell, ragged=False, dtype=dtype)
    for at in (1, shape.T // 2, shape.T - 1):
        check_split(layer, problem, at)
    zero = make_problem(rng, shape, stack, cell, ragged=False, state=False, dtype=dtype)
    for n in THREADS:
        threads(n)
        check_stream(layer, zero)


@st.composite
def problems(draw: Any, directions: tuple[int, ...] = (1, 2)) -> Any:
    """Any small case: its layer, problem, dtype and a generator for what remains."""
    H = draw(st.integers(2, 40))
    shape = Shape(
        N=draw(st.integers(1, 17)),
        T=draw(st.integers(3, 9)),
        I=draw(st.integers(1, 40)),
        H=H,
        P=draw(st.integers(1, H - 1)),
    )
    stack = Stack(
        "any",
        tuple(draw(st.lists(st.integers(0, 5), min_size=1, max_size=3))),
        draw(st.sampled_from(directions)) == 2,
    )
    cell = draw(st.sampled_from(CELLS))
    dtype = draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    problem = make_problem(
        rng,
        shape,
        stack,
        cell,
        ragged=draw(st.booleans()) and directions == (1, 2),
        state=draw(st.booleans()),
        dtype=dtype,
    )
    return make_layer(shape, stack, cell, dtype), problem, dtype, rng


@given(problems(), st.integers(1, 9))
def test_any_batch_and_padding(case: Any, padding: int) -> None:
    layer, problem, dtype, rng = case
    N = problem.x.shape[0]
    check_rows(layer, problem, rng.permutation(N)[: 1 + rng.integers(N)])
    check_alone(layer, problem, int(rng.integers(N)))
    check_padding(layer, problem, padding, dtype)


@given(problems(directions=(1,)), st.integers(1, 2))
def test_any_pieces(case: Any, at: int) -> None:
    layer, problem, _, _ = case
    check_split(layer, problem, at)
    if problem.h0 is None:
        check_stream(layer, problem)


@given(problems())
def test_any_threads(case: Any) -> None:
    import fastlstm

    layer, problem, _, _ = case
    before = fastlstm.get_num_threads()
    try:
        check_threads(layer, problem, fastlstm.set_num_threads)
    finally:
        fastlstm.set_num_threads(before)
