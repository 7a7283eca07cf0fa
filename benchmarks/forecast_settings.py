"""Hyper-parameters of forecasting.py, chosen on validation data by its ``--choose``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Quantiles whose coverage is judged: intervals of 80 % and 95 %.
LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]
INTERVALS = {"80 %": (1, 3), "95 %": (0, 4)}


@dataclass(frozen=True)
class Setting:
    """Arguments of `LSTMForecaster`, and how it is fitted.

    Parameters
    ----------
    estimator : dict
    refit : bool
        Once more on all that is known before the forecast, validation data too, as many
        epochs as the best score there had.
    past : bool
        Whether the other columns of the problem are read as past covariates.
    quantiles : bool
        Whether `LEVELS` are forecast, and their coverage is reported.
    """

    estimator: dict[str, Any] = field(default_factory=dict)
    refit: bool = False
    past: bool = False
    quantiles: bool = False


HOURLY: dict[str, Any] = {
    "window": 96,
    "center": "last",
    "calendar": ["hour_of_day", "day_of_week"],
    "hidden_size": 64,
    "dropout": 0.3,
    "learning_rate_init": 1e-3,
    "batch_size": 64,
    "max_iter": 30,
    "n_iter_no_change": 5,
}
MONTHLY: dict[str, Any] = {
    "window": 24,
    "center": "last",
    "transform": "log",
    "hidden_size": 32,
    "learning_rate_init": 5e-3,
    "batch_size": 16,
    "max_iter": 200,
    "n_iter_no_change": 20,
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
PRICES: dict[str, Any] = {
    "window": 24,
    "center": "series",
    "transform": "difference",
    "calendar": None,
    "hidden_size": 16,
    "dropout": 0.3,
    "learning_rate_init": 1e-3,
    "batch_size": 64,
    "max_iter": 50,
    "n_iter_no_change": 5,
}
SETTINGS: dict[str, Setting] = {
    "etth1_24": Setting(HOURLY),
    "etth1_48": Setting(HOURLY),
    "etth1_168": Setting(HOURLY),
    "etth1_OT_24": Setting(HOURLY),
    "etth1_OT_48": Setting(HOURLY),
    "etth1_OT_168": Setting(HOURLY),
    "retail": Setting(MONTHLY, refit=True),
    "airline": Setting(MONTHLY, refit=True),
    "temperatures": Setting({**DAILY, "loss": "squared_error"}, refit=True),
    "shampoo": Setting({**MONTHLY, "window": 6}, refit=True),
    "cars": Setting(MONTHLY, refit=True),
    "weather_1": Setting({**DAILY, "center": "last"}, True, True, True),
    "weather_7": Setting({**DAILY, "center": "series"}, True, True, True),
    "sp500_1": Setting(PRICES, refit=True),
    "sp500_12": Setting(PRICES, refit=True),
}
# Of many series: horizon, season, arguments.
PANEL_OF_DAYS: tuple[int, int, dict[str, Any]] = (
    7,
    7,
    {"window": 28, "hidden_size": 32, "batch_size": 256, "max_iter": 10},
)
PANEL_OF_HOURS: tuple[int, int, dict[str, Any]] = (
    24,
    24,
    {"window": 96, "center": "last", "dropout": 0.3, "batch_size": 256, "max_iter": 30},
)

# What `--choose` tries: every combination, in place of what stands above.
GRIDS: dict[str, dict[str, list[Any]]] = {
    "etth1": {
        "center": ["last", "mean"],
        "window": [48, 96],
        "learning_rate_init": [5e-4, 2e-3],
    },
    "etth1_OT": {
        "center": ["last", "mean"],
        "window": [48, 96],
        "learning_rate_init": [5e-4, 2e-3],
    },
    "retail": {
        "transform": ["log", ["log", "seasonal_difference"]],
        "hidden_size": [16, 64],
        "learning_rate_init": [2e-3, 1e-2],
    },
    "classic": {
        "center": ["last", "series"],
        "hidden_size": [8, 32],
        "learning_rate_init": [2e-3, 1e-2],
    },
    "weather": {
        "center": ["last", "series"],
        "window": [28, 56],
        "learning_rate_init": [1e-3, 5e-3],
    },
    "sp500": {"hidden_size": [8, 32], "learning_rate_init": [5e-4, 3e-3]},
}
