"""Estimators that read the mean, the maximum or a weighted mean of all steps."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor
from sklearn.base import clone

from ..compare import assert_same_bits

POOLINGS = ["mean", "max", "attention"]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**options: Any) -> LSTMRegressor:
    return LSTMRegressor(
        **{"hidden_size": 4, "max_iter": 2, "random_state": 0, **options}
    )


def ragged(rng: np.random.Generator, n: int = 12) -> list[np.ndarray]:
    return [rng.standard_normal((2 + k % 5, 3)) for k in range(n)]


@quiet
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_prediction_does_not_depend_on_the_others(
    rng: np.random.Generator, pooling: str
) -> None:
    X, y = ragged(rng), rng.standard_normal(12)
    model = regressor(pooling=pooling, bidirectional=True).fit(X, y)
    together = model.predict(X)
    alone = np.array([model.predict([part])[0] for part in X])
    backwards = model.predict(X[::-1])[::-1]
    for other in (alone, backwards, pickle.loads(pickle.dumps(model)).predict(X)):
        assert_same_bits({"y": other}, {"y": together})
    again = clone(model).fit(X, y)
    assert again.pooling == pooling
    assert_same_bits({"y": again.predict(X)}, {"y": together})
    other = regressor(bidirectional=True).fit(X, y)
    assert (other.predict(X) != together).all()


def marks(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, and the class in one step that a mark tells from the others."""
    X = rng.normal(size=(n, 150, 2))
    X[:, :, 1] = 0.0
    rows, at = np.arange(n), rng.integers(0, 100, n)
    X[rows, at, 1] = 1.0
    return X, np.where(X[rows, at, 0] > 0.0, "up", "down")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_learns_what_the_last_state_forgets(pooling: str) -> None:
    rng = np.random.default_rng(0)
    X, y = marks(rng, 400)
    scores = {}
    for name in ("last", pooling):
        model = LSTMClassifier(
            8,
            pooling=name,
            batch_size=25,
            learning_rate_init=0.03,
            max_iter=12,
            random_state=0,
            tol=0.0,
            n_iter_no_change=50,
        )
        with pytest.warns(match="maximum of max_iter=12"):
            model.fit(X[:300], y[:300])
        scores[name] = model.score(X[300:], y[300:])
    assert scores[pooling] > 0.8
    assert scores["last"] < 0.7


@pytest.mark.parametrize("pooling", POOLINGS)
def test_divergence(rng: np.random.Generator, pooling: str) -> None:
    X = rng.standard_normal((40, 7, 3))
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        regressor(pooling=pooling, learning_rate_init=1e38).fit(X, X[:, :, 0].mean(1))


def test_refuses(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 7))
    with pytest.raises(ValueError, match=r"'pooling' parameter .* Got 'sum' instead"):
        regressor(pooling="sum").fit(X, X[:, 0])
    with pytest.raises(ValueError, match="pooling='mean' does not go with output='seq"):
        regressor(pooling="mean", output="sequence").fit(X, X)


@quiet
def test_warm_start_keeps_the_pooling(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 7))
    model = regressor(pooling="mean", warm_start=True).fit(X, X[:, 0])
    model.fit(X, X[:, 0])
    assert model.n_iter_ == 4
    with pytest.raises(ValueError, match="whose pooling is 'mean'; got 'max'"):
        model.set_params(pooling="max").fit(X, X[:, 0])
