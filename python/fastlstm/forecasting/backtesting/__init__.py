"""Rolling origins: what forecasts would have been worth, beside simple ones.

Design: an origin is the number of steps that are known when a forecast is made, so that
``y[origin]`` is the first value forecast. `plan_origins` says which origins are judged
and what a fit at one of them may see; `backtest` lets a forecaster go through them;
`Backtest` holds what came out, or forecasts made elsewhere, and baselines made of the
same histories; `ScoreTable` is how it is told.
"""

from .protocol import Forecaster
from .report import Backtest
from .run import backtest
from .tables import ScoreTable

__all__ = ["Backtest", "Forecaster", "ScoreTable", "backtest"]
