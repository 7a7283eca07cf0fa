"""Turns and rounds: who runs what when."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Protocol

from .contestants import CONTESTANTS
from .problem import Problem
from .processes import ContestantError, Process
from .results import OURS, Results, Row, Timing
from .shapes import Job
from .worker import TURN_SECONDS

__all__ = ["Watcher", "run"]

PEAK_SECONDS = 3.0  # about what a new process and its imports take


class Watcher(Protocol):
    """Whoever wants to know how far a run is."""

    def begin(self, total: float) -> None:
        """Take note of the work to do, in estimated seconds."""

    def advance(self, amount: float, what: str) -> None:
        """Take note that so much of it is done, and of what runs now."""


def run(
    jobs: Sequence[Job],
    peers: Sequence[str],
    *,
    threads: int,
    dtype: str,
    rounds: int,
    memory: bool,
    watcher: Watcher,
) -> Results:
    """Time fastlstm and its peers, each in a process of its own, in turn.

    Spinning thread pools in one process slow one another down, and a machine's speed
    drifts: so every contestant sleeps while another works, and all of them meet every
    round. Where a peer cannot take part, or not in a job, ``notes`` says why. After
    Ctrl-C the results are those of the finished rounds.

    Parameters
    ----------
    jobs : sequence of Job
        What to run, in this order.
    peers : sequence of str
        Keys of ``CONTESTANTS`` other than "fastlstm".
    threads : int
        CPUs for each contestant.
    dtype : {"float32", "float64"}
        Of weights and arithmetic.
    rounds : int
        Turns of each contestant at each job.
    memory : bool
        Whether to measure peak memory too, each time in a new process.
    watcher : Watcher
        Is told of the progress.

    Raises
    ------
    ContestantError
        What fastlstm itself could not do.
    """
    results = Results(threads, dtype, rounds)
    with ExitStack() as stack:
        try:
            seats = _seat([OURS, *peers], results, stack)
            costs = [_estimate(job, dtype, len(seats)) for job in jobs]
            fresh = PEAK_SECONDS * len(seats) * memory
            watcher.begin(sum(rounds * cost + fresh for cost in costs))
            for job, cost in zip(jobs, costs, strict=True):
                what = f"{job.mode} {job.shape}"
                watcher.advance(0, what)
                row = _prepare(job, seats, results)
                for number in range(rounds):
                    _round(row, number, seats, results)
                    watcher.advance(cost, what)
                if memory:
                    _peaks(row, results)
                    watcher.advance(fresh, what)
        except KeyboardInterrupt:
            results.interrupted = True
    results.rows = [row for row in results.rows if row.timings[OURS].seconds]
    return results


def _seat(
    names: Sequence[str], results: Results, stack: ExitStack
) -> dict[str, Process]:
    """Start everyone at once, then wait for each."""
    seats = {}
    for name in names:
        if reason := CONTESTANTS[name].missing():
            results.notes.append(f"{name} is left out: {reason}")
        else:
            process = Process(name, results.threads, results.dtype)
            seats[name] = stack.enter_context(closing(process))
    for name, process in list(seats.items()):
        try:
            results.versions[name] = process.version()
        except ContestantError as error:
            _excuse(name, error)
            results.notes.append(f"{name} is left out: {error}")
            del seats[name]
    return seats


def _prepare(job: Job, seats: dict[str, Process], results: Results) -> Row:
    row = Row(job, Problem(job, results.dtype).flops)
    for name in list(seats):
        try:
            way = seats[name].ask("prepare", job)
        except ContestantError as error:
            _note(name, job, error, seats, results)
        else:
            if way is not None:
                row.timings[name] = Timing(way)
    results.rows.append(row)
    return row


def _round(row: Row, number: int, seats: dict[str, Process], results: Results) -> None:
    """Give everyone a turn; every other round backwards, so that none is always first.

    The row gets the turns of everyone or, interrupted, of no one.
    """
    rate = seats[OURS].ask("fma_rate")
    seconds = {}
    for name in list(row.timings)[:: -1 if number % 2 else 1]:
        try:
            seconds[name] = seats[name].ask("turn")
        except ContestantError as error:
            _note(name, row.job, error, seats, results)
            del row.timings[name]
    for name, timing in row.timings.items():
        timing.seconds.append(seconds[name])
    row.fma_rates.append(rate)


def _peaks(row: Row, results: Results) -> None:
    for name, timing in row.timings.items():
        with closing(Process(name, results.threads, results.dtype)) as process:
            try:
                process.version()
                timing.peak_bytes = process.ask("peak", row.job, timing.way)
            except ContestantError as error:
                _excuse(name, error)
                results.notes.append(f"{name}, memory of {row.job.shape}: {error}")


def _note(
    name: str,
    job: Job,
    error: ContestantError,
    seats: dict[str, Process],
    results: Results,
) -> None:
    """Remember what went wrong, once: a peer without a process runs no more."""
    _excuse(name, error)
    results.notes.append(f"{name} failed at {job.mode} {job.shape}: {error}")
    if not seats[name].alive:
        results.notes[-1] += "; left out from there on"
        del seats[name]


def _excuse(name: str, error: ContestantError) -> None:
    """Let a peer fail, but not this package."""
    if name == OURS:
        raise error


def _estimate(job: Job, dtype: str, contestants: int) -> float:
    """Guess the seconds of a round: two calls a turn at a modest 50 GFLOP/s."""
    seconds = 2 * Problem(job, dtype).flops / 50e9
    return contestants * max(TURN_SECONDS, seconds)
