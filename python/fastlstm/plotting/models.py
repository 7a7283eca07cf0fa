"""How a fit went, and what gates did."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .axes import new_axes

__all__ = ["plot_gates", "plot_history"]


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


def plot_history(estimator: Any, *, ax: Any = None) -> Any:
    """Draw how a fit went.

    That is the training loss (on a logarithmic axis, if it stays above 0), the
    validation score and its best epoch where there was one, and the learning rate where
    it changed.

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
    ax = new_axes() if ax is None else ax
    epochs = np.arange(1, len(estimator.loss_curve_) + 1)
    lines = ax.plot(epochs, estimator.loss_curve_, color="C0", label="training loss")
    ax.set_xlabel("epoch")
    ax.set_ylabel("training loss")
    # That of a density, minus a log likelihood, may fall below 0.
    if all(loss > 0.0 for loss in estimator.loss_curve_):
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
    axes = new_axes(len(_GATES) + above, sharex=True, figsize=size)
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
