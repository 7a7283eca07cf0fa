"""Errors at each step ahead."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forecasting import Backtest
from ..forecasting.numbers import Floats
from .axes import legend_on_top, new_axes

__all__ = ["plot_residuals_by_horizon"]

# More boxes than this are too narrow to be read.
_MOST_STEPS = 24


def plot_residuals_by_horizon(
    backtest: Backtest,
    *,
    name: str | None = None,
    baseline: str | None = None,
    unit: str = "",
    ax: Any = None,
) -> Any:
    """Draw how the errors at each step ahead are distributed, beside a baseline's.

    Boxes are the quartiles with the median, whiskers reach from the 5 % to the 95 %
    quantile. Of more than 24 steps every second one is drawn, or third, and so on.

    Parameters
    ----------
    backtest : Backtest
        Errors of several series or variables are divided by the scale of their MASE.
    name : str, optional
        Who forecast; the first model by default.
    baseline : str, optional
        The best one by default.
    unit : str, optional
        Of the series.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        No such forecaster.
    ImportError
        Without matplotlib, where no ``ax`` is given.
    """
    who = backtest.models[0] if name is None else name
    other = backtest.best_baseline if baseline is None else baseline
    names = [each for each in (who, other) if each is not None]
    for each in names:
        if each not in backtest.forecasts:
            raise ValueError(
                f"there is no forecaster {each!r}, only {list(backtest.forecasts)}"
            )
    several = len(np.unique(backtest.truth.series)) > 1 or backtest.truth.y.shape[2] > 1
    scaled = several and backtest.metric == "MASE"
    space = -(-backtest.horizon // _MOST_STEPS)
    steps = list(range(1, backtest.horizon + 1, space))
    ax = new_axes(figsize=(9.0, 4.0)) if ax is None else ax
    ax.axhline(0.0, color="0.5", linewidth=0.8)
    for number, each in enumerate(names):
        boxes = ax.boxplot(
            [_errors(backtest, each, step, scaled) for step in steps],
            positions=np.array(steps)
            + space * (number - 0.5 * (len(names) - 1)) * 0.36,
            widths=0.3 * space,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            manage_ticks=False,
            medianprops={"color": "black"},
            boxprops={"facecolor": f"C{number}", "alpha": 0.6, "linewidth": 0.6},
        )
        boxes["boxes"][0].set_label(each)
    ax.set_xticks(steps[:: -(-len(steps) // (_MOST_STEPS // 2))])
    ax.set_xlim(1 - space, steps[-1] + space)
    ax.set_xlabel("steps ahead")
    units = "units of the MASE" if scaled else unit
    ax.set_ylabel("observed less forecast" + f" ({units})" * bool(units))
    ax.grid(alpha=0.3, axis="y")
    legend_on_top(ax)
    return ax


def _errors(backtest: Backtest, name: str, step: int, scaled: bool) -> Floats:
    """Return the errors at a step of the horizon, of all that was observed."""
    truth = backtest.truth
    points = np.concatenate(backtest.forecasts[name])[:, step - 1]
    errors = truth.y[:, step - 1] - points
    if scaled:
        errors = errors / truth.scale
    return errors[np.isfinite(errors)]
