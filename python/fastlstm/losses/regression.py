"""Losses of numbers: value and gradient of what is left of the targets."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import Array
from .rows import rows_of
from .targets import TargetLoss

__all__ = ["SquaredError"]


class SquaredError(TargetLoss):
    """Squared error, ``l = mean over k of (pred_k - target_k)^2``.

    Parameters
    ----------
    missing : {"raise", "ignore"}, default="raise"
        Whether a target that is NaN is an error, or absent: it has no loss, no gradient
        and no weight. The mean is over all targets that are observed, each with the
        weight of its row, ``sum(w_r l_rk) / sum(w_r)``, not over the rows' means: a row
        with one target of three counts a third of a full one. Where nothing is
        observed, value and gradient are zero.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import SquaredError
    >>> value, gradient = SquaredError()(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]))
    >>> value, gradient
    (2.0, array([[0., 2.]]))
    >>> ignoring = SquaredError(missing="ignore")
    >>> ignoring(np.array([[1.0, 3.0]]), np.array([[np.nan, 1.0]]))
    (4.0, array([[0., 4.]]))
    """

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
            Another shape, inf in a target that counts, or NaN unless it may be missing,
            bad lengths or weights.
        TypeError
            Another dtype, a masked array.
        """
        pred, target, weights = self._read(pred, target, lengths, sample_weight)
        gradient = np.empty(pred.shape, pred.dtype)
        p, y, slopes = rows_of(pred), rows_of(target), rows_of(gradient)
        value = _core.squared_error(p, y, weights, slopes)
        if math.isfinite(value):
            return value, gradient
        # Only now: nothing is spent on what is missing where nothing is.
        observed = self._observed(target, weights)
        if observed is not None:
            # Targets that are met are without loss; the others share their weight.
            p, y = (np.where(observed, a, a.dtype.type(0)) for a in (p, y))
            share = float(np.sum(weights * observed.mean(axis=1)))
            weights = (weights / share if share else 0.0 * weights).astype(pred.dtype)
            value = _core.squared_error(p, y, weights, slopes)
        return value, gradient
