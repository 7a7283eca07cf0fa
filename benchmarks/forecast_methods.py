"""What forecasts a `Problem`: naive methods, ridge regression, LSTMForecaster.

A method returns forecasts (M, H, K), one a row of `Problem.origins`, each from what is
known at its origin alone.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from fastlstm.forecasting import (
    Drift,
    Naive,
    SeasonalNaive,
    SeasonalNaiveWithGrowth,
)
from forecast_problems import GROWTH, LAST, SEASON, Problem
from forecast_settings import LEVELS, Setting
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Method = Callable[[Problem], Floats]
ALPHAS = np.logspace(-2, 5, 15)


@dataclass
class Run:
    """Forecasts (M, H, K), quantiles of `LEVELS` if any, and seconds of all fits."""

    forecasts: Floats
    seconds: float
    quantiles: Floats | None = None
    epochs: list[int] | None = None


def at_each_origin(forecaster: Any) -> Method:
    """Ask a baseline of the package again at each origin."""

    def forecast(problem: Problem) -> Floats:
        y = problem.values
        each = [forecaster.forecast(y[:o], problem.horizon) for o in problem.origins]
        return np.array(each)

    return forecast


def day_of_year_mean(problem: Problem) -> Floats:
    """The mean of the same day in all years before."""
    days, y = problem.series.index.day_of_year.to_numpy(), problem.values
    rows = []
    for origin, steps in zip(problem.origins, problem.steps, strict=True):
        same = (days[:origin, None] == days[steps]).astype(np.float64)
        seen = ~np.isnan(y[:origin])
        rows.append(same.T @ np.nan_to_num(y[:origin]) / (same.T @ seen))
    return np.array(rows)


def quarter_of_last_change(problem: Problem) -> Floats:
    """Means of a month's prices: a random walk's changes are correlated by 1/4.

    Working (1960), "Note on the correlation of first differences of averages in a
    random chain", Econometrica 28.
    """
    y, at = problem.values, problem.origins
    step = y[at - 1] + 0.25 * (y[at - 1] - y[at - 2])
    return np.repeat(step[:, None], problem.horizon, axis=1)


@dataclass
class RidgeOnLags:
    """A linear map of the last ``window`` values of a column, one for each step.

    Its strength is chosen on the validation part; then it is fitted again on all that
    is known at the first origin. With ``seasons`` it reads the day of the year too.
    """

    window: int
    seasons: bool = False

    def __call__(self, problem: Problem) -> Floats:
        columns = range(problem.values.shape[1])
        return np.stack([self.column(problem, k) for k in columns], axis=-1)

    def column(self, problem: Problem, k: int) -> Floats:
        y = pd.Series(problem.values[:, k]).ffill().to_numpy()
        x_test, _ = self.table(problem, y, problem.origins)
        known_at_first = int(problem.origins[0])
        start = known_at_first - problem.validation

        def predicted(x: Floats, alpha: float, end: int) -> Floats:
            known = np.arange(self.window, end - problem.horizon + 1)
            model = make_pipeline(StandardScaler(), Ridge(alpha))
            model.fit(*self.table(problem, y, known))
            # Of one step some versions of scikit-learn answer (n,), some (n, 1).
            return np.asarray(model.predict(x)).reshape(len(x), problem.horizon)

        judged = np.arange(start, known_at_first - problem.horizon + 1)
        x, target = self.table(problem, y, judged)
        errors = [
            np.mean((predicted(x, alpha, start) - target) ** 2) for alpha in ALPHAS
        ]
        best = float(ALPHAS[np.argmin(errors)])
        last = y[problem.origins - 1, None]
        return predicted(x_test, best, known_at_first) + last

    def table(
        self, problem: Problem, y: Floats, origins: NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        """Lags and targets, both less the last value."""
        last = y[origins - 1, None]
        x = y[origins[:, None] - np.arange(2, self.window + 1)] - last
        if self.seasons:
            days = problem.series.index.day_of_year.to_numpy()[origins - 1]
            angle = 2 * np.pi * days[:, None] / 365.25
            # The season has a level; lags without it would lose that of the year.
            x = np.hstack([x, last, np.sin(angle), np.cos(angle)])
        return x, y[origins[:, None] + np.arange(problem.horizon)] - last


def naive_methods(problem: Problem) -> dict[str, Method]:
    """Name what a problem is judged beside."""
    methods: dict[str, Method] = {
        LAST: at_each_origin(Naive()),
        SEASON: at_each_origin(SeasonalNaive(problem.season)),
        "drift": at_each_origin(Drift()),
    }
    if problem.name in ("retail", "airline"):
        methods[GROWTH] = at_each_origin(SeasonalNaiveWithGrowth(problem.season))
    if problem.name.startswith("weather"):
        methods["mean of the day of the year"] = day_of_year_mean
        # Of 7 to 90 lags with the season the validation years have 14 as the best.
        methods["ridge on 56 lags"] = RidgeOnLags(56)
        for lags in (14, 56):
            name = f"ridge on {lags} lags and the season"
            methods[name] = RidgeOnLags(lags, seasons=True)
    if problem.name.startswith("etth1"):
        methods["ridge on 168 lags of the column"] = RidgeOnLags(168)
    if problem.name.startswith("sp500"):
        methods["last value and 1/4 of its change"] = quarter_of_last_change
    return methods


def run_naive(problem: Problem) -> dict[str, Run]:
    runs = {}
    for name, method in naive_methods(problem).items():
        begin = time.perf_counter()
        forecasts = method(problem)
        runs[name] = Run(forecasts, time.perf_counter() - begin)
    return runs


def fit(
    problem: Problem, setting: Setting, end: int, seed: int, threads: int
) -> tuple[Any, int]:
    """Fit the forecaster of ``setting`` on the steps before ``end``; and its epochs."""
    from fastlstm import LSTMForecaster

    options = {
        "season_length": problem.season,
        "validation_fraction": problem.validation / end,
        "random_state": seed,
        "n_jobs": threads,
        **setting.estimator,
    }
    past = problem.past.iloc[:end] if setting.past else None
    with warnings.catch_warnings():
        # Where a fit ends is early stopping's choice, or that of the settings.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LSTMForecaster(problem.horizon, **options)
        model.fit(problem.series.iloc[:end], past=past)
    return model, 1 + int(np.argmax(model.validation_scores_))


def run_lstm(problem: Problem, setting: Setting, seed: int, threads: int) -> Run:
    """Fit, as often as the problem asks, and forecast every origin."""
    past = problem.past if setting.past else None
    points, quantiles, epochs, seconds = [], [], [], 0.0
    for places in problem.refits:
        origins = problem.origins[places]
        begin = time.perf_counter()
        model, n = fit(problem, setting, int(origins[0]), seed, threads)
        seconds += time.perf_counter() - begin
        epochs.append(n)
        panel = model._read(problem.series, past=past)
        # Columns may be series by themselves, read by one network.
        every = [origins] * len(panel)
        points.append(np.concatenate(model._forecast_at(panel, every), axis=2))
        if setting.quantiles:
            quantiles += model._forecast_at(panel, every, quantiles=LEVELS)
    both = np.concatenate(quantiles) if quantiles else None
    return Run(np.concatenate(points), seconds, both, epochs)
