"""What a user is told: the value, the place, and what was expected."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor, LSTMTagger
from fastlstm.training import Callback

X = np.random.default_rng(0).standard_normal((40, 7, 3))
Y = X[:, :, 0].mean(axis=1)


def regressor(**options: object) -> LSTMRegressor:
    return LSTMRegressor(4, max_iter=5, random_state=0, **options)


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("rate", [1e30, 1e38])
def test_divergence(rate: float) -> None:
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        regressor(learning_rate_init=rate).fit(X, Y)


def test_too_large_for_float32() -> None:
    model = regressor().fit(X, Y)
    with pytest.raises(ValueError, match=r"too large for float32.*dtype='float64'"):
        model.predict(X * 1e300)


def test_three_dimensions_after_two() -> None:
    model = regressor().fit(X[:, :, 0], Y)
    with pytest.raises(ValueError, match=r"2 features a step.*\(samples, 7\)"):
        model.predict(X[:, :, :2])


@pytest.mark.parametrize("bad", [X[None], X[:, 0, 0], []], ids=["4-D", "1-D", "empty"])
def test_rank(bad: object) -> None:
    with pytest.raises(ValueError, match=r"array \(samples, steps, features\)"):
        regressor().fit(bad, Y)


def test_masks_are_refused() -> None:
    masked, ones = np.ma.masked_array(X, mask=X > 1), np.ones(len(X))
    labels = np.ma.masked_array(np.arange(40) % 2, mask=np.arange(40) < 3)
    tags = np.ma.masked_array(X[:, :, 0] > 0, mask=X[:, :, 0] > 1)
    weights = np.ma.masked_array(ones, mask=X[:, 0, 0] > 1)
    classifier, tagger = LSTMClassifier(4, max_iter=2), LSTMTagger(4, max_iter=2)
    plain = np.arange(40) % 2
    for name, fit in (
        ("X", lambda: regressor().fit(masked, Y)),
        ("X", lambda: regressor().fit(masked[:, :, 0], Y)),
        ("X, sequence 0", lambda: regressor().fit(list(masked), Y)),
        ("y", lambda: regressor().fit(X, np.ma.masked_array(Y, mask=Y > 1))),
        ("sample_weight", lambda: regressor().fit(X, Y, weights)),
        ("X", lambda: regressor().fit(X, Y).predict(masked)),
        ("y", lambda: classifier.fit(X, labels)),
        ("y", lambda: classifier.fit(X, labels[:, None])),
        ("y_val", lambda: classifier.fit(X, plain, X_val=X, y_val=labels)),
        ("y", lambda: tagger.fit(X, tags)),
        ("y", lambda: tagger.fit(X, tags.astype(object))),
        ("y, sequence 0", lambda: tagger.fit(X, list(tags))),
    ):
        message = f"^{name} is a masked array, whose mask would be lost"
        with pytest.raises(TypeError, match=message):
            fit()


def test_a_class_where_a_callback_should_be() -> None:
    with pytest.raises(
        TypeError, match=r"Callback is a class; expected .*Callback\(\)"
    ):
        regressor(callbacks=[Callback]).fit(X, Y)


def test_words_in_lists() -> None:
    sentences = [["the", "dog"], ["dogs", "bark", "at", "night"]]
    with pytest.raises(ValueError, match=r"X holds words, such as 'the': .*vocabulary"):
        LSTMTagger().fit(sentences, sentences)


def test_words_as_targets() -> None:
    with pytest.raises(ValueError, match=r"^y must hold numbers.*LSTMClassifier"):
        regressor().fit(X, ["up", "down"] * 20)


def test_words_as_inputs() -> None:
    with pytest.raises(ValueError, match=r"^X must hold numbers"):
        regressor().fit(np.array([["a", "b"]] * 40, dtype=object), Y)


def test_split_of_a_rare_class() -> None:
    labels = ["a"] * 39 + ["b"]
    with pytest.raises(ValueError, match=r"early_stopping=True.*X_val"):
        LSTMClassifier(4, early_stopping=True).fit(X, labels)


def test_unknown_isa_on_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fastlstm", "info"],
        env={**os.environ, "FASTLSTM_ISA": "avx999"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "avx999 cannot run here; expected one of generic" in done.stderr
