"""What a network has predicted for windows: outputs, or paths that were drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..distributions.rows import RowGenerators
from .heads import Head, no_paths
from .numbers import Floats

__all__ = ["OutputPrediction", "PathPrediction", "Prediction"]


class Prediction(ABC):
    """Of n windows, in units of their series; ``center`` and ``scale`` are (n, K)."""

    head: Head
    center: Floats
    scale: Floats

    @abstractmethod
    def point(self) -> Floats:
        """Return (n, H, K) forecasts."""

    @abstractmethod
    def quantiles(self, levels: Sequence[float]) -> Floats:
        """Return (n, H, K, Q) quantiles."""

    @abstractmethod
    def paths(self, n: int) -> Floats:
        """Draw (n, S, H, K) paths."""


@dataclass(frozen=True, eq=False)
class OutputPrediction(Prediction):
    """By outputs (n, H, K * P): each step has a distribution of its own.

    So the steps of a path are drawn independently of each other, by ``rngs``, one a
    window.
    """

    head: Head
    outputs: NDArray[Any]
    center: Floats
    scale: Floats
    rngs: RowGenerators

    def point(self) -> Floats:
        """Return points, see `Prediction`."""
        return self.head.point(self.outputs, self.center, self.scale)

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """Return quantiles, see `Prediction`."""
        return self.head.quantiles(self.outputs, self.center, self.scale, levels)

    def paths(self, n: int) -> Floats:
        """Return paths, see `Prediction`."""
        drawn = self.head.sample(self.outputs, self.center, self.scale, self.rngs, n)
        return np.moveaxis(drawn, 0, 1)


@dataclass(frozen=True, eq=False)
class PathPrediction(Prediction):
    """By S paths (n, S, H, K); where the head is no distribution, by one."""

    head: Head
    drawn: Floats
    center: Floats
    scale: Floats

    def point(self) -> Floats:
        """Return points, see `Prediction`."""
        return np.asarray(self.drawn.mean(axis=1))

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """Return quantiles, see `Prediction`."""
        if not self.head.random:
            # Its own words say what has quantiles.
            return self.head.quantiles(self.drawn, self.center, self.scale, levels)
        # Of counts the least one that so many draws do not exceed: a count as well.
        method: Any = "inverted_cdf" if self.head.counts else "linear"
        with np.errstate(invalid="ignore"):
            found = np.quantile(self.drawn, list(levels), axis=1, method=method)
        unsaid = np.isnan(found)
        if unsaid.any():  # between two infinite paths there is nothing to interpolate
            above = np.quantile(self.drawn, list(levels), axis=1, method="higher")
            found = np.where(unsaid, above, found)
        return np.moveaxis(found, 0, -1)

    def paths(self, n: int) -> Floats:
        """Return paths, see `Prediction`."""
        if not self.head.random:
            raise no_paths()
        return self.drawn
