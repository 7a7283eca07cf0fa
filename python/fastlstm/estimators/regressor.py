"""Regression on sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions

from ..data import SequenceBatch, SequenceScaler
from ..losses import SquaredError
from ..models import SequenceModel
from ..models.sequence import Output
from ..training import TrainingSet
from ..training.protocols import Loss
from .base import Data, SequenceEstimator
from .inputs import check_targets, check_weights
from .parameters import CONSTRAINTS, document

__all__ = ["LSTMRegressor"]


@document(
    standardize="""Scale each feature of X, and each output of y, to zero mean and unit
        variance over all valid steps, and predictions back. An LSTM that sees degrees
        or prices as they are does not learn.""",
    score="R^2",
)
class LSTMRegressor(RegressorMixin, SequenceEstimator):  # type: ignore[misc]
    """Predict one or several numbers from a sequence, or from each of its steps.

    LSTM layers read a sequence; a linear map of the final hidden state (or of the one
    at each step) gives the prediction. Trained on the squared error.

    Parameters
    ----------
    {parameters}
    output : {"last", "sequence"}, default="last"
        One target a sequence, or one a step.

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
    }

    def __init__(
        self,
        hidden_size: int | Sequence[int] = 64,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        projection_size: int = 0,
        peephole: bool = False,
        coupled_gates: bool = False,
        gate_activation: str = "sigmoid",
        cell_activation: str = "tanh",
        cell_clip: float | None = None,
        normalization: str | None = None,
        normalization_steps: int = 100,
        normalization_momentum: float = 0.1,
        initializer: str | Mapping[str, str] = "glorot_orthogonal",
        forget_bias: float = 1.0,
        chrono_steps: int | None = None,
        dropout: float = 0.0,
        variational_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        recurrent_dropout_kind: str = "candidate",
        weight_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        activation_penalty: float = 0.0,
        temporal_activation_penalty: float = 0.0,
        output: Output = "last",
        solver: str = "adam",
        alpha: float = 0.0,
        l1: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        max_grad_norm: float | None = 1.0,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        standardize: bool = True,
        memory: str = "store",
        dtype: str = "float32",
        n_jobs: int | None = None,
        callbacks: Sequence[object] | None = None,
    ) -> None:
        super().__init__(
            hidden_size,
            num_layers,
            bidirectional=bidirectional,
            projection_size=projection_size,
            peephole=peephole,
            coupled_gates=coupled_gates,
            gate_activation=gate_activation,
            cell_activation=cell_activation,
            cell_clip=cell_clip,
            normalization=normalization,
            normalization_steps=normalization_steps,
            normalization_momentum=normalization_momentum,
            initializer=initializer,
            forget_bias=forget_bias,
            chrono_steps=chrono_steps,
            dropout=dropout,
            variational_dropout=variational_dropout,
            recurrent_dropout=recurrent_dropout,
            recurrent_dropout_kind=recurrent_dropout_kind,
            weight_dropout=weight_dropout,
            zoneout_h=zoneout_h,
            zoneout_c=zoneout_c,
            activation_penalty=activation_penalty,
            temporal_activation_penalty=temporal_activation_penalty,
            solver=solver,
            alpha=alpha,
            l1=l1,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            max_grad_norm=max_grad_norm,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            standardize=standardize,
            memory=memory,
            dtype=dtype,
            n_jobs=n_jobs,
            callbacks=callbacks,
        )
        self.output = output

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @property
    def _output(self) -> Output:
        return self.output

    @property
    def _per_step(self) -> bool:
        return self.output == "sequence"

    def _check_targets(
        self, y: Any, inputs: SequenceBatch, *, name: str
    ) -> NDArray[Any]:
        targets = check_targets(self, y, inputs, per_step=self._per_step, name=name)
        one_output = targets.ndim == (2 if self._per_step else 1)
        if name == "y":
            self._one_output = one_output
        return targets[..., None] if one_output else targets

    def _encode(self, data: Data, *, reset: bool) -> NDArray[Any]:
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
        return int(targets.shape[-1])

    def _make_loss(self) -> Loss:
        return SquaredError()

    def _check_validation(self, data: Data) -> None:
        lengths = data.inputs.row_lengths
        n = int(lengths.sum()) if self._per_step else len(lengths)
        if n < 2:
            raise ValueError(
                f"R^2 needs at least two validation targets, got {n}: raise "
                f"validation_fraction={self.validation_fraction} or pass X_val, y_val"
            )

    def _score_outputs(self, outputs: NDArray[Any], data: TrainingSet) -> float:
        # R^2 does not change with the scale of an output.
        return _r2(data.targets, outputs, data.inputs, data.weights, self._per_step)

    def predict(self, X: Any) -> Any:
        """Predict a number, or several, for each sequence or step.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        float64 array of the shape that y had in ``fit``: (N,) or (N, K)
            With ``output="sequence"`` (N, T) or (N, T, K), or a list of arrays (T_i,)
            or (T_i, K) where X is a list. In the units of y. The bits for a sequence do
            not depend on the others in X.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``, and for another number of features than there.
        """
        inputs, values = self._predict(X)
        if self._one_output:
            values = values[..., 0]
        if self._per_step and inputs.lengths is not None:
            pairs = zip(values, inputs.lengths, strict=True)
            return [row[:steps] for row, steps in pairs]
        return values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination, R^2 = 1 - residual / total sum of squares.

        Of several outputs the mean; with ``output="sequence"`` over all valid steps.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean of y.
        """
        inputs, values = self._predict(X)
        targets = check_targets(self, y, inputs, per_step=self._per_step)
        targets = targets.reshape(*targets.shape[: 1 + self._per_step], -1)
        weights = check_weights(sample_weight, inputs)
        return _r2(targets, values, inputs, weights, self._per_step)


def _r2(
    targets: NDArray[Any],
    outputs: NDArray[Any],
    inputs: SequenceBatch,
    weights: NDArray[np.float64] | None,
    per_step: bool,
) -> float:
    if per_step:
        mask = inputs.mask
        targets, outputs = targets[mask], outputs[mask]
        if weights is not None:
            weights = np.repeat(weights, inputs.row_lengths)
    return float(r2_score(targets, outputs, sample_weight=weights))
