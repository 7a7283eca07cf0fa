"""``fit(checkpoint=, resume=True)``: the same bits, and never another fit's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fastlstm
import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMTagger
from fastlstm.estimators import validation
from fastlstm.schedules import WarmUp
from fastlstm.training import Callback, Checkpoint, Trainer
from sklearn.exceptions import ConvergenceWarning

from ..compare import assert_same_bits
from ..subprocesses import ROOT, run_python
from .test_fit import problem, quiet, regressor

pytestmark = quiet


class Die(Callback):
    def __init__(self, batches: int, error: type[BaseException] = RuntimeError) -> None:
        self.batches = batches
        self.error = error

    def on_batch_end(self, trainer: Trainer) -> None:
        self.batches -= 1
        if self.batches == 0:
            raise self.error


def killed(model: Any, batches: int, folder: Path, *data: Any, **options: Any) -> None:
    model.set_params(callbacks=[Die(batches)])
    checkpoint = Checkpoint(folder, every_steps=2)
    with pytest.raises(RuntimeError):
        model.fit(*data, **options, checkpoint=checkpoint, resume=True)
    assert not hasattr(model, "model_")


def found(model: Any) -> dict[str, np.ndarray]:
    scores = model.validation_scores_ or []
    return {
        "weights": model.model_.params.flat,
        "loss": np.array(model.loss_curve_),
        "scores": np.array(scores),
    }


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.2},
        {"early_stopping": True, "zoneout_c": 0.1, "dtype": "float64"},
        {"normalization": "batch", "hidden_size": [4, 3], "solver": "adamw"},
        {"solver": "sgd", "shuffle": False, "standardize": False},
    ],
    ids=repr,
)
def test_regressors(
    rng: np.random.Generator, tmp_path: Path, options: dict[str, Any]
) -> None:
    X, y = problem(rng)
    whole = regressor(**options).fit(X, y)
    for batches in (3, 1, 9, 8):
        killed(regressor(**options), batches, tmp_path, X, y)
    model = regressor(**options).fit(X, y, checkpoint=tmp_path, resume=True)
    assert model.n_iter_ == 8
    assert_same_bits(found(model), found(whole))
    assert_same_bits({"y": model.predict(X)}, {"y": whole.predict(X)})


@pytest.mark.parametrize("given", [True, False])
def test_classifiers(rng: np.random.Generator, tmp_path: Path, given: bool) -> None:
    X = [rng.standard_normal((3 + k % 5, 2)) for k in range(60)]
    y = np.array(["up" if s[-2:, 0].sum() > 0 else "down" for s in X], object)
    weights = rng.random(60)
    weights[::7] = 0.0
    validation = {"X_val": X[:9], "y_val": y[:9]} if given else {}

    def make() -> LSTMClassifier:
        return LSTMClassifier(
            5, batch_size=8, max_iter=5, early_stopping=True, random_state=0
        )

    whole = make().fit(X, y, weights, **validation)
    killed(make(), 17, tmp_path, X, y, weights, **validation)
    model = make().fit(X, y, weights, **validation, checkpoint=tmp_path, resume=True)
    assert_same_bits(found(model), found(whole))
    assert model.predict(X).tolist() == whole.predict(X).tolist()


@pytest.mark.parametrize("state", [None, "RandomState"])
def test_drawn_seeds_are_kept(
    rng: np.random.Generator, tmp_path: Path, state: str | None
) -> None:
    X, y = problem(rng)

    def make(seed: int) -> Any:
        random_state = None if state is None else np.random.RandomState(seed)
        return regressor(
            random_state=random_state, early_stopping=True, dropout=0.1, callbacks=None
        )

    np.random.seed(7)  # noqa: NPY002 (None draws from it)
    whole = make(7).fit(X, y)
    np.random.seed(7)  # noqa: NPY002
    killed(make(7), 13, tmp_path, X, y)
    np.random.seed(8)  # noqa: NPY002
    model = make(8).fit(X, y, checkpoint=tmp_path, resume=True)
    assert_same_bits(found(model), found(whole))


def test_ctrl_c(rng: np.random.Generator, tmp_path: Path) -> None:
    X, y = problem(rng)
    whole = regressor(early_stopping=True).fit(X, y)
    model = regressor(early_stopping=True, callbacks=[Die(13, KeyboardInterrupt)])
    with pytest.warns(UserWarning, match="was interrupted in epoch 3 of 8"):
        model.fit(X, y, checkpoint=tmp_path)
    assert np.isfinite(model.predict(X)).all()
    model.set_params(callbacks=None).fit(X, y, checkpoint=tmp_path, resume=True)
    assert_same_bits(found(model), found(whole))


def test_finished_fits_and_more_epochs(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    X, y = problem(rng)
    first = regressor(early_stopping=True).fit(X, y, checkpoint=str(tmp_path))
    again = regressor(early_stopping=True, callbacks=[Die(1)], verbose=0, n_jobs=1)
    with pytest.warns(ConvergenceWarning, match="maximum of max_iter=8"):
        again.fit(X, y, checkpoint=tmp_path, resume=True)
    assert_same_bits(found(again), found(first))
    longer = regressor(early_stopping=True, max_iter=12)
    longer.fit(X, y, checkpoint=tmp_path, resume=True)
    whole = regressor(early_stopping=True, max_iter=12).fit(X, y)
    assert_same_bits(found(longer), found(whole))
    with pytest.raises(ValueError, match="it is in epoch 12, after the last one, 8"):
        regressor(early_stopping=True).fit(X, y, checkpoint=tmp_path, resume=True)


@pytest.mark.parametrize(
    "schedule", ["step", "reduce_on_plateau", "cosine", "one_cycle", WarmUp(2.0)]
)
def test_schedules(rng: np.random.Generator, tmp_path: Path, schedule: Any) -> None:
    X, y = problem(rng)
    options = {"learning_rate": schedule, "early_stopping": True}
    whole = regressor(**options).fit(X, y)
    killed(regressor(**options), 17, tmp_path, X, y)
    model = regressor(**options).fit(X, y, checkpoint=tmp_path, resume=True)
    assert_same_bits(found(model), found(whole))
    longer = regressor(**options, max_iter=12)
    if schedule in ("cosine", "one_cycle"):
        with pytest.raises(ValueError, match="was one of 8 epochs, not of 12"):
            longer.fit(X, y, checkpoint=tmp_path, resume=True)
    else:
        longer.fit(X, y, checkpoint=tmp_path, resume=True)
        whole = regressor(**options, max_iter=12).fit(X, y)
        assert_same_bits(found(longer), found(whole))
    other = {**options, "learning_rate": WarmUp(3.0)}
    with pytest.raises(ValueError, match=r"learning_rate was .*, is WarmUp\(epochs=3"):
        regressor(**other).fit(X, y, checkpoint=tmp_path, resume=True)


def test_taggers(rng: np.random.Generator, tmp_path: Path) -> None:
    X = [rng.integers(0, 9, 3 + k % 5) for k in range(40)]
    y = [[("odd", "even")[t % 2] for t in x] for x in X]

    def make() -> LSTMTagger:
        options = {"vocabulary_size": 9, "embedding_dim": 3, "batch_size": 8}
        return LSTMTagger(4, **options, max_iter=5, early_stopping=True, random_state=0)

    groups = np.arange(40) // 4
    whole = make().fit(X, y, groups=groups)
    killed(make(), 13, tmp_path, X, y, groups=groups)
    model = make().fit(X, y, groups=groups, checkpoint=tmp_path, resume=True)
    assert_same_bits(found(model), found(whole))
    with pytest.raises(ValueError, match="of another fit: groups is not what it was"):
        make().fit(X, y, groups=groups[::-1], checkpoint=tmp_path, resume=True)
    X[0][0] = (X[0][0] + 1) % 9
    with pytest.raises(ValueError, match="of another fit: X is not what it was"):
        make().fit(X, y, groups=groups, checkpoint=tmp_path, resume=True)


def test_warm_start(rng: np.random.Generator, tmp_path: Path) -> None:
    X, y = problem(rng)
    model = regressor(warm_start=True, max_iter=3, dropout=0.2).fit(X, y)
    model.save(tmp_path / "model")
    whole = fastlstm.load(tmp_path / "model").fit(X, y)
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError):
        fastlstm.load(tmp_path / "model").set_params(callbacks=[Die(7)]).fit(
            X, y, checkpoint=Checkpoint(folder, every_steps=2)
        )
    again = fastlstm.load(tmp_path / "model")
    again.fit(X, y, checkpoint=folder, resume=True)
    assert again.n_iter_ == 6
    assert_same_bits(found(again), found(whole))
    fresh = regressor(warm_start=True, max_iter=6, dropout=0.2)
    with pytest.raises(ValueError, match="model before the first step is another"):
        fresh.fit(X, y, checkpoint=folder, resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": 1.0}, "X is not what it was"),
        ({"y": 1.0}, "y is not what it was"),
        ({"sample_weight": 1.0}, "sample_weight is not what it was"),
        ({"sample_weight": None}, "sample_weight is not what it was"),
        ({"X_val": 1.0}, "X_val is not what it was"),
        ({"y_val": 1.0}, "y_val is not what it was"),
        ({"X_val": None, "y_val": None}, "X_val is not what it was; y_val is not"),
        ({"hidden_size": 7}, "hidden_size was 6, is 7"),
        ({"random_state": 1}, "random_state was 0, is 1"),
        ({"random_state": None}, "random_state was 0, is None"),
        (
            {"solver": "sgd", "alpha": 0.1},
            r"alpha was 0\.0, is 0\.1; solver was 'adam'",
        ),
        ({"n_iter_no_change": 3}, "n_iter_no_change was 10, is 3"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_other_fits_are_refused(
    rng: np.random.Generator, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    X, y = problem(rng)
    data = {"X": X[:60], "y": y[:60], "sample_weight": np.arange(1.0, 61.0)}
    data |= {"X_val": X[60:], "y_val": y[60:]}
    killed(regressor(), 5, tmp_path, **data)
    before = sorted(tmp_path.iterdir())
    parameters = {}
    for name, value in change.items():
        if name in data:
            data[name] = None if value is None else data[name].copy()
            if value is not None:
                data[name].flat[0] += value
        else:
            parameters[name] = value
    if data["X_val"] is None:
        parameters["early_stopping"] = False
    model = regressor(**parameters)
    with pytest.raises(ValueError, match=rf"004\.safetensors is of another.*{message}"):
        model.fit(**data, checkpoint=tmp_path, resume=True)
    assert not hasattr(model, "model_")
    assert sorted(tmp_path.iterdir()) == before


def test_the_same_data_prepared_otherwise(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a change of how scikit-learn draws a split."""
    X, y = problem(rng)
    killed(regressor(early_stopping=True), 5, tmp_path, X, y)
    split = validation.train_test_split
    monkeypatch.setattr(
        validation, "train_test_split", lambda a, **k: [s[::-1] for s in split(a, **k)]
    )
    with pytest.raises(ValueError, match="the same data is split or scaled otherwise"):
        regressor(early_stopping=True).fit(X, y, checkpoint=tmp_path, resume=True)


