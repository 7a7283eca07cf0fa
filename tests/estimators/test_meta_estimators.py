"""Estimators inside scikit-learn's own: with two dimensions, and with three where they
let them through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from fastlstm import LSTMClassifier, LSTMRegressor
from fastlstm.estimators import SequenceScaler
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingRandomSearchCV,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import (
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.fixes import parse_version

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, T = 36, 5
FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda X: X,
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcde")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcde"), orient="row"),
    "deep": lambda X: np.stack([X, X**2], axis=2),
    "list": lambda X: [x[: 2 + k % 4, None] for k, x in enumerate(X)],
}
TABLES = ("array", "pandas", "polars")
forms = pytest.mark.parametrize("form", FORMS)
tables = pytest.mark.parametrize("form", TABLES)


def regressor(**options: Any) -> LSTMRegressor:
    return LSTMRegressor(4, max_iter=2, random_state=0, **options)


def classifier(**options: Any) -> LSTMClassifier:
    return LSTMClassifier(4, max_iter=2, random_state=0, **options)


def logistic() -> LogisticRegression:
    # The default solver of scikit-learn 1.6 asks newer SciPy what that warns of.
    return LogisticRegression(solver="newton-cg")


def problem(rng: np.random.Generator, form: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """Sequences, numbers and labels."""
    X = rng.standard_normal((N, T))
    labels = np.array(["down", "flat", "up"] * (N // 3))
    return FORMS[form](X), X[:, -1] + X[:, 0], labels


@forms
@pytest.mark.parametrize(
    "make",
    [
        lambda lstm: TransformedTargetRegressor(lstm, transformer=StandardScaler()),
        lambda lstm: TransformedTargetRegressor(lstm, func=np.cbrt, inverse_func=cube),
        lambda lstm: make_pipeline(SequenceScaler("robust"), lstm),
        lambda lstm: GridSearchCV(lstm, {"hidden_size": [3, (2, 2)]}, cv=2),
        lambda lstm: StackingRegressor([("lstm", lstm)], Ridge(), cv=2),
        lambda lstm: VotingRegressor([("a", lstm), ("b", regressor(dropout=0.1))]),
    ],
    ids=["target", "function", "pipeline", "search", "stacking", "voting"],
)
def test_regressors(rng: np.random.Generator, form: str, make: Any) -> None:
    X, y, _ = problem(rng, form)
    model = make(regressor()).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == (N,)
    assert np.isfinite(predicted).all()
    assert np.isfinite(model.score(X, y))


def cube(y: np.ndarray) -> np.ndarray:
    return y**3


@forms
@pytest.mark.parametrize(
    "make",
    [
        lambda lstm: make_pipeline(SequenceScaler("minmax"), lstm),
        lambda lstm: GridSearchCV(lstm, {"hidden_size": [3, (2, 2)]}, cv=2),
        lambda lstm: StackingClassifier([("lstm", lstm)], logistic(), cv=2),
        lambda lstm: VotingClassifier([("a", lstm), ("b", lstm)], voting="soft"),
        lambda lstm: CalibratedClassifierCV(lstm, cv=2),
        lambda lstm: CalibratedClassifierCV(lstm, cv=2, ensemble=False),
        lambda lstm: OneVsRestClassifier(lstm),
    ],
    ids=["pipe", "search", "stacking", "voting", "calibrated", "one", "rest"],
)
def test_classifiers(rng: np.random.Generator, form: str, make: Any) -> None:
    X, _, y = problem(rng, form)
    model = make(classifier()).fit(X, y)
    assert model.classes_.tolist() == ["down", "flat", "up"]
    assert set(model.predict(X)) <= set(y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (N, 3)
    assert_close(probabilities.sum(axis=1), np.ones(N), PAIR_VALUE["float64"])


@forms
def test_predictions_of_groups_held_out(rng: np.random.Generator, form: str) -> None:
    X, y, labels = problem(rng, form)
    options: dict[str, Any] = {"groups": np.arange(N) // 4, "cv": GroupKFold(3)}
    predicted = cross_val_predict(regressor(), X, y, **options)
    by_hand = np.full(N, np.nan)
    for train, test in GroupKFold(3).split(y, groups=options["groups"]):
        model = regressor().fit(take(X, train), y[train])
        by_hand[test] = model.predict(take(X, test))
    assert_same_bits({"y": predicted}, {"y": by_hand})
    probabilities = cross_val_predict(
        classifier(), X, labels, method="predict_proba", **options
    )
    assert probabilities.shape == (N, 3)


@forms
def test_scores_of_times_to_come(rng: np.random.Generator, form: str) -> None:
    X, y, labels = problem(rng, form)
    cv = TimeSeriesSplit(3)
    for model, targets in ((regressor(), y), (classifier(), labels)):
        by_hand = [
            clone(model)
            .fit(take(X, train), targets[train])
            .score(take(X, test), targets[test])
            for train, test in cv.split(y)
        ]
        scores = cross_val_score(model, X, targets, cv=cv)
        np.testing.assert_array_equal(scores, by_hand)
    # Its first rows are never predicted, which is what scikit-learn refuses.
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict(regressor(), X, y, cv=cv)


def take(X: Any, rows: np.ndarray) -> Any:
    if isinstance(X, list):
        return [X[row] for row in rows]
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


@forms
def test_halving_search(rng: np.random.Generator, form: str) -> None:
    X, y, _ = problem(rng, form)
    search = HalvingRandomSearchCV(
        regressor(),
        {"learning_rate_init": uniform(0.001, 0.1), "hidden_size": [3, 4, 5]},
        resource="max_iter",
        min_resources=1,
        max_resources=3,
        factor=3,
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert search.n_resources_ == [1, 3]
    assert search.best_estimator_.max_iter == search.best_params_["max_iter"]
    assert search.predict(X).shape == (N,)


@forms
def test_curves(rng: np.random.Generator, form: str) -> None:
    X, y, _ = problem(rng, form)
    sizes, train, test = learning_curve(regressor(), X, y, train_sizes=[8, 18], cv=2)
    assert sizes.tolist() == [8, 18]
    curves = validation_curve(
        regressor(), X, y, param_name="max_iter", param_range=[1, 2], cv=2
    )
    for scores in (train, test, *curves):
        assert scores.shape == (2, 2)
        assert np.isfinite(scores).all()


@tables
def test_what_takes_tables_only(rng: np.random.Generator, form: str) -> None:
    X, y, labels = problem(rng, form)
    bagging = BaggingClassifier(classifier(), n_estimators=2, random_state=0)
    probabilities = bagging.fit(X, labels).predict_proba(X)
    assert probabilities.shape == (N, 3)
    assert all(len(set(e.classes_)) == 3 for e in bagging.estimators_)
    for ensemble in (BaggingRegressor, AdaBoostRegressor):
        model = ensemble(regressor(), n_estimators=2, random_state=0).fit(X, y)
        assert model.predict(X).shape == (N,)
    stacking = StackingClassifier(
        [("lstm", classifier())], logistic(), cv=2, passthrough=True
    )
    assert stacking.fit(X, labels).predict_proba(X).shape == (N, 3)


@pytest.mark.parametrize("form", ["deep", "list"])
def test_what_scikit_learn_refuses_itself(rng: np.random.Generator, form: str) -> None:
    X, _, labels = problem(rng, form)
    with pytest.raises(ValueError, match=r"dim(ension)? ?3|inhomogeneous|sequence"):
        BaggingClassifier(classifier(), n_estimators=2).fit(X, labels)


@pytest.mark.parametrize("form", ["array", "pandas"])
def test_permutation_importance(rng: np.random.Generator, form: str) -> None:
    X = rng.standard_normal((120, T))
    y = X[:, -1]
    model = LSTMRegressor(8, max_iter=60, learning_rate_init=0.03, random_state=0)
    model.fit(FORMS[form](X), y)
    result = permutation_importance(model, FORMS[form](X), y, n_repeats=2)
    assert result.importances_mean.argmax() == T - 1  # the step that y is
    assert result.importances_mean[-1] > 1.0


@forms
def test_several_outputs(rng: np.random.Generator, form: str) -> None:
    X, y, labels = problem(rng, form)
    targets = np.stack([y, -2.0 * y, 3.0 + y], axis=1)
    model = MultiOutputRegressor(regressor()).fit(X, targets)
    alone = regressor().fit(X, targets[:, 1]).predict(X)
    assert_same_bits({"y": model.predict(X)[:, 1]}, {"y": alone})
    both = np.stack([labels, labels[::-1]], axis=1)
    classes = MultiOutputClassifier(classifier()).fit(X, both).predict(X)
    assert classes.shape == (N, 2)
    assert regressor().fit(X, targets).predict(X).shape == (N, 3)
    scaled = TransformedTargetRegressor(
        regressor(standardize=False), transformer=StandardScaler()
    )
    assert scaled.fit(X, targets).predict(X).shape == (N, 3)


@tables
def test_a_chain_of_outputs(rng: np.random.Generator, form: str) -> None:
    X, y, _ = problem(rng, form)
    model = RegressorChain(regressor()).fit(X, np.stack([y, y + first_step(X)], axis=1))
    assert [e.n_features_in_ for e in model.estimators_] == [T, T + 1]
    assert model.predict(X).shape == (N, 2)


def first_step(X: Any) -> np.ndarray:
    return np.asarray(X)[:, 0]


# polars 2 has no interchange protocol, by which ColumnTransformer before scikit-learn
# 1.9 finds columns.
FINDS_POLARS = hasattr(pl.DataFrame, "__dataframe__") or (
    parse_version(sklearn.__version__) >= parse_version("1.9")
)


@pytest.mark.parametrize("form", ["pandas", *["polars"] * FINDS_POLARS])
@pytest.mark.parametrize("output", ["default", "same"])
def test_columns_of_a_frame(rng: np.random.Generator, form: str, output: str) -> None:
    X, y, _ = problem(rng, form)
    columns = ColumnTransformer(
        [("early", StandardScaler(), ["a", "b"]), ("late", MinMaxScaler(), ["d", "e"])],
        verbose_feature_names_out=False,
    )
    columns.set_output(transform=form if output == "same" else "default")
    model = make_pipeline(columns, regressor(standardize=False)).fit(X, y)
    names = ["a", "b", "d", "e"]
    assert columns.get_feature_names_out().tolist() == names
    if output == "same":
        assert model[-1].feature_names_in_.tolist() == names
    assert model[-1].n_features_in_ == 4
    shuffled = X[["e", "c", "d", "b", "a"]]  # named, so found again
    assert_same_bits({"y": model.predict(shuffled)}, {"y": model.predict(X)})
