"""Where the time of a layer goes: ``python benchmarks/phases.py [--threads N]``.

One line a shape and mode: the time of a call, the rate of its products beside what the
machine reaches on registers alone, and the share of each phase by the core's own timers
(the mean over threads; "other" is Python, opening a team, and uneven threads).
"""

from __future__ import annotations

import argparse
import statistics
import time

import fastlstm
from fastlstm import _core
from fastlstm.bench.contestants import CONTESTANTS, Call
from fastlstm.bench.problem import Problem
from fastlstm.bench.shapes import Job, Shape

SHAPES = [
    Shape(1, 100, 64, 256),
    Shape(32, 50, 3, 20),
    Shape(32, 50, 8, 128),
    Shape(20, 35, 650, 650),
    Shape(16, 500, 80, 256),
]


def make_call(mode: str, shape: Shape, threads: int) -> tuple[Call, float]:
    """Return a call of the layer, as `fastlstm bench` times it, and its operations."""
    problem = Problem(Job(mode, shape), "float32")
    layer = CONTESTANTS["fastlstm"](threads, problem.dtype)
    [way] = layer.ways[mode].values()  # ours has one in each mode
    return way(problem), problem.flops


def report(mode: str, shape: Shape, threads: int) -> str:
    call, flops = make_call(mode, shape, threads)
    call()
    totals: dict[str, float] = {}
    times, rates = [], []
    while sum(times) < 1.0 or len(times) < 5:
        rates.append(_core.fma_rate(threads, 0.005))
        with fastlstm.profile() as phases:
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        for name, seconds in phases.items():
            totals[name] = totals.get(name, 0.0) + seconds / threads
    median = statistics.median(times)
    fraction = flops / median / statistics.median(rates)
    shares = {name: seconds / sum(times) for name, seconds in totals.items()}
    shares["other"] = 1.0 - sum(shares.values())
    parts = ", ".join(f"{k} {100 * v:.0f}" for k, v in shares.items() if v >= 0.005)
    return (
        f"| {mode} | {shape} | {median * 1e3:.3g} | {flops / median / 1e9:.0f} "
        f"| {100 * fraction:.0f} % | {parts} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=fastlstm.get_num_threads())
    options = parser.parse_args()
    print("| | shape | ms | GFLOP/s | of FMA | share of each phase, % |")
    print("|---|---|---|---|---|---|")
    for mode in ("infer", "train"):
        for shape in SHAPES:
            print(report(mode, shape, options.threads), flush=True)


if __name__ == "__main__":
    main()
