"""Anomalies in the telemetry of two spacecraft, beside naive errors: docs/anomalies.md.

``python benchmarks/anomalies.py run --out anomalies.json`` fits `LSTMAnomalyDetector`
to each of the 81 channels of NASA's SMAP and MSL data (Hundman et al. 2018), with five
seeds, and judges spans as the paper does; ``report`` prints the table of one or several
such files. ``--channels A-1 C-1`` takes some of them, ``--seeds 0 1`` some seeds. No
label has a part in any threshold.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tarfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import folder
from fastlstm import LSTMAnomalyDetector
from fastlstm.forecasting.anomalies import (
    AnomalySpan,
    dynamic_threshold,
    find_spans,
    quantile_threshold,
    smooth_errors,
)
from fastlstm.forecasting.moving_threshold import moving_anomalies
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

Floats = NDArray[np.float64]
Spans = list[tuple[int, int]]
# Smoothed errors of a training and a test series; spans by a threshold that moves.
Errors = tuple[Floats, Floats, list[AnomalySpan]]

# Of the paper and its code: the span of the moving average, what belongs to a span, p,
# the errors that a moving threshold is from, the share of a channel's usual range, and
# the size, below which no error counts, and the first steps, which have no errors.
SMOOTHING, BUFFER, PRUNING, HISTORY, SHARE, LEAST = 105, 100, 0.13, 2100, 0.05, 0.05
SPANS: dict[str, Any] = {"buffer": BUFFER, "pruning": PRUNING}
WARM_UP = 250
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
# Errors of training -> the threshold, fixed before a test error is seen.
FIXED: dict[str, Callable[[Floats], float]] = {
    "largest training error": lambda errors: quantile_threshold(errors, 0.0),
    "dynamic, of training errors": lambda errors: dynamic_threshold(
        errors, buffer=BUFFER
    ),
}
MOVING = "dynamic, of the last 2,100 test errors"


class Channel(NamedTuple):
    """Training and test series (T, F), and the labelled spans of the test series."""

    name: str
    spacecraft: str
    train: Floats
    test: Floats
    labels: list[list[int]]


class Count(NamedTuple):
    """Labels hit, spans that hit none, labels missed; steps in spans, and all."""

    hit: int = 0
    false: int = 0
    missed: int = 0
    flagged: int = 0
    steps: int = 0

    def plus(self, other: Count) -> Count:
        return Count(*(a + b for a, b in zip(self, other, strict=True)))


def channels(names: Sequence[str]) -> Iterator[Channel]:
    """Read the channels that have labels; P-2 has two rows of them, as in the paper."""
    path = folder("nasa_smap_msl")
    with (path / "labeled_anomalies.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with tarfile.open(path / "smap_msl_npy.tar.xz") as archive:
        arrays = {
            member.name: np.load(io.BytesIO(archive.extractfile(member).read()))
            for member in archive.getmembers()
            if member.isfile()
        }
    for row in rows:
        name = row["chan_id"]
        if not names or name in names:
            yield Channel(
                name,
                row["spacecraft"],
                arrays[f"train/{name}.npy"],
                arrays[f"test/{name}.npy"],
                json.loads(row["anomaly_sequences"]),
            )


def count(spans: Spans, channel: Channel) -> Count:
    """Judge as the paper: a label that any span overlaps is a hit."""

    def overlap(span: tuple[int, int], label: list[int]) -> bool:
        return span[0] <= label[1] and span[1] > label[0]

    hit = sum(any(overlap(s, label) for s in spans) for label in channel.labels)
    false = sum(not any(overlap(s, label) for label in channel.labels) for s in spans)
    flagged = sum(stop - start for start, stop in spans)
    missed = len(channel.labels) - hit
    return Count(hit, false, missed, flagged, len(channel.test))


def probation(channel: Channel) -> int:
    """Tell how many first steps the paper's code does not judge."""
    steps = len(channel.test) - WARM_UP - 10  # it predicts ten steps at once
    return WARM_UP * (3 if steps >= 2500 else 2 if steps >= 1800 else 1)


def judge(
    train: Floats, test: Floats, moving: list[AnomalySpan], channel: Channel
) -> dict[str, Count]:
    """Judge smoothed errors by each threshold, and what one that moves has found."""
    low, high = np.percentile(channel.train[:, 0], [5, 95])
    least = max(LEAST, SHARE * float(high - low))
    spans = {
        name: find_spans(test, max(threshold(train), least), **SPANS)
        for name, threshold in FIXED.items()
    }
    spans[MOVING] = moving
    return {
        name: count([(s.start, s.stop) for s in found], channel)
        for name, found in spans.items()
    }


