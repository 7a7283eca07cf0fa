"""The table of losses: `tests/cases.py` says what tables are for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from fastlstm.losses import (
    AbsoluteError,
    Huber,
    Quantile,
    SoftmaxCrossEntropy,
    SquaredError,
)

from .reference import losses


@dataclass(frozen=True)
class LossCase:
    """A loss: its name, definition, a target, torch's loss of a row, how it is made.

    ``shape`` is that of targets of numbers; ``pred`` has ``predictions`` as many.
    """

    name: str
    reference: Callable[..., tuple[float, np.ndarray]]
    target: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    peer: Callable[[Any, Any, Any], Any]  # torch.nn.functional, rows, targets
    make: Callable[[int], Any]  # from the last axis of ``shape``
    predictions: int = 1
    # What a row's weight is multiplied by, from its labels.
    factor: Callable[[np.ndarray], np.ndarray] = lambda labels: np.ones(labels.shape)

    def __str__(self) -> str:
        return self.name


QUANTILES = np.array([0.05, 0.3, 0.9])
CLASS_WEIGHT = np.array([0.5, 2.0, 1.0, 3.0, 0.0, 1e-3, 7.0, 1.0, 1.0, 4.0, 0.1])


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape)


def labels(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, shape[-1], shape[:-1])


def pinball(pred: Any, y: Any, quantiles: np.ndarray) -> Any:
    """torch has none: pinball = (|u| + (2 q - 1) u) / 2 by its l1_loss."""
    u = y[..., None] - pred.reshape(*y.shape, -1)
    q = u.new_tensor(quantiles)
    return ((u.abs() + (2 * q - 1) * u) / 2).mean(dim=(-1, -2))


LOSSES = [
    LossCase(
        "squared",
        losses.squared_error,
        numbers,
        lambda F, pred, y: F.mse_loss(pred, y, reduction="none").mean(dim=-1),
        lambda k: SquaredError(),
    ),
    LossCase(
        "absolute",
        losses.absolute_error,
        numbers,
        lambda F, pred, y: F.l1_loss(pred, y, reduction="none").mean(dim=-1),
        lambda k: AbsoluteError(),
    ),
    LossCase(
        "huber",
        partial(losses.huber, delta=0.7),
        numbers,
        lambda F, pred, y: F.huber_loss(pred, y, delta=0.7, reduction="none").mean(-1),
        lambda k: Huber(0.7),
    ),
    LossCase(
        "quantile",
        partial(losses.quantile, quantiles=np.array([0.3])),
        numbers,
        lambda F, pred, y: pinball(pred, y, np.array([0.3])),
        lambda k: Quantile(0.3),
    ),
    LossCase(
        "quantiles",
        partial(losses.quantile, quantiles=QUANTILES),
        numbers,
        lambda F, pred, y: pinball(pred, y, QUANTILES),
        lambda k: Quantile(QUANTILES),
        predictions=3,
    ),
    LossCase(
        "cross-entropy",
        losses.softmax_cross_entropy,
        labels,
        lambda F, pred, y: F.cross_entropy(pred, y, reduction="none"),
        lambda k: SoftmaxCrossEntropy(),
    ),
    LossCase(
        "class weights",
        lambda pred, y, *args, **options: losses.softmax_cross_entropy(
            pred, y, *args, class_weight=CLASS_WEIGHT[: pred.shape[-1]], **options
        ),
        labels,
        lambda F, pred, y: F.cross_entropy(pred, y, reduction="none"),
        lambda k: SoftmaxCrossEntropy(CLASS_WEIGHT[:k]),
        factor=lambda labels: CLASS_WEIGHT[labels],
    ),
]
