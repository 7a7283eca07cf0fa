"""Parity with the same variants written with torch: values and all gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ..cases import (
    BATCH_NORM,
    CELLS,
    DTYPES,
    REGULARIZERS,
    SHAPES,
    CellCase,
    Shape,
    Stack,
)
from ..compare import Arrays, assert_all_close
from ..reference.masks import draw
from ..runs import Problem, make_layer, make_problem, named, run_layer
from ..tolerances import (
    BATCH_NORM_GRADIENT,
    BATCH_NORM_VALUE,
    PAIR_GRADIENT,
    PAIR_VALUE,
)

torch = pytest.importorskip("torch", reason="torch is not installed")

from ..peers.torch_variants import TorchVariant  # noqa: E402

SEED = 0x243F6A8885A308D3
ONE_LAYER = Stack("1", (0,))


@dataclass(frozen=True)
class Variant:
    """A cell and what training draws for it."""

    name: str
    cell: CellCase
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def masks(self, shape: Shape) -> Arrays:
        """fastlstm's masks for `SEED`, by `TorchVariant`'s names."""
        outputs = shape.P if self.cell.projection else shape.H
        sizes, rows = [(shape.I, shape.H, outputs)], np.arange(shape.N)
        drawn = draw(self.options, sizes, SEED, rows, shape.T)
        named = dict(drawn.of("_l0"))
        for k, name in enumerate(("input", "output")):
            if k in drawn.inputs:
                named[name] = drawn.inputs[k][:, 0]
        return named


VARIANTS = [Variant(cell.name, cell) for cell in CELLS + BATCH_NORM]
VARIANTS += [Variant(case.name, case.cell, case.options) for case in REGULARIZERS]


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
        **variant.options,
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
    layer = make_layer(shape, ONE_LAYER, variant.cell, dtype, **variant.options)
    state_dict = layer.state_dict() | {
        name: value.astype(dtype) for name, value in problem.params.items()
    }
    layer.load_state_dict(state_dict)
    actual = run_layer(layer, problem, load=False, mask_seed=SEED)
    actual = {name: actual[name] for name in expected}  # dh0, dc0 only where given
    batch = variant.cell in BATCH_NORM
    value = BATCH_NORM_VALUE if batch else PAIR_VALUE
    gradient = BATCH_NORM_GRADIENT if batch else PAIR_GRADIENT
    assert_all_close(actual, expected, value[dtype], gradient[dtype])
