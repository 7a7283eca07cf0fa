"""What the estimators for whole sequences have in common: the way of a fit."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._validate import IntArray
from ..data import SequenceBatch
from ..models import SequenceModel
from ..models.sequence import Output
from ..training import Trainer, TrainingSet
from ..training.protocols import Loss
from .arguments import Arguments
from .build import go_on, new_model, new_trainer, warm_model
from .inputs import check_sequences, check_weights
from .threads import limit_threads
from .validation import check_groups, make_score, set_aside

__all__ = ["Data", "SequenceEstimator"]


class Data(NamedTuple):
    """Checked sequences with their targets and weights, in the user's units.

    Targets have one row a sequence, and with ``per_step`` one column a step.
    """

    inputs: SequenceBatch
    targets: NDArray[Any]
    weights: NDArray[np.float64] | None
    per_step: bool

    def take(self, rows: IntArray) -> Data:
        """Copy the sequences ``rows``."""
        inputs = self.inputs.take(rows)
        targets = self.targets[rows]
        if self.per_step:
            targets = targets[:, : inputs.n_steps]
        weights = None if self.weights is None else self.weights[rows]
        return Data(inputs, targets, weights, self.per_step)


class SequenceEstimator(Arguments):
    """Base of the estimators; a subclass says what targets, loss and score are.

    Design: the order of a fit is here and nowhere else: check, drop what has weight
    zero, split, scale, build, train, tell. Zero weight is absence: such a sequence
    gives no statistics, no label and no place in a batch.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    # ------------------------------------------------- what a subclass fills in

    @abstractmethod
    def _check_targets(
        self, y: Any, inputs: SequenceBatch, *, name: str
    ) -> NDArray[Any]:
        """``y`` checked, one row a sequence, in the user's units."""

    @abstractmethod
    def _encode(self, data: Data, *, reset: bool) -> NDArray[Any]:
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

    def _check_validation(self, data: Data) -> None:
        """Refuse validation data that no score can be made of."""

    def _stratify(self, data: Data) -> NDArray[Any] | None:
        """Give the groups whose shares a validation split keeps."""
        return None

    def _learn_labels(self, data: Data, *, reset: bool) -> None:
        """Learn of all that ``y`` holds, also of what a split will set aside."""

    def _learn_weights(self, data: Data) -> None:
        """Take from training data what ``_loss_weights`` needs; nothing by default."""

    def _loss_weights(
        self, data: Data, encoded: NDArray[Any]
    ) -> NDArray[np.float64] | None:
        """Give the weight of each sequence in the loss or the validation score."""
        return data.weights

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

    # ---------------------------------------------------------------------- fit

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
    ) -> Self:
        """Train on sequences and their targets.

        Parameters
        ----------
        X : (N, T, F) array, (N, T) array or frame, or list of N arrays (T_i, F)
            Sequences. Two dimensions are T steps of one feature; in a list also frames,
            whose columns are the features. With ``layout="nft"`` arrays are (N, F, T)
            and (F, T_i). With ``vocabulary_size`` integer tokens: (N, T) array or list
            of arrays (T_i,).
        y : array or list
            Targets, one a sequence; for estimators of steps one a step, as an array
            (N, T, ...) or a list of N arrays or lists of T_i.
        sample_weight : (N,) array, optional
            Weight of each sequence; 2 counts as twice there, 0 as absent.
        X_val, y_val : as X and y, optional
            Data to validate on after each epoch, instead of a share of X. In a
            `~sklearn.pipeline.Pipeline` with ``transform_input=["X_val"]`` they go
            through its steps as X does.
        sample_weight_val : (N_val,) array, optional
            Weight of each sequence of ``X_val`` in the validation score.
        groups : (N,) array, optional
            Group of each sequence, a patient or a machine: the share set aside to
            validate on (see ``validation_fraction``, here the share of groups) has
            whole groups.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter out of its range; shapes that do not fit; NaN or inf, with
            sample, step and feature.
        FloatingPointError
            The training diverged: the loss or its gradient overflowed.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` epochs went by and the loss or score was still improving.
        UserWarning
            If Ctrl-C ended the fit; the model is usable.
        """
        self._validate_params()
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val belong together: got only one of them")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val is of X_val and y_val: got neither")
        before = self.__dict__.copy()
        try:
            with limit_threads(self.n_jobs):
                trainer = self._fit(
                    X, y, sample_weight, X_val, y_val, sample_weight_val, groups
                )
        except BaseException:
            # What was fitted before stays as it was, with its own idea of X and y.
            self.__dict__ = before
            raise
        self._warn(trainer)
        return self

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any,
        y_val: Any,
        sample_weight_val: Any,
        groups: Any,
    ) -> Trainer:
        again = self.warm_start and hasattr(self, "model_")
        data, rows = self._read(X, y, sample_weight, reset=not again)
        self._learn_labels(data, reset=not again)
        groups = check_groups(self, groups, X)
        rng = check_random_state(self.random_state)
        seeds = [int(seed) for seed in rng.randint(2**31 - 1, size=3)]
        validation = None
        if X_val is not None:
            validation, rows_val = self._read(
                X_val, y_val, sample_weight_val, reset=False, suffix="_val"
            )
        elif self.early_stopping:
            X_val, y_val = X, y
            groups = None if groups is None else groups[rows]
            stay, leave = set_aside(
                self, len(rows), groups, self._stratify(data), seeds[0]
            )
            validation, rows_val = data.take(leave), rows[leave]
            data = data.take(stay)

        encoded = self._encode(data, reset=not again)
        self._learn_weights(data)
        inputs, outputs = data.inputs, self._output_size(encoded)
        if again:
            model = warm_model(self, outputs)
        else:
            model = new_model(self, inputs, data.weights, outputs, seeds[1])
            self._dress(model)
        score = None
        if validation is not None:
            if self.scoring is None:
                self._check_validation(validation)
            held_out = self._training_set(
                model, validation, self._encode(validation, reset=False)
            )
            score = make_score(self, model, held_out, X_val, y_val, rows_val)

        loss = self._make_loss()
        trainer = new_trainer(self, model, loss, seeds[2], len(inputs), score)
        if again:
            go_on(self, trainer)
        trainer.fit(self._training_set(model, data, encoded))
        self._tell(model, trainer)
        return trainer

    def _read(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, suffix: str = ""
    ) -> tuple[Data, IntArray]:
        """Check data; return what has weight and its rows in X."""
        inputs = check_sequences(self, X, reset=reset, name="X" + suffix)
        targets = self._check_targets(y, inputs, name="y" + suffix)
        weights = check_weights(sample_weight, inputs, name="sample_weight" + suffix)
        data = Data(inputs, targets, weights, self._per_step)
        if weights is None or weights.all():
            return data, np.arange(len(inputs))
        rows = np.flatnonzero(weights)
        return data.take(rows), rows

    def _training_set(
        self, model: SequenceModel, data: Data, encoded: NDArray[Any]
    ) -> TrainingSet:
        weights = self._loss_weights(data, encoded)
        if encoded.dtype.kind == "f":
            encoded = encoded.astype(model.dtype)
        return TrainingSet(
            model.scale_inputs(data.inputs),
            encoded,
            weights,
            per_step=self._per_step,
        )

    def _tell(self, model: SequenceModel, trainer: Trainer) -> None:
        """Set what the fit has found."""
        scores = trainer.score_curve or None
        self.model_ = model
        self.n_iter_ = trainer.epoch
        self.loss_curve_ = trainer.loss_curve
        self.best_loss_ = min(trainer.loss_curve, default=np.inf)
        self.validation_scores_ = scores
        self.best_validation_score_ = None if scores is None else max(scores)
        self._trainer_state = trainer.state_dict() if self.warm_start else None
        self._scored_by = self.scoring

    def _warn(self, trainer: Trainer) -> None:
        """Say how the fit ended where that matters."""
        if trainer.stop_reason == "interrupted":
            warnings.warn(
                f"Training was interrupted in epoch {trainer.epoch + 1} of "
                f"{trainer.max_epochs}; the model is usable as it is.",
                stacklevel=3,
            )
        elif trainer.stop_reason == "max_epochs":
            warnings.warn(
                f"Stochastic optimizer: the maximum of max_iter={self.max_iter} epochs "
                "was reached and the optimization has not converged yet.",
                ConvergenceWarning,
                stacklevel=3,
            )

    # ------------------------------------------------------------------ predict

    def _predict(self, X: Any) -> tuple[SequenceBatch, NDArray[Any]]:
        """Check sequences and ask the model about them, in the user's units."""
        if not hasattr(self, "model_"):  # the whole check asks for tags and more
            check_is_fitted(self, "model_")
        inputs = check_sequences(self, X, reset=False)
        with limit_threads(self.n_jobs):
            return inputs, self.model_.predict(inputs)
