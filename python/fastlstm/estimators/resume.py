"""``fit(checkpoint=, resume=)``: what belongs to a checkpoint beside a trainer's state.

Design: scalers, labels and the validation split follow from data and seeds. So the
seeds are kept, and sums of all else: what differs is told, and nothing is mixed.
"""

from __future__ import annotations

import copy
import os
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from ..files import digest
from ..training import Checkpoint, Trainer, TrainingSet
from .notes import agree, note

if TYPE_CHECKING:
    from .arguments import Arguments

__all__ = ["Resumable", "as_checkpoint"]

# Parameters that change neither the way of a fit nor what it has done so far.
_FREE: Final = ("callbacks", "max_iter", "memory", "n_jobs", "verbose")


def as_checkpoint(checkpoint: Any, resume: Any) -> Checkpoint | None:
    """Check the two arguments of ``fit``; a copy of a `Checkpoint` is returned.

    Raises
    ------
    TypeError, ValueError
        Something else than a path or a `Checkpoint`, than True or False; ``resume``
        without a checkpoint.
    """
    if not isinstance(resume, bool):
        raise TypeError(f"resume must be True or False, got {resume!r}")
    if checkpoint is None:
        if resume:
            raise ValueError("resume=True needs checkpoint=, the folder to go on from")
        return None
    if isinstance(checkpoint, Checkpoint):
        return copy.copy(checkpoint)
    if not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(
            "checkpoint must be a folder or a fastlstm.training.Checkpoint, got "
            f"{checkpoint!r}"
        )
    return Checkpoint(checkpoint)


class Resumable:
    """One fit of an estimator, which may have a checkpoint; without, it does nothing.

    Parameters
    ----------
    estimator : SequenceEstimator or LSTMForecaster
    checkpoint : Checkpoint or None
    resume : bool
        Whether to go on from the newest of its files, if there is one.
    """

    def __init__(
        self,
        estimator: Arguments,
        checkpoint: Checkpoint | None,
        resume: bool,
    ) -> None:
        self._checkpoint = checkpoint
        self._saved = checkpoint.read() if checkpoint is not None and resume else None
        self._sums: dict[str, str] = {}
        self._seeds: list[int] = []
        if checkpoint is not None:
            parameters = estimator.get_params(deep=False).items()
            self._parameters = {k: note(v) for k, v in parameters if k not in _FREE}
            arguments = signature(type(estimator)).parameters.values()
            self._defaults = {a.name: a.default for a in arguments}

    def seeds(self, drawn: list[int]) -> list[int]:
        """Return the seeds of the fit: ``drawn`` now, or those of the checkpoint."""
        self._seeds = drawn if self._saved is None else self._saved.extra["seeds"]
        return self._seeds

    def see(self, data: TrainingSet, suffix: str = "", **more: Any) -> None:
        """Take note of checked data: ``X<suffix>`` and so on, and of ``more``."""
        self.see_values(
            **{
                f"X{suffix}": (data.inputs.x, data.inputs.lengths),
                f"y{suffix}": data.targets,
                f"sample_weight{suffix}": data.weights,
            },
            **more,
        )

    def see_values(self, **values: Any) -> None:
        """Take note of what has a name; None is nothing."""
        if self._checkpoint is not None:
            for name, value in values.items():
                if value is not None:
                    self._sums[name] = digest({name: value})

    def begin(self, trainer: Trainer, *sets: TrainingSet | None) -> None:
        """Let ``trainer`` write checkpoints, see `begin_prepared`."""
        prepared = [
            None if s is None else (s.inputs.x, s.inputs.lengths, s.targets, s.weights)
            for s in sets
        ]
        self.begin_prepared(trainer, prepared)

    def begin_prepared(self, trainer: Trainer, prepared: Any) -> None:
        """Let ``trainer`` write checkpoints, and go on from the one that was read.

        ``prepared`` is what it trains on and is judged by.

        Raises
        ------
        ValueError
            That is of other data, other parameters or another model to begin with; the
            message says which.
        """
        if self._checkpoint is None:
            return
        self._sums["prepared"] = digest(prepared)
        self._sums["model"] = digest((trainer.model.params.flat, trainer.epoch))
        if self._saved is not None:
            self._compare(self._saved.extra)
            self._checkpoint.resume(trainer, self._saved)
        self._checkpoint.extra = {
            "parameters": self._parameters,
            "seeds": self._seeds,
            "sums": self._sums,
        }
        trainer.callbacks.append(self._checkpoint)

    def _compare(self, extra: dict[str, Any]) -> None:
        assert self._saved is not None
        # Arguments that have come since were as their defaults are.
        before = {**self._defaults, **extra["parameters"]}
        differ = [
            f"{name} was {before[name]!r}, is {value!r}"
            for name, value in self._parameters.items()
            if not agree(before[name], value)
        ]
        differ += [
            f"{name} is not what it was"
            for name in sorted({*self._sums, *extra["sums"]} - {"prepared", "model"})
            if self._sums.get(name) != extra["sums"].get(name)
        ]
        if not differ and self._sums["model"] != extra["sums"]["model"]:
            differ = ["the model before the first step is another (of warm_start?)"]
        if not differ and self._sums["prepared"] != extra["sums"]["prepared"]:
            differ = [
                "the same data is split or scaled otherwise (by another version of "
                "fastlstm, scikit-learn or NumPy?)"
            ]
        if differ:
            raise ValueError(
                f"{self._saved.path} is of another fit: {'; '.join(differ)}. Pass what "
                "that fit had, or another checkpoint folder."
            )
