"""A contestant's process, seen from outside."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .worker import serve

__all__ = ["ContestantError", "Process"]

_PATIENCE = 2.0  # seconds to end by itself, or to end when it is told to


class ContestantError(Exception):
    """What a contestant could not do, in one line."""


class Process:
    """A contestant that works while it is asked and sleeps otherwise.

    Spawned, not forked: a fork would inherit the threads and locks of this process.

    Parameters
    ----------
    name : str
        A key of ``CONTESTANTS``.
    threads : int
        CPUs to use.
    dtype : {"float32", "float64"}
        Of weights and arithmetic.
    """

    def __init__(self, name: str, threads: int, dtype: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, name, threads, dtype), name=name, daemon=True
        )
        with _interrupts_ignored():
            self._process.start()
        theirs.close()  # so that its end is noticed
        self.alive = True

    def version(self) -> str:
        """Wait until it is ready; once, and before anything is asked.

        Raises
        ------
        ContestantError
            The framework cannot be imported, or lacks the dtype.
        """
        return str(self._answer())

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of its ``Worker``.

        Raises
        ------
        ContestantError
            The method raised, or the process has ended: then ``alive`` is False.
        """
        return self._answer((method, arguments))

    def _answer(self, *requests: Any) -> Any:
        try:
            for request in requests:
                self._pipe.send(request)
            succeeded, value = self._pipe.recv()
        except (EOFError, OSError):
            self.alive = False
            self._process.join(_PATIENCE)
            code = self._process.exitcode
            raise ContestantError(f"its process ended with exit code {code}") from None
        if not succeeded:
            raise ContestantError(value)
        return value

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._pipe.close()
        self._process.terminate()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let a new process inherit that Ctrl-C is not for it, even while it imports."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
