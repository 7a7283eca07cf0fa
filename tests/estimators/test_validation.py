"""Validation data: given or set aside, and what judges a fit on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
from fastlstm import LSTMClassifier, LSTMRegressor
from sklearn.metrics import (
    get_scorer,
    log_loss,
    make_scorer,
    max_error,
    mean_squared_error,
    r2_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE
from .test_fit import problem, quiet, regressor

pytestmark = quiet


def classifier(**options: Any) -> LSTMClassifier:
    settings = {"hidden_size": 6, "max_iter": 4, "batch_size": 16, "random_state": 0}
    return LSTMClassifier(**{**settings, **options})


def weights_of(model: Any) -> dict[str, np.ndarray]:
    return {"weights": model.model_.params.flat}


class Watch:
    """A scorer that notes what it is shown and has the estimator predict."""

    def __init__(self) -> None:
        self.X: Any = None
        self.y: Any = None
        self.predictions: list[np.ndarray] = []

    def __call__(self, estimator: Any, X: Any, y: Any, **options: Any) -> float:
        self.X, self.y, self.options = X, y, options
        self.predictions.append(np.asarray(estimator.predict(X)))
        return float(len(self.predictions))


# ----------------------------------------------------------------- weights and X_val


def test_weights_of_validation_data(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    weights = rng.integers(0, 3, 20).astype(float)
    assert {0, 1, 2} <= set(weights)

    def scores(X_val: Any, y_val: Any, **options: Any) -> np.ndarray:
        model = regressor(early_stopping=True)
        model.fit(X[:60], y[:60], X_val=X_val, y_val=y_val, **options)
        return np.array(model.validation_scores_)

    weighted = scores(X[60:], y[60:], sample_weight_val=weights)
    times = weights.astype(int)
    repeated = scores(np.repeat(X[60:], times, axis=0), np.repeat(y[60:], times))
    assert_close(weighted, repeated, PAIR_VALUE["float32"])
    # Zero is absence, to the bit.
    kept = weights > 0
    absent = scores(X[60:][kept], y[60:][kept], sample_weight_val=weights[kept])
    assert_same_bits({"score": weighted}, {"score": absent})
    assert (weighted != scores(X[60:], y[60:])).any()


def test_labels_of_weight_zero_may_be_unseen(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    labels = np.where(y > 0, "up", "down").astype(object)
    labels[60] = "never"
    weights = np.r_[0.0, np.ones(19)]
    validation = {"X_val": X[60:], "y_val": labels[60:]}
    model = classifier().fit(
        X[:60], labels[:60], **validation, sample_weight_val=weights
    )
    assert len(model.validation_scores_) == 4
    with pytest.raises(ValueError, match="'never' was never seen in fit"):
        classifier().fit(X[:60], labels[:60], **validation)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(20), "(?=.*sample_weight_val).*at least one non-zero"),
        (-np.ones(20), "^sample_weight_val: Negative values"),
        (np.ones(19), r"^sample_weight_val: .*\(19,\)"),
    ],
)
def test_wrong_weights(
    rng: np.random.Generator, weights: np.ndarray, message: str
) -> None:
    X, y = problem(rng)
    with pytest.raises(ValueError, match=message):
        regressor().fit(
            X[:60], y[:60], X_val=X[60:], y_val=y[60:], sample_weight_val=weights
        )
    with pytest.raises(ValueError, match="of X_val and y_val: got neither"):
        regressor().fit(X, y, sample_weight_val=weights)


@pytest.mark.parametrize("estimator", [LSTMRegressor, LSTMClassifier])
def test_pipeline_transforms_validation_data(
    rng: np.random.Generator, estimator: Any
) -> None:
    X, y = problem(rng)
    X = 10 + 5 * X[:, :, 0]
    if estimator is LSTMClassifier:
        y = np.where(y > 0, "up", "down")
    last = estimator(5, max_iter=4, random_state=0, standardize=False)
    validation = {"y_val": y[60:], "sample_weight_val": rng.uniform(0.5, 1, 20)}
    scaler = StandardScaler().fit(X[:60])
    expected = last.fit(
        scaler.transform(X[:60]), y[:60], X_val=scaler.transform(X[60:]), **validation
    ).validation_scores_
    with sklearn.config_context(enable_metadata_routing=True):
        last.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        pipeline = Pipeline(
            [("scaler", StandardScaler()), ("lstm", last)], transform_input=["X_val"]
        )
        pipeline.fit(X[:60], y[:60], X_val=X[60:], **validation)
    assert pipeline[-1].validation_scores_ == expected


def test_groups_are_metadata(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    watch = Watch()
    model = regressor(early_stopping=True, scoring=watch, validation_fraction=0.2)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(), model.set_fit_request(groups=True))
        pipeline.fit(X[:, :, 0], y, groups=np.arange(80) // 8)
    assert len(watch.y) == 16


# ------------------------------------------------------------------------- the split


def aside(model: Any, X: Any, y: Any, **options: Any) -> list[int]:
    """Tell which sequences of ``X``, numbered in their first step, are set aside."""
    watch = Watch()
    model.set_params(early_stopping=True, scoring=watch).fit(X, y, **options)
    return [int(sequence[0][0]) for sequence in watch.X]


def numbered(rng: np.random.Generator, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    X, y = problem(rng, n)
    X[:, 0, 0] = np.arange(n)
    return X, y


def test_last_share(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    split = regressor(
        early_stopping=True, validation_split="last", validation_fraction=0.25
    ).fit(X, y)
    given = regressor(early_stopping=True)
    given.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert_same_bits(weights_of(split), weights_of(given))
    assert split.validation_scores_ == given.validation_scores_


def test_last_share_of_classes_in_order(rng: np.random.Generator) -> None:
    X, _ = numbered(rng)
    labels = np.repeat(["a", "b", "c", "d"], 20)  # "d" is in the last share alone
    model = classifier(validation_split="last", validation_fraction=0.25)
    assert aside(model, X, labels) == list(range(60, 80))
    assert model.classes_.tolist() == ["a", "b", "c", "d"]


def test_random_share_keeps_the_classes(rng: np.random.Generator) -> None:
    X, _ = numbered(rng)
    labels = np.repeat(["a", "b"], [20, 60])
    rows = aside(classifier(validation_fraction=0.25), X, labels)
    assert sorted(labels[rows].tolist()) == ["a"] * 5 + ["b"] * 15
    assert rows != sorted(rows)
    other = aside(classifier(validation_fraction=0.25, random_state=1), X, labels)
    assert sorted(other) != sorted(rows)


@pytest.mark.parametrize("kind", [list, np.asarray])
@pytest.mark.parametrize("make", [regressor, classifier])
def test_whole_groups(rng: np.random.Generator, make: Any, kind: Any) -> None:
    X, y = numbered(rng)
    if make is classifier:
        y = np.where(y > 0, "up", "down")
    groups = np.array([f"patient {i}" for i in rng.integers(0, 10, 80)])
    rows = aside(make(validation_fraction=0.3), kind(X), kind(y), groups=kind(groups))
    inside, outside = set(groups[rows]), set(np.delete(groups, rows))
    assert len(inside) == 3
    assert not inside & outside


def test_what_has_no_weight_is_in_no_share(rng: np.random.Generator) -> None:
    X, y = numbered(rng)
    weights = np.ones(80)
    weights[::3] = 0
    present = set(np.flatnonzero(weights))
    groups = np.arange(80) // 8
    for options in ({}, {"groups": groups}):
        model = regressor(validation_fraction=0.3)
        rows = aside(model, X, y, sample_weight=weights, **options)
        assert rows
        assert set(rows) <= present
    assert len(set(groups[rows])) == 3
    assert set(groups[rows]).isdisjoint(groups[sorted(present - set(rows))])


@pytest.mark.parametrize(
    ("options", "groups", "message"),
    [
        ({"validation_split": "last"}, np.arange(80), "'last' does not do"),
        ({}, np.zeros(80), r"early_stopping=True cannot split .*Pass X_val"),
        ({}, np.arange(79), r"inconsistent numbers of samples: \[80, 79\]"),
        ({}, np.zeros((80, 2)), r"should be a 1d array, got .*\(80, 2\)"),
    ],
)
def test_wrong_groups(
    rng: np.random.Generator, options: Any, groups: np.ndarray, message: str
) -> None:
    X, y = problem(rng)
    with pytest.raises(ValueError, match=message):
        regressor(early_stopping=True, **options).fit(X, y, groups=groups)


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
    model = regressor(warm_start=True, early_stopping=True, max_iter=2).fit(X, y)
    model.fit(X, y)
    assert len(model.validation_scores_) == 4
    scoring = make_scorer(max_error, greater_is_better=False)
    model.set_params(scoring=scoring, max_iter=3).fit(X, y)
    assert model.n_iter_ == 7
    assert len(model.validation_scores_) == 3  # those of R^2 say nothing of these
    assert model.best_validation_score_ == max(model.validation_scores_) < 0
    model.fit(X, y)
    assert len(model.validation_scores_) == 6
