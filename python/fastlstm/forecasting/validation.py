"""Where the part of each series begins that a fit is judged on."""

from __future__ import annotations

import numpy as np

from .._validate import IntArray, check_float, check_int
from .series import Panel

__all__ = ["validation_ends"]


def validation_ends(
    panel: Panel,
    horizon: int,
    *,
    fraction: float = 0.1,
    min_window: int = 1,
    windows: int = 1,
) -> IntArray:
    """Return the step of each series at which its validation part begins.

    The part is ``fraction`` of the series, rounded, and has room for ``windows``
    horizons that overlap. A series too short to leave a training window before it, of
    ``min_window`` steps and a horizon, is trained on as a whole.

    Parameters
    ----------
    panel : Panel
    horizon : int
    fraction : float in (0, 1), default=0.1
    min_window : int, default=1
    windows : int, default=1
        Whole horizons, each beginning a step after the other, in the part of a series.

    Returns
    -------
    (N,) int64 array
        For `PanelEncoder.fit` and `WindowSet.split`.

    Raises
    ------
    ValueError
        No series is long enough.
    """
    horizon = check_int("horizon", horizon, 1)
    least = check_int("min_window", min_window, 1)
    share = check_float("fraction", fraction, "(0, 1)")
    lengths = panel.lengths
    shortest = horizon + check_int("windows", windows, 1) - 1
    part = np.maximum(np.rint(share * lengths).astype(np.int64), shortest)
    ends = lengths - part
    ends = np.where(ends < least + horizon, lengths, ends)
    if (ends == lengths).all():
        raise ValueError(
            "no series is long enough for validation: expected at least "
            f"{least + horizon} steps to train on (min_window and a horizon) and "
            f"{shortest} to validate on (a horizon from each of {windows} "
            f"origin{'s' * (windows > 1)}), the longest has {lengths.max()} in all"
        )
    return ends
