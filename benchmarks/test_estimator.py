"""What a user of scikit-learn waits for: a fit, and a prediction of one sequence."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm import LSTMRegressor

SEQUENCES, STEPS, FEATURES, EPOCHS = 1024, 20, 4, 3

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def data(rng):
    X = rng.standard_normal((SEQUENCES, STEPS, FEATURES), dtype=np.float32)
    return X, X[:, -5:, 0].sum(axis=1)


def regressor():
    return LSTMRegressor(32, batch_size=32, max_iter=EPOCHS, random_state=0)


def test_fit(benchmark, data):
    model = benchmark(lambda: regressor().fit(*data))
    benchmark.extra_info["batches"] = EPOCHS * SEQUENCES // 32
    assert model.n_iter_ == EPOCHS


@pytest.mark.parametrize("sequences", [1, SEQUENCES])
def test_predict(benchmark, data, sequences):
    X, y = data
    model = regressor().fit(X, y)
    predictions = benchmark(model.predict, X[:sequences])
    assert predictions.shape == (sequences,)
