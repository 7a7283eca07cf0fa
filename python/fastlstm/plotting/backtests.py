"""What a backtest forecast, over what came."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validate import check_int
from ..forecasting import Backtest
from .axes import label_times, legend_on_top, new_axes
from .forecasts import draw_fan

__all__ = ["plot_backtest"]


def plot_backtest(
    backtest: Backtest,
    *,
    name: str | None = None,
    baseline: str | None = None,
    series: Hashable = None,
    target: Any = None,
    history: int | None = None,
    unit: str = "",
    ax: Any = None,
) -> Any:
    """Draw the forecasts from each origin of a series, over what came.

    Of forecasts that overlap only every so many are drawn that they do not.

    Parameters
    ----------
    backtest : Backtest
    name : str, optional
        Who forecast; the first model by default.
    baseline : str, optional
        Draw that one beside.
    series : hashable, optional
        Identifier of the series; by default the first one with an origin.
    target : str or int, optional
        Name of the variable, or its place among those without names; the first one by
        default.
    history : int, optional
        Steps to draw before the first origin; half as many as follow by default.
    unit : str, optional
        Name of the vertical axis.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        No such forecaster, variable, or series with an origin.
    ImportError
        Without matplotlib, where no ``ax`` is given.
    """
    who = backtest.models[0] if name is None else name
    for each in (who, baseline):
        if each is not None and each not in backtest.forecasts:
            raise ValueError(
                f"there is no forecaster {each!r}, only {list(backtest.forecasts)}"
            )
    n = _series(backtest, series)
    k = _target(backtest, target)
    y, times, origins = (
        backtest.panel[n].y[:, k],
        _times(backtest, n),
        backtest.origins[n],
    )
    places = _apart(origins, backtest.horizon)
    first, stop = int(origins[0]), int(origins[places[-1]]) + backtest.horizon
    before = (
        (stop - first) // 2 if history is None else check_int("history", history, 0)
    )
    begin = max(0, first - before)
    ax = new_axes(figsize=(9.0, 4.0)) if ax is None else ax
    ax.plot(
        times[begin:stop], y[begin:stop], color="0.4", linewidth=1.2, label="observed"
    )
    styles = [(who, {"color": "C0", "linewidth": 1.6})]
    if baseline is not None:
        styles.insert(0, (baseline, {"color": "C1", "linewidth": 1.2, "ls": "--"}))
    if who in backtest.quantiles:
        # Forecasts of a single step are drawn as one.
        quantiles = backtest.quantiles[who][n][places][:, :, k]
        for number, (span, fan) in enumerate(_spans(times, origins[places], quantiles)):
            draw_fan(ax, span, fan, backtest.levels, median=False, labels=number == 0)
    for forecaster, style in styles:
        points = backtest.forecasts[forecaster][n][places][:, :, k]
        for number, (span, line) in enumerate(_spans(times, origins[places], points)):
            label = forecaster if number == 0 else None
            ax.plot(span, line, label=label, **style)
    if backtest.horizon > 1:
        for origin in origins[places]:
            ax.axvline(
                times[origin], color="0.7", linewidth=0.6, linestyle=":", zorder=0
            )
    label_times(ax, times)
    ax.set_ylabel(unit)
    ax.margins(x=0)
    ax.grid(alpha=0.3)
    legend_on_top(ax)
    return ax


def _series(backtest: Backtest, name: Hashable) -> int:
    judged = [n for n, at in enumerate(backtest.origins) if len(at)]
    if name is None:
        return judged[0]
    for n in judged:
        if backtest.panel[n].id == name:
            return n
    raise ValueError(
        f"there is no series {name!r} with an origin, only "
        f"{[backtest.panel[n].id for n in judged]}"
    )


def _target(backtest: Backtest, name: Any) -> int:
    targets = backtest.panel.layout.targets
    if name is None:
        return 0
    if name not in targets:
        raise ValueError(f"there is no variable {name!r}, only {list(targets)}")
    return targets.index(name)


def _times(backtest: Backtest, n: int) -> NDArray[Any]:
    series = backtest.panel[n]
    return np.arange(len(series)) if series.times is None else series.times


def _apart(origins: NDArray[Any], horizon: int) -> list[int]:
    """Return the places of origins that are a horizon apart, or more."""
    places = [0]
    for place, origin in enumerate(origins):
        if origin >= origins[places[-1]] + horizon:
            places.append(place)
    return places


def _spans(
    times: NDArray[Any], origins: NDArray[Any], values: NDArray[Any]
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return times and values of each forecast; those of single steps together."""
    if values.shape[1] == 1:
        return [(times[origins], values[:, 0])]
    steps = np.arange(values.shape[1])
    return [
        (times[origin + steps], own)
        for origin, own in zip(origins, values, strict=True)
    ]
