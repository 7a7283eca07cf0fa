"""What a cell remembers: ``python examples/inside_the_cell.py [--plot gates.png]``.

The adding problem (Hochreiter & Schmidhuber 1997): a sequence of random numbers, two
of them marked; the answer is the sum of those two. Whoever answers 1 for every sequence
errs by 1/6 in the mean square. To do better, an LSTM must

1. let a number into its cell when the mark comes, and only then: the input gate;
2. keep it over all the steps in between: the forget gate, near 1;
3. show the sum at the end: the output gate.

Nobody tells it so. Back-propagation through time takes the error at the last step back
through every step before: the cell state is the road on which it is not lost, since
going back one step only multiplies it by the forget gate.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from fastlstm.losses import SquaredError
from fastlstm.nn import LSTM, GateTrace, Linear
from fastlstm.optim import Adam
from fastlstm.params import Parameters

STEPS, UNITS, BATCH = 60, 24, 64
NAIVE = 1 / 6  # mean squared error of answering 1: twice the variance of U(0, 1)


def adding_problem(
    count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return x (N, T, 2), numbers and marks, and the sums (N, 1)."""
    x = np.zeros((count, STEPS, 2), np.float32)
    x[:, :, 0] = rng.uniform(size=(count, STEPS))
    rows = np.arange(count)
    half = STEPS // 2
    for marked in (rng.integers(half, size=count), rng.integers(half, STEPS, count)):
        x[rows, marked, 1] = 1.0
    return x, (x[:, :, 0] * x[:, :, 1]).sum(axis=1, keepdims=True)


def train(updates: int, rng: np.random.Generator) -> tuple[LSTM, Linear]:
    """Arrays -> model -> loss -> backward -> optimizer, a batch at a time."""
    lstm = LSTM(2, UNITS, chrono_steps=STEPS, random_state=0)
    head = Linear(UNITS, 1, random_state=1)
    params = Parameters.join({"lstm": lstm.params, "head": head.params})
    optimizer, loss = Adam(params, learning_rate=1e-2), SquaredError()
    recent = []
    for update in range(1, updates + 1):
        x, target = adding_problem(BATCH, rng)
        _, (h, c), kept = lstm.forward(x)  # every gate of every step is kept
        answer, kept_by_head = head.forward(h[-1])
        value, gradient = loss(answer, target)
        params.grads.zero()
        dh = head.backward(gradient, kept_by_head)
        # The error enters at the last step alone and goes back through all of them.
        lstm.backward(None, kept, dstate=(dh[None], np.zeros_like(c)))
        optimizer.step(params.grads, max_norm=1.0)
        recent.append(value)
        if update % max(1, updates // 8) == 0:
            mean = np.mean(recent)
            print(f"update {update:5d}: squared error {mean:.4f} (naive {NAIVE:.4f})")
            recent = []
    return lstm, head


def contrast(gate: np.ndarray, marks: np.ndarray) -> tuple[int, float, float]:
    """Return the unit that follows the marks most, and its means with and without."""
    with_mark = gate[marks].mean(axis=0)
    without = gate[~marks].mean(axis=0)
    unit = int(np.abs(with_mark - without).argmax())
    return unit, float(with_mark[unit]), float(without[unit])


def describe(trace: GateTrace, marks: np.ndarray) -> None:
    """Say what the gates do, over many sequences."""
    unit, opened, closed = contrast(np.abs(trace.i * trace.g), marks)
    kept = trace.f[:, :, unit].mean()
    half = np.log(0.5) / np.log(kept)
    print(f"\nunit {unit} lets in {opened:.2f} at a mark and {closed:.2f} else (|i g|)")
    print(
        f"its forget gate is {kept:.3f} in the mean: half is left in {half:.0f} steps"
    )


def main() -> None:
    """Train, answer for new sequences, look inside."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--updates", type=int, default=1500, help="batches to train on")
    parser.add_argument("--plot", type=Path, help="draw the gates of one sequence here")
    options = parser.parse_args()
    lstm, head = train(options.updates, np.random.default_rng(0))
    x, target = adding_problem(1000, np.random.default_rng(1))
    _, (h, _) = lstm(x)
    error = float(np.mean((head(h[-1]) - target) ** 2))
    print(f"\nnew sequences: squared error {error:.4f}, naive {NAIVE:.4f}")
    trace = lstm.trace(x)["l0"]
    describe(trace, x[:, :, 1] > 0)
    if options.plot:
        from fastlstm.plotting import plot_gates

        axes = plot_gates(trace, sample=0, x=x[0])
        axes[0].figure.savefig(options.plot)
        print(f"gates of one sequence: {options.plot}")


if __name__ == "__main__":
    main()
