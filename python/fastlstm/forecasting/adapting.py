"""Calibrations that learn as rows come in, and forecasts of rolling origins by them."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from .._validate import IntArray
from .answers import Request, answer, levelled
from .calibration import Calibration
from .forecast_model import ForecastModel
from .memory import Memory
from .numbers import Floats
from .predictions import Prediction
from .series import Panel
from .transforms import Chain

__all__ = ["Interval", "forecast_adapting", "learn"]

# Lower and upper ends, as `Calibration.issue` gives them.
Interval = tuple[Floats, Floats]


def learn(
    calibration: Calibration,
    issued: Sequence[Interval],
    prediction: Prediction,
    chains: Sequence[Chain],
    y: Floats,
    horizon: int,
) -> list[Interval]:
    """Have a calibration learn from the row that came next.

    Parameters
    ----------
    calibration : Calibration
        Adaptive.
    issued : sequence of pairs
        What was issued at the last origins before, the newest first.
    prediction : Prediction
        Of N series, from the step before the row.
    chains : sequence of N Chain
        Fitted up to there; empty without a transform.
    y : (N, K) array
        The row, NaN where nothing was observed.
    horizon : int

    Returns
    -------
    list of pairs
        ``issued`` for the next row.
    """
    level, outer = levelled(prediction, chains, horizon)
    issued = [calibration.issue(level), *issued][:horizon]
    y = y.copy()
    for n, chain in enumerate(outer):
        y[n] = copy.deepcopy(chain).update(y[n : n + 1])[0]
    calibration.observe(y, issued)
    return issued


def forecast_adapting(
    model: ForecastModel, panel: Panel, origins: Sequence[IntArray], request: Request
) -> list[Floats]:
    """Forecast as `ForecastModel.forecast`, by a calibration that learns on the way.

    From the first origin of each series on it learns from every row, as if rows had
    come one by one: the i-th rows after these at once, and from series that are not
    followed any more nothing. The model stays as it is.

    Returns
    -------
    list of N arrays
        (M_n, H, K, Q)
    """
    calibration = copy.deepcopy(model.calibration)
    assert calibration is not None
    begins = np.array([own[0] for own in origins])
    last = np.array([own[-1] for own in origins])
    shown, chains = model.transformed(panel, begins)
    encoded = model.encode(shown, model.horizon, begins)
    memory = Memory(model.strategy) if model.warm else None
    issued: list[Interval] = []
    values: list[list[Floats]] = [[] for _ in origins]
    for row in range(int((last - begins).max()) + 1):
        ends = np.minimum(begins + row, last)
        if memory is not None:
            memory.read(model.network, encoded, ends)
        prediction = model.predict(encoded, ends, memory)
        goes_on = begins + row < last
        asked = [
            n
            for n, own in enumerate(origins)
            if begins[n] + row <= last[n] and ends[n] in own
        ]
        if asked:
            answers = answer(
                prediction,
                request,
                chains,
                calibration=calibration,
                horizon=model.horizon,
            )
            for n in asked:
                values[n].append(answers[n])
        y = np.full((len(panel), len(panel.layout.targets)), np.nan)
        for n in np.flatnonzero(goes_on).tolist():
            y[n] = panel[n].y[ends[n]]
        issued = learn(calibration, issued, prediction, chains, y, model.horizon)
        for n in np.flatnonzero(goes_on).tolist() if chains else ():
            chains[n].update(y[n : n + 1])
    return [np.stack(own) for own in values]
