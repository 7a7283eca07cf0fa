"""``learning_rate``: a schedule by its name or as an object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor
from fastlstm.schedules import SCHEDULES, Cosine, ReduceOnPlateau, Step, WarmUp
from fastlstm.training import Callback, Trainer
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ..compare import assert_same_bits
from .test_fit import problem, quiet, regressor

pytestmark = quiet


class Rates(Callback):
    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.rates.append(trainer.optimizer.learning_rate)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("estimator", [LSTMRegressor, LSTMClassifier])
def test_names(rng: np.random.Generator, estimator: Any, name: str) -> None:
    X, y = problem(rng)
    y = y if estimator is LSTMRegressor else np.where(y > 0, "up", "down")
    options = {"hidden_size": 6, "learning_rate_init": 0.02, "random_state": 0}
    rates = Rates()
    model = estimator(
        max_iter=60, learning_rate=name, callbacks=[rates], **options
    ).fit(X, y)
    assert model.score(X, y) > 0.8
    assert max(rates.rates) <= 0.02
    constant = name in {"constant", "reduce_on_plateau"}
    assert (len(set(rates.rates)) == 1) == constant
    made = estimator(max_iter=60, learning_rate=SCHEDULES[name](), **options)
    assert_same_bits(
        {"w": made.fit(X, y).model_.params.flat}, {"w": model.model_.params.flat}
    )


def test_fit_leaves_the_object_as_it_is(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    schedule = ReduceOnPlateau(0.5, patience=0, tol=10.0)
    rates = Rates()
    model = regressor(learning_rate=schedule, callbacks=[rates]).fit(X, y)
    assert rates.rates[-1] < 1e-4
    assert schedule.state_dict() == ReduceOnPlateau().state_dict()
    assert clone(model).learning_rate == schedule
    assert clone(model).learning_rate is not schedule
    first = list(rates.rates)
    rates.rates.clear()
    model.fit(X, y)
    assert rates.rates == first


def test_a_constant_rate_is_free_for_callbacks(rng: np.random.Generator) -> None:
    class Stop(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            trainer.optimizer.learning_rate = 0.0

    X, y = problem(rng)
    one = regressor(max_iter=1, batch_size=80).fit(X, y)
    still = regressor(max_iter=3, batch_size=80, callbacks=[Stop()]).fit(X, y)
    assert_same_bits({"w": still.model_.params.flat}, {"w": one.model_.params.flat})


@pytest.mark.parametrize(
    "schedule", ["step", "exponential", ReduceOnPlateau(0.5, 0, 0.1), WarmUp(3.0)]
)
def test_warm_start_goes_on(rng: np.random.Generator, schedule: Any) -> None:
    X, y = problem(rng)
    options = {"warm_start": True, "learning_rate": schedule, "n_iter_no_change": 50}
    twice = regressor(max_iter=4, **options).fit(X, y).fit(X, y)
    once = regressor(max_iter=8, **options).fit(X, y)
    assert_same_bits({"w": twice.model_.params.flat}, {"w": once.model_.params.flat})


def test_warm_start_with_other_settings(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    rates = Rates()
    model = regressor(warm_start=True, max_iter=2, callbacks=[rates])
    for learning_rate, rate in (
        (Step(1, 0.5), 1e-3),
        (Step(1, 0.5), 1e-2),  # another rate to start from
        (WarmUp(1.0, ReduceOnPlateau(0.5, 0, 10.0)), 1e-2),
        (WarmUp(1.0, Step(1, 0.5)), 1e-2),  # another one behind it
        ("constant", 1e-3),
        (Cosine(), 1e-3),
    ):
        model.set_params(learning_rate=learning_rate, learning_rate_init=rate).fit(X, y)
    halves = [1e-3, 5e-4, 1e-2 / 4, 1e-2 / 8, 1e-2, 1e-2]
    assert rates.rates[:6] == halves
    assert rates.rates[8:10] == [1e-3, 1e-3]
    assert model.n_iter_ == 12


@pytest.mark.parametrize("value", ["adaptive", Cosine, None, 0.1])
def test_bad_values(rng: np.random.Generator, value: Any) -> None:
    with pytest.raises(ValueError, match="'learning_rate' parameter of LSTMRegressor"):
        regressor(learning_rate=value).fit(*problem(rng))


def test_search_over_schedules(rng: np.random.Generator) -> None:
    X, y = problem(rng, 60)
    grid = {"learning_rate": ["constant", "one_cycle", WarmUp(1.0, Cosine())]}
    search = GridSearchCV(regressor(max_iter=2), grid, cv=2).fit(X, y)
    assert search.best_params_["learning_rate"] in grid["learning_rate"]
