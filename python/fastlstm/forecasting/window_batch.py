"""Windows that were gathered, in the network's units, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray
from ..data import SequenceBatch
from .numbers import Floats

__all__ = ["WindowBatch", "beside", "pad"]


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
        NaN where nothing was observed. Counts are in the user's units.
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


def pad(values: NDArray[Any], lengths: IntArray, padding: float) -> IntArray | None:
    """Overwrite what lies after the ends of (n, T, F); None where all have T steps."""
    steps = values.shape[1]
    if lengths.min(initial=steps) == steps:
        return None
    values[np.arange(steps) >= lengths[:, None]] = padding
    return lengths


def beside(steps: NDArray[Any], static: NDArray[Any]) -> NDArray[Any]:
    """Put static features (n, D) beside each of the steps (n, T, F)."""
    if static.shape[1] == 0:
        return steps
    n, t, f = steps.shape
    result = np.empty((n, t, f + static.shape[1]), steps.dtype)
    result[:, :, :f], result[:, :, f:] = steps, static[:, None]
    return result
