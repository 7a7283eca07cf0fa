"""Plots with matplotlib, which is imported only when one is drawn."""

from .anomalies import plot_anomalies
from .backtests import plot_backtest
from .calibration import plot_coverage
from .forecasts import plot_forecast
from .models import plot_gates, plot_history
from .residuals import plot_residuals_by_horizon

__all__ = [
    "plot_anomalies",
    "plot_backtest",
    "plot_coverage",
    "plot_forecast",
    "plot_gates",
    "plot_history",
    "plot_residuals_by_horizon",
]
