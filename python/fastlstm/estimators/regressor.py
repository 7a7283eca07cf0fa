"""Regression on sequences."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from ..data import SequenceBatch, SequenceScaler
from ..models import SequenceModel
from ..models.sequence import Output
from ..training import TrainingSet
from ..training.protocols import Loss
from .arguments import takes_arguments
from .base import SequenceEstimator
from .inputs import check_targets, check_weights, like_inputs
from .parameters import CONSTRAINTS, document, document_increments
from .regression_losses import REGRESSION_LOSSES, explained, quantiles_of_score
from .sklearn_types import RegressorMixin

__all__ = ["LSTMRegressor"]


@document(
    standardize="""Scale each feature of X, and each output of y, to zero mean and unit
        variance over all valid steps, and predictions back. An LSTM that sees degrees
        or prices as they are does not learn.""",
    score="R^2, or the D^2 that goes with ``loss``",
)
@takes_arguments
class LSTMRegressor(RegressorMixin, SequenceEstimator):
    """Predict one or several numbers from a sequence, or from each of its steps.

    LSTM layers read a sequence; a linear map of the final hidden state (see
    ``pooling``, or of the one at each step) gives the prediction. Trained on the
    squared error, or another ``loss``.

    Parameters
    ----------
    {parameters}
    output : {"last", "sequence"}, default="last"
        One target a sequence, or one a step.
    loss : str, default="squared_error"
        What training makes small: with "squared_error", "absolute_error", "huber" or
        "quantile" predictions are means, medians, means that bear outliers, or
        quantiles. The score on validation data,
        and so early stopping, is R^2 for "squared_error", for "absolute_error" and
        "huber" `sklearn.metrics.d2_absolute_error_score`, and for "quantile"
        `sklearn.metrics.d2_pinball_score`, of several quantiles the mean.
    quantile : float or sequence of float in (0, 1), default=0.5
        For "quantile" (Koenker & Bassett 1978). With a sequence, which must increase,
        predictions have one more axis, one number a quantile. These never cross: they
        are sorted (Chernozhukov, Fernandez-Val & Galichon 2010).
    huber_delta : float, default=1.0
        For "huber" (Huber 1964): residuals beyond it count by their size and not by
        their square. In units of standardised y, so in standard deviations of each
        output; with ``standardize=False`` in those of y.

    Attributes
    ----------
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 20, 2))
    >>> y = X[:, -5:, 0].sum(axis=1)
    >>> model = LSTMRegressor(16, learning_rate_init=0.01, early_stopping=True,
    ...                       random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.8)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "output": [StrOptions({"last", "sequence"})],
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
    }

    output: Output = "last"
    loss: str = "squared_error"
    quantile: float | Sequence[float] | NDArray[Any] = 0.5
    huber_delta: float = 1.0

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @property
    def _output(self) -> Output:
        return self.output

    @property
    def _predicts_steps(self) -> bool:
        """Whether the model does, whatever ``output`` is set to after the fit."""
        return self.model_.output == "sequence"

    # For files and pickles from before there were quantiles.
    _quantiles: list[float] | None = None

    @property
    def _n_quantiles(self) -> int:
        return 1 if self._quantiles is None else len(self._quantiles)

    @property
    def _quantiles_of_score(self) -> list[float] | None:
        return quantiles_of_score(self.loss, self.quantile)

    def _check_targets(
        self, y: Any, inputs: SequenceBatch, *, name: str
    ) -> NDArray[Any]:
        targets = check_targets(self, y, inputs, per_step=self._per_step, name=name)
        one_output = targets.ndim == (2 if self._per_step else 1)
        if name == "y":
            self._one_output = one_output
            # Predictions are those of this fit, whatever is set afterwards.
            self._make_loss()  # raises for quantiles that are none
            several = self.loss == "quantile" and np.ndim(self.quantile) > 0
            self._quantiles = self._quantiles_of_score if several else None
        return targets[..., None] if one_output else targets

    def _encode(self, data: TrainingSet, *, reset: bool) -> NDArray[Any]:
        if reset:
            lengths = data.inputs.lengths if self._per_step else None
            self._target_scaler = None
            self._n_outputs = data.targets.shape[-1]
            if self.standardize:
                self._target_scaler = SequenceScaler().fit(
                    data.targets, lengths=lengths, sample_weight=data.weights
                )
        if data.targets.shape[-1] != self._n_outputs:
            raise ValueError(
                f"targets have {data.targets.shape[-1]} outputs, but "
                f"{type(self).__name__} is fitted on {self._n_outputs}"
            )
        if self._target_scaler is None:
            return data.targets
        return self._target_scaler.transform(data.targets)

    def _dress(self, model: SequenceModel) -> None:
        model.target_scaler = self._target_scaler

    def _output_size(self, targets: NDArray[Any]) -> int:
        return int(targets.shape[-1]) * self._n_quantiles

    def _make_loss(self) -> Loss:
        return REGRESSION_LOSSES[self.loss](self.quantile, self.huber_delta)

    def _check_validation(self, data: TrainingSet) -> None:
        n = len(data.flat_targets)
        if n < 2:
            score = "R^2" if self.loss == "squared_error" else "D^2"
            raise ValueError(
                f"{score} needs at least two validation targets, got {n}: raise "
                f"validation_fraction={self.validation_fraction} or pass X_val, y_val"
            )

    def _score_outputs(self, outputs: NDArray[Any], data: TrainingSet) -> float:
        return explained(data, outputs, self._quantiles_of_score)

    @document_increments(scaled="X and y")
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on what is given, on top of what was learnt before.

        {increments}

        Parameters
        ----------
        X, y
            As for ``fit``, with the features of the first call.
        sample_weight : (N,) array, optional
            Weight of each sequence; 2 counts as twice there, 0 as absent.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As for ``fit``; a parameter that asks for another model than was begun;
            ``early_stopping=True``.
        {ends}
        """
        return self._increment(X, y, sample_weight)

    def predict(self, X: Any) -> Any:
        """Predict a number, or several, for each sequence or step.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        float64 array of the shape that y had in ``fit``: (N,) or (N, K)
            With ``output="sequence"`` (N, T) or (N, T, K), or a list of arrays (T_i,)
            or (T_i, K) where X is a list. With a sequence of quantiles one more axis at
            the end, in their order. In the units of y. The bits for a sequence do not
            depend on the others in X.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``, and for another number of features than there.
        """
        inputs, values = self._predict(X)
        if self._quantiles is not None:
            values = values.reshape(*values.shape[:-1], -1, len(self._quantiles))
        if self._one_output:
            values = values[..., 0] if self._quantiles is None else values[..., 0, :]
        return like_inputs(values, inputs) if self._predicts_steps else values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination, R^2 = 1 - residual / total sum of squares.

        Of several outputs the mean; with ``output="sequence"`` over all valid steps. It
        is R^2 for every ``loss`` that predicts one number, as of all regressors of
        scikit-learn. For a sequence of quantiles it is the mean over them of
        `sklearn.metrics.d2_pinball_score`, which is to quantiles what R^2 is to means.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean (or quantiles) of y.
        """
        inputs, values = self._predict(X)
        per_step = self._predicts_steps
        targets = check_targets(self, y, inputs, per_step=per_step)
        targets = targets.reshape(*targets.shape[: 1 + per_step], -1)
        weights = check_weights(sample_weight, inputs)
        data = TrainingSet(inputs, targets, weights, per_step)
        return explained(data, values, self._quantiles)
