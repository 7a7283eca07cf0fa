"""Losses of the regressor: what each learns, its predictions and its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMRegressor
from fastlstm.data import SequenceBatch
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE, VALUE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LOSSES = ["squared_error", "absolute_error", "huber", "quantile"]
QUANTILES = [0.1, 0.5, 0.9]


def regressor(**options: Any) -> LSTMRegressor:
    settings = {
        "hidden_size": 8,
        "learning_rate_init": 0.02,
        "max_iter": 30,
        "random_state": 0,
    }
    return LSTMRegressor(**{**settings, **options})


def sums(rng: np.random.Generator, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    X = rng.standard_normal((n, 6, 2))
    return X, X[:, -3:, 0].sum(axis=1)


def d2(y: np.ndarray, predicted: np.ndarray, **options: Any) -> float:
    scores = [
        d2_pinball_score(y, predicted[..., j], alpha=q, **options)
        for j, q in enumerate(QUANTILES)
    ]
    return float(np.mean(scores))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns(rng: np.random.Generator, loss: str) -> None:
    X, y = sums(rng)
    model = regressor(loss=loss).fit(X[:200], y[:200])
    predicted = model.predict(X[200:])
    assert predicted.shape == (100,)
    assert model.score(X[200:], y[200:]) > 0.85
    # R^2 whatever the loss, as every regressor of scikit-learn has it.
    expected = r2_score(y[200:], predicted)
    assert_close(np.array(model.score(X[200:], y[200:])), expected, VALUE["float64"])


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_robust_losses_bear_outliers(rng: np.random.Generator, loss: str) -> None:
    X, y = sums(rng)
    spoilt = y.copy()
    spoilt[:200:9] += 60.0
    scores = [
        regressor(loss=name, huber_delta=0.1)
        .fit(X[:200], spoilt[:200])
        .score(X[200:], y[200:])
        for name in (loss, "squared_error")
    ]
    assert scores[0] > 0.7
    assert scores[1] < 0.0


def test_huber_with_a_large_delta_is_half_the_square(rng: np.random.Generator) -> None:
    X, y = sums(rng, 60)
    options = {"solver": "sgd", "max_grad_norm": None, "max_iter": 5}
    square = regressor(learning_rate_init=0.125, **options).fit(X, y)
    huber = regressor(
        loss="huber", huber_delta=1e6, learning_rate_init=0.25, **options
    ).fit(X, y)
    assert_same_bits({"y": huber.predict(X)}, {"y": square.predict(X)})
    small = regressor(loss="huber", learning_rate_init=0.25, **options).fit(X, y)
    assert (small.predict(X) != square.predict(X)).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_are_in_standardised_units(rng: np.random.Generator, loss: str) -> None:
    X, y = sums(rng, 60)
    one = regressor(loss=loss, max_iter=5).fit(X, y)
    other = regressor(loss=loss, max_iter=5).fit(X, 1024.0 * y)  # exact in binary
    assert other.loss_curve_ == one.loss_curve_
    assert_same_bits({"y": other.predict(X)}, {"y": 1024.0 * one.predict(X)})
    raw = regressor(loss=loss, max_iter=5, standardize=False).fit(X, 1024.0 * y)
    assert raw.loss_curve_ != one.loss_curve_


# ----------------------------------------------------------------------- quantiles


def noisy(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The noise is as large as the last step of the second feature says."""
    X = rng.standard_normal((n, 5, 2))
    spread = 0.3 + 0.7 * (X[:, -1, 1] > 0)
    return X, X[:, -2:, 0].sum(axis=1) + spread * rng.standard_normal(n)


def test_quantiles_cover_their_share(rng: np.random.Generator) -> None:
    X, y = noisy(rng, 3000)
    model = regressor(
        loss="quantile", quantile=QUANTILES, max_iter=25, learning_rate_init=0.01
    ).fit(X[:2000], y[:2000])
    predicted = model.predict(X[2000:])
    assert predicted.shape == (1000, 3)
    covered = (y[2000:, None] <= predicted).mean(axis=0)
    # Three standard deviations of 1000 draws, and as much for what is learnt.
    for share, q in zip(covered, QUANTILES, strict=True):
        assert abs(share - q) < 6 * np.sqrt(q * (1 - q) / 1000), (share, q)
    # The interval follows the noise: 2.56 times its deviation, 0.3 or 1.
    width = predicted[:, 2] - predicted[:, 0]
    loud = X[2000:, -1, 1] > 0
    assert 0.4 < width[~loud].mean() < 1.2
    assert 2.0 < width[loud].mean() < 3.2


