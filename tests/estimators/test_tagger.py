"""What is the tagger's own; test_contract.py has what it shares with the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMTagger
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score

from ..compare import assert_close
from ..tolerances import VALUE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def tagger(**options: Any) -> LSTMTagger:
    settings = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
    return LSTMTagger(**{**settings, **options})


def ragged(rng: np.random.Generator, n: int = 12) -> list[np.ndarray]:
    return [rng.standard_normal((2 + k % 5, 3)) for k in range(n)]


def signs(X: Sequence[np.ndarray], labels: Any = ("-", "+")) -> list[np.ndarray]:
    return [np.array(labels)[(part[:, 0] > 0).astype(int)] for part in X]


def neighbours(
    rng: np.random.Generator, n: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Tokens of 0 and 1; a tag says how many of those before and after are 1."""
    tokens = [rng.integers(0, 2, steps) for steps in rng.integers(4, 10, n)]
    around = [np.r_[0, part, 0] for part in tokens]
    names = np.array(["none", "one", "both"])
    tags = [names[part[:-2] + part[2:]] for part in around]
    return [np.eye(2)[part] for part in tokens], tags


def test_learns_from_both_sides(rng: np.random.Generator) -> None:
    X, y = neighbours(rng, 400)
    train, test = slice(0, 300), slice(300, None)
    options = {"hidden_size": 16, "learning_rate_init": 0.02, "batch_size": 16}
    options["max_iter"] = 40
    scores = {}
    for both in (True, False):
        model = tagger(bidirectional=both, **options).fit(X[train], y[train])
        scores[both] = model.score(X[test], y[test])
    flat = [np.concatenate(part) for part in (X[train], y[train], X[test], y[test])]
    baselines = [
        model.fit(*flat[:2]).score(*flat[2:])
        for model in (DummyClassifier(), LogisticRegression(solver="newton-cg"))
    ]
    assert tagger().bidirectional
    assert scores[True] > 0.97
    assert max(*baselines, scores[False]) < 0.65


