"""What a cell variant costs: ``python benchmarks/variants.py [--threads N]``.

Forward and backward of each variant over the plain cell's, from weights that have just
changed; they take turns in one process, medians of the ratios of all rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import fastlstm
import numpy as np
from fastlstm.bench.shapes import Shape
from fastlstm.nn import LSTM

SHAPES = [Shape(64, 50, 16, 64), Shape(32, 50, 8, 128), Shape(16, 100, 80, 256)]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "peephole": {"peephole": True},
    "coupled gates": {"coupled_gates": True},
    "cell clip": {"cell_clip": 3.0},
    "hard sigmoid": {"gate_activation": "hard_sigmoid"},
    "relu": {"cell_activation": "relu"},
    "projection to H/2": {"projection_size": 1},
    "zoneout of h": {"zoneout_h": 0.1},
    "zoneout of c": {"zoneout_c": 0.1},
    "zoneout of both": {"zoneout_h": 0.1, "zoneout_c": 0.1},
    "variational dropout": {"variational_dropout": 0.3},
    "recurrent dropout on g": {"recurrent_dropout": 0.3},
    "recurrent dropout on h": {
        "recurrent_dropout": 0.3,
        "recurrent_dropout_kind": "hidden",
    },
    "weight drop": {"weight_dropout": 0.5},
}
ROUNDS = 25


def training_step(shape: Shape, options: dict[str, Any]) -> Callable[[], object]:
    if "projection_size" in options:
        options = {"projection_size": shape.hidden // 2}
    lstm = LSTM(shape.inputs, shape.hidden, random_state=0, **options)
    rng = np.random.default_rng(0)
    size = (shape.batch, shape.steps)
    x = rng.standard_normal((*size, shape.inputs), dtype=np.float32)
    dy = rng.standard_normal((*size, lstm.output_size), dtype=np.float32)

    def step() -> object:
        with lstm.params.writable():
            pass
        _, _, cache = lstm.forward(x)
        lstm.zero_grad()
        return lstm.backward(dy, cache)

    return step


def seconds(step: Callable[[], object]) -> float:
    begin = time.perf_counter()
    for _ in range(3):
        step()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=fastlstm.get_num_threads())
    fastlstm.set_num_threads(parser.parse_args().threads)
    print(f"| time over the plain cell's | {' | '.join(map(str, SHAPES))} |")
    print("|---" * (1 + len(SHAPES)) + "|")
    columns = []
    for shape in SHAPES:
        steps = {name: training_step(shape, o) for name, o in VARIANTS.items()}
        for step in steps.values():
            step()
        rounds = []
        for number in range(ROUNDS):
            order = list(steps) if number % 2 else list(steps)[::-1]
            rounds.append({name: seconds(steps[name]) for name in order})
        columns.append(
            {
                name: statistics.median(r[name] / r["plain"] for r in rounds)
                for name in steps
            }
        )
    for name in VARIANTS:
        print(f"| {name} | {' | '.join(f'{c[name]:.2f}' for c in columns)} |")


if __name__ == "__main__":
    main()
