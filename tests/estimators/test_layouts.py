"""``layout="nft"``: arrays with their steps last, as sktime and aeon have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor
from fastlstm.estimators import SequenceScaler
from fastlstm.estimators.layouts import LAYOUTS
from sklearn.base import clone

from ..compare import assert_close, assert_same_bits
from ..tolerances import VALUE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Y = np.arange(12.0)


def regressor(**options: Any) -> LSTMRegressor:
    return LSTMRegressor(
        **{"hidden_size": 4, "max_iter": 2, "random_state": 0, **options}
    )


def parts(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.standard_normal((2 + k % 5, 3)) for k in range(12)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("standardize", [True, False])
def test_same_bits_as_steps_first(
    rng: np.random.Generator, standardize: bool, dtype: str
) -> None:
    X = rng.standard_normal((12, 7, 3)).astype(dtype)
    turned = np.ascontiguousarray(X.transpose(0, 2, 1))
    options = {"standardize": standardize, "dtype": dtype, "early_stopping": True}
    ntf, nft = regressor(**options), regressor(**options, layout="nft")
    ntf.fit(X, Y, X_val=X[:5], y_val=Y[:5])
    nft.fit(turned, Y, X_val=turned[:5], y_val=Y[:5])
    assert nft.n_features_in_ == 3
    before = turned.copy()
    expected = {"y": ntf.predict(X)}
    assert_same_bits({"y": nft.predict(turned)}, expected)
    assert_same_bits({"y": nft.predict(turned.tolist())}, expected)
    assert_same_bits({"y": nft.predict(X.transpose(0, 2, 1))}, expected)
    assert_same_bits({"x": turned}, {"x": before})
    assert nft.score(turned, Y) == ntf.score(X, Y)
    assert clone(nft).get_params()["layout"] == "nft"


def test_lists(rng: np.random.Generator) -> None:
    X, labels = parts(rng), np.array(["a", "b"] * 6)
    turned = [np.ascontiguousarray(part.T) for part in X]
    ntf = LSTMClassifier(4, max_iter=2, random_state=0).fit(X, labels)
    nft = LSTMClassifier(4, max_iter=2, random_state=0, layout="nft")
    nft.fit(turned, labels)
    expected = {"p": ntf.predict_proba(X)}
    assert_same_bits({"p": nft.predict_proba(turned)}, expected)
    assert_same_bits({"p": nft.predict_proba([part.T for part in X])}, expected)


def test_frames_and_targets_have_no_layout(rng: np.random.Generator) -> None:
    X = parts(rng)
    frames = [pd.DataFrame(part, columns=["u", "v", "w"]) for part in X]
    y = [rng.standard_normal(len(part)) for part in X]
    ntf = regressor(output="sequence").fit(X, y)
    nft = regressor(output="sequence", layout="nft").fit(frames, y)
    assert nft.feature_names_in_.tolist() == ["u", "v", "w"]
    expected = dict(enumerate(ntf.predict(X)))
    assert_same_bits(dict(enumerate(nft.predict(frames))), expected)
    nft.fit([part.T for part in X], y)
    actual = nft.predict([part.T for part in X])
    assert_same_bits(dict(enumerate(actual)), expected)
    table = rng.standard_normal((12, 7))
    expected = regressor().fit(table, Y).predict(table)
    model = regressor(layout="nft").fit(pd.DataFrame(table), Y)
    assert_same_bits({"y": model.predict(pd.DataFrame(table))}, {"y": expected})
    assert_same_bits({"y": model.predict(table[:, None])}, {"y": expected})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_views_where_nothing_has_to_be_copied(
    rng: np.random.Generator, layout: str
) -> None:
    X = rng.standard_normal((12, 7, 3))
    assert np.shares_memory(LAYOUTS[layout].turn(X), X)
    assert np.shares_memory(LAYOUTS[layout].turn(X[0]), X)


BAD: list[tuple[Any, str]] = [
    (np.ones(12), r"expected an array \(samples, features, steps\), .*\(features, ste"),
    (np.ones((12, 0, 3)), r"shape \(12, 0, 3\) \(samples, features, steps\): expected"),
    ([[1.0, 2.0], [3.0]], r"pass \[np.asarray\(x\)\[None\] for x in X\]"),
    ([np.ones((2, 3)), np.ones(3)], r"shape \(3,\), expected \(features, steps\)"),
    ([np.ones((2, 3)), np.ones((3, 3))], "sequence 1 has 3 features, .* 0 has 2"),
    ([np.ones((2, 3)), np.ones((2, 0))], "sequence 1 is empty: expected at least one"),
    ([np.ones((2, 3)), [["a"] * 3] * 2], "sequence 1 must .* at feature 0, step 0"),
    (np.full((12, 2, 3), "a"), "'a', at sample 0, feature 0, step 0"),
]


@pytest.mark.parametrize(("X", "message"), BAD)
def test_messages(X: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regressor(layout="nft").fit(X, np.ones(len(X)))


def test_messages_about_places(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 3, 7))
    model = regressor(layout="nft").fit(X, Y)
    X[4, 2, 5] = np.nan
    for bad in (X, list(X)):
        with pytest.raises(ValueError, match="NaN at sample 4, feature 2, step 5"):
            model.predict(bad)


def test_messages_after_fit(rng: np.random.Generator) -> None:
    model = regressor(layout="nft").fit(rng.standard_normal((12, 3, 7)), Y)
    with pytest.raises(
        ValueError, match="X has 7 features, but LSTMRegressor is expec"
    ):
        model.predict(rng.standard_normal((12, 7, 3)))  # in the other layout
    with pytest.raises(ValueError, match=r"sequences of 3 .*\(samples, features, step"):
        model.predict(rng.standard_normal((3, 7)))
    model.fit(rng.standard_normal((12, 1, 7)), Y)
    table = rng.standard_normal((12, 7))
    with pytest.raises(ValueError, match=r"one feature a step pass X\[:, None\]$"):
        model.predict(table)
    assert model.predict(table[:, None]).shape == (12,)  # as the message says
    model.fit(table, Y)
    with pytest.raises(ValueError, match=r"pass X\[:, None\] for sequences of anoth"):
        model.predict(table[:, :5])


def test_layouts_that_there_are_not(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 3, 7))
    with pytest.raises(ValueError, match=r"'layout' parameter of LSTMReg.* Got 'ftn'"):
        regressor(layout="ftn").fit(X, Y)


def test_predictions_are_those_of_the_fit(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 3, 7))
    model = regressor(layout="nft", warm_start=True).fit(X, Y)
    expected = model.predict(X)
    model.set_params(layout="ntf")
    assert_same_bits({"y": model.predict(X)}, {"y": expected})
    # A fit that goes on is a fit: it reads as it is told now.
    turned = X.swapaxes(1, 2)
    model.fit(turned, Y)
    assert model.predict(turned).shape == (12,)
    scaler = SequenceScaler(layout="nft").fit(X)
    expected = scaler.transform(X)
    scaler.set_params(layout="ntf")
    assert_same_bits({"x": scaler.transform(X)}, {"x": expected})
    assert_close(scaler.inverse_transform(expected), X, VALUE["float64"])


def test_estimators_from_before_there_was_a_choice(rng: np.random.Generator) -> None:
    X = rng.standard_normal((12, 7, 3))
    model = regressor().fit(X, Y)
    expected = model.predict(X)
    del model.layout  # as an old pickle has it
    assert_same_bits({"y": model.predict(X)}, {"y": expected})
