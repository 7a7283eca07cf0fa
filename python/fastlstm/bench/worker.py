"""What runs in the process that a contestant has to itself."""

from __future__ import annotations

import gc
import signal
import statistics
import time
from contextlib import suppress
from itertools import repeat
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from .. import _core
from .contestants import CONTESTANTS, Call, UnsupportedError
from .memory import peak_bytes, start_peak
from .problem import Array, Problem
from .shapes import Job

__all__ = ["TURN_SECONDS", "Worker", "serve"]

# A turn is long enough to wake threads and caches and to take a median, and short
# enough that all contestants meet the machine in the same state.
TURN_SECONDS = 0.15
WAKE_SECONDS = 0.015
TRIAL_SECONDS = 0.1
FMA_SECONDS = 0.02
# Shorter samples would measure the clock.
SAMPLE_SECONDS = 20e-6


class Worker:
    """One contestant, and the call that it is ready for.

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
        self._contestant = CONTESTANTS[name](threads, dtype)
        self._threads = threads
        self._dtype = dtype
        self._call: Call | None = None
        self._seconds = 0.0

    def version(self) -> str:
        """Return the framework's version."""
        return self._contestant.version

    def prepare(self, job: Job) -> str | None:
        """Get ready for a job and name the fastest way; None if there is none."""
        self._call = None  # what the last job held goes first
        gc.collect()
        ways = self._contestant.ways.get(job.mode, {})
        problem = Problem(job, self._dtype)
        best, self._seconds = None, float("inf")
        for way, make in ways.items():
            call = make(problem)
            call()  # compile, allocate
            seconds = _median(call, 1, TRIAL_SECONDS if len(ways) > 1 else 0)
            if seconds < self._seconds:
                best, self._call, self._seconds = way, call, seconds
        return best

    def turn(self) -> float:
        """Return the seconds of a call, the median of a turn."""
        assert self._call is not None
        repeats = max(1, round(SAMPLE_SECONDS / self._seconds))
        gc.collect()
        gc.disable()
        try:
            if self._seconds < TURN_SECONDS:
                _median(self._call, repeats, WAKE_SECONDS)
            return _median(self._call, repeats, TURN_SECONDS)
        finally:
            gc.enable()

    def fma_rate(self) -> float:
        """Measure the machine's ceiling: multiply-adds on registers alone.

        In operations a second, two a multiply-add. Machines are shared and change their
        clock, so every round asks anew.
        """
        return _core.fma_rate(self._threads, FMA_SECONDS, self._dtype)

    def peak(self, job: Job, way: str) -> int | None:
        """Return by how many bytes a job lets a new process grow at its peak.

        Weights, input and results count; the framework does not, because the same mode
        has run before on one unit.
        """
        make = self._contestant.ways[job.mode][way]
        steps = min(job.shape.steps, 2)
        tiny = job.shape._replace(batch=1, steps=steps, inputs=1, hidden=1)
        make(Problem(job._replace(shape=tiny), self._dtype))()
        gc.collect()
        before = start_peak()
        call = make(Problem(job, self._dtype))
        for _ in range(3):
            call()
        after = peak_bytes()
        return None if before is None or after is None else after - before

    def compute(self, job: Job) -> dict[str, list[Array]]:
        """Return what a call computes, by way: in fastlstm's layout, for comparison."""
        found = {}
        for way, make in self._contestant.ways.get(job.mode, {}).items():
            call = make(Problem(job, self._dtype))
            call()  # a step goes on from another state than zero
            results = call()
            if not isinstance(results, (tuple, list)):
                results = (results,)
            found[way] = [self._as_ours(job, result) for result in results]
        return found

    def _as_ours(self, job: Job, result: Any) -> Array:
        """Return y and dx as (N, T, .), states as (N, H), weights as they are."""
        array = np.array(result)  # a copy: some write into the same array again
        batch, steps = job.shape[:2]
        if array.ndim < 3:
            return array
        if array.size == batch * array.shape[-1]:
            return array.reshape(batch, -1)
        if self._contestant.time_major:
            return array.reshape(steps, batch, -1).swapaxes(0, 1)
        return array


def _median(call: Call, repeats: int, seconds: float) -> float:
    """Return the median seconds of a call over samples of ``repeats`` calls."""
    clock = time.perf_counter
    samples = []
    end = clock() + seconds
    while True:
        begin = clock()
        for _ in repeat(None, repeats):
            call()
        now = clock()
        samples.append((now - begin) / repeats)
        if now >= end:
            return statistics.median(samples)


def serve(pipe: Connection, name: str, threads: int, dtype: str) -> None:
    """Send the version, then answer requests (method, arguments) until the end.

    Every answer is a pair: True and a value, or False and a line on what went wrong.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with suppress(EOFError, OSError):  # the parent is gone
        try:
            worker = Worker(name, threads, dtype)
        except Exception as error:
            pipe.send((False, _one_line(error)))
            return
        pipe.send((True, worker.version()))
        while True:
            method, arguments = pipe.recv()
            try:
                answer = True, getattr(worker, method)(*arguments)
            except Exception as error:
                answer = False, _one_line(error)
            pipe.send(answer)


def _one_line(error: Exception) -> str:
    kind = "" if isinstance(error, UnsupportedError) else f"{type(error).__name__}: "
    return kind + " ".join(str(error).split())[:200]
