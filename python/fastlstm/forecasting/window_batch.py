"""Windows that were gathered, in the network's units, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..data import SequenceBatch
from .numbers import Floats

__all__ = ["WindowBatch"]


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """n windows of up to L steps, each with the H that follow.

    Attributes
    ----------
    past : SequenceBatch
        (n, L, F): K values, K indicators where values may be missing, past covariates,
        what is known ahead, static features. Shorter windows have ``lengths``.
    future : (n, H, G) array
        What is known ahead, static features, and the share of the horizon that a step
        ends, in (0, 1].
    targets : (n, H, K) array
        NaN where nothing was observed.
    center, scale : (n, K) float64 arrays
        A value v is ``center + scale * v`` in the user's units.
    """

    past: SequenceBatch
    future: NDArray[Any]
    targets: NDArray[Any]
    center: Floats
    scale: Floats

    def in_units(self, values: NDArray[Any]) -> Floats:
        """Take (n, ..., K) values from the network's units to the user's."""
        shape = (len(values), *(1,) * (values.ndim - 2), -1)
        result: Floats = values * self.scale.reshape(shape)
        result += self.center.reshape(shape)
        return result
