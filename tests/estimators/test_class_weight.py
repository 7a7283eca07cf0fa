"""Weights of labels, beside scikit-learn's, and what they are a part of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMTagger
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE, VALUE
from .test_fit import quiet

pytestmark = quiet
COSTS = {"a": 0.2, "b": 3.0, "c": 1.0}


def classifier(**options: Any) -> LSTMClassifier:
    settings = {
        "hidden_size": 6,
        "learning_rate_init": 0.02,
        "max_iter": 5,
        "random_state": 0,
        "standardize": False,
    }
    return LSTMClassifier(**{**settings, **options})


def rare(rng: np.random.Generator, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Labels whose shares are about 0.8, 0.15 and 0.05."""
    X = rng.standard_normal((n, 6, 2))
    sums = X[:, -2:, 0].sum(axis=1) + rng.standard_normal(n)
    return X, np.array(["a", "b", "c"])[np.digitize(sums, [1.4, 2.8])]


@pytest.mark.parametrize("class_weight", ["balanced", COSTS, {"b": 5.0}], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_multiplies_the_weight_of_a_sample(
    rng: np.random.Generator, class_weight: Any, weighted: bool
) -> None:
    X, y = rare(rng)
    weights = rng.integers(1, 4, 200).astype(float) if weighted else None
    model = classifier(class_weight=class_weight).fit(X, y, weights)
    classes = np.unique(y)
    # Repeated, for scikit-learn before 1.7 takes no weights there.
    times = np.ones(200, int) if weights is None else weights.astype(int)
    expected = compute_class_weight(
        class_weight, classes=classes, y=np.repeat(y, times)
    )
    assert_close(model.class_weight_, expected, VALUE["float64"])
    each = expected[np.searchsorted(classes, y)] * (1.0 if weights is None else weights)
    other = classifier().fit(X, y, each)
    # Twenty steps of an optimizer apart, of weights that differ in the last digit.
    assert_close(model.predict_proba(X), other.predict_proba(X), PAIR_VALUE["float32"])
    if not weighted and class_weight == "balanced":
        same = compute_sample_weight("balanced", y)
        assert_close(each, same, VALUE["float64"])
    assert (other.predict_proba(X) != classifier().fit(X, y).predict_proba(X)).any()


def test_balanced_finds_rare_labels(rng: np.random.Generator) -> None:
    X, y = rare(rng, 3600)
    scores = [
        balanced_accuracy_score(
            y[600:],
            classifier(class_weight=class_weight, max_iter=10)
            .fit(X[:600], y[:600])
            .predict(X[600:]),
        )
        for class_weight in ("balanced", None)
    ]
    assert scores[0] > scores[1] + 0.1


@pytest.mark.parametrize("batch_size", [4, 400])
def test_weights_count_across_batches(
    rng: np.random.Generator, batch_size: int
) -> None:
    # Nothing to learn but the share of a label, which its weight makes a half. Most
    # small batches hold one label only: within them weights say nothing.
    y = rng.permutation(np.repeat([0, 1], [360, 40]))
    X = np.zeros((400, 1, 1))
    options = {
        "hidden_size": 2,
        "batch_size": batch_size,
        "max_iter": 10 if batch_size == 4 else 200,
        "learning_rate_init": 0.01 if batch_size == 4 else 0.1,
    }
    share = classifier(class_weight="balanced", **options).fit(X, y)
    assert share.predict_proba(X[:1])[0, 1] == pytest.approx(0.5, abs=0.1)
    weights = np.where(y == 1, 9.0, 1.0)
    share = classifier(**options).fit(X, y, weights)
    assert share.predict_proba(X[:1])[0, 1] == pytest.approx(0.5, abs=0.1)
    share = classifier(**options).fit(X, y)
    assert share.predict_proba(X[:1])[0, 1] == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("scale", [5e-324, 1e308])
def test_weights_of_any_size(rng: np.random.Generator, scale: float) -> None:
    X, y = rare(rng, 60)
    one = classifier(class_weight="balanced", standardize=True).fit(1e5 * X, y)
    other = classifier(class_weight="balanced", standardize=True)
    other.fit(1e5 * X, y, np.full(60, scale))
    assert_same_bits({"w": one.model_.params.flat}, {"w": other.model_.params.flat})
    assert one.loss_curve_ == other.loss_curve_


def test_weights_are_repetitions(rng: np.random.Generator) -> None:
    # Of samples; labels are balanced by what samples weigh.
    X, y = rare(rng, 60)
    times = 1 + np.arange(60) % 3
    options = {"class_weight": "balanced", "dtype": "float64", "batch_size": 200}
    weighted = classifier(**options).fit(X, y, times)
    repeated = classifier(**options).fit(X.repeat(times, axis=0), y.repeat(times))
    assert_close(weighted.class_weight_, repeated.class_weight_, VALUE["float64"])
    assert_close(
        weighted.predict_proba(X), repeated.predict_proba(X), PAIR_VALUE["float32"]
    )


def test_statistics_of_the_inputs_know_no_labels(rng: np.random.Generator) -> None:
    X, y = rare(rng)
    scalers = [
        classifier(class_weight=class_weight, standardize=True, max_iter=1)
        .fit(X + 3.0, y)
        .model_.input_scaler
        for class_weight in (None, "balanced")
    ]
    assert_same_bits({"m": scalers[0].center}, {"m": scalers[1].center})


@pytest.mark.parametrize("class_weight", [None, COSTS], ids=str)
@pytest.mark.parametrize("steps", [False, True])
def test_validation_counts_samples_by_weight(
    rng: np.random.Generator, class_weight: Any, steps: bool
) -> None:
    X, y = tagged(rng) if steps else rare(rng, 60)
    weights = rng.uniform(0.1, 5.0, 20)
    options = {"class_weight": class_weight, "early_stopping": True}
    model = tagger(**options) if steps else classifier(**options)
    model.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:], sample_weight_val=weights)
    truth, predicted = y[40:], model.predict(X[40:])
    if steps:
        weights = np.repeat(weights, [len(labels) for labels in truth])
        truth, predicted = np.concatenate(truth), np.concatenate(predicted)
    if class_weight is not None:
        weights = weights * [COSTS[label] for label in truth]
    expected = np.average(truth == predicted, weights=weights)
    assert_close(np.array(model.best_validation_score_), expected, VALUE["float64"])
    assert abs(expected - np.mean(truth == predicted)) > 1e-3


