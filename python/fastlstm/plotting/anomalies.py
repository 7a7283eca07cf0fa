"""Anomalies of a series."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .axes import new_axes

__all__ = ["plot_anomalies"]


def plot_anomalies(
    detector: Any,
    X: ArrayLike,
    *,
    times: ArrayLike | None = None,
    history: int | None = None,
    probation: int = 0,
    low_errors: bool = True,
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
    history, probation, low_errors : optional
        As in ``detector.anomaly_spans``.

    Returns
    -------
    array of two Axes
        Of the features that are predicted, and of the errors with the threshold of
        ``fit``, without ``history`` raised by ``probation``. They share the horizontal
        axis.

    Raises
    ------
    ValueError
        A list of series; what ``anomaly_spans`` refuses.
    ImportError
        Without matplotlib.
    """
    if isinstance(X, (list, tuple)):
        raise ValueError("X is a list, expected one series: an array or a frame")
    spans = detector.anomaly_spans(
        X, history=history, probation=probation, low_errors=low_errors
    )
    errors = -detector.score_samples(X)
    values = np.asarray(X).reshape(len(errors), -1)
    steps = np.arange(len(errors)) if times is None else np.asarray(times)
    axes = new_axes(2, sharex=True, figsize=(8.0, 4.5))
    axes[0].plot(steps, values[:, detector.targets_], linewidth=1.0)
    axes[0].set_ylabel("series")
    axes[1].plot(steps, errors, color="C7", linewidth=1.0, label="smoothed error")
    threshold, name = -detector.offset_, "threshold of fit"
    if history is None and (largest := errors[:probation].max(initial=0.0)) > threshold:
        threshold, name = largest, "threshold, raised by the probation"
    axes[1].axhline(threshold, color="C3", ls="--", label=name)
    axes[1].set_ylabel("error")
    axes[1].set_xlabel("step" if times is None else "")
    axes[1].legend(loc="upper left")
    for ax in axes:
        ax.margins(x=0)
        for span in spans:
            ax.axvspan(steps[span.start], steps[span.stop - 1], color="C3", alpha=0.2)
    return axes
