"""Classification of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
)

from ..data import SequenceBatch
from ..losses import SoftmaxCrossEntropy
from ..models import SequenceModel
from ..training import TrainingSet
from ..training.protocols import Loss
from .arguments import takes_arguments
from .base import Data, SequenceEstimator
from .class_weights import weigh_classes
from .labels import encode_labels, raise_where_missing
from .parameters import CONSTRAINTS, document

__all__ = ["LSTMClassifier"]


@document(
    standardize="""Scale each feature of X to zero mean and unit variance over all valid
        steps. An LSTM that sees degrees or prices as they are does not learn.""",
    score="Accuracy",
)
@takes_arguments
class LSTMClassifier(ClassifierMixin, SequenceEstimator):  # type: ignore[misc]
    """Tell which class a sequence belongs to.

    LSTM layers read a sequence; the softmax of a linear map of the final hidden state
    (see ``pooling``) gives the probability of each class. Trained on the cross-entropy.

    Parameters
    ----------
    {parameters}
    class_weight : "balanced", dict or None, default=None
        Weight of each label, above 0: it multiplies ``sample_weight`` in the loss and
        in the score on validation data, not where ``scoring`` names a scorer, not in
        ``score`` and not in the statistics that ``standardize`` takes. "balanced" is
        ``n / (n_classes * count of the label)`` of the training sequences, counted by
        ``sample_weight``, in each fit anew; labels that a dict does not name have
        weight 1, as in `sklearn.utils.class_weight.compute_class_weight`.

    Attributes
    ----------
    classes_ : (n_classes,) array
        The labels, sorted, as they came in y.
    class_weight_ : (n_classes,) array
        Their weights.
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm import LSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 20, 2))
    >>> y = np.where(X[:, -5:, 0].sum(axis=1) > 0, "up", "down")
    >>> model = LSTMClassifier(16, learning_rate_init=0.01, early_stopping=True,
    ...                        random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.8)
    True
    >>> model.predict_proba(X[:2]).shape
    (2, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    class_weight: str | Mapping[Any, float] | None = None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = True
        return tags

    def _check_targets(
        self, y: Any, inputs: SequenceBatch, *, name: str
    ) -> NDArray[Any]:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires {name} to be passed, "
                f"but the target {name} is None."
            )
        labels: NDArray[Any] = column_or_1d(y, warn=True)
        check_consistent_length(inputs.x, labels)
        raise_where_missing(name, labels, "sample")
        check_classification_targets(labels)
        return labels

    def _learn_labels(self, data: Data, *, reset: bool) -> None:
        if reset:
            self.classes_ = np.unique(data.targets)

    def _begin_increments(self, classes: Any) -> None:
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit cannot balance classes, it sees only a part of them: "
                "class_weight='balanced' has to be a dict, from a sample of y by "
                "sklearn.utils.class_weight.compute_class_weight"
            )
        _check_partial_fit_first_call(self, classes)

    def _encode(self, data: Data, *, reset: bool) -> NDArray[Any]:
        return encode_labels(data.targets, self.classes_)

    def _learn_weights(self, data: Data) -> None:
        self.class_weight_ = weigh_classes(
            self.class_weight, self.classes_, data.targets, data.weights
        )

    def _loss_weights(
        self, data: Data, encoded: NDArray[Any]
    ) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return data.weights
        # Only ratios matter; so no product of large weights is out of range.
        weights: NDArray[np.float64] = self.class_weight_ / self.class_weight_.max()
        weights = weights[encoded]
        if data.weights is not None:
            weights *= data.weights
        return weights

    def _dress(self, model: SequenceModel) -> None:
        model.classes = self.classes_

    def _output_size(self, targets: NDArray[Any]) -> int:
        return len(self.classes_)

    def _make_loss(self) -> Loss:
        return SoftmaxCrossEntropy()

    def _stratify(self, data: Data) -> NDArray[Any]:
        return data.targets

    def _score_outputs(self, outputs: NDArray[Any], data: TrainingSet) -> float:
        right = outputs.argmax(axis=1) == data.targets
        return float(np.average(right, weights=data.weights))

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train for one epoch on what is given, on top of what was learnt before.

        For data that come in parts, or do not fit into memory. The first call, where
        there was no ``fit``, begins a model: its data give the scale of X. Later
        calls go on with weights, optimizer and the count of epochs; so does the first
        after a ``fit``, but with a new optimizer unless ``warm_start=True``.
        ``tol`` and ``n_iter_no_change`` play no role, and ``max_iter`` is only where a
        schedule of the learning rate ends.

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
        FloatingPointError
            The training diverged: the loss or its gradient overflowed.

        Warns
        -----
        UserWarning
            If Ctrl-C ended the epoch; the model is usable.
        """
        return self._increment(X, y, sample_weight, classes)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the most probable label of each sequence.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        (N,) array of labels

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``, and for another number of features than there.
        """
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class, in the order of ``classes_``.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        (N, n_classes) float64 array
            Rows sum to 1. The bits for a sequence do not depend on the others in X.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``, and for another number of features than there.
        """
        _, probabilities = self._predict(X)
        return probabilities
