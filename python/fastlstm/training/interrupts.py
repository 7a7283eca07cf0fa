"""Ctrl-C between two states of a fit, never in the middle of one.

Design: Python runs signal handlers in the main thread, between any two bytecodes, so
in the middle of an optimizer step as well. Handlers are costly to swap, flags are not:
so a fit puts one handler in front of the one there was, and marks what has to be done
whole (the step and its counters, milliseconds). Elsewhere Ctrl-C acts at once.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self

__all__ = ["Interrupts"]


class Interrupts:
    """Holds Ctrl-C back in ``with interrupts:`` blocks, between `start` and `stop`.

    Does nothing in other threads than the main one, which are never interrupted, and
    where no Python function handles the signal.
    """

    def __init__(self) -> None:
        self._installed = False
        self._holding = False
        self._came = False
        self._frame: FrameType | None = None

    def start(self) -> None:
        """Put the handler in front of the one there is."""
        if threading.current_thread() is not threading.main_thread():
            return
        before = signal.getsignal(signal.SIGINT)
        if not callable(before) or isinstance(before, signal.Handlers):
            return
        self._came = False
        self._before = before
        # A bound method is a new object each time; this one is what `stop` looks for.
        self._handler = self._handle
        self._installed = True
        signal.signal(signal.SIGINT, self._handler)

    def stop(self) -> None:
        """Put the handler of before back, unless somebody has set another since."""
        if self._installed:
            self._installed = False
            if signal.getsignal(signal.SIGINT) is self._handler:
                signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._holding:
            self._came, self._frame = True, frame
        else:
            self._before(number, frame)

    def __enter__(self) -> Self:
        self._holding = True
        return self

    def __exit__(self, *exception: object) -> None:
        self._holding = False
        if self._came:
            frame, self._came, self._frame = self._frame, False, None
            self._before(signal.SIGINT, frame)
