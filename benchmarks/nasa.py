"""Telemetry of two spacecraft with labelled anomalies, and how spans are judged there.

SMAP and MSL, Hundman et al. 2018, "Detecting Spacecraft Anomalies Using LSTMs and
Nonparametric Dynamic Thresholding", KDD; docs/anomalies.md. No label has a part in any
threshold.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import folder
from fastlstm.forecasting.anomalies import (
    dynamic_threshold,
    find_spans,
    quantile_threshold,
    smooth_errors,
)
from fastlstm.forecasting.moving_threshold import moving_anomalies
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of the paper and its code: the span of the moving average, what belongs to a span, p,
# the errors that a moving threshold is from, the share of a channel's usual range, and
# the size, below which no error counts, and the first steps, which have no errors.
SMOOTHING, BUFFER, PRUNING, HISTORY, SHARE, LEAST = 105, 100, 0.13, 2100, 0.05, 0.05
SPANS: dict[str, Any] = {"buffer": BUFFER, "pruning": PRUNING}
WARM_UP = 250
# Errors of training -> the threshold, fixed before a test error is seen.
FIXED: dict[str, Callable[[Floats], float]] = {
    "largest training error": lambda errors: quantile_threshold(errors, 0.0),
    "dynamic, of training errors": lambda errors: dynamic_threshold(
        errors, buffer=BUFFER
    ),
}
PROBATION = ", or of the first steps"
BY_COMMANDS = "largest training error, by commands"
COMMANDED = 25  # steps after a command that are judged by themselves
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


class Errors(NamedTuple):
    """Errors (T,) of a training and a test series, not smoothed; NaN where none is."""

    train: Floats
    test: Floats


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


def distinct(every: Sequence[Channel]) -> list[Channel]:
    """Leave out second rows of a channel: to train on, they are the same."""
    return list({channel.name: channel for channel in every}.values())


def count(spans: Sequence[Sequence[Any]], channel: Channel) -> Count:
    """Judge as the paper: a label that any span overlaps is a hit."""

    def overlap(span: Sequence[Any], label: list[int]) -> bool:
        return bool(span[0] <= label[1] and span[1] > label[0])

    hit = sum(any(overlap(s, label) for s in spans) for label in channel.labels)
    false = sum(not any(overlap(s, label) for label in channel.labels) for s in spans)
    flagged = sum(stop - start for start, stop, *_ in spans)
    missed = len(channel.labels) - hit
    return Count(hit, false, missed, flagged, len(channel.test))


def probation(channel: Channel) -> int:
    """Tell how many first steps the paper's code does not judge."""
    steps = len(channel.test) - WARM_UP - 10  # it predicts ten steps at once
    return WARM_UP * (3 if steps >= 2500 else 2 if steps >= 1800 else 1)


def by_commands(train: Floats, test: Floats, first: int, channel: Channel) -> Floats:
    """Return thresholds (T,): the largest error known after commands, and else.

    Known are all training errors, where at least 50 are of such steps, and those of the
    ``first`` test steps.
    """
    before, after = (
        np.convolve((series[:, 1:] != 0).any(axis=1), np.ones(COMMANDED))[: len(series)]
        > 0
        for series in (channel.train, channel.test)
    )
    thresholds = np.empty(len(test))
    for commanded in (False, True):
        alike = train[before == commanded]
        known = [alike if len(alike) >= 50 else train]
        known.append(test[:first][after[:first] == commanded])
        thresholds[after == commanded] = np.concatenate(known).max()
    return thresholds


def judge(errors: Errors, channel: Channel) -> dict[str, Count]:
    """Judge errors by each threshold."""
    low, high = np.percentile(channel.train[:, 0], [5, 95])
    least = max(LEAST, SHARE * float(high - low))
    mean = float(errors.train[WARM_UP:].mean())
    train, test = (
        smooth_errors(np.r_[np.full(WARM_UP, mean), e[WARM_UP:]], SMOOTHING, mean)
        for e in errors
    )
    first = probation(channel)
    spans = {
        name + suffix: find_spans(
            test, max(threshold(train), least), **SPANS, probation=steps
        )
        for name, threshold in FIXED.items()
        for suffix, steps in (("", 0), (PROBATION, first))
    }
    for suffix, steps in (("", 0), (PROBATION, first)):
        thresholds = np.maximum(by_commands(train, test, steps, channel), least)
        spans[BY_COMMANDS + suffix] = find_spans(
            test / thresholds, 1.0, **SPANS, probation=steps
        )
    spans[MOVING] = moving_anomalies(
        errors.test,
        channel.test[:, 0],
        history=HISTORY,
        probation=first,
        warm_up=WARM_UP,
        smoothing=SMOOTHING,
        min_error=LEAST,
        **SPANS,
    )
    return {name: count(found, channel) for name, found in spans.items()}


def records(
    method: str,
    seed: int,
    every: Sequence[Channel],
    results: Iterable[dict[str, Count]],
    seconds: float = 0.0,
) -> list[dict[str, Any]]:
    """Sum what was counted in each channel: a record of each threshold."""
    totals: dict[str, dict[str, Count]] = {}
    for channel, counts in zip(every, results, strict=True):
        for threshold, found in counts.items():
            by = totals.setdefault(threshold, {})
            by[channel.spacecraft] = by.get(channel.spacecraft, Count()).plus(found)
    return [
        {
            "method": method,
            "threshold": threshold,
            "seed": seed,
            "seconds": seconds,
            "counts": {name: total._asdict() for name, total in by.items()},
        }
        for threshold, by in totals.items()
    ]


def write(every: Sequence[dict[str, Any]], path: Path) -> None:
    """Write records, one a line."""
    lines = ",\n".join(json.dumps(record) for record in every)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def f1(total: Count) -> tuple[float, float, float]:
    precision = total.hit / max(1, total.hit + total.false)
    recall = total.hit / (total.hit + total.missed)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def report(every: Sequence[dict[str, Any]]) -> None:
    """Print a table of records, a row for each method and threshold."""
    craft = list(every[0]["counts"])
    head = ["errors of", "threshold", "precision", "recall", "F1", "spread"]
    head += [f"F1 {name}" for name in craft] + ["steps flagged", "seconds"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in every:
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
