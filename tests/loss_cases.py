"""The table of losses: `tests/cases.py` says what tables are for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from fastlstm.losses import (
    AbsoluteError,
    GaussianLikelihood,
    Huber,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    Quantile,
    SoftmaxCrossEntropy,
    SquaredError,
    StudentTLikelihood,
)

from .reference import likelihoods, losses
from .tolerances import LIKELIHOOD, LIKELIHOOD_PEER, LOSS, Tolerance


@dataclass(frozen=True)
class LossCase:
    """A loss: its name, definition, a target, torch's loss of a row, how it is made.

    ``shape`` is that of targets of numbers; ``pred`` has ``predictions`` as many.
    """

    name: str
    reference: Callable[..., tuple[float, np.ndarray]]
    target: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    peer: Callable[[Any, Any, Any], Any]  # torch.nn.functional, rows, targets
    make: Callable[..., Any]  # from the last axis of ``shape``, and ``missing=``
    predictions: int = 1
    tolerances: Mapping[str, Tolerance] = field(default_factory=lambda: LOSS)
    peer_tolerance: Tolerance = LOSS["float64"]
    # What a row's weight is multiplied by, from its labels.
    factor: Callable[[np.ndarray], np.ndarray] = lambda labels: np.ones(labels.shape)

    def __str__(self) -> str:
        return self.name

    @property
    def has_numbers(self) -> bool:
        """Whether targets are numbers, which may be missing, and not labels."""
        return self.target is not labels


QUANTILES = np.array([0.05, 0.3, 0.9])
CLASS_WEIGHT = np.array([0.5, 2.0, 1.0, 3.0, 0.0, 1e-3, 7.0, 1.0, 1.0, 4.0, 0.1])


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape)


def labels(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, shape[-1], shape[:-1])


def counts(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.negative_binomial(1, 0.1, shape).astype(float)


def log_prob(name: str, pred: Any, y: Any) -> Any:
    """torch.distributions' ``-log_prob``, by the links that the losses state."""
    import torch

    F, d = torch.nn.functional, torch.distributions
    raw = pred.reshape(*y.shape, -1).unbind(-1)
    if name in ("gaussian", "student t"):
        location, scale = raw[0], F.softplus(raw[1]) + 1e-3
        made = (
            d.Normal(location, scale)
            if name == "gaussian"
            else d.StudentT(F.softplus(raw[2]) + 2 + 1e-6, location, scale)
        )
    else:
        mean = F.softplus(raw[0]) + 1e-6
        if name == "poisson":
            made = d.Poisson(mean)
        else:
            alpha = F.softplus(raw[1]) + 1e-6
            made = d.NegativeBinomial(1 / alpha, probs=mean / (mean + 1 / alpha))
    return -made.log_prob(y).mean(dim=-1)


def likelihood(
    name: str,
    make: Callable[..., Any],
    target: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray],
    predictions: int,
) -> LossCase:
    return LossCase(
        name,
        partial(losses.likelihood, term=getattr(likelihoods, name.replace(" ", "_"))),
        target,
        lambda F, pred, y: log_prob(name, pred, y),
        lambda k, **options: make(**options),
        predictions=predictions,
        tolerances=LIKELIHOOD,
        peer_tolerance=LIKELIHOOD_PEER,
    )


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
        lambda k, **options: SquaredError(**options),
    ),
    LossCase(
        "absolute",
        losses.absolute_error,
        numbers,
        lambda F, pred, y: F.l1_loss(pred, y, reduction="none").mean(dim=-1),
        lambda k, **options: AbsoluteError(**options),
    ),
    LossCase(
        "huber",
        partial(losses.huber, delta=0.7),
        numbers,
        lambda F, pred, y: F.huber_loss(pred, y, delta=0.7, reduction="none").mean(-1),
        lambda k, **options: Huber(0.7, **options),
    ),
    LossCase(
        "quantile",
        partial(losses.quantile, quantiles=np.array([0.3])),
        numbers,
        lambda F, pred, y: pinball(pred, y, np.array([0.3])),
        lambda k, **options: Quantile(0.3, **options),
    ),
    LossCase(
        "quantiles",
        partial(losses.quantile, quantiles=QUANTILES),
        numbers,
        lambda F, pred, y: pinball(pred, y, QUANTILES),
        lambda k, **options: Quantile(QUANTILES, **options),
        predictions=3,
    ),
    likelihood("gaussian", GaussianLikelihood, numbers, 2),
    likelihood("student t", StudentTLikelihood, numbers, 3),
    likelihood("negative binomial", NegativeBinomialLikelihood, counts, 2),
    likelihood("poisson", PoissonLikelihood, counts, 1),
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
