"""Forecasting: how good forecasts are, beside what, and with which intervals.

Plain functions and classes that need NumPy alone.
"""

from .baselines import Drift, Mean, Naive, SeasonalNaive, SeasonalNaiveWithGrowth
from .conformal import AdaptiveConformal, SplitConformal
from .metrics import (
    coverage,
    crps,
    crps_from_quantiles,
    interval_score,
    mae,
    mase,
    pinball,
    rmse,
    smape,
    width,
    wql,
)

__all__ = [
    "AdaptiveConformal",
    "Drift",
    "Mean",
    "Naive",
    "SeasonalNaive",
    "SeasonalNaiveWithGrowth",
    "SplitConformal",
    "coverage",
    "crps",
    "crps_from_quantiles",
    "interval_score",
    "mae",
    "mase",
    "pinball",
    "rmse",
    "smape",
    "width",
    "wql",
]
