"""Losses and penalties: a weighted mean over valid rows or steps, and its gradient.

Design: ``value = sum(w l) / sum(w)`` with l the loss of a row (or step) and w its
sample's weight, 1 by default; padded steps have weight 0, and what has weight 0 is as
good as absent: its target is not read and its gradient is zero. The core gets weights
that are divided by their sum already, so value and gradient are one pass. A penalty has
no target: it is a loss of a layer's outputs, and its gradient is added to theirs.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from . import _core
from ._validate import (
    FLOAT_DTYPES,
    Array,
    as_array,
    as_floats,
    check_float,
    check_lengths,
)


class SquaredError:
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
        pred, weights = _prepare("pred", pred, lengths, sample_weight)
        target = as_floats("target", target, pred.dtype)
        if target.shape != pred.shape:
            raise ValueError(
                f"target must have the shape of pred, {pred.shape}, got {target.shape}"
            )
        gradient = np.empty(pred.shape, pred.dtype)
        value = _core.squared_error(
            _rows(pred), _rows(target), weights, _rows(gradient)
        )
        if not math.isfinite(value):
            _check_target(target, weights)
        return value, gradient


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
        pred, weights = _prepare("pred", pred, lengths, sample_weight)
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
                    f"{labels[tuple(at)]} at {_place(at)}"
                )
        gradient = np.empty(pred.shape, pred.dtype)
        value = _core.softmax_cross_entropy(_rows(pred), flat, weights, _rows(gradient))
        return value, gradient


class ActivationPenalty:
    """Activation regularisation, AR: ``alpha mean(y_t^2)`` (Merity et al. 2017).

    The mean is over valid steps and units. Merity et al. 2018 apply it, with alpha = 2,
    to the outputs of the last layer after dropout.

    Parameters
    ----------
    alpha : float
        At least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import ActivationPenalty
    >>> value, gradient = ActivationPenalty(2.0)(np.array([[[1.0, 0.0], [3.0, 0.0]]]))
    >>> value, gradient
    (5.0, array([[[1., 0.],
            [3., 0.]]]))
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = check_float("alpha", alpha, "[0, inf)")

    def __repr__(self) -> str:
        return f"ActivationPenalty({self.alpha})"

    def __call__(
        self,
        y: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Value and gradient.

        Parameters
        ----------
        y : ndarray of shape (N, T, F) or (N, F)
            Outputs of a layer, float32 or float64; padded steps are not read.
        lengths, sample_weight
            As for :class:`SquaredError`.

        Returns
        -------
        value : float
            NaN or inf only if ``y`` holds some.
        gradient : ndarray of the shape of ``y``

        Raises
        ------
        ValueError, TypeError
            Another shape or dtype, bad lengths or weights.
        """
        y, weights = _prepare("y", y, lengths, sample_weight)
        weights *= self.alpha
        gradient = np.empty(y.shape, y.dtype)
        return _core.squared_activation(_rows(y), weights, _rows(gradient)), gradient


class TemporalActivationPenalty:
    """Temporal activation regularisation, TAR: ``beta mean((y_t - y_{t-1})^2)``.

    The mean is over valid steps after the first, and units; zero where no sequence has
    two steps (Merity et al. 2017). Merity et al. 2018 apply it, with beta = 1, to the
    outputs of the last layer before dropout.

    Parameters
    ----------
    beta : float
        At least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import TemporalActivationPenalty
    >>> y = np.array([[[1.0, 0.0], [3.0, 0.0]]])
    >>> TemporalActivationPenalty(1.0)(y)
    (2.0, array([[[-2.,  0.],
            [ 2.,  0.]]]))
    """

    def __init__(self, beta: float) -> None:
        self.beta = check_float("beta", beta, "[0, inf)")

    def __repr__(self) -> str:
        return f"TemporalActivationPenalty({self.beta})"

    def __call__(
        self,
        y: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Value and gradient; as :class:`ActivationPenalty`, y of shape (N, T, F)."""
        y, weights = _prepare("y", y, lengths, sample_weight, pairs=True)
        weights *= self.beta
        gradient = np.empty(y.shape, y.dtype)
        return _core.squared_change(_rows(y), weights, _rows(gradient)), gradient


LOSSES: Final = {
    "squared_error": SquaredError,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
}


def _prepare(
    name: str,
    outputs: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    sample_weight: npt.ArrayLike | None,
    *,
    pairs: bool = False,
) -> tuple[Array, Array]:
    """Return the checked ``outputs``, C-contiguous, and flat weights that sum to one.

    With ``pairs`` a weight is that of a step and the one before it, of the same sample;
    all are zero where there is none.
    """
    array = as_array(name, outputs)
    if array.dtype not in FLOAT_DTYPES:
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    if array.ndim not in ((3,) if pairs else (2, 3)) or not array.size:
        shapes = "(N, T, K)" if pairs else "(N, K) or (N, T, K)"
        raise ValueError(
            f"{name} must have shape {shapes}, no axis empty, got {array.shape}"
        )
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    rows = array.shape[:-1]
    if lengths is None and sample_weight is None and not pairs:
        count = math.prod(rows)
        uniform: Array = np.empty(count, array.dtype)
        uniform.fill(1.0 / count)  # a third of the time of np.full
        return array, uniform
    weights = np.ones(rows)
    if sample_weight is not None:
        weights *= _sample_weight(sample_weight, rows[0]).reshape(
            -1, *[1] * (len(rows) - 1)
        )
    if lengths is not None:
        if len(rows) == 1:
            raise ValueError(
                f"lengths need {name} of shape (N, T, K), got {array.shape}"
            )
        valid = check_lengths(lengths, *rows)
        weights *= np.arange(rows[1]) < valid[:, None]
    if pairs:
        weights[:, 0] = 0.0
    # No pair at all leaves zeros; one of a tiny weight must not.
    total = weights.sum()
    weights /= total if total else 1.0
    return array, weights.astype(array.dtype).reshape(-1)


def _rows(array: Array) -> Array:
    """Return (N, K) or (N, T, K) as rows of K."""
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


def _sample_weight(sample_weight: npt.ArrayLike, samples: int) -> Array:
    weights = as_array("sample_weight", sample_weight)
    if weights.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight must hold real numbers, got {weights.dtype}")
    if weights.shape != (samples,):
        raise ValueError(
            f"sample_weight must have shape ({samples},), one a sample, got "
            f"{weights.shape}"
        )
    weights = weights.astype(np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0.0))
    if bad.any():
        n = int(bad.argmax())
        raise ValueError(
            f"sample_weight must be finite and not negative, got {weights[n]} for "
            f"sample {n}"
        )
    largest = float(weights.max())
    if largest == 0.0:
        raise ValueError("sample_weight must not be zero for every sample")
    # Only ratios matter; so the sum can neither overflow nor vanish.
    scaled: Array = weights / largest
    return scaled


def _check_target(target: Array, weights: Array) -> None:
    """Raise for NaN or inf where it counts; called once the value is not finite."""
    bad = ~np.isfinite(target)
    bad &= (weights != 0.0).reshape(*target.shape[:-1], 1)
    if bad.any():
        at = np.argwhere(bad)[0]
        raise ValueError(
            f"target holds {target[tuple(at)]} at {_place(at[:-1])}, output {at[-1]}"
        )


def _place(at: npt.NDArray[np.intp]) -> str:
    return f"sample {at[0]}" + (f", step {at[1]}" if len(at) == 2 else "")
