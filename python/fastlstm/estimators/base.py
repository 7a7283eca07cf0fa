"""What the estimators for whole sequences have in common: the way of a fit."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._validate import IntArray
from ..data import SequenceBatch
from ..files.whole import PathType
from ..models import SequenceModel
from ..training import Checkpoint, Trainer, TrainingSet
from .build import go_on, new_model, new_trainer, stop_after, warm_model
from .callbacks import EpochTasks, begin_tasks, with_callbacks
from .hooks import Hooks
from .inputs import check_sequences, check_weights, relative
from .layouts import learn_layout
from .outcome import tell, warn
from .resume import Resumable, as_checkpoint
from .saving import save
from .sklearn_types import CallbackSupport
from .threads import limit_threads
from .validation import UserData, check_groups, make_score, set_aside

__all__ = ["SequenceEstimator"]


class SequenceEstimator(CallbackSupport, Hooks):
    """Base of the estimators; a subclass says what targets, loss and score are.

    Design: the order of a fit is here and nowhere else: check, drop what has weight
    zero, split, scale, build, train, tell. Zero weight is absence: such a sequence
    gives no statistics, no label and no place in a batch.
    """

    # What a fit leaves behind (`outcome.tell`). Not decorated by `takes_arguments`, so
    # these are no arguments.
    model_: SequenceModel
    n_iter_: int
    loss_curve_: list[float]
    learning_rates_: list[float]
    best_loss_: float
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    stop_reason_: str
    _trainer_state: dict[str, Any] | None
    _scored_by: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

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
        checkpoint: PathType | Checkpoint | None = None,
        resume: bool = False,
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
        checkpoint : str, path or fastlstm.training.Checkpoint, optional
            A folder of this fit alone, into which its state is written every minute
            (or as the `Checkpoint` says) and at its end, so that it may be resumed.
        resume : bool, default=False
            Go on from the newest file of ``checkpoint``, where there is one, to the
            same bits as a fit that was not interrupted. Data and parameters have to be
            the same; ``max_iter`` may be raised. A finished fit is returned at once.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter out of its range; shapes that do not fit; NaN or inf, with
            sample, step and feature. A checkpoint that is of another fit, and what
            differs, or that cannot be read.
        FileExistsError
            Checkpoints in the folder without ``resume``.
        FloatingPointError
            The training diverged: the loss or its gradient overflowed.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` epochs went by and the loss or score was still improving.
        UserWarning
            If Ctrl-C ended the fit; the model is usable. If a checkpoint cannot be
            read, and an older one is used; if one cannot be written. If ``groups`` have
            nothing to do, without ``early_stopping`` or beside ``X_val``.
        """
        self._validate_params()
        folder = as_checkpoint(checkpoint, resume)
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val belong together: got only one of them")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val is of X_val and y_val: got neither")
        if groups is not None and (X_val is not None or not self.early_stopping):
            why = "with X_val" if self.early_stopping else "without early_stopping=True"
            warnings.warn(
                f"The groups parameter is ignored by {type(self).__name__} {why}, "
                "where it sets nothing aside",
                stacklevel=2,
            )
        trainer = self._run(
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            groups=groups,
            checkpoint=folder,
            resume=resume,
        )
        warn(self, trainer)
        return self

    def _increment(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None
    ) -> Self:
        """Do what ``partial_fit`` of a subclass promises."""
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        trainer = self._run(X, y, sample_weight, incremental=True, classes=classes)
        if trainer.stop_reason == "interrupted":
            warn(self, trainer, stacklevel=4)
        return self

    @with_callbacks
    def _run(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool = False,
        checkpoint: Checkpoint | None = None,
        resume: bool = False,
        **options: Any,
    ) -> Trainer:
        """Train, or leave all as it was."""
        tasks = None if incremental else begin_tasks(self)
        before = self.__dict__.copy()
        try:
            with limit_threads(self.n_jobs):
                resumable = Resumable(self, checkpoint, resume)
                return self._fit(
                    X,
                    y,
                    sample_weight,
                    incremental=incremental,
                    tasks=tasks,
                    resumable=resumable,
                    **options,
                )
        except BaseException:
            # What was fitted before stays as it was, with its own idea of X and y.
            self.__dict__ = before
            raise

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
        incremental: bool,
        classes: Any = None,
        tasks: Any,
        resumable: Resumable,
    ) -> Trainer:
        again = (incremental or self.warm_start) and hasattr(self, "model_")
        if incremental:
            self._begin_increments(classes)
        data, rows = self._read(X, y, sample_weight, reset=not again)
        self._learn_labels(data, reset=not again and not incremental)
        groups = check_groups(self, groups, X)
        resumable.see(data, groups=groups)
        rng = check_random_state(self.random_state)
        seeds = [int(seed) for seed in rng.randint(2**31 - 1, size=3)]
        seeds = resumable.seeds(seeds)
        validation = None
        if X_val is not None:
            validation, rows_val = self._read(
                X_val, y_val, sample_weight_val, reset=False, suffix="_val"
            )
            resumable.see(validation, "_val")
        elif self.early_stopping:
            X_val, y_val = X, y
            groups = None if groups is None else groups[rows]
            stay, leave = set_aside(
                self, len(rows), groups, self._stratify(data), seeds[0]
            )
            validation, rows_val = data.take(leave), rows[leave]
            data, rows = data.take(stay), rows[stay]

        encoded = self._encode(data, reset=not again)
        self._learn_weights(data)
        inputs, outputs = data.inputs, self._output_size(encoded)
        if again:
            model = warm_model(self, outputs)
        else:
            model = new_model(self, inputs, data.weights, outputs, seeds[1])
            self._dress(model)
        score, held_out = None, None
        if validation is not None:
            if self.scoring is None:
                self._check_validation(validation)
            held_out = self._training_set(
                model, validation, self._encode(validation, reset=False)
            )
            seen = UserData(X_val, y_val, rows_val, validation.weights)
            score = make_score(self, model, held_out, seen)

        loss = self._make_loss()
        trainer = new_trainer(self, model, loss, seeds[2], len(inputs), score)
        if incremental:
            stop_after(trainer, 1, "partial_fit")
        if again:
            go_on(self, trainer)
        if tasks is not None:
            told = EpochTasks(self, tasks, UserData(X, y, rows, data.weights), model)
            trainer.callbacks.append(told)
        training = self._training_set(model, data, encoded)
        resumable.begin(trainer, training, held_out)
        trainer.fit(training)
        tell(self, model, trainer, keep_state=incremental or self.warm_start)
        if tasks is not None:
            told.on_fitted()
        return trainer

    def _read(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, suffix: str = ""
    ) -> tuple[TrainingSet, IntArray]:
        """Check data; return what has weight and its rows in X."""
        if not suffix:  # also of one that goes on with the last fit
            learn_layout(self)
        inputs = check_sequences(self, X, reset=reset, name="X" + suffix)
        targets = self._check_targets(y, inputs, name="y" + suffix)
        weights = check_weights(sample_weight, inputs, name="sample_weight" + suffix)
        data = TrainingSet(inputs, targets, weights, self._per_step)
        if weights is None or weights.all():
            return data, np.arange(len(inputs))
        rows = np.flatnonzero(weights)
        return data.take(rows), rows

    def _training_set(
        self, model: SequenceModel, data: TrainingSet, encoded: NDArray[Any]
    ) -> TrainingSet:
        if encoded.dtype.kind == "f":
            encoded = encoded.astype(model.dtype)
        return TrainingSet(
            model.scale_inputs(data.inputs),
            encoded,
            relative(data.weights),
            per_step=self._per_step,
        )

    def save(self, path: PathType) -> None:
        """Write the fitted estimator to a safetensors file, for `fastlstm.load`.

        Kept are all that ``fit`` has found and all parameters that are None, numbers,
        strings, lists, tuples or dicts of such, or one of `fastlstm.schedules`. Other
        objects (``callbacks``, a RandomState, a scorer) and scikit-learn's metadata
        requests and callbacks are not: a warning names them. Nothing in the file is
        executed on load. It is written as a whole or not at all.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError
            Labels that are neither numbers nor strings; an estimator of another
            library, if only derived from one of these.
        OSError
            The file cannot be written.

        Warns
        -----
        UserWarning
            Something is not kept.
        """
        save(self, path)

    # ------------------------------------------------------------------ predict

    def _predict(self, X: Any) -> tuple[SequenceBatch, NDArray[Any]]:
        """Check sequences and ask the model about them, in the user's units."""
        if not hasattr(self, "model_"):  # the whole check asks for tags and more
            check_is_fitted(self, "model_")
        inputs = check_sequences(self, X, reset=False)
        with limit_threads(self.n_jobs):
            return inputs, self.model_.predict(inputs)
