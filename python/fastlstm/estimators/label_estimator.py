"""What the estimators of labels share: classes, their weights, cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call

from ..losses import SoftmaxCrossEntropy
from ..models import SequenceModel
from ..training import TrainingSet
from ..training.protocols import Loss
from .arguments import takes_arguments
from .base import SequenceEstimator
from .class_weights import weigh_classes
from .labels import encode_labels
from .parameters import CONSTRAINTS, document_increments

__all__ = ["CLASSES", "CLASS_WEIGHT", "LabelEstimator"]

# For docstrings.
CLASS_WEIGHT = """\
class_weight : "balanced", dict or None, default=None
        Weight of each label, above 0: it multiplies ``sample_weight`` in the loss and
        in the score on validation data, not where ``scoring`` names a scorer, not in
        ``score`` and not in the statistics that ``standardize`` takes. "balanced" is
        ``n / (n_classes * count of the label)`` of the labels to train on, counted by
        ``sample_weight``, in each fit anew; labels that a dict does not name have
        weight 1, as in `sklearn.utils.class_weight.compute_class_weight`."""
CLASSES = """\
classes_ : (n_classes,) array
        The labels, sorted, as they came in y.
    class_weight_ : (n_classes,) array
        Their weights."""


@takes_arguments
class LabelEstimator(SequenceEstimator):
    """Base of those that give labels, one a sequence or one a step."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    class_weight: str | Mapping[Any, float] | None = None

    def _learn_labels(self, data: TrainingSet, *, reset: bool) -> None:
        if reset:
            self.classes_ = np.unique(data.flat_targets)

    def _encode(self, data: TrainingSet, *, reset: bool) -> NDArray[Any]:
        codes = encode_labels(data.flat_targets, self.classes_)
        if not self._per_step:
            return codes
        padded = np.zeros(data.targets.shape, np.int64)
        padded[data.inputs.mask] = codes
        return padded

    def _begin_increments(self, classes: Any) -> None:
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit cannot balance classes, it sees only a part of them: "
                "class_weight='balanced' has to be a dict, from a sample of y by "
                "sklearn.utils.class_weight.compute_class_weight"
            )
        _check_partial_fit_first_call(self, classes)

    def _learn_weights(self, data: TrainingSet) -> None:
        self.class_weight_ = weigh_classes(
            self.class_weight, self.classes_, data.flat_targets, data.flat_weights
        )

    def _dress(self, model: SequenceModel) -> None:
        model.classes = self.classes_

    def _output_size(self, targets: NDArray[Any]) -> int:
        return len(self.classes_)

    def _make_loss(self) -> Loss:
        weighted = self.class_weight is not None
        return SoftmaxCrossEntropy(self.class_weight_ if weighted else None)

    def _score_outputs(self, outputs: NDArray[Any], data: TrainingSet) -> float:
        codes = data.flat_targets
        right = data.flat(outputs).argmax(axis=-1) == codes
        # Only ratios matter; so no product of large weights is out of range.
        weights = (self.class_weight_ / self.class_weight_.max())[codes]
        if data.flat_weights is not None:
            weights *= data.flat_weights
        return float(np.average(right, weights=weights))

    @document_increments(scaled="X")
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train for one epoch on what is given, on top of what was learnt before.

        {increments}

        Parameters
        ----------
        X, y
            As for ``fit``, with the features of the first call.
        classes : array of labels
            All that will ever come; needed at the first call, later the same or None.
        sample_weight : (N,) array, optional
            Weight of each sequence; 2 counts as twice there, 0 as absent.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As for ``fit``; a label that is not one of ``classes``; a parameter that
            asks for another model than was begun; ``early_stopping=True`` or
            ``class_weight="balanced"``.
        {ends}
        """
        return self._increment(X, y, sample_weight, classes)
