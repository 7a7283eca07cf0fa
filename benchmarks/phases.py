"""Where the time of a layer goes: ``python benchmarks/phases.py [--threads N]``.

One line a shape and mode: the time of a call, the rate of its products beside what the
machine reaches on registers alone, and the share of each phase by the core's own timers
(the mean over threads; "other" is Python, opening a team, and uneven threads).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import fastlstm
import numpy as np
from fastlstm.bench.ceiling import fma_rate
from fastlstm.bench.shapes import Shape
from fastlstm.nn import LSTM

SHAPES = [
    Shape(1, 100, 64, 256),
    Shape(32, 50, 3, 20),
    Shape(32, 50, 8, 128),
    Shape(20, 35, 650, 650),
    Shape(16, 500, 80, 256),
]


def make_call(shape: Shape, train: bool) -> Callable[[], object]:
    lstm = LSTM(shape.inputs, shape.hidden, random_state=0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((shape.batch, shape.steps, shape.inputs), dtype=np.float32)
    if not train:
        return lambda: lstm(x)
    dy = rng.standard_normal((*x.shape[:2], shape.hidden), dtype=np.float32)

    def step() -> object:
        with lstm.params.update():  # new weights, as in every step of a fit
            pass
        _, _, cache = lstm.forward(x)
        lstm.zero_grad()
        return lstm.backward(dy, cache)

    return step


def report(shape: Shape, train: bool, threads: int) -> str:
    call = make_call(shape, train)
    call()
    totals: dict[str, float] = {}
    times, rates = [], []
    while sum(times) < 1.0 or len(times) < 5:
        rates.append(fma_rate(threads, 0.005))
        with fastlstm.profile() as phases:
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        for name, seconds in phases.items():
            totals[name] = totals.get(name, 0.0) + seconds / threads
    flops = 8.0 * shape.batch * shape.steps * shape.hidden
    flops *= (shape.inputs + shape.hidden) * (3 if train else 1)
    median = statistics.median(times)
    fraction = flops / median / statistics.median(rates)
    shares = {name: seconds / sum(times) for name, seconds in totals.items()}
    shares["other"] = 1.0 - sum(shares.values())
    parts = ", ".join(f"{k} {100 * v:.0f}" for k, v in shares.items() if v >= 0.005)
    mode = "training" if train else "inference"
    return (
        f"| {mode} | {shape} | {median * 1e3:.3g} | {flops / median / 1e9:.0f} "
        f"| {100 * fraction:.0f} % | {parts} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=fastlstm.get_num_threads())
    options = parser.parse_args()
    fastlstm.set_num_threads(options.threads)
    print("| | shape | ms | GFLOP/s | of FMA | share of each phase, % |")
    print("|---|---|---|---|---|---|")
    for train in (False, True):
        for shape in SHAPES:
            print(report(shape, train, options.threads), flush=True)


if __name__ == "__main__":
    main()
