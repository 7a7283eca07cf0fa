"""What came true after each origin, and the units in which errors are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._validate import IntArray
from ..metrics.inputs import mean
from ..numbers import Floats
from ..series import Panel

__all__ = ["Truth", "gather_truth"]


@dataclass(frozen=True, eq=False)
class Truth:
    """What came true, the R origins of all series one below another.

    Attributes
    ----------
    y : (R, H, K) array
        NaN where nothing was observed.
    scale : (R, K) array
        What scaled errors are divided by; NaN where the series has no scale.
    series : (R,) int array
        Which series.
    moment : (R,) array
        What origins of different series have in common: their date, or without dates
        how many origins of the series come before.
    spacing : int
        Steps from one origin to the next, as most of them are.
    """

    y: Floats
    scale: Floats
    series: IntArray
    moment: NDArray[Any]
    spacing: int


def gather_truth(
    panel: Panel, origins: Sequence[IntArray], horizon: int, season: int
) -> Truth:
    """Take what came after each origin, and scales from what came before the first."""
    parts, scales, moments = [], [], []
    for series, at in zip(panel, origins, strict=True):
        parts.append(series.y[at[:, None] + np.arange(horizon)])
        first = int(at[0]) if len(at) else 0
        scale = _seasonal_scale(series.y[:first], season)
        scales.append(np.broadcast_to(scale, (len(at), len(scale))))
        if series.times is None or series.times.dtype.kind != "M":
            moments.append(np.arange(len(at)))
        else:
            moments.append(series.times[at])
    steps = np.concatenate([np.diff(at) for at in origins])
    return Truth(
        y=np.concatenate(parts),
        scale=np.concatenate(scales),
        series=np.repeat(np.arange(len(panel)), [len(at) for at in origins]),
        moment=np.concatenate(moments),
        spacing=int(np.median(steps)) if len(steps) else horizon,
    )


def _seasonal_scale(history: Floats, season: int) -> Floats:
    """Return the mean absolute seasonal difference (K,), of Hyndman & Koehler (2006).

    NaN where there is none, or it is 0 and nothing can be told in units of it.
    """
    steps = np.abs(history[season:] - history[:-season])
    scale = np.asarray(mean(steps, ~np.isnan(steps), 0))
    return np.where(scale > 0.0, scale, np.nan)
