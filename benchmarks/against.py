"""Time fastlstm beside a peer: ``python benchmarks/against.py [torch]``.

Each contestant runs in a process of its own and sleeps while the other works (in one
process their spinning thread pools slow one another down). They take turns, shape by
shape and round by round, so that a drift of the machine meets both; the table shows the
median of the rounds and their ratio.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path

from contestants import CONTESTANTS
from shapes import INFERENCE, ODD, TRAINING, Shape

SECONDS_A_TURN = 0.15


def _worker(pipe: Connection, name: str, threads: int, dtype: str) -> None:
    """Answer (mode, shape) with the seconds of one call, until None comes."""
    contestant = CONTESTANTS[name](threads, dtype)
    prepared, counts = {}, {}
    while (job := pipe.recv()) is not None:
        if job not in prepared:
            prepared[job] = contestant.prepare(*job)
            prepared[job]()
            begin = time.perf_counter()
            prepared[job]()
            once = time.perf_counter() - begin
            counts[job] = max(1, int(SECONDS_A_TURN / max(once, 1e-7)))
        call = prepared[job]
        call()  # wake the threads and the caches up again
        times = []
        for _ in range(min(counts[job], 200)):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        pipe.send(statistics.median(times))


def run(
    peer: str, threads: int, dtype: str, rounds: int, jobs: list[tuple[str, Shape]]
) -> list[dict[str, object]]:
    """Return one row a job: medians in milliseconds and the ratio peer / fastlstm."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for name in ("fastlstm", peer):
        ours, theirs = context.Pipe()
        process = context.Process(target=_worker, args=(theirs, name, threads, dtype))
        process.start()
        pipes[name] = ours
        processes.append(process)
    rows = []
    for mode, shape in jobs:
        times: dict[str, list[float]] = {name: [] for name in pipes}
        for _ in range(rounds):
            for name, pipe in pipes.items():
                pipe.send((mode, shape))
                times[name].append(pipe.recv())
        ratios = [b / a for a, b in zip(times["fastlstm"], times[peer], strict=True)]
        ours = statistics.median(times["fastlstm"])
        flops = shape.forward_flops * (1 if mode == "infer" else 3)
        rows.append(
            {
                "mode": mode,
                "shape": list(shape),
                "fastlstm_ms": ours * 1e3,
                f"{peer}_ms": statistics.median(times[peer]) * 1e3,
                "ratio": statistics.median(ratios),
                "gflops": flops / ours / 1e9,
            }
        )
        print(_line(rows[-1], peer, shape), flush=True)
    for pipe in pipes.values():
        pipe.send(None)
    for process in processes:
        process.join()
    return rows


def _line(row: dict[str, object], peer: str, shape: Shape) -> str:
    return (
        f"{row['mode']:<6} {shape!s:<20} {row['fastlstm_ms']:>10.3f} "
        f"{row[f'{peer}_ms']:>10.3f} {row['ratio']:>7.2f} {row['gflops']:>8.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", nargs="?", default="torch", choices=["torch"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--modes", default="infer,train")
    parser.add_argument("--largest", type=float, default=math.inf, help="GFLOP a call")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tables = {"infer": INFERENCE + ODD, "train": TRAINING + ODD}
    jobs = [
        (mode, shape)
        for mode in options.modes.split(",")
        for shape in tables[mode]
        if shape.forward_flops <= options.largest * 1e9
    ]
    print(f"{options.dtype}, {options.threads} threads, {options.rounds} rounds")
    print(
        f"{'mode':<6} {'batch x steps, in->hidden':<20} {'fastlstm ms':>10} "
        f"{options.peer + ' ms':>10} {'ratio':>7} {'GFLOP/s':>8}"
    )
    rows = run(options.peer, options.threads, options.dtype, options.rounds, jobs)
    for mode in options.modes.split(","):
        ratios = [float(row["ratio"]) for row in rows if row["mode"] == mode]
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        print(f"{mode}: geometric mean {mean:.2f}, worst {min(ratios):.2f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
