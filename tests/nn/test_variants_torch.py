"""Parity with the same variants written with torch: values and all gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ..cases import CELLS, DTYPES, SHAPES, CellCase, Shape, Stack
from ..compare import Arrays, assert_all_close
from ..runs import Problem, make_layer, make_problem, named, run_layer
from ..tolerances import PAIR_GRADIENT, PAIR_VALUE

torch = pytest.importorskip("torch", reason="torch is not installed")

from ..peers.torch_variants import TorchVariant  # noqa: E402

SEED = 0x243F6A8885A308D3
ONE_LAYER = Stack("1", (0,))


@dataclass(frozen=True)
class Variant:
    """A cell, and fastlstm's own masks for `SEED` by `TorchVariant`'s names."""

    cell: CellCase
    masks: Callable[[Shape], Arrays] = lambda shape: {}

    def __str__(self) -> str:
        return self.cell.name


VARIANTS = [Variant(cell) for cell in CELLS]


@pytest.fixture(scope="module", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Two spinning pools slow each other down; where both use one OpenMP, both obey."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run_peer(problem: Problem, shape: Shape, variant: Variant, dtype: str) -> Arrays:
    """torch's answer, under the names of `runs`."""
    real = getattr(torch, dtype)
    peer = TorchVariant(
        shape.I,
        shape.H,
        projection_size=shape.P if variant.cell.projection else 0,
        dtype=real,
        **variant.cell.options,
    )
    weights = dict(peer.named_parameters())
    ours = {name.removesuffix("_l0"): w for name, w in problem.params.items()}
    assert set(weights) == set(ours)

    def tensor(a: np.ndarray) -> Any:
        return torch.tensor(a, dtype=real)

    for name, weight in weights.items():
        assert weight.shape == ours[name].shape, name
        weight.data.copy_(tensor(ours[name]))
    x, state = tensor(problem.x).requires_grad_(), None
    if problem.h0 is not None:
        blocks = np.stack(problem.h0), np.stack(problem.c0)
        state = tuple(tensor(b).requires_grad_() for b in blocks)
    masks = {name: tensor(m) for name, m in variant.masks(shape).items()}
    y, (hn, cn) = peer(x, state, masks)
    pairs = [(y, problem.dy), (hn, np.stack(problem.dhn)), (cn, np.stack(problem.dcn))]
    sum((v * tensor(d)).sum() for v, d in pairs).backward()

    out = {"y": y, **named("hn", hn), **named("cn", cn), "dx": x.grad}
    if state is not None:
        out |= named("dh", state[0].grad) | named("dc", state[1].grad)
    out |= {f"{name}_l0": weight.grad for name, weight in weights.items()}
    return {name: value.detach().numpy() for name, value in out.items()}


GRID = [
    pytest.param(*point, id="-".join(map(str, point)))
    for point in itertools.product(SHAPES, VARIANTS, ["zero", "given"], DTYPES)
]


@pytest.mark.parametrize(("shape", "variant", "state", "dtype"), GRID)
def test_parity(
    shape: Shape, variant: Variant, state: str, dtype: str, rng: np.random.Generator
) -> None:
    problem = make_problem(
        rng,
        shape,
        ONE_LAYER,
        variant.cell,
        ragged=False,
        state=state == "given",
        dtype=dtype,
    )
    expected = run_peer(problem, shape, variant, dtype)
    layer = make_layer(shape, ONE_LAYER, variant.cell, dtype)
    actual = run_layer(layer, problem, mask_seed=SEED)
    actual = {name: actual[name] for name in expected}  # dh0, dc0 only where given
    assert_all_close(actual, expected, PAIR_VALUE[dtype], PAIR_GRADIENT[dtype])
