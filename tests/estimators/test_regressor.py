from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMRegressor
from sklearn.metrics import r2_score

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE, VALUE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**options: Any) -> LSTMRegressor:
    settings = {
        "hidden_size": 12,
        "learning_rate_init": 0.02,
        "max_iter": 40,
        "random_state": 0,
    }
    return LSTMRegressor(**{**settings, **options})


def sums(rng: np.random.Generator, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    X = rng.standard_normal((n, 8, 2))
    return X, X[:, -4:, 0].sum(axis=1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "adamw", "alpha": 0.01},
        {"solver": "sgd", "learning_rate_init": 0.1, "max_grad_norm": None},
        {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.3, "max_iter": 150},
        {"num_layers": 2, "dropout": 0.1, "bidirectional": True},
        {"projection_size": 4},
        {"hidden_size": (10, 6)},
        {"dtype": "float64"},
        {"batch_size": 16, "shuffle": False},
    ],
)
def test_learns(rng: np.random.Generator, options: dict[str, Any]) -> None:
    X, y = sums(rng)
    model = regressor(**options).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.85


def test_learns_in_any_units(rng: np.random.Generator) -> None:
    X, y = sums(rng)
    model = regressor().fit(1000 + 200 * X[:200], 5e6 + 1e4 * y[:200])
    assert model.score(1000 + 200 * X[200:], 5e6 + 1e4 * y[200:]) > 0.85
    raw = regressor(standardize=False).fit(1000 + 200 * X[:200], 5e6 + 1e4 * y[:200])
    assert raw.score(1000 + 200 * X[200:], 5e6 + 1e4 * y[200:]) < 0.0
    assert raw.model_.input_scaler is raw.model_.target_scaler is None


def test_units_change_nothing(rng: np.random.Generator) -> None:
    # Squares of such targets are zero in float64; powers of two round nothing.
    X, y = sums(rng, 60)
    options: dict[str, Any] = {"max_iter": 3, "early_stopping": True}
    model = regressor(**options).fit(X, y)
    small = regressor(**options).fit(X, np.ldexp(y, -700))
    np.testing.assert_array_equal(
        small.predict(X), np.ldexp(model.predict(X), -700), strict=True
    )
    assert small.validation_scores_ == model.validation_scores_
    assert small.score(X, np.ldexp(y, -700)) == model.score(X, y) < 1.0


@pytest.mark.parametrize("output", ["last", "sequence"])
def test_output_is_that_of_the_fit(rng: np.random.Generator, output: str) -> None:
    X = [rng.standard_normal((steps, 2)) for steps in (4, 3, 5, 4)]
    y: Any = [x[:, 0] for x in X] if output == "sequence" else np.arange(4.0)
    model = regressor(output=output, max_iter=2).fit(X, y)
    expected, score = model.predict(X), model.score(X, y)
    model.set_params(output="last" if output == "sequence" else "sequence")
    for actual, wanted in zip(model.predict(X), expected, strict=True):
        np.testing.assert_array_equal(actual, wanted, strict=True)
    assert model.score(X, y) == score


@pytest.mark.parametrize("shape", [(300,), (300, 1), (300, 3)])
def test_predictions_have_the_shape_of_y(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    X, y = sums(rng)
    targets = np.broadcast_to(y.reshape(-1, *[1] * (len(shape) - 1)), shape)
    model = regressor().fit(X, targets)
    predicted = model.predict(X[:7])
    assert predicted.shape == (7, *shape[1:])
    assert predicted.dtype == np.float64
    assert model.score(X, targets) > 0.85


@pytest.mark.parametrize("outputs", [None, 2])
def test_one_target_a_step(rng: np.random.Generator, outputs: int | None) -> None:
    X = rng.standard_normal((200, 8, 2))
    y = np.cumsum(X[..., 0], axis=1)
    if outputs:
        y = np.stack([y, -2 * y], axis=2)
    model = regressor(output="sequence").fit(X[:150], y[:150])
    predicted = model.predict(X[150:])
    assert predicted.shape == y[150:].shape
    score = model.score(X[150:], y[150:])
    assert score > 0.85
    flat = (-1, outputs or 1)
    expected = r2_score(y[150:].reshape(flat), predicted.reshape(flat))
    assert_close(np.array(score), np.array(expected), VALUE["float64"])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_steps_of_ragged_sequences(
    rng: np.random.Generator, early_stopping: bool
) -> None:
    X = [rng.standard_normal((steps, 2)) for steps in rng.integers(2, 9, 200)]
    y = [part[:, 0].cumsum() for part in X]
    model = regressor(output="sequence", early_stopping=early_stopping, max_iter=60)
    model.fit(X, y, np.linspace(0.5, 1.5, 200))
    predicted = model.predict(X[:5])
    assert [part.shape for part in predicted] == [part.shape for part in y[:5]]
    assert model.score(X, y) > 0.85
    with pytest.raises(ValueError, match=r"y, sequence 3: shape .* one target a step"):
        model.fit(X, [*y[:3], y[3][:-1], *y[4:]])
    y[4][1] = np.nan
    with pytest.raises(ValueError, match="y contains NaN at sample 4, step 1"):
        model.fit(X, y)


def test_steps_of_a_frame(rng: np.random.Generator) -> None:
    X = rng.standard_normal((60, 5))
    model = regressor(output="sequence", max_iter=3).fit(X, X)
    assert model.predict(X).shape == (60, 5)
    with pytest.raises(ValueError, match="y has 4 steps and X has 5"):
        model.fit(X, X[:, :4])
    with pytest.raises(ValueError, match=r"expected \(samples, steps\) or"):
        model.fit(X, X[:, 0])


def test_weights_are_repetitions(rng: np.random.Generator) -> None:
    X = [rng.standard_normal((2 + k % 4, 2)) for k in range(20)]
    y = rng.standard_normal(20)
    times = np.arange(20) % 3
    options = {"dtype": "float64", "batch_size": 100, "max_iter": 10}
    weighted = regressor(**options).fit(X, y, sample_weight=times)
    repeated = regressor(**options).fit(
        [X[k] for k in np.repeat(np.arange(20), times)], y.repeat(times)
    )
    # Ten steps of an optimizer apart from one another.
    assert_close(weighted.predict(X), repeated.predict(X), PAIR_VALUE["float32"])


def test_zero_weight_is_absence(rng: np.random.Generator) -> None:
    X, y = sums(rng, 60)
    weights = np.ones(60)
    weights[::3] = 0.0
    kept = weights > 0
    model = regressor(max_iter=5, batch_size=8).fit(X, y, weights)
    other = regressor(max_iter=5, batch_size=8).fit(X[kept], y[kept], weights[kept])
    assert_same_bits({"y": model.predict(X)}, {"y": other.predict(X)})


def test_score_takes_weights(rng: np.random.Generator) -> None:
    X, y = sums(rng, 60)
    model = regressor(max_iter=5).fit(X, y)
    weights = np.arange(60.0)
    expected = r2_score(y, model.predict(X), sample_weight=weights)
    assert_close(
        np.array(model.score(X, y, weights)), np.array(expected), VALUE["float64"]
    )


def test_dtype(rng: np.random.Generator) -> None:
    X, y = sums(rng, 40)
    for dtype, data, expected in (
        ("float32", np.float64, np.float32),
        ("auto", np.float64, np.float64),
        ("auto", np.float32, np.float32),
        ("auto", np.int64, np.float64),
        ("float64", np.float32, np.float64),
    ):
        model = regressor(dtype=dtype, max_iter=1).fit(X.astype(data), y)
        assert model.model_.dtype == expected
