"""One honest sentence."""

from __future__ import annotations

from math import isclose
from typing import Final

import numpy as np

from .differences import Difference

__all__ = ["verdict"]

# A difference is real from so many of its standard errors on: one in twenty of those
# that are chance are taken for real.
_REAL: Final = 2.0


def verdict(
    name: str, baseline: str, metric: str, ours: float, theirs: float, gap: Difference
) -> str:
    """Say whether a forecaster beats the best baseline.

    Parameters
    ----------
    name, baseline : str
    metric : str
    ours, theirs : float
        Their scores, of which the lower is better.
    gap : Difference
        Of their errors.

    Examples
    --------
    >>> from fastlstm.forecasting.backtesting.differences import Difference
    >>> gap = Difference(mean=0.12, error=0.04, count=30, unit="origins")
    >>> print(verdict("LSTM", "drift", "MASE", 1.12, 1.0, gap))
    LSTM loses to the drift by 12 % (MASE 1.12 against 1.00): 3.0 standard errors over
    30 origins.
    """
    same = isclose(ours, theirs)
    decimals = 2
    while not same and f"{ours:.{decimals}f}" == f"{theirs:.{decimals}f}":
        decimals += 1
    scores = f"{metric} {ours:.{decimals}f} against {theirs:.{decimals}f}"
    by = f" by {_percent(ours / theirs)}" if 0.0 < theirs < np.inf else ""
    if same:
        words = f"{name} is as good as the best baseline, the {baseline} ({scores})"
    elif ours > theirs:
        words = f"{name} loses to the {baseline}{by} ({scores})"
    else:
        comma = "," * bool(by)
        words = f"{name} is better than the best baseline, the {baseline}{comma}{by}"
        words += f" ({scores})"
    ratio = gap.ratio
    if ratio is None:
        few = "one time are" if gap.count == 1 else f"{gap.count} times are"
        return (
            f"{words}; forecasts from {few} too few to tell whether that is more than "
            "luck: a smaller stride or an earlier start gives more."
        )
    chance = f"{abs(ratio):.1f} standard errors over {gap.count} {gap.unit}"
    if abs(ratio) < _REAL:
        return f"{words}, which is no real difference: {chance}."
    return f"{words}: {chance}."


def _percent(ratio: float) -> str:
    change = 100.0 * abs(ratio - 1.0)
    return f"{change:.0f} %" if change >= 9.5 else f"{change:.1g} %"