@pytest.mark.parametrize("given", [True, False])
def test_validation_counts_by_label_too(rng: np.random.Generator, given: bool) -> None:
    X, y = rare(rng)
    options = {"class_weight": "balanced", "early_stopping": True, "max_iter": 8}
    if not given:
        model = classifier(**options).fit(X, y)
        assert model.best_validation_score_ == max(model.validation_scores_)
        return
    model = classifier(**options).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    # By the weights of the training labels; `score` counts every sequence once.
    weights = dict(zip(model.classes_, model.class_weight_, strict=True))
    each = np.array([weights[label] for label in y[150:]])
    best = np.array(model.best_validation_score_)
    assert_close(
        np.array(model.score(X[150:], y[150:], sample_weight=each)),
        best,
        VALUE["float64"],
    )
    assert model.score(X[150:], y[150:]) == np.mean(model.predict(X[150:]) == y[150:])


def test_balanced_is_learnt_from_the_training_share(rng: np.random.Generator) -> None:
    X, y = rare(rng, 100)
    model = classifier(
        class_weight="balanced", early_stopping=True, validation_fraction=0.5
    ).fit(X, y)
    counts = 50 / (3 * model.class_weight_)
    assert_close(counts, np.round(counts), VALUE["float64"])
    assert round(counts.sum()) == 50


def test_balanced_in_a_warm_start(rng: np.random.Generator) -> None:
    X, y = rare(rng)
    model = classifier(class_weight="balanced", warm_start=True, max_iter=2).fit(X, y)
    twice = clone(model).fit(X, y).fit(X, y)
    once = clone(model).set_params(max_iter=4).fit(X, y)
    assert_same_bits({"p": twice.predict_proba(X)}, {"p": once.predict_proba(X)})
    # Anew in each fit: of the labels that are there.
    kept = y != "c"
    model.fit(X[kept], y[kept])
    expected = compute_class_weight("balanced", classes=np.array(["a", "b"]), y=y[kept])
    assert_close(model.class_weight_, np.append(expected, 1.0), VALUE["float64"])
    model.set_params(class_weight=COSTS).fit(X[kept], y[kept])
    assert model.class_weight_.tolist() == list(COSTS.values())


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_only_ratios_matter(rng: np.random.Generator, scale: float) -> None:
    X, y = rare(rng, 60)
    costs = {label: scale * cost for label, cost in COSTS.items()}
    one = classifier(class_weight=COSTS).fit(X, y, np.full(60, 2.0))
    other = classifier(class_weight=costs).fit(X, y, np.full(60, 2.0 * scale))
    assert_close(one.predict_proba(X), other.predict_proba(X), PAIR_VALUE["float32"])


@pytest.mark.parametrize(
    ("labels", "costs"),
    [
        ([0, 1], {0: 2.0, 1: 3}),
        ([False, True], {False: 2.0, True: 3.0}),
        ([-1.0, 4.0], {-1.0: 2.0, 4: 3.0}),
        (
            np.array(["2012-01-01", "2013-01-01"], "M8[ns]"),
            {
                np.datetime64("2012-01-01", "ns"): 2.0,
                np.datetime64("2013-01-01", "ns"): 3.0,
            },
        ),
    ],
    ids=str,
)
def test_labels_of_any_type(labels: Any, costs: dict[Any, float]) -> None:
    y = np.array(labels)[np.arange(20) % 2]
    model = classifier(class_weight=costs, max_iter=1).fit(np.ones((20, 3)), y)
    assert model.class_weight_.tolist() == [2.0, 3.0]


def test_a_fold_may_lack_a_label(rng: np.random.Generator) -> None:
    X, y = rare(rng, 60)
    kept = y != "c"
    model = classifier(class_weight=COSTS, max_iter=1).fit(X[kept], y[kept])
    assert model.class_weight_.tolist() == [0.2, 3.0]