def test_bad_arguments(rng: np.random.Generator, tmp_path: Path) -> None:
    X, y = problem(rng)
    with pytest.raises(ValueError, match="resume=True needs checkpoint="):
        regressor().fit(X, y, resume=True)
    with pytest.raises(TypeError, match=r"checkpoint must be a folder or .*, got 5"):
        regressor().fit(X, y, checkpoint=5)
    with pytest.raises(TypeError, match="resume must be True or False, got 'yes'"):
        regressor().fit(X, y, checkpoint=tmp_path, resume="yes")
    model = regressor().fit(X, y, checkpoint=tmp_path)
    with pytest.raises(FileExistsError, match="pass resume=True to go on with it"):
        regressor().fit(X, y, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="it holds a checkpoint, expected a model or"):
        fastlstm.load(max(tmp_path.iterdir()))
    model.save(tmp_path / "model")  # beside them is no harm
    regressor().fit(X, y, checkpoint=tmp_path, resume=True)


def test_the_users_checkpoint_is_left_as_it_is(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    X, y = problem(rng)
    checkpoint = Checkpoint(tmp_path, every_steps=3)
    before = {**vars(checkpoint)}
    model = regressor(callbacks=[]).fit(X, y, checkpoint=checkpoint)
    assert vars(checkpoint) == before
    assert model.callbacks == []


def test_both_files_bad(rng: np.random.Generator, tmp_path: Path) -> None:
    X, y = problem(rng)
    killed(regressor(), 5, tmp_path, X, y)
    for path in tmp_path.iterdir():
        os.truncate(path, 1000)
    with pytest.raises(ValueError, match=r"no checkpoint can be read: .*004.*; .*002"):
        regressor().fit(X, y, checkpoint=tmp_path, resume=True)


@pytest.mark.filterwarnings("default")
def test_killed_for_real() -> None:
    done = run_python(
        "benchmarks/kill_resume.py", "--kills", "4", "--seed", "1", OMP_NUM_THREADS="1"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines()[2:]]
    assert sum(int(row[3]) for row in rows) == 4
    table = (ROOT / "docs" / "files.md").read_text()
    assert done.stdout.splitlines()[0] in table
