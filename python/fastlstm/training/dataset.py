"""What a fit reads and a score judges: sequences beside their targets and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray
from ..data import SequenceBatch, SequencePair
from ..data.ragged import take_rows
from .protocols import Loss, Model

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # Python's own has defaults from 3.13 on

    Inputs = TypeVar(
        "Inputs", bound=SequenceBatch | SequencePair, default=SequenceBatch
    )
else:
    from typing import TypeVar

    Inputs = TypeVar("Inputs")

__all__ = ["TrainingSet"]


@dataclass(frozen=True)
class TrainingSet(Generic[Inputs]):
    """N sequences, or pairs, with a target for each, or for each of their steps.

    Parameters
    ----------
    inputs : SequenceBatch or SequencePair
    targets : array
        (N, K) values or (N,) labels; with ``per_step`` (N, T, K) or (N, T), of which
        padded steps are not read.
    weights : (N,) array, optional
        Weight of each sequence in the loss.
    per_step : bool, default=False
        Whether ``targets`` are of steps: of those of the target side of a pair.
    scales : (N,) or (N, K) array, optional
        Scale of each sequence's counts, or of each of K targets, for a loss that takes
        a ``scale``.
    """

    inputs: Inputs
    targets: NDArray[Any]
    weights: NDArray[np.float64] | None = None
    per_step: bool = False
    scales: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        expected = self._predicted.x.shape[: 2 if self.per_step else 1]
        if self.targets.shape[: len(expected)] != expected:
            raise ValueError(
                f"targets have shape {self.targets.shape}, expected {expected} and "
                "then the outputs"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def _predicted(self) -> SequenceBatch:
        """The sequences at whose ends or steps there are outputs."""
        inputs: SequenceBatch | SequencePair = self.inputs
        return inputs.target if isinstance(inputs, SequencePair) else inputs

    @property
    def lengths(self) -> IntArray | None:
        """(N,) steps of each sequence, or of each pair's source; None if all have T."""
        return self.inputs.lengths

    def check(self, model: Model) -> None:
        """Raise for sequences that ``model`` cannot read."""
        model.check(self.inputs)

    def take(self, rows: IntArray) -> TrainingSet[Inputs]:
        """Copy the sequences ``rows``, cut to the longest of them."""
        weights, scales = self.weights, self.scales
        # Not by way of the constructor, whose checks this set has passed.
        batch = type(self).__new__(type(self))
        batch.__dict__.update(
            inputs=self.inputs.take(rows),
            weights=None if weights is None else take_rows(weights, rows),
            per_step=self.per_step,
            scales=None if scales is None else take_rows(scales, rows),
        )
        targets = self.targets
        if self.per_step:
            targets = targets[:, : batch._predicted.n_steps]
        batch.__dict__["targets"] = take_rows(targets, rows)
        return batch

    def flat(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return ``values`` of each sequence, or of all valid steps in one row."""
        return values[self._predicted.mask] if self.per_step else values

    @property
    def flat_targets(self) -> NDArray[Any]:
        """``targets`` of all sequences, or of all valid steps in one row."""
        return self.flat(self.targets)

    @property
    def flat_weights(self) -> NDArray[np.float64] | None:
        """Weights of ``flat_targets``."""
        if self.weights is None or not self.per_step:
            return self.weights
        return np.repeat(self.weights, self._predicted.row_lengths)

    @property
    def loss_lengths(self) -> IntArray | None:
        """The ``lengths`` that a loss needs: only where it looks at every step."""
        return self._predicted.lengths if self.per_step else None

    def total_weight(self, loss: Loss) -> float:
        """Sum the weights that ``loss`` of all this is a mean over."""
        return loss.total_weight(
            self.targets, lengths=self.loss_lengths, sample_weight=self.weights
        )

    def mean_weight(self, loss: Loss) -> float:
        """Return the mean weight of a target in ``loss``."""
        return self.total_weight(loss) / self.n_targets

    @property
    def loss_options(self) -> dict[str, Any]:
        """What a loss is called with, beside outputs and targets."""
        options = {"lengths": self.loss_lengths, "sample_weight": self.weights}
        return options if self.scales is None else {**options, "scale": self.scales}

    @property
    def n_targets(self) -> int:
        """Number of ``flat_targets``."""
        if not self.per_step:
            return len(self)
        lengths = self._predicted.lengths
        return (
            self.targets.shape[0] * self.targets.shape[1]
            if lengths is None
            else int(lengths.sum())
        )
