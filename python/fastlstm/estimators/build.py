"""From an estimator's parameters to a model and a trainer, new or taken up again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data import SequenceBatch, SequenceScaler
from ..models import SequenceModel
from ..nn.lstm_inputs import layer_sizes
from ..optim import OPTIMIZERS
from ..schedules import SCHEDULES, Schedule
from ..training import Callback, EarlyStopping, Progress, Trainer
from ..training.protocols import Loss, Model
from .arguments import Arguments
from .callbacks import own_callbacks
from .parameters import CONSTRAINTS, resolve_batch_size, resolve_dtype

if TYPE_CHECKING:
    from .base import SequenceEstimator

__all__ = ["go_on", "new_model", "new_trainer", "stop_after", "warm_model"]


# What an estimator and its model call the same, and what makes another model of it.
_SHARED = tuple(
    name
    for name in signature(SequenceModel).parameters
    if name in CONSTRAINTS and name not in {"memory", "dtype", "random_state"}
)


def _architecture(estimator: SequenceEstimator, outputs: int) -> dict[str, Any]:
    shared = {name: getattr(estimator, name) for name in _SHARED}
    return {
        **shared,
        "quantiles": estimator._n_quantiles,
        "output_size": outputs,
        "output": estimator._output,
    }


def new_model(
    estimator: SequenceEstimator,
    inputs: SequenceBatch,
    weights: NDArray[np.float64] | None,
    outputs: int,
    seed: int,
) -> SequenceModel:
    """Make an untrained model, scaled to the training sequences ``inputs``."""
    model = SequenceModel(
        None if inputs.is_tokens else inputs.n_features,
        **_architecture(estimator, outputs),
        memory=estimator.memory,
        dtype=resolve_dtype(estimator.dtype, inputs.x.dtype),
        random_state=seed,
    )
    if estimator.standardize and not inputs.is_tokens:
        model.input_scaler = SequenceScaler().fit(
            inputs.x, lengths=inputs.lengths, sample_weight=weights
        )
    return model


def warm_model(estimator: SequenceEstimator, outputs: int) -> SequenceModel:
    """Copy the model of the last fit, so that a failure leaves that as it is.

    Raises
    ------
    ValueError
        If a parameter asks for another model.
    """
    model: SequenceModel = copy.deepcopy(estimator.model_)
    scalers = (model.input_scaler, model.target_scaler)
    is_so = {**model.config, "standardize": any(s is not None for s in scalers)}
    wanted = {
        **_architecture(estimator, outputs),
        "standardize": bool(estimator.standardize),
    }
    if model.config["vocabulary_size"] and model.classes is not None:
        del wanted["standardize"]  # neither tokens nor labels have a scale
    if estimator.dtype != "auto":
        wanted["dtype"] = estimator.dtype
    # One number and num_layers, a list, a tuple: other words for the same sizes.
    sizes = [layer_sizes(c["hidden_size"], c["num_layers"]) for c in (is_so, wanted)]
    if sizes[0] == sizes[1]:
        wanted.update({name: is_so[name] for name in ("hidden_size", "num_layers")})
    for name, value in wanted.items():
        if is_so[name] != value:
            raise ValueError(
                "warm_start and partial_fit go on with the model of the last fit, "
                f"whose {name} is {is_so[name]!r}; got {value!r}"
            )
    model.memory = estimator.memory
    return model


def new_trainer(
    estimator: Arguments,
    model: Model,
    loss: Loss,
    seed: int,
    n: int,
    score: Callable[[], float] | None,
    *,
    least_batch: int = 32,
) -> Trainer:
    """Make a trainer of ``model`` for ``n`` sequences, not begun.

    ``batch_size="auto"`` has at least ``least_batch`` of them.
    """
    options: dict[str, Any] = {}
    if estimator.solver == "sgd":
        momentum = estimator.momentum
        options["momentum"] = momentum
        options["nesterov"] = bool(estimator.nesterovs_momentum and momentum > 0)
    optimizer = OPTIMIZERS[estimator.solver](
        model.params,
        learning_rate=estimator.learning_rate_init,
        weight_decay=estimator.alpha,
        l1=estimator.l1,
        **options,
    )
    judged = bool(estimator.early_stopping) and score is not None
    stopping = EarlyStopping(
        monitor="score" if judged else "loss",
        patience=estimator.n_iter_no_change,
        tol=estimator.tol,
        restore_best=judged,
    )
    callbacks = own_callbacks(estimator)
    if estimator.verbose:
        callbacks.append(Progress())
    batch_size = resolve_batch_size(estimator.batch_size, n, least_batch)
    if estimator.normalization == "batch" and batch_size < 2:
        raise ValueError(
            "normalization='batch' needs at least 2 sequences a batch: got "
            f"batch_size={estimator.batch_size!r} with {n} training sequences"
        )
    return Trainer(
        model,
        loss,
        optimizer,
        batch_size=batch_size,
        max_epochs=estimator.max_iter,
        shuffle=bool(estimator.shuffle),
        seed=seed,
        max_grad_norm=estimator.max_grad_norm,
        schedule=_new_schedule(estimator.learning_rate),
        score=score,
        stopping=stopping,
        callbacks=callbacks,
    )


def _new_schedule(learning_rate: str | Schedule) -> Schedule | None:
    if learning_rate == "constant":
        return None  # so that a callback may set the rate
    if isinstance(learning_rate, str):
        return SCHEDULES[learning_rate]()
    return copy.deepcopy(learning_rate)  # a fit leaves the user's as it is


def go_on(estimator: SequenceEstimator, trainer: Trainer) -> None:
    """Take up the last fit: its whole state where it was kept, else its curves.

    Settings are those of now; what the last fit found out is its own: moments, steps,
    the best score. Patience begins anew, and so does the epoch that Ctrl-C broke off:
    the data may be others now. Scores by another ``scoring`` are not comparable: those
    of before are dropped.
    """
    # Estimators of before there was a choice have no such attribute.
    same_scores = getattr(estimator, "_scored_by", None) == estimator.scoring
    state = getattr(estimator, "_trainer_state", None)
    if state is not None and state["optimizer"]["optimizer"] == estimator.solver:
        # Without momentum there is no velocity: only what both have is taken over.
        optimizer = trainer.optimizer.state_dict()
        for name, value in state["optimizer"].items():
            is_state = name == "steps" or isinstance(value, np.ndarray)
            if is_state and name in optimizer:
                optimizer[name] = value
        new_epoch = {"position": 0, "loss_sum": 0.0, "weight_sum": 0.0}
        state = {**state, "optimizer": optimizer, **new_epoch}
        stopping = trainer.stopping
        watched = None if state["stopping"] is None else state["stopping"]["monitor"]
        if stopping is None:
            state["stopping"] = None
        elif stopping.monitor != watched or not same_scores:
            state["stopping"] = stopping.state_dict()
        state["initial_rate"] = estimator.learning_rate_init
        schedule = None if trainer.schedule is None else trainer.schedule.state_dict()
        if _kinds(state.get("schedule")) != _kinds(schedule):
            state["schedule"] = schedule  # what another one has seen says nothing
        trainer.load_state_dict(state)
    else:
        trainer.epoch = estimator.n_iter_
        trainer.loss_curve = list(estimator.loss_curve_)
        constant = [estimator.learning_rate_init] * trainer.epoch
        trainer.rate_curve = list(getattr(estimator, "learning_rates_", constant))
        trainer.score_curve = list(estimator.validation_scores_ or [])
    if not same_scores:
        trainer.score_curve = []
    if trainer.stopping is None:  # in partial_fit, which counts max_iter in all
        trainer.max_epochs = max(estimator.max_iter, trainer.epoch + 1)
        return
    trainer.stopping.epochs_without_gain = 0
    trainer.max_epochs = trainer.epoch + estimator.max_iter


class _StopAfter(Callback):
    def __init__(self, epochs: int, reason: str) -> None:
        self.epochs, self.reason = epochs, reason

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.epochs -= 1
        if self.epochs == 0 and trainer.stop_reason in (None, "max_epochs"):
            trainer.stop_reason = self.reason  # no limit here


def stop_after(trainer: Trainer, epochs: int, reason: str) -> None:
    """Have ``trainer`` end after so many epochs more, whatever they bring.

    What it thinks is the last epoch stays: schedules of the learning rate look there.
    """
    trainer.stopping = None
    # In front: those behind see at its last epoch that it is the last.
    trainer.callbacks.insert(0, _StopAfter(epochs, reason))


def _kinds(state: Any) -> list[str]:
    """Name a schedule, and the one behind it, by its state."""
    return [] if state is None else [state["schedule"], *_kinds(state.get("then"))]
