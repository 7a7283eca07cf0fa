"""What the suites share: `pytest benchmarks` times fastlstm alone, without peers.

The same shapes beside other frameworks, with ratios: `fastlstm bench`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastlstm import _core
from fastlstm.bench.contestants.fastlstm import FastLSTM
from fastlstm.bench.problem import Problem
from fastlstm.bench.shapes import Job, Shape

Run = Callable[[str, Shape, str], tuple[Any, ...]]


@pytest.fixture
def run_job(benchmark: Any) -> Run:
    """Time what `fastlstm bench` times in a mode at a shape, and return its results."""

    def run(mode: str, shape: Shape, dtype: str = "float32") -> tuple[Any, ...]:
        problem = Problem(Job(mode, shape), dtype)
        contestant = FastLSTM(_core.get_num_threads(), dtype)
        (make,) = contestant.ways[mode].values()
        results = benchmark(make(problem))
        benchmark.extra_info["gflop"] = problem.flops / 1e9
        results = results if isinstance(results, tuple) else (results,)
        assert all(np.isfinite(array).all() for array in results)
        return results

    return run


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
