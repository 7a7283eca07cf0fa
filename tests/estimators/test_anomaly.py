"""LSTMAnomalyDetector among scikit-learn's: parameters, data, fits, copies."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
from typing import Any

import fastlstm
import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMAnomalyDetector, LSTMRegressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from ..compare import assert_same_bits
from .contract import assert_attributes_are_documented

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STATE = (
    "depends on the order of rows by purpose: they are the steps of a series, and an "
    "answer depends on those before it"
)
LEARNT = {"learning_rate_init": 0.02, "max_iter": 40, "smoothing": 5, "window": 50}


def detector(**options: Any) -> LSTMAnomalyDetector:
    settings = {"hidden_size": 6, "max_iter": 2, "window": 20, "random_state": 0}
    return LSTMAnomalyDetector(**{**settings, **options})


def waves(rng: np.random.Generator, steps: int = 400) -> np.ndarray:
    """A wave, what switches its height a step later, and noise."""
    switch = np.repeat(rng.integers(0, 2, size=steps // 20 + 1), 20)[:steps]
    wave = np.sin(np.arange(steps) / 4) + 0.05 * rng.normal(size=steps)
    return np.stack(
        [wave * (1 + np.roll(switch, 1)), switch, rng.normal(size=steps)], axis=1
    )


@parametrize_with_checks(
    [detector(contamination=c) for c in ("auto", 0.1)],
    expected_failed_checks=lambda _: {
        "check_methods_sample_order_invariance": STATE,
        "check_methods_subset_invariance": STATE,
        "check_fit1d": "takes one dimension by purpose: a series of one feature",
    },
)
def test_checks(estimator: Any, check: Any) -> None:
    check(estimator)


# ------------------------------------------------------------------- parameters


def test_constructor_only_stores() -> None:
    names = list(inspect.signature(LSTMAnomalyDetector).parameters)
    values = {name: object() for name in names}
    assert vars(LSTMAnomalyDetector(**values)) == values
    assert names[:2] == ["hidden_size", "num_layers"]
    # What it has of the regressor's it hands on; the rest means nothing here.
    rest = set(inspect.signature(LSTMRegressor).parameters) - set(names)
    assert rest == {
        *("bidirectional", "pooling", "vocabulary_size", "embedding_dim", "layout"),
        *("embedding_dropout", "warm_start", "validation_split", "scoring"),
        *("output", "loss", "quantile", "huber_delta"),
    }


def test_documentation_tells_the_defaults() -> None:
    text = LSTMAnomalyDetector.__doc__ or ""
    parameters = inspect.signature(LSTMAnomalyDetector).parameters
    for name, parameter in parameters.items():
        told = re.search(rf"^    {name} : .*, default=(.*)$", text, re.M)
        assert told, name
        assert ast.literal_eval(told[1]) == parameter.default, name
    assert "bidirectional" not in text
    assert not re.search(r"\{\w+( \w+)*\}", text)


def test_tags() -> None:
    tags = get_tags(detector())
    assert tags.estimator_type == "outlier_detector"
    assert not tags.target_tags.required
    assert not tags.input_tags.allow_nan


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"contamination": 0.6}, "'contamination' parameter .* Got 0.6"),
        ({"contamination": "some"}, "'contamination' parameter .* Got 'some'"),
        ({"window": 0}, "'window' parameter .* Got 0"),
        ({"horizon": 0}, "'horizon' parameter .* Got 0"),
        ({"warm_up": 0}, "'warm_up' parameter .* Got 0"),
        ({"smoothing": 0.5}, "'smoothing' parameter .* Got 0.5"),
        ({"pruning": 1.0}, "'pruning' parameter .* Got 1.0"),
        ({"buffer": -1}, "'buffer' parameter .* Got -1"),
        ({"min_error": -0.1}, "'min_error' parameter .* Got -0.1"),
        ({"hidden_size": 0}, "'hidden_size' parameter of LSTMAnomalyDetector"),
        ({"targets": 3}, "targets has 3, but X has 3 features"),
        ({"targets": [0, -3]}, r"features, each once, got \[0, -3\]"),
        ({"targets": []}, r"features, each once, got \[\]"),
        ({"targets": "wave"}, "'wave', which is none of the columns .* no names"),
        ({"horizon": 30}, r"n_samples = 30 steps: expected at least horizon \+ 1 = 31"),
        ({"early_stopping": True, "validation_fraction": 0.01}, "0.01 of X, series 0"),
    ],
)
def test_bad_parameters(options: dict[str, Any], message: str) -> None:
    X = waves(np.random.default_rng(0), 30)
    model = detector().fit(X)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.set_params(**options).fit(X)
    assert {**vars(model), **{k: before[k] for k in options}} == before


def test_targets_of_another_type(rng: np.random.Generator) -> None:
    with pytest.raises(TypeError, match="places or names of features, got True"):
        detector(targets=[True]).fit(waves(rng))


# ------------------------------------------------------------------------- data


def test_forms(rng: np.random.Generator) -> None:
    X = waves(rng)
    frame = pd.DataFrame(X, columns=["wave", "switch", "noise"])
    model = detector(targets=0).fit(X)
    expected = model.score_samples(X)
    assert expected.shape == (400,)
    named = detector(targets="wave").fit(frame)
    assert named.feature_names_in_.tolist() == list(frame.columns)
    assert named.targets_.tolist() == [0]
    assert_same_bits({"s": named.score_samples(frame)}, {"s": expected})
    (listed,) = detector(targets=[0]).fit([X]).score_samples([X])
    assert_same_bits({"s": listed}, {"s": expected})

    one = detector().fit(X[:, 0])
    for same in (X[:, 0], X[:, :1], pd.Series(X[:, 0]), X[:, 0].tolist()):
        scores = detector().fit(same).score_samples(same)
        assert_same_bits({"s": scores}, {"s": one.score_samples(X[:, 0])})


def test_series_are_learnt_together_and_judged_alone(rng: np.random.Generator) -> None:
    parts = [waves(rng, steps) for steps in (30, 90, 41)]
    model = detector().fit(parts)
    alone = [model.score_samples(part) for part in parts]
    for scores, expected in zip(model.score_samples(parts), alone, strict=True):
        assert_same_bits({"s": scores}, {"s": expected})
    smoothed = -np.concatenate(alone)
    assert model.smoothed_mean_ == pytest.approx(smoothed.mean())
    assert model.smoothed_deviation_ == pytest.approx(smoothed.std())
    for method in ("predict", "decision_function", "anomaly_spans"):
        assert len(getattr(model, method)(parts)) == 3
    other = detector().fit(parts[:1])
    assert (other.model_.params.flat != model.model_.params.flat).any()


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "NaN": (
        lambda X: np.where(np.arange(3) == 1, [[np.nan]], X),
        ValueError,
        "Input X contains NaN at step 0, feature 1",
    ),
    "inf in a list": (
        lambda X: [X, np.full_like(X, np.inf)],
        ValueError,
        "X, series 1 contains .* at step 0, feature 0",
    ),
    "no steps": (lambda X: X[:0], ValueError, "0 sample"),
    "three dimensions": (
        lambda X: X[None],
        ValueError,
        r"X has shape \(1, 60, 3\): expected one series, .* or a list",
    ),
    "other features": (
        lambda X: [X, X[:, :2]],
        ValueError,
        "X has 2 features, but LSTMAnomalyDetector is expecting 3",
    ),
    "other columns": (
        lambda X: [pd.DataFrame(X, columns=list(c)) for c in ("abc", "abd")],
        ValueError,
        "sequence 1 has .* expected frames with the same columns",
    ),
    "words": (lambda X: X.astype(str).astype(object) + "a", ValueError, "could not"),
    "one step": (lambda X: X[:1], ValueError, r"n_samples = 1 steps"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_changes_nothing(rng: np.random.Generator, name: str) -> None:
    spoil, kind, message = BAD[name]
    X = waves(rng, 60)
    model = detector().fit(X)
    before, expected = dict(vars(model)), model.score_samples(X)
    with pytest.raises(kind, match=message):
        model.fit(spoil(X))
    assert vars(model) == before
    assert_same_bits({"s": model.score_samples(X)}, {"s": expected})
    if name != "one step":  # for which there is an answer
        with pytest.raises(kind, match=message):
            model.predict(spoil(X))
    fresh = detector()
    with pytest.raises(kind, match=message):
        fresh.fit(spoil(X))
    assert vars(fresh) == fresh.get_params()


def test_one_dimension_for_several_features(rng: np.random.Generator) -> None:
    model = detector().fit(waves(rng))
    with pytest.raises(ValueError, match=r"Reshape your data: expected \(steps, 3\)"):
        model.predict(np.ones(30))


def test_constant_series_without_any_error() -> None:
    X = np.full(60, 3.0)  # zeros, once standardised
    model = detector(buffer=0).fit(X)
    assert model.offset_ == 0.0
    assert model.anomaly_spans(X) == []
    X[30] = 4.0
    assert model.anomaly_spans(X)[0].start == 30
    assert model.anomaly_spans(X[:20], history=10) == []


def test_constant_series() -> None:
    # Whatever is left of a constant is learnt; a change of it is found.
    X = np.full(300, 0.5)
    model = detector(standardize=False, min_error=0.05, warm_up=20, **LEARNT).fit(X)
    assert (model.predict(X) == 1).all()
    X[200:220] = -0.5
    (span,) = model.anomaly_spans(X)
    assert span.start <= 200 < 220 <= span.stop


# ---------------------------------------------------------------------- fits


def test_early_stopping_validates_on_the_end(rng: np.random.Generator) -> None:
    parts = [waves(rng, 100), waves(rng, 61)]
    options = {"early_stopping": True, "validation_fraction": 0.25, "max_iter": 4}
    model = detector(**options).fit(parts)
    assert len(model.validation_scores_) == 4
    # What validates has no part in the weights, nor in the scalers.
    parts[0][75:] *= 3.0
    other = detector(**options).fit(parts)
    assert other.loss_curve_ == model.loss_curve_
    assert other.validation_scores_ != model.validation_scores_
    assert detector(max_iter=4).fit(parts).validation_scores_ is None


def test_other_parameters_come_through(rng: np.random.Generator) -> None:
    X = waves(rng, 120)
    seen = []

    class Watch(fastlstm.training.Callback):
        def on_epoch_end(self, trainer: Any) -> None:
            seen.append(trainer.epoch)

    model = detector(
        num_layers=2, peephole=True, dropout=0.2, dtype="float64", callbacks=[Watch()]
    ).fit(X)
    assert model.model_.config["num_layers"] == 2
    assert model.model_.config["peephole"]
    assert model.model_.dtype == np.float64
    assert seen == [1, 2]
    assert model.n_iter_ == len(model.loss_curve_) == 2
    assert model.stop_reason_ == "max_epochs"
    assert_attributes_are_documented(model)


def test_threads_do_not_matter(rng: np.random.Generator, threads: Any) -> None:
    X = waves(rng)
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append(detector(dropout=0.1).fit(X).score_samples(X))
    for scores in results[1:]:
        assert_same_bits({"s": scores}, {"s": results[0]})


def test_not_fitted(rng: np.random.Generator, tmp_path: Any) -> None:
    X, model = waves(rng), detector()
    for call in (
        *(lambda m=m: getattr(model, m)(X) for m in ("predict", "score_samples")),
        *(lambda m=m: getattr(model, m)(X) for m in ("decision_function",)),
        lambda: model.anomaly_spans(X),
        model.stream,
        lambda: model.save(tmp_path / "a.safetensors"),
    ):
        with pytest.raises(NotFittedError, match="This LSTMAnomalyDetector"):
            call()


# ----------------------------------------------------------------- copies, files


def test_copies_and_files(rng: np.random.Generator, tmp_path: Any) -> None:
    X = pd.DataFrame(waves(rng), columns=list("abc"))
    model = detector(targets=["a", "c"], horizon=2).fit(X)
    model.save(tmp_path / "detector.safetensors")
    copies = [
        pickle.loads(pickle.dumps(model)),
        fastlstm.load(tmp_path / "detector.safetensors"),
    ]
    for copy in copies:
        assert isinstance(copy, LSTMAnomalyDetector)
        assert copy.get_params() == model.get_params()
        assert vars(copy).keys() == vars(model).keys()
        assert copy.anomaly_spans(X) == model.anomaly_spans(X)
        expected = {"s": model.decision_function(X)}
        assert_same_bits({"s": copy.decision_function(X)}, expected)
        assert copy.stream().update(X.to_numpy()[0]) == model.score_samples(X)[0]
        again = copy.fit(X)
        assert_same_bits({"s": again.decision_function(X)}, expected)


def test_in_a_pipeline(rng: np.random.Generator) -> None:
    X = waves(rng)
    pipeline = make_pipeline(StandardScaler(), detector(standardize=False)).fit(X)
    scaled = StandardScaler().fit_transform(X)
    model = detector(standardize=False).fit(scaled)
    for method in ("predict", "score_samples", "decision_function"):
        expected = getattr(model, method)(scaled)
        np.testing.assert_array_equal(getattr(pipeline, method)(X), expected)
