"""Forecasting: what a series is turned into, and how good forecasts of it are.

Plain functions and classes that need NumPy alone.
"""

from .baselines import Drift, Mean, Naive, SeasonalNaive, SeasonalNaiveWithGrowth
from .calendar import calendar_features, calendar_names
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
from .times import TimeStep, check_times, future_times, infer_step
from .transforms import BoxCox, Chain, Difference, Log, Transform

__all__ = [
    "AdaptiveConformal",
    "BoxCox",
    "Chain",
    "Difference",
    "Drift",
    "Log",
    "Mean",
    "Naive",
    "SeasonalNaive",
    "SeasonalNaiveWithGrowth",
    "SplitConformal",
    "TimeStep",
    "Transform",
    "calendar_features",
    "calendar_names",
    "check_times",
    "coverage",
    "crps",
    "crps_from_quantiles",
    "future_times",
    "infer_step",
    "interval_score",
    "mae",
    "mase",
    "pinball",
    "rmse",
    "smape",
    "width",
    "wql",
]
