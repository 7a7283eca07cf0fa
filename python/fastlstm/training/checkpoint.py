"""Checkpoints of a fit: what a process that was killed needs to go on to the same bits.

Design: a checkpoint is `Trainer.state_dict` between two batches, written as a whole or
not at all. The newest two are kept, so that one which the disk lost leaves another.
"""

from __future__ import annotations

import contextlib
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .._validate import check_float, check_int
from ..files import read_record, write_record
from ..files.whole import PathType
from .callbacks import Callback

if TYPE_CHECKING:
    from .loop import Trainer

__all__ = ["Checkpoint", "Saved"]

_NAME: Final = "step-{:012}.safetensors"
_PATTERN: Final = re.compile(r"step-\d{12}\.safetensors")
_TEMPORARY: Final = re.compile(r"\.step-\d{12}\.safetensors\..*\.tmp")
_KEPT: Final = 2
_LOOKS: Final = 100  # at a schedule, over the steps that were made
_CONTENTS: Final = {"trainer", "max_epochs", "stop_reason", "extra"}


class Saved(NamedTuple):
    """What a checkpoint holds."""

    path: Path
    trainer: dict[str, Any]
    max_epochs: int
    stop_reason: str | None
    extra: dict[str, Any]


class Checkpoint(Callback):
    """Writes the state of a fit to a folder while it trains; goes on from there.

    A checkpoint is written before the first step, after steps when it is time, and when
    training ends, by Ctrl-C too. The files are ``step-<steps>.safetensors``; the newest
    two are kept. A fit that goes on from one ends with the same bits as one that never
    stopped.

    Parameters
    ----------
    path : str or path
        A folder of this fit alone, made where there is none.
    every_steps : int, optional
        Write after this many optimizer steps.
    every_seconds : float or None, default=60.0
        Write after the first step that ends so long after the last writing. With both,
        whichever is first.

    Examples
    --------
    Estimators take one: ``fit(X, y, checkpoint=Checkpoint("run", every_steps=100),
    resume=True)``. With a `Trainer`::

        checkpoint = Checkpoint("run")
        trainer = Trainer(model, loss, optimizer, callbacks=[checkpoint], ...)
        checkpoint.resume(trainer)
        trainer.fit(data)
    """

    def __init__(
        self,
        path: PathType,
        *,
        every_steps: int | None = None,
        every_seconds: float | None = 60.0,
    ) -> None:
        if every_steps is not None:
            every_steps = check_int("every_steps", every_steps, 1)
        if every_seconds is not None:
            every_seconds = check_float("every_seconds", every_seconds, "[0, inf)")
        self.path = Path(path)
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self.extra: dict[str, Any] = {}
        self._saved: Saved | None = None
        self._refused: set[Path] = set()
        # Of the newest checkpoint of the fit under way.
        self._written: tuple[int, str | None] | None = None
        self._time = 0.0

    # ------------------------------------------------------------------- reading

    def read(self) -> Saved | None:
        """Read the newest checkpoint that is whole; None where there is none.

        Raises
        ------
        ValueError
            There are checkpoints, but none can be read.

        Warns
        -----
        UserWarning
            One cannot be read, and an older one is used.
        """
        wrong = []
        self._refused = set()
        for path in reversed(self._files()):
            try:
                _, content = read_record(path, ("checkpoint",))
                if set(content) != _CONTENTS:
                    raise ValueError(f"{path} does not hold {sorted(_CONTENTS)}")
            except ValueError as error:
                wrong.append(str(error))
                self._refused.add(path)
                continue
            if wrong:
                text = "; ".join(wrong)
                warnings.warn(f"{text}; {path} is used instead", stacklevel=2)
            return Saved(path, **content)
        if wrong:
            raise ValueError(f"no checkpoint can be read: {'; '.join(wrong)}")
        return None

    def resume(self, trainer: Trainer, saved: Saved | None = None) -> bool:
        """Bring ``trainer`` to the newest checkpoint, or to ``saved``.

        Its next ``fit``, of the same data, goes on from there. A fit that had ended is
        over at once, unless it ended at ``max_epochs`` and there are more now.

        Returns
        -------
        bool
            Whether there was a checkpoint.

        Raises
        ------
        ValueError
            The checkpoint is of a trainer with other settings, see
            `Trainer.load_state_dict`, or is beyond ``max_epochs``.
        """
        saved = self.read() if saved is None else saved
        if saved is None:
            return False
        try:
            epoch, begun = saved.trainer["epoch"], saved.trainer["position"] > 0
            if epoch + begun > trainer.max_epochs:
                raise ValueError(
                    f"it is in epoch {epoch + begun}, after the last one, "
                    f"{trainer.max_epochs}"
                )
            trainer.load_state_dict(saved.trainer)
            if _rates_depend_on_epochs(trainer, saved):
                raise ValueError(
                    f"its schedule {trainer.schedule!r} was one of {saved.max_epochs} "
                    f"epochs, not of {trainer.max_epochs}"
                )
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{saved.path} is of another fit: {error}") from error
        self._saved = saved
        self._written = (trainer.optimizer.steps, saved.stop_reason)
        return True

    def _files(self) -> list[Path]:
        """Return the checkpoints, the oldest first."""
        if not self.path.exists():
            return []
        return sorted(p for p in self.path.iterdir() if _PATTERN.fullmatch(p.name))

    # ------------------------------------------------------------------- writing

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Write the state before the first step, or end a fit that is over.

        Raises
        ------
        FileExistsError
            The folder holds checkpoints, and `resume` was not called.
        OSError
            The folder cannot be made or written to.
        """
        params = trainer.model.params
        ranges = [at for spec, at in params.layout.ranges() if spec.statistic]
        parts = [np.arange(at.start, at.stop) for at in ranges]
        self._statistics = np.concatenate(parts) if parts else None
        self._note(trainer)
        self._time = time.monotonic()
        if self._written is None:
            files = self._files()
            if files:
                raise FileExistsError(
                    f"{self.path} holds checkpoints of a fit already, the newest "
                    f"{files[-1].name}: pass resume=True to go on with it, or another "
                    "folder, or delete them"
                )
            self.path.mkdir(parents=True, exist_ok=True)
            self._write(trainer, None)
        for path in self.path.iterdir():
            if _TEMPORARY.fullmatch(path.name):  # a killed process has left it
                path.unlink(missing_ok=True)
        reason = None if self._saved is None else self._saved.stop_reason
        self._saved = None
        if reason not in (None, "interrupted", "max_epochs"):
            trainer.stop(reason)

    def on_batch_end(self, trainer: Trainer) -> None:
        """Write the state where it is time."""
        self._note(trainer)
        assert self._written is not None  # since on_fit_begin
        done = trainer.optimizer.steps - self._written[0]
        if (self.every_steps is not None and done >= self.every_steps) or (
            self.every_seconds is not None
            and time.monotonic() - self._time >= self.every_seconds
        ):
            self._try(trainer, None)

    def on_training_end(self, trainer: Trainer) -> None:
        """Write the last state, with the reason why it is the last."""
        if self._written != (trainer.optimizer.steps, trainer.stop_reason):
            self._try(trainer, trainer.stop_reason)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Be done with this fit: the next one has to be resumed, or begin elsewhere."""
        self._written = None

    def _note(self, trainer: Trainer) -> None:
        """Keep the running statistics of now.

        A forward writes them, and Ctrl-C may come before the step that belongs to it.
        """
        if self._statistics is not None:
            values = trainer.model.params.flat[self._statistics]
            self._noted = (trainer.optimizer.steps, values)

    def _try(self, trainer: Trainer, reason: str | None) -> None:
        """Write; a full disk is no reason to lose the fit."""
        try:
            self._write(trainer, reason)
        except OSError as error:
            self._time = time.monotonic()
            warnings.warn(f"no checkpoint could be written: {error}", stacklevel=2)

    def _write(self, trainer: Trainer, reason: str | None) -> None:
        state = trainer.state_dict()
        steps = trainer.optimizer.steps
        if self._statistics is not None and self._noted[0] == steps:
            state["weights"][self._statistics] = self._noted[1]
        content = {
            "trainer": state,
            "max_epochs": trainer.max_epochs,
            "stop_reason": reason,
            "extra": self.extra,
        }
        path = self.path / _NAME.format(steps)
        write_record(path, "checkpoint", content)
        self._refused.discard(path)
        self._written = (steps, reason)
        self._time = time.monotonic()
        # What cannot be read is no second one, and not ours to remove.
        whole = [path for path in self._files() if path not in self._refused]
        for old in whole[:-_KEPT]:
            with contextlib.suppress(OSError):
                old.unlink()


def _rates_depend_on_epochs(trainer: Trainer, saved: Saved) -> bool:
    """Tell whether ``max_epochs`` of now would have made other learning rates."""
    schedule, before = trainer.schedule, saved.max_epochs
    if schedule is None or before == trainer.max_epochs:
        return False
    steps = -(-saved.trainer["sequences"] // saved.trainer["batch_size"])  # an epoch
    totals = (before * steps, trainer.max_epochs * steps)
    end = steps * (saved.trainer["epoch"] + (saved.trainer["position"] > 0)) - 1
    places = {int(step) for step in np.linspace(0, end, _LOOKS)}
    return any(
        len({schedule(step, steps, total) for total in totals}) > 1 for step in places
    )