@pytest.mark.parametrize(
    ("costs", "error", "match"),
    [
        (
            {"a": 1.0, "B": 2.0},
            ValueError,
            r"weight for 'B', which is no label of y, and none for 'b': .*'c'\]",
        ),
        ({"a": 0.0}, ValueError, r"above 0, got 0\.0 for label 'a'; sample_weight=0"),
        ({"a": -1.0}, ValueError, r"above 0, got -1\.0 for label 'a'"),
        ({"a": np.inf}, ValueError, "finite and above 0, got inf"),
        ({"a": 10**400}, ValueError, "finite and above 0, got 1000"),
        ({"a": 1e-20, "b": 1e20}, ValueError, "must not differ by more than 1e.30"),
        ({"a": "2"}, TypeError, "must hold numbers, got '2' for label 'a'"),
        ("even", ValueError, "'class_weight' parameter .* Got 'even'"),
        ([1.0, 2.0], ValueError, "'class_weight' parameter of LSTMClassifier"),
    ],
)
def test_bad_weights(
    rng: np.random.Generator, costs: Any, error: type, match: str
) -> None:
    X, y = rare(rng, 60)
    model = classifier(class_weight=costs)
    with pytest.raises(error, match=match):
        model.fit(X, y)
    assert not hasattr(model, "classes_")


def test_search_over_weights(rng: np.random.Generator) -> None:
    X, y = rare(rng, 90)
    grid = {"class_weight": [None, "balanced", COSTS]}
    search = GridSearchCV(classifier(max_iter=1), grid, cv=2).fit(X, y)
    assert search.best_params_["class_weight"] in grid["class_weight"]


# -------------------------------------------------------------------------- of steps


def tagger(**options: Any) -> LSTMTagger:
    settings = {"hidden_size": 6, "max_iter": 3, "random_state": 0, "batch_size": 16}
    return LSTMTagger(**{**settings, "standardize": False, **options})


def tagged(rng: np.random.Generator, n: int = 60) -> tuple[list[Any], list[Any]]:
    X = [rng.standard_normal((2 + k % 5, 2)) for k in range(n)]
    return X, [np.array(["a", "b", "c"])[np.digitize(x[:, 0], [0.9, 1.6])] for x in X]


@pytest.mark.parametrize("class_weight", ["balanced", COSTS], ids=str)
def test_a_step_weighs_what_its_label_does(
    rng: np.random.Generator, class_weight: Any
) -> None:
    X, _ = tagged(rng)
    # All labels of a sequence are the same: its weight can stand for theirs.
    y = [np.full(len(x), "abc"[k % 7 % 3]) for k, x in enumerate(X)]
    model = tagger(class_weight=class_weight).fit(X, y)
    classes, flat = np.unique(np.concatenate(y)), np.concatenate(y)
    expected = compute_class_weight(class_weight, classes=classes, y=flat)
    assert_close(model.class_weight_, expected, VALUE["float64"])
    each = [expected["abc".index(labels[0])] for labels in y]
    other = tagger().fit(X, y, each)
    assert_close(
        np.concatenate(model.predict_proba(X)),
        np.concatenate(other.predict_proba(X)),
        PAIR_VALUE["float32"],
    )
    # Of an epoch too, whose batches have labels of different weights.
    assert_close(
        np.array(model.loss_curve_), np.array(other.loss_curve_), PAIR_VALUE["float32"]
    )


def test_balanced_counts_steps_by_the_weights_of_sequences(
    rng: np.random.Generator,
) -> None:
    X, y = tagged(rng)
    times = 1 + np.arange(60) % 3
    flat = np.concatenate(
        [np.tile(labels, k) for labels, k in zip(y, times, strict=True)]
    )
    expected = compute_class_weight("balanced", classes=np.unique(flat), y=flat)
    model = tagger(class_weight="balanced", max_iter=1).fit(X, y, times)
    assert_close(model.class_weight_, expected, VALUE["float64"])


def test_validation_of_steps_counts_by_label(rng: np.random.Generator) -> None:
    X, y = tagged(rng)
    model = tagger(class_weight=COSTS, early_stopping=True)
    model.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    right = np.concatenate(model.predict(X[40:])) == np.concatenate(y[40:])
    weights = [COSTS[label] for label in np.concatenate(y[40:])]
    assert_close(
        np.array(model.best_validation_score_),
        np.average(right, weights=weights),
        VALUE["float64"],
    )
    assert model.score(X[40:], y[40:]) == pytest.approx(right.mean())


def test_balanced_finds_rare_labels_of_steps(rng: np.random.Generator) -> None:
    X, y = tagged(rng, 500)
    truth = np.concatenate(y[400:])
    scores = [
        balanced_accuracy_score(
            truth,
            np.concatenate(
                tagger(class_weight=weight, max_iter=4, learning_rate_init=0.01)
                .fit(X[:400], y[:400])
                .predict(X[400:])
            ),
        )
        for weight in ("balanced", None)
    ]
    assert scores[0] > scores[1] + 0.1
