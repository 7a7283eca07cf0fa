"""sktime's own checks, what the faces learn, and that they are our estimators."""

from __future__ import annotations

import inspect
from typing import Any

import fastlstm
import numpy as np
import pytest

from .problems import FAST, LEFT_OUT, TRAIN, equal, labels, ragged

pytest.importorskip("sktime", reason="sktime is not installed")

import pandas as pd
from fastlstm.interop.sktime import LSTMClassifier, LSTMForecaster, LSTMRegressor
from sklearn.base import clone
from sktime.datatypes import convert
from sktime.utils.estimator_checks import _get_test_names_for_obj, check_estimator

PAIRS = [
    (LSTMClassifier, fastlstm.LSTMClassifier),
    (LSTMRegressor, fastlstm.LSTMRegressor),
]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.filterwarnings("ignore")  # what the toolkit's own code warns of
@pytest.mark.parametrize("face", [LSTMClassifier, LSTMRegressor, LSTMForecaster])
def test_checks(face: Any) -> None:
    results = check_estimator(face, verbose=False)
    # Each of them ran: none is on a list of the toolkit's of what to leave out.
    assert {name.split("[")[0] for name in results} == set(
        _get_test_names_for_obj(face)
    )
    assert {k: v for k, v in results.items() if v != "PASSED"} == {}


def frames(X: Any) -> list[pd.DataFrame]:
    """sktime's "df-list": a frame a series, a row a step."""
    return [pd.DataFrame(series.T) for series in X]


def panel(X: Any) -> pd.DataFrame:
    """sktime's "pd-multiindex": one frame of all series."""
    return pd.concat(frames(X), keys=range(len(X)), names=["case", "time"])


def nested(X: Any) -> pd.DataFrame:
    """sktime's "nested_univ": a column a channel, whose cells are series."""
    return convert(frames(X), "df-list", "nested_univ", "Panel")


def array(X: Any) -> Any:
    return X


FORMS = [(equal, array), *[(p, f) for p in (equal, ragged) for f in (frames, panel)]]
FORMS += [(ragged, nested)]


@pytest.mark.parametrize(("problem", "form"), FORMS)
def test_classifier(problem: Any, form: Any, rng: np.random.Generator) -> None:
    X, y = problem(rng)
    y = labels(y)
    face = LSTMClassifier(**FAST).fit(form(X[:TRAIN]), y[:TRAIN])
    assert (
        face.score(form(X[TRAIN:]), y[TRAIN:]) > 0.75
    )  # the worst of twelve seeds: 0.81

    first = [series.T for series in X]
    plain = fastlstm.LSTMClassifier(**FAST).fit(first[:TRAIN], y[:TRAIN])
    assert (face.predict(form(X[TRAIN:])) == plain.predict(first[TRAIN:])).all()
    probabilities = plain.predict_proba(first[TRAIN:])
    assert (face.predict_proba(form(X[TRAIN:])) == probabilities).all()
    assert (face.classes_ == plain.classes_).all()


@pytest.mark.parametrize(("problem", "form"), FORMS)
def test_regressor(problem: Any, form: Any, rng: np.random.Generator) -> None:
    X, y = problem(rng)
    face = LSTMRegressor(**FAST).fit(form(X[:TRAIN]), y[:TRAIN])
    assert (
        face.score(form(X[TRAIN:]), y[TRAIN:]) > 0.95
    )  # the worst of twelve seeds: 0.98

    first = [series.T for series in X]
    plain = fastlstm.LSTMRegressor(**FAST).fit(first[:TRAIN], y[:TRAIN])
    assert (face.predict(form(X[TRAIN:])) == plain.predict(first[TRAIN:])).all()


def test_several_targets_are_one_network(rng: np.random.Generator) -> None:
    X, y = equal(rng)
    targets = pd.DataFrame({"sum": y, "last": X[:, 1, -1]})
    face = LSTMRegressor(**FAST).fit(X[:TRAIN], targets[:TRAIN])
    predictions = face.predict(X[TRAIN:])
    assert list(predictions.columns) == ["sum", "last"]

    first = X.swapaxes(1, 2)
    plain = fastlstm.LSTMRegressor(**FAST).fit(
        first[:TRAIN], targets.to_numpy()[:TRAIN]
    )
    assert (predictions.to_numpy() == plain.predict(first[TRAIN:])).all()


@pytest.mark.parametrize(("face", "estimator"), PAIRS)
def test_arguments_are_the_estimators(face: Any, estimator: Any) -> None:
    own = inspect.signature(face).parameters
    expected = dict(inspect.signature(estimator).parameters)
    for name in LEFT_OUT & set(expected):
        del expected[name]
    assert list(own.values()) == list(expected.values())
    given = {"hidden_size": 7, "num_layers": 2, "n_jobs": 2, "forget_bias": 0.5}
    model = face(7, 2, n_jobs=2, forget_bias=0.5)
    defaults = {name: argument.default for name, argument in own.items()}
    assert model.get_params() == {**defaults, **given}
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(TypeError, match="unexpected keyword argument 'warm_start'"):
        face(warm_start=True)


def test_estimator_judges_arguments(rng: np.random.Generator) -> None:
    X, y = equal(rng)
    with pytest.raises(ValueError, match=r"The 'dropout' parameter of LSTMRegressor"):
        LSTMRegressor(dropout=1.5).fit(X, y)
