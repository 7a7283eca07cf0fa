"""Losses of labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import Array, as_array
from .rows import place, prepare, rows_of

__all__ = ["SoftmaxCrossEntropy"]


class SoftmaxCrossEntropy:
    """Cross-entropy of softmax(pred), ``l = log sum_k exp(pred_k) - pred_label``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import SoftmaxCrossEntropy
    >>> value, gradient = SoftmaxCrossEntropy()(np.zeros((1, 4)), np.array([2]))
    >>> round(value, 4), gradient
    (1.3863, array([[ 0.25,  0.25, -0.75,  0.25]]))
    """

    def __repr__(self) -> str:
        return "SoftmaxCrossEntropy()"

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
            Logits, float32 or float64.
        target : array-like of int of shape (N,) or (N, T)
            Labels, 0 to K - 1; anything at padded steps and in samples of weight 0.
        lengths, sample_weight
            As for :class:`SquaredError`.

        Returns
        -------
        value : float
            NaN or inf only if ``pred`` holds some.
        gradient : ndarray of the shape of ``pred``

        Raises
        ------
        ValueError
            Another shape, a label outside 0 to K - 1 that counts, bad lengths or
            weights.
        TypeError
            Labels that are not integers, another dtype of ``pred``, a masked array.
        """
        pred, weights = prepare("pred", pred, lengths, sample_weight)
        labels = as_array("target", target)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"target must hold integer labels, got {labels.dtype}")
        if labels.shape != pred.shape[:-1]:
            raise ValueError(
                f"target must have shape {pred.shape[:-1]}, one label a row of pred, "
                f"got {labels.shape}"
            )
        k = pred.shape[-1]
        flat = np.ascontiguousarray(labels.reshape(-1), dtype=np.int64)
        # argmin takes a third of the time of min.
        if flat[flat.argmin()] < 0 or flat[flat.argmax()] >= k:
            bad = (labels < 0) | (labels >= k)
            absent = weights.reshape(labels.shape) == 0.0
            if not absent[bad].all():
                at = np.argwhere(bad & ~absent)[0]
                raise ValueError(
                    f"target must hold labels from 0 to {k - 1}, got "
                    f"{labels[tuple(at)]} at {place(at)}"
                )
        gradient = np.empty(pred.shape, pred.dtype)
        value = _core.softmax_cross_entropy(
            rows_of(pred), flat, weights, rows_of(gradient)
        )
        return value, gradient
