"""Every number of a run, for other programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .. import _core
from .machine import describe_machine
from .results import OURS, Results, Row, Spread

__all__ = ["as_json"]


def as_json(results: Results) -> dict[str, Any]:
    """Return the results in seconds, bytes and operations a second.

    ``rows[i]["contestants"][name]`` has ``way``, ``seconds`` (median and quartiles),
    ``rounds`` (seconds, one a round), ``flops``, ``peak_bytes``, and of a peer
    ``ratio``, its time over ours (median and quartiles of the rounds' ratios).
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "isa": _core.isa(),
        "build": _core.build_info(),
        "versions": results.versions,
        "threads": results.threads,
        "dtype": results.dtype,
        "interrupted": results.interrupted,
        "notes": results.notes,
        "rows": [_row(row) for row in results.rows],
        "summaries": {
            group: {
                name: {
                    "geometric_mean": summary.mean,
                    "worst": summary.worst,
                    "worst_shape": summary.worst_job.shape._asdict(),
                    "shapes": summary.shapes,
                }
                for name, summary in summaries.items()
            }
            for group, summaries in results.summaries().items()
        },
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "mode": row.job.mode,
        "group": row.group,
        "shape": row.job.shape._asdict(),
        "operations": row.flops,
        "fma_flops": row.fma_flops,
        "fma_fraction": row.fma_fraction,
        "best_peer": row.best_peer,
        "contestants": {name: _contestant(row, name) for name in row.timings},
    }


def _contestant(row: Row, name: str) -> dict[str, Any]:
    timing = row.timings[name]
    seconds = Spread.of(timing.seconds)
    return {
        "way": timing.way,
        "seconds": seconds._asdict(),
        "rounds": timing.seconds,
        "flops": row.flops / seconds.median,
        "peak_bytes": timing.peak_bytes,
        "ratio": None if name == OURS else row.ratio(name)._asdict(),
    }
