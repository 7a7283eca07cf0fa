"""The losses of `LSTMRegressor`, and the score that fits each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import d2_pinball_score, r2_score

from ..data.statistics import power_to_one
from ..losses import AbsoluteError, Huber, Quantile, SquaredError
from ..models.sequence import in_order
from ..training import TrainingSet
from ..training.protocols import Loss

__all__ = ["REGRESSION_LOSSES", "explained", "quantiles_of_score"]

# How each is made of ``quantile`` and ``huber_delta``.
REGRESSION_LOSSES: Final[dict[str, Callable[[Any, float], Loss]]] = {
    "squared_error": lambda quantile, delta: SquaredError(),
    "absolute_error": lambda quantile, delta: AbsoluteError(),
    "huber": lambda quantile, delta: Huber(delta),
    "quantile": lambda quantile, delta: Quantile(quantile),
}


def quantiles_of_score(loss: str, quantile: Any) -> list[float] | None:
    """Name the quantiles by which validation judges; None is R^2, by the mean.

    Huber's loss is for data whose outliers would rule R^2, so the median judges there.
    """
    if loss == "squared_error":
        return None
    return np.ravel(quantile).tolist() if loss == "quantile" else [0.5]


def explained(
    data: TrainingSet, outputs: NDArray[Any], quantiles: Sequence[float] | None
) -> float:
    """R^2, or the mean of the D^2 pinball scores of ``quantiles`` (scikit-learn's).

    Both are 1 for perfect predictions and 0 for the best constant, and do not change
    with the scale of a target; of several targets the mean.

    Parameters
    ----------
    data : TrainingSet
        With targets (N, K), or (N, T, K) of which every valid step counts.
    outputs : (N, K Q) or (N, T, K Q) array
    quantiles : Q numbers or None
    """
    targets, weights = data.flat_targets, data.flat_weights
    outputs = data.flat(outputs)
    if quantiles is None:
        # Squares of 1e-200 would vanish, and any prediction would be perfect.
        factor = power_to_one(targets.max(axis=0) / 2.0 - targets.min(axis=0) / 2.0)
        targets, outputs = targets * factor, outputs * factor
        return float(r2_score(targets, outputs, sample_weight=weights))
    columns = in_order(outputs, len(quantiles)).reshape(*targets.shape, -1)
    scores = [
        d2_pinball_score(targets, columns[..., j], sample_weight=weights, alpha=q)
        for j, q in enumerate(quantiles)
    ]
    return float(np.mean(scores))
