"""aeon's own checks, what the faces learn, and that they are our estimators."""

from __future__ import annotations

import inspect
from typing import Any

import fastlstm
import numpy as np
import pytest

from .problems import FAST, LEFT_OUT, TRAIN, equal, labels, ragged

pytest.importorskip("aeon", reason="aeon is not installed")

from aeon.testing.estimator_checking import (
    _yield_multithreading_checks,
    check_estimator,
)
from fastlstm.interop.aeon import LSTMClassifier, LSTMRegressor
from sklearn.base import clone

PAIRS = [
    (LSTMClassifier, fastlstm.LSTMClassifier),
    (LSTMRegressor, fastlstm.LSTMRegressor),
]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.filterwarnings("ignore")  # what the toolkit's own code warns of
@pytest.mark.parametrize("face", [LSTMClassifier, LSTMRegressor])
def test_checks(face: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Those with several threads are behind a switch.
    monkeypatch.setattr(_yield_multithreading_checks, "MULTITHREAD_TESTING", True)
    results = check_estimator(face)
    assert len(results) > 40
    assert any("check_estimator_multithreading" in name for name in results)
    assert {k: v for k, v in results.items() if v != "PASSED"} == {}


@pytest.mark.parametrize("problem", [equal, ragged])
def test_classifier(problem: Any, rng: np.random.Generator) -> None:
    X, y = problem(rng)
    y = labels(y)
    face = LSTMClassifier(**FAST).fit(X[:TRAIN], y[:TRAIN])
    assert face.score(X[TRAIN:], y[TRAIN:]) > 0.75  # the worst of twelve seeds: 0.81

    first = [series.T for series in X] if isinstance(X, list) else X.swapaxes(1, 2)
    plain = fastlstm.LSTMClassifier(**FAST).fit(first[:TRAIN], y[:TRAIN])
    assert (face.predict(X[TRAIN:]) == plain.predict(first[TRAIN:])).all()
    probabilities = plain.predict_proba(first[TRAIN:])
    assert (face.predict_proba(X[TRAIN:]) == probabilities).all()
    assert (face.classes_ == plain.classes_).all()


@pytest.mark.parametrize("problem", [equal, ragged])
def test_regressor(problem: Any, rng: np.random.Generator) -> None:
    X, y = problem(rng)
    face = LSTMRegressor(**FAST).fit(X[:TRAIN], y[:TRAIN])
    assert face.score(X[TRAIN:], y[TRAIN:]) > 0.95  # the worst of twelve seeds: 0.98

    first = [series.T for series in X] if isinstance(X, list) else X.swapaxes(1, 2)
    plain = fastlstm.LSTMRegressor(**FAST).fit(first[:TRAIN], y[:TRAIN])
    assert (face.predict(X[TRAIN:]) == plain.predict(first[TRAIN:])).all()


@pytest.mark.parametrize(("face", "estimator"), PAIRS)
def test_arguments_are_the_estimators(face: Any, estimator: Any) -> None:
    own = inspect.signature(face).parameters
    expected = dict(inspect.signature(estimator).parameters)
    for name in LEFT_OUT & set(expected):
        del expected[name]
    assert list(own) == list(expected)
    for name, argument in own.items():
        assert argument.kind == expected[name].kind
        assert argument.default == (1 if name == "n_jobs" else expected[name].default)
    given = {"hidden_size": 7, "num_layers": 2, "n_jobs": 2, "forget_bias": 0.5}
    model = face(7, 2, n_jobs=2, forget_bias=0.5)
    defaults = {name: argument.default for name, argument in own.items()}
    assert model.get_params() == {**defaults, **given}
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(TypeError, match="unexpected keyword argument 'warm_start'"):
        face(warm_start=True)


def test_n_jobs_is_aeons(rng: np.random.Generator) -> None:
    X, y = equal(rng)
    short = {**FAST, "max_iter": 1}
    one = LSTMRegressor(**short).fit(X, y)
    assert one.estimator_.n_jobs == 1
    none = LSTMRegressor(**short, n_jobs=None).fit(X, y)
    assert none.estimator_.n_jobs == 1
    assert none.n_jobs is None


def test_estimator_judges_arguments(rng: np.random.Generator) -> None:
    X, y = equal(rng)
    with pytest.raises(ValueError, match=r"The 'dropout' parameter of LSTMRegressor"):
        LSTMRegressor(dropout=1.5).fit(X, y)
