"""Series (channel, time) whose last steps tell the target, for both toolkits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Learns what is asked here within a second.
FAST: dict[str, Any] = {
    "hidden_size": 12,
    "learning_rate_init": 0.01,
    "batch_size": 16,
    "max_iter": 40,
    "random_state": 3,
}
TRAIN = 400
# Arguments of the estimators that mean nothing to a toolkit.
LEFT_OUT = {"layout", "output", "warm_start"}
LEFT_OUT |= {"vocabulary_size", "embedding_dim", "embedding_dropout"}
LEFT_OUT |= {"columns", "id_column", "time_column", "target", "static_features"}
LEFT_OUT |= {"past_covariates", "future_covariates"}


def equal(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """X (case, channel, time) and a number for each case."""
    X = rng.normal(size=(600, 3, 13))
    return X, X[:, 0, -3:].sum(axis=1)


def ragged(rng: np.random.Generator) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """A list of (channel, time) of 5 to 17 steps and a number for each."""
    X = [rng.normal(size=(3, steps)) for steps in rng.integers(5, 18, size=600)]
    return X, np.array([series[0, -3:].sum() for series in X])


def labels(y: NDArray[Any]) -> NDArray[Any]:
    return np.where(y > 0, "up", "down")
