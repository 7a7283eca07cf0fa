"""Standardise sequences: zero mean and unit variance for each feature.

An LSTM's gates saturate on large inputs and its hidden state lies in (-1, 1), so a
model that sees degrees or prices as they are does not learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["SequenceScaler"]


class SequenceScaler:
    """Mean and standard deviation of each feature, over all valid steps.

    Statistics and transforms are computed in float64, whatever comes in. A feature that
    is constant up to rounding keeps its scale (1).

    Attributes
    ----------
    mean, scale : (F,) float64 arrays, or None before ``fit``

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.data import SequenceScaler
    >>> x = np.array([[[1.0], [3.0]], [[5.0], [99.0]]])
    >>> scaler = SequenceScaler().fit(x, lengths=np.array([2, 1]))
    >>> scaler.mean
    array([3.])
    >>> scaler.inverse_transform(scaler.transform(x))[1, 0]
    array([5.])
    """

    def __init__(self) -> None:
        self.mean: NDArray[np.float64] | None = None
        self.scale: NDArray[np.float64] | None = None

    def fit(
        self,
        x: NDArray[Any],
        *,
        lengths: NDArray[np.int64] | None = None,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> SequenceScaler:
        """Take the statistics of ``x``.

        Parameters
        ----------
        x : (N, F) or (N, T, F) array
        lengths : (N,) array, optional
            Valid steps; what stands after them is not read.
        sample_weight : (N,) array, optional
            Weight of each sequence, and so of each of its steps. A weight of 2 counts
            as the sequence twice.

        Raises
        ------
        ValueError
            If values are so large that their variance overflows.
        """
        values = x if x.ndim == 3 else x[:, None, :]
        steps = values.shape[1]
        weights = np.ones(len(x)) if sample_weight is None else sample_weight
        if lengths is None:
            rows = values.reshape(-1, values.shape[2])
            weights = np.repeat(weights, steps)
        else:
            rows = values[np.arange(steps) < lengths[:, None]]
            weights = np.repeat(weights, lengths)
        rows = rows.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(rows, axis=0, weights=weights)
            variance = np.average((rows - mean) ** 2, axis=0, weights=weights)
        wrong = np.flatnonzero(~np.isfinite(variance))
        if wrong.size:
            raise ValueError(
                f"the variance of feature {int(wrong[0])} overflows float64: values "
                f"reach {np.abs(rows[:, wrong[0]]).max():g}"
            )
        # What rounding alone leaves of a constant feature's variance (Chan, Golub and
        # LeVeque 1983, eq. 2.4, as used in scikit-learn's StandardScaler).
        rounding = len(rows) * np.finfo(np.float64).eps
        constant = variance <= rounding * variance + (rounding * mean) ** 2
        self.mean = mean
        self.scale = np.where(constant, 1.0, np.sqrt(variance))
        return self

    def transform(self, x: ArrayLike) -> NDArray[np.float64]:
        """Compute ``(x - mean) / scale``, for any shape that ends with the features."""
        mean, scale = self._statistics()
        result: NDArray[np.float64] = np.subtract(x, mean, dtype=np.float64)
        result /= scale
        return result

    def inverse_transform(self, x: ArrayLike) -> NDArray[np.float64]:
        """Compute ``x * scale + mean``, for any shape that ends with the features."""
        mean, scale = self._statistics()
        result: NDArray[np.float64] = np.multiply(x, scale, dtype=np.float64)
        result += mean
        return result

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """Copy the statistics."""
        mean, scale = self._statistics()
        return {"mean": mean.copy(), "scale": scale.copy()}

    def load_state_dict(self, state: dict[str, NDArray[np.float64]]) -> None:
        """Take the statistics that ``state_dict`` gave."""
        mean, scale = (np.array(state[name], np.float64) for name in ("mean", "scale"))
        if mean.ndim != 1 or mean.shape != scale.shape:
            raise ValueError(
                f"mean has shape {mean.shape} and scale {scale.shape}: expected (F,)"
            )
        self.mean, self.scale = mean, scale

    def _statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.mean is None or self.scale is None:
            raise ValueError("this scaler has no statistics yet: call fit first")
        return self.mean, self.scale
