"""Parity with torch.nn.LSTM: values and all gradients, over the full grid."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ..cases import CELLS, DTYPES, SHAPES, CellCase, Shape, Stack
from ..compare import Arrays, assert_all_close
from ..runs import Problem, make_layer, make_problem, named, run_layer, run_reference
from ..tolerances import GRADIENT, PAIR_GRADIENT, PAIR_VALUE, VALUE

torch = pytest.importorskip("torch", reason="torch is not installed")

# torch says once that its projections do not run on its fast path.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")


@pytest.fixture(scope="module", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Two spinning pools slow each other down; where both use one OpenMP, both obey."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


STACKS = [
    Stack(f"{layers}-{directions}", (0,) * layers, directions == 2)
    for layers, directions in itertools.product([1, 2, 3], [1, 2])
]
TORCH_CELLS = [cell for cell in CELLS if cell.name in ("plain", "projection")]
GRID = [
    pytest.param(*point, id="-".join(map(str, point)))
    for point in itertools.product(
        SHAPES, TORCH_CELLS, STACKS, ["equal", "ragged"], ["zero", "given"]
    )
]


def run_torch(problem: Problem, shape: Shape, stack: Stack, dtype: str) -> Arrays:
    """torch's layer on the same problem; its second bias is zero and stays so."""
    real = getattr(torch, dtype)
    projection = problem.params.get("weight_hr_l0")
    layer = torch.nn.LSTM(
        shape.I,
        shape.H,
        len(stack.extra_units),
        batch_first=True,
        bidirectional=stack.bidirectional,
        proj_size=0 if projection is None else len(projection),
        dtype=real,
    )
    for name, parameter in layer.named_parameters():
        ours = problem.params.get(name.replace("bias_ih", "bias"))
        data = torch.zeros(parameter.shape) if ours is None else torch.tensor(ours)
        parameter.data.copy_(data)

    def leaf(a: np.ndarray) -> Any:
        return torch.tensor(a, dtype=real, requires_grad=True)

    x, state = leaf(problem.x), None
    if problem.h0 is not None:
        state = leaf(np.stack(problem.h0)), leaf(np.stack(problem.c0))
    if problem.lengths is None:
        y, (hn, cn) = layer(x, state)
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x, problem.lengths, batch_first=True, enforce_sorted=False
        )
        y, (hn, cn) = layer(packed, state)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(
            y, batch_first=True, total_length=shape.T
        )
    pairs = [(y, problem.dy), (hn, np.stack(problem.dhn)), (cn, np.stack(problem.dcn))]
    sum((v * torch.tensor(d, dtype=real)).sum() for v, d in pairs).backward()

    out = {"y": y, **named("hn", hn), **named("cn", cn), "dx": x.grad}
    if state is not None:
        out |= named("dh", state[0].grad) | named("dc", state[1].grad)
    out |= {
        name.replace("bias_ih", "bias"): parameter.grad
        for name, parameter in layer.named_parameters()
        if not name.startswith("bias_hh")
    }
    return {name: value.detach().numpy() for name, value in out.items()}


def make(
    shape: Shape,
    cell: CellCase,
    stack: Stack,
    lengths: str,
    state: str,
    dtype: str,
    rng: np.random.Generator,
) -> tuple[Problem, Arrays]:
    """A point of the grid: the problem and torch's answer."""
    problem = make_problem(
        rng,
        shape,
        stack,
        cell,
        ragged=lengths == "ragged",
        state=state == "given",
        dtype=dtype,
    )
    return problem, run_torch(problem, shape, stack, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "cell", "stack", "lengths", "state"), GRID)
def test_parity(
    shape: Shape,
    cell: CellCase,
    stack: Stack,
    lengths: str,
    state: str,
    dtype: str,
    rng: np.random.Generator,
) -> None:
    problem, expected = make(shape, cell, stack, lengths, state, dtype, rng)
    actual = run_layer(make_layer(shape, stack, cell, dtype), problem)
    actual = {name: actual[name] for name in expected}  # dh0, dc0 only where given
    assert_all_close(actual, expected, PAIR_VALUE[dtype], PAIR_GRADIENT[dtype])


@pytest.mark.parametrize(("shape", "cell", "stack", "lengths", "state"), GRID)
def test_reference_parity(
    shape: Shape,
    cell: CellCase,
    stack: Stack,
    lengths: str,
    state: str,
    rng: np.random.Generator,
) -> None:
    problem, expected = make(shape, cell, stack, lengths, state, "float64", rng)
    actual = run_reference(problem)
    actual = {name: actual[name] for name in expected}
    assert_all_close(actual, expected, VALUE["float64"], GRADIENT["float64"])
