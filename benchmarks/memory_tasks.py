"""Two tasks that need a memory, by how the gates' biases begin.

``python benchmarks/memory_tasks.py adding --steps 400 --out adding.json`` and ``copy
--steps 100`` train an LSTM from each initialisation and seed on new sequences in every
batch; ``report *.json --figure memory.png`` prints the table of saved runs and draws
their curves.

- *adding* (Hochreiter & Schmidhuber 1997; Le et al. 2015): random numbers, one marked
  in each half of the sequence; the answer at the end is their sum. Answering 1 errs by
  1/6 in the mean square. Solved: below 0.01.
- *copy* (Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016): ten symbols out of
  eight, T - 1 blanks, a mark, ten blanks; the answer is blanks, and after the mark the
  ten symbols in their order. Who guesses those ten has a cross-entropy of
  10 log(8) / (T + 20) a step. Solved: more than 99 % of them right.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from fastlstm.losses import SoftmaxCrossEntropy, SquaredError
from fastlstm.nn import LSTM, Linear
from fastlstm.optim import Adam
from fastlstm.params import Parameters

WINDOW = 50  # updates that one point of a curve is the mean of
TEST = 2000  # new sequences after training
INITIAL = {
    "forget bias 0": {"forget_bias": 0.0},
    "forget bias 1": {"forget_bias": 1.0},
    "chrono": {},  # with the longest lag of the task
}
Batch = tuple[np.ndarray, np.ndarray]


class Task(Protocol):
    """What is drawn, what counts, and when it is solved."""

    name: str
    measure: str  # what `score` returns
    inputs: int
    outputs: int
    every_step: bool  # the answer is the output of every step, not the last state
    naive: float  # loss of who remembers nothing
    longest_lag: int  # for the chrono initialisation
    loss: SquaredError | SoftmaxCrossEntropy

    def draw(self, count: int, rng: np.random.Generator) -> Batch: ...
    def score(self, answer: np.ndarray, target: np.ndarray) -> float: ...
    def is_solved(self, score: float) -> bool: ...


class Adding:
    name, measure = "adding", "squared error"
    inputs, outputs, every_step = 2, 1, False
    naive = 1 / 6  # twice the variance of U(0, 1)

    def __init__(self, steps: int) -> None:
        self.steps, self.longest_lag, self.loss = steps, steps, SquaredError()

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        """Return x (N, T, 2), numbers and marks, and the sums (N, 1)."""
        x = np.zeros((count, self.steps, 2), np.float32)
        x[:, :, 0] = rng.uniform(size=(count, self.steps))
        rows, half = np.arange(count), self.steps // 2
        first, second = rng.integers(half, size=count), rng.integers(half, size=count)
        x[rows, first, 1] = x[rows, self.steps - 1 - second, 1] = 1.0
        return x, (x[:, :, 0] * x[:, :, 1]).sum(axis=1, keepdims=True)

    def score(self, answer: np.ndarray, target: np.ndarray) -> float:
        return float(np.mean((answer - target) ** 2))

    def is_solved(self, score: float) -> bool:
        return score < 0.01


class Copy:
    name, measure = "copy", "symbols recalled"
    symbols, length = 8, 10  # then the blank, then the mark
    scale = 10.0  # of the one-hot inputs: with 1 learning takes several times as long
    inputs, outputs, every_step = symbols + 2, symbols + 1, True

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.naive = self.length * np.log(self.symbols) / (steps + 2 * self.length)
        self.longest_lag = 3 * steps // 2  # as Tallec & Ollivier
        self.loss = SoftmaxCrossEntropy()

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        """Return x (N, T + 20, 10), scaled one-hot, and the labels (N, T + 20)."""
        symbols = rng.integers(self.symbols, size=(count, self.length))
        tokens = np.full((count, self.steps + 2 * self.length), self.symbols)
        target = tokens.copy()
        tokens[:, : self.length] = target[:, -self.length :] = symbols
        tokens[:, -self.length - 1] = self.symbols + 1
        one_hot = np.eye(self.inputs, dtype=np.float32)[tokens]
        return self.scale * one_hot, target

    def score(self, answer: np.ndarray, target: np.ndarray) -> float:
        last = slice(-self.length, None)
        return float(np.mean(answer[:, last].argmax(axis=-1) == target[:, last]))

    def is_solved(self, score: float) -> bool:
        return score > 0.99


TASKS: dict[str, type[Adding] | type[Copy]] = {"adding": Adding, "copy": Copy}


class Learner:
    """An LSTM and a linear layer on its outputs or on its last state."""

    def __init__(
        self, task: Task, initial: str, seed: int, options: argparse.Namespace
    ) -> None:
        biases: dict[str, Any] = INITIAL[initial]
        if initial == "chrono":
            biases = {"chrono_steps": task.longest_lag}
        seeds = np.random.SeedSequence(seed).generate_state(2)
        self.task = task
        size = options.hidden
        self.lstm = LSTM(task.inputs, size, random_state=int(seeds[0]), **biases)
        self.head = Linear(size, task.outputs, random_state=int(seeds[1]))
        self.params = Parameters.join(
            {"lstm": self.lstm.params, "head": self.head.params}
        )
        self.optimizer = Adam(self.params, options.learning_rate, beta_2=options.beta_2)

    def update(self, x: np.ndarray, target: np.ndarray) -> tuple[float, float]:
        """Learn from one batch; loss and score of the answer before that."""
        y, (h, c), kept = self.lstm.forward(x)
        read = y if self.task.every_step else h[-1]
        answer, kept_by_head = self.head.forward(read)
        value, gradient = self.task.loss(answer, target)
        self.params.grads.zero()
        back = self.head.backward(gradient, kept_by_head)
        if self.task.every_step:
            self.lstm.backward(back, kept, need_dx=False)
        else:
            state = (back[None], np.zeros_like(c))
            self.lstm.backward(None, kept, dstate=state, need_dx=False)
        self.optimizer.step(self.params.grads, max_norm=1.0)
        return value, self.task.score(answer, target)

    def answer(self, x: np.ndarray) -> np.ndarray:
        y, (h, _) = self.lstm(x)
        return self.head(y if self.task.every_step else h[-1])


def run(
    task: Task, initial: str, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Train from one initialisation and seed; the curve and a test on new sequences."""
    learner = Learner(task, initial, seed, options)
    # The sequences depend on the seed and not on the initialisation.
    draws = np.random.default_rng([seed, 1])
    curve: list[tuple[float, float]] = []
    solved_after = None
    begin = time.perf_counter()
    for first in range(0, options.updates, WINDOW):
        left = 1.0 - first / options.updates
        if left < options.decay:
            learner.optimizer.learning_rate = options.learning_rate * (
                left / options.decay
            )
        recent = [
            learner.update(*task.draw(options.batch, draws))
            for _ in range(first, min(first + WINDOW, options.updates))
        ]
        value, score = (float(mean) for mean in np.mean(recent, axis=0))
        curve.append((value, score))
        if solved_after is None and task.is_solved(score):
            solved_after = first + len(recent)
    seconds = time.perf_counter() - begin
    x, target = task.draw(TEST, np.random.default_rng([seed, 2]))
    answer = learner.answer(x)
    return {
        "task": task.name,
        "steps": options.steps,
        "initial": initial,
        "seed": seed,
        "updates": options.updates,
        "batch": options.batch,
        "hidden": options.hidden,
        "learning_rate": options.learning_rate,
        "beta_2": options.beta_2,
        "decay": options.decay,
        "solved_after": solved_after,
        "test_loss": float(f"{task.loss(answer, target)[0]:.4g}"),
        "test_score": float(f"{task.score(answer, target):.5g}"),
        "ms_per_update": round(seconds / options.updates * 1e3, 2),
        "loss_curve": [float(f"{value:.4g}") for value, _ in curve],
        "score_curve": [float(f"{score:.4g}") for _, score in curve],
    }


