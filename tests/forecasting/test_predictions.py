"""Quantiles of paths, and the columns that forecasts have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMForecaster
from fastlstm.forecasting.heads import new_head
from fastlstm.forecasting.predictions import PathPrediction

from ..estimators.forecasters import quiet


def test_quantiles_of_paths_that_are_infinite() -> None:
    """As of sorted paths: -inf or inf, never NaN, and in order."""
    inf = np.inf
    drawn = np.array([1.0, inf, 3.0, inf, -inf, 2.0, inf, -inf, 4.0])
    head = new_head("gaussian", [0.5], 1.0)
    one = np.ones((1, 1, 1))
    made = PathPrediction(head, drawn[None, :, None, None], one, one)
    # Nine paths lie at the eighths: -inf, -inf, 1, 2, 3, 4, inf, inf, inf.
    levels = [1 / 16, 1 / 8, 0.25, 5 / 16, 0.5, 5 / 8, 11 / 16, 0.75, 15 / 16]
    found = made.quantiles(levels)[0, 0, 0]
    np.testing.assert_array_equal(found, [-inf, -inf, 1, 1.5, 3, 4, inf, inf, inf])


@quiet
def test_an_inverse_that_is_infinite() -> None:
    """Box-Cox with a negative parameter has no values above some: these are inf."""
    y = 1.0 / np.random.default_rng(6).uniform(0.02, 1.0, 200)
    model = LSTMForecaster(
        3,
        12,
        strategy="recursive",
        loss="gaussian",
        transforms="box_cox",
        hidden_size=8,
        max_iter=5,
        learning_rate_init=1e-3,
        batch_size=32,
        random_state=0,
    )
    found = model.fit(y).predict(quantiles=[0.1, 0.5, 0.9, 0.975])
    assert not np.isnan(found).any()
    assert np.isinf(model.predict(samples=100)).any()  # so there was something to see
    assert (found[:, 1:] >= found[:, :-1]).all()


@quiet
def test_names_of_columns() -> None:
    y = pd.Series(np.arange(30.0) % 7, name="sample")
    model = LSTMForecaster(2, 6, loss="gaussian", hidden_size=2, max_iter=1).fit(y)
    with pytest.raises(ValueError, match="a column of yours has the name 'sample'"):
        model.predict(samples=3)
    assert model.predict().name == "sample"
    near = model.predict(quantiles=[0.5, 0.9999996, 0.9999999])
    assert list(near) == ["sample_0.5", "sample_0.9999996", "sample_0.9999999"]
    assert list(model.predict(quantiles=[1 - 0.9])) == ["sample_0.1"]
