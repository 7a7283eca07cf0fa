"""Validation data: given or set aside, and what judges a fit on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
from fastlstm import LSTMClassifier, LSTMRegressor
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
    shares = []
    for seed in range(3):
        model = classifier(validation_fraction=0.25, random_state=seed)
        shares.append(aside(model, X, labels))
        assert sorted(labels[shares[-1]].tolist()) == ["a"] * 5 + ["b"] * 15
        assert shares[-1] != sorted(shares[-1])
    assert sorted(shares[0]) != sorted(shares[1])


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
    ("options", "given", "message"),
    [
        ({}, False, "groups parameter is ignored by LSTMRegressor without early_stop"),
        ({"early_stopping": True}, True, "ignored by LSTMRegressor with X_val"),
    ],
)
def test_groups_that_have_nothing_to_do(
    rng: np.random.Generator, options: Any, given: bool, message: str
) -> None:
    # As scikit-learn's splitters that take no groups.
    X, y = problem(rng)
    validation = {"X_val": X, "y_val": y} if given else {}
    with pytest.warns(UserWarning, match=message) as note:
        regressor(**options).fit(X, y, groups=np.arange(80) // 8, **validation)
    assert note[0].filename == __file__


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
