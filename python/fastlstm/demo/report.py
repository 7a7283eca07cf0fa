"""Errors with their standard errors, the table and the plot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .problem import Floats, Series, Task

__all__ = ["LAGS", "LSTM", "Report", "standard_error"]

LSTM = "LSTM"
# Twice the longest horizon: forecasts that overlap have errors in common.
LAGS = 14


def standard_error(values: Floats, lags: int = LAGS) -> float:
    """Estimate the standard error of the mean of an autocorrelated series.

    Newey and West (1987): the long-run variance with Bartlett's weights,
    ``g_0 + 2 sum_k (1 - k / (lags + 1)) g_k``, over the number of values.
    """
    centred = values - values.mean()
    n = len(values)
    variance = centred @ centred / n
    for lag in range(1, lags + 1):
        weight = 1 - lag / (lags + 1)
        variance += 2 * weight * (centred[lag:] @ centred[:-lag]) / n
    return float(np.sqrt(variance / n))


@dataclass
class Report:
    """What the demo found on the test days, by task; errors in degrees Celsius.

    ``errors[task][method]`` are absolute errors, (TEST_DAYS,); ``forecasts[task]``
    is the LSTM's; ``single[task]`` the mean absolute error of one network alone.
    """

    series: Series
    errors: dict[Task, dict[str, Floats]] = field(default_factory=dict)
    forecasts: dict[Task, Floats] = field(default_factory=dict)
    single: dict[Task, float] = field(default_factory=dict)
    seconds: float = 0.0
    sequences: int = 0

    def table(self) -> str:
        """Mean absolute errors with standard errors, and paired comparisons."""
        heads = "".join(f"{task.name:>18}" for task in self.errors)
        names = list(next(iter(self.errors.values())))
        lines = [
            "Mean absolute error on the test year, degrees Celsius, +- standard error",
            f"{'':32}{heads}",
        ]
        for name in names:
            cells = (_plus_minus(errors[name]) for errors in self.errors.values())
            lines.append(f"{name:32}" + "".join(f"{cell:>18}" for cell in cells))
        lines += ["", "Error of the baseline less that of the LSTM, paired by day"]
        for name in names[:-1]:
            cells = (_plus_minus(self.gain(task, name)) for task in self.errors)
            lines.append(f"{name:32}" + "".join(f"{cell:>18}" for cell in cells))
        for task in self.errors:
            lines += ["", f"{task.name}:"]
            lines += [f"  {self.verdict(task, name)}" for name in names[:-1]]
        return "\n".join(lines)

    def gain(self, task: Task, baseline: str) -> Floats:
        """By how much the LSTM is nearer to the truth, each day."""
        return self.errors[task][baseline] - self.errors[task][LSTM]

    def verdict(self, task: Task, baseline: str) -> str:
        """Say who wins, and whether by more than two standard errors."""
        gain = self.gain(task, baseline)
        ratio = float(gain.mean()) / standard_error(gain)
        if ratio > 2:
            return f"the LSTM beats {baseline} by {ratio:.1f} standard errors"
        if ratio < -2:
            return f"the LSTM LOSES to {baseline} by {-ratio:.1f} standard errors"
        return f"LSTM and {baseline}: no real difference ({ratio:+.1f} standard errors)"

    def save_plot(self, path: Path) -> None:
        """Draw the test year with the LSTM's forecasts into a PNG.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        from matplotlib.figure import Figure

        from ..plotting import plot_forecast

        series = self.series
        figure = Figure(figsize=(11, 6), layout="constrained")
        axes = figure.subplots(len(self.forecasts), 1, sharex=True)
        for ax, (task, forecast) in zip(axes, self.forecasts.items(), strict=True):
            dates = series.weather.dates[series.test_start :]
            plot_forecast(
                series.target[series.test_start :],
                {f"LSTM, {task.name}": forecast},
                times=dates,
                future_times=dates,
                unit="maximum temperature (°C)",
                ax=ax,
            )
        axes[0].set_title("Seattle: forecasts for the held-out year")
        figure.savefig(path, dpi=130)


def _plus_minus(values: Floats) -> str:
    return f"{values.mean():.2f} +- {standard_error(values):.2f}"
