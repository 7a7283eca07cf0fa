"""Whether intervals hold as much as they promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ..forecasting import Backtest
from ..forecasting.backtesting.differences import mean_and_error
from ..forecasting.backtesting.scores import interval_pairs
from ..forecasting.numbers import Floats
from .axes import new_axes

__all__ = ["plot_coverage"]

# Of a normal distribution, 95 % lie within so many standard deviations.
_NORMAL: Final = 1.96


def plot_coverage(
    backtest: Backtest, *, names: Sequence[str] | None = None, ax: Any = None
) -> Any:
    """Draw the share of observations in each interval over the share that it promises.

    Points below the diagonal are intervals that are too narrow. The band is where 95 %
    of calibrated forecasts would be, by the normal approximation of the binomial
    distribution. What its n is takes into account that errors of one forecast, and of
    forecasts in a row, go together: n is the number of independent observations that
    would vary as much as those of the first forecaster do from origin to origin (Newey
    & West 1987), or where there are too few origins to tell the number of forecasts
    that do not overlap.

    Parameters
    ----------
    backtest : Backtest
        With quantiles in symmetric pairs, as 0.1 and 0.9.
    names : sequence of str, optional
        The models and the best baseline, as far as they have quantiles, by default.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        No symmetric pair of quantiles, or a name that has none.
    ImportError
        Without matplotlib, where no ``ax`` is given.
    """
    pairs = interval_pairs(backtest.levels)
    if not pairs:
        raise ValueError(
            "coverage is that of quantiles in pairs, as 0.1 and 0.9: the levels are "
            f"{list(backtest.levels)}"
        )
    given = [*backtest.models, backtest.best_baseline] if names is None else list(names)
    who = [name for name in given if name in backtest.quantiles]
    if not who or (names is not None and len(who) < len(given)):
        raise ValueError(
            f"expected some of {list(backtest.quantiles)}, who have quantiles, got "
            f"{given}"
        )
    ax = new_axes(figsize=(4.6, 4.6)) if ax is None else ax
    n = _independent(backtest, str(who[0]))
    promised = np.linspace(0.0, 1.0, 201)
    reach = _NORMAL * np.sqrt(promised * (1.0 - promised) / n)
    low, high = np.clip(promised - reach, 0, 1), np.clip(promised + reach, 0, 1)
    label = f"95 % of calibrated forecasts (n = {n:.0f})"
    ax.fill_between(promised, low, high, color="0.88", linewidth=0.0, label=label)
    ax.plot([0, 1], [0, 1], color="0.5", linewidth=0.8)
    for number, name in enumerate(who):
        inside = [_inside(backtest, str(name), low, high) for low, high, _ in pairs]
        observed = [np.nanmean(share) for share in inside]
        shares = [share for _, _, share in pairs]
        marker = "osD^v<>"[number % 7]
        ax.plot(shares, observed, f"{marker}-", color=f"C{number}", label=name)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.set_xlabel("share that the interval promises")
    ax.set_ylabel("share of observations in it")
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right", fontsize="small")
    return ax


def _inside(backtest: Backtest, name: str, low: int, high: int) -> Floats:
    """Tell 1 from 0, (R, H, K): whether y lies in an interval; NaN where it is none."""
    y, quantiles = backtest.truth.y, np.concatenate(backtest.quantiles[name])
    inside = (quantiles[..., low] <= y) & (y <= quantiles[..., high])
    return np.where(np.isnan(y), np.nan, inside)


def _independent(backtest: Backtest, name: str) -> float:
    """Return how many independent observations would vary as these do."""
    truth = backtest.truth
    overlap = -(-backtest.horizon // truth.spacing)
    least = max(1.0, len(truth.y) / overlap)
    found = []
    for low, high, _ in interval_pairs(backtest.levels):
        inside = _inside(backtest, name, low, high)
        counts = (~np.isnan(inside)).sum(axis=(1, 2)).astype(np.float64)
        sums = np.nansum(inside, axis=(1, 2))
        mean, error, _ = mean_and_error(sums, counts, truth.moment, overlap)
        if error:
            found.append(min(mean * (1.0 - mean) / error**2, float(counts.sum())))
    return min(found, default=least)
