"""Anomalies in the telemetry of two spacecraft, beside naive errors: docs/anomalies.md.

``python benchmarks/anomalies.py run --out anomalies.json`` fits `LSTMAnomalyDetector`
to each of the 81 channels of NASA's SMAP and MSL data (Hundman et al. 2018), with five
seeds, and judges spans as the paper does; ``report`` prints the table of one or several
such files. ``--channels A-1 C-1`` takes some of them, ``--seeds 0 1`` some seeds.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastlstm import LSTMAnomalyDetector
from fastlstm.forecasting.prediction_errors import prediction_errors
from nasa import (
    WARM_UP,
    Channel,
    Count,
    Errors,
    channels,
    count,
    distinct,
    judge,
    records,
    report,
    write,
)
from sklearn.exceptions import ConvergenceWarning

# One for all channels: units, window and dropout are the paper's, with half its layers.
NETWORK = {
    "hidden_size": 80,
    "window": 250,
    "warm_up": WARM_UP,
    "batch_size": 8,
    "learning_rate_init": 0.005,
    "learning_rate": "cosine",
    "max_iter": 100,
    "tol": 0.0,
    "n_iter_no_change": 100,
    "standardize": False,  # the data are scaled to (-1, 1)
    "targets": 0,  # the telemetry; the other columns are commands
}
NETWORKS = {"LSTM": {"dropout": 0.3}, "LSTM without dropout": {"dropout": 0.0}}


def naive_errors(channel: Channel) -> dict[str, Errors]:
    """Return what needs no model."""
    series = [channel.train[:, 0], channel.test[:, 0]]
    mean = series[0].mean()
    return {
        "last value": Errors(*(np.abs(np.diff(s, prepend=s[0])) for s in series)),
        "mean of training (z-score)": Errors(*(np.abs(s - mean) for s in series)),
    }


def network_errors(channel: Channel, options: dict[str, Any], seed: int) -> Errors:
    detector = LSTMAnomalyDetector(**NETWORK, **options, random_state=seed)
    detector.fit(channel.train)
    return Errors(
        *(
            prediction_errors(
                detector.model_, series, targets=detector.targets_, horizon=1
            )
            for series in (channel.train, channel.test)
        )
    )


def mean_errors(several: Sequence[Errors]) -> Errors:
    """Average the errors that several networks make of the same series."""
    return Errors(*(np.mean(e, axis=0) for e in zip(*several, strict=True)))


def run(seeds: Sequence[int], names: Sequence[str]) -> list[dict[str, Any]]:
    """Make a record of each method, threshold and seed."""
    every = list(channels(names))
    made: list[dict[str, Any]] = []
    for method, options in NETWORKS.items():
        by_seed, total = [], 0.0
        for seed in seeds:
            begin = time.perf_counter()
            errors = {
                channel.name: network_errors(channel, options, seed)
                for channel in distinct(every)
            }
            results = [judge(errors[channel.name], channel) for channel in every]
            seconds = time.perf_counter() - begin
            by_seed.append(errors)
            total += seconds
            made += records(method, seed, every, results, seconds)
            report(made[-len(results[0]) :])
        if len(seeds) > 1:
            results = [
                judge(mean_errors([errors[c.name] for errors in by_seed]), c)
                for c in every
            ]
            several = f"{method}, mean of {len(seeds)}"
            made += records(several, min(seeds), every, results, total)
            report(made[-len(results[0]) :])
    if 0 not in seeds:
        return made
    for method in naive_errors(every[0]):
        results = [judge(naive_errors(c)[method], c) for c in every]
        made += records(method, 0, every, results)
    whole: list[dict[str, Count]] = [
        {"none": count([(0, len(c.test))], c)} for c in every
    ]
    return made + records("everything is abnormal", 0, every, whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("files", nargs="*", type=Path, help="of a report")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--channels", nargs="*", default=[])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.what == "report":
        files = [json.loads(path.read_text(encoding="utf-8")) for path in args.files]
        report([record for made in files for record in made])
        return
    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are the choice
    made = run(args.seeds, args.channels)
    report(made)
    if args.out is not None:
        write(made, args.out)


if __name__ == "__main__":
    main()
