"""Conformal intervals of levels where the network sees differences."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm import LSTMForecaster
from fastlstm.forecasting import BoxCox, Chain, Difference, Log, SplitConformal

OPTIONS = {
    "hidden_size": 4,
    "max_iter": 2,
    "random_state": 0,
    "validation_fraction": 0.3,
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def walk(steps: int = 160) -> np.ndarray:
    rng = np.random.default_rng(1)
    return 100 * np.exp(np.cumsum(0.02 * rng.standard_normal(steps)))


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("strategy", ["direct", "encoder_decoder", "recursive"])
def test_intervals_are_those_of_errors_of_the_level(strategy: str, warm: bool) -> None:
    y, horizon = walk(), 3
    model = LSTMForecaster(
        horizon,
        window=8,
        transforms=["log", "difference"],
        conformal="split",
        strategy=strategy,
        warm=warm,
        **OPTIONS,
    ).fit(y)
    # By hand: forecasts of the part behind training, their errors in logarithms.
    end = len(y) - 48
    origins = np.arange(end, len(y))
    points = model._forecast_at(model._read(y), [origins])[0][..., 0]
    came = np.full_like(points, np.nan)
    for at, origin in enumerate(origins):
        values = y[origin : origin + horizon]
        came[at, : len(values)] = values
    conformal = SplitConformal(0.8).fit(np.log(came), np.log(points))
    low, high = conformal.interval(np.log(model.predict()))
    found = model.predict(quantiles=[0.1, 0.5, 0.9])
    # The network computes in float32, whole windows and a state in another order.
    np.testing.assert_allclose(found[:, 0], np.exp(low), rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], model.predict(), rtol=1e-5)
    np.testing.assert_allclose(found[:, 2], np.exp(high), rtol=1e-5)


def test_quantiles_that_sums_do_not_have() -> None:
    y = walk()
    options = {"window": 8, "transforms": "difference", "loss": "gaussian", **OPTIONS}
    model = LSTMForecaster(3, **options).fit(y)
    assert model.quantiles_ is None
    with pytest.raises(ValueError, match="sums of quantiles are none"):
        model.predict(quantiles=[0.1, 0.9])
    paths = LSTMForecaster(3, strategy="recursive", **options).fit(y)
    assert paths.quantiles_ == [0.1, 0.5, 0.9]
    low, high = paths.predict(quantiles=[0.1, 0.9]).T
    assert (np.diff(high - low) > 0).all()  # a walk's spread grows


def test_a_chain_is_split_at_its_first_difference() -> None:
    y = walk(30)
    chain = Chain([Log(), BoxCox(0.5), Difference(), Difference(2)])
    shown = y / y.min() * 3
    outer, inner = chain.fit(shown).split()
    assert [type(item) for item in outer.transforms] == [Log, BoxCox]
    assert [item.lag for item in inner.transforms] == [1, 2]
    z = np.array([0.1, -0.2, 0.3])
    both = outer.inverse_forecast(inner.inverse_forecast(z))
    np.testing.assert_array_equal(both, chain.inverse_forecast(z))
    whole, rest = Chain([Log()]).fit(y).split()
    assert len(whole.transforms) == 1
    assert not rest.transforms