def test_beside_the_quantile_regression_of_scikit_learn(
    rng: np.random.Generator,
) -> None:
    # It is given the two numbers that matter, and knows that they only add up; the
    # spread of the noise it cannot know.
    X, y = noisy(rng, 1200)
    model = regressor(loss="quantile", quantile=QUANTILES, learning_rate_init=0.01)
    predicted = model.fit(X[:800], y[:800]).predict(X[800:])
    peers = [
        QuantileRegressor(quantile=q, alpha=0.0)
        .fit(X[:800, -2:, 0], y[:800])
        .predict(X[800:, -2:, 0])
        for q in QUANTILES
    ]
    assert d2(y[800:], predicted) > d2(y[800:], np.stack(peers, axis=1))


def test_quantiles_never_cross(rng: np.random.Generator) -> None:
    X, y = sums(rng, 60)
    quantiles = [0.48, 0.49, 0.5, 0.51, 0.52]
    y = np.stack([y, 3.0 - 100.0 * y], axis=1)
    model = regressor(loss="quantile", quantile=quantiles, max_iter=2).fit(X, y)
    inner = model.model_
    raw = inner.infer(inner.scale_inputs(SequenceBatch(X))).astype(np.float64)
    raw = raw.reshape(60, 2, 5)
    assert (np.diff(raw) < 0).any()
    predicted = model.predict(X)
    assert predicted.shape == (60, 2, 5)
    assert (np.diff(predicted) >= 0).all()
    # The same numbers, in order, each in the units of its own target.
    expected = np.sort(raw) * y.std(axis=0)[:, None] + y.mean(axis=0)[:, None]
    assert_close(predicted, expected, VALUE["float64"])
    assert_same_bits(
        {"y": inner.predict(SequenceBatch(X))}, {"y": predicted.reshape(60, 10)}
    )


@pytest.mark.parametrize("outputs", [None, 1, 2])
@pytest.mark.parametrize("quantile", [0.3, [0.3], QUANTILES], ids=str)
def test_shapes(rng: np.random.Generator, outputs: int | None, quantile: Any) -> None:
    X = rng.standard_normal((30, 5, 2))
    tail = (outputs,) if outputs else ()
    y = rng.standard_normal((30, 5, *tail))
    last = np.shape(quantile)
    options = {"loss": "quantile", "quantile": quantile, "max_iter": 1}
    one = regressor(**options).fit(X, y[:, 0])
    assert one.predict(X).shape == (30, *tail, *last)
    each = regressor(**options, output="sequence").fit(X, y)
    assert each.predict(X).shape == (30, 5, *tail, *last)
    ragged = [part[: 1 + k % 5] for k, part in enumerate(X)]
    parts = each.predict(ragged)
    assert [part.shape for part in parts] == [(len(r), *tail, *last) for r in ragged]
    assert_same_bits({"y": parts[4]}, {"y": each.predict(X)[4]})


def test_score_of_several_quantiles(rng: np.random.Generator) -> None:
    X, y = sums(rng, 80)
    weights = rng.random(80)
    model = regressor(loss="quantile", quantile=QUANTILES, max_iter=5).fit(X, y)
    expected = d2(y, model.predict(X), sample_weight=weights)
    score = model.score(X, y, sample_weight=weights)
    assert_close(np.array(score), np.array(expected), VALUE["float64"])
    # Every valid step once; a mean over targets.
    Y = np.stack([np.cumsum(X[..., 0], axis=1), X[..., 1]], axis=2)
    lengths = 1 + np.arange(80) % 6
    parts = [part[:n] for part, n in zip(X, lengths, strict=True)]
    targets = [part[:n] for part, n in zip(Y, lengths, strict=True)]
    model.set_params(output="sequence").fit(parts, targets)
    expected = d2(
        np.concatenate(targets),
        np.concatenate(model.predict(parts)),
        sample_weight=np.repeat(weights, lengths),
    )
    score = model.score(parts, targets, sample_weight=weights)
    assert_close(np.array(score), np.array(expected), VALUE["float64"])


