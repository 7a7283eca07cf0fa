"""Small forecasters and series that their tests share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMForecaster

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STRATEGIES = ("direct", "recursive", "encoder_decoder")
strategies = pytest.mark.parametrize("strategy", STRATEGIES)
# One by one, with parameters that are estimated, and a memory of the last steps;
# those of a season need one, which `forecaster` sets.
TRANSFORMS = (
    None,
    ("box_cox", "fourier_season"),
    "difference",
    ("log", "seasonal_difference"),
)
transforms = pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
gaps_or_not = pytest.mark.parametrize("gaps", [False, True], ids=["full", "gaps"])


def forecaster(horizon: int = 4, window: int = 8, **options: Any) -> LSTMForecaster:
    """Make one that is fitted in some ten milliseconds."""
    settings = {
        "hidden_size": 4,
        "max_iter": 3,
        "random_state": 0,
        "season_length": 6,
    }
    return LSTMForecaster(horizon, window, **{**settings, **options})


def wave(n: int = 80, level: float = 5.0, seed: int = 0) -> np.ndarray:
    """Draw a noisy season of six steps on a trend, above 0."""
    steps = np.arange(n)
    noise = np.random.default_rng(seed).standard_normal(n)
    return level + 0.05 * steps + np.sin(steps * np.pi / 3) + 0.2 * noise


def two_waves(n: int, m: int, gaps: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draw two series of different levels and lengths, with missing values or not."""
    a, b = wave(n), 2.0 * wave(m, seed=1)
    return (with_gaps(a), with_gaps(b, seed=2)) if gaps else (a, b)


def with_gaps(y: np.ndarray, seed: int = 1) -> np.ndarray:
    """Take some values away, the first and the last among them."""
    y = y.copy()
    y[np.random.default_rng(seed).random(len(y)) < 0.15] = np.nan
    y[[0, -1]] = np.nan
    return y
