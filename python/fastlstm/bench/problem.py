"""The numbers of a job: every contestant is given the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .shapes import Job

__all__ = ["Array", "Problem"]

Array: TypeAlias = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Problem:
    """Weights, input and upstream gradient of a job: a function of these fields alone.

    Gates are ordered i, f, g, o. Everything is made at first use, so that a forecast
    has no upstream gradient in memory.

    Parameters
    ----------
    job : Job
        N sequences of T steps, I inputs, H units.
    dtype : {"float32", "float64"}
        Of all arrays.
    """

    job: Job
    dtype: str

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Valid steps of each sequence (N,): T, or ragged, uniform in [T/10, T].

        The longest ragged one is T: a batch is never longer than that.
        """
        batch, steps = self.job.shape[:2]
        if self.job.mode != "ragged":
            return np.full(batch, steps, np.int64)
        lengths = _rng(0).integers(max(1, steps // 10), steps + 1, batch)
        lengths[lengths.argmax()] = steps
        return lengths

    @property
    def flops(self) -> float:
        """Multiply-adds of the gates at valid steps, two operations each.

        8 H (I + H) a step forward; backward takes twice that, for dx and dh and for dW.
        """
        _, _, inputs, hidden = self.job.shape
        forward = 8.0 * float(self.lengths.sum()) * hidden * (inputs + hidden)
        return forward * (3 if self.job.mode in ("train", "ragged") else 1)

    @cached_property
    def weight_ih(self) -> Array:
        """W_ih (4H, I)."""
        return self._weights(1, 4 * self.job.shape.hidden, self.job.shape.inputs)

    @cached_property
    def weight_hh(self) -> Array:
        """W_hh (4H, H)."""
        return self._weights(2, 4 * self.job.shape.hidden, self.job.shape.hidden)

    @cached_property
    def bias(self) -> Array:
        """One bias (4H,); frameworks that have two get a second one of zeros."""
        return self._weights(3, 4 * self.job.shape.hidden)

    @cached_property
    def x(self) -> Array:
        """Input (N, T, I)."""
        return self._normal(4, *self.job.shape[:3])

    @cached_property
    def dy(self) -> Array:
        """Gradient of the outputs (N, T, H), zero at padded steps."""
        batch, steps, _, hidden = self.job.shape
        dy = self._normal(5, batch, steps, hidden)
        dy[np.arange(steps) >= self.lengths[:, None]] = 0
        return dy

    def _weights(self, seed: int, *shape: int) -> Array:
        """Uniform within 1 / sqrt(H), as torch begins."""
        largest = self.job.shape.hidden**-0.5
        return _rng(seed).uniform(-largest, largest, shape).astype(self.dtype)

    def _normal(self, seed: int, *shape: int) -> Array:
        values: Array = _rng(seed).standard_normal(shape, np.dtype(self.dtype).type)
        return values


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng([29, seed])
