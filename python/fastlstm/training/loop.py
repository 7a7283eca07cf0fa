"""The fit loop.

Design: the order of an epoch and its dropout masks are functions of (seed, epoch) and
not of a generator's history. So the state of a fit is a few numbers beside the weights
and the optimizer's moments, taken at any batch, and a fit that is restored from it goes
on with the same bits as one that was never stopped.

A loss is a mean over its batch. A batch whose targets weigh twice as much as those of
the whole set do on average gets twice the gradient, and twice the bound on its norm:
else weights would count within a batch alone, and hardly at all in small ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .._validate import IntArray, check_float, check_int
from ..optim import Optimizer
from ..schedules import Schedule
from .batches import draw_order
from .callbacks import HOOKS, call
from .interrupts import Interrupts
from .protocols import Loss, Model, TrainingData
from .stopping import EarlyStopping

__all__ = ["Trainer"]

# What follows the seed and the epoch in the seed sequence of each random draw.
_ORDER, _MASKS = 0, 1

_REMEDY = "a smaller learning rate or a max_grad_norm may help"


class Trainer:
    """Trains a model on a set, in shuffled batches, until a rule or a limit stops it.

    Parameters
    ----------
    model, loss, optimizer
        The optimizer belongs to ``model.params``.
    batch_size : int
        Sequences a step; the last batch of an epoch may have fewer.
    max_epochs : int
        The epoch at which to end, counted from the very first.
    shuffle : bool, default=True
        Draw batches in each epoch, of sequences of similar length (`draw_order` in
        ``batches.py``); without it they are cut from the order given.
    seed : int, default=0
        Gives batches and dropout masks.
    max_grad_norm : float, optional
        Longer gradients are scaled down to this norm (Pascanu, Mikolov and Bengio 2013,
        algorithm 1).
    schedule : Schedule, optional
        Gives the learning rate of each step as a multiple of the one that ``optimizer``
        has here; without, the rate is whoever's who sets it.
    score : callable, optional
        ``score()`` judges the model after each epoch, higher is better; its numbers go
        to ``score_curve``.
    stopping : EarlyStopping, optional
        With ``monitor="score"`` it needs ``score``.
    callbacks : iterable of objects with hooks, see `Callback`

    Attributes
    ----------
    epoch : int
        Epochs that are finished.
    loss_curve, score_curve, rate_curve : list of float
        One number an epoch; of the learning rate that of its last step.
    stop_reason : str or None
        "max_epochs", "converged" (`stopping` said so), "interrupted" (Ctrl-C) or what a
        callback gave; None before the end.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        optimizer: Optimizer,
        *,
        batch_size: int,
        max_epochs: int,
        shuffle: bool = True,
        seed: int = 0,
        max_grad_norm: float | None = None,
        schedule: Schedule | None = None,
        score: Callable[[], float] | None = None,
        stopping: EarlyStopping | None = None,
        callbacks: Iterable[object] = (),
    ) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.batch_size = check_int("batch_size", batch_size, 1)
        self.max_epochs = check_int("max_epochs", max_epochs, 1)
        self.shuffle = shuffle
        self.seed = check_int("seed", seed, 0)
        if max_grad_norm is not None:
            max_grad_norm = check_float("max_grad_norm", max_grad_norm, "(0, inf)")
        self.max_grad_norm = max_grad_norm
        self.schedule = schedule
        self._initial_rate = optimizer.learning_rate
        self.score = score
        self.stopping = stopping
        if stopping is not None and stopping.monitor == "score" and score is None:
            raise ValueError("stopping monitors the score, but there is no score")
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not any(hasattr(callback, hook) for hook in HOOKS):
                raise TypeError(
                    f"callbacks: {callback!r} has none of the hooks {', '.join(HOOKS)}"
                )
        self.epoch = 0
        self.loss_curve: list[float] = []
        self.score_curve: list[float] = []
        self.rate_curve: list[float] = []
        self.stop_reason: str | None = None
        # Of the epoch under way: sequences seen, of how many, sums over them.
        self._position = 0
        self._sequences = 0
        self._loss_sum = 0.0
        self._weight_sum = 0.0
        self._mean_weight: float | None = None  # of a target of the whole set
        self._interrupts = Interrupts()

    def stop(self, reason: str) -> None:
        """End the fit after the current batch; for callbacks."""
        if self.stop_reason is None:
            self.stop_reason = reason

    def fit(self, data: TrainingData) -> Trainer:
        """Train until something stops it; Ctrl-C does so and leaves a usable model.

        Where the last fit stopped inside an epoch, this one goes on there; where
        ``stopping`` had said that it is over, it still is.

        Raises
        ------
        ValueError
            Inside an epoch, if ``data`` has another number of sequences than then; what
            the model cannot read, see its ``check``; targets that the loss refuses.
        FloatingPointError
            If the loss or its gradient is not finite any more. The weights are then
            those from before the step.
        """
        if self._position > 0 and len(data) != self._sequences:
            raise ValueError(
                f"the epoch under way has seen {self._position} of {self._sequences} "
                f"sequences, got {len(data)}"
            )
        data.check(self.model)
        self._sequences = len(data)
        self._mean_weight = None
        self.stop_reason = None
        call(self.callbacks, "on_fit_begin", self)
        try:
            self._run(data)
            call(self.callbacks, "on_training_end", self)
            if self.stopping is not None:
                self.stopping.restore(self.model.params)
        finally:
            call(self.callbacks, "on_fit_end", self)
        return self

    def _run(self, data: TrainingData) -> None:
        if self.stopping is not None and self.stopping.over:
            self.stop("converged")
        if self.epoch >= self.max_epochs:
            self.stop("max_epochs")
        try:
            self._interrupts.start()
            while self.stop_reason is None:
                self._run_epoch(data)
        except KeyboardInterrupt:
            self.stop_reason = "interrupted"
        finally:
            self._interrupts.stop()

    def _run_epoch(self, data: TrainingData) -> None:
        call(self.callbacks, "on_epoch_begin", self)
        order = np.arange(len(data))
        if self.shuffle:
            order = draw_order(
                data.lengths, len(data), self.batch_size, self._rng(_ORDER)
            )
        mask_seed = int(self._rng(_MASKS).integers(2**63))
        while self._position < len(data):
            rows = order[self._position : self._position + self.batch_size]
            self._step(data, rows, mask_seed)
            call(self.callbacks, "on_batch_end", self)
            if self.stop_reason is not None:
                return
        self._end_epoch()

    def _rng(self, purpose: int) -> np.random.Generator:
        key = (self.epoch, purpose)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _step(self, data: TrainingData, rows: IntArray, mask_seed: int) -> None:
        batch = data.take(rows)
        outputs, cache = self.model.forward(
            batch.inputs, mask_seed=mask_seed, row_ids=rows, checked=True
        )
        value, doutputs = self.loss(outputs, batch.targets, **batch.loss_options)
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the training loss is {value} in epoch {self.epoch + 1}: {_REMEDY}"
            )
        weight = batch.total_weight(self.loss)
        if self._mean_weight is None:  # after the loss, which checks targets
            self._mean_weight = data.mean_weight(self.loss)
        share = weight / batch.n_targets / self._mean_weight if weight else 0.0
        bound = self.max_grad_norm
        if share != 1.0:
            doutputs *= share
            # Of a batch without weight no gradient is left to be bounded.
            bound = bound * share if bound is not None and share else None
        grads = self.model.grads
        grads.zero()
        self.model.backward(doutputs, cache)
        with self._interrupts:
            if self.schedule is not None:
                self.optimizer.learning_rate = self._scheduled_rate(self.schedule)
            try:
                self.optimizer.step(grads, max_norm=bound)
            except FloatingPointError as error:
                raise FloatingPointError(
                    f"the gradient overflowed in epoch {self.epoch + 1}: {_REMEDY}"
                ) from error
            self._loss_sum += value * weight
            self._weight_sum += weight
            self._position += len(rows)

    def _scheduled_rate(self, schedule: Schedule) -> float:
        steps = -(-self._sequences // self.batch_size)  # an epoch, rounded up
        step = self.epoch * steps + self._position * steps // self._sequences
        return self._initial_rate * schedule(step, steps, self.max_epochs * steps)

    def _end_epoch(self) -> None:
        # What may take long or fail comes first: an epoch counts as a whole or not yet.
        # Without any weight nothing was observed: no batch had a loss.
        loss = self._loss_sum / (self._weight_sum or 1.0)
        score = None if self.score is None else float(self.score())
        with self._interrupts:
            if self.stopping is not None:
                value = score if self.stopping.monitor == "score" else loss
                assert value is not None  # the constructor has seen to it
                if self.stopping.update(value, self.model.params):
                    self.stop("converged")
            if self.schedule is not None:
                self.schedule.end_epoch(loss if score is None else -score)
            self.loss_curve.append(loss)
            self.rate_curve.append(self.optimizer.learning_rate)
            if score is not None:
                self.score_curve.append(score)
            self.epoch += 1
            self._position = 0
            self._loss_sum = self._weight_sum = 0.0
            if self.epoch >= self.max_epochs:
                self.stop("max_epochs")
        call(self.callbacks, "on_epoch_end", self)

    def state_dict(self) -> dict[str, Any]:
        """Copy the whole state between two batches: arrays, lists and scalars."""
        return {
            "weights": self.model.params.flat.copy(),
            "optimizer": self.optimizer.state_dict(),
            "stopping": None if self.stopping is None else self.stopping.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "initial_rate": self._initial_rate,
            "seed": self.seed,
            "epoch": self.epoch,
            "batch_size": self.batch_size,
            "sequences": self._sequences,
            "position": self._position,
            "loss_sum": self._loss_sum,
            "weight_sum": self._weight_sum,
            "loss_curve": list(self.loss_curve),
            "score_curve": list(self.score_curve),
            "rate_curve": list(self.rate_curve),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to where ``state_dict`` of a trainer with the same settings was.

        Raises
        ------
        ValueError
            If the weights have another size or dtype than the model's, optimizer,
            schedule or stopping rule are of another kind, or inside an epoch
            ``batch_size`` is another one.
        """
        params = self.model.params
        weights = state["weights"]
        if weights.shape != params.flat.shape or weights.dtype != params.dtype:
            raise ValueError(
                f"the state has {weights.size} weights of {weights.dtype}, the model "
                f"{params.size} of {params.dtype}"
            )
        if state["position"] > 0 and state["batch_size"] != self.batch_size:
            raise ValueError(
                f"the state is from inside an epoch with batch_size "
                f"{state['batch_size']}, the trainer has {self.batch_size}"
            )
        if (self.stopping is None) != (state["stopping"] is None):
            raise ValueError(
                "only one of the state and the trainer has a stopping rule"
            )
        # A state of before there were schedules has none.
        if (self.schedule is None) != (state.get("schedule") is None):
            raise ValueError("only one of the state and the trainer has a schedule")
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        if self.stopping is not None:
            self.stopping.load_state_dict(state["stopping"])
        self.optimizer.load_state_dict(state["optimizer"])
        with params.update() as flat:
            flat[:] = weights
        self._initial_rate = state.get("initial_rate", self.optimizer.learning_rate)
        self.seed = state["seed"]
        self.epoch = state["epoch"]
        self._position = state["position"]
        self._sequences = state["sequences"]
        self._loss_sum = state["loss_sum"]
        self._weight_sum = state["weight_sum"]
        self.loss_curve = list(state["loss_curve"])
        self.score_curve = list(state["score_curve"])
        # A state of before there were schedules has one rate for all epochs.
        constant = [self._initial_rate] * len(self.loss_curve)
        self.rate_curve = list(state.get("rate_curve", constant))
