"""How a fit goes: validation, stopping, interruption, copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor
from fastlstm.training import Callback, Trainer
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**options: Any) -> LSTMRegressor:
    settings = {"hidden_size": 6, "max_iter": 8, "batch_size": 16, "random_state": 0}
    return LSTMRegressor(**{**settings, **options})


def problem(rng: np.random.Generator, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    X = rng.standard_normal((n, 6, 2))
    return X, X[:, -3:, 0].sum(axis=1)


@quiet
def test_attributes(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor().fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 8
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None
    assert model.n_features_in_ == 2
    assert model.stop_reason_ == "max_epochs"

    model.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert len(model.validation_scores_) == 8
    assert model.best_validation_score_ == max(model.validation_scores_)
    # The fit scores float32 outputs in standardised units.
    last, score = model.validation_scores_[-1], model.score(X[60:], y[60:])
    assert_close(np.array(last), np.array(score), PAIR_VALUE["float32"])


def test_warns_where_epochs_ran_out(rng: np.random.Generator) -> None:
    with pytest.warns(ConvergenceWarning, match="maximum of max_iter=8 epochs") as note:
        regressor().fit(*problem(rng))
    assert note[0].filename == __file__
    assert str(note[0].message).endswith(
        ", or stop on validation data by early_stopping=True."
    )
    with pytest.warns(ConvergenceWarning, match="or learning_rate_init\\.$"):
        regressor(early_stopping=True).fit(*problem(rng))


def test_stops_when_the_loss_does(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor(tol=10.0, n_iter_no_change=3, max_iter=50).fit(X, y)
    assert model.n_iter_ == 5
    assert model.stop_reason_ == "converged"


@quiet
@pytest.mark.parametrize("given", [True, False])
def test_early_stopping_returns_to_the_best(
    rng: np.random.Generator, given: bool
) -> None:
    X, y = problem(rng)
    y[60:] += rng.standard_normal(20)  # what is learnt by heart does not hold there
    validation = {"X_val": X[60:], "y_val": y[60:]} if given else {}
    model = regressor(
        hidden_size=30,
        learning_rate_init=0.05,
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=8,
        max_iter=100,
    )
    model.fit(X[:60], y[:60], **validation) if given else model.fit(X, y)
    assert model.n_iter_ < 100
    assert model.best_validation_score_ > model.validation_scores_[-1]
    if given:
        score = model.score(X[60:], y[60:])
        best = model.best_validation_score_
        assert_close(np.array(score), np.array(best), PAIR_VALUE["float32"])


@quiet
def test_one_validation_target_is_too_few(rng: np.random.Generator) -> None:
    X, y = problem(rng, 10)
    with pytest.raises(ValueError, match="at least two validation targets, got 1"):
        regressor(early_stopping=True).fit(X, y)
    with pytest.raises(ValueError, match="X_val and y_val belong together"):
        regressor().fit(X, y, X_val=X)


@quiet
def test_one_random_state_one_result(rng: np.random.Generator, threads: Any) -> None:
    X, y = problem(rng)
    results = []
    for count in (1, 2, 3):
        threads(count)
        model = regressor(dropout=0.2, early_stopping=True).fit(X, y)
        results.append({"y": model.predict(X), "loss": np.array(model.loss_curve_)})
    for result in results[1:]:
        assert_same_bits(result, results[0])
    other = regressor(dropout=0.2, early_stopping=True, random_state=1).fit(X, y)
    assert (other.predict(X) != results[0]["y"]).any()


@quiet
def test_random_state_object_moves_on(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    state = np.random.RandomState(0)
    one, two = (regressor(random_state=state).fit(X, y) for _ in range(2))
    assert one.loss_curve_ != two.loss_curve_


class Interrupt(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, trainer: Trainer) -> None:
        if trainer.epoch == self.epoch:
            raise KeyboardInterrupt


def test_ctrl_c(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor(callbacks=[Interrupt(3)])
    with pytest.warns(UserWarning, match="interrupted in epoch 4 of 8; .* usable"):
        model.fit(X, y)
    assert model.n_iter_ == 3
    assert model.stop_reason_ == "interrupted"
    assert np.isfinite(model.predict(X)).all()


def test_ctrl_c_in_the_first_epoch(rng: np.random.Generator) -> None:
    class Now(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            raise KeyboardInterrupt

    X, y = problem(rng)
    model = regressor(callbacks=[Now()], early_stopping=True)
    with pytest.warns(UserWarning, match="interrupted in epoch 1"):
        model.fit(X, y)
    assert model.n_iter_ == 0
    assert np.isfinite(model.predict(X)).all()


@quiet
def test_callback_stops(rng: np.random.Generator) -> None:
    class Stop(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            trainer.stop("enough")

    model = regressor(callbacks=[Stop()]).fit(*problem(rng))
    assert model.n_iter_ == 1
    assert model.stop_reason_ == "enough"


@quiet
def test_verbose(rng: np.random.Generator, capsys: pytest.CaptureFixture[str]) -> None:
    regressor(verbose=1, early_stopping=True).fit(*problem(rng))
    shown = capsys.readouterr().err
    assert "loss" in shown
    assert "validation score" in shown


def through_pickle(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


@quiet
@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
@pytest.mark.parametrize("estimator", [LSTMRegressor, LSTMClassifier])
def test_copies(rng: np.random.Generator, duplicate: Any, estimator: Any) -> None:
    X, y = problem(rng)
    y = y if estimator is LSTMRegressor else np.where(y > 0, "up", "down")
    model = estimator(hidden_size=6, max_iter=2, warm_start=True, random_state=0)
    assert duplicate(model).get_params() == model.get_params()
    model.fit(X, y)
    other = duplicate(model)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    # Optimizer and stopping come along: both go on to the same bits.
    assert_same_bits(
        {"w": other.fit(X, y).model_.params.flat},
        {"w": model.fit(X, y).model_.params.flat},
    )
    assert not hasattr(clone(model), "model_")


@quiet
def test_tools_of_scikit_learn(rng: np.random.Generator) -> None:
    X, y = problem(rng, 60)
    search = GridSearchCV(
        regressor(), {"hidden_size": [3, 5]}, cv=TimeSeriesSplit(2)
    ).fit(X, y)
    assert search.predict(X).shape == (60,)
    assert cross_val_predict(regressor(), X, y, cv=3).shape == (60,)
    flat = make_pipeline(StandardScaler(), regressor()).fit(X[:, :, 0], y)
    assert flat.predict(X[:, :, 0]).shape == (60,)
    parts = [part[: 2 + k % 4] for k, part in enumerate(X)]
    labels = np.where(y > 0, "up", "down")
    predicted = cross_val_predict(
        LSTMClassifier(4, max_iter=2), parts, labels, cv=3, method="predict_proba"
    )
    assert predicted.shape == (60, 2)


def test_representation() -> None:
    assert repr(LSTMRegressor(32, dropout=0.1)) == (
        "LSTMRegressor(dropout=0.1, hidden_size=32)"
    )
    assert "LSTMRegressor" in LSTMRegressor()._repr_html_()


def test_documentation_covers_every_parameter() -> None:
    for estimator in (LSTMRegressor, LSTMClassifier):
        text = estimator.__doc__ or ""
        for place in ("{parameters}", "{attributes}", "{standardize}", "{score}"):
            assert place not in text
        for name in estimator().get_params():
            assert f"\n    {name} : " in text, name


@quiet
def test_memory_changes_no_result(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    kept = regressor().fit(X, y)
    for memory in ("recompute", "checkpoint"):
        model = regressor(memory=memory).fit(X, y)
        assert model.model_.memory == memory
        assert_same_bits({"y": model.predict(X)}, {"y": kept.predict(X)})
    model.set_params(memory="store", warm_start=True).fit(X, y)
    assert model.model_.memory == "store"
