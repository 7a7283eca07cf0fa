"""Losses of labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import Array, IntArray, as_array, check_int
from .rows import place, prepare, rows_of, sum_weights, weights_of

__all__ = ["SoftmaxCrossEntropy"]


class SoftmaxCrossEntropy:
    """Cross-entropy of softmax(pred), ``l = log sum_k exp(pred_k) - pred_label``.

    Parameters
    ----------
    class_weight : array-like of shape (K,), optional
        Weight of each label, not negative, not all zero; multiplies the weight of the
        sample. The value is a weighted mean, ``sum(w l) / sum(w)`` with
        ``w = sample_weight class_weight[label]``, as of torch's
        ``CrossEntropyLoss(weight=)`` and of scikit-learn's ``sample_weight``: only the
        ratios of weights matter. Where no label of a batch has any weight, value and
        gradient are zero.
    ignore_index : int, optional
        A target that says that a sample or step is absent, such as torch's -100; may
        lie outside 0 to K - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import SoftmaxCrossEntropy
    >>> value, gradient = SoftmaxCrossEntropy()(np.zeros((1, 4)), np.array([2]))
    >>> round(value, 4), gradient
    (1.3863, array([[ 0.25,  0.25, -0.75,  0.25]]))
    """

    def __init__(
        self,
        class_weight: npt.ArrayLike | None = None,
        *,
        ignore_index: int | None = None,
    ) -> None:
        self.class_weight = None if class_weight is None else _checked(class_weight)
        self.ignore_index = (
            None
            if ignore_index is None
            else check_int("ignore_index", ignore_index, -(2**63), 2**63 - 1)
        )

    def __repr__(self) -> str:
        weights, index = self.class_weight, self.ignore_index
        inside = [] if weights is None else [f"class_weight={weights.tolist()}"]
        inside += [] if index is None else [f"ignore_index={index}"]
        return f"SoftmaxCrossEntropy({', '.join(inside)})"

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
            Labels, 0 to K - 1, or ``ignore_index``; anything at padded steps and in
            samples of weight 0.
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
            Another shape, another number of outputs than of class weights, a label
            outside 0 to K - 1 that counts, bad lengths or weights.
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
        if self.class_weight is not None and self.class_weight.size != k:
            raise ValueError(
                f"class_weight has {self.class_weight.size} weights, but pred has {k} "
                "outputs: expected as many"
            )
        if self.ignore_index is not None:
            weights[labels.reshape(-1) == self.ignore_index] = 0.0
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
        if self.class_weight is not None or self.ignore_index is not None:
            weights = self._class_weighted(flat, weights)
        gradient = np.empty(pred.shape, pred.dtype)
        value = _core.softmax_cross_entropy(
            rows_of(pred), flat, weights, rows_of(gradient)
        )
        return value, gradient

    def total_weight(
        self,
        target: IntArray,
        *,
        lengths: IntArray | None = None,
        sample_weight: Array | None = None,
    ) -> float:
        """Sum the weights that the value is a mean over; a call has checked them.

        With it the means of several batches are put together to one of all. Class
        weights count by their ratio to the largest.
        """
        if self.class_weight is None and self.ignore_index is None:
            return sum_weights(target.shape, lengths, sample_weight)
        there = weights_of(target.shape, lengths, sample_weight)
        if self.ignore_index is not None:
            there[target == self.ignore_index] = 0.0
        if self.class_weight is None:
            return float(there.sum())
        at = np.nonzero(there)
        # Of several batches only ratios matter; so no product is out of range.
        factors = self.class_weight / self.class_weight.max()
        return float(np.dot(there[at], factors[target[at]]))

    def _class_weighted(self, labels: IntArray, weights: Array) -> Array:
        """Return flat weights that sum to one again; all zero if no row has any."""
        rows = np.flatnonzero(weights)
        result = np.zeros(weights.size)
        result[rows] = weights[rows]
        if self.class_weight is not None and rows.size:
            factors = self.class_weight[labels[rows]]
            # Only ratios matter: of those at hand the largest is 1, none may vanish.
            result[rows] *= factors / (factors.max() or 1.0)
        total = result.sum()
        result /= total if total else 1.0
        return result.astype(weights.dtype)


def _checked(class_weight: npt.ArrayLike) -> Array:
    weights = as_array("class_weight", class_weight)
    if weights.dtype.kind not in "fiu":
        raise TypeError(f"class_weight must hold real numbers, got {weights.dtype}")
    if weights.ndim != 1 or not weights.size:
        raise ValueError(
            f"class_weight must have shape (K,), one a label, got {weights.shape}"
        )
    weights = weights.astype(np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0.0))
    if bad.any():
        k = int(bad.argmax())
        raise ValueError(
            f"class_weight must be finite and not negative, got {weights[k]} for "
            f"label {k}"
        )
    if not weights.any():
        raise ValueError("class_weight must not be zero for every label")
    result: Array = weights
    return result