def naive_errors(channel: Channel) -> dict[str, Errors]:
    """Judge what needs no model, in the same way."""
    series = [channel.train[:, 0], channel.test[:, 0]]
    mean = series[0].mean()
    raw = {
        "last value": [np.abs(np.diff(s, prepend=s[0])) for s in series],
        "mean of training (z-score)": [np.abs(s - mean) for s in series],
    }
    result = {}
    for name, (train, test) in raw.items():
        start = float(train.mean())
        result[name] = (
            smooth_errors(train, SMOOTHING, start),
            smooth_errors(test, SMOOTHING, start),
            moving_anomalies(
                test,
                series[1],
                history=HISTORY,
                probation=probation(channel),
                warm_up=WARM_UP,
                smoothing=SMOOTHING,
                min_error=LEAST,
                **SPANS,
            ),
        )
    return result


def run(seeds: Sequence[int], names: Sequence[str]) -> list[dict[str, Any]]:
    """Make a record of each method, threshold and seed."""
    every = list(channels(names))
    records = []

    def note(method: str, seed: int, results: Any, seconds: float) -> None:
        totals: dict[str, dict[str, Count]] = {}
        for channel, counts in zip(every, results, strict=True):
            for threshold, found in counts.items():
                by = totals.setdefault(threshold, {})
                before = by.get(channel.spacecraft, Count())
                by[channel.spacecraft] = before.plus(found)
        for threshold, by in totals.items():
            counts = {name: total._asdict() for name, total in by.items()}
            records.append(
                {
                    "method": method,
                    "threshold": threshold,
                    "seed": seed,
                    "seconds": seconds,
                    "counts": counts,
                }
            )

    for name, options in NETWORKS.items():
        for seed in seeds:
            begin = time.perf_counter()
            fitted: dict[str, Errors] = {}
            for channel in every:
                if channel.name not in fitted:
                    detector = LSTMAnomalyDetector(
                        **NETWORK,
                        **options,
                        **SPANS,
                        smoothing=SMOOTHING,
                        min_error=LEAST,
                        random_state=seed,
                    ).fit(channel.train)
                    fitted[channel.name] = (
                        -detector.score_samples(channel.train),
                        -detector.score_samples(channel.test),
                        detector.anomaly_spans(
                            channel.test, history=HISTORY, probation=probation(channel)
                        ),
                    )
            seconds = time.perf_counter() - begin
            results = [judge(*fitted[channel.name], channel) for channel in every]
            note(name, seed, results, seconds)
            report(records[-len(results[0]) :])
    if 0 not in seeds:
        return records
    for name in naive_errors(every[0]):
        results = [judge(*naive_errors(channel)[name], channel) for channel in every]
        note(name, 0, results, 0.0)
    whole = [{"none": count([(0, len(c.test))], c)} for c in every]
    note("everything is abnormal", 0, whole, 0.0)
    return records


def f1(total: Count) -> tuple[float, float, float]:
    precision = total.hit / max(1, total.hit + total.false)
    recall = total.hit / (total.hit + total.missed)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def report(records: list[dict[str, Any]]) -> None:
    craft = list(records[0]["counts"])
    head = ["errors of", "threshold", "precision", "recall", "F1", "spread"]
    head += [f"F1 {name}" for name in craft] + ["steps flagged", "seconds"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        key = (record["method"], record["threshold"])
        groups.setdefault(key, []).append(record)
    for (method, threshold), group in groups.items():
        parts = [[Count(**r["counts"][name]) for r in group] for name in craft]
        totals = [Count(*np.sum(counts, axis=0)) for counts in zip(*parts, strict=True)]
        scores = np.array([f1(total) for total in totals])
        cells = [f"{value:.3f}" for value in scores.mean(axis=0)]
        cells.append(f"{scores[:, 2].std(ddof=1):.3f}" if len(group) > 1 else "-")
        cells += [f"{np.mean([f1(c)[2] for c in part]):.3f}" for part in parts]
        share = np.mean([total.flagged / total.steps for total in totals])
        seconds = np.median([record["seconds"] for record in group])
        cells += [f"{100 * share:.0f} %", f"{seconds:.0f}"]
        print(f"| {method} | {threshold} | {' | '.join(cells)} |", flush=True)


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
        report([record for records in files for record in records])
        return
    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are the choice
    records = run(args.seeds, args.channels)
    report(records)
    if args.out is not None:
        args.out.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
