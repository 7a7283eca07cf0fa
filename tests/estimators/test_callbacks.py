"""scikit-learn's callbacks: every epoch of a fit is a task, from 1.9 on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTagger,
)
from fastlstm.estimators.sklearn_types import CallbackSupport
from fastlstm.training import Callback, Trainer
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..compare import assert_same_bits
from .test_fit import problem, quiet, regressor

THERE = hasattr(CallbackSupport, "set_callbacks")
needs_callbacks = pytest.mark.skipif(
    not THERE, reason="scikit-learn has callbacks from 1.9 on"
)
pytestmark = quiet


class Record:
    """A callback by scikit-learn's protocol."""

    def __init__(self, stop_after: int = 0, fail_at: str = "") -> None:
        self.calls: list[tuple[str, Any, dict[str, Any]]] = []
        self.stop_after = stop_after
        self.fail_at = fail_at

    def _note(self, name: str, context: Any, **options: Any) -> None:
        self.calls.append((name, context, options))
        if self.fail_at == name:
            raise RuntimeError(f"mine, in {name}")

    def setup(self, estimator: Any, context: Any) -> None:
        self._note("setup", context)

    def teardown(self, estimator: Any, context: Any) -> None:
        self._note("teardown", context)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self._note("begin", context)

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> bool:
        self._note("end", context, X=X, y=y, metadata=metadata, est=fitted_estimator)
        ended = [call for call in self.calls if call[0] == "end"]
        return len(ended) == self.stop_after

    @property
    def names(self) -> list[str]:
        return [name for name, *_ in self.calls]


def test_older_versions_have_none() -> None:
    assert hasattr(LSTMRegressor(), "set_callbacks") == THERE


@needs_callbacks
@pytest.mark.parametrize("estimator", [LSTMRegressor, LSTMClassifier, LSTMTagger])
def test_tasks(rng: np.random.Generator, estimator: Any) -> None:
    X, y = problem(rng)
    if estimator is LSTMClassifier:
        y = np.where(y > 0, "up", "down")
    if estimator is LSTMTagger:
        y = np.where(X[:, :, 0] > 0, "up", "down")
    record = Record()
    model = estimator(5, max_iter=3, random_state=0)
    with_callback = clone(model).set_callbacks(record).fit(X, y)
    pairs = ["begin", "end"]
    assert record.names == ["setup", "begin", *3 * pairs, "end", "teardown"]
    root, *tasks = [context for name, context, _ in record.calls if name == "begin"]
    assert (root.task_name, root.max_subtasks) == ("fit", 3)
    assert [(t.task_name, t.task_id) for t in tasks] == [("epoch", i) for i in range(3)]
    assert all(task.parent is root for task in tasks)
    assert_same_bits(
        {"weights": with_callback.model_.params.flat},
        {"weights": model.fit(X, y).model_.params.flat},
    )
    assert not hasattr(with_callback, "_callback_fit_ctx")


@needs_callbacks
def test_what_they_see(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    X[:, 0, 0] = np.arange(80)
    sequences = [x[: 2 + i % 5] for i, x in enumerate(X)]
    weights = np.ones(80)
    weights[::4] = 0
    record = Record()
    model = regressor(
        max_iter=3, early_stopping=True, validation_split="last", learning_rate_init=0.1
    ).set_callbacks(record)
    model.fit(sequences, y, sample_weight=weights)
    trained_on = np.flatnonzero(weights)[:54]  # a tenth of sixty is set aside
    ends = [options for name, _, options in record.calls if name == "end"]
    assert len(ends) == 4
    for options in ends:
        assert [int(x[0, 0]) for x in options["X"]] == trained_on.tolist()
        np.testing.assert_array_equal(options["y"], y[trained_on])
        assert list(options["metadata"]["sample_weight"]) == [1.0] * 54
    # Each has the model of its epoch; the last one what fit has found.
    predictions = [options["est"].predict(sequences) for options in ends]
    for i, one in enumerate(predictions[:3]):
        for two in predictions[:i]:
            assert (one != two).any()
    assert [options["est"].n_iter_ for options in ends] == [1, 2, 3, 3]
    np.testing.assert_array_equal(predictions[3], model.predict(sequences))
    best = int(np.argmax(model.validation_scores_))
    np.testing.assert_array_equal(predictions[best], predictions[3])


@needs_callbacks
def test_one_may_stop_the_fit(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    record = Record(stop_after=2)
    model = regressor().set_callbacks(record).fit(X, y)
    assert model.n_iter_ == 2
    assert record.names[-2:] == ["end", "teardown"]


@needs_callbacks
@pytest.mark.parametrize("place", ["setup", "begin", "end"])
def test_one_may_fail(rng: np.random.Generator, place: str) -> None:
    X, y = problem(rng)
    model = regressor().fit(X, y)
    before = model.model_
    record = Record(fail_at=place)
    model.set_callbacks(record)
    with pytest.raises(RuntimeError, match=f"mine, in {place}"):
        model.fit(X, y)
    assert record.names[-1] == "teardown"
    assert model.model_ is before
    assert not hasattr(model, "_callback_fit_ctx")


@needs_callbacks
def test_beside_our_own(rng: np.random.Generator) -> None:
    class Own(Callback):
        epochs = 0

        def on_epoch_begin(self, trainer: Trainer) -> None:
            self.epochs += 1

    X, y = problem(rng)
    own, record = Own(), Record()
    regressor(callbacks=[own]).set_callbacks(record).fit(X, y)
    assert own.epochs == 8
    assert record.names.count("end") == 9
    regressor().set_callbacks(record).partial_fit(X, y)  # is no fit
    assert record.names.count("end") == 9
    with pytest.raises(TypeError, match="must be instances following"):
        regressor().set_callbacks(own)
    with pytest.raises(TypeError, match="scikit-learn's, which go to set_callbacks"):
        regressor(callbacks=[record]).fit(X, y)


@pytest.mark.parametrize("estimator", [LSTMForecaster, LSTMAnomalyDetector])
def test_estimators_that_have_none_of_them(estimator: Any) -> None:
    """They point to nothing that is not there."""
    words = f"scikit-learn's, which {estimator.__name__} does not take: expected a"
    assert not hasattr(estimator, "set_callbacks")
    with pytest.raises(TypeError, match=words):
        estimator(callbacks=[Record()]).fit(np.sin(np.arange(300.0))[:, None])


@needs_callbacks
def test_scores_of_each_epoch(rng: np.random.Generator) -> None:
    from sklearn.callback import ScoringMonitor

    X, y = problem(rng)
    monitor = ScoringMonitor(scoring="r2")
    model = regressor().set_callbacks(monitor)
    model.fit(X, y, X_val=X, y_val=y)
    rows = monitor.get_logs().data
    scores = [row["r2"] for row in rows if row["task_name"] == "epoch"]
    np.testing.assert_allclose(scores, model.validation_scores_, rtol=1e-5)


@needs_callbacks
def test_progress_bar_of_a_search(
    rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich", reason="rich is not installed")
    from sklearn.callback import ProgressBar

    X, y = problem(rng)
    pipeline = make_pipeline(StandardScaler(), regressor(max_iter=2))
    search = GridSearchCV(pipeline, {"lstmregressor__hidden_size": [3, 5]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    search.fit(X[:, :, 0], y)
    shown = capsys.readouterr().out
    assert "LSTMRegressor - fit" in shown
    assert "100%" in shown
