"""Integer tokens as X: forms, learning, and what the errors say."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from ..compare import assert_same_bits

V = 20
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**options: Any) -> LSTMRegressor:
    settings = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
    return LSTMRegressor(
        **{"vocabulary_size": V, "embedding_dim": 3, **settings, **options}
    )


def words(rng: np.random.Generator, n: int = 12) -> list[np.ndarray]:
    return [rng.integers(0, V, 2 + k % 5) for k in range(n)]


def test_forms_agree(rng: np.random.Generator) -> None:
    X, y = rng.integers(0, V, (12, 7)), rng.standard_normal(12)
    objects = np.empty(12, object)
    objects[:] = list(X)
    forms = {
        "array": X,
        "int32": X.astype(np.int32),
        "uint8": X.astype(np.uint8),
        "columns first": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
        "other byte order": X.astype(X.dtype.newbyteorder()),
        "frame": pd.DataFrame(X),
        "nullable": pd.DataFrame(X, columns=list("abcdefg"), dtype="Int64"),
        "lists": X.tolist(),
        "tuples": tuple(tuple(row) for row in X.tolist()),
        "sequences": list(X),
        "objects": objects,
    }
    expected = regressor().fit(X, y).predict(X)
    for name, form in forms.items():
        model = regressor().fit(form, y)
        assert model.n_features_in_ == 1, name
        assert not hasattr(model, "feature_names_in_")
        assert_same_bits({name: model.predict(form)}, {name: expected})
    assert_same_bits(
        {"y": model.predict(X[:, :5])}, {"y": model.predict(list(X[:, :5]))}
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"embedding_dropout": 0.3, "dropout": 0.2, "num_layers": 2},
        {"pooling": "attention", "bidirectional": True},
        {"dtype": "float64", "variational_dropout": 0.2},
    ],
    ids=", ".join,
)
def test_a_prediction_does_not_depend_on_the_others(
    rng: np.random.Generator, options: dict[str, Any]
) -> None:
    X, y = words(rng), rng.standard_normal(12)
    model = regressor(**options).fit(X, y)
    together = model.predict(X)
    alone = np.array([model.predict([part])[0] for part in X])
    as_arrays = np.array([model.predict(part[None])[0] for part in X])
    backwards = model.predict(X[::-1])[::-1]
    copied = pickle.loads(pickle.dumps(model)).predict(X)
    again = clone(model).fit(X, y).predict(X)
    for other in (alone, as_arrays, backwards, copied, again):
        assert_same_bits({"y": other}, {"y": together})


def test_dtypes(rng: np.random.Generator) -> None:
    X, y = words(rng), rng.standard_normal(12)
    for dtype, expected in (("auto", "float32"), ("float64", "float64")):
        assert regressor(dtype=dtype).fit(X, y).model_.dtype == expected
    model = regressor(embedding_dim=5).fit(X, y)
    assert model.model_.params["embedding.weight"].shape == (V, 5)
    assert model.model_.input_scaler is None
    assert model.model_.target_scaler is not None


def test_per_step(rng: np.random.Generator) -> None:
    table = rng.standard_normal(V)
    X = [rng.integers(0, V, rng.integers(3, 9)) for _ in range(120)]
    y = [np.cumsum(table[x]) for x in X]
    model = regressor(
        output="sequence",
        hidden_size=16,
        embedding_dim=8,
        max_iter=60,
        learning_rate_init=0.02,
    ).fit(X[:100], y[:100])
    answers = model.predict(X[100:])
    assert [a.shape for a in answers] == [part.shape for part in y[100:]]
    assert model.score(X[100:], y[100:]) > 0.9
    square = rng.integers(0, V, (5, 6))
    assert model.predict(square).shape == (5, 6)


def test_classifies(rng: np.random.Generator) -> None:
    # Whether there is a token of the second half; some of its tokens only occur later.
    X = [rng.integers(0, V // 2, rng.integers(5, 30)) for _ in range(240)]
    for x in X[::2]:
        x[rng.integers(len(x))] = rng.integers(V // 2, V - 3)
    y = np.where(np.arange(240) % 2, "plain", "marked")
    model = LSTMClassifier(
        8,
        pooling="max",
        vocabulary_size=V,
        embedding_dim=4,
        embedding_dropout=0.05,
        max_iter=30,
        learning_rate_init=0.03,
        random_state=0,
    ).fit(X[:200], y[:200], sample_weight=np.r_[np.zeros(20), np.ones(180)])
    assert model.score(X[200:], y[200:]) > 0.9
    assert model.predict([np.full(4, V - 1)]).shape == (1,)  # never seen, but a token


def test_validation_and_splits(rng: np.random.Generator) -> None:
    X, y = words(rng, 40), rng.standard_normal(40)
    model = regressor(early_stopping=True).fit(X, y)
    assert len(model.validation_scores_) == 2
    model = regressor().fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:])
    assert len(model.validation_scores_) == 2
    array = rng.integers(0, V, (40, 7))
    assert cross_val_predict(regressor(), array, y, cv=3).shape == (40,)


def test_warm_start(rng: np.random.Generator) -> None:
    X, y = words(rng), rng.standard_normal(12)
    model = regressor(warm_start=True).fit(X, y).fit(X, y)
    assert model.n_iter_ == 4
    for name, value in (
        ("vocabulary_size", V + 1),
        ("vocabulary_size", None),
        ("embedding_dim", 4),
        ("standardize", False),
    ):
        changed = clone(model).set_params(warm_start=True).fit(X, y)
        with pytest.raises(ValueError, match=f"whose {name} is"):
            changed.set_params(**{name: value}).fit(X, y)
    labels = y > 0
    settings = {"vocabulary_size": V, "max_iter": 2, "warm_start": True}
    classifier = LSTMClassifier(4, **settings).fit(X, labels)
    assert classifier.fit(X, labels).n_iter_ == 4
    assert classifier.set_params(standardize=False).fit(X, labels).n_iter_ == 6


def test_tokens_have_to_be_asked_for(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"integer tokens need vocabulary_size$"):
        regressor(vocabulary_size=None).fit(words(rng), np.ones(12))


def test_what_was_fitted_is_what_is_read(rng: np.random.Generator) -> None:
    tokens, numbers = rng.integers(0, V, (12, 7)), rng.standard_normal((12, 7))
    y = rng.standard_normal(12)
    model = regressor().fit(tokens, y)
    expected = model.predict(tokens)
    model.set_params(vocabulary_size=None)
    assert_same_bits({"y": model.predict(tokens)}, {"y": expected})
    model.fit(pd.DataFrame(numbers, columns=list("abcdefg")), y)
    assert model.n_features_in_ == 7
    model.set_params(vocabulary_size=V)
    with pytest.warns(match="does not have valid feature names"):
        assert model.predict(numbers).shape == (12,)
    assert not hasattr(model.fit(tokens, y), "feature_names_in_")
    # As estimators were stored before there were tokens.
    plain = regressor(vocabulary_size=None).fit(numbers, y)
    expected = plain.predict(numbers)
    del plain._vocabulary_size
    assert_same_bits({"y": plain.predict(numbers)}, {"y": expected})


GOOD = [[1, 2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[1, 2, 3], [4, V]], ValueError, "token 20 at sample 1, step 1; vocabulary_s"),
        ([[1, -2, 3], [4, 5]], ValueError, "token -2 at sample 0, step 1; vocabulary_"),
        (np.array([[1, 2], [3, 99]]), ValueError, "token 99 at sample 1, step 1; voc"),
        (
            [np.array([1, 2]), np.array([2**63 + 1], np.uint64)],
            ValueError,
            "token 9223372036854775809 at sample 1, step 0",
        ),
        (
            np.array([[1.0, 2.0], [3.0, 4.5]]),
            ValueError,
            "must hold integer tokens.*float64, 4.5 at sample 1, step 1$",
        ),
        (np.array([[1.0, np.nan], [3, 4]]), ValueError, "nan at sample 0, step 1$"),
        (np.ones((2, 3)), ValueError, "1.0 at sample 0, step 0; all are whole numbers"),
        ([[1, 2], [3, 4.5]], ValueError, "float64, 4.5 at sample 1, step 1$"),
        ([["a", "b"], ["c"]], ValueError, "<U1, 'a' at sample 0, step 0; number"),
        (np.full((2, 3), True), ValueError, "got bool, True at sample 0, step 0$"),
        (
            np.array([[1], ["b"]], object),
            ValueError,
            "object, 'b' at sample 1, step 0; number",
        ),
        ([[1, 2], []], ValueError, "X, sample 1 is empty: expected at least one token"),
        ([], ValueError, "X is empty: expected at least one sequence of tokens"),
        ([1, 2], ValueError, r"X, sample 0 is 1: .* one sequence is \[X\]"),
        ([[1], [[1, 2]]], ValueError, r"X, sample 1 has shape \(1, 2\)"),
        (
            [[1], [[1, 2], [3]]],
            ValueError,
            "X, sample 1 has shape of parts that differ",
        ),
        (np.ma.ones((2, 3), int), TypeError, "X is a masked array"),
        (np.arange(2), ValueError, r"shape \(2,\): .* one sequence is X\[None\]"),
        (
            np.ones((2, 3, 1), int),
            ValueError,
            r"\(2, 3, 1\): .* leave vocabulary_size=N",
        ),
        (np.ones((0, 3), int), ValueError, r"X has shape \(0, 3\): .* at least one of"),
        (np.ones((2, 0), int), ValueError, r"X has shape \(2, 0\): .* at least one of"),
        (
            sparse.csr_array(np.ones((2, 3), int)),
            TypeError,
            "[Ss]parse data was passed",
        ),
    ],
)
def test_bad_tokens(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        regressor().fit(X, np.ones(2))
    model = regressor().fit(GOOD, [0.0, 1.0])
    before = model.predict(GOOD)
    with pytest.raises(error, match=message):
        model.predict(X)
    with pytest.raises(error, match=message.replace("X", "X_val")):
        model.fit(GOOD, [0.0, 1.0], X_val=X, y_val=[0.0, 1.0])
    assert_same_bits({"y": model.predict(GOOD)}, {"y": before})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary_size": 0}, "'vocabulary_size' parameter .* Got 0"),
        ({"vocabulary_size": 9.5}, "'vocabulary_size' parameter .* Got 9.5"),
        ({"embedding_dim": 0}, "'embedding_dim' parameter .* Got 0"),
        ({"embedding_dropout": 1.0}, "'embedding_dropout' parameter .* Got 1.0"),
        (
            {"vocabulary_size": None, "embedding_dropout": 0.1},
            "embedding_dropout=0.1 needs vocabulary_size, got None",
        ),
    ],
)
def test_bad_parameters(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regressor(**options).fit(np.ones((2, 3), int), np.arange(2.0))
