"""Which share of a fit is not the core: ``python benchmarks/fit_share.py``.

An epoch of `Trainer.fit` is timed beside the same epoch reduced to its core calls: for
every batch, cut beforehand, the two layers are given the new weights, run forward, the
loss, backward into zeroed gradients, their norm and the optimizer's step, on arrays
that are there already. What the fit takes longer than that is Python and NumPy between
the kernels: drawing and gathering batches, allocating, checks, counters, method calls.
Epochs of both take turns, and the median of each side counts::

    share = 1 - median(core alone) / median(fit)

A profiler would not do: it slows Python down and kernels not at all. The loop of core
calls finds more of its code in the caches than a fit does, so the share is rather too
high than too low. A busy machine shows in the spread: the quartiles of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import fastlstm
import numpy as np
from fastlstm import _core
from fastlstm.bench.shapes import Shape
from fastlstm.data import SequenceBatch
from fastlstm.losses import SquaredError
from fastlstm.models import SequenceModel
from fastlstm.optim import Adam
from fastlstm.training import Trainer, TrainingSet

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def make_data(shape: Shape, sequences: int) -> TrainingSet:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((sequences, shape.steps, shape.inputs), dtype=np.float32)
    return TrainingSet(SequenceBatch(x), x[:, -5:, 0].sum(axis=1, keepdims=True))


def fit_epochs(shape: Shape, data: TrainingSet) -> Callable[[], object]:
    """Return a function that trains for one more epoch."""
    model = SequenceModel(shape.inputs, 1, hidden_size=shape.hidden, random_state=0)
    trainer = Trainer(
        model,
        SquaredError(),
        Adam(model.params, LEARNING_RATE),
        batch_size=shape.batch,
        max_epochs=1,
        max_grad_norm=1.0,
    )

    def epoch() -> object:
        trainer.max_epochs = trainer.epoch + 1
        return trainer.fit(data)

    return epoch


def core_epochs(shape: Shape, data: TrainingSet) -> Callable[[], object]:
    """Return a function that makes the core calls of one epoch."""
    n, t, i, h = shape
    model = SequenceModel(i, 1, hidden_size=h, random_state=0)
    lstm = _core.LSTM(i, [h], False, True, 0, "float32")
    head = _core.Linear(h, 1, True, "float32")
    flat = np.array(model.params.flat)
    grads, m, v = (np.zeros_like(flat) for _ in range(3))
    cut = lstm.parameter_count
    y = np.empty((n, t, h), np.float32)
    hn, dz = (np.empty((n, h), np.float32) for _ in range(2))
    outputs, doutputs = (np.empty((n, 1), np.float32) for _ in range(2))
    weights = np.full(n, 1.0 / n, np.float32)
    order = np.random.default_rng(1).permutation(len(data)).reshape(-1, n)
    batches = [data.take(rows) for rows in order]
    step = 0

    def epoch() -> None:
        nonlocal step
        for batch in batches:
            step += 1
            lstm.set_parameters(flat[:cut], step)
            head.set_parameters(flat[cut:], step)
            cache = lstm.forward(
                batch.inputs.x, y, None, None, hn.reshape(-1), None, None, 0.0, 0, None
            )
            head.forward(hn, outputs)
            _core.squared_error(outputs, batch.targets, weights, doutputs)
            grads.fill(0.0)
            head.backward(doutputs, hn, grads[cut:], dz)
            dhn = dz.reshape(-1)
            lstm.backward(cache, None, dhn, None, grads[:cut], None, None, None)
            norm = _core.squared_norm(grads) ** 0.5
            _core.adam_step(
                flat,
                grads,
                m,
                v,
                0,
                flat.size,
                LEARNING_RATE,
                BETA_1,
                BETA_2,
                EPSILON,
                0.0,
                0.0,
                False,
                step,
                1.0 / max(norm, 1.0),
            )

    return epoch


def measure(
    shape: Shape, threads: int, sequences: int, rounds: int
) -> dict[str, list[float]]:
    """Return microseconds a batch of every round, of the fit and of the core alone."""
    fastlstm.set_num_threads(threads)
    data = make_data(shape, sequences)
    sides = {"fit": fit_epochs(shape, data), "core": core_epochs(shape, data)}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(-1, rounds):  # the first one warms up
        for name, epoch in sides.items():
            begin = time.perf_counter()
            epoch()
            seconds = time.perf_counter() - begin
            if turn >= 0:
                times[name].append(seconds / (sequences // shape.batch) * 1e6)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--inputs", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--sequences", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    shape = Shape(options.batch, options.steps, options.inputs, options.hidden)
    sequences = options.sequences // shape.batch * shape.batch
    print(
        f"fit of {sequences} sequences, batches of {shape}, one output, Adam, float32"
    )
    for threads in options.threads:
        times = measure(shape, threads, sequences, options.rounds)
        fit, core = (statistics.median(times[name]) for name in ("fit", "core"))
        spread = " ".join(
            "{} {:.0f} to {:.0f}".format(name, *np.percentile(side, [25, 75]))
            for name, side in times.items()
        )
        print(
            f"{threads} threads: fit {fit:.1f} us a batch, core alone {core:.1f}, "
            f"between {fit - core:.1f}, share {1 - core / fit:.1%} ({spread})"
        )


if __name__ == "__main__":
    main()