def save(path: Path, runs: list[dict[str, Any]]) -> None:
    """One line a run; written aside and renamed, so that a reader finds it whole."""
    lines = ",\n".join(json.dumps(entry) for entry in runs)
    aside = path.with_name(path.name + ".part")
    aside.write_text(f"[\n{lines}\n]\n")
    aside.replace(path)


def train(options: argparse.Namespace) -> None:
    task: Task = TASKS[options.task](options.steps)
    runs: list[dict[str, Any]] = []
    for seed in options.seeds:
        for initial in options.initial:
            entry = run(task, initial, seed, options)
            runs.append(entry)
            after = entry["solved_after"]
            print(
                f"{task.name} T={options.steps}, {initial}, seed {seed}: "
                f"loss {entry['test_loss']:.4g} (naive {task.naive:.4g}), "
                f"{task.measure} {entry['test_score']:.4g}, "
                f"{f'solved after {after}' if after else 'not solved'}, "
                f"{entry['ms_per_update']:.1f} ms an update",
                flush=True,
            )
            if options.out:
                save(options.out, runs)


def groups(runs: list[dict[str, Any]]) -> dict[tuple[str, int, str], list[Any]]:
    """Return the runs of each task, T and initialisation, in the order of `INITIAL`."""
    found: dict[tuple[str, int, str], list[Any]] = {}
    keys = [(r["task"], r["steps"], list(INITIAL).index(r["initial"])) for r in runs]
    for task, steps, place in sorted(set(keys)):
        same = [
            r for r, key in zip(runs, keys, strict=True) if key[:2] == (task, steps)
        ]
        initial = list(INITIAL)[place]
        found[task, steps, initial] = [r for r in same if r["initial"] == initial]
    return found


