"""An estimator in a file, and back; with scikit-learn and without."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import fastlstm
import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor, LSTMTagger
from fastlstm.files import read_tensors, write_tensors
from fastlstm.files.record import _digest
from fastlstm.models import SequenceModel
from fastlstm.schedules import Cosine, ReduceOnPlateau, WarmUp
from fastlstm.training import Callback
from safetensors import safe_open
from sklearn.exceptions import NotFittedError

from ..compare import assert_close, assert_same_bits
from ..subprocesses import ROOT, run_python
from ..tolerances import PAIR_VALUE
from .test_fit import problem, quiet, regressor

FILES = ROOT / "tests" / "data_files"


def classifier(**options: Any) -> LSTMClassifier:
    settings = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
    return LSTMClassifier(**{**settings, **options})


def assert_same_estimator(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert repr(a.get_params()) == repr(b.get_params())
    assert list(vars(a)) == list(vars(b))
    for name, value in vars(a).items():
        if isinstance(value, np.ndarray) and value.dtype != object:
            assert_same_bits({name: vars(b)[name]}, {name: value})
        elif not isinstance(value, (SequenceModel, dict)) and "scaler" not in name:
            assert repr(vars(b)[name]) == repr(value), name


@quiet
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hidden_size": (5, 4), "early_stopping": True, "n_jobs": 1},
        {"normalization": "batch", "dtype": "float64", "batch_size": "auto"},
        {"initializer": {"i": "uniform", **dict.fromkeys("fgo", "orthogonal")}},
        {"hidden_size": [np.int64(3)], "alpha": np.float32(0.1), "standardize": False},
    ],
    ids=repr,
)
def test_regressors(
    rng: np.random.Generator, tmp_path: Path, options: dict[str, Any]
) -> None:
    X, y = problem(rng)
    model = regressor(max_iter=3, **options).fit(X, y)
    model.save(tmp_path / "a.safetensors")
    same = fastlstm.load(tmp_path / "a.safetensors")
    assert same.get_params() == model.get_params()
    if "alpha" not in options:  # a NumPy number becomes Python's equal
        assert_same_estimator(model, same)
    assert_same_bits({"y": same.predict(X)}, {"y": model.predict(X)})
    assert same.score(X, y) == model.score(X, y)


@quiet
@pytest.mark.parametrize(
    "options",
    [
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        {"loss": "huber", "huber_delta": 0.5, "pooling": "attention"},
        {"learning_rate": WarmUp(2.0, then=Cosine(minimum=0.1))},
        {"learning_rate": ReduceOnPlateau(patience=1), "warm_start": True},
    ],
    ids=repr,
)
def test_losses_pooling_and_schedules(
    rng: np.random.Generator, tmp_path: Path, options: dict[str, Any]
) -> None:
    X, y = problem(rng)
    model = regressor(max_iter=3, **options).fit(X, y)
    model.save(tmp_path / "a")
    same = fastlstm.load(tmp_path / "a")
    assert same.get_params() == model.get_params()
    assert_same_bits({"y": same.predict(X)}, {"y": model.predict(X)})
    assert_same_bits(
        {"y": same.fit(X, y).predict(X)}, {"y": model.fit(X, y).predict(X)}
    )


@quiet
def test_tokens_and_weights_of_classes(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    X, y = rng.integers(0, 9, (30, 5)), np.arange(30) % 3
    options = {"class_weight": {0: 2.0, 1: 1.0, 2: 0.5}}
    model = classifier(vocabulary_size=9, embedding_dim=3, **options).fit(X, y)
    model.save(tmp_path / "a")
    same = fastlstm.load(tmp_path / "a")
    assert same.get_params() == model.get_params()
    assert_same_estimator(model, same)
    assert_same_bits({"p": same.predict_proba(X)}, {"p": model.predict_proba(X)})


@quiet
def test_taggers(rng: np.random.Generator, tmp_path: Path) -> None:
    X = [rng.standard_normal((n, 2)) for n in (3, 5, 4, 6)]
    y = [np.where(x[:, 0] > 0, "up", "down") for x in X]
    model = LSTMTagger(4, max_iter=2, random_state=0).fit(X, y)
    model.save(tmp_path / "a")
    same = fastlstm.load(tmp_path / "a")
    assert_same_estimator(model, same)
    for a, b in zip(same.predict(X), model.predict(X), strict=True):
        assert a.tolist() == b.tolist()
    for a, b in zip(same.predict_proba(X), model.predict_proba(X), strict=True):
        assert_same_bits({"p": a}, {"p": b})


@quiet
def test_frames_steps_and_several_outputs(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    X = pd.DataFrame(rng.standard_normal((30, 5)), columns=list("abcde"))
    model = regressor(max_iter=2).fit(X, X[["a", "b"]])
    model.save(tmp_path / "a")
    same = fastlstm.load(tmp_path / "a")
    assert_same_estimator(model, same)
    assert_same_bits({"y": same.predict(X)}, {"y": model.predict(X)})
    with pytest.raises(ValueError, match="feature names should match"):
        same.predict(X.rename(columns={"a": "z"}))

    sequences = [rng.standard_normal((n, 2)) for n in (3, 5, 4, 6)]
    targets = [s.sum(axis=1) for s in sequences]
    model = regressor(max_iter=2, output="sequence").fit(sequences, targets)
    model.save(tmp_path / "a")
    same = fastlstm.load(tmp_path / "a")
    pairs = zip(same.predict(sequences), model.predict(sequences), strict=True)
    for a, b in pairs:
        assert_same_bits({"y": a}, {"y": b})


@quiet
@pytest.mark.parametrize(
    "labels",
    [
        np.array(["up", "down", "\u20ac"]),
        np.array([7, -3, 2**40]),
        np.array([1, 5, 200], np.uint8),
        np.array([False, True]),
        np.array([1.0, 2.0, 3.0]),
        np.array(["a", "bc"], object),
        np.array([1, 2], ">i4"),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels(rng: np.random.Generator, tmp_path: Path, labels: np.ndarray) -> None:
    X, y = rng.standard_normal((12, 4, 2)), labels[np.arange(12) % len(labels)]
    model = classifier().fit(X, y)
    model.save(tmp_path / "a")
    same = fastlstm.load(tmp_path / "a")
    assert same.classes_.dtype == model.classes_.dtype
    assert same.classes_.tolist() == model.classes_.tolist()
    assert [*map(type, same.classes_)] == [*map(type, model.classes_)]
    assert same.predict(X).tolist() == model.predict(X).tolist()
    assert_same_bits({"p": same.predict_proba(X)}, {"p": model.predict_proba(X)})
    # Where classes lie in the file, as whoever reads it sees.
    with safe_open(tmp_path / "a", "numpy") as file:
        text = json.loads(file.metadata()["fastlstm"])
    assert text["kind"] == "estimator"
    assert text["content"]["class"] == "LSTMClassifier"


@quiet
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_warm_start_goes_on_from_a_file(
    rng: np.random.Generator, tmp_path: Path, solver: str
) -> None:
    X, y = problem(rng)
    model = regressor(max_iter=3, warm_start=True, solver=solver, dropout=0.2).fit(X, y)
    model.save(tmp_path / "a")
    same = fastlstm.load(tmp_path / "a").fit(X, y)
    assert same.n_iter_ == 6
    assert_same_bits({"y": same.predict(X)}, {"y": model.fit(X, y).predict(X)})


# ----------------------------------------------------------------- what is not kept


class Count(Callback):
    epochs = 0

    def on_epoch_end(self, trainer: Any) -> None:
        self.epochs += 1


@quiet
def test_objects_are_left_out_with_a_warning(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    X, y = problem(rng)
    options = {"callbacks": [Count()], "random_state": np.random.RandomState(0)}
    model = regressor(max_iter=2, **options).fit(X, y)
    with pytest.warns(UserWarning, match="does not keep callbacks, random_state") as w:
        model.save(tmp_path / "a")
    assert w[0].filename == __file__
    same = fastlstm.load(tmp_path / "a")
    assert same.callbacks is None
    assert same.random_state is None
    assert_same_bits({"y": same.predict(X)}, {"y": model.predict(X)})
    with safe_open(tmp_path / "a", "numpy") as file:
        content = json.loads(file.metadata()["fastlstm"])["content"]
    assert set(content["left_out"]) == {"callbacks", "random_state"}


@quiet
def test_scorers_are_left_out(rng: np.random.Generator, tmp_path: Path) -> None:
    X, y = problem(rng)

    def score(estimator: Any, X: Any, y: Any) -> float:
        return -float(np.mean((estimator.predict(X) - y) ** 2))

    options = {"early_stopping": True, "warm_start": True, "scoring": score}
    model = regressor(max_iter=2, **options).fit(X, y)
    with pytest.warns(UserWarning, match="does not keep scoring"):
        model.save(tmp_path / "a")
    same = fastlstm.load(tmp_path / "a")
    assert same.scoring is None
    # What another kind of score was says nothing of the next.
    assert same.fit(X, y).n_iter_ == 4
    assert len(same.validation_scores_) == 2


@quiet
def test_metadata_requests_are_left_out(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    import sklearn

    X, y = problem(rng)
    with sklearn.config_context(enable_metadata_routing=True):
        model = regressor(max_iter=2).set_fit_request(sample_weight=True).fit(X, y)
        with pytest.warns(UserWarning, match="does not keep _metadata_request"):
            model.save(tmp_path / "a")
        same = fastlstm.load(tmp_path / "a")
    assert_same_bits({"y": same.predict(X)}, {"y": model.predict(X)})


class Derived(LSTMRegressor):
    pass


@quiet
def test_what_cannot_be_saved(rng: np.random.Generator, tmp_path: Path) -> None:
    X, y = problem(rng)
    with pytest.raises(NotFittedError):
        regressor().save(tmp_path / "a")
    with pytest.raises(TypeError, match="Derived cannot be saved, as nothing could"):
        Derived(max_iter=1).fit(X, y).save(tmp_path / "a")
    model = regressor(max_iter=1).fit(X, y)
    model.extra_ = object()
    with pytest.raises(TypeError, match=r"attributes\.extra_ is a builtins\.object"):
        model.save(tmp_path / "a")
    assert not list(tmp_path.iterdir())


@quiet
@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (None, {"class": "BaseEstimator"}, "estimator 'BaseEstimator', which this"),
        (None, {"class": "SequenceEstimator"}, "which this version does not know"),
        ("parameters", {"wings": 2}, "of this version has no wings"),
        ("attributes", {"predict": 2}, "of this version has no predict"),
    ],
)
def test_made_up_estimators(
    rng: np.random.Generator,
    tmp_path: Path,
    part: str | None,
    change: dict[str, Any],
    message: str,
) -> None:
    path = tmp_path / "a"
    regressor(max_iter=1).fit(*problem(rng)).save(path)
    tensors, metadata = read_tensors(path)
    record = json.loads(metadata["fastlstm"])
    (record["content"] if part is None else record["content"][part]).update(change)
    text = json.dumps(record)
    write_tensors(path, tensors, {"fastlstm": text, "sha256": _digest(text, tensors)})
    with pytest.raises(ValueError, match=f"a cannot be read: .*{message}"):
        fastlstm.load(path)


# ------------------------------------------------------- NumPy alone, older versions

WITHOUT = """
import sys
blocked = ("sklearn", "scipy", "joblib", "pandas", "torch", "safetensors")
sys.modules.update(dict.fromkeys(blocked))
import fastlstm, numpy as np
from fastlstm.data import SequenceBatch
folder = sys.argv[1]
data = np.load(f"{folder}/X.npz")
for name in ("regressor", "classifier"):
    model = fastlstm.load(f"{folder}/{name}.safetensors")
    assert type(model).__name__ == "SequenceModel"
    assert name == "regressor" or model.classes.tolist() == ["down", "up"]
    np.save(f"{folder}/{name}.npy", model.predict(SequenceBatch(data["X"], data["n"])))
