"""The cell variants and regularisers of `fastlstm.nn.LSTM`, as estimators have them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor, LSTMTagger
from fastlstm.models import SequenceModel
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE
from .test_fit import problem, quiet, regressor

# What is asked of an estimator, and what the LSTM or the model inside then has.
OPTIONS: list[dict[str, Any]] = [
    {"pooling": "mean"},
    {"pooling": "attention", "dropout": 0.2},
    {"peephole": True},
    {"coupled_gates": True},
    {"gate_activation": "hard_sigmoid"},
    {"cell_activation": "relu", "cell_clip": 2.0},
    {"normalization": "layer"},
    {"normalization": "batch", "normalization_steps": 4},
    {"normalization": "batch", "normalization_momentum": 0.3},
    {"initializer": "uniform", "forget_bias": 2.0},
    {"initializer": {"i": "uniform", **dict.fromkeys("fgo", "orthogonal")}},
    {"chrono_steps": 6},
    {"variational_dropout": 0.2, "num_layers": 2},
    {"recurrent_dropout": 0.2},
    {"recurrent_dropout": 0.2, "recurrent_dropout_kind": "hidden"},
    {"weight_dropout": 0.3},
    {"zoneout_h": 0.1, "zoneout_c": 0.1, "bidirectional": True},
    {"activation_penalty": 0.1, "temporal_activation_penalty": 0.1},
]
ALL = (LSTMRegressor, LSTMClassifier, LSTMTagger)
NAMES = {name for options in OPTIONS for name in options}


def inside(model: SequenceModel, name: str) -> Any:
    """What the parts of a model say of an option."""
    lstm = model._network.lstm
    if name in {"pooling", "dropout"}:
        return model.config[name]
    if name.endswith("activation_penalty"):
        attribute = "beta" if name.startswith("temporal") else "alpha"
        values = [getattr(p, attribute, None) for p in model._network.penalties]
        return next(value for value in values if value is not None)
    records = (
        lstm.cell._asdict(),
        lstm.regularizers._asdict(),
        {f"normalization_{k}": v for k, v in lstm.normalization._asdict().items()},
        {"normalization": lstm.normalization.kind},
    )
    for record in records:
        if name in record:
            return record[name]
    return getattr(lstm, name)


@quiet
@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        pytest.param(e, options, id=f"{e.__name__}-{', '.join(options)}")
        for e in ALL
        for options in OPTIONS
        if (e, "pooling") not in {(LSTMTagger, name) for name in options}
    ],  # a tagger answers at every step
)
def test_fit(rng: np.random.Generator, estimator: Any, options: dict[str, Any]) -> None:
    X, y = problem(rng)
    if estimator is not LSTMRegressor:
        y = np.where((X[:, :, 0] if estimator is LSTMTagger else y) > 0, "up", "down")
    settings = {"hidden_size": 6, "max_iter": 2, "batch_size": 16, "random_state": 0}
    model = estimator(**{**settings, **options})
    assert options.items() <= model.get_params().items()
    assert clone(model).get_params() == model.get_params()
    model.fit(X, y)
    plain = estimator(**settings).set_params(num_layers=model.num_layers)
    plain.set_params(bidirectional=model.bidirectional).fit(X, y)
    again = estimator(**settings).set_params(**options).fit(X, y)
    answers = [
        m.predict(X) if estimator is LSTMRegressor else m.predict_proba(X)
        for m in (model, again, plain)
    ]
    assert np.isfinite(answers[0]).all()
    assert_same_bits({"y": answers[1]}, {"y": answers[0]})
    assert (answers[2] != answers[0]).any()
    for name, value in options.items():
        assert inside(model.model_, name) == value, name


def test_options_are_those_of_the_model() -> None:
    models = inspect.signature(SequenceModel).parameters
    rest = {"input_size", "output_size", "output", "quantiles"}
    rest |= {"skip_steps", "skip_features"}  # as `autoregression` of the forecaster
    for estimator in ALL:
        own = inspect.signature(estimator).parameters
        assert set(models) - set(own) <= rest
        for name in set(models) & set(own):
            if (estimator, name) != (LSTMTagger, "bidirectional"):
                assert own[name].default == models[name].default, name
            positional = name in {"hidden_size", "num_layers"}
            assert (own[name].kind is inspect.Parameter.KEYWORD_ONLY) != positional
    layers = {"hidden_size", "num_layers", "bidirectional", "projection_size"}
    layers |= {"vocabulary_size", "embedding_dim", "embedding_dropout"}  # of tokens
    others = {*rest, "memory", "dtype", "random_state"}
    assert NAMES - layers == set(models) - layers - others


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 0.1, "variational_dropout": 0.2}, "dropout=0.1 does not go with"),
        (
            {"normalization": "layer", "memory": "checkpoint"},
            "normalization='layer' does not go with memory='checkpoint'",
        ),
        ({"zoneout_h": 0.1, "projection_size": 3}, "zoneout_h=0.1"),
        ({"zoneout_c": 0.1, "peephole": True}, "zoneout_c=0.1"),
        ({"l1": -0.5}, "'l1' parameter .* Got -0.5"),
        ({"zoneout_c": 1.0}, "'zoneout_c' parameter of LSTMRegressor must be a float"),
        ({"normalization": "group"}, "'normalization' parameter .* Got 'group'"),
        ({"chrono_steps": 2}, "'chrono_steps' parameter .* Got 2"),
        ({"cell_clip": 0.0}, "'cell_clip' parameter .* Got 0.0"),
        ({"gate_activation": "gelu"}, "'gate_activation' parameter .* Got 'gelu'"),
        ({"activation_penalty": -1.0}, "'activation_penalty' parameter .* Got -1"),
        ({"initializer": {"i": "uniform"}}, "initializer must name the gates"),
        ({"forget_bias": np.nan}, "forget_bias must be finite .* got nan"),
    ],
)
def test_errors_come_at_fit(
    rng: np.random.Generator, options: dict[str, Any], message: str
) -> None:
    model = regressor(**options)
    with pytest.raises(ValueError, match=message):
        model.fit(*problem(rng))
    assert not hasattr(model, "model_")


@quiet
def test_memory_of_a_warm_start_goes_with_the_model(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    model = regressor(normalization="layer", warm_start=True).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="does not go with memory='recompute'"):
        model.set_params(memory="recompute").fit(X, y)
    assert_same_bits({"y": model.predict(X)}, {"y": before})
    model.set_params(memory="store", zoneout_h=0.1)
    with pytest.raises(ValueError, match=r"whose zoneout_h is 0\.0; got 0\.1"):
        model.fit(X, y)


@quiet
@pytest.mark.parametrize("seed", [0, 1])
def test_early_stopping_returns_to_the_statistics_of_the_best(
    rng: np.random.Generator, seed: int
) -> None:
    X, y = problem(rng)
    y[60:] += rng.standard_normal(20)
    model = regressor(
        hidden_size=20,
        normalization="batch",
        learning_rate_init=0.03,
        early_stopping=True,
        n_iter_no_change=8,
        max_iter=100,
        random_state=seed,
    ).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert model.n_iter_ < 100
    best, last = model.best_validation_score_, model.validation_scores_[-1]
    assert best > last
    score = model.score(X[60:], y[60:])
    assert_close(np.array(score), np.array(best), PAIR_VALUE["float32"])


@quiet
def test_warm_start_goes_on_with_the_statistics(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    options = {
        "warm_start": True,
        "n_iter_no_change": 50,
        "normalization": "batch",
        "zoneout_h": 0.1,
        "weight_dropout": 0.2,
        "variational_dropout": 0.1,
    }
    validation = {"X_val": X[60:], "y_val": y[60:]}
    twice = regressor(max_iter=3, **options).fit(X[:60], y[:60], **validation)
    twice.fit(X[:60], y[:60], **validation)
    once = regressor(max_iter=6, **options).fit(X[:60], y[:60], **validation)
    assert twice.validation_scores_ == once.validation_scores_
    assert_same_bits({"w": twice.model_.params.flat}, {"w": once.model_.params.flat})


@quiet
def test_validation_changes_nothing(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    options = {"normalization": "batch", "variational_dropout": 0.2}
    watched = regressor(**options).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    alone = regressor(**options).fit(X[:60], y[:60])
    assert_same_bits({"w": watched.model_.params.flat}, {"w": alone.model_.params.flat})


@quiet
def test_penalties_make_outputs_smaller_and_steadier(rng: np.random.Generator) -> None:
    X, y = problem(rng)

    def outputs(**options: Any) -> np.ndarray:
        model = regressor(max_iter=40, learning_rate_init=0.02, **options).fit(X, y)
        batch = X.astype(np.float32)
        return np.asarray(model.model_._network.lstm(batch)[0])

    plain = outputs()
    small, steady = (
        outputs(activation_penalty=5.0),
        outputs(temporal_activation_penalty=5.0),
    )
    assert np.square(small).mean() < 0.5 * np.square(plain).mean()
    changes = [np.square(np.diff(h, axis=1)).mean() for h in (steady, plain)]
    assert changes[0] < 0.5 * changes[1]


@quiet
@pytest.mark.parametrize(
    ("solver", "rate", "strength"),
    # Decoupled, each of the 150 steps takes off rate times strength.
    [("sgd", 0.05, 0.02), ("adam", 0.01, 0.02), ("adamw", 0.01, 0.8)],
)
def test_l1_draws_weights_to_zero(
    rng: np.random.Generator, solver: str, rate: float, strength: float
) -> None:
    X, y = problem(rng)
    options = {"solver": solver, "learning_rate_init": rate, "max_iter": 30}
    sums = []
    for l1 in (0.0, strength):
        model = regressor(l1=l1, **options).fit(X, y).model_
        weights = [v for n, v in model.params.items() if ".weight" in n]
        sums.append(sum(float(np.abs(v).sum()) for v in weights))
    assert sums[1] < 0.7 * sums[0]


@quiet
def test_search_over_options(rng: np.random.Generator) -> None:
    X, y = problem(rng, 60)
    grid = {"normalization": [None, "layer"], "zoneout_h": [0.0, 0.1]}
    search = GridSearchCV(regressor(max_iter=2), grid, cv=2).fit(X, y)
    assert set(search.best_params_) == set(grid)


@quiet
@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (LSTMClassifier, {"normalization": "layer", "zoneout_h": 0.1}),
        (LSTMRegressor, {"normalization": "layer"}),
        (LSTMRegressor, {"normalization": "batch"}),
        (LSTMRegressor, {"variational_dropout": 0.05, "zoneout_h": 0.05}),
        (LSTMRegressor, {"weight_dropout": 0.1, "activation_penalty": 0.01}),
        (LSTMRegressor, {"peephole": True, "coupled_gates": True, "chrono_steps": 20}),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else value.__name__,
)
def test_learns(estimator: Any, options: dict[str, Any]) -> None:
    # The problem of the estimators' docstrings, to the same score.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 20, 2))
    y = X[:, -5:, 0].sum(axis=1)
    y = y if estimator is LSTMRegressor else np.where(y > 0, "up", "down")
    if options.get("normalization") == "layer":
        # Over few features a step loses its scale; a constant one keeps it.
        X = np.concatenate([X, np.ones((300, 20, 1))], axis=2)
        options = {**options, "standardize": False}
    model = estimator(
        16, learning_rate_init=0.01, max_iter=60, random_state=0, **options
    ).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.8


@pytest.mark.parametrize(("batch_size", "rows"), [(1, 20), ("auto", 1)])
def test_batch_norm_needs_two_sequences(batch_size: Any, rows: int) -> None:
    X = np.random.default_rng(0).standard_normal((rows, 5, 2))
    model = LSTMRegressor(4, normalization="batch", batch_size=batch_size)
    with pytest.raises(ValueError, match=r"at least 2.*batch_size="):
        model.fit(X, X[:, -1, 0])