def spread(values: list[float], digits: str) -> str:
    """Mean, least and most."""
    mean, low, high = np.mean(values), min(values), max(values)
    return f"{mean:{digits}} ({low:{digits}} to {high:{digits}})"


def print_table(runs: list[dict[str, Any]]) -> None:
    """Mean and range over the seeds, the naive answer's loss in the same table."""
    print(
        "| task | start | solved | after updates | loss, new sequences | naive loss "
        "| symbols recalled |\n|---|---|---|---|---|---|---|"
    )
    for (name, steps, initial), same in groups(runs).items():
        task: Task = TASKS[name](steps)
        solved = [r for r in same if task.is_solved(r["test_score"])]
        after = [r["solved_after"] for r in solved if r["solved_after"]]
        scores = [100 * r["test_score"] for r in same]
        print(
            f"| {name}, T = {steps} | {initial} | {len(solved)} of {len(same)} "
            f"| {spread(after, '.0f') if after else '-'} "
            f"| {spread([r['test_loss'] for r in same], '.2g')} "
            f"| {task.naive:.3f} "
            f"| {spread(scores, '.3g') + ' %' if name == 'copy' else '-'} |"
        )


def draw_curves(runs: list[dict[str, Any]], path: Path) -> None:
    """Draw a panel a task: every seed thin, their mean thick, the naive loss dashed."""
    from matplotlib import pyplot

    grouped = groups(runs)
    tasks = list(dict.fromkeys((name, steps) for name, steps, _ in grouped))
    size = (4.6 * len(tasks), 3.8)
    figure, panels = pyplot.subplots(
        1, len(tasks), figsize=size, squeeze=False, layout="constrained"
    )
    for ax, (name, steps) in zip(panels[0], tasks, strict=True):
        for place, initial in enumerate(INITIAL):
            same = grouped.get((name, steps, initial), [])
            curves = [r["loss_curve"] for r in same]
            for r, curve in zip(same, curves, strict=True):
                at = np.minimum(WINDOW * np.arange(1, len(curve) + 1), r["updates"])
                ax.plot(at, curve, color=f"C{place}", linewidth=0.7, alpha=0.6)
            if len({len(curve) for curve in curves}) == 1:
                mean = np.mean(curves, axis=0)
                ax.plot(at, mean, color=f"C{place}", linewidth=2, label=initial)
        naive = TASKS[name](steps).naive
        ax.axhline(naive, color="black", linestyle="--", linewidth=1, label="naive")
        ax.set_yscale("log")
        ax.set_title(f"{name}, T = {steps}")
        ax.set_xlabel("updates")
    panels[0, 0].set_ylabel("loss on new sequences")
    labelled = max(panels[0], key=lambda ax: len(ax.get_legend_handles_labels()[0]))
    handles, labels = labelled.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(path, dpi=110)


def report(options: argparse.Namespace) -> None:
    runs = [entry for path in options.runs for entry in json.loads(path.read_text())]
    print_table(runs)
    if options.figure:
        draw_curves(runs, options.figure)
    if options.out:
        save(options.out, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="task", required=True)
    for name, steps in (("adding", 400), ("copy", 100)):
        command = commands.add_parser(name)
        command.add_argument("--steps", type=int, default=steps)
        command.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
        command.add_argument(
            "--initial", nargs="+", choices=INITIAL, default=list(INITIAL)
        )
        command.add_argument("--updates", type=int, default=3000)
        command.add_argument("--hidden", type=int, default=64)
        command.add_argument("--batch", type=int, default=32)
        command.add_argument("--learning-rate", type=float, default=3e-3)
        command.add_argument("--beta-2", type=float, default=0.999)
        command.add_argument(
            "--decay",
            type=float,
            default=0.0,
            help="last part of the updates, 0 to 1, over which the rate falls to zero",
        )
        command.add_argument("--out", type=Path, help="save runs and curves here")
        command.set_defaults(main=train)
    command = commands.add_parser("report")
    command.add_argument("runs", type=Path, nargs="+", help="what --out saved")
    command.add_argument("--figure", type=Path, help="draw the curves here")
    command.add_argument("--out", type=Path, help="save all runs in one file")
    command.set_defaults(main=report)
    options = parser.parse_args()
    options.main(options)


if __name__ == "__main__":
    main()
