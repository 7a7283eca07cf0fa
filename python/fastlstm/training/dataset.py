"""What a fit reads and a score judges: sequences beside their targets and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray
from ..data import SequenceBatch
from ..data.ragged import take_rows

__all__ = ["TrainingSet"]


@dataclass(frozen=True)
class TrainingSet:
    """N sequences with a target for each, or for each of their steps.

    Parameters
    ----------
    inputs : SequenceBatch
    targets : array
        (N, K) values or (N,) labels; with ``per_step`` (N, T, K) or (N, T), of which
        padded steps are not read.
    weights : (N,) array, optional
        Weight of each sequence in the loss.
    per_step : bool, default=False
    """

    inputs: SequenceBatch
    targets: NDArray[Any]
    weights: NDArray[np.float64] | None = None
    per_step: bool = False

    def __post_init__(self) -> None:
        expected = self.inputs.x.shape[: 2 if self.per_step else 1]
        if self.targets.shape[: len(expected)] != expected:
            raise ValueError(
                f"targets have shape {self.targets.shape}, expected {expected} and "
                "then the outputs"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: IntArray) -> TrainingSet:
        """Copy the sequences ``rows``, cut to the longest of them."""
        inputs = self.inputs.take(rows)
        targets = self.targets
        if self.per_step:
            targets = targets[:, : inputs.n_steps]
        weights = self.weights
        # Not by way of the constructor, whose checks this set has passed.
        batch = type(self).__new__(type(self))
        batch.__dict__.update(
            inputs=inputs,
            targets=take_rows(targets, rows),
            weights=None if weights is None else take_rows(weights, rows),
            per_step=self.per_step,
        )
        return batch

    def flat(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return ``values`` of each sequence, or of all valid steps in one row."""
        return values[self.inputs.mask] if self.per_step else values

    @property
    def flat_targets(self) -> NDArray[Any]:
        """``targets`` of all sequences, or of all valid steps in one row."""
        return self.flat(self.targets)

    @property
    def flat_weights(self) -> NDArray[np.float64] | None:
        """Weights of ``flat_targets``."""
        if self.weights is None or not self.per_step:
            return self.weights
        return np.repeat(self.weights, self.inputs.row_lengths)

    @property
    def loss_lengths(self) -> IntArray | None:
        """The ``lengths`` that a loss needs: only where it looks at every step."""
        return self.inputs.lengths if self.per_step else None
