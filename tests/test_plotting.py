from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fastlstm import LSTMAnomalyDetector, LSTMRegressor
from fastlstm.nn import LSTM
from fastlstm.plotting import (
    plot_anomalies,
    plot_forecast,
    plot_gates,
    plot_history,
)
from matplotlib.figure import Figure


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("learning_rate", ["constant", "cosine"])
def test_history(
    rng: np.random.Generator, early_stopping: bool, learning_rate: str
) -> None:
    X = rng.standard_normal((40, 5))
    model = LSTMRegressor(
        4, max_iter=3, early_stopping=early_stopping, learning_rate=learning_rate
    )
    figure = Figure()
    ax = figure.subplots()
    assert plot_history(model.fit(X, X[:, 0]), ax=ax) is ax
    drawn = {line.get_label(): line for each in figure.axes for line in each.lines}
    shown = {text.get_text() for text in ax.get_legend().get_texts()}
    assert shown == set(drawn)
    expected = {"training loss": model.loss_curve_}
    if early_stopping:
        expected["validation score"] = model.validation_scores_
        best = int(np.argmax(model.validation_scores_)) + 1
        line = drawn.pop(f"best epoch ({best})")
        assert list(line.get_xdata()) == [best, best]
    if learning_rate == "cosine":
        expected["learning rate"] = model.learning_rates_
    assert set(drawn) == set(expected)
    for label, values in expected.items():
        np.testing.assert_array_equal(drawn[label].get_ydata(), values)
        np.testing.assert_array_equal(drawn[label].get_xdata(), [1, 2, 3])
    figure.canvas.draw()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_history_with_scores_of_the_last_epochs(rng: np.random.Generator) -> None:
    X = rng.standard_normal((40, 5))
    model = LSTMRegressor(4, max_iter=2, warm_start=True).fit(X, X[:, 0])
    model.set_params(early_stopping=True, max_iter=3).fit(X, X[:, 0])
    figure = Figure()
    plot_history(model, ax=figure.subplots())
    (line,) = figure.axes[1].lines
    np.testing.assert_array_equal(line.get_xdata(), [3, 4, 5])


@pytest.mark.parametrize(
    ("last", "scale"), [(0.1, "log"), (0.0, "linear"), (-1.0, "linear")]
)
def test_history_of_losses_below_zero(last: float, scale: str) -> None:
    fitted = SimpleNamespace(loss_curve_=[2.0, 0.5, last], validation_scores_=None)
    assert plot_history(fitted, ax=Figure().subplots()).get_yscale() == scale
    # A fit that was interrupted at once.
    fitted = SimpleNamespace(loss_curve_=[], validation_scores_=None)
    plot_history(fitted, ax=Figure().subplots())


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "fastlstm\[plot\]"'):
        plot_forecast([0, 1])


def test_gates(rng: np.random.Generator) -> None:
    from matplotlib import pyplot

    lstm = LSTM(2, 5, 2, random_state=0)
    x = rng.standard_normal((3, 7, 2)).astype(np.float32)
    trace = lstm.trace(x)["l1"]
    axes = plot_gates(trace, sample=1, x=x[1])
    assert [ax.get_title(loc="left")[0] for ax in axes] == list("iifocch")
    for ax, name in zip(axes[1:], "ifogch", strict=True):
        drawn = ax.images[0].get_array()
        np.testing.assert_array_equal(drawn, getattr(trace, name)[1].T)
    assert len(plot_gates(trace)) == 6
    pyplot.close("all")
    with pytest.raises(ValueError, match="one of 3 sequences, got 3"):
        plot_gates(trace, sample=3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"probation": 5},
        {"probation": 42},
        {"history": 100},
        {"history": 60, "probation": 90, "low_errors": False},
    ],
    ids=str,
)
def test_anomalies(rng: np.random.Generator, options: dict[str, Any]) -> None:
    from matplotlib import pyplot

    X = rng.standard_normal((200, 3))
    detector = LSTMAnomalyDetector(
        4, max_iter=2, targets=[2, 0], smoothing=2, buffer=2, pruning=0.0
    ).fit(X)
    X[[40, 41, 42, 120, 121, 122]] += 9.0
    days = np.datetime64("2012-01-01") + np.arange(200)
    above, below = plot_anomalies(detector, X, times=days, **options)
    drawn = [line.get_ydata() for line in above.lines]
    np.testing.assert_array_equal(drawn, X[:, [2, 0]].T)
    errors, threshold = below.lines
    np.testing.assert_array_equal(errors.get_xdata(), days)
    np.testing.assert_array_equal(errors.get_ydata(), -detector.score_samples(X))
    raised = options == {"probation": 42}  # by two of the abnormal steps
    level = -detector.score_samples(X)[:42].min() if raised else -detector.offset_
    assert set(threshold.get_ydata()) == {level}
    assert ("raised" in threshold.get_label()) == raised
    spans = detector.anomaly_spans(X, **options)
    assert any(span.start <= 122 < span.stop for span in spans)
    drawn = [patch.get_x() for patch in above.patches]
    dates = pyplot.matplotlib.dates.date2num(days)
    np.testing.assert_allclose(drawn, [dates[span.start] for span in spans])
    assert len(below.patches) == len(spans)
    above.figure.canvas.draw()
    pyplot.close("all")
    with pytest.raises(ValueError, match="expected one series"):
        plot_anomalies(detector, [X])
