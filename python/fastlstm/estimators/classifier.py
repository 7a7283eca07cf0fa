"""Classification of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ..data import SequenceBatch
from ..losses import SoftmaxCrossEntropy
from ..models import SequenceModel
from ..training import TrainingSet
from ..training.protocols import Loss
from .base import Data, SequenceEstimator
from .inputs import raise_not_finite
from .parameters import document

__all__ = ["LSTMClassifier"]


@document(
    standardize="""Scale each feature of X to zero mean and unit variance over all valid
        steps. An LSTM that sees degrees or prices as they are does not learn.""",
    score="Accuracy",
)
class LSTMClassifier(ClassifierMixin, SequenceEstimator):  # type: ignore[misc]
    """Tell which class a sequence belongs to.

    LSTM layers read a sequence; the softmax of a linear map of the final hidden state
    gives the probability of each class. Trained on the cross-entropy.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : (n_classes,) array
        The labels, sorted, as they came in y.
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
        _raise_where_missing(name, labels)
        check_classification_targets(labels)
        return labels

    def _encode(self, data: Data, *, reset: bool) -> NDArray[Any]:
        if reset:
            self.classes_ = np.unique(data.targets)
        codes = np.searchsorted(self.classes_, data.targets)
        codes = np.minimum(codes, len(self.classes_) - 1)
        unknown = np.flatnonzero(self.classes_[codes] != data.targets)
        if unknown.size:
            raise ValueError(
                f"the label {data.targets[unknown[0]]!r} was never seen in fit: "
                f"expected one of {self.classes_.tolist()}"
            )
        return codes

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


def _raise_where_missing(name: str, labels: NDArray[Any]) -> None:
    """Name the sample whose label is NaN, inf or None: scikit-learn does not."""
    if labels.dtype.kind == "f":
        raise_not_finite(name, labels, ("sample",))
    if labels.dtype.kind in "OmM":
        for row, label in enumerate(labels):
            if label is None or label != label:  # NaN and NaT differ from themselves
                raise ValueError(f"Input {name} contains {label} at sample {row}.")
