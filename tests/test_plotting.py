from __future__ import annotations

import sys

import numpy as np
import pytest
from fastlstm import LSTMRegressor
from fastlstm.nn import LSTM
from fastlstm.plotting import plot_forecast, plot_gates, plot_history
from matplotlib.figure import Figure


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_history(rng: np.random.Generator, early_stopping: bool) -> None:
    X = rng.standard_normal((40, 5))
    model = LSTMRegressor(4, max_iter=3, early_stopping=early_stopping)
    figure = Figure()
    ax = figure.subplots()
    assert plot_history(model.fit(X, X[:, 0]), ax=ax) is ax
    assert len(figure.axes) == 1 + early_stopping
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), model.loss_curve_)


def test_forecast() -> None:
    ax = Figure().subplots()
    days = np.arange("2012-01", "2012-02", dtype="datetime64[D]")
    truth = np.linspace(0, 1, len(days))
    plot_forecast(days, truth, {"one": truth + 1, "two": truth + 2}, unit="°C", ax=ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["truth", "one", "two"]
    assert ax.get_ylabel() == "°C"


def test_a_figure_of_its_own() -> None:
    ax = plot_forecast([0, 1], [0, 1], {})
    from matplotlib import pyplot

    pyplot.close(ax.figure)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "fastlstm\[plot\]"'):
        plot_forecast([0, 1], [0, 1], {})


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
