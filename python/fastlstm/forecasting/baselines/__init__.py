"""Forecasts that cost nothing, for any model to be judged beside.

Design: a baseline knows nothing but the history of a series, given anew at each call,
so one object serves all series and all origins of a backtest. Each has two formulas:
the forecast and the standard deviation of its error h steps ahead (Hyndman &
Athanasopoulos, "Forecasting: principles and practice", 3rd ed., sections 5.2 and 5.5).
Intervals are those of a normal distribution, and forecasts are its mean.

Missing values: a forecast starts from the last observed value, and its error grows from
there on. Over a gap of g steps a random walk has g times the variance of one, so each
residual counts as its square over g: without gaps those are the book's formulas.
"""

from .lines import Drift, Mean
from .seasonal import Naive, SeasonalNaive, SeasonalNaiveWithGrowth

__all__ = [
    "Drift",
    "Mean",
    "Naive",
    "SeasonalNaive",
    "SeasonalNaiveWithGrowth",
]
