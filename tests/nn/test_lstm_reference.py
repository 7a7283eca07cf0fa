"""Finite differences -> NumPy reference -> kernels: the first rungs of the ladder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ..cases import CELLS, DTYPES, SHAPES, STACKS, CellCase, Shape, Stack
from ..compare import (
    Arrays,
    assert_all_close,
    assert_gradients,
    error,
    gradient_error,
    is_value,
)
from ..reference.lstm import Masks
from ..runs import (
    Problem,
    make_layer,
    make_problem,
    named,
    pack,
    run_layer,
    run_reference,
    unpack,
)
from ..tolerances import FINITE_DIFFERENCE, GRADIENT, VALUE
from .mutants import MUTANTS, Mutant

SMALL = SHAPES[0]
# Every mistake shows here: two layers, both directions, projection, ragged, a state.
RICH_STACK, RICH_CELL = Stack("2-both", (0, 0), True), CellCase("p", projection=True)


def gradients_of(problem: Problem, results: Arrays) -> Arrays:
    return {name: results[name] for name in problem.arrays()}


@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_reference_against_differences(
    cell: CellCase, stack: Stack, rng: np.random.Generator
) -> None:
    problem = make_problem(rng, SMALL, stack, cell)

    def loss(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        return problem.loss(run_reference(moved, cell.reference, backward=False))

    results = run_reference(problem, cell.reference)
    assert_gradients(loss, problem.arrays(), gradients_of(problem, results), rng)


def test_reference_with_masks_against_differences(rng: np.random.Generator) -> None:
    problem = make_problem(rng, SMALL, RICH_STACK, RICH_CELL)
    size = (SMALL.N, SMALL.T, 2 * SMALL.P)
    masks = Masks({1: (rng.random(size) > 0.4) / 0.6})

    def loss(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        return problem.loss(run_reference(moved, masks=masks, backward=False))

    results = run_reference(problem, masks=masks)
    assert_gradients(loss, problem.arrays(), gradients_of(problem, results), rng)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_differences_catch_a_wrong_gradient(
    mutant: Mutant, rng: np.random.Generator
) -> None:
    # A mutant is wrong against the right values, or else contradicts its own.
    problem = make_problem(rng, SMALL, RICH_STACK, mutant.case)
    wrong = mutant.wrong_reference()
    gradients = gradients_of(problem, run_reference(problem, **wrong))

    def right(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        return problem.loss(run_reference(moved, mutant.case.reference, backward=False))

    def own(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        return problem.loss(run_reference(moved, **wrong, backward=False))

    assert any(
        gradient_error(loss, problem.arrays(), gradients, rng)[0]
        > 1e3 * FINITE_DIFFERENCE.limit
        for loss in (right, own)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_comparison_catches_a_wrong_reference(
    mutant: Mutant, dtype: str, rng: np.random.Generator
) -> None:
    problem = make_problem(rng, SMALL, RICH_STACK, mutant.case, dtype=dtype)
    actual = run_layer(make_layer(SMALL, RICH_STACK, mutant.case, dtype), problem)
    wrong = run_reference(problem, **mutant.wrong_reference())
    errors = {name: error(actual[name], wrong[name]) for name in wrong}
    limits = {n: (VALUE if is_value(n) else GRADIENT)[dtype].limit for n in wrong}
    assert any(errors[name] > 100 * limits[name] for name in wrong)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernels_against_reference(
    shape: Shape, cell: CellCase, stack: Stack, dtype: str, rng: np.random.Generator
) -> None:
    problem = make_problem(rng, shape, stack, cell, dtype=dtype)
    layer = make_layer(shape, stack, cell, dtype)
    expected = run_reference(problem, cell.reference)
    assert_all_close(run_layer(layer, problem), expected, VALUE[dtype], GRADIENT[dtype])
    values = {name: expected[name] for name in expected if is_value(name)}
    actual = run_layer(layer, problem, backward=False)
    assert_all_close(actual, values, VALUE[dtype], GRADIENT[dtype])


@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_kernels_against_differences(
    cell: CellCase, stack: Stack, rng: np.random.Generator
) -> None:
    problem = make_problem(rng, SMALL, stack, cell)
    layer = make_layer(SMALL, stack, cell, "float64")

    def loss(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        return problem.loss(run_layer(layer, moved, backward=False))

    results = run_layer(layer, problem)
    assert_gradients(loss, problem.arrays(), gradients_of(problem, results), rng)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("T", [101, 1000])
@pytest.mark.parametrize("stack", [STACKS[0], STACKS[1]], ids=str)
def test_long_sequences(
    stack: Stack, T: int, dtype: str, rng: np.random.Generator
) -> None:
    shape = Shape(5, T, 3, 33, 0)
    problem = make_problem(rng, shape, stack, CELLS[0], dtype=dtype)
    layer = make_layer(shape, stack, CELLS[0], dtype)
    own = {name: np.asarray(v, np.float64) for name, v in layer.state_dict().items()}
    for params in (problem.params, own):  # uniform and the layer's default initialiser
        problem.params.update(params)
        assert_all_close(
            run_layer(layer, problem),
            run_reference(problem),
            VALUE[dtype],
            GRADIENT[dtype],
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", ["dy", "dh", "dc", "dy-dh", "dh-dc"])
def test_absent_gradients_are_zero(
    given: str, dtype: str, rng: np.random.Generator
) -> None:
    problem = make_problem(rng, SMALL, RICH_STACK, RICH_CELL, dtype=dtype)
    layer = make_layer(SMALL, RICH_STACK, RICH_CELL, dtype)
    layer.load_state_dict({k: v.astype(dtype) for k, v in problem.params.items()})
    names = given.split("-")
    zeroed = replace(
        problem,
        dy=problem.dy * ("dy" in names),
        dhn=[b * ("dh" in names) for b in problem.dhn],
        dcn=[b * ("dc" in names) for b in problem.dcn],
    )
    dy = problem.dy.astype(dtype) if "dy" in names else None
    dh = pack(layer, problem.dhn, dtype) if "dh" in names else None
    dc = pack(layer, problem.dcn, dtype) if "dc" in names else None
    state = (pack(layer, problem.h0, dtype), pack(layer, problem.c0, dtype))
    x = problem.x.astype(dtype)

    expected = run_reference(zeroed)
    for need_dx in (True, False):
        _, _, cache = layer.forward(x, state, problem.lengths)
        grads = layer.params.new_grads()
        dstate = None if dh is None and dc is None else (dh, dc)
        dx, (dh0, dc0) = layer.backward(dy, cache, dstate, grads, need_dx=need_dx)
        actual = named("dh", unpack(dh0)) | named("dc", unpack(dc0)) | dict(grads)
        assert (dx is not None) == need_dx
        if need_dx:
            actual["dx"] = dx
        wanted = {name: expected[name] for name in actual}
        assert_all_close(actual, wanted, VALUE[dtype], GRADIENT[dtype])


def test_gradients_are_added(rng: np.random.Generator) -> None:
    problem = make_problem(rng, SMALL, RICH_STACK, RICH_CELL)
    layer = make_layer(SMALL, RICH_STACK, RICH_CELL, "float64")
    once = run_layer(layer, problem)
    for times in (1, 2):
        _, _, cache = layer.forward(problem.x, lengths=problem.lengths)
        layer.backward(problem.dy, cache)
        if times == 1:
            first = {name: value.copy() for name, value in layer.grads.items()}
    doubled = {name: 2.0 * value for name, value in first.items()}
    close = (VALUE["float64"], GRADIENT["float64"])
    assert_all_close(dict(layer.grads), doubled, *close)
    again = run_layer(layer, problem, load=False)
    assert_all_close(again, once, *close)
    assert_all_close(dict(layer.grads), doubled, *close)
    layer.zero_grad()
    assert not layer.grads.flat.any()
