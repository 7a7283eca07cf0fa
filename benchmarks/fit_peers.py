"""The same classifier fitted by fastlstm, skorch and Keras: accuracy and time.

``python benchmarks/fit_peers.py digits weather adding wide --out fit_peers.json`` fits
each task with every estimator that is installed (``vowels`` needs ``FASTLSTM_DATA``,
see datasets.py); ``report fit_peers.json`` prints the tables of docs/fit_peers.md. The
model and what all share are in peer_estimators.py.

Contestants take turns (turns.py), after each has fitted and predicted once before
anything counts. A ratio is the median over the seeds of the ratios of both times in a
round.
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

import datasets
import numpy as np
from datasets import Split
from fastlstm.bench.machine import describe_machine
from fastlstm.data import SequenceScaler, load_seattle_weather, sliding_windows
from memory_tasks import Adding
from peer_estimators import BACKENDS, Contestant, FastLSTM, Keras, Sequences, Settings
from peer_torch import Skorch, Torch
from turns import same_within_spread, take_turns, times_as_long

OURS = "fastlstm"
CONTESTANTS: dict[str, type[Contestant]] = {
    OURS: FastLSTM,
    "skorch": Skorch,
    "keras": Keras,
    "torch": Torch,
}
FLOOR, GOAL = 1.5, 3.0  # times as fast as the faster of the ESTIMATORS
ESTIMATORS = ("skorch", "keras")  # a loop by hand is no estimator
WARM_UP = 1000  # the seed of what is not counted


def rain_tomorrow(days: int = 30) -> Split:
    """Whether it rains in Seattle, from the days before; 2015 tests."""
    w = load_seattle_weather()
    table = [np.log1p(w.precipitation), w.temp_max, w.temp_min, w.wind]
    x = sliding_windows(np.stack(table, axis=1), days)[:-1]
    y = np.where(w.precipitation[days:] > 0, "rain", "dry")
    parts = [(x[a:b], y[a:b]) for a, b in ((0, -730), (-730, -365), (-365, None))]
    return Split(*parts)


def adding(steps: int = 100) -> Split:
    """Whether two marked numbers in a long sequence add up to more than 1."""
    x, total = Adding(steps).draw(6000, np.random.default_rng(0))
    y = (total[:, 0] > 1).astype(int)
    parts = [(x[a:b], y[a:b]) for a, b in ((0, 4500), (4500, 5000), (5000, 6000))]
    return Split(*parts)


@dataclass
class Task:
    load: Callable[[], Split]
    settings: Settings


TASKS = {
    "digits": Task(datasets.digits, Settings(64, 3e-3, epochs=20)),
    "vowels": Task(datasets.japanese_vowels, Settings(64, 3e-3, epochs=40)),
    "weather": Task(rain_tomorrow, Settings(32, 1e-3, epochs=10, num_layers=2)),
    "adding": Task(adding, Settings(64, 1e-2, epochs=15)),
    "wide": Task(datasets.digits, Settings(256, 3e-3, epochs=10, num_layers=2)),
}


@dataclass(frozen=True)
class Data:
    """A task's numbers as every contestant gets them, labels from 0 on."""

    train: tuple[Sequences, np.ndarray]
    test: tuple[Sequences, np.ndarray]

    def describe(self) -> str:
        x, lengths = self.train[0].x, self.train[0].lengths
        n, steps, inputs = x.shape
        spread = "" if lengths is None else f"{lengths.min()} to "
        return f"{n} sequences of {spread}{steps} steps and {inputs} features"


def padded(sequences: Any) -> Sequences:
    """Pad a list with zeros; an array is as it should be."""
    if isinstance(sequences, np.ndarray):
        return Sequences(np.ascontiguousarray(sequences, np.float32))
    lengths = np.array([len(sequence) for sequence in sequences])
    shape = (len(lengths), lengths.max(), sequences[0].shape[1])
    x = np.zeros(shape, np.float32)
    for row, sequence in zip(x, sequences, strict=True):
        row[: len(sequence)] = sequence
    return Sequences(x, lengths)


def standardized(split: Split) -> Data:
    """Scale all features by training's mean and deviation."""
    x, labels = datasets.joined(split)
    train, test = padded(x), padded(split.test[0])
    scaler = SequenceScaler().fit(train.x, lengths=train.lengths)

    def scaled(s: Sequences) -> Sequences:
        x = scaler.transform(s.x).astype(np.float32)
        if s.lengths is not None:
            x[np.arange(x.shape[1]) >= s.lengths[:, None]] = 0.0
        return replace(s, x=x)

    names, y = np.unique(labels, return_inverse=True)
    y_test = np.searchsorted(names, split.test[1])
    return Data((scaled(train), y), (scaled(test), y_test))


