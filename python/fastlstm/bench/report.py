"""The tables in the terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .. import _core
from .machine import describe_machine
from .results import BEST, OURS, Results, Row, Spread, Timing
from .shapes import MODES

__all__ = ["as_text"]

_SHAPE = "batch x steps, in->hidden"


def as_text(results: Results) -> str:
    """Lay the results out: a table a mode, memory where measured, and the means."""
    return "\n\n".join(_parts(results))


def _parts(results: Results) -> Iterator[str]:
    yield _head(results)
    for mode, meaning in MODES.items():
        rows = [row for row in results.rows if row.job.mode == mode]
        if rows:
            table = _aligned(_times(rows, results.peers))
            yield f"{mode}: {meaning}\n{table}{_ways(rows, results.peers)}"
    peaks = [row for row in results.rows if row.timings[OURS].peak_bytes]
    if peaks:
        table = _aligned(_memory(peaks, list(results.versions)))
        yield f"peak memory with weights, input and results, MB\n{table}"
    if any(row.peers for row in results.rows):
        table = _aligned(_means(results))
        yield f"peer / {OURS}: geometric mean (worst shape)\n{table}"


def _head(results: Results) -> str:
    machine = describe_machine()
    names = (f"{name} {version}" for name, version in results.versions.items())
    return (
        f"{', '.join(names)}\n"
        f"{machine['processor']}, {_count(int(machine['cpus']), 'CPU')}, "
        f"{_core.isa()}, {results.dtype}, {_count(results.threads, 'thread')}, "
        f"median of {_count(results.rounds, 'round')}"
    )


def _times(rows: Sequence[Row], peers: Sequence[str]) -> Iterator[list[str]]:
    """Yield milliseconds, and of a peer its ratio to ours."""
    peers = [name for name in peers if any(name in row.timings for row in rows)]
    heads = [head for name in peers for head in (f"{name} ms", "")]
    yield [_SHAPE, f"{OURS} ms", "+-", *heads, "GFLOP/s", "of FMA"]
    for row in rows:
        ours = Spread.of(row.timings[OURS].seconds)
        cells = [str(row.job.shape), _ms(ours.median), f"{ours.relative_width:.0%}"]
        for name in peers:
            cells += _peer(row, name)
        cells += [f"{row.gflops:.1f}", f"{row.fma_fraction:.0%}"]
        yield cells


def _ways(rows: Sequence[Row], peers: Sequence[str]) -> str:
    """Say which ways were the fastest of each peer, the more frequent ones first."""
    parts = []
    for name in peers:
        ways = Counter(row.timings[name].way for row in rows if name in row.timings)
        if ways:
            parts.append(f"{name}: {', '.join(way for way, _ in ways.most_common())}")
    return f"\n({'; '.join(parts)})" if parts else ""


def _peer(row: Row, name: str) -> list[str]:
    if name not in row.timings:
        return ["-", ""]
    median = Spread.of(row.timings[name].seconds).median
    return [_ms(median), f"{row.ratio(name).median:.2f}x"]


def _memory(rows: Iterable[Row], names: Sequence[str]) -> Iterator[list[str]]:
    yield [f"{_SHAPE}, mode", *names]
    for row in rows:
        sizes = [_megabytes(row.timings.get(name)) for name in names]
        yield [f"{row.job.shape}, {row.job.mode}", *sizes]


def _megabytes(timing: Timing | None) -> str:
    if timing is None or timing.peak_bytes is None:
        return "-"
    return f"{timing.peak_bytes / 1e6:.1f}"


def _means(results: Results) -> Iterator[list[str]]:
    columns = [*results.peers, BEST]
    yield ["", "shapes", *columns, "worst at"]
    for group, summaries in results.summaries().items():
        best = summaries[BEST]
        cells = [group, str(best.shapes)]
        for name in columns:
            found = summaries.get(name)
            cells.append(f"{found.mean:.2f} ({found.worst:.2f})" if found else "-")
        yield [*cells, str(best.worst_job.shape)]


def _aligned(rows: Iterable[Sequence[str]]) -> str:
    """Pad the columns: the first to the left, the others to the right."""
    lines = list(rows)
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    padded = (
        "  ".join(
            [line[0].ljust(first), *map(str.rjust, line[1:], others)],
        ).rstrip()
        for line in lines
    )
    return "\n".join(padded)


def _ms(seconds: float) -> str:
    """Show milliseconds with three digits or more."""
    value = seconds * 1e3
    return f"{value:.{max(1, 2 - math.floor(math.log10(value)))}f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
