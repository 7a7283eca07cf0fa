"""Losses of numbers that grow more slowly than the square, and so bear outliers.

Design: each is a function of residuals, ``pred - target``, and of nothing else, so that
what a loss has to say is two lines of NumPy: its terms and their slopes. They are
computed in float64 where they are summed, in the dtype of ``pred`` where they become a
gradient.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np

from .._validate import Array, check_float
from .targets import ElementwiseLoss

__all__ = ["AbsoluteError", "Huber", "Quantile"]


class _ResidualLoss(ElementwiseLoss):
    """A function of residuals; where one is zero, its slope is zero too.

    Zero lies between the slopes on both sides, and nothing is left to learn there.
    """

    @abstractmethod
    def _of_residual(self, residual: Array) -> tuple[Array, Array]:
        """Compute terms (float64) and slopes, both of shape (M, predictions)."""

    def _evaluate(
        self, pred: Array, target: Array, scale: Array | None
    ) -> tuple[Array, Array]:
        terms, slopes = self._of_residual(pred - target[:, None])
        if self._predictions == 1:  # a mean of one is slow
            return terms[:, 0], slopes
        return terms.mean(axis=1), slopes / self._predictions


class AbsoluteError(_ResidualLoss):
    """Absolute error, ``l = mean over k of |pred_k - target_k|``; fits the median.

    Parameters
    ----------
    missing : {"raise", "ignore"}, default="raise"
        As for :class:`SquaredError`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import AbsoluteError
    >>> AbsoluteError()(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]))
    (1.0, array([[0. , 0.5]]))
    """

    def _of_residual(self, residual: Array) -> tuple[Array, Array]:
        return np.abs(residual, dtype=np.float64), np.sign(residual)


class Huber(_ResidualLoss):
    """Huber's loss: a parabola up to ``delta``, straight lines beyond (Huber 1964).

    ``l = mean over k of r_k^2 / 2`` where ``|r_k| <= delta``, else of
    ``delta (|r_k| - delta / 2)``, with r = pred - target.

    Parameters
    ----------
    delta : float, default=1.0
        Above 0.
    missing : {"raise", "ignore"}, default="raise"
        As for :class:`SquaredError`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import Huber
    >>> Huber(delta=1.0)(np.array([[1.5, 3.0]]), np.array([[1.0, 1.0]]))
    (0.8125, array([[0.25, 0.5 ]]))
    """

    def __init__(self, delta: float = 1.0, *, missing: str = "raise") -> None:
        super().__init__(missing=missing)
        self.delta = check_float("delta", delta, "(0, inf)")

    def _settings(self) -> list[str]:
        return [f"delta={self.delta}", *super()._settings()]

    def _of_residual(self, residual: Array) -> tuple[Array, Array]:
        # float32 knows no delta above its largest number, and none is reached there.
        delta = min(self.delta, float(np.finfo(residual.dtype).max))
        slopes = np.clip(residual, -delta, delta)
        # One equation for both pieces, in which no square of an outlier overflows.
        terms = np.subtract(residual, 0.5 * slopes, dtype=np.float64)
        terms *= slopes
        return terms, slopes


class Quantile(_ResidualLoss):
    """Pinball loss, whose minimum is a quantile of the target (Koenker & Bassett 1978).

    ``l = mean over k, q of max(q (y_k - p_kq), (q - 1) (y_k - p_kq))`` with y the
    target and p_kq the prediction of its quantile q.

    Parameters
    ----------
    quantile : float or sequence of float, default=0.5
        In (0, 1). Of several, which must increase, each target has one prediction a
        quantile, side by side: ``pred`` has K * Q outputs, those of target k from k * Q
        to (k + 1) * Q - 1, so that ``pred.reshape(*shape[:-1], K, Q)[..., k, q]`` is
        quantile q of target k; ``target`` has K.
    missing : {"raise", "ignore"}, default="raise"
        As for :class:`SquaredError`.

    Notes
    -----
    Nothing here keeps predictions in the order of their quantiles. Sorting them
    afterwards does (Chernozhukov, Fernandez-Val & Galichon 2010), and never makes the
    loss larger: all of it that depends on which prediction is whose is -q p_q.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import Quantile
    >>> value, gradient = Quantile([0.25, 0.75])(np.zeros((1, 2)), np.array([[4.0]]))
    >>> value, gradient
    (2.0, array([[-0.125, -0.375]]))
    """

    _prediction = "quantile"

    def __init__(
        self, quantile: float | Sequence[float] = 0.5, *, missing: str = "raise"
    ) -> None:
        super().__init__(missing=missing)
        several = np.ndim(quantile) > 0
        given = list(cast(Sequence[float], quantile)) if several else [quantile]
        if not given:
            raise ValueError("quantile must name at least one quantile, got none")
        values = [check_float("quantile", q, "(0, 1)") for q in given]
        if any(b <= a for a, b in pairwise(values)):
            raise ValueError(f"quantiles must increase, got {values}")
        self.quantile = values if several else values[0]
        self._quantiles = np.array(values)
        self._predictions = len(values)

    def _settings(self) -> list[str]:
        return [f"quantile={self.quantile}", *super()._settings()]

    def _of_residual(self, residual: Array) -> tuple[Array, Array]:
        q = self._quantiles
        terms = np.maximum(-q * residual, (1.0 - q) * residual)
        slopes = np.where(residual > 0.0, 1.0 - q, -q).astype(residual.dtype)
        slopes[residual == 0.0] = 0.0
        return terms, slopes
