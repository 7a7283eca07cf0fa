"""The scaler as a step of pipelines: forms in and out, and in front of an LSTM."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor, data
from fastlstm.estimators import SequenceScaler
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from ..compare import assert_close, assert_same_bits
from ..tolerances import PAIR_VALUE, VALUE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# With what scikit-learn does to the rows of all valid steps.
METHODS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "robust": RobustScaler(),
}
methods = pytest.mark.parametrize("method", METHODS)

SMALL: dict[str, Any] = {"hidden_size": 4, "max_iter": 2, "random_state": 0}


def parts(rng: np.random.Generator) -> list[np.ndarray]:
    return [9.0 + 3.0 * rng.standard_normal((2 + k % 5, 3)) for k in range(12)]


@methods
@pytest.mark.parametrize("layout", ["ntf", "nft"])
def test_forms(rng: np.random.Generator, method: str, layout: str) -> None:
    scaler = SequenceScaler(method, layout=layout)
    lists = parts(rng)
    deep = 2.0 + rng.standard_normal((12, 7, 3))
    turned = layout == "nft"
    forms = {
        "list": ([x.T for x in lists] if turned else lists, np.concatenate(lists)),
        "array": (deep.transpose(0, 2, 1) if turned else deep, deep.reshape(-1, 3)),
        "table": (deep[:, :, 0], deep[:, :, 0].reshape(-1, 1)),
    }
    for name, (X, rows) in forms.items():
        expected = METHODS[method].fit_transform(rows)
        scaled = scaler.fit_transform(X)
        back = scaler.inverse_transform(scaled)
        if name == "list":
            assert [x.shape for x in scaled] == [x.shape for x in X]
            scaled, back, X = (
                np.concatenate([x.T if turned else x for x in part])
                for part in (scaled, back, X)
            )
        else:
            assert scaled.shape == X.shape
        actual = scaled.transpose(0, 2, 1) if turned and name == "array" else scaled
        assert_close(actual.reshape(expected.shape), expected, VALUE["float64"], name)
        assert_close(back, X, VALUE["float64"], name)
        assert scaler.center_.shape == scaler.scale_.shape == rows.shape[1:]
        assert scaler.n_features_in_ == (7 if name == "table" else 3)


def test_what_comes_out_is_what_went_in(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 7, 3)).astype(np.float32)
    before = X.copy()
    scaler = SequenceScaler().fit(X)
    assert scaler.transform(X).dtype == np.float32
    assert scaler.transform(X.astype(np.int64)).dtype == np.float64
    assert scaler.center_.dtype == np.float64
    assert_same_bits({"x": X}, {"x": before})
    frames = [pd.DataFrame(x, columns=["u", "v", "w"]) for x in parts(rng)]
    scaler = SequenceScaler(layout="nft").fit(frames)
    # Arrays have a layout: so have those made of frames, which have none.
    assert [x.shape for x in scaler.transform(frames)[:2]] == [(3, 2), (3, 3)]
    assert scaler.get_feature_names_out().tolist() == ["u", "v", "w"]


def test_weights(rng: np.random.Generator) -> None:
    X, times = parts(rng), np.array([1, 2, 0, 3] * 3)
    repeated = [X[k] for k in np.arange(12).repeat(times)]
    for method in METHODS:
        one = SequenceScaler(method).fit(X, sample_weight=times)
        other = SequenceScaler(method).fit(repeated)
        assert_close(one.center_, other.center_, VALUE["float64"], method)
        assert_close(one.scale_, other.scale_, VALUE["float64"], method)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_before_an_lstm_as_inside_it(rng: np.random.Generator, dtype: str) -> None:
    X, y = parts(rng), np.array(["a", "b"] * 6)
    options = {**SMALL, "dtype": dtype}
    inside = LSTMClassifier(**options).fit(X, y)
    before = make_pipeline(
        SequenceScaler(), LSTMClassifier(**options, standardize=False)
    )
    before.fit(X, y)
    expected = {"p": inside.predict_proba(X)}
    assert_same_bits({"p": before.predict_proba(X)}, expected)
    assert_same_bits(
        {"p": pickle.loads(pickle.dumps(before)).predict_proba(X)}, expected
    )
    assert_same_bits({"p": copy.deepcopy(before).predict_proba(X)}, expected)
    clone(before).set_params(sequencescaler__method="robust").fit(X, y)
    # A model takes the scaler inside, and then needs no scikit-learn.
    model = before[-1].model_
    model.input_scaler = before[0].scaler_
    batch = data.SequenceBatch.from_sequences(X)
    assert_same_bits({"p": model.predict(batch)}, expected)


def test_weights_through_a_pipeline(rng: np.random.Generator) -> None:
    X, y = parts(rng), rng.standard_normal(12)
    weights = np.array([1.0, 2.0, 0.0, 3.0] * 3)
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            SequenceScaler().set_fit_request(sample_weight=True),
            LSTMRegressor(**SMALL).set_fit_request(sample_weight=True),
        ).fit(X, y, sample_weight=weights)
    expected = SequenceScaler().fit(X, sample_weight=weights)
    np.testing.assert_array_equal(pipeline[0].center_, expected.center_)
    assert (pipeline[0].center_ != SequenceScaler().fit(X).center_).all()


@methods
@pytest.mark.parametrize("shape", [(12,), (12, 7), (12, 7, 2)])
def test_of_targets(rng: np.random.Generator, method: str, shape: Any) -> None:
    """One target a sequence, one a step, several a step."""
    X, y = rng.standard_normal((12, 7, 3)), 1e3 + 50.0 * rng.standard_normal(shape)
    output = "last" if len(shape) == 1 else "sequence"
    lstm = LSTMRegressor(**SMALL, output=output, standardize=False, dtype="float64")
    model = TransformedTargetRegressor(lstm, transformer=SequenceScaler(method))
    predicted = model.fit(X, y).predict(X)
    assert predicted.shape == shape
    rows = y.reshape(-1, shape[-1] if len(shape) == 3 else 1)
    theirs = METHODS[method].fit(rows)
    scaled = theirs.transform(rows).reshape(shape)
    plain = clone(lstm).fit(X, scaled).predict(X)
    expected = theirs.inverse_transform(plain.reshape(rows.shape)).reshape(shape)
    assert_close(predicted, expected, PAIR_VALUE["float64"])
    assert predicted.mean() > 500.0  # in the units of y


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_out(rng: np.random.Generator, library: Any) -> None:
    X = rng.standard_normal((12, 3))
    name = library.__name__
    frame = library.DataFrame({c: X[:, k] for k, c in enumerate("abc")})
    scaler = SequenceScaler().set_output(transform=name).fit(frame)
    scaled = scaler.transform(frame)
    assert isinstance(scaled, library.DataFrame)
    assert list(scaled.columns) == ["a", "b", "c"]
    expected = {"x": SequenceScaler().fit_transform(X)}
    assert_same_bits({"x": scaled.to_numpy()}, expected)
    assert_close(scaler.inverse_transform(scaled), X, VALUE["float64"])
    scaler.fit(X)
    assert list(scaler.transform(X).columns) == ["x0", "x1", "x2"]
    for deep in (X[:, :, None], [x[:, None] for x in X], [frame, frame[:5]]):
        message = f"transform_output='{name}' asks for a frame, which only holds"
        with pytest.raises(ValueError, match=message):
            scaler.fit_transform(deep)
        with config_context(transform_output=name):
            assert len(
                SequenceScaler().set_output(transform="default").fit(deep).scale_
            )
            with pytest.raises(ValueError, match=message):
                SequenceScaler().fit_transform(deep)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"method": "max"},
            ValueError,
            "'method' parameter of SequenceScaler .* 'max'",
        ),
        ({"feature_range": 3}, ValueError, "'feature_range' parameter .* Got 3"),
        ({"feature_range": (1, 0)}, ValueError, r"feature_range must rise, got \(1, 0"),
        ({"quantile_range": (5, 101)}, ValueError, r"quantile_range .* \[0, 100\]"),
        ({"layout": "ftn"}, ValueError, "'layout' parameter .* Got 'ftn'"),
    ],
)
def test_bad_parameters(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    scaler = SequenceScaler(**options)  # the constructor only stores
    with pytest.raises(error, match=message):
        scaler.fit(np.ones((12, 7)))


def test_bad_sequences(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 7, 3))
    scaler = SequenceScaler()
    with pytest.raises(NotFittedError):
        scaler.transform(X)
    with pytest.raises(NotFittedError):
        scaler.inverse_transform(X)
    scaler.fit(X)
    before = dict(vars(scaler))
    bad = X.copy()
    bad[4, 2, 1] = np.nan
    where = "Input X contains NaN at sample 4, step 2, feature 1"
    for call in (scaler.fit, scaler.transform, scaler.inverse_transform):
        for form in (bad, list(bad)):
            with pytest.raises(ValueError, match=where):
                call(form)
    with pytest.raises(ValueError, match=r"NaN at sample 4, step 2.*\(row 4, column 2"):
        SequenceScaler().fit(X[:, :, 0]).inverse_transform(pd.DataFrame(bad[:, :, 1]))
    with pytest.raises(ValueError, match="variance of feature 0 overflows"):
        scaler.fit(X[:, :, :2] * 1e300)
    with pytest.raises(ValueError, match="at least one non-zero number"):
        scaler.fit(X[:, :, 0], sample_weight=np.zeros(12))
    assert dict(vars(scaler)) == before
    for call in (scaler.transform, scaler.inverse_transform):
        for form in (X[:, :, :2], list(X[:, :, :2]), X[:, :, 0]):
            with pytest.raises(ValueError, match=r"features|sequences of 3"):
                call(form)
        with pytest.raises(ValueError, match=r"shape \(12,\)|1D array"):
            call(X[:, 0, 0])
