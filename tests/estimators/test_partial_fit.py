"""partial_fit: one epoch a call, on top of what was learnt before."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMClassifier, LSTMTagger
from fastlstm.training import Callback, Trainer
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE
from .test_fit import problem, quiet, regressor

CLASSES = ["down", "up"]


def labelled(rng: np.random.Generator, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    X, y = problem(rng, n)
    return X, np.where(y > 0, "up", "down")


def classifier(**options: Any) -> LSTMClassifier:
    settings = {"hidden_size": 6, "max_iter": 4, "batch_size": 16, "random_state": 0}
    return LSTMClassifier(**{**settings, **options})


def tagger(**options: Any) -> LSTMTagger:
    return LSTMTagger(**classifier(**options).get_params())


def weights_of(model: Any) -> dict[str, np.ndarray]:
    return {"weights": model.model_.params.flat}


def scales(model: Any) -> dict[str, np.ndarray]:
    state = model.model_.state_dict()
    return {name: value for name, value in state.items() if "scaler" in name}


@quiet
@pytest.mark.parametrize("kind", ["regression", "classification", "tagging"])
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "adam"},
        {"solver": "sgd", "dropout": 0.2},
        {"learning_rate": "cosine"},
        {"learning_rate": "reduce_on_plateau"},
    ],
)
def test_calls_are_the_epochs_of_a_fit(
    rng: np.random.Generator, kind: str, options: dict[str, Any]
) -> None:
    """On the same data, to the bit: moments, batches, masks and rates go on."""
    options = {**options, "max_iter": 3}
    X, y = problem(rng)
    if kind == "regression":
        whole, parts = (regressor(**options) for _ in range(2))
        first: dict[str, Any] = {}
    else:
        make = classifier if kind == "classification" else tagger
        whole, parts = (make(**options) for _ in range(2))
        y = np.where(y > 0, "up", "down")
        if kind == "tagging":
            X = [x[: 1 + k % len(x)] for k, x in enumerate(X)]
            y = [np.where(x[:, 0] > 0, "up", "down") for x in X]
        first = {"classes": ["up", "down"]}
    whole.fit(X, y)
    parts.partial_fit(X, y, **first)
    for _ in range(2):
        assert parts.partial_fit(X, y) is parts
    assert_same_bits(weights_of(parts), weights_of(whole))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == 3
    assert parts.stop_reason_ == "partial_fit"
    assert parts.best_loss_ == min(parts.loss_curve_)
    assert parts.validation_scores_ is None


@pytest.mark.parametrize(
    "through", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_go_on(rng: np.random.Generator, through: Any) -> None:
    X, y = problem(rng)
    model = regressor().partial_fit(X[:40], y[:40])
    other = through(model)
    for one in (model, other):
        one.partial_fit(X[40:], y[40:])
    assert_same_bits(weights_of(other), weights_of(model))
    assert not hasattr(clone(model), "model_")


def test_learns_from_a_stream(rng: np.random.Generator) -> None:
    model = regressor(hidden_size=16, learning_rate_init=0.01)
    for _ in range(60):
        X, y = problem(rng, 100)
        model.partial_fit(X, 100 + 10 * y)
    X, y = problem(rng, 200)
    assert model.score(X, 100 + 10 * y) > 0.8
    assert model.n_iter_ == len(model.loss_curve_) == 60


def test_the_first_call_gives_the_scale(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor().partial_fit(X[:40], y[:40])
    first = scales(model)
    assert len(first) >= 4
    model.partial_fit(1000 + X[40:], 1000 * y[40:])
    assert_same_bits(scales(model), first)
    again = regressor(max_iter=1, warm_start=True)
    with pytest.warns(ConvergenceWarning):
        again.fit(X[:40], y[:40])
    assert_same_bits(scales(again), first)


@quiet
def test_after_fit_it_goes_on(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor(early_stopping=False).fit(X, y, X_val=X, y_val=y)
    before = model.model_.params.flat.copy()
    model.set_params(learning_rate_init=1e-9).partial_fit(X, y)
    assert 0 < np.abs(model.model_.params.flat - before).max() < 1e-6
    assert model.n_iter_ == 9
    assert len(model.validation_scores_) == 8
    # fit, for its part, begins anew, or goes on where warm_start says so.
    model.set_params(learning_rate_init=1e-3)
    assert copy.deepcopy(model).fit(X, y).n_iter_ == 8
    assert model.set_params(warm_start=True).fit(X, y).n_iter_ == 17


@quiet
def test_after_a_warm_fit_the_optimizer_goes_on_too(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    whole = regressor(warm_start=True, max_iter=4).fit(X, y)
    mixed = regressor(warm_start=True, max_iter=3).fit(X, y).partial_fit(X, y)
    assert_same_bits(weights_of(mixed), weights_of(whole))
    back = mixed.set_params(max_iter=2).fit(X, y)
    assert_same_bits(
        weights_of(back), weights_of(whole.set_params(max_iter=2).fit(X, y))
    )


def test_no_warning_and_no_stop(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor(tol=10.0, n_iter_no_change=1, max_iter=1)
    for _ in range(5):
        model.partial_fit(X, y)  # a warning would be an error here
    assert model.n_iter_ == 5
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)


def test_early_stopping_is_refused_as_there(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    message = "partial_fit does not support early_stopping=True"
    for model in (regressor(early_stopping=True), MLPRegressor(early_stopping=True)):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X[:, :, 0], y)


def test_weights(rng: np.random.Generator) -> None:
    """Zero is absence; 2 is twice."""
    X, y = problem(rng)
    weights = rng.integers(0, 3, 80).astype(float)
    weighted = regressor(batch_size=200).partial_fit(X, y, sample_weight=weights)
    kept = weights > 0
    absent = regressor(batch_size=200).partial_fit(
        X[kept], y[kept], sample_weight=weights[kept]
    )
    assert_same_bits(weights_of(weighted), weights_of(absent))
    times = weights.astype(int)
    repeated = regressor(batch_size=200).partial_fit(
        np.repeat(X, times, axis=0), np.repeat(y, times)
    )
    # Adam's first step is the gradient's sign: what is left of it in the loss.
    loss = [np.array(model.loss_curve_) for model in (weighted, repeated)]
    assert_close(*loss, PAIR_VALUE["float32"])
    with pytest.raises(ValueError, match="at least one non-zero"):
        weighted.partial_fit(X, y, sample_weight=np.zeros(80))


# ---------------------------------------------------------------------------- labels


@pytest.mark.parametrize("estimator", [LSTMClassifier, MLPClassifier])
def test_classes_as_there(rng: np.random.Generator, estimator: Any) -> None:
    X, y = labelled(rng)
    X = X[:, :, 0]
    model = estimator(random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
    model.partial_fit(X, y, classes=["up", "never", "down"])
    assert model.classes_.tolist() == ["down", "never", "up"]
    assert model.predict_proba(X).shape == (80, 3)
    model.partial_fit(X, y)
    model.partial_fit(X, y, classes=["never", "down", "up"])
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, y, classes=["up", "down"])
    with pytest.raises(ValueError, match=r"never seen in fit|not in `self.classes_`"):
        model.partial_fit(X, np.where(y == "up", "new", y))


def test_class_weights(rng: np.random.Generator) -> None:
    X, y = labelled(rng)
    with pytest.raises(ValueError, match="cannot balance classes"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=CLASSES)
    # Statistics of X look at sample_weight only.
    options = {"standardize": False}
    weighted = classifier(class_weight={"up": 3.0}, **options)
    by_sample = classifier(**options)
    for part in (slice(0, 40), slice(40, 80)):
        weighted.partial_fit(X[part], y[part], classes=CLASSES)
        by_sample.partial_fit(
            X[part],
            y[part],
            classes=CLASSES,
            sample_weight=np.where(y[part] == "up", 3.0, 1.0),
        )
    loss = [np.array(model.loss_curve_) for model in (weighted, by_sample)]
    assert_close(*loss, PAIR_VALUE["float32"])
    other = classifier(**options).partial_fit(X[:40], y[:40], classes=CLASSES)
    assert abs(other.loss_curve_[0] - loss[0][0]) > 1e-4


def test_tags_that_come_later(rng: np.random.Generator) -> None:
    X = [rng.standard_normal((2 + k % 4, 2)) for k in range(40)]
    y = [np.where(x[:, 0] > 0, "up", "down") for x in X]
    model = tagger()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"label .*'up'.* was never seen"):
        model.partial_fit(X, y, classes=["down"])
    assert not hasattr(model, "classes_")
    first = [np.full(len(x), "down") for x in X]
    model.partial_fit(X, first, classes=["up", "down", "never"])
    assert model.classes_.tolist() == ["down", "never", "up"]
    model.partial_fit(X, y)
    assert model.predict_proba(X)[0].shape == (2, 3)
    with pytest.raises(ValueError, match="cannot balance classes"):
        tagger(class_weight="balanced").partial_fit(X, y, classes=CLASSES)


def test_failure_changes_nothing(rng: np.random.Generator) -> None:
    X, y = labelled(rng)
    fresh = classifier()
    with pytest.raises(ValueError, match=r"'up'.* was never seen"):
        fresh.partial_fit(X, y, classes=["down", "other"])
    assert not hasattr(fresh, "classes_")
    model = fresh.partial_fit(X, y, classes=CLASSES)
    before, state = model.model_.params.flat.copy(), model.__dict__.copy()
    for bad_X, bad_y, message in (
        (X[:, :, :1], y, "X has 1 features, but LSTMClassifier is expecting 2"),
        (X, np.where(y == "up", "new", y), "'new'.* was never seen"),
        (np.where(X > 2, np.nan, X), y, "contains NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(bad_X, bad_y)
        assert model.__dict__ == state
    np.testing.assert_array_equal(model.model_.params.flat, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 7}, "partial_fit go on .* whose hidden_size is 6; got 7"),
        ({"dtype": "float64"}, "whose dtype is"),
        ({"max_iter": 0}, "The 'max_iter' parameter"),
    ],
)
def test_another_model_is_refused(
    rng: np.random.Generator, options: Any, message: str
) -> None:
    X, y = problem(rng)
    model = regressor().partial_fit(X, y).set_params(**options)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)


def test_another_number_of_outputs(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor().partial_fit(X, y)
    with pytest.raises(ValueError, match="targets have 2 outputs, but LSTMRegressor"):
        model.partial_fit(X, np.c_[y, y])


# --------------------------------------------------------------- data and callbacks


def test_ragged_frames_and_sequences(rng: np.random.Generator) -> None:
    X, _ = problem(rng)
    lists = [x[: 2 + i % 5] for i, x in enumerate(X)]
    targets = [np.cumsum(x[:, 0]) for x in lists]
    model = regressor(output="sequence")
    for part in (slice(0, 40), slice(40, 80)):
        model.partial_fit(lists[part], targets[part])
    assert [len(p) for p in model.predict(lists)] == [len(x) for x in lists]
    frame = pd.DataFrame(X[:, :, 0], columns=list("abcdef"))
    model = regressor().partial_fit(frame, X[:, 0, 0])
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame[list("bacdef")], X[:, 0, 0])


class Interrupt(Callback):
    def on_batch_end(self, trainer: Trainer) -> None:
        raise KeyboardInterrupt


def test_ctrl_c(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor().partial_fit(X, y).set_params(callbacks=[Interrupt()])
    with pytest.warns(UserWarning, match="interrupted in epoch 2 of 8") as note:
        model.partial_fit(X, y)
    assert note[0].filename == __file__
    assert model.n_iter_ == 1
    model.set_params(callbacks=None).partial_fit(X, y)
    assert model.n_iter_ == 2
