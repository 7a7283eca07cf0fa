"""The same LSTM forecaster in fastlstm, darts and neuralforecast: time and errors.

``FASTLSTM_DATA=... python benchmarks/forecast_peers.py load columns multivariate
recursive --seeds 5 --threads 2 --out docs/forecast_peers.json`` fits ETTh1's training
months with every library that is installed, and scores every window of the test months;
``report FILE`` prints the tables. The model and what all share are in
forecast_contestants.py. Contestants take turns (turns.py), after a fit and a forecast
each that do not count.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from fastlstm.bench.machine import describe_machine
from forecast_contestants import CONTESTANTS, Contestant, Data, Settings
from forecast_problems import etth1
from turns import same_within_spread, take_turns, times_as_long

OURS = "fastlstm"
FLOOR, GOAL = 2.0, 4.0  # times as fast as the faster peer
WARM_UP = 1000  # the seed of what is not counted
SCORE = "MSE"


def hours(settings: Settings, column: str | None, apart: bool) -> Data:
    """Training and test months of ETTh1: one series, or each column as one."""
    problem = etth1(settings.horizon, column)
    values = problem.values.astype(np.float32)
    every = np.split(values, values.shape[1], axis=1) if apart else [values]
    end = problem.test - problem.validation
    return Data([y[:end] for y in every], every, problem.origins)


@dataclass
class Task:
    words: str
    load: Callable[[Settings], Data]
    settings: Settings


TASKS = {
    "load": Task("one column", lambda s: hours(s, "HUFL", False), Settings()),
    "columns": Task(
        "seven series in one model",
        lambda s: hours(s, None, True),
        Settings(epochs=1),
    ),
    "multivariate": Task(
        "one series of seven columns", lambda s: hours(s, None, False), Settings()
    ),
    "recursive": Task(
        "one column, step by step",
        lambda s: hours(s, "HUFL", False),
        Settings(strategy="recursive"),
    ),
}


class Turns:
    """What runs in a contestant's process: its fits, one after the other."""

    here: Contestant  # the one of this process


def start(name: str, data: Data, settings: Settings, threads: int) -> dict[str, Any]:
    Turns.here = CONTESTANTS[name](data, settings, threads)
    first = turn(WARM_UP)
    weights = Turns.here.n_weights()
    return {"version": Turns.here.version, "weights": weights, "first": first["fit"]}


def turn(seed: int) -> dict[str, float]:
    contestant = Turns.here
    contestant.renew(seed)
    gc.collect()
    begin = time.perf_counter()
    contestant.fit()
    seconds = time.perf_counter() - begin
    data, horizon = contestant.data, contestant.settings.horizon
    steps = data.origins[:, None] + np.arange(horizon)
    error = np.array([y[steps] for y in data.whole]) - contestant.forecast()
    return {
        "fit": seconds,
        "MSE": float(np.mean(error**2)),
        "MAE": float(np.abs(error).mean()),
    }


def run(task: Task, names: list[str], seeds: int, threads: int) -> dict[str, Any]:
    """Let the contestants take turns at a task."""
    data = task.load(task.settings)
    outputs = data.train[0].shape[1]
    present = []
    for name in names:
        reason = CONTESTANTS[name].missing(task.settings, outputs)
        if reason is None:
            present.append(name)
        else:
            print(f"{name} is left out: {reason}")
    return {
        "data": f"{task.words}, {data.windows(task.settings)} windows",
        "settings": asdict(task.settings),
        "threads": threads,
        "contestants": take_turns(
            present, seeds, start, turn, data, task.settings, threads
        ),
    }


def verdict(name: str, result: dict[str, Any]) -> str:
    rows, s = result["contestants"], result["settings"]
    text = (
        f"- **{name}**: {result['data']} of {s['window']} hours, {s['horizon']} ahead, "
        f"{s['strategy']}; {s['num_layers']} x {s['hidden_size']} units, "
        f"{s['epochs']} epochs, batches of {s['batch_size']}, learning rate "
        f"{s['learning_rate']:g}, {result['threads']} threads."
    )
    peers = [peer for peer in rows if peer != OURS]
    if not peers or OURS not in rows:
        return f"{text} Nobody to compare with."
    ratio, best = min((times_as_long(rows, peer, OURS), peer) for peer in peers)
    reached = [
        f"{word} {value:g} {'reached' if ratio >= value else 'MISSED'}"
        for word, value in (("floor", FLOOR), ("goal", GOAL))
    ]
    apart = [p for p in peers if not same_within_spread(rows, p, OURS, SCORE)]
    equal = f"NOT equal to {', '.join(apart)}" if apart else "equal"
    return text + (
        f" The faster peer, {best}, takes {ratio:.2f} times as long: "
        f"{', '.join(reached)}. {SCORE} within the seeds' spread: {equal}."
    )


def report(results: dict[str, Any]) -> None:
    print(
        "| data | library | MSE | spread | MAE | s of a fit | times ours | s of the "
        "first fit | weights |\n|---|---|---|---|---|---|---|---|---|"
    )
    for task, result in results["tasks"].items():
        rows = result["contestants"]
        for name, row in rows.items():
            mse, mae = np.array(row["MSE"]), np.array(row["MAE"])
            times = f"{times_as_long(rows, name, OURS):.2f}" if OURS in rows else "-"
            print(
                f"| {task} | {name} {row['version']} | {mse.mean():.4f} | "
                f"{mse.std(ddof=1):.4f} | {mae.mean():.4f} | "
                f"{np.median(row['fit']):.2f} | {times} | {row['first']:.2f} | "
                f"{row['weights']} |"
            )
    print()
    for task, result in results["tasks"].items():
        print(verdict(task, result))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="+", help=f"{', '.join(TASKS)}; or report FILE")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS)
    parser.add_argument("--seeds", type=int, default=5, help="rounds, 2 or more")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="instead of each task's own")
    parser.add_argument("--hidden-size", type=int)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    unknown = [name for name in args.what if name not in TASKS]
    if args.what[0] != "report" and unknown:
        parser.error(f"no task {unknown[0]!r}: there are {', '.join(TASKS)}")
    if args.seeds < 2:
        parser.error(f"--seeds {args.seeds}: a spread needs 2 or more")
    return args


def main() -> None:
    args = parse()
    if args.what[0] == "report":
        report(json.loads(Path(args.what[1]).read_text(encoding="utf-8")))
        return
    results: dict[str, Any] = {"machine": describe_machine(), "tasks": {}}
    for name in args.what:
        task = TASKS[name]
        given = {"epochs": args.epochs, "hidden_size": args.hidden_size}
        changes = {key: value for key, value in given.items() if value is not None}
        task = replace(task, settings=replace(task.settings, **changes))
        names = args.contestants or list(CONTESTANTS)
        result = run(task, names, args.seeds, args.threads)
        results["tasks"][name] = result
        report({"tasks": {name: result}})
        if args.out is not None:  # what is there by now, should a later task fail
            text = json.dumps(results, indent=1) + "\n"
            args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
