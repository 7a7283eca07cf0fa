"""What X and y may be, and what the errors say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor
from scipy import sparse
from sklearn.exceptions import NotFittedError

from ..compare import assert_same_bits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**options: Any) -> LSTMRegressor:
    return LSTMRegressor(
        **{"hidden_size": 4, "max_iter": 2, "random_state": 0, **options}
    )


def ragged(rng: np.random.Generator, n: int = 12) -> list[np.ndarray]:
    return [rng.standard_normal((2 + k % 5, 3)) for k in range(n)]


def test_forms_of_one_feature_agree(rng: np.random.Generator) -> None:
    X, y = rng.standard_normal((12, 7)), rng.standard_normal(12)
    forms = {
        "array": X,
        "lists": X.tolist(),
        "frame": pd.DataFrame(X),
        "deep": X[:, :, None],
        "deep lists": X[:, :, None].tolist(),
        "sequences": [row[:, None] for row in X],
    }
    expected = regressor().fit(X, y).predict(X)
    for name, form in forms.items():
        model = regressor().fit(form, y)
        assert model.n_features_in_ == (7 if np.ndim(form) == 2 else 1), name
        assert_same_bits({name: model.predict(form)}, {name: expected})


@pytest.mark.parametrize("rank", [2, 3])
def test_memory_of_an_array_does_not_matter(
    rng: np.random.Generator, rank: int, tmp_path: Any
) -> None:
    shape = (12, 7, 3)[:rank]
    X, y = rng.integers(-9, 9, shape).astype(np.float64), np.arange(12.0)
    model = regressor().fit(X, y)
    expected = model.predict(X)
    stored = np.memmap(tmp_path / "x", np.float64, "w+", shape=shape)
    stored[:] = X
    forms = {
        "float32": X.astype(np.float32),
        "columns first": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=-1)[..., ::2],
        "other byte order": X.astype(X.dtype.newbyteorder()),
        "half": X.astype(np.float16),
        "integers": X.astype(np.int64),
        "objects": X.astype(object),
        "read-only": np.broadcast_to(X, shape),
        "mapped": stored,
    }
    for name, form in forms.items():
        assert_same_bits({name: model.predict(form)}, {name: expected})
    with pytest.raises(ValueError, match="Complex data not supported"):
        model.predict(X.astype(complex))


def test_arrays_after_a_frame(rng: np.random.Generator) -> None:
    frame = pd.DataFrame(rng.standard_normal((12, 3)), columns=["mon", "tue", "wed"])
    model = regressor().fit(frame, np.arange(12.0))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(frame.to_numpy())


def test_no_samples(rng: np.random.Generator) -> None:
    X, y = rng.standard_normal((12, 7)), np.arange(12.0)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        regressor().fit(X, y).predict(X[:0])
    with pytest.raises(ValueError, match=r"X has shape \(0, 7, 1\)"):
        regressor().fit(X[:, :, None], y).predict(X[:0, :, None])


def test_prediction_before_fit(rng: np.random.Generator) -> None:
    for estimator in (LSTMRegressor(4), LSTMClassifier(4)):
        with pytest.raises(NotFittedError, match=r"This LSTM.* is not fitted yet"):
            estimator.predict(rng.standard_normal((2, 7, 3)))


def test_objects_of_sequences(rng: np.random.Generator) -> None:
    parts, y = ragged(rng), rng.standard_normal(12)
    objects = np.empty(12, dtype=object)
    objects[:] = parts
    expected = regressor().fit(parts, y).predict(parts)
    assert_same_bits(
        {"y": regressor().fit(objects, y).predict(objects)}, {"y": expected}
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_prediction_does_not_depend_on_the_others(
    rng: np.random.Generator, dtype: str
) -> None:
    parts, y = ragged(rng), rng.standard_normal(12)
    model = regressor(dtype=dtype, bidirectional=True).fit(parts, y)
    together = model.predict(parts)
    alone = np.array([model.predict([part])[0] for part in parts])
    as_arrays = np.array([model.predict(part[None])[0] for part in parts])
    backwards = model.predict(parts[::-1])[::-1]
    for other in (alone, as_arrays, backwards):
        assert_same_bits({"y": other}, {"y": together})


def test_frames_keep_their_columns(rng: np.random.Generator) -> None:
    frame = pd.DataFrame(rng.standard_normal((12, 3)), columns=["mon", "tue", "wed"])
    model = regressor().fit(frame, np.arange(12.0))
    assert model.feature_names_in_.tolist() == ["mon", "tue", "wed"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["tue", "mon", "wed"]])
    model.fit(frame.to_numpy()[:, :, None], np.arange(12.0))
    assert not hasattr(model, "feature_names_in_")


def test_other_lengths_of_a_frame(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 7))
    model = regressor().fit(X, np.arange(12.0))
    with pytest.raises(ValueError, match=r"X has 5 features, .* pass X\[:, :, None\]"):
        model.predict(X[:, :5])
    assert model.predict(X[:, :5, None]).shape == (12,)  # as the message says


def test_features_have_to_agree(rng: np.random.Generator) -> None:
    model = regressor().fit(rng.standard_normal((12, 7, 3)), np.arange(12.0))
    with pytest.raises(
        ValueError, match="X has 2 features, but LSTMRegressor is expec"
    ):
        model.predict(rng.standard_normal((12, 7, 2)))
    with pytest.raises(
        ValueError, match="X has 2 features, but LSTMRegressor is expec"
    ):
        model.predict([np.ones((4, 2))])
    with pytest.raises(ValueError, match=r"one sequence is X\[None\]"):
        model.predict(rng.standard_normal((7, 3)))


BAD_X = {
    "NaN": (
        lambda X: X.__setitem__((3, 2, 1), np.nan),
        "Input X contains NaN at sample 3, step 2, feature 1",
    ),
    "inf": (
        lambda X: X.__setitem__((11, 0, 2), -np.inf),
        "Input X contains -inf at sample 11, step 0, feature 2",
    ),
}


@pytest.mark.parametrize("name", BAD_X)
@pytest.mark.parametrize("as_list", [False, True])
def test_not_finite(rng: np.random.Generator, name: str, as_list: bool) -> None:
    spoil, message = BAD_X[name]
    good, y = rng.standard_normal((12, 7, 3)), np.arange(12.0)
    bad = good.copy()
    spoil(bad)
    model = regressor().fit(good, y)
    X = list(bad) if as_list else bad
    for call in (lambda: model.predict(X), lambda: regressor().fit(X, y)):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match=message.replace("X", "X_val")):
        regressor().fit(good, y, X_val=X, y_val=y)


def test_not_finite_in_a_frame(rng: np.random.Generator) -> None:
    frame = pd.DataFrame(rng.standard_normal((12, 7)))
    frame.iloc[4, 6] = np.nan
    with pytest.raises(ValueError, match="NaN at sample 4, step 6, feature 0"):
        regressor().fit(frame, np.arange(12.0))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones(12), ValueError, r"shape \(12,\): .*forecast_windows cuts"),
        (np.ones((12, 2, 2, 2)), ValueError, r"has shape \(12, 2, 2, 2\): expected an"),
        (np.ones((12, 0, 3)), ValueError, r"shape \(12, 0, 3\).*at least one of each"),
        (np.ones((12, 3, 0)), ValueError, r"shape \(12, 3, 0\).*at least one of each"),
        (np.ones((0, 4)), ValueError, r"0 sample\(s\)"),
        ([], ValueError, "Expected 2D array"),
        ([np.ones((2, 3)), np.ones((0, 3))], ValueError, "sequence 1 is empty"),
        ([np.ones((2, 3)), np.ones((2, 4))], ValueError, "sequence 1 has 4 features"),
        ([np.ones((2, 3)), np.ones(3)], ValueError, r"sequence 1 has shape \(3,\)"),
        ([np.ones((2, 3)), [["a"] * 3]], ValueError, "X, sequence 1 must hold numbers"),
        (
            [[1.0, 2.0], [3.0]],
            ValueError,
            r"pass \[np.asarray\(x\)\[:, None\] for x in X",
        ),
        (np.ones((12, 3), complex), ValueError, "Complex data not supported"),
        (np.full((12, 3), "a"), ValueError, "could not convert string"),
        (sparse.csr_array(np.ones((12, 3))), TypeError, "[Ss]parse data was passed"),
    ],
)
def test_bad_sequences(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        regressor().fit(X, np.ones(len(X) if isinstance(X, list) else 12))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (np.ones(11), r"inconsistent numbers of samples: \[12, 11\]"),
        (np.ones((12, 2, 2)), r"shape \(12, 2, 2\), expected \(samples,\) or"),
        (np.r_[np.ones(5), np.nan, np.ones(6)], "Input y contains NaN at sample 5"),
        (
            np.where(np.arange(24).reshape(12, 2) == 15, np.inf, 1.0),
            "Input y contains inf at sample 7, output 1",
        ),
        (["a"] * 12, "could not convert string"),
    ],
)
def test_bad_y(rng: np.random.Generator, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regressor().fit(rng.standard_normal((12, 7, 3)), y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (np.r_[np.ones(5), np.nan, np.ones(6)], "Input y contains NaN at sample 5"),
        (["a"] * 4 + [None] + ["b"] * 7, "Input y contains None at sample 4"),
        (np.linspace(0, 1, 12), "Unknown label type"),
        (np.ones((12, 2)), "y should be a 1d array"),
        (["a"] * 11, r"inconsistent numbers of samples: \[12, 11\]"),
    ],
)
def test_bad_labels(rng: np.random.Generator, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LSTMClassifier(4, max_iter=1).fit(rng.standard_normal((12, 7, 3)), y)


def test_labels_never_seen(rng: np.random.Generator) -> None:
    X, y = rng.standard_normal((12, 7, 3)), np.array(["a", "b"] * 6)
    with pytest.raises(ValueError, match=r"label .*'c'.* was never seen in fit"):
        LSTMClassifier(4, max_iter=1).fit(X, y, X_val=X[:1], y_val=["c"])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(12), "at least one non-zero number"),
        (np.r_[-1.0, np.ones(11)], "[Nn]egative values in data"),
        (np.ones(11), r"sample_weight.shape == \(11,\)"),
        (np.r_[np.nan, np.ones(11)], "sample_weight contains NaN"),
    ],
)
def test_bad_weights(rng: np.random.Generator, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regressor().fit(rng.standard_normal((12, 7)), np.arange(12.0), weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "'hidden_size' parameter of LSTMRegressor .* Got 0"),
        ({"hidden_size": (4, 0)}, "hidden_size must be at least 1, got 0"),
        ({"num_layers": 1.5}, "'num_layers' .* Got 1.5"),
        ({"dropout": 1.0}, "'dropout' .* Got 1.0"),
        ({"projection_size": 4}, "projection_size must be below every hidden size"),
        ({"solver": "lbfgs"}, "'solver' .* Got 'lbfgs'"),
        ({"batch_size": "all"}, "'batch_size' .* Got 'all'"),
        ({"learning_rate_init": 0.0}, "'learning_rate_init' .* Got 0.0"),
        ({"learning_rate_init": np.nan}, "'learning_rate_init' .* Got nan"),
        ({"max_grad_norm": -1.0}, "'max_grad_norm' .* Got -1.0"),
        ({"output": "first"}, "'output' .* Got 'first'"),
        ({"dtype": "float16"}, "'dtype' .* Got 'float16'"),
        ({"random_state": "x"}, "'random_state' .* Got 'x'"),
        ({"callbacks": [3]}, "callbacks: 3 has none of the hooks"),
    ],
)
def test_bad_parameters(options: dict[str, Any], message: str) -> None:
    model = regressor(**options)  # the constructor only stores
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(np.ones((12, 7)), np.arange(12.0))


def test_an_error_leaves_the_last_fit(rng: np.random.Generator) -> None:
    X, y = rng.standard_normal((12, 7)), rng.standard_normal(12)
    model = regressor(warm_start=True).fit(X, y)
    before, bits = dict(vars(model)), model.predict(X)
    other = rng.standard_normal((12, 4, 3))
    for bad in (
        lambda: model.fit(other, np.full(12, np.nan)),
        lambda: model.fit(X, y, X_val=X),
        lambda: model.fit(X, y, X_val=other, y_val=y),
        lambda: model.fit(X, np.ones((12, 2))),
        lambda: model.set_params(hidden_size=5).fit(X, y),
        lambda: model.set_params(solver="?").fit(X, y),
    ):
        with pytest.raises(ValueError, match=r"."):
            bad()
        model.set_params(hidden_size=4, solver="adam")
        assert dict(vars(model)) == before
        assert_same_bits({"y": model.predict(X)}, {"y": bits})
