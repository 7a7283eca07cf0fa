"""A label for each step of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import SequenceBatch
from ..losses import SoftmaxCrossEntropy
from ..models import SequenceModel
from ..models.sequence import Output
from ..training import TrainingSet
from ..training.protocols import Loss
from .arguments import takes_arguments
from .base import Data, SequenceEstimator
from .inputs import check_weights, like_inputs
from .labels import check_step_labels, encode_labels
from .parameters import document

__all__ = ["LSTMTagger"]


@document(
    standardize="""Scale each feature of X to zero mean and unit variance over all valid
        steps. An LSTM that sees degrees or prices as they are does not learn.""",
    score="Accuracy over all steps",
)
@takes_arguments
class LSTMTagger(SequenceEstimator):
    """Tell which class each step of a sequence belongs to.

    LSTM layers read a sequence, in both directions unless ``bidirectional=False``: what
    a step is often shows in those after it. At each step the softmax of a linear map of
    the hidden state gives the probability of each class. Trained on the cross-entropy,
    a mean over all valid steps; so longer sequences count for more.

    In ``fit``, y is an (N, T) array of labels, or a list of N label sequences (lists or
    arrays), each as long as its sequence in X. Labels may be of any type that sorts.

    To scikit-learn's tools a tagger is no classifier, since for them classifiers have
    one label a sample: ``cross_val_score`` and searches then take lists of label
    sequences, and do not stratify. Their score is ``score``; other metrics take flat
    labels, which ``numpy.concatenate`` makes of predictions.

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

    def _learn_labels(self, data: Data, *, reset: bool) -> None:
        classes = np.unique(data.targets[data.inputs.mask])
        if reset:
            self.classes_ = classes
            return
        new = sorted(set(classes.tolist()) - set(self.classes_.tolist()))
        if new:
            raise ValueError(
                "warm_start goes on with the labels of the last fit, "
                f"{self.classes_.tolist()}; y holds others: {new}"
            )

    def _encode(self, data: Data, *, reset: bool) -> NDArray[Any]:
        counts = data.inputs.mask
        if data.weights is not None:
            counts &= data.weights[:, None] > 0.0  # `score` gets all of them
        codes = np.zeros(counts.shape, np.int64)
        codes[counts] = encode_labels(data.targets[counts], self.classes_)
        return codes

    def _dress(self, model: SequenceModel) -> None:
        model.classes = self.classes_

    def _output_size(self, targets: NDArray[Any]) -> int:
        return len(self.classes_)

    def _make_loss(self) -> Loss:
        return SoftmaxCrossEntropy()

    def _score_outputs(self, outputs: NDArray[Any], data: TrainingSet) -> float:
        return _accuracy(outputs, data.targets, data.inputs, data.weights)

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
            As for ``fit`` and ``predict``, and for a label that was never seen in fit.
        """
        inputs, probabilities = self._predict(X)
        labels = check_step_labels(self, y, inputs, name="y")
        weights = check_weights(sample_weight, inputs)
        data = Data(inputs, labels, weights, self._per_step)
        codes = self._encode(data, reset=False)
        return _accuracy(probabilities, codes, inputs, weights)


def _accuracy(
    outputs: NDArray[Any],
    codes: NDArray[Any],
    inputs: SequenceBatch,
    weights: NDArray[np.float64] | None,
) -> float:
    mask = inputs.mask
    right = outputs[mask].argmax(axis=-1) == codes[mask]
    if weights is not None:
        weights = np.repeat(weights, inputs.row_lengths)
    return float(np.average(right, weights=weights))
