"""A label for each step of a sequence."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.metrics import accuracy_score

from ..data import SequenceBatch
from ..models.sequence import Output
from ..training import TrainingSet
from .arguments import takes_arguments
from .inputs import check_weights, like_inputs
from .label_estimator import CLASS_WEIGHT, CLASSES, LabelEstimator
from .labels import check_step_labels
from .parameters import document

__all__ = ["LSTMTagger"]


@document(
    standardize="""Scale each feature of X to zero mean and unit variance over all valid
        steps. An LSTM that sees degrees or prices as they are does not learn.""",
    score="Accuracy over all steps",
    class_weight=CLASS_WEIGHT,
    classes=CLASSES,
)
@takes_arguments
class LSTMTagger(LabelEstimator):
    """Tell which class each step of a sequence belongs to.

    LSTM layers read a sequence, in both directions unless ``bidirectional=False``: what
    a step is often shows in those after it. At each step the softmax of a linear map of
    the hidden state gives the probability of each class. Trained on the cross-entropy,
    a mean over all valid steps of a batch; so longer sequences count for more there.

    In ``fit``, y is an (N, T) array of labels, or a list of N label sequences (lists or
    arrays), each as long as its sequence in X. Labels may be of any type that sorts.

    To scikit-learn's tools a tagger is no classifier, since for them classifiers have
    one label a sample: ``cross_val_score`` and searches then take lists of label
    sequences, and do not stratify. Their score is ``score``; other metrics take flat
    labels, which ``numpy.concatenate`` makes of predictions.

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
    Tell peaks from what is none, for which both neighbours have to be seen:

    >>> import numpy as np
    >>> from fastlstm import LSTMTagger
    >>> def tag(x):
    ...     before, after = np.r_[np.inf, x[:-1]], np.r_[x[1:], np.inf]
    ...     return np.where((x > before) & (x > after), "peak", "-")
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(steps, 1)) for steps in rng.integers(4, 12, size=300)]
    >>> y = [tag(x[:, 0]) for x in X]
    >>> model = LSTMTagger(16, learning_rate_init=0.02, batch_size=16, max_iter=50,
    ...                    early_stopping=True, random_state=0).fit(X[:250], y[:250])
    >>> bool(model.score(X[250:], y[250:]) > 0.9)
    True
    >>> model.classes_
    array(['-', 'peak'], dtype='<U4')
    >>> [labels.shape for labels in model.predict([np.ones((3, 1)), np.ones((5, 1))])]
    [(3,), (5,)]
    """

    bidirectional: bool = True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags

    @property
    def _output(self) -> Output:
        return "sequence"

    def _check_targets(
        self, y: Any, inputs: SequenceBatch, *, name: str
    ) -> NDArray[Any]:
        return check_step_labels(self, y, inputs, name=name)

    def predict(self, X: Any) -> Any:
        """Predict the most probable label of each step.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        (N, T) array of labels, or list of N arrays (T_i,) where X is a list

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``, and for another number of features than there.
        """
        inputs, probabilities = self._predict(X)
        return like_inputs(self.classes_[probabilities.argmax(axis=-1)], inputs)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class at each step, as ``classes_`` lie.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        (N, T, n_classes) float64 array, or list of N arrays (T_i, n_classes) where X is
        a list
            Those of a step sum to 1. The bits for a sequence do not depend on the
            others in X.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``, and for another number of features than there.
        """
        inputs, probabilities = self._predict(X)
        return like_inputs(probabilities, inputs)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy over all steps.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``
            A weight is that of each step of its sequence.

        Returns
        -------
        float
            Share of the steps whose label is predicted.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit`` and ``predict``. A label that was never seen in fit is none:
            no prediction is right there.
        """
        inputs, probabilities = self._predict(X)
        labels = check_step_labels(self, y, inputs, name="y")
        weights = check_weights(sample_weight, inputs)
        data = TrainingSet(inputs, labels, weights, per_step=True)
        predicted = self.classes_[data.flat(probabilities).argmax(axis=-1)]
        score = accuracy_score(
            data.flat_targets, predicted, sample_weight=data.flat_weights
        )
        return float(score)
