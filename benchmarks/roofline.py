"""What bounds each shape: ``python benchmarks/roofline.py [--threads N]``.

For every shape of ``fastlstm bench --shapes all``, float32, in milliseconds:

- *products*: the gates' multiply-adds at the rate that registers alone reach;
- *weights*: reading the weights at each step, as often as tiles of rows need them, at
  the rate at which a block of that size can be read: that of the cache they lie in;
- *cell*: the pointwise part at its own rate, which is not hidden behind the products;
- *call*: the smallest call there is, from Python.

The bound is the larger of products and weights, and cell and call. Rates are measured
on as many threads as the shape runs, in turn with the call itself, and of each the best
of several rounds is taken. In training, products count three times (forward; dh and
dx; dW), weights twice, and the cell forward and backward; packing the weights and
moving the gates to memory and back are left out. Let the machine idle else: what others
do to a rate and not to a call shows as more than 100 %.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import NamedTuple

import fastlstm
import numpy as np
from fastlstm import _core
from fastlstm.bench.contestants import Call
from fastlstm.bench.shapes import TABLES, Shape
from fastlstm.nn import LSTM
from phases import make_call

ROWS_OF_A_TILE = 6
NEAR = 256 * 1024  # of a panel of weights that a second tile of rows reads again
# With fewer rows a step W_ih is read once for many steps; the second number holds where
# the weights exceed NEAR_BYTES. As csrc/nn/cost.h has them.
ROWS_FOR_NEAR, ROWS_FOR_FAR, NEAR_BYTES = 4, 96, 8e6
ROUNDS = 5
SECONDS = 0.01  # of a measurement of a rate


class Bound(NamedTuple):
    """Seconds that a call takes at least."""

    products: float
    weights: float
    cell: float
    call: float

    @property
    def total(self) -> float:
        return max(self.products, self.weights) + self.cell + self.call

    @property
    def name(self) -> str:
        """The largest part."""
        return max(self._fields, key=lambda field: getattr(self, field))


def seconds(call: Call) -> float:
    """Return the least time of one call, from many, after one that does not count."""
    call()
    least, repeats, passed = math.inf, 1, 0.0
    while passed < 20e-3:
        begin = time.perf_counter()
        for _ in range(repeats):
            call()
        turn = time.perf_counter() - begin
        least, passed = min(least, turn / repeats), passed + turn
        if turn < 50e-6:  # the clock costs a part of a microsecond
            repeats *= 2
    return least


def plan(mode: str, shape: Shape, threads: int) -> tuple[str, int]:
    """Return what is cut over how many threads."""
    layer = LSTM(shape.inputs, shape.hidden, random_state=0)
    x = np.zeros((shape.batch, shape.steps, shape.inputs), np.float32)
    fastlstm.set_num_threads(threads)
    if mode == "stream":
        stepper = layer.stream(shape.batch)
        for _ in range(100):
            stepper.step(x[:, 0])
        path = stepper.path
    else:
        layer.forward(x) if mode == "train" else layer(x)
        path = layer.path
    cut, _, count = path.partition(", ")[2].partition(" x ")
    return cut, int(count or 1)


def measure(mode: str, shape: Shape, threads: int, call: float) -> tuple[Bound, float]:
    """Return what bounds a shape, and its own time, in seconds."""
    B, T, I, H = shape  # noqa: E741
    cut, team = plan(mode, shape, threads)
    training = mode == "train"
    rows = math.ceil(B / team) if cut == "rows" else B
    far = 16 * H * (I + H) > NEAR_BYTES
    # Whether W_ih is read once for many steps.
    once = T > 1 and I >= 4 and rows < (ROWS_FOR_FAR if far else ROWS_FOR_NEAR)
    size = 16 * H * (H if once else I + H) // (team if cut == "units" else 1)
    again = math.ceil(rows / ROWS_OF_A_TILE) - 1
    own, _ = make_call(mode, shape, threads)
    own()
    best = dict.fromkeys(("fma", "far", "near", "cell", "back"), 0.0)
    least = math.inf
    for _ in range(ROUNDS):
        rates = {
            "fma": _core.fma_rate(team, SECONDS),
            "far": _core.read_rate(team, SECONDS, size),
            "near": _core.read_rate(team, SECONDS, NEAR),
            "cell": _core.cell_rate(team, SECONDS),
            "back": _core.cell_rate(team, SECONDS, backward=True),
        }
        best = {name: max(best[name], rate) for name, rate in rates.items()}
        least = min(least, seconds(own))
    flops = 8.0 * B * T * H * (I + H)
    read = T * size * team * (1 / best["far"] + again / best["near"])
    cell = B * T * H / best["cell"]
    if training:
        flops, read, cell = 3 * flops, 2 * read, cell + B * T * H / best["back"]
    return Bound(flops / best["fma"], read, cell, call), least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=fastlstm.get_num_threads())
    threads = parser.parse_args().threads
    columns = [*Bound._fields, "bound", "measured", "of bound", "by"]
    print(f"| | shape | {' | '.join(columns)} |")
    print("|---" * (2 + len(columns)) + "|")
    for mode in ("infer", "train", "stream"):
        smallest, _ = make_call(mode, Shape(1, 1, 1, 1), threads)
        least = min(seconds(smallest) for _ in range(ROUNDS))
        for shape in TABLES["all"][mode]:
            limit, measured = measure(mode, shape, threads, least)
            parts = " | ".join(f"{1e3 * part:.3g}" for part in limit)
            print(
                f"| {mode} | {shape} | {parts} | {1e3 * limit.total:.3g} "
                f"| {1e3 * measured:.3g} | {100 * limit.total / measured:.0f} % "
                f"| {limit.name} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