class Turns:
    """What runs in a contestant's process: its fits, one after the other."""

    here: Turns  # the one of this process

    def __init__(self, name: str, data: Data, *options: Any) -> None:
        self.contestant = CONTESTANTS[name](*options)
        (train, self.y), (test, self.y_test) = data.train, data.test
        self.train, self.test = map(self.contestant.prepare, (train, test))

    def fit(self, seed: int) -> dict[str, float]:
        contestant = self.contestant
        contestant.renew(self.train, int(self.y.max()) + 1, seed)
        gc.collect()
        begin = time.perf_counter()
        contestant.fit(self.train, self.y)
        middle = time.perf_counter()
        predicted = contestant.predict(self.test)
        end = time.perf_counter()
        accuracy = float(np.mean(predicted == self.y_test))
        return {"fit": middle - begin, "predict": end - middle, "accuracy": accuracy}


def start(*arguments: Any) -> dict[str, Any]:
    Turns.here = Turns(*arguments)
    first = Turns.here.fit(WARM_UP)
    contestant = Turns.here.contestant
    weights = contestant.n_weights()
    return {"version": contestant.version, "weights": weights, "first": first["fit"]}


def turn(seed: int) -> dict[str, float]:
    return Turns.here.fit(seed)


def run(
    task: Task, names: list[str], seeds: int, threads: int, backend: str
) -> dict[str, Any]:
    """Let the contestants take turns at a task."""
    data = standardized(task.load())
    rows = take_turns(names, seeds, start, turn, data, task.settings, threads, backend)
    return {
        "data": data.describe(),
        "settings": asdict(task.settings),
        "threads": threads,
        "contestants": rows,
    }


def times_ours(rows: dict[str, Any], name: str) -> float:
    return times_as_long(rows, name, OURS)


def same_accuracy(rows: dict[str, Any], name: str) -> bool:
    return same_within_spread(rows, name, OURS, "accuracy")


def verdict(name: str, result: dict[str, Any]) -> str:
    rows, s = result["contestants"], result["settings"]
    text = (
        f"- **{name}**: {result['data']}; "
        f"{s['num_layers']} x {s['hidden_size']} units, "
        f"{s['epochs']} epochs, batches of {s['batch_size']}, learning rate "
        f"{s['learning_rate']:g}, {result['threads']} threads."
    )
    peers = [peer for peer in ESTIMATORS if peer in rows]
    if not peers:
        return f"{text} No estimator to compare with."
    ratio, best = min((times_ours(rows, peer), peer) for peer in peers)
    reached = [
        f"{word} {value:g} {'reached' if ratio >= value else 'MISSED'}"
        for word, value in (("floor", FLOOR), ("goal", GOAL))
    ]
    others = [other for other in rows if other != OURS]
    apart = [other for other in others if not same_accuracy(rows, other)]
    accuracy = f"NOT equal to {', '.join(apart)}" if apart else "equal"
    text += (
        f" The faster estimator, {best}, takes {ratio:.2f} times as long: "
        f"{', '.join(reached)}. Accuracy within the seeds' spread: {accuracy}."
    )
    faster = [other for other in others if times_ours(rows, other) < 1]
    return text + (f" FASTER THAN OURS: {', '.join(faster)}." if faster else "")


def report(results: dict[str, Any]) -> None:
    print(
        "| data | estimator | accuracy | spread | s of a fit | times ours | s of the "
        "first fit | ms of predict | weights |\n|---|---|---|---|---|---|---|---|---|"
    )
    for task, result in results["tasks"].items():
        rows = result["contestants"]
        for name, row in rows.items():
            accuracy = np.array(row["accuracy"])
            print(
                f"| {task} | {name} {row['version']} | {accuracy.mean():.4f} | "
                f"{accuracy.std(ddof=1):.4f} | {np.median(row['fit']):.3f} | "
                f"{times_ours(rows, name):.2f} | {row['first']:.2f} | "
                f"{np.median(row['predict']) * 1e3:.1f} | {row['weights']} |"
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
    parser.add_argument("--backend", choices=BACKENDS, default="jax", help="of Keras")
    parser.add_argument("--seeds", type=int, default=5, help="rounds, 2 or more")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="instead of each task's own")
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
    names = [OURS]
    for name in args.contestants or CONTESTANTS:
        reason = CONTESTANTS[name].missing(args.backend)
        if reason is not None:
            print(f"{name} is left out: {reason}")
        elif name != OURS:
            names.append(name)
    results: dict[str, Any] = {"machine": describe_machine(), "tasks": {}}
    for name in args.what:
        task = TASKS[name]
        if args.epochs is not None:
            task = replace(task, settings=replace(task.settings, epochs=args.epochs))
        result = run(task, names, args.seeds, args.threads, args.backend)
        results["tasks"][name] = result
        report({"tasks": {name: result}})
        if args.out is not None:  # what is there by now, should a later task fail
            text = json.dumps(results, indent=1) + "\n"
            args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
