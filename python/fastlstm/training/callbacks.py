"""Hooks into the fit loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .loop import Trainer

__all__ = ["HOOKS", "Callback", "call"]

HOOKS = (
    "on_fit_begin",
    "on_epoch_begin",
    "on_batch_end",
    "on_epoch_end",
    "on_training_end",
    "on_fit_end",
)


class Callback:
    """Something to do while a model trains; override what you need.

    Every hook is given the trainer: ``trainer.epoch`` (finished epochs),
    ``trainer.loss_curve`` and ``trainer.score_curve``, ``trainer.model``,
    ``trainer.state_dict()`` to keep a checkpoint and ``trainer.stop(reason)`` to end
    the fit. An object needs not inherit from this class, nor have all hooks.

    Examples
    --------
    >>> from fastlstm.training import Callback
    >>> class StopBelow(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...     def on_epoch_end(self, trainer):
    ...         if trainer.loss_curve[-1] < self.loss:
    ...             trainer.stop(f"loss below {self.loss}")
    """

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first batch, also of a fit that is resumed."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before the first batch of every epoch, also where one is resumed."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """After every optimizer step."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After every epoch, when its loss and score are known."""

    def on_training_end(self, trainer: Trainer) -> None:
        """After the last batch, before the weights of the best epoch come back.

        Also after Ctrl-C, not of a failed fit.
        """

    def on_fit_end(self, trainer: Trainer) -> None:
        """At the end, also of an interrupted or failed fit."""


def call(callbacks: list[object], hook: str, trainer: Trainer) -> None:
    """Call ``hook`` of all ``callbacks`` that have it, in their order."""
    for callback in callbacks:
        method = getattr(callback, hook, None)
        if method is not None:
            method(trainer)
