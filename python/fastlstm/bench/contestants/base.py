"""What a contestant is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, ClassVar, TypeAlias

from ..problem import Problem

__all__ = ["Call", "Contestant", "UnsupportedError", "Ways"]

# What is timed. It returns what it computed, one array or a tuple of arrays of the
# framework:
#   infer           y, h, c
#   train, ragged   dx, dW_ih, dW_hh, db
#   stream          h
Call: TypeAlias = Callable[[], Any]
# By mode and by the name of the way: how a call is made.
Ways: TypeAlias = Mapping[str, Mapping[str, Callable[[Problem], Call]]]


class UnsupportedError(Exception):
    """A framework cannot do this at all, and says why."""


class Contestant:
    """A framework with what it needs to run the jobs, in a process of its own.

    Design: a framework often offers several ways to the same result and the fastest
    depends on the shape. A contestant names them all in ``ways``; before a job is timed
    the worker tries each for a moment and keeps the fastest, so that a peer is met at
    its best. A mode that is not in ``ways`` is not supported.

    Subclasses import their framework in the constructor and nowhere else: this process
    may only want to know whether it is installed.

    Parameters
    ----------
    threads : int
        CPUs to use.
    dtype : {"float32", "float64"}
        Of weights and arithmetic.

    Raises
    ------
    UnsupportedError
        A dtype that the framework lacks.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = 'pip install "fastlstm[bench]"'
    # Whether x, y and dx are (T, N, .) and not (N, T, .).
    time_major: ClassVar[bool] = False

    version: str
    ways: Ways

    def __init__(self, threads: int, dtype: str) -> None:
        raise NotImplementedError

    @classmethod
    def missing(cls) -> str | None:
        """Say what is not installed and how to get it; None if nothing is missing."""
        absent = [module for module in cls.requires if find_spec(module) is None]
        if not absent:
            return None
        return f"{' and '.join(absent)} not installed: {cls.install}"
