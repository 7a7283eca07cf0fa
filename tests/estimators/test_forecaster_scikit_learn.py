"""LSTMForecaster among scikit-learn's tools, and its checks as far as they apply."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMForecaster
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from ..compare import assert_same_bits
from .contract import assert_attributes_are_documented
from .forecasters import forecaster, quiet, wave

pytestmark = quiet


# ------------------------------------------------------------------------ parameters


def test_constructor_only_stores() -> None:
    values = {name: object() for name in inspect.signature(LSTMForecaster).parameters}
    model = LSTMForecaster(**values)
    assert vars(model) == values
    assert model.get_params(deep=False) == values


def test_parameters_go_round() -> None:
    model = forecaster(transforms=["log"], quantiles=[0.2, 0.8], warm=True)
    other = LSTMForecaster().set_params(**model.get_params())
    assert other.get_params() == model.get_params() == clone(model).get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'units' for estimator"):
        model.set_params(units=3)
    assert not hasattr(clone(model.fit(wave())), "panel_")
    assert repr(LSTMForecaster(7, 28, warm=True)) == (
        "LSTMForecaster(horizon=7, warm=True, window=28)"
    )
    assert "LSTMForecaster" in model._repr_html_()


def test_documentation_tells_the_defaults() -> None:
    text = LSTMForecaster.__doc__ or ""
    assert "{parameters}" not in text
    assert "n_features_in_" not in text  # a fit has none
    for name, parameter in inspect.signature(LSTMForecaster).parameters.items():
        told = re.search(rf"^    (?:\w+, )*{name}(?:, \w+)* : (.*)$", text, re.M)
        assert told, name
        default = re.search(r"default=(.*)$", told[1])
        if default:
            assert ast.literal_eval(default[1]) == parameter.default, name
        else:
            # Parameters that are told together: columns, none by default.
            assert parameter.default in (None, ()), name


def test_attributes_are_documented() -> None:
    assert_attributes_are_documented(forecaster(conformal="split").fit(wave(90)))


def test_a_fit_leaves_parameters_and_data_alone() -> None:
    y, levels = wave(), [0.1, 0.9]
    future = {"future": np.ones((84, 1))}
    kept = y.copy()
    model = forecaster(
        strategy="encoder_decoder", quantiles=levels, loss="quantile", window=None
    )
    before = model.get_params()
    model.fit(y, **future)
    assert model.get_params() == before
    np.testing.assert_array_equal(y, kept)
    assert model.window_ == 24
    # Nor does the model hold on to an array that its user may change.
    forecast = model.predict()
    y[:], future["future"][:] = 0.0, 9.0
    np.testing.assert_array_equal(model.predict(), forecast)


# ------------------------------------------------------------- search, validation


@pytest.mark.parametrize("form", ["array", "variables", "dated"])
def test_search_over_time(form: str) -> None:
    X: Any = wave(100)
    if form == "variables":
        X = np.stack([wave(100), wave(100, seed=1)], axis=1)
    if form == "dated":
        X = pd.Series(X, index=pd.date_range("2024-01-01", periods=100, freq="D"))
    grid = {
        "window": [6, 12],
        "hidden_size": [3, 5],
        "learning_rate_init": [0.01, 0.1],
    }
    search = GridSearchCV(
        forecaster(max_iter=2), grid, cv=TimeSeriesSplit(2), error_score="raise"
    ).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 8
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > 4
    assert search.best_score_ == scores.max()
    best = forecaster(max_iter=2).set_params(**search.best_params_).fit(X)
    np.testing.assert_array_equal(search.predict(None), best.predict())
    # Each test part is judged by a model that knows what comes before, no more.
    first = next(TimeSeriesSplit(2).split(X))
    parts = [X.iloc[rows] if form == "dated" else X[rows] for rows in first]
    alone = forecaster(max_iter=2).set_params(**search.cv_results_["params"][0])
    expected = alone.fit(parts[0]).score(parts[1])
    assert search.cv_results_["split0_test_score"][0] == expected


def test_search_in_threads() -> None:
    options = {"cv": TimeSeriesSplit(2), "n_iter": 3, "random_state": 0}
    scores = []
    for jobs in (None, 2):
        windows = {"window": [6, 9, 12]}
        search = RandomizedSearchCV(forecaster(), windows, n_jobs=jobs, **options)
        with joblib.parallel_backend("threading"):
            search.fit(wave(60))
        scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*scores)


def test_cross_validation_with_covariates() -> None:
    frame = pd.DataFrame(
        {"y": wave(90), "promo": np.random.default_rng(0).random(90)},
        index=pd.date_range("2024-01-01", periods=90, freq="D"),
    )
    for strategy, kind in (("direct", "past"), ("encoder_decoder", "future")):
        model = forecaster(
            strategy=strategy, target="y", **{f"{kind}_covariates": ["promo"]}
        )
        scores = cross_val_score(model, frame, cv=TimeSeriesSplit(3))
        assert np.isfinite(scores).all()


def test_splits_that_are_not_in_time_are_told() -> None:
    dated = pd.Series(wave(), index=pd.date_range("2024-01-01", periods=80, freq="D"))
    model = forecaster().fit(dated[40:])
    with pytest.raises(ValueError, match=r"expected rows after.* use TimeSeriesSplit"):
        model.score(dated[:40])


# --------------------------------------------------------------------------- checks

BESIDE = (
    "fits X beside a target, where X are covariates of its steps, and predicts X "
    "alone, which are histories then"
)
STEPS = "takes rows for samples: here they are steps of a series, in their order"
WORDS = "expects other words of an error"
N_FEATURES = "n_features_in_ would be of covariates, where X is not the series itself"

EXPECTED = {
    "check_n_features_in": N_FEATURES,
    "check_n_features_in_after_fitting": N_FEATURES,
    "check_estimators_dtypes": BESIDE,
    "check_dtype_object": BESIDE,
    "check_estimators_pickle": BESIDE + " (test_forecaster_save.py)",
    "check_array_api_input": BESIDE,
    "check_dict_unchanged": BESIDE,
    "check_f_contiguous_array_estimator": BESIDE,
    "check_fit_idempotent": BESIDE,
    "check_methods_sample_order_invariance": STEPS,
    "check_methods_subset_invariance": STEPS,
    "check_fit1d": "one axis is one series",
    "check_fit2d_1sample": WORDS + " of one step",
    "check_fit2d_predict1d": WORDS,
    "check_complex_data": WORDS,
    "check_estimators_empty_data_messages": WORDS,
}


@parametrize_with_checks(
    [LSTMForecaster(1, 4, hidden_size=4, max_iter=3, early_stopping=False)],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_tags() -> None:
    tags = get_tags(LSTMForecaster())
    assert tags.estimator_type is None
    assert not tags.target_tags.required
    assert tags.target_tags.multi_output
    assert tags.input_tags.allow_nan
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.sparse
    assert not tags.non_deterministic


def test_one_random_state_one_result(threads: Any) -> None:
    found = []
    for count in (1, 2, 3):
        threads(count)
        model = forecaster(dropout=0.2, loss="gaussian", n_jobs=None).fit(wave())
        found.append({"y": model.predict(), "paths": model.predict(samples=3)})
    for jobs in (1, 2):
        model = forecaster(dropout=0.2, loss="gaussian", n_jobs=jobs).fit(wave())
        found.append({"y": model.predict(), "paths": model.predict(samples=3)})
    for other in found[1:]:
        assert_same_bits(other, found[0])
    other = forecaster(dropout=0.2, loss="gaussian", random_state=1).fit(wave())
    assert (other.predict() != found[0]["y"]).any()


def test_random_state_object_moves_on() -> None:
    state = np.random.RandomState(0)
    one, two = (forecaster(random_state=state).fit(wave()) for _ in range(2))
    assert one.loss_curve_ != two.loss_curve_
