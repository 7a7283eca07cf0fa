"""Every optimizer against its definition, and that against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .cases import DTYPES, OPTIMIZERS, OptimizerCase
from .compare import assert_close, assert_same_bits
from .reference.optim import clip_by_global_norm
from .tolerances import OPTIMIZER

STEPS = 15
LEARNING_RATE = 0.01
SHAPES = {"weight": (7, 33), "bias": (33,), "other": (301, 5)}
SIZES = [int(np.prod(shape)) for shape in SHAPES.values()]
DECAY = np.repeat([1.0, 0.0, 1.0], SIZES)

every_case = pytest.mark.parametrize("case", OPTIMIZERS, ids=str)


def reference(
    case: OptimizerCase,
    params: np.ndarray,
    grads: np.ndarray,
    decay: Any,
    max_norm: float | None = None,
) -> np.ndarray:
    state: dict[str, Any] = {}
    for g in grads:
        g = g if max_norm is None else clip_by_global_norm(g, max_norm)[0]
        params = case.reference(
            params,
            g,
            state,
            decay=decay,
            learning_rate=LEARNING_RATE,
            **case.options,
        )
    return params


def draw(rng: np.random.Generator, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and a gradient a step, exact in the dtype."""
    params = rng.standard_normal(sum(SIZES)).astype(dtype)
    grads = rng.standard_normal((STEPS, sum(SIZES))).astype(dtype)
    return params.astype(np.float64), grads.astype(np.float64)


def build(params: np.ndarray, dtype: str) -> Any:
    from fastlstm.params import Parameters, ParameterSpec

    specs = [ParameterSpec(n, s, decay=n != "bias") for n, s in SHAPES.items()]
    out = Parameters(specs, dtype)
    with out.update() as flat:
        flat[:] = params
    return out


def optimize(
    case: OptimizerCase,
    params: np.ndarray,
    grads: np.ndarray,
    dtype: str,
    **options: Any,
) -> np.ndarray:
    from fastlstm.optim import OPTIMIZERS as OURS

    parameters = build(params, dtype)
    optimizer = OURS[case.name](parameters, learning_rate=LEARNING_RATE, **case.options)
    own = parameters.new_grads()
    for g in grads:
        own.flat[:] = g
        norm = optimizer.step(own, **options)
        assert_close(norm, np.linalg.norm(g), OPTIMIZER[dtype], "norm")
    return np.array(parameters.flat)


@every_case
def test_reference_against_torch(case: OptimizerCase, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    params, grads = draw(rng, "float64")
    options = {"eps" if k == "epsilon" else k: v for k, v in case.options.items()}
    if "adam" in case.name:
        betas = options.pop("beta_1", 0.9), options.pop("beta_2", 0.999)
        options = {"weight_decay": 0.0, **options, "betas": betas}
    l1 = options.pop("l1", 0.0)
    leaf = torch.nn.Parameter(torch.tensor(params))
    optimizer = getattr(torch.optim, case.peer)([leaf], lr=LEARNING_RATE, **options)
    for g in grads:
        optimizer.zero_grad()
        loss = (leaf * torch.tensor(g)).sum()
        shrink = torch.zeros_like(leaf)
        if case.peer == "AdamW":  # torch has no L1: decoupled as its weight decay is
            shrink = LEARNING_RATE * l1 * torch.sign(leaf.detach())
        else:
            loss = loss + l1 * leaf.abs().sum()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            leaf -= shrink
    actual = reference(case, params, grads, 1.0)
    assert_close(actual, leaf.detach().numpy(), OPTIMIZER["float64"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("max_norm", [None, 3.0, 1e6])
@every_case
def test_against_reference(
    case: OptimizerCase, max_norm: float | None, dtype: str, rng: np.random.Generator
) -> None:
    params, grads = draw(rng, dtype)
    options = {} if max_norm is None else {"max_norm": max_norm}
    actual = optimize(case, params, grads, dtype, **options)
    expected = reference(case, params, grads, DECAY, max_norm)
    assert_close(actual, expected, OPTIMIZER[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@every_case
def test_same_bits(
    case: OptimizerCase, dtype: str, rng: np.random.Generator, threads: Any
) -> None:
    params, grads = draw(rng, dtype)
    threads(1)
    expected = optimize(case, params, grads, dtype, max_norm=3.0)
    for n in (2, 3, 5):
        threads(n)
        actual = optimize(case, params, grads, dtype, max_norm=3.0)
        assert_same_bits({"params": actual}, {"params": expected})