# ---------------------------------------------------------------------- validation


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"loss": "squared_error"}, r2_score),
        ({"loss": "absolute_error"}, d2_absolute_error_score),
        ({"loss": "huber"}, d2_absolute_error_score),
        (
            {"loss": "quantile", "quantile": 0.2},
            lambda y, p: d2_pinball_score(y, p, alpha=0.2),
        ),
        ({"loss": "quantile", "quantile": QUANTILES}, d2),
    ],
    ids=["squared", "absolute", "huber", "quantile", "quantiles"],
)
def test_validation_score_fits_the_loss(
    rng: np.random.Generator, options: dict[str, Any], expected: Any
) -> None:
    X, y = sums(rng, 120)
    validation = {"X_val": X[80:], "y_val": y[80:]}
    model = regressor(max_iter=3, **options).fit(X[:80], y[:80], **validation)
    # The fit scores float32 outputs in standardised units.
    score = np.array(model.validation_scores_[-1])
    assert_close(score, expected(y[80:], model.predict(X[80:])), PAIR_VALUE["float32"])
    model.set_params(early_stopping=True).fit(X[:80], y[:80])
    assert model.best_validation_score_ == max(model.validation_scores_)


@pytest.mark.parametrize(("loss", "score"), [("huber", r"D\^2"), (LOSSES[0], r"R\^2")])
def test_one_validation_target_is_too_few(
    rng: np.random.Generator, loss: str, score: str
) -> None:
    X, y = sums(rng, 10)
    with pytest.raises(ValueError, match=f"{score} needs at least two .* got 1"):
        regressor(loss=loss, early_stopping=True).fit(X, y)


# ------------------------------------------------------------------------ behaviour


def test_zero_weight_is_absence(rng: np.random.Generator) -> None:
    X, y = sums(rng, 60)
    weights = np.ones(60)
    weights[::3] = 0.0
    kept = weights > 0
    options = {"loss": "quantile", "quantile": QUANTILES, "max_iter": 3}
    model = regressor(**options).fit(X, y, weights)
    other = regressor(**options).fit(X[kept], y[kept])
    assert_same_bits({"y": model.predict(X)}, {"y": other.predict(X)})


def test_predictions_are_those_of_the_fit(rng: np.random.Generator) -> None:
    X, y = sums(rng, 40)
    model = regressor(loss="quantile", quantile=QUANTILES, max_iter=1).fit(X, y)
    before, score = model.predict(X), model.score(X, y)
    model.set_params(loss="squared_error", quantile=0.5)
    assert_same_bits({"y": model.predict(X)}, {"y": before})
    assert model.score(X, y) == score


def test_warm_start(rng: np.random.Generator) -> None:
    X, y = sums(rng, 40)
    options = {"loss": "quantile", "quantile": QUANTILES, "warm_start": True}
    model = regressor(max_iter=2, **options).fit(X, y).fit(X, y)
    once = regressor(max_iter=4, **options).fit(X, y)
    assert_same_bits({"y": model.predict(X)}, {"y": once.predict(X)})
    model.set_params(quantile=[0.2, 0.5, 0.8]).fit(X, y)  # other settings, same model
    before = model.predict(X)
    with pytest.raises(ValueError, match="whose quantiles is 3; got 2"):
        model.set_params(quantile=[0.2, 0.8]).fit(X, y)
    assert_same_bits({"y": model.predict(X)}, {"y": before})


def test_tools_of_scikit_learn(rng: np.random.Generator) -> None:
    X, y = sums(rng, 60)
    model = regressor(loss="quantile", quantile=QUANTILES, max_iter=2)
    assert cross_val_predict(model, X, y, cv=3).shape == (60, 3)
    search = GridSearchCV(regressor(max_iter=2), {"loss": LOSSES}, cv=2).fit(X, y)
    assert search.best_params_["loss"] in LOSSES


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"loss": "mae"}, ValueError, "'loss' parameter .* Got 'mae'"),
        ({"quantile": 1.0}, ValueError, "'quantile' parameter .* Got 1.0"),
        ({"huber_delta": 0.0}, ValueError, "'huber_delta' parameter .* Got 0.0"),
        (
            {"loss": "quantile", "quantile": [0.9, 0.1]},
            ValueError,
            r"quantiles must increase, got \[0\.9, 0\.1\]",
        ),
        (
            {"loss": "quantile", "quantile": [0.1, 1.5]},
            ValueError,
            r"quantile must be finite and in \(0, 1\), got 1\.5",
        ),
        ({"loss": "quantile", "quantile": [[0.1]]}, TypeError, "must be a real number"),
        ({"loss": "quantile", "quantile": []}, ValueError, "at least one"),
    ],
)
def test_bad_settings(
    rng: np.random.Generator, options: dict[str, Any], error: type, match: str
) -> None:
    model = regressor(**options)
    with pytest.raises(error, match=match):
        model.fit(*sums(rng, 20))
    assert not hasattr(model, "model_")
