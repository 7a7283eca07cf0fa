"""A progress bar with the time that is left, the loss and the validation score."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from .callbacks import Callback

if TYPE_CHECKING:
    from .loop import Trainer

__all__ = ["Progress", "find_tqdm"]

# A log file gets this many lines a fit; a terminal at most ten updates a second.
_LINES_A_FIT = 10
_SECONDS_BETWEEN = 0.1


class Progress(Callback):
    """Shows the progress of a fit: tqdm's bar where tqdm is installed, else a line.

    Parameters
    ----------
    stream : text stream, optional
        Where plain lines go; the standard error by default.
    use_tqdm : bool, default=True
        Use tqdm where it is installed; it knows terminals and notebooks.
    """

    def __init__(self, *, stream: TextIO | None = None, use_tqdm: bool = True) -> None:
        self.stream = stream
        self.use_tqdm = use_tqdm
        self._bar: Any = None
        self._began = 0.0
        self._shown = 0.0
        self._first_epoch = 0

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Start the clock and the bar."""
        self._began = time.monotonic()
        self._shown = 0.0
        self._first_epoch = trainer.epoch
        tqdm = find_tqdm() if self.use_tqdm else None
        if tqdm is not None:
            self._bar = tqdm(
                total=trainer.max_epochs,
                initial=trainer.epoch,
                unit="epoch",
                file=self.stream,
            )

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Show the epoch that has ended."""
        if self._bar is not None:
            self._bar.set_postfix_str(_numbers(trainer), refresh=False)
            self._bar.update()
            return
        stream = self.stream or sys.stderr
        now = time.monotonic()
        if stream.isatty():
            if now - self._shown >= _SECONDS_BETWEEN:
                self._shown = now
                print(f"\r{self._line(trainer)}\x1b[K", end="", file=stream, flush=True)
        elif trainer.stop_reason is not None:
            return  # the end of the fit has a line that says why
        elif trainer.epoch % max(1, trainer.max_epochs // _LINES_A_FIT) == 0:
            print(self._line(trainer), file=stream, flush=True)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the bar or the line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
            return
        stream = self.stream or sys.stderr
        start = "\r" if stream.isatty() else ""
        end = "\x1b[K\n" if stream.isatty() else "\n"
        line = f"{self._line(trainer)} ({trainer.stop_reason or 'failed'})"
        print(start + line, end=end, file=stream, flush=True)

    def _line(self, trainer: Trainer) -> str:
        seconds = time.monotonic() - self._began
        done = trainer.epoch - self._first_epoch
        left = ""
        if done and trainer.stop_reason is None:
            rest = seconds / done * (trainer.max_epochs - trainer.epoch)
            left = f", at most {_duration(rest)} left"
        return (
            f"epoch {trainer.epoch}/{trainer.max_epochs}, "
            f"{_duration(seconds)}{left}, {_numbers(trainer)}"
        )


def find_tqdm() -> Any:
    """Return tqdm, which knows terminals and notebooks; None where it is not there."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def _numbers(trainer: Trainer) -> str:
    if not trainer.loss_curve:
        return "no epoch finished"
    text = f"loss {trainer.loss_curve[-1]:.4g}"
    if trainer.score_curve:
        text += f", validation score {trainer.score_curve[-1]:.4g}"
    return text


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
