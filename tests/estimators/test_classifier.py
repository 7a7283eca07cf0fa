from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMClassifier
from sklearn.datasets import load_digits
from sklearn.exceptions import DataConversionWarning

from ..compare import assert_close
from ..tolerances import VALUE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**options: Any) -> LSTMClassifier:
    settings = {
        "hidden_size": 12,
        "learning_rate_init": 0.02,
        "max_iter": 30,
        "random_state": 0,
    }
    return LSTMClassifier(**{**settings, **options})


def signs(
    rng: np.random.Generator, labels: Any, n: int = 300
) -> tuple[np.ndarray, np.ndarray]:
    X = rng.standard_normal((n, 8, 2))
    bins = np.digitize(X[:, -4:, 0].sum(axis=1), [-1.0, 1.0][: len(labels) - 1])
    return X, np.array(labels)[bins]


@pytest.mark.parametrize(
    "labels",
    [
        ["down", "level", "up"],
        [3, 7],
        [-1.0, 0.0, 4.0],
        [False, True],
        np.array(["down", "up"], dtype=object),
        pd.to_datetime(["2012-01-01", "2013-01-01"]).to_numpy(),
    ],
    ids=str,
)
def test_labels_of_any_type(rng: np.random.Generator, labels: Any) -> None:
    X, y = signs(rng, labels, 700)
    model = classifier().fit(X[:600], y[:600])
    assert model.classes_.dtype == y.dtype
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.predict(X[600:]).dtype == y.dtype
    assert model.score(X[600:], y[600:]) > 0.8


def test_probabilities(rng: np.random.Generator) -> None:
    X, y = signs(rng, ["a", "b", "c"])
    model = classifier().fit(X, y)
    probabilities = model.predict_proba(X)
    assert probabilities.dtype == np.float64
    assert probabilities.shape == (300, 3)
    assert_close(probabilities.sum(axis=1), np.ones(300), VALUE["float64"])
    np.testing.assert_array_equal(
        model.classes_[probabilities.argmax(axis=1)], model.predict(X)
    )


def test_ragged(rng: np.random.Generator) -> None:
    X = [rng.standard_normal((steps, 2)) for steps in rng.integers(1, 9, 300)]
    y = ["up" if part[-1, 0] > 0 else "down" for part in X]
    model = classifier(early_stopping=True).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.9


def test_rows_of_digits() -> None:
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    model = LSTMClassifier(
        48, learning_rate_init=0.01, max_iter=25, random_state=0
    ).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9


def test_one_class(rng: np.random.Generator) -> None:
    X = rng.standard_normal((20, 4))
    model = classifier(max_iter=2).fit(X, ["only"] * 20)
    assert model.predict(X).tolist() == ["only"] * 20
    assert (model.predict_proba(X) == 1.0).all()


def test_a_class_without_weight_is_absent(rng: np.random.Generator) -> None:
    X, y = signs(rng, ["a", "b", "c"], 60)
    model = classifier(max_iter=2).fit(X, y, (y != "b").astype(float))
    assert model.classes_.tolist() == ["a", "c"]


def test_column_of_labels_warns(rng: np.random.Generator) -> None:
    X, y = signs(rng, [0, 1], 40)
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        classifier(max_iter=1).fit(X, y[:, None])


def test_validation_split_keeps_the_shares(rng: np.random.Generator) -> None:
    X, y = signs(rng, [0, 1], 100)
    y[:] = 0
    y[:10] = 1
    with pytest.raises(ValueError, match=r"least populated class|test_size = 1"):
        classifier(early_stopping=True, validation_fraction=0.01).fit(X, y)
    model = classifier(early_stopping=True, validation_fraction=0.5, max_iter=1)
    assert model.fit(X, y).validation_scores_ is not None


def test_object_labels_of_mixed_use() -> None:
    days = np.array([datetime.date(2012, 1, 1), datetime.date(2012, 1, 2)] * 10)
    with pytest.raises(ValueError, match="Unknown label type"):
        classifier(max_iter=1).fit(np.ones((20, 3)), days)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pd.Series([0, 1] * 6, dtype="Int64"), [0, 1]),
        (pd.Series([True, False] * 6, dtype="boolean"), [False, True]),
        (np.array([3, 1] * 6, dtype=object), [1, 3]),
        (["b", "a"] * 6, ["a", "b"]),
    ],
    ids=["Int64", "boolean", "object", "list"],
)
def test_labels_stay_what_they_are(
    rng: np.random.Generator, labels: Any, classes: list[Any]
) -> None:
    X = rng.standard_normal((12, 4, 2))
    model = LSTMClassifier(3, max_iter=1).fit(X, labels)
    assert model.classes_.tolist() == classes
    assert [type(c) for c in model.classes_.tolist()] == [type(c) for c in classes]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", np.nan] * 6, "Input y contains nan at sample 1"),
        (["a", None] * 6, "Input y contains None at sample 1"),
        (["a", 1] * 6, "y mixes strings with other labels: 1 at sample 1, beside 'a'"),
    ],
)
def test_what_a_list_of_labels_must_not_hold(
    rng: np.random.Generator, labels: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LSTMClassifier(3).fit(rng.standard_normal((12, 4)), labels)


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_of_sequences(
    rng: np.random.Generator, tokens: bool, library: str
) -> None:
    y = np.arange(12) % 2
    if tokens:
        X = [rng.integers(0, 9, 2 + k % 3) for k in range(12)]
    else:
        X = [rng.standard_normal((2 + k % 3, 2)) for k in range(12)]
    if library == "pandas":
        column = pd.Series(X, index=np.arange(12) + 5)
    else:
        import polars

        if not tokens:
            return  # a cell of two dimensions is no array of its own there
        column = polars.Series(X)
    options = {"vocabulary_size": 9, "embedding_dim": 3} if tokens else {}
    model = LSTMClassifier(3, max_iter=1, random_state=0, **options).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(column), model.predict_proba(X))
    model.fit(column, y)
