"""Plots with matplotlib, which is imported only when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["plot_forecast", "plot_history"]


def _new_axes() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib, which is not installed: "
            'pip install "fastlstm[plot]"'
        ) from error
    return pyplot.subplots(layout="constrained")[1]


def plot_history(estimator: Any, *, ax: Any = None) -> Any:
    """Draw the training loss and, where there is one, the validation score.

    Parameters
    ----------
    estimator : fitted estimator
        What has ``loss_curve_`` and ``validation_scores_``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Of the loss; the score has an axis on the right.

    Raises
    ------
    ImportError
        Without matplotlib, where no ``ax`` is given.
    """
    ax = _new_axes() if ax is None else ax
    epochs = np.arange(1, len(estimator.loss_curve_) + 1)
    lines = ax.plot(epochs, estimator.loss_curve_, color="C0", label="training loss")
    ax.set_xlabel("epoch")
    ax.set_ylabel("training loss")
    ax.set_yscale("log")
    if estimator.validation_scores_:
        right = ax.twinx()
        scores = estimator.validation_scores_
        lines += right.plot(epochs, scores, color="C1", label="validation score")
        right.set_ylabel("validation score")
    ax.legend(handles=lines)
    return ax


def plot_forecast(
    times: ArrayLike,
    truth: ArrayLike,
    forecasts: Mapping[str, ArrayLike],
    *,
    unit: str = "",
    ax: Any = None,
) -> Any:
    """Draw forecasts over what came true.

    Parameters
    ----------
    times : (N,) array
        Days or numbers that truth and forecasts are for.
    truth : (N,) array
    forecasts : mapping of a name to an (N,) array
    unit : str, optional
        Name of the vertical axis.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        Without matplotlib, where no ``ax`` is given.
    """
    ax = _new_axes() if ax is None else ax
    ax.plot(times, truth, color="0.6", linewidth=1.0, label="truth")
    for number, (name, values) in enumerate(forecasts.items()):
        ax.plot(times, values, color=f"C{number}", linewidth=1.4, label=name)
    ax.set_ylabel(unit)
    ax.margins(x=0)
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", ncols=1 + len(forecasts))
    return ax