@pytest.mark.parametrize(
    "labels",
    [
        ["in", "out"],
        [3, 7],
        [-1.0, 4.0],
        [False, True],
        np.array(["in", "out"], dtype=object),
        pd.to_datetime(["2012-01-01", "2013-01-01"]).to_numpy(),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["array", "arrays", "lists", "tuples", "series"])
def test_labels_of_any_type(rng: np.random.Generator, labels: Any, form: str) -> None:
    labels = np.asarray(labels)
    X: Any = ragged(rng, 40)
    if form == "array":
        X = rng.standard_normal((40, 5, 3))
    y: Any = signs(X, labels)
    dtype = labels.dtype
    if form == "array":
        y = np.array(y)
    elif form == "lists":
        y = [list(part) if dtype.kind == "M" else part.tolist() for part in y]
    elif form == "tuples":
        y = tuple(tuple(part) for part in y)
    elif form == "series":
        y = pd.Series([pd.Series(part) for part in y])
        dtype = pd.Series(labels).to_numpy().dtype
    model = tagger(hidden_size=8, max_iter=60, learning_rate_init=0.05).fit(X, y)
    assert model.score(X, y) > 0.95
    assert model.classes_.tolist() == labels.tolist()
    if not (form in ("lists", "tuples") and dtype.kind == "O"):
        assert model.classes_.dtype == dtype
    predicted = model.predict(X)
    assert isinstance(predicted, np.ndarray if form == "array" else list)
    for part, x in zip(predicted, X, strict=True):
        assert part.dtype == model.classes_.dtype
        assert part.shape == (len(x),)


def test_probabilities(rng: np.random.Generator) -> None:
    X = ragged(rng)
    y = signs(X)
    y[3][:] = "0"
    model = tagger().fit(X, y)
    probabilities = model.predict_proba(X)
    assert model.classes_.tolist() == ["+", "-", "0"]
    labels = model.predict(X)
    for row, part in enumerate(probabilities):
        assert part.shape == (len(X[row]), 3)
        assert part.dtype == np.float64
        assert_close(part.sum(axis=1), np.ones(len(part)), VALUE["float64"])
        assert (model.classes_[part.argmax(axis=1)] == labels[row]).all()
    whole = rng.standard_normal((7, 5, 3))
    assert model.predict_proba(whole).shape == (7, 5, 3)
    assert model.predict(whole).shape == (7, 5)


@pytest.mark.parametrize("weighted", [False, True])
def test_score_is_accuracy_over_steps(rng: np.random.Generator, weighted: bool) -> None:
    X = ragged(rng, 30)
    y = signs(X)
    weights = rng.uniform(0.1, 2.0, 30) if weighted else None
    model = tagger().fit(X, y, X_val=X, y_val=y)
    of_steps = None
    if weights is not None:
        of_steps = np.repeat(weights, [len(part) for part in X])
    expected = accuracy_score(
        np.concatenate(y), np.concatenate(model.predict(X)), sample_weight=of_steps
    )
    assert 0.0 < expected < 1.0
    assert_close(
        np.array(model.score(X, y, weights)), np.array(expected), VALUE["float64"]
    )
    if weights is None:
        assert model.validation_scores_[-1] == model.score(X, y)


def test_weights_are_repetitions(rng: np.random.Generator) -> None:
    X = ragged(rng, 20)
    y = signs(X)
    times = np.arange(20) % 3
    rows = np.repeat(np.arange(20), times)
    options = {"dtype": "float64", "batch_size": 100, "standardize": False}
    weighted = tagger(**options).fit(X, y, times)
    repeated = tagger(**options).fit([X[k] for k in rows], [y[k] for k in rows])
    losses = [np.array(model.loss_curve_) for model in (weighted, repeated)]
    assert_close(losses[0], losses[1], VALUE["float64"])


def test_an_epoch_of_batches_of_equal_lengths(rng: np.random.Generator) -> None:
    X = [rng.standard_normal((2 if k < 8 else 6, 2)) for k in range(16)]
    weights = rng.uniform(0.1, 3.0, 16)
    # A step so small that nothing is learnt: batches and the whole see one model.
    losses = [
        tagger(batch_size=size, shuffle=False, learning_rate_init=1e-12, max_iter=1)
        .fit(X, signs(X), weights)
        .loss_curve_[0]
        for size in (8, 16)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_label_without_weight_is_absent(rng: np.random.Generator) -> None:
    X = ragged(rng)
    y = signs(X)
    y[0] = y[0].astype("U5")
    y[0][:] = "never"
    weights = np.r_[0.0, np.ones(11)]
    model = tagger().fit(X, y, weights)
    assert model.classes_.tolist() == ["+", "-"]
    assert model.score(X, y, weights) == model.score(X[1:], y[1:])
    others = sum(map(len, y[1:])) / sum(map(len, y))
    assert model.score(X, y) == pytest.approx(others * model.score(X[1:], y[1:]))


def test_padding_is_not_read(rng: np.random.Generator) -> None:
    X = ragged(rng)
    y = signs(X, (0.0, 1.0))
    padded = np.full((12, 6), np.nan)
    for row, part in enumerate(y):
        padded[row, : len(part)] = part
    expected = tagger(early_stopping=True).fit(X, y)
    for fill in (np.nan, -100.0, 0.5):
        filled = np.where(np.isnan(padded), fill, padded)
        model = tagger(early_stopping=True).fit(X, filled)
        assert model.classes_.tolist() == [0.0, 1.0]
        assert model.loss_curve_ == expected.loss_curve_
        assert model.score(X, filled) == expected.score(X, y)


def test_one_label_alone(rng: np.random.Generator) -> None:
    X = ragged(rng)
    model = tagger().fit(X, [["only"] * len(part) for part in X])
    assert model.classes_.tolist() == ["only"]
    for labels, part in zip(model.predict(X), model.predict_proba(X), strict=True):
        assert (labels == "only").all()
        assert (part == 1.0).all()


def test_a_rare_label_may_be_set_aside(rng: np.random.Generator) -> None:
    X = ragged(rng, 20)
    y = signs(X)
    y[7][0] = "!"  # in one of the halves only
    for seed in range(4):
        model = tagger(early_stopping=True, validation_fraction=0.5, random_state=seed)
        assert model.fit(X, y).classes_.tolist() == ["!", "+", "-"]


def test_frames(rng: np.random.Generator) -> None:
    X = pd.DataFrame(rng.standard_normal((20, 5)), columns=list("abcde"))
    y = pd.DataFrame(np.where(X > 0, "up", "down"))
    model = tagger().fit(X, y)
    assert model.feature_names_in_.tolist() == list("abcde")
    assert model.predict(X).shape == (20, 5)
    assert model.score(X, y) == model.score(X, y.to_numpy().tolist())


def test_a_second_fit_learns_its_own_labels(rng: np.random.Generator) -> None:
    X = ragged(rng)
    model = tagger().fit(X, signs(X))
    assert model.fit(X, signs(X, (1, 2))).classes_.tolist() == [1, 2]
    assert np.isin(np.concatenate(model.predict(X)), [1, 2]).all()


def test_warm_start(rng: np.random.Generator) -> None:
    X = ragged(rng)
    y = signs(X)
    model = tagger(warm_start=True).fit(X, y)
    few = [np.full(len(part), "+") for part in X]
    assert model.fit(X, few).n_iter_ == 4  # fewer labels are no others
    assert model.classes_.tolist() == ["+", "-"]
    for others in ((".", "+"), (1, 2)):
        with pytest.raises(
            ValueError, match=r"label .*[.12].* never seen .* one of \['\+', '-'\]"
        ):
            model.fit(X, signs(X, others))
    assert model.n_iter_ == 4


def test_is_no_classifier_to_scikit_learn(rng: np.random.Generator) -> None:
    # As one, its lists of label sequences would be refused before the first split.
    X = ragged(rng, 30)
    assert not is_classifier(tagger())
    assert cross_val_score(tagger(), X, signs(X), cv=3).shape == (3,)


def labels(X: np.ndarray) -> np.ndarray:
    return np.where(X[:, :, 0] > 0, "a", "b")


def replaced(X: np.ndarray, dtype: Any, value: Any) -> np.ndarray:
    y = labels(X).astype(dtype)
    y[4, 2] = value
    return y


def lists(X: np.ndarray, value: Any) -> list[list[Any]]:
    y = labels(X).tolist()
    y[4][2] = value
    return y


MISSING = "Input {{y}} contains {} at sample 4, step 2"
FLAT = "{y} holds one label a sequence.*expects one a step.*LSTMClassifier"
SEVERAL = "several labels a step, but LSTMTagger expects one"
BAD = {
    "none at all": (lambda X: None, "the target {y} is None"),
    "flat": (lambda X: labels(X)[:, 0], FLAT),
    "flat list": (lambda X: labels(X)[:, 0].tolist(), FLAT),
    "flat series": (lambda X: pd.Series(labels(X)[:, 0]), FLAT),
    "all steps in a row": (lambda X: labels(X).ravel(), FLAT),
    "a word": (lambda X: "ab", FLAT),
    "one-hot": (
        lambda X: np.ones((12, 5, 2)),
        r"{y} has shape \(12, 5, 2\): " + SEVERAL,
    ),
    "lists": (
        lambda X: lists(X, ["a", "b"]),
        "{y}, sequence 4: " + SEVERAL,
    ),
    "sets": (lambda X: lists(X, {"a", "b"}), "{y}, sequence 4: " + SEVERAL),
    "columns": (lambda X: list(labels(X)[:, :, None]), "{y}, sequence 0: " + SEVERAL),
    "a step short": (
        lambda X: labels(X)[:, :4],
        r"{y} has shape \(12, 4\), expected \(12, 5\): one label for each step",
    ),
    "a label short": (
        lambda X: [part[: 5 - (k == 3)] for k, part in enumerate(labels(X))],
        "{y}, sequence 3: 4 labels, but X has 5 steps there",
    ),
    "fewer": (lambda X: list(labels(X))[:9], r"numbers of samples: \[12, 9\]"),
    "None": (lambda X: replaced(X, object, None), MISSING.format("None")),
    "nan": (lambda X: replaced(X, object, np.nan), MISSING.format("nan")),
    "NA": (lambda X: replaced(X, object, pd.NA), MISSING.format("<NA>")),
    "None in a list": (lambda X: lists(X, None), MISSING.format("None")),
    "nan in a list": (lambda X: lists(X, float("nan")), MISSING.format("nan")),
    "NaN": (
        lambda X: np.where(replaced(X, object, "?") == "?", np.nan, 1.0),
        MISSING.format("NaN"),
    ),
    "NaT": (
        lambda X: np.where(
            labels(X) == "a", np.datetime64("NaT"), np.datetime64(1, "D")
        ),
        "{y} contains NaT at sample",
    ),
    "mixed": (
        lambda X: lists(X, 3),
        "{y} mixes strings with other labels: 3 at sample 4, step 2, beside '[ab]'",
    ),
    "mixed sequences": (
        lambda X: [[1] * 5, *labels(X)[1:]],
        r"{y} mixes strings .* '[ab]' at sample 1, step 0, beside 1",
    ),
    "mixed objects": (
        lambda X: replaced(X, object, 3),
        "{y} mixes strings .* 3 at sample",
    ),
    "numbers": (lambda X: X[:, :, 0], "Unknown label type: continuous"),
    "objects": (lambda X: [[object()] * 5 for _ in X], "Unknown label type: unknown"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("as_list", [False, True])
def test_bad_labels(rng: np.random.Generator, name: str, as_list: bool) -> None:
    make, message = BAD[name]
    array = rng.standard_normal((12, 5, 3))
    X = list(array) if as_list else array
    with pytest.raises(ValueError, match=message.format(y="y")):
        tagger().fit(X, make(array))
    model = tagger().fit(X, labels(array))
    with pytest.raises(ValueError, match=message.format(y="y")):
        model.score(X, make(array))
    if name != "none at all":  # X_val without y_val is another error
        with pytest.raises(ValueError, match=message.format(y="y_val")):
            model.fit(X, labels(array), X_val=X, y_val=make(array))


@pytest.mark.parametrize(
    ("seen", "unseen"),
    [
        (["a", "b"], ["a", "c"]),
        (["a", "b"], ["a", "longer"]),
        (["a", "b"], [1, 2]),
        ([1, 5], [1, 3]),
        ([1, 5], [1, 9]),
        ([1, 5], ["a", "b"]),
        (np.array(["a", "b"], object), [1, 2]),
    ],
    ids=str,
)
def test_labels_never_seen(rng: np.random.Generator, seen: Any, unseen: Any) -> None:
    X = ragged(rng)
    y, other = signs(X, seen), signs(X, unseen)
    model = tagger()
    with pytest.raises(ValueError, match=r"the label .* was never seen in fit: expect"):
        model.fit(X, y, X_val=X, y_val=other)
    model.fit(X, y)
    flat, predicted = np.concatenate(other), np.concatenate(model.predict(X))
    try:  # some versions of scikit-learn refuse to compare words with numbers
        expected = accuracy_score(flat, predicted)
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            model.score(X, other)
    else:
        assert model.score(X, other) == expected
        assert expected < np.mean(np.concatenate(y) == predicted)
