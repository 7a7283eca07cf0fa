"""Tuned by Optuna: ``python examples/tune_with_optuna.py [--trials 20]``.

Seattle's maximum temperature of the next day, from the days before it. Optuna chooses
the hidden units, the learning rate and how many days a window has, by the score on a
year that no fit learns from. A callback reports that score after each epoch, and a
trial that lags behind the others is pruned. A second year, by which nothing was chosen,
says in the end what the best of them is worth.

Needs ``pip install "fastlstm[tune]"``.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import optuna
from fastlstm import LSTMRegressor
from fastlstm.data import forecast_windows, load_seattle_weather
from fastlstm.training import Callback, Trainer

LONGEST = 56  # days
YEAR = 365


class Report(Callback):
    """Tells a trial the score of each epoch, and ends it where Optuna says so."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Leave the fit by an exception that Optuna knows."""
        self.trial.report(trainer.score_curve[-1], step=trainer.epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


class Part(NamedTuple):
    """Windows of the past, and the change from their last day to the next one."""

    past: np.ndarray
    change: np.ndarray


def split(window: int) -> tuple[Part, Part, Part]:
    """Training, validation and test windows; their days do not depend on ``window``."""
    weather = load_seattle_weather()
    angle = 2 * np.pi * weather.day_of_year / 365.25
    inputs = np.column_stack([weather.temp_max, np.sin(angle), np.cos(angle)])
    past, future, origins = forecast_windows(inputs, weather.temp_max, width=window)
    change = future[:, 0] - past[:, -1, 0]
    days = len(weather)
    edges = [LONGEST, days - 2 * YEAR, days - YEAR, days]
    train, validation, test = (
        Part(past[kept], change[kept])
        for begin, end in pairwise(edges)
        for kept in [(begin <= origins + 1) & (origins + 1 < end)]
    )
    return train, validation, test


def fit(params: dict[str, Any], callbacks: list[Callback]) -> LSTMRegressor:
    """Fit until the validation score has not risen for 8 epochs; the best is kept."""
    train, validation, _ = split(params["window"])
    model = LSTMRegressor(
        params["hidden_size"],
        learning_rate_init=params["learning_rate_init"],
        batch_size=32,
        early_stopping=True,
        n_iter_no_change=8,
        random_state=0,
        callbacks=callbacks,
    )
    return model.fit(*train, X_val=validation.past, y_val=validation.change)


def objective(trial: optuna.Trial) -> float:
    """Draw parameters, fit, and return R^2 on the validation year."""
    params = {
        "hidden_size": trial.suggest_int("hidden_size", 4, 64, log=True),
        "learning_rate_init": trial.suggest_float(
            "learning_rate_init", 1e-3, 1e-1, log=True
        ),
        "window": trial.suggest_int("window", 7, LONGEST, step=7),
    }
    return float(fit(params, [Report(trial)]).best_validation_score_)


def show(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Print a line for each trial."""
    scores = trial.intermediate_values
    print(
        f"trial {trial.number:2d}: {trial.state.name.lower():8s} after "
        f"{len(scores):2d} epochs, R^2 {max(scores.values()):6.3f}   "
        + ", ".join(f"{name} {value:.3g}" for name, value in trial.params.items())
    )


def main() -> None:
    """Tune, and judge the best by the year that was kept for that."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    trials = parser.parse_args().trials

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=5),
    )
    study.optimize(objective, n_trials=trials, callbacks=[show])

    pruned = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    print(
        f"\n{len(pruned)} of {trials} trials pruned; best of trial "
        f"{study.best_trial.number}: {study.best_params}"
    )
    # One random_state gives one result: this is the model of that trial.
    best = fit(study.best_params, [])
    print(
        f"validation R^2: {study.best_value:.4f}, fitted again "
        f"{best.best_validation_score_:.4f}"
    )
    past, change = split(study.best_params["window"])[2]
    error = np.abs(best.predict(past) - change).mean()
    print(
        f"test year, mean absolute error: {error:.3f} degrees C, "
        f"as the day before {np.abs(change).mean():.3f}"
    )


if __name__ == "__main__":
    main()
