"""A linear map of the last steps of a sequence, beside the LSTM.

What a network of bounded units learns slowly, to follow the scale of its inputs, such a
map does at once: the autoregressive component of Lai et al. (2018), "Modeling Long- and
Short-Term Temporal Patterns with Deep Neural Networks" (LSTNet), section 3.6.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validate import Array, IntArray
from ..nn import Linear
from ..params import Gradients

__all__ = ["Skip"]


class Skip:
    """Adds ``W [x_(T - p + 1) .. x_T] + b`` to outputs, below all checks.

    It begins with zeros: as if it were not there.

    Parameters
    ----------
    steps : int
        The last p steps of a sequence; zeros stand before its beginning.
    features : int
        How many of the features of a step it reads, the first ones.
    outputs : int
    dtype : {"float32", "float64"}
    """

    def __init__(self, steps: int, features: int, outputs: int, dtype: str) -> None:
        self.steps, self.features = steps, features
        self.linear = Linear(steps * features, outputs, dtype=dtype, random_state=0)
        with self.linear.params.update() as flat:
            flat[:] = 0.0

    def rows(self, x: NDArray[Any], lengths: IntArray | None) -> Array:
        """Return the last steps of (N, T, F), (N, p * features), the oldest first."""
        n, t, p = len(x), x.shape[1], self.steps
        if lengths is None and p <= t:
            last = x[:, t - p :, : self.features]
            return np.ascontiguousarray(last).reshape(n, -1)
        ends = np.full(n, t) if lengths is None else lengths
        at = ends[:, None] - np.arange(p, 0, -1)
        inside = at >= 0
        taken = x[np.arange(n)[:, None], np.where(inside, at, 0), : self.features]
        taken[~inside] = 0.0
        return taken.reshape(n, -1)

    def add(self, rows: Array, outputs: Array) -> Any:
        """Add to outputs (N, K); return what `backward` needs."""
        own, compiled = np.empty_like(outputs), self.linear.compiled
        compiled.forward(rows, own)
        outputs += own
        return compiled, rows

    @staticmethod
    def backward(doutputs: Array, kept: Any, grads: Gradients) -> None:
        """Add the gradients of the weights; inputs have none here."""
        compiled, rows = kept
        compiled.backward(doutputs, rows, grads.flat, np.empty_like(rows))
