"""``fastlstm demo``: the maximum temperature in Seattle, one and seven days ahead.

Protocol. The last 365 days are the test, and nothing is chosen on them. The 365 days
before are the validation year: it picks the strength of the ridge, the smoothing of the
day-of-year mean and the number of epochs. Then all are fitted again on all days before
the test. Window, form of the target, features and the size of the network were set
beforehand on the years 2013 and 2014; ridge and LSTM share all but the size.

Errors of neighbouring days are alike, so standard errors are those of Newey and West
(1987) and comparisons are paired by day.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

# First, because without scikit-learn it says what to install.
from .. import estimators  # noqa: F401
from . import methods
from .problem import TASKS, TEST_DAYS, VALIDATION_DAYS, Series, Task
from .report import LAGS, LSTM, Report, standard_error

__all__ = ["LAGS", "Report", "run", "standard_error"]


def run(*, seeds: int = 5, say: Callable[[str], None] = print) -> Report:
    """Fit and judge every method at both horizons.

    Parameters
    ----------
    seeds : int, default=5
        Networks whose forecasts are averaged.
    say : callable, default=print
        Takes lines that tell what is going on.

    Raises
    ------
    ImportError
        Without scikit-learn.
    """
    series = Series.load()
    report = Report(series)
    dates = series.weather.dates
    say(
        f"Maximum temperature in Seattle, {dates[0]} to {dates[-1]} (NOAA data).\n"
        f"Test: the last {TEST_DAYS} days. Choices: on the {VALIDATION_DAYS} before."
    )
    for task in TASKS:
        _run_task(task, seeds, report, say)
    return report


def _run_task(
    task: Task, seeds: int, report: Report, say: Callable[[str], None]
) -> None:
    series = report.series
    smooth = methods.best_on_validation(
        methods.day_mean, methods.SMOOTHINGS, series, task
    )
    alpha = methods.best_on_validation(
        methods.ridge, methods.RIDGE_ALPHAS, series, task
    )
    began = time.perf_counter()
    epochs, lstm = methods.lstm(series, task, seeds)
    seconds = time.perf_counter() - began
    say(
        f"{task.name}: {task.window} days of the past; chosen: {epochs} epochs, ridge "
        f"alpha {alpha:.3g}, day-of-year mean over +-{smooth} days ({seconds:.1f} s)"
    )
    baselines = {
        "persistence": methods.persistence,
        "day-of-year mean": methods.day_mean(0),
        "smoothed day-of-year mean": methods.day_mean(smooth),
        "ridge regression": methods.ridge(alpha),
    }
    begin, end = series.test_start, len(series.target)
    forecasts = {
        name: method(series, task, begin, end) for name, method in baselines.items()
    }
    forecasts[LSTM] = report.forecasts[task] = lstm.mean(axis=0)
    truth = series.target[begin:end]
    report.errors[task] = {
        name: np.abs(forecast - truth) for name, forecast in forecasts.items()
    }
    report.single[task] = float(np.abs(lstm - truth).mean())
    report.seconds += seconds
    passes = {series.validation_start: methods.MAX_EPOCHS, begin: epochs}
    for stop, count in passes.items():
        report.sequences += seeds * count * len(series.windows(task, 0, stop)[0])
