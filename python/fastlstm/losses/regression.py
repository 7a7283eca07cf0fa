"""Losses of numbers: value and gradient of what is left of the targets."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import Array, as_floats
from .rows import MeanOverRows, check_target, prepare, rows_of

__all__ = ["SquaredError"]


class SquaredError(MeanOverRows):
    """Squared error, ``l = mean over k of (pred_k - target_k)^2``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import SquaredError
    >>> value, gradient = SquaredError()(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]))
    >>> value, gradient
    (2.0, array([[0., 2.]]))
    """

    def __repr__(self) -> str:
        return "SquaredError()"

    def __call__(
        self,
        pred: npt.ArrayLike,
        target: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Value and gradient.

        Parameters
        ----------
        pred : ndarray of shape (N, K) or (N, T, K)
            float32 or float64.
        target : ndarray of the shape and dtype of ``pred``
            May hold anything at padded steps and in samples of weight 0.
        lengths : array-like of int of shape (N,), optional
            With (N, T, K): valid steps of each sample, from 1 to T.
        sample_weight : array-like of shape (N,), optional
            Not negative, not all zero.

        Returns
        -------
        value : float
            NaN or inf only if ``pred`` holds some.
        gradient : ndarray of the shape of ``pred``

        Raises
        ------
        ValueError
            Another shape, NaN or inf in a target that counts, bad lengths or weights.
        TypeError
            Another dtype, a masked array.
        """
        pred, weights = prepare("pred", pred, lengths, sample_weight)
        target = as_floats("target", target, pred.dtype)
        if target.shape != pred.shape:
            raise ValueError(
                f"target must have the shape of pred, {pred.shape}, got {target.shape}"
            )
        gradient = np.empty(pred.shape, pred.dtype)
        value = _core.squared_error(
            rows_of(pred), rows_of(target), weights, rows_of(gradient)
        )
        if not math.isfinite(value):
            check_target(target, weights)
        return value, gradient
