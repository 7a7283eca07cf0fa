"""What losses of numbers share: targets that are checked, and those that are missing.

Design: a mean is over targets, each with the weight of its row: ``sum(w_r l_rk) /
sum(w_r)`` over all (r, k) that are observed. Where none is missing that is the mean of
the rows' means. A loss that is a function of one target and its predictions says so in
`ElementwiseLoss`, which hands it those targets that count and nothing else. It is
computed in float64 where it is summed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from .._validate import Array, IntArray, as_array, as_floats, check_choice
from .rows import prepare, refuse, rows_of, sum_weights, weights_of

__all__ = ["ElementwiseLoss", "TargetLoss"]

Mask = npt.NDArray[np.bool_]


class TargetLoss:
    """A loss of numbers, of which NaN may mean that there is none."""

    # Predictions that each target has, neighbours on the last axis, and their name.
    _predictions = 1
    _prediction = "prediction"
    # Whether targets may be float64 beside predictions in float32.
    _exact_targets = False

    def __init__(self, *, missing: str = "raise") -> None:
        self.missing = check_choice("missing", missing, ("raise", "ignore"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._settings())})"

    def _settings(self) -> list[str]:
        """Show what was given to the constructor."""
        return [] if self.missing == "raise" else [f"missing={self.missing!r}"]

    def total_weight(
        self,
        target: Array,
        *,
        lengths: IntArray | None = None,
        sample_weight: Array | None = None,
    ) -> float:
        """Sum the weights that the value is a mean over; a call has checked them.

        With it the means of several batches are put together to one of all. A row
        counts by the share of its targets that is observed.
        """
        rows = target.shape[:-1]
        absent = np.isnan(target) if self.missing == "ignore" else None
        if absent is None or not absent.any():
            return sum_weights(rows, lengths, sample_weight)
        observed = 1.0 - absent.mean(axis=-1)
        return float(np.sum(weights_of(rows, lengths, sample_weight) * observed))

    def _read(
        self,
        pred: npt.ArrayLike,
        target: npt.ArrayLike,
        lengths: npt.ArrayLike | None,
        sample_weight: npt.ArrayLike | None,
    ) -> tuple[Array, Array, Array]:
        """Check shapes and types; return rows' weights, which sum to one, as well."""
        pred, weights = prepare("pred", pred, lengths, sample_weight)
        array = as_array("target", target)
        exact = self._exact_targets and array.dtype == np.float64
        target = as_floats("target", array, array.dtype if exact else pred.dtype)
        per_target = self._predictions
        outputs, rest = divmod(pred.shape[-1], per_target)
        if rest:
            raise ValueError(
                f"pred must have {per_target} outputs for each target, one a "
                f"{self._prediction}, got {pred.shape[-1]} outputs in shape "
                f"{pred.shape}"
            )
        expected = (*pred.shape[:-1], outputs)
        if target.shape != expected:
            raise ValueError(
                f"target must have the shape of pred, {expected}, got {target.shape}"
                if per_target == 1
                else f"target must have shape {expected} for {per_target} "
                f"{self._prediction}s and pred of shape {pred.shape}, got "
                f"{target.shape}"
            )
        return pred, target, weights

    def _observed(self, target: Array, weights: Array) -> Mask | None:
        """Return which (row, k) are not missing, or None where none is.

        Raises
        ------
        ValueError
            For what counts and is not finite, except NaN where that may be missing.
        """
        bad: Mask = ~np.isfinite(target)
        if not bad.any():
            return None
        bad &= (weights != 0.0).reshape(*target.shape[:-1], 1)
        refused = bad & ~np.isnan(target) if self.missing == "ignore" else bad
        refuse(target, refused)
        return ~bad.reshape(-1, bad.shape[-1]) if bad.any() else None


class ElementwiseLoss(TargetLoss, ABC):
    """Mean over targets of a function of each one and its predictions."""

    @abstractmethod
    def _evaluate(
        self, pred: Array, target: Array, scale: Array | None
    ) -> tuple[Array, Array]:
        """Compute terms (M,), float64, and slopes (M, P), of the M targets that count.

        ``pred`` is (M, P), ``target`` (M,) of the same dtype or exact, ``scale`` (M,)
        float64, given only to losses that know such a thing.
        """

    def __call__(
        self,
        pred: npt.ArrayLike,
        target: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Value and gradient; parameters and errors as for :class:`SquaredError`."""
        return self._mean(pred, target, lengths, sample_weight)

    def _mean(
        self,
        pred: npt.ArrayLike,
        target: npt.ArrayLike,
        lengths: npt.ArrayLike | None,
        sample_weight: npt.ArrayLike | None,
        scale: Array | None = None,
    ) -> tuple[float, Array]:
        """Compute value and gradient; ``scale`` broadcasts to the shape of targets."""
        pred, target, weights = self._read(pred, target, lengths, sample_weight)
        counts = observed = self._observed(target, weights)
        if not weights.all():
            present = np.broadcast_to((weights != 0.0)[:, None], rows_of(target).shape)
            counts = present if counts is None else counts & present
        p, y = pred.reshape(-1, self._predictions), target.reshape(-1)
        each = np.repeat(weights.astype(np.float64), target.shape[-1])
        s = None if scale is None else np.broadcast_to(scale, target.shape).reshape(-1)
        where: Mask | slice = slice(None) if counts is None else counts.reshape(-1)
        p, y, each = p[where], y[where], each[where]
        if not y.size:
            return 0.0, np.zeros_like(pred)
        each /= target.shape[-1] if observed is None else each.sum()
        # Of a diverged prediction the value tells, not a warning.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            terms, slopes = self._evaluate(p, y, None if s is None else s[where])
            slopes *= each.astype(slopes.dtype)[:, None]
            gradient = slopes.astype(pred.dtype, copy=False)
            value = float(np.sum(each * terms))
        if counts is not None:
            of_counts, gradient = gradient, np.zeros_like(pred)
            gradient.reshape(-1, self._predictions)[where] = of_counts
        return value, gradient.reshape(pred.shape)
