"""Every loss against its definition, that against differences and against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .cases import DTYPES
from .compare import Arrays, assert_close, assert_gradients
from .loss_cases import LOSSES, LossCase

SHAPES = [(7, 3), (301, 1), (5, 13, 11)]
every_case = [
    pytest.mark.parametrize("case", LOSSES, ids=str),
    pytest.mark.parametrize("shape", SHAPES, ids=str),
    pytest.mark.parametrize("weighted", [False, True]),
]


def for_every_case(test: Any) -> Any:
    for mark in every_case:
        test = mark(test)
    return test


def draw(
    case: LossCase, shape: tuple[int, ...], weighted: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """pred, target and keywords; one sample's weight is zero, sequences are ragged."""
    outputs = shape[-1] * case.predictions
    options = {}
    if weighted:
        options["sample_weight"] = rng.random(shape[0])
        options["sample_weight"][1] = 0.0
    if weighted and len(shape) == 3:
        options["lengths"] = rng.integers(1, shape[1] + 1, shape[0])
    pred = 3.0 * rng.standard_normal((*shape[:-1], outputs))
    return pred, case.target(rng, shape), options


@for_every_case
def test_reference_against_differences(
    case: LossCase, shape: tuple[int, ...], weighted: bool, rng: np.random.Generator
) -> None:
    pred, target, options = draw(case, shape, weighted, rng)

    def loss(arrays: Arrays) -> float:
        return case.reference(arrays["pred"], target, **options)[0]

    _, gradient = case.reference(pred, target, **options)
    assert_gradients(loss, {"pred": pred}, {"pred": gradient}, rng)


@for_every_case
def test_reference_against_torch(
    case: LossCase, shape: tuple[int, ...], weighted: bool, rng: np.random.Generator
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pred, target, options = draw(case, shape, weighted, rng)
    tail = target.shape[pred.ndim - 1 :]
    peer = case.peer(
        torch.nn.functional,
        torch.tensor(pred.reshape(-1, pred.shape[-1])),
        torch.tensor(target.reshape(-1, *tail)),
    )
    w = np.ones(shape[:-1])
    if weighted:
        w *= options["sample_weight"].reshape(-1, *[1] * (pred.ndim - 2))
    if "lengths" in options:
        w *= np.arange(shape[1]) < options["lengths"][:, None]
    w *= case.factor(target) if target.ndim == w.ndim else 1.0
    expected = np.average(peer.numpy(), weights=w.ravel())
    value, _ = case.reference(pred, target, **options)
    assert_close(value, expected, case.peer_tolerance)


@for_every_case
@pytest.mark.parametrize("dtype", DTYPES)
def test_against_reference(
    case: LossCase,
    shape: tuple[int, ...],
    weighted: bool,
    dtype: str,
    rng: np.random.Generator,
) -> None:
    pred, target, options = draw(case, shape, weighted, rng)
    pred = pred.astype(dtype)
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    loss = case.make(shape[-1])
    value, gradient = loss(pred, target, **options)
    exact = (np.asarray(a, float) if a.dtype.kind == "f" else a for a in (pred, target))
    expected_value, expected_gradient = case.reference(*exact, **options)
    assert_close(value, expected_value, case.tolerances[dtype], "value")
    assert gradient.dtype == pred.dtype
    assert_close(gradient, expected_gradient, case.tolerances[dtype], "gradient")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LOSSES, ids=str)
def test_padding_and_weight_zero_are_absence(
    case: LossCase, dtype: str, rng: np.random.Generator
) -> None:
    shape = (5, 13, 11)
    pred, target, options = draw(case, shape, True, rng)
    pred = pred.astype(dtype)
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    loss = case.make(shape[-1])
    absent = np.arange(shape[1]) >= options["lengths"][:, None]
    absent |= options["sample_weight"][:, None] == 0.0
    value, gradient = loss(pred, target, **options)
    assert not gradient[absent].any()
    pred[absent] = 1e6
    target[absent] = np.nan if target.dtype.kind == "f" else -1
    again, same = loss(pred, target, **options)
    assert again == value
    np.testing.assert_array_equal(same, gradient)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LOSSES, ids=str)
def test_large_predictions(
    case: LossCase, dtype: str, rng: np.random.Generator
) -> None:
    shape = (7, 5)
    pred, target, _ = draw(case, shape, False, rng)
    pred = (1000.0 * pred).astype(dtype)
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    value, gradient = case.make(shape[-1])(pred, target)
    exact = target.astype(float) if target.dtype.kind == "f" else target
    expected_value, expected_gradient = case.reference(pred.astype(float), exact)
    assert_close(value, expected_value, case.tolerances[dtype], "value")
    assert_close(gradient, expected_gradient, case.tolerances[dtype], "gradient")
