"""Which origins are judged, and what is known at each of them."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, Final, cast

import numpy as np

from ..._validate import IntArray, check_float, check_int
from ..series import Panel
from ..steps import Times

__all__ = ["Plan", "plan_origins"]

# What is judged where nothing is said: the last fifth, and before it what is missing to
# whole strides, so that the last origin is a horizon before the end.
_SHARE: Final = 0.2


@dataclass(frozen=True)
class Plan:
    """A grid of rounds; in each, every series is at one step.

    Where series have dates, a round is one date for all of them: a model of many series
    must not learn from one what another is about to do. Others have a clock each, and
    all begin to be judged in the first round.

    Attributes
    ----------
    first : (N,) int array
        The step of each series in the first round; it may lie outside the series.
    earliest, latest : (N,) int arrays
        The least origin with something observed before, the last one with a whole
        horizon after.
    lengths : (N,) int array
    stride : int
        Steps from one round to the next.
    rounds : int
    """

    first: IntArray
    earliest: IntArray
    latest: IntArray
    lengths: IntArray
    stride: int
    rounds: int

    def known(self, number: int) -> IntArray:
        """Return how many steps of each series are known in a round, (N,), from 0."""
        steps = self.first + number * self.stride
        return cast(IntArray, np.clip(steps, 0, self.lengths))

    def origins(self, numbers: range) -> list[IntArray]:
        """Return the origins of some rounds: N arrays."""
        steps = np.arange(numbers.start, numbers.stop) * self.stride
        return [
            at[(at >= low) & (at <= high)]
            for at, low, high in zip(
                self.first[:, None] + steps, self.earliest, self.latest, strict=True
            )
        ]


def plan_origins(
    panel: Panel, horizon: int, start: Any = None, stride: int | None = None
) -> Plan:
    """Plan the origins of a backtest, as `backtest` describes them.

    Raises
    ------
    ValueError
        A start that is none; no series with room for an origin.
    TypeError
        A start or stride of another type.
    """
    step = horizon if stride is None else check_int("stride", stride, 1)
    lengths = panel.lengths
    earliest = np.array(
        [1 + int(np.isfinite(series.y).any(axis=1).argmax()) for series in panel]
    )
    latest = lengths - horizon
    offsets = _offsets(panel)
    if _is_time(start):
        first = _from_time(panel, offsets, start)
    elif offsets is not None:
        whole = int((lengths + offsets).max())
        first = _from_length(whole, horizon, start, step) - offsets
    else:
        own = [_from_length(int(length), horizon, start, step) for length in lengths]
        # One too short for an origin is known as a whole from the first round on.
        first = np.where(np.array(own) < 1, lengths, own)
    rounds = 1 + int(((latest - first) // step).max())
    plan = Plan(first, earliest, latest, lengths, step, max(rounds, 0))
    if not any(len(at) for at in plan.origins(range(plan.rounds))):
        raise ValueError(
            f"no series has an origin to judge: expected something observed before it "
            f"and {horizon} steps, the horizon, after it, from start={start!r} on; the "
            f"longest series has {lengths.max()} steps"
        )
    return plan


def _offsets(panel: Panel) -> IntArray | None:
    """Count the steps from the earliest date to the first of each series, (N,).

    None without dates: integers often are but the places of rows.
    """
    times, step = panel[0].times, panel.layout.step
    if times is None or times.dtype.kind != "M" or step is None:
        return None
    begins = np.array([_times(series.times)[0] for series in panel])
    order = np.argsort(begins, kind="stable")
    places = np.empty(len(begins), np.int64)
    places[order] = step.places(begins[order])[0]
    return places


def _times(times: Times | None) -> Times:
    assert times is not None  # a panel has times in all series or in none
    return times


def _is_time(start: Any) -> bool:
    return isinstance(start, (str, np.datetime64)) or hasattr(start, "isoformat")


def _from_time(panel: Panel, offsets: IntArray | None, start: Any) -> IntArray:
    """Return the step of each series at a date."""
    if offsets is None:
        raise ValueError(f"start={start!r} is a time, but the series have no dates")
    if getattr(start, "tzinfo", None) is not None:
        raise ValueError(f"start={start!r} has a time zone, which series cannot have")
    time = np.datetime64(start)
    steps = [int(np.searchsorted(_times(series.times), time)) for series in panel]
    ahead = [
        at + offset
        for at, offset, series in zip(steps, offsets, panel, strict=True)
        if at < len(series)
    ]
    last = int((panel.lengths + offsets).max())
    return cast(IntArray, min(ahead, default=last) - offsets)


def _from_length(length: int, horizon: int, start: Any, stride: int) -> int:
    """Return the first origin of so many steps; below 1 where there is no room."""
    if start is None:
        judged = max(round(_SHARE * length), horizon)
        more = horizon + -(-(judged - horizon) // stride) * stride
        return length - (more if 2 * more <= length else judged)
    if isinstance(start, Integral):
        return check_int("start", start, 1)
    return max(1, round(check_float("start", start, "(0, 1)") * length))
