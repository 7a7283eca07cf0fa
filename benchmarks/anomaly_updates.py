"""How long a network for anomalies should learn, and what several together see.

``python benchmarks/anomaly_updates.py --out updates.json`` trains the paper's network
(two layers of 80 units, ten steps predicted at once, dropout 0.3, Adam with a rate of
0.001; errors are those one step ahead) for each channel of `nasa`, judges it after some
numbers of updates, and averages errors: over these numbers, and over seeds two by two.
An update is of ``--batch`` windows of 250 steps from anywhere, with a loss at each
step, or with ``--ends`` at the last one only, as in the paper's code.
docs/anomalies.md has what came of it; `anomalies.py report` prints the files.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from anomalies import mean_errors
from fastlstm.data import SequenceBatch
from fastlstm.losses import SquaredError
from fastlstm.models import SequenceModel
from fastlstm.optim import Adam
from nasa import (
    Channel,
    Errors,
    Floats,
    channels,
    distinct,
    judge,
    records,
    report,
    write,
)

WINDOW, HORIZON = 250, 10
AHEAD = range(1, HORIZON + 1)
UPDATES, BATCH = (60, 90, 125, 180), 8


def first_errors(model: SequenceModel, series: Floats) -> Floats:
    """Return the errors (T,) of what is predicted one step ahead."""
    outputs = model.infer(SequenceBatch(series.astype(np.float32)[None]))
    return np.r_[np.nan, np.abs(outputs[0, :-1, 0] - series[1:, 0])]


def snapshots(
    group: Sequence[Channel],
    seed: int,
    updates: Sequence[int],
    batch: int,
    *,
    dropout: float = 0.3,
    ends: bool = False,
) -> dict[str, list[Errors]]:
    """Train a network on channels, and return its errors after numbers of updates.

    Any window of any channel is as likely as another.
    """
    every = [channel.train.astype(np.float32) for channel in group]
    lasts = np.cumsum([len(series) - HORIZON - WINDOW + 1 for series in every])
    model = SequenceModel(
        every[0].shape[1],
        HORIZON,
        hidden_size=80,
        num_layers=2,
        dropout=dropout,
        output="sequence",
        random_state=seed,
    )
    adam = Adam(model.params, learning_rate=0.001)
    loss = SquaredError(missing="ignore")
    rng = np.random.default_rng(seed)
    errors: dict[str, list[Errors]] = {channel.name: [] for channel in group}
    for update in range(1, max(updates) + 1):
        windows = []
        for window in rng.integers(0, lasts[-1], batch):
            place = int(np.searchsorted(lasts, window, side="right"))
            stop = len(every[place]) - HORIZON - int(lasts[place] - window) + 1
            windows.append(every[place][stop - WINDOW : stop + HORIZON])
        series = np.stack(windows)
        x = np.ascontiguousarray(series[:, :WINDOW])
        y = np.stack([series[:, h : h + WINDOW, 0] for h in AHEAD], axis=-1)
        if ends:
            y[:, :-1] = np.nan
        outputs, cache = model.forward(
            SequenceBatch(x), mask_seed=update, row_ids=np.arange(batch)
        )
        _, gradient = loss(outputs, y)
        model.grads.zero()
        model.backward(gradient, cache)
        adam.step(model.grads)
        if update in updates:
            for c in group:
                both = (first_errors(model, s) for s in (c.train, c.test))
                errors[c.name].append(Errors(*both))
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)))
    parser.add_argument("--channels", nargs="*", default=[])
    parser.add_argument("--updates", type=int, nargs="+", default=UPDATES)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--ends", action="store_true", help="a loss at the last step")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    every = list(channels(args.channels))
    kind = "ends of windows" if args.ends else "windows"
    made, means = [], []
    for seed in args.seeds:
        begin = time.perf_counter()
        errors: dict[str, list[Errors]] = {}
        for channel in distinct(every):
            errors |= snapshots(
                [channel], seed, sorted(args.updates), args.batch, ends=args.ends
            )
        seconds = time.perf_counter() - begin
        for place, updates in enumerate(sorted(args.updates)):
            results = [judge(errors[c.name][place], c) for c in every]
            made += records(f"{updates} x {args.batch} {kind}", seed, every, results)
        means.append({name: mean_errors(e) for name, e in errors.items()})
        results = [judge(means[-1][c.name], c) for c in every]
        made += records(f"mean of these, {kind}", seed, every, results, seconds)
        if len(means) % 2 == 0:
            pairs = [mean_errors([m[c.name] for m in means[-2:]]) for c in every]
            results = [judge(p, c) for p, c in zip(pairs, every, strict=True)]
            made += records(
                f"mean of two such, {kind}", seed, every, results, 2 * seconds
            )
        report(made)
        if args.out is not None:
            write(made, args.out)


if __name__ == "__main__":
    main()
