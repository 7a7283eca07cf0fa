"""What a subclass of the estimators fills in: its targets, its loss, its score."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from numpy.typing import NDArray

from ..data import SequenceBatch
from ..models import SequenceModel
from ..models.sequence import Output
from ..training import TrainingSet
from ..training.protocols import Loss
from .arguments import Arguments

__all__ = ["Hooks"]


class Hooks(Arguments):
    """What `SequenceEstimator` asks its subclasses, in the order of a fit.

    Until ``_encode`` data are in the user's units, then in the loss's.
    """

    @abstractmethod
    def _check_targets(
        self, y: Any, inputs: SequenceBatch, *, name: str
    ) -> NDArray[Any]:
        """``y`` checked, one row a sequence, in the user's units."""

    @abstractmethod
    def _encode(self, data: TrainingSet, *, reset: bool) -> NDArray[Any]:
        """Turn targets into the loss's; with ``reset`` learn labels or scales first."""

    @abstractmethod
    def _dress(self, model: SequenceModel) -> None:
        """Give a new model what it needs to predict in the user's units."""

    @abstractmethod
    def _output_size(self, targets: NDArray[Any]) -> int:
        """Count the numbers that the network gives for a sequence or step."""

    @abstractmethod
    def _make_loss(self) -> Loss:
        """Make the training loss."""

    @abstractmethod
    def _score_outputs(self, outputs: NDArray[Any], data: TrainingSet) -> float:
        """Judge a network's outputs on validation data, higher is better."""

    def _check_validation(self, data: TrainingSet) -> None:
        """Refuse validation data that no score can be made of."""

    def _stratify(self, data: TrainingSet) -> NDArray[Any] | None:
        """Give the groups whose shares a validation split keeps."""
        return None

    def _learn_labels(self, data: TrainingSet, *, reset: bool) -> None:
        """Learn of all that ``y`` holds, also of what a split will set aside."""

    def _learn_weights(self, data: TrainingSet) -> None:
        """Take from training data what ``_make_loss`` needs; nothing by default."""

    def _begin_increments(self, classes: Any) -> None:
        """Learn at the first ``partial_fit`` what the data of one do not tell."""

    @property
    def _output(self) -> Output:
        return "last"

    @property
    def _n_quantiles(self) -> int:
        """Count the predictions of a target."""
        return 1

    @property
    def _per_step(self) -> bool:
        return self._output == "sequence"
