"""A second fit with warm_start goes on from the first, with the settings of now."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from fastlstm.schedules import Exponential
from fastlstm.training import Callback, Trainer

from ..compare import assert_same_bits
from .test_fit import problem, quiet, regressor


@quiet
@pytest.mark.parametrize("early_stopping", [False, True])
def test_warm_start_goes_on_to_the_bit(
    rng: np.random.Generator, early_stopping: bool
) -> None:
    X, y = problem(rng)
    options = {"warm_start": True, "n_iter_no_change": 50, "dropout": 0.2}
    validation = {"X_val": X[60:], "y_val": y[60:]}
    twice = regressor(max_iter=4, **options).fit(X[:60], y[:60], **validation)
    twice.fit(X[:60], y[:60], **validation)
    once = regressor(max_iter=8, **options).fit(X[:60], y[:60], **validation)
    assert twice.n_iter_ == once.n_iter_ == 8
    assert twice.validation_scores_ == once.validation_scores_
    assert_same_bits({"y": twice.predict(X)}, {"y": once.predict(X)})


@quiet
def test_warm_start_after_a_cold_one(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor(max_iter=3).fit(X, y)
    model.set_params(warm_start=True, learning_rate_init=1e-4).fit(X, y)
    assert model.n_iter_ == 6
    assert model.loss_curve_[3] < model.loss_curve_[0]
    with pytest.raises(ValueError, match="whose hidden_size is 6; got 7"):
        model.set_params(hidden_size=7).fit(X, y)
    cold = regressor(max_iter=3).fit(X, y).fit(X, y)
    assert cold.n_iter_ == 3


@quiet
def test_warm_start_takes_new_settings(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor(warm_start=True, max_iter=3).fit(X, y)
    before = model.model_.params.flat.copy()
    tiny = model.set_params(learning_rate_init=1e-9).fit(X, y).model_.params.flat
    assert 0 < np.abs(tiny - before).max() < 1e-6
    model.set_params(early_stopping=True, max_iter=2).fit(X, y)  # another monitor
    assert len(model.validation_scores_) == 2
    model.set_params(solver="sgd").fit(X, y)
    assert model.n_iter_ == 10
    for name, value in (("dtype", "float64"), ("standardize", False)):
        with pytest.raises(ValueError, match=f"whose {name} is"):
            copy.deepcopy(model).set_params(**{name: value}).fit(X, y)


@quiet
def test_patience_begins_anew(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor(warm_start=True, tol=10.0, n_iter_no_change=3, max_iter=50)
    assert model.fit(X, y).n_iter_ == 5
    assert model.fit(X, y).n_iter_ == 9


@quiet
@pytest.mark.parametrize("values", [(0.9, 0.0), (0.0, 0.9)])
def test_momentum_may_change(
    rng: np.random.Generator, values: tuple[float, float]
) -> None:
    X, y = problem(rng)
    model = regressor(solver="sgd", warm_start=True, max_iter=3, momentum=values[0])
    model.fit(X, y).set_params(momentum=values[1]).fit(X, y)
    assert model.n_iter_ == 6
    state = model._trainer_state["optimizer"]
    assert state["momentum"] == values[1]
    assert ("velocity" in state) == (values[1] > 0)
    assert state["steps"] == 30


@quiet
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"hidden_size": [4, 3]}, {"hidden_size": (4, 3)}),
        ({"hidden_size": [4, 3]}, {"num_layers": 2}),
        ({"hidden_size": 4, "num_layers": 2}, {"hidden_size": [4, 4]}),
        ({"hidden_size": 4}, {"hidden_size": [np.int64(4)]}),
    ],
)
def test_the_same_sizes_in_other_words(
    rng: np.random.Generator, first: dict[str, Any], second: dict[str, Any]
) -> None:
    X, y = problem(rng)
    model = regressor(warm_start=True, max_iter=1, **first).fit(X, y)
    assert model.set_params(**second).fit(X, y).n_iter_ == 2
    with pytest.raises(ValueError, match="whose hidden_size is"):
        model.set_params(hidden_size=[3, 4], num_layers=1).fit(X, y)


@quiet
def test_begins_a_new_epoch_after_ctrl_c(rng: np.random.Generator) -> None:
    class Interrupt(Callback):
        def __init__(self) -> None:
            self.batches = 0

        def on_batch_end(self, trainer: Trainer) -> None:
            self.batches += 1
            if self.batches == 7:
                raise KeyboardInterrupt

    X, y = problem(rng)  # 5 batches an epoch
    callback = Interrupt()
    model = regressor(warm_start=True, max_iter=2, callbacks=[callback])
    with pytest.warns(UserWarning, match="interrupted in epoch 2"):
        model.fit(X, y)
    assert model.n_iter_ == 1
    # Other data and other batches: what was seen of the old ones says nothing.
    model.set_params(batch_size=8).fit(X[:20], y[:20])
    assert model.n_iter_ == 3
    assert callback.batches == 7 + 2 * 3


@quiet
@pytest.mark.parametrize("keep", [True, False])
def test_learning_rates_of_all_epochs(rng: np.random.Generator, keep: bool) -> None:
    """Also where the first fit has kept no state, or is of before there were any."""
    X, y = problem(rng)
    model = regressor(max_iter=3, warm_start=keep, learning_rate_init=0.01).fit(X, y)
    assert model.learning_rates_ == [0.01] * 3
    if keep:
        del model._trainer_state["rate_curve"]
    else:
        del model.learning_rates_
    model.set_params(warm_start=True, learning_rate="step").fit(X, y)
    assert model.learning_rates_ == [0.01] * 6
    model.set_params(learning_rate=Exponential(0.5)).fit(X, y)
    assert len(model.learning_rates_) == model.n_iter_ == 9
    rates = model.learning_rates_
    assert rates[:6] == [0.01] * 6
    assert rates[5] > rates[6] > rates[7] > rates[8]
    model.set_params(max_iter=1).fit(X, y)
    assert model.learning_rates_[:9] == rates
