"""What judges a fit: the default score, the loss, any scorer of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    get_scorer,
    log_loss,
    make_scorer,
    max_error,
    mean_squared_error,
    r2_score,
)

from ..compare import assert_close
from ..tolerances import PAIR_VALUE
from .test_fit import problem, quiet, regressor
from .test_validation import Watch, classifier

pytestmark = quiet


# ----------------------------------------------------------------------------- loss


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
def test_loss_of_a_regression(
    rng: np.random.Generator, weighted: bool, ragged: bool
) -> None:
    X, _ = problem(rng)
    sequences = [x[: 3 + i % 4] for i, x in enumerate(X)] if ragged else list(X)
    targets = [np.cumsum(x[:, 0]) for x in sequences]
    options: dict[str, Any] = {}
    steps = np.concatenate([np.full(len(t), i) for i, t in enumerate(targets[60:])])
    if weighted:
        options["sample_weight_val"] = rng.uniform(0.5, 2, 20)
    model = regressor(output="sequence", scoring="loss").fit(
        sequences[:60],
        targets[:60],
        X_val=sequences[60:],
        y_val=targets[60:],
        **options,
    )
    scale = np.concatenate(targets[:60]).std()
    expected = mean_squared_error(
        np.concatenate(targets[60:]) / scale,
        np.concatenate(list(model.predict(sequences[60:]))) / scale,
        sample_weight=options["sample_weight_val"][steps] if weighted else None,
    )
    last = np.array(model.validation_scores_[-1])
    assert_close(-last, np.array(expected), PAIR_VALUE["float32"])


def test_loss_of_a_classification(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    labels = np.where(y > 0, "up", "down")
    model = classifier(scoring="loss")
    model.fit(X[:60], labels[:60], X_val=X[60:], y_val=labels[60:])
    expected = log_loss(labels[60:], model.predict_proba(X[60:]), labels=model.classes_)
    last = np.array(model.validation_scores_[-1])
    assert_close(-last, np.array(expected), PAIR_VALUE["float32"])


def test_stops_on_the_loss(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    y[60:] += 2 * rng.standard_normal(20)
    model = regressor(
        hidden_size=30,
        learning_rate_init=0.05,
        early_stopping=True,
        scoring="loss",
        n_iter_no_change=8,
        max_iter=100,
    ).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert model.n_iter_ < 100
    losses = -np.array(model.validation_scores_)
    assert (losses > 0).all()
    assert model.n_iter_ - 9 == losses.argmin() + 1 > 1
    expected = mean_squared_error(y[60:], model.predict(X[60:])) / y[:60].var()
    assert_close(losses.min(), np.array(expected), PAIR_VALUE["float32"])


def test_loss_needs_no_second_target(rng: np.random.Generator) -> None:
    X, y = problem(rng, 10)
    model = regressor(early_stopping=True, scoring="loss").fit(X, y)
    assert len(model.validation_scores_) == 8


# -------------------------------------------------------------------------- scorers


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "scoring",
    [
        "neg_mean_absolute_error",
        make_scorer(r2_score),
        lambda estimator, X, y, sample_weight=None: (
            -float(np.average((estimator.predict(X) - y) ** 4, weights=sample_weight))
        ),
    ],
)
def test_scorers(rng: np.random.Generator, scoring: Any, weighted: bool) -> None:
    X, y = problem(rng)
    y = 100 + 10 * y
    options = {"sample_weight": rng.uniform(0.5, 2, 20)} if weighted else {}
    given = {f"{name}_val": value for name, value in options.items()}
    model = regressor(early_stopping=True, scoring=scoring)
    model.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:], **given)
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    # The weights are back at those of the best epoch.
    best = scorer(model, X[60:], y[60:], **options)
    assert best == model.best_validation_score_ == max(model.validation_scores_)


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "f1_macro"])
def test_scorers_of_classes(rng: np.random.Generator, scoring: str) -> None:
    X, y = problem(rng)
    labels = np.where(y > 0, 1, 0)
    sequences = [x[: 3 + i % 4] for i, x in enumerate(X)]
    model = classifier(scoring=scoring)
    model.fit(sequences[:60], labels[:60], X_val=sequences[60:], y_val=labels[60:])
    last = get_scorer(scoring)(model, sequences[60:], labels[60:])
    assert last == model.validation_scores_[-1]


def test_scorers_weigh_no_classes(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    labels = np.where(y > 0.5, "up", "down")
    model = classifier(scoring="accuracy", class_weight="balanced")
    model.fit(X[:60], labels[:60], X_val=X[60:], y_val=labels[60:])
    assert model.validation_scores_[-1] == model.score(X[60:], labels[60:])
    with_classes = classifier(class_weight="balanced")
    with_classes.fit(X[:60], labels[:60], X_val=X[60:], y_val=labels[60:])
    assert with_classes.validation_scores_ != model.validation_scores_


def test_a_scorer_sees_the_model_of_each_epoch(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    y = 100 + 10 * y
    watch = Watch()
    model = regressor(early_stopping=True, scoring=watch, validation_fraction=0.25)
    model.fit(X, y)
    # Once before the training, once after each epoch.
    assert model.validation_scores_ == list(range(2, 10))
    assert len(watch.predictions) == 9
    assert watch.options == {}
    for one, two in zip(watch.predictions, watch.predictions[1:], strict=False):
        assert (one != two).any()
    assert (np.abs(watch.predictions[-1] - 100) < 50).all()
    np.testing.assert_array_equal(watch.predictions[-1], model.predict(watch.X))


def fails(error: Exception) -> Callable[..., float]:
    def scorer(estimator: Any, X: Any, y: Any) -> float:
        raise error

    return scorer


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ("accurracy", "must be a str among .* Got 'accurracy' instead"),
        (r2_score, "metric function rather than a scorer"),
        ("roc_auc", "scoring='roc_auc' cannot judge the validation data: "),
        (fails(RuntimeError("no")), "cannot judge the validation data: no"),
        (lambda *_: {"a": 1.0}, r"must give one number, got \{'a': 1.0\}"),
        (lambda *_: np.nan, "gives nan on the validation data"),
        (3, "The 'scoring' parameter of LSTMRegressor must be"),
    ],
)
def test_scorers_that_cannot_work(
    rng: np.random.Generator, scoring: Any, message: str
) -> None:
    X, y = problem(rng)
    model = regressor(early_stopping=True, scoring=scoring)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "model_")


def test_a_scorer_may_fail_later(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    calls: list[int] = []

    def scorer(estimator: Any, X: Any, y: Any) -> float:
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError("third")
        return 0.0

    with pytest.raises(ValueError, match="cannot judge the validation data: third"):
        regressor(early_stopping=True, scoring=scorer).fit(X, y)


def test_another_scoring_of_a_warm_start(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    y = 100 + 10 * y
    validation = {"X_val": X[60:], "y_val": y[60:]}
    model = regressor(warm_start=True, early_stopping=True, max_iter=2)
    model.fit(X[:60], y[:60], **validation).fit(X[:60], y[:60], **validation)
    assert len(model.validation_scores_) == 4
    scorer = make_scorer(max_error, greater_is_better=False)
    model.set_params(scoring=scorer, max_iter=3).fit(X[:60], y[:60], **validation)
    assert model.n_iter_ == 7
    # Those of R^2 say nothing of these, and no weights are the best by it.
    assert len(model.validation_scores_) == 3
    best = scorer(model, X[60:], y[60:])
    assert best == model.best_validation_score_ == max(model.validation_scores_)
    model.fit(X[:60], y[:60], **validation)
    assert len(model.validation_scores_) == 6
