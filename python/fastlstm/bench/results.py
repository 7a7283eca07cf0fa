"""Numbers of a run, and what follows from them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .shapes import Job

__all__ = ["BEST", "OURS", "Results", "Row", "Spread", "Summary", "Timing"]

OURS = "fastlstm"
BEST = "best peer"


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return those of ``values``."""
        low, median, high = np.percentile(values, [25, 50, 75])
        return cls(float(median), float(low), float(high))

    @property
    def relative_width(self) -> float:
        """Half the distance of the quartiles over the median."""
        return (self.high - self.low) / 2 / self.median


@dataclass
class Timing:
    """One contestant at one job."""

    way: str
    seconds: list[float] = field(default_factory=list)  # one a round
    peak_bytes: int | None = None


@dataclass
class Row:
    """One job; ``timings`` has whoever could do it, fastlstm first."""

    job: Job
    flops: float
    timings: dict[str, Timing] = field(default_factory=dict)
    fma_rates: list[float] = field(default_factory=list)  # one a round

    @property
    def group(self) -> str:
        """Name of the rows whose mean this one enters."""
        batched = "batched" if self.job.shape.batch > 1 else "B = 1"
        return f"infer, {batched}" if self.job.mode == "infer" else self.job.mode

    @property
    def peers(self) -> list[str]:
        """Whoever ran beside fastlstm."""
        return [name for name in self.timings if name != OURS]

    @property
    def best_peer(self) -> str | None:
        """The fastest of them."""
        return min(self.peers, key=self.median, default=None)

    @property
    def gflops(self) -> float:
        """Our rate, 1e9 operations a second."""
        return self.flops / self.median(OURS) / 1e9

    @property
    def fma_flops(self) -> float:
        """The machine's rate beside this row, operations a second."""
        return statistics.median(self.fma_rates)

    @property
    def fma_fraction(self) -> float:
        """Our rate as a fraction of the machine's."""
        return self.gflops * 1e9 / self.fma_flops

    def median(self, name: str) -> float:
        """Return a contestant's seconds."""
        return statistics.median(self.timings[name].seconds)

    def ratio(self, peer: str) -> Spread:
        """Return peer / fastlstm; the two turns of a round are a pair."""
        ours, theirs = self.timings[OURS].seconds, self.timings[peer].seconds
        return Spread.of([b / a for a, b in zip(ours, theirs, strict=True)])


class Summary(NamedTuple):
    """Ratios peer / fastlstm over the rows of a group."""

    mean: float  # geometric
    worst: float
    worst_job: Job
    shapes: int

    @classmethod
    def of(cls, ratios: Sequence[tuple[float, Job]]) -> Summary:
        """Return that of some ratios and their jobs."""
        mean = math.exp(statistics.fmean(math.log(ratio) for ratio, _ in ratios))
        return cls(mean, *min(ratios), len(ratios))


@dataclass
class Results:
    """All rows of a run, in the order in which they ran."""

    threads: int
    dtype: str
    rounds: int
    versions: dict[str, str] = field(default_factory=dict)  # by contestant, ours first
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def peers(self) -> list[str]:
        """Whoever took part beside fastlstm."""
        return [name for name in self.versions if name != OURS]

    def summaries(self) -> dict[str, dict[str, Summary]]:
        """Return a summary by group and peer, and one of each row's best peer."""
        ratios: dict[str, dict[str, list[tuple[float, Job]]]] = {}
        for row in self.rows:
            for peer in row.peers:
                entry = (row.ratio(peer).median, row.job)
                for name in (peer, BEST) if peer == row.best_peer else (peer,):
                    ratios.setdefault(row.group, {}).setdefault(name, []).append(entry)
        return {
            group: {name: Summary.of(found) for name, found in by_name.items()}
            for group, by_name in ratios.items()
        }
