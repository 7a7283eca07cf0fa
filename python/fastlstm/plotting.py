"""Plots with matplotlib, which is imported only when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["plot_anomalies", "plot_forecast", "plot_gates", "plot_history"]


# What a trace holds: its name, the limits of its colours (None: symmetric about zero as
# far as it goes) and how it is drawn.
_GATES = {
    "i": ("input gate i: what gets in", (0.0, 1.0), "viridis"),
    "f": ("forget gate f: what stays", (0.0, 1.0), "viridis"),
    "o": ("output gate o: what is shown", (0.0, 1.0), "viridis"),
    "g": ("candidate g", (-1.0, 1.0), "RdBu_r"),
    "c": ("cell state c", None, "RdBu_r"),
    "h": ("hidden state h", (-1.0, 1.0), "RdBu_r"),
}


def _new_axes(rows: int = 1, **options: Any) -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib, which is not installed: "
            'pip install "fastlstm[plot]"'
        ) from error
    return pyplot.subplots(rows, layout="constrained", **options)[1]


def plot_history(estimator: Any, *, ax: Any = None) -> Any:
    """Draw how a fit went.

    That is the training loss, the validation score and its best epoch where there was
    one, and the learning rate where it changed.

    Parameters
    ----------
    estimator : fitted estimator
        What has ``loss_curve_``, ``validation_scores_`` and ``learning_rates_``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Of the loss; score and learning rate have axes on the right.

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
    scores = estimator.validation_scores_
    if scores:
        right = ax.twinx()
        # After a warm start validation may have begun later.
        judged = epochs[-len(scores) :]
        lines += right.plot(judged, scores, color="C1", label="validation score")
        right.set_ylabel("validation score")
        best = judged[np.argmax(scores)]
        label = f"best epoch ({best})"
        lines.append(ax.axvline(best, color="0.6", linestyle="--", label=label))
    rates = getattr(estimator, "learning_rates_", ())
    if len(set(rates)) > 1:
        outer = ax.twinx()
        if scores:
            outer.spines["right"].set_position(("axes", 1.15))
        lines += outer.plot(epochs, rates, color="C2", ls=":", label="learning rate")
        outer.set_ylabel("learning rate")
        outer.set_yscale("log")
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


def plot_anomalies(
    detector: Any,
    X: ArrayLike,
    *,
    times: ArrayLike | None = None,
    history: int | None = None,
) -> Any:
    """Draw a series over its smoothed errors, with the spans that stand out.

    Parameters
    ----------
    detector : LSTMAnomalyDetector
        Fitted.
    X : (T,) or (T, F) array or frame
        One series.
    times : (T,) array, optional
        Days or numbers of the steps.
    history : int, optional
        As in ``detector.anomaly_spans``.

    Returns
    -------
    array of two Axes
        Of the features that are predicted, and of the errors with the threshold of
        ``fit``. They share the horizontal axis.

    Raises
    ------
    ValueError
        A list of series; what ``anomaly_spans`` refuses.
    ImportError
        Without matplotlib.
    """
    if isinstance(X, (list, tuple)):
        raise ValueError("X is a list, expected one series: an array or a frame")
    spans = detector.anomaly_spans(X, history=history)
    errors = -detector.score_samples(X)
    values = np.asarray(X).reshape(len(errors), -1)
    steps = np.arange(len(errors)) if times is None else np.asarray(times)
    axes = _new_axes(2, sharex=True, figsize=(8.0, 4.5))
    axes[0].plot(steps, values[:, detector.targets_], linewidth=1.0)
    axes[0].set_ylabel("series")
    axes[1].plot(steps, errors, color="C7", linewidth=1.0, label="smoothed error")
    threshold = -detector.offset_
    axes[1].axhline(threshold, color="C3", ls="--", label="threshold of fit")
    axes[1].set_ylabel("error")
    axes[1].set_xlabel("step" if times is None else "")
    axes[1].legend(loc="upper left")
    for ax in axes:
        ax.margins(x=0)
        for span in spans:
            ax.axvspan(steps[span.start], steps[span.stop - 1], color="C3", alpha=0.2)
    return axes


def plot_gates(trace: Any, *, sample: int = 0, x: ArrayLike | None = None) -> Any:
    """Draw the gates, the cell and the hidden state of one sequence as heatmaps.

    Parameters
    ----------
    trace : GateTrace
        Of one layer: ``lstm.trace(x)["l0"]``.
    sample : int, default=0
        Which sequence of the batch.
    x : (T,) or (T, I) array, optional
        The sequence itself, drawn on top as lines.

    Returns
    -------
    array of Axes
        One a heatmap, in the order i, f, o, g, c, h; before them the one of ``x``,
        where it is given. All share the steps as their horizontal axis.

    Raises
    ------
    ValueError
        If there is no such sequence.
    ImportError
        Without matplotlib.
    """
    samples = len(trace.c)
    if not -samples <= sample < samples:
        raise ValueError(f"sample must be one of {samples} sequences, got {sample!r}")
    above = x is not None
    size = (8.0, 1.5 * (len(_GATES) + above))
    axes = _new_axes(len(_GATES) + above, sharex=True, figsize=size)
    if x is not None:
        axes[0].plot(np.asarray(x))
        axes[0].set_title("input x", loc="left", fontsize="medium")
    for ax, (name, (title, limits, colours)) in zip(
        axes[above:], _GATES.items(), strict=True
    ):
        values = np.asarray(getattr(trace, name))[sample].T
        if limits is None:
            reach = float(np.abs(values).max()) or 1.0
            limits = (-reach, reach)
        image = ax.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            cmap=colours,
            vmin=limits[0],
            vmax=limits[1],
        )
        ax.set_title(title, loc="left", fontsize="medium")
        ax.set_ylabel("unit")
        ax.figure.colorbar(image, ax=ax)
    axes[-1].set_xlabel("step")
    return axes
