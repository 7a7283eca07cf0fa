"""Forecasting: from what users have to what a network reads, and back; judgement.

Plain functions and classes that need NumPy alone.
"""

from .backtesting import Backtest, ScoreTable, backtest
from .baselines import Drift, Mean, Naive, SeasonalNaive, SeasonalNaiveWithGrowth
from .calendar import calendar_features, calendar_names
from .conformal import AdaptiveConformal, SplitConformal
from .encoding import EncodedPanel, PanelEncoder
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
from .panel import read_panel
from .scaling import SeriesScaler
from .series import Panel, PanelLayout, Series
from .static import StaticEncoder
from .steps import TimeStep
from .times import check_times, future_times, infer_step
from .transforms import BoxCox, Chain, Difference, FourierSeason, Log, Transform
from .validation import validation_ends
from .window_batch import WindowBatch
from .windows import WindowSet

__all__ = [
    "AdaptiveConformal",
    "Backtest",
    "BoxCox",
    "Chain",
    "Difference",
    "Drift",
    "EncodedPanel",
    "FourierSeason",
    "Log",
    "Mean",
    "Naive",
    "Panel",
    "PanelEncoder",
    "PanelLayout",
    "ScoreTable",
    "SeasonalNaive",
    "SeasonalNaiveWithGrowth",
    "Series",
    "SeriesScaler",
    "SplitConformal",
    "StaticEncoder",
    "TimeStep",
    "Transform",
    "WindowBatch",
    "WindowSet",
    "backtest",
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
    "read_panel",
    "rmse",
    "smape",
    "validation_ends",
    "width",
    "wql",
]
