"""What could be had of Seattle's temperature seven days ahead: docs/forecasting.md.

``python benchmarks/seattle_bounds.py`` puts the network of forecasting.py beside ridge
regressions of all sorts, averages of the two, and a season that was fitted to the test
year itself. Errors are those of a block bootstrap of paired differences.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from forecast_judge import Floats, compare, losses
from forecast_methods import RidgeOnLags, run_lstm
from forecast_problems import Problem, weather
from forecast_settings import SETTINGS
from sklearn.linear_model import QuantileRegressor


def season_of_the_test_year(problem: Problem) -> Floats:
    """Two waves with the least absolute error on the very days that are scored."""
    days = problem.series.index.day_of_year.to_numpy()
    angles = 2 * np.pi * days[:, None] / 365.25 * np.array([1, 2])
    waves = np.hstack([np.sin(angles), np.cos(angles)])
    test = slice(problem.test, None)
    model = QuantileRegressor(quantile=0.5, alpha=0.0)
    model.fit(waves[test], problem.values[test, 0])
    return np.asarray(model.predict(waves))[problem.steps][..., None]


def main() -> None:
    problem = weather(7)
    setting = SETTINGS[problem.name]
    networks = [run_lstm(problem, setting, seed, 2).forecasts for seed in range(5)]
    ours = np.mean([losses(problem, f, "MAE") for f in networks], axis=0)
    together = np.mean(networks, axis=0)
    season = losses(problem, season_of_the_test_year(problem), "MAE")
    rows = []

    def add(name: str, theirs: Floats, against: Floats) -> None:
        found = compare("MAE", theirs, against, problem.block)
        gain, error = found["gain"], found["error"]
        rows.append((name, theirs.mean(), gain, error, gain / error if error else 0.0))

    for seasons in (False, True):
        for lags in (7, 14, 21, 28, 42, 56, 90, 180):
            ridge = RidgeOnLags(lags, seasons)(problem)
            name = f"ridge on {lags} lags" + " and the season" * seasons
            theirs = losses(problem, ridge, "MAE")
            add(name, theirs, ours)
            if seasons and lags in (14, 56):
                add("network, beside it", ours, theirs)
                add("season of the test year itself, beside it", season, theirs)
                for share in (0.1, 0.25, 0.5, 0.75, 0.9):
                    both = share * together + (1 - share) * ridge
                    words = f"{share:.2f} networks + {1 - share:.2f} ridge, beside it"
                    add(words, losses(problem, both, "MAE"), theirs)
    add("season of the test year itself", season, ours)
    table = pd.DataFrame(rows, columns=["", "MAE", "gain", "error", "in errors"])
    print("gain: over one network unless said; in errors: of how many standard errors")
    print(table.to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
