"""Hyper-parameters of forecasting.py, chosen on validation data by its ``--choose``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastlstm.forecasting import FourierSeason

# Quantiles whose coverage is judged: intervals of 80 % and 95 %.
LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]
INTERVALS = {"80 %": (1, 3), "95 %": (0, 4)}


@dataclass(frozen=True)
class Setting:
    """Arguments of `LSTMForecaster`, and how it is fitted.

    Parameters
    ----------
    estimator : dict
    past : bool
        Whether the other columns of the problem are read as past covariates.
    quantiles : bool
        Whether `LEVELS` are forecast, and their coverage is reported.
    """

    estimator: dict[str, Any] = field(default_factory=dict)
    past: bool = False
    quantiles: bool = False


# One network reads the columns one by one, with a linear map of the last week beside.
HOURLY: dict[str, Any] = {
    "columns": "series",
    "window": 168,
    "autoregression": 168,
    "center": "last",
    "loss": "absolute_error",
    "stride": 6,
    "learning_rate_init": 1e-3,
    "batch_size": 128,
    "max_iter": 12,
    "n_iter_no_change": 3,
}
ONE_COLUMN: dict[str, Any] = {
    **HOURLY,
    "loss": "squared_error",
    "stride": 1,
    "hidden_size": 16,
    "dropout": 0.5,
    "learning_rate_init": 3e-4,
    "max_iter": 20,
}
MONTHLY: dict[str, Any] = {
    "window": 36,
    "transforms": ["log", "difference"],
    "learning_rate_init": 5e-3,
    "batch_size": 32,
}
LEVELS_OF_MONTHS = {
    **MONTHLY,
    "transforms": "difference",
    "center": "last",
    "dropout": 0.2,
}
DAILY: dict[str, Any] = {
    "window": 56,
    "loss": "quantile",
    "quantiles": LEVELS,
    "hidden_size": 32,
    "dropout": 0.3,
    "learning_rate_init": 3e-3,
    "batch_size": 64,
    "max_iter": 60,
    "n_iter_no_change": 8,
}
WEATHER = {
    **DAILY,
    "loss": "squared_error",
    "conformal": "split",
    "transforms": "fourier_season",
    "center": "mean",
    "calendar": None,
    "refit": True,
    "validation_fraction": 0.25,  # a whole season is left, also of two years
}
PRICES: dict[str, Any] = {
    "window": 24,
    "center": "series",
    "transforms": "difference",
    "calendar": None,
    "hidden_size": 16,
    "dropout": 0.3,
    "learning_rate_init": 1e-3,
    "batch_size": 64,
    "max_iter": 50,
    "n_iter_no_change": 5,
    "refit": True,
}
SETTINGS: dict[str, Setting] = {
    "etth1_24": Setting(HOURLY),
    "etth1_48": Setting(HOURLY),
    "etth1_168": Setting(HOURLY),
    "etth1_OT_24": Setting(ONE_COLUMN),
    "etth1_OT_48": Setting(ONE_COLUMN),
    "etth1_OT_168": Setting(ONE_COLUMN),
    "retail": Setting(
        {
            **MONTHLY,
            "transforms": ["log", "difference", "seasonal_difference"],
            "learning_rate_init": 2e-3,
        }
    ),
    "airline": Setting(
        {
            **LEVELS_OF_MONTHS,
            "transforms": ["log", "difference", "seasonal_difference"],
            "hidden_size": 16,
            "refit": True,
        }
    ),
    "temperatures": Setting(
        {
            **DAILY,
            "transforms": "fourier_season",
            "loss": "squared_error",
            "center": "mean",
            "hidden_size": 16,
            "refit": True,
        }
    ),
    "shampoo": Setting({**LEVELS_OF_MONTHS, "window": 6, "hidden_size": 64}),
    "cars": Setting(
        {
            **LEVELS_OF_MONTHS,
            "transforms": "fourier_season",
            "center": "mean",
            "hidden_size": 64,
        }
    ),
    "weather_1": Setting({**WEATHER, "learning_rate_init": 1e-3}, quantiles=True),
    "weather_7": Setting({**WEATHER, "hidden_size": 16}, quantiles=True),
    "sp500_1": Setting({**PRICES, "hidden_size": 32, "learning_rate_init": 3e-3}),
    "sp500_12": Setting({**PRICES, "hidden_size": 8, "learning_rate_init": 5e-4}),
}
# Of many series: horizon, season, arguments.
PANEL_OF_DAYS: tuple[int, int, dict[str, Any]] = (
    7,
    7,
    {
        "window": 28,
        "center": "mean",
        "hidden_size": 32,
        "learning_rate_init": 5e-3,
        "batch_size": 256,
        "max_iter": 30,
        "n_iter_no_change": 4,
    },
)
PANEL_OF_HOURS: tuple[int, int, dict[str, Any]] = (
    24,
    24,
    {
        "window": 96,
        "center": "last",
        "dropout": 0.3,
        "learning_rate_init": 1e-3,
        "batch_size": 256,
        "max_iter": 30,
    },
)

MONTHS = FourierSeason(12, order=6)  # as many waves as twelve months can have
# What `--choose` tries: every combination, in place of what stands above.
GRIDS: dict[str, dict[str, list[Any]]] = {
    "etth1": {
        "center": ["last", "mean"],
        "loss": ["absolute_error", "squared_error"],
        "autoregression": [0, 168],
    },
    "etth1_OT": {
        "center": ["last", "mean"],
        "learning_rate_init": [3e-4, 1e-3],
        "autoregression": [0, 168],
    },
    "retail": {  # by --periods 4
        "transforms": [
            ["log", "difference"],
            ["log", "seasonal_difference"],
            ["log", "difference", "seasonal_difference"],
            ["log", MONTHS],
            ["log", MONTHS, "difference"],
        ],
        "center": ["auto", "mean"],
        "refit": [False, True],
    },
    "classic": {
        "transforms": [
            None,
            "difference",
            "fourier_season",
            ["log", "difference"],
            ["log", "difference", "seasonal_difference"],
        ],
        "center": ["last", "mean"],
        "hidden_size": [16, 64],
        "refit": [False, True],
    },
    "weather": {  # by --periods 3
        "transforms": [None, "fourier_season"],
        "center": ["last", "mean"],
        "calendar": [None, ["day_of_year"]],
        "past": [False, True],
        "refit": [False, True],
    },
    "sp500": {"hidden_size": [8, 32], "learning_rate_init": [5e-4, 3e-3]},
}