extra = {m.split(".")[0] for m in sys.modules} - set(sys.stdlib_module_names)
print(sorted(extra - set(blocked)))
"""


@quiet
def test_the_model_predicts_where_only_numpy_is(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    sequences = [rng.standard_normal((3 + k % 4, 2)) for k in range(20)]
    y = np.array([s[-2:, 0].sum() for s in sequences])
    one = regressor(max_iter=3).fit(sequences, y)
    two = classifier().fit(sequences, np.where(y > 0, "up", "down"))
    one.save(tmp_path / "regressor.safetensors")
    two.save(tmp_path / "classifier.safetensors")
    lengths = np.array([len(s) for s in sequences])
    X = np.full((20, 6, 2), np.nan)
    for row, s in enumerate(sequences):
        X[row, : len(s)] = s
    np.savez(tmp_path / "X.npz", X=X, n=lengths)
    done = run_python("-c", WITHOUT, str(tmp_path))
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.replace("'", '"')))
    assert {"fastlstm", "numpy"} <= loaded
    assert not loaded & {"sklearn", "scipy", "safetensors"}
    numbers = np.load(tmp_path / "regressor.npy")[:, 0]
    assert_same_bits({"y": numbers}, {"y": one.predict(sequences)})
    probabilities = np.load(tmp_path / "classifier.npy")
    assert_same_bits({"p": probabilities}, {"p": two.predict_proba(sequences)})


def test_pickles_without_newer_arguments(rng: np.random.Generator) -> None:
    model = regressor(l1=0.5)
    state = model.__getstate__()
    del state["l1"], state["zoneout_h"]
    same = LSTMRegressor.__new__(LSTMRegressor)
    same.__setstate__(state)
    assert same.get_params() == regressor().get_params()


@pytest.mark.parametrize("kind", ["pickle", "safetensors"])
@pytest.mark.parametrize("name", ["regressor", "classifier"])
def test_files_of_version_0_1_0(name: str, kind: str) -> None:
    """Made by the very first code that could save; never to be made anew."""
    path = FILES / f"{name}.{kind}"
    is_pickle = kind == "pickle"
    model = pickle.loads(path.read_bytes()) if is_pickle else fastlstm.load(path)
    data = np.load(FILES / "predictions.npz")
    if name == "regressor":
        assert type(model) is LSTMRegressor
        assert model.get_params()["normalization"] == "batch"
        numbers = model.predict(data["X"])
    else:
        assert type(model) is LSTMClassifier
        assert model.get_params()["solver"] == "sgd"
        assert model.classes_.tolist() == ["down", "up"]
        numbers = model.predict_proba(data["X"])
        labels = model.predict([*data["X"]])
        assert labels.tolist() == [("down", "up")[k] for k in numbers.argmax(axis=1)]
    # On another instruction set the last bits are others.
    assert_close(numbers, data[name], PAIR_VALUE["float32"])
    assert model.n_iter_ == len(model.loss_curve_) == 3


@quiet
def test_an_old_estimator_goes_on() -> None:
    data = np.load(FILES / "predictions.npz")
    two = [
        pickle.loads((FILES / "classifier.pickle").read_bytes()),
        fastlstm.load(FILES / "classifier.safetensors"),
    ]
    after = [m.fit(data["X"], data["labels"]).predict_proba(data["X"]) for m in two]
    assert two[0].n_iter_ == 6
    assert_same_bits({"p": after[0]}, {"p": after[1]})
