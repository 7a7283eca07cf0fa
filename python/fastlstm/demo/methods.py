"""The baselines and the LSTM, each a function from a task to forecasts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..estimators import LSTMRegressor
from .problem import Floats, Series, Task

__all__ = [
    "MAX_EPOCHS",
    "RIDGE_ALPHAS",
    "SMOOTHINGS",
    "Method",
    "best_on_validation",
    "day_mean",
    "lstm",
    "persistence",
    "ridge",
]

MAX_EPOCHS = 40
NETWORK: dict[str, Any] = {
    "hidden_size": 16,
    "dropout": 0.3,
    "batch_size": 64,
    "learning_rate_init": 0.01,
}
RIDGE_ALPHAS = np.logspace(-1, 5, 13)
# Half-widths, in days, over which the day-of-year mean may be smoothed.
SMOOTHINGS = (3, 7, 10, 15, 20, 30)

# Forecasts for the days begin..end, each from what is known `horizon` days before.
Method: TypeAlias = Callable[[Series, Task, int, int], Floats]


def persistence(series: Series, task: Task, begin: int, end: int) -> Floats:
    """Forecast the temperature of the last day that is known."""
    return series.target[begin - task.horizon : end - task.horizon]


def day_mean(half_width: int) -> Method:
    """Forecast the mean of the days of the year within ``half_width`` of the target."""

    def forecast(series: Series, task: Task, begin: int, end: int) -> Floats:
        day = series.weather.day_of_year
        known, wanted = day[:begin], day[begin:end]
        apart = np.abs((wanted[:, None] - known + 183) % 366 - 183)
        near = apart <= half_width
        means: Floats = near @ series.target[:begin] / near.sum(axis=1)
        return means

    return forecast


def ridge(alpha: float) -> Method:
    """Forecast by a linear map of the window that the LSTM sees."""

    def forecast(series: Series, task: Task, begin: int, end: int) -> Floats:
        past, future = series.windows(task, 0, begin)
        model = make_pipeline(StandardScaler(), Ridge(alpha))
        model.fit(past.reshape(len(past), -1), future)
        past, _ = series.windows(task, begin, end)
        forecasts: Floats = model.predict(past.reshape(len(past), -1))
        return forecasts + series.last(task, past)

    return forecast


def best_on_validation(
    make: Callable[[Any], Method], choices: Iterable[Any], series: Series, task: Task
) -> Any:
    """Find the choice with the least absolute error on the validation year."""
    begin, end = series.validation_start, series.test_start

    def error(choice: Any) -> float:
        forecast = make(choice)(series, task, begin, end)
        return float(np.abs(forecast - series.target[begin:end]).mean())

    return min(choices, key=error)


def _fit(
    series: Series, task: Task, seed: int, epochs: int, end: int, **validation: Any
) -> LSTMRegressor:
    """Fit one network on the targets before ``end``."""
    # The number of epochs is what is chosen, so nothing may stop a fit before it.
    model = LSTMRegressor(
        **NETWORK, max_iter=epochs, n_iter_no_change=epochs, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*series.windows(task, 0, end), **validation)


def lstm(series: Series, task: Task, seeds: int) -> tuple[int, Floats]:
    """Choose epochs on the validation year, fit on all before the test, forecast it.

    Returns
    -------
    epochs : int
    forecasts : (seeds, TEST_DAYS) array
    """
    start, stop = series.validation_start, series.test_start
    past, future = series.windows(task, start, stop)
    validation = {"X_val": past, "y_val": future}
    curves = []
    for seed in range(seeds):
        model = _fit(series, task, seed, MAX_EPOCHS, start, **validation)
        curves.append(model.validation_scores_ or [])
    epochs = 1 + int(np.mean(curves, axis=0).argmax())
    past, _ = series.windows(task, stop, len(series.target))
    models = [_fit(series, task, seed, epochs, stop) for seed in range(seeds)]
    forecasts = np.array([model.predict(past) for model in models])
    return epochs, forecasts + series.last(task, past)
