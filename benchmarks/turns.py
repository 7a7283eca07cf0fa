"""Contestants that take turns, each in a process of its own.

Spinning thread pools in one process would slow one another down; so each has its own,
and sleeps while another works. A contestant starts, which does not count; then they
take turns, seed by seed, every other round backwards.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np


def take_turns(
    names: list[str],
    seeds: int,
    start: Callable[..., dict[str, Any]],
    turn: Callable[[int], dict[str, float]],
    *arguments: Any,
) -> dict[str, Any]:
    """Collect the numbers of all turns of each contestant.

    Parameters
    ----------
    names : list of str
    seeds : int
    start : callable
        Called with a name and ``arguments`` in that contestant's process; what it
        returns is kept.
    turn : callable
        Called with a seed, likewise; of each number a list is made.
    """
    context = multiprocessing.get_context("spawn")
    rows: dict[str, Any] = {}
    with ExitStack() as stack:
        seats = {}
        for name in names:
            seat = ProcessPoolExecutor(1, mp_context=context)
            seats[name] = stack.enter_context(seat)
            rows[name] = seat.submit(start, name, *arguments).result()
        for seed in range(seeds):
            for name in names[:: -1 if seed % 2 else 1]:
                for key, value in seats[name].submit(turn, seed).result().items():
                    rows[name].setdefault(key, []).append(value)
    return rows


def times_as_long(rows: dict[str, Any], name: str, ours: str) -> float:
    """How many times as long a fit of ``name`` takes: the median over the rounds."""
    return float(np.median(np.divide(rows[name]["fit"], rows[ours]["fit"])))


def same_within_spread(rows: dict[str, Any], name: str, ours: str, score: str) -> bool:
    """Whether means differ by no more than the larger deviation between seeds."""
    a, b = (np.array(rows[n][score]) for n in (ours, name))
    spread = max(a.std(ddof=1), b.std(ddof=1))
    return bool(abs(a.mean() - b.mean()) <= spread)
