"""What a forecaster is judged beside: baselines, each of the history of an origin."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..._validate import IntArray
from ..baselines import Drift, Mean, Naive, SeasonalNaive, SeasonalNaiveWithGrowth
from ..baselines.base import Baseline
from ..numbers import Floats
from ..series import Panel

__all__ = ["baseline_forecasts"]


def baseline_forecasts(
    panel: Panel,
    origins: Sequence[IntArray],
    horizon: int,
    season: int,
    levels: Sequence[float],
) -> tuple[dict[str, list[Floats]], dict[str, list[Floats]], list[str]]:
    """Forecast by each baseline from every origin.

    Returns
    -------
    points : dict of a name to N arrays (M_n, H, K)
        Of those that every history was enough for: a mean over other origins could not
        be compared.
    quantiles : dict of a name to N arrays (M_n, H, K, Q)
        Likewise.
    notes : list of str
        What is missing, and why.
    """
    points: dict[str, list[Floats]] = {}
    quantiles: dict[str, list[Floats]] = {}
    notes: list[str] = []
    for name, baseline in _baselines(season).items():

        def point(history: Floats, baseline: Baseline = baseline) -> Floats:
            return baseline.forecast(history, horizon)

        def several(history: Floats, baseline: Baseline = baseline) -> Floats:
            return baseline.quantiles(history, horizon, levels)

        try:
            points[name] = _roll(panel, origins, (horizon,), point)
        except ValueError as error:
            notes.append(f"No row of the {name}: {error}.")
            continue
        if levels:
            try:
                shape = (horizon, len(levels))
                quantiles[name] = _roll(panel, origins, shape, several)
            except ValueError as error:
                notes.append(f"No quantiles of the {name}: {error}.")
    return points, quantiles, notes


def _baselines(season: int) -> dict[str, Baseline]:
    plain: dict[str, Baseline] = {"naive": Naive(), "drift": Drift(), "mean": Mean()}
    if season == 1:
        return plain
    seasonal: dict[str, Baseline] = {
        "seasonal naive": SeasonalNaive(season),
        "seasonal naive with growth": SeasonalNaiveWithGrowth(season),
    }
    return {**seasonal, **plain}


def _roll(
    panel: Panel,
    origins: Sequence[IntArray],
    shape: tuple[int, ...],
    forecast: Callable[[Floats], Floats],
) -> list[Floats]:
    """Forecast the steps after every origin."""
    result = []
    for series, at in zip(panel, origins, strict=True):
        own = np.empty((len(at), shape[0], series.y.shape[1], *shape[1:]))
        for m, origin in enumerate(at):
            try:
                own[m] = forecast(series.y[:origin])
            except ValueError as error:
                where = "" if len(panel) == 1 else f"series {series.id!r}, "
                raise ValueError(f"{where}origin {origin}: {error}") from None
        result.append(own)
    return result
