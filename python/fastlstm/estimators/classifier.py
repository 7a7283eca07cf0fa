"""Classification of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import (
    check_classification_targets,
)

from ..data import SequenceBatch
from ..training import TrainingSet
from .arguments import takes_arguments
from .floats import refuse_masked
from .label_estimator import CLASS_WEIGHT, CLASSES, LabelEstimator
from .labels import raise_where_missing, raise_where_mixed, read_labels
from .parameters import document
from .sklearn_types import ClassifierMixin

__all__ = ["LSTMClassifier"]


@document(
    standardize="""Scale each feature of X to zero mean and unit variance over all valid
        steps. An LSTM that sees degrees or prices as they are does not learn.""",
    score="Accuracy",
    class_weight=CLASS_WEIGHT,
    classes=CLASSES,
)
@takes_arguments
class LSTMClassifier(ClassifierMixin, LabelEstimator):
    """Tell which class a sequence belongs to.

    LSTM layers read a sequence; the softmax of a linear map of the final hidden state
    (see ``pooling``) gives the probability of each class. Trained on the cross-entropy.

    Parameters
    ----------
    {parameters}
    {class_weight}

    Attributes
    ----------
    {classes}
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
        is_list = isinstance(y, (list, tuple))
        if is_list or len(getattr(y, "shape", ())) == 1:
            y = read_labels(y, name)
        refuse_masked(name, y)
        labels: NDArray[Any] = column_or_1d(y, warn=True)
        check_consistent_length(inputs.x, labels)
        raise_where_missing(name, labels, "sample")
        raise_where_mixed(name, labels, "sample")
        check_classification_targets(labels)
        return labels

    def _stratify(self, data: TrainingSet) -> NDArray[Any]:
        return data.targets

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
