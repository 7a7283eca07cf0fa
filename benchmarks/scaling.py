"""How time grows with B, T, H, I and threads: ``python benchmarks/scaling.py``.

Each size is doubled from a middle shape while the others stay; a line shows the time of
inference and of a training step (forward and backward) and what doubling cost.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import fastlstm
from fastlstm.bench.contestants import Call
from fastlstm.bench.shapes import Shape
from phases import make_call

MIDDLE = Shape(16, 50, 32, 128)
SIZES = {
    "batch": [1, 2, 4, 8, 16, 32, 64, 128],
    "steps": [1, 10, 50, 100, 200, 400, 800],
    "hidden": [16, 32, 64, 128, 256, 512, 1024],
    "inputs": [1, 8, 32, 128, 512],
}


def seconds(call: Call) -> float:
    call()
    times: list[float] = []
    while sum(times) < 0.3 or len(times) < 5:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def series() -> Iterator[tuple[str, int, Shape, int]]:
    threads = fastlstm.get_num_threads()
    for name, values in SIZES.items():
        for value in values:
            yield name, value, MIDDLE._replace(**{name: value}), threads
    for n in range(1, threads + 1):
        yield "threads", n, MIDDLE._replace(batch=32), n


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    print(f"Middle: {MIDDLE}, {fastlstm.get_num_threads()} threads")
    print("| grows | to | inference ms | x | training ms | x |")
    print("|---|---|---|---|---|---|")
    before: tuple[str, float, float] | None = None
    for name, value, shape, threads in series():
        infer, train = (
            seconds(make_call(mode, shape, threads)[0]) for mode in ("infer", "train")
        )
        same = before is not None and before[0] == name
        growth = [
            f"{a / b:.2f}" if same else ""
            for a, b in zip((infer, train), (before or ("", 1.0, 1.0))[1:], strict=True)
        ]
        print(
            f"| {name} | {value} | {infer * 1e3:.3g} | {growth[0]} "
            f"| {train * 1e3:.3g} | {growth[1]} |",
            flush=True,
        )
        before = (name, infer, train)


if __name__ == "__main__":
    main()
