"""From prediction errors to anomalies: smoothing, thresholds, spans.

After Hundman, Constantinou, Laporte, Colwell & Soderstrom (2018), "Detecting Spacecraft
Anomalies Using LSTMs and Nonparametric Dynamic Thresholding", KDD, sections 3.2 and
3.3; "the paper" below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validate import check_bool, check_float, check_int

__all__ = [
    "AnomalySpan",
    "Smoother",
    "dynamic_threshold",
    "find_spans",
    "prune_spans",
    "quantile_threshold",
    "smooth_errors",
]

# The paper's code looks for z among these.
_DEVIATIONS = np.arange(2.5, 12.0, 0.5)
# It leaves out thresholds that make more spans than this, or a larger share of steps.
_MOST_SPANS = 5
_MOST_STEPS = 0.5


class AnomalySpan(NamedTuple):
    """Steps ``start`` to ``stop - 1`` of a series, and how abnormal they are."""

    start: int
    stop: int
    severity: float


class Smoother:
    """An exponentially weighted moving average, one value at a time.

    ``s_t = s_{t-1} + alpha (e_t - s_{t-1})`` with ``alpha = 2 / (span + 1)``, as
    ``pandas.Series.ewm(span=span, adjust=False)`` has it behind a value ``start``.

    Parameters
    ----------
    span : float
        At least 1, which smooths nothing.
    start : float
        The average before the first value.

    Raises
    ------
    ValueError
        ``span`` below 1, or a number that is not finite.

    Examples
    --------
    >>> from fastlstm.forecasting.anomalies import Smoother
    >>> smoother = Smoother(span=3, start=0.0)
    >>> [smoother.update(error) for error in (1.0, 1.0, 0.0)]
    [0.5, 0.75, 0.375]
    """

    def __init__(self, span: float, start: float) -> None:
        self._alpha = 2.0 / (check_float("span", span, "[1, inf)") + 1.0)
        self.value = check_float("start", start)

    def update(self, error: float) -> float:
        """Take the next value in, and return the average."""
        self.value += self._alpha * (error - self.value)
        return self.value


def smooth_errors(errors: ArrayLike, span: float, start: float) -> NDArray[np.float64]:
    """Smooth errors as `Smoother` does, to the same bits.

    A model errs in single steps also where all is well; what stays above is abnormal
    (section 3.2 of the paper, which smooths 2100 errors with a span of 105).

    Parameters
    ----------
    errors : (T,) array
    span : float
    start : float
        The average before the first of them: the mean of errors that are known to be
        normal, so that the first steps are not judged by one error alone.

    Returns
    -------
    (T,) float64 array

    Examples
    --------
    >>> from fastlstm.forecasting.anomalies import smooth_errors
    >>> smooth_errors([1.0, 1.0, 0.0], span=3, start=0.0)
    array([0.5  , 0.75 , 0.375])
    """
    smoother = Smoother(span, start)
    values = as_errors(errors, least=0)
    return np.array([smoother.update(error) for error in values.tolist()])


def quantile_threshold(errors: ArrayLike, contamination: float) -> float:
    """Return what a share ``contamination`` of the smoothed errors lies above.

    With 0 it is the largest of them.

    Raises
    ------
    ValueError
        A share outside [0, 1]; no errors, or one that is negative or not finite.

    Examples
    --------
    >>> from fastlstm.forecasting.anomalies import quantile_threshold
    >>> quantile_threshold([0.1, 0.2, 0.3, 0.4, 0.9], contamination=0.25)
    0.4
    """
    share = check_float("contamination", contamination, "[0, 1]")
    return float(np.quantile(as_errors(errors), 1.0 - share))


def dynamic_threshold(
    errors: ArrayLike, *, buffer: int = 0, low: bool = False
) -> float:
    """Find the threshold whose removal of outliers calms the errors most.

    Of all ``epsilon = mean(e) + z std(e)``, z = 2.5, 3, ..., 11.5, the one with the
    largest

        (drop of the mean / mean(e) + drop of the deviation / std(e))
        / (number of errors above + (number of spans of them)^2)

    where both drop to those of the errors below epsilon (section 3.2 of the paper).
    As in its code, thresholds that make more than five spans, or spans over half of
    the steps, are left out, errors at the threshold count as above, and of equally good
    thresholds the higher is taken.

    Parameters
    ----------
    errors : (T,) array
        Smoothed.
    buffer : int, default=0
        Steps before and after an error above the threshold that belong to its span, so
        that close ones are one; steps of spans are then what is counted. The paper's
        code has 100.
    low : bool, default=False
        Find the threshold of ``2 mean(e) - e``, the errors mirrored at their mean, for
        those that are lower than usual. The paper's code looks for both.

    Returns
    -------
    float
        ``mean(e) + 12 std(e)`` where no threshold has anything above it.

    Raises
    ------
    ValueError
        No errors, or one that is negative or not finite; ``buffer`` below 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting.anomalies import dynamic_threshold
    >>> errors = np.random.default_rng(0).uniform(0.0, 0.1, size=1000)
    >>> errors[500:520] = 1.0
    >>> 0.1 < dynamic_threshold(errors) < 1.0
    True
    """
    values = as_errors(errors)
    buffer = check_int("buffer", buffer, 0)
    mean, deviation = float(values.mean()), float(values.std())
    if check_bool("low", low):
        values = 2.0 * mean - values  # of the same mean and deviation
    best, best_score = mean + 12.0 * deviation, -np.inf
    for z in _DEVIATIONS.tolist():
        epsilon = mean + z * deviation
        above = values >= epsilon
        if deviation == 0.0 or not above.any():
            continue
        spans = join_runs(find_runs(above), buffer, len(values))
        steps = sum(stop - start for start, stop in spans)
        if len(spans) > _MOST_SPANS or steps >= _MOST_STEPS * len(values):
            continue
        rest = values[~above]
        drops = (mean - rest.mean()) / mean + (deviation - rest.std()) / deviation
        score = float(drops) / (steps + len(spans) ** 2)
        if score >= best_score:
            best, best_score = epsilon, score
    return best


def find_spans(
    errors: ArrayLike,
    threshold: float,
    *,
    buffer: int = 0,
    pruning: float = 0.0,
    scale: float = 1.0,
    probation: int = 0,
) -> list[AnomalySpan]:
    """Join the steps with errors above a threshold to spans.

    Parameters
    ----------
    errors : (T,) array
        Smoothed.
    threshold : float
    buffer : int, default=0
        Steps before and after that belong to a span; spans that then touch are one.
    pruning : float in [0, 1), default=0.0
        See `prune_spans`; 0 keeps all spans.
    scale : float, default=1.0
        What severities are told in: ``(largest error in the span - threshold) /
        scale``, in the paper with the mean plus the standard deviation of the errors
        (section 3.2).
    probation : int, default=0
        First steps that are taken for normal: none is in a span, and the threshold is
        at least the largest of their errors.

    Returns
    -------
    list of AnomalySpan
        In the order of time.

    Raises
    ------
    ValueError
        An argument out of its range; an error that is negative or not finite.

    Examples
    --------
    >>> from fastlstm.forecasting.anomalies import find_spans
    >>> find_spans([0.0, 2.0, 0.0, 3.0, 0.0, 0.0, 0.0, 1.5], 1.0, buffer=1)
    [AnomalySpan(start=0, stop=5, severity=2.0),
     AnomalySpan(start=6, stop=8, severity=0.5)]
    >>> find_spans([0.0, 2.0, 0.0, 3.0, 0.0, 0.0, 0.0, 1.5], 1.0, probation=3)
    [AnomalySpan(start=3, stop=4, severity=1.0)]
    """
    values = as_errors(errors, least=0)
    threshold = check_float("threshold", threshold, "[0, inf)")
    buffer = check_int("buffer", buffer, 0)
    scale = check_float("scale", scale, "(0, inf)")
    probation = check_int("probation", probation, 0)
    threshold = max(threshold, float(values[:probation].max(initial=0.0)))
    pairs = [
        (max(start, probation), stop)
        for start, stop in join_runs(find_runs(values > threshold), buffer, len(values))
    ]
    outside = np.ones(len(values), bool)
    for start, stop in pairs:
        outside[start:stop] = False
    largest = np.array([values[start:stop].max() for start, stop in pairs])
    normal = float(values[outside].max(initial=0.0))
    return [
        AnomalySpan(start, stop, float((top - threshold) / scale))
        for (start, stop), top, kept in zip(
            pairs, largest, prune_spans(largest, normal, pruning), strict=True
        )
        if kept
    ]


def prune_spans(largest: ArrayLike, normal: float, pruning: float) -> NDArray[np.bool_]:
    """Tell which spans stand out from the rest (section 3.3 of the paper).

    The largest errors of spans are sorted, the largest of all normal steps behind them.
    Those after the last step down of more than a share ``pruning`` are taken for
    normal.

    Parameters
    ----------
    largest : (n,) array
        The largest smoothed error of each span.
    normal : float
        That of all steps outside of spans.
    pruning : float in [0, 1)
        The paper's p, there 0.13.

    Returns
    -------
    (n,) array of bool
        What to keep.

    Raises
    ------
    ValueError
        ``pruning`` outside [0, 1), numbers that are negative or not finite.

    Examples
    --------
    >>> from fastlstm.forecasting.anomalies import prune_spans
    >>> prune_spans([0.01072, 0.01396], normal=0.00994, pruning=0.1)
    array([False,  True])
    """
    values = as_errors(largest, least=0)
    normal = check_float("normal", normal, "[0, inf)")
    pruning = check_float("pruning", pruning, "[0, 1)")
    order = np.argsort(-values, kind="stable")
    down = np.append(values[order], normal)
    steps = down[:-1] - down[1:]
    # Not divided: errors may be zero.
    far = np.flatnonzero((steps > pruning * down[:-1]) | (pruning == 0.0))
    keep = np.zeros(len(values), bool)
    keep[order[: far[-1] + 1 if far.size else 0]] = True
    return keep


def as_errors(errors: ArrayLike, least: int = 1) -> NDArray[np.float64]:
    values: NDArray[Any] = np.asarray(errors, np.float64)
    if values.ndim != 1 or len(values) < least:
        raise ValueError(
            f"errors have shape {values.shape}, expected ({least} or more,)"
        )
    wrong = np.flatnonzero(~((values >= 0.0) & (values < np.inf)))
    if wrong.size:
        at = int(wrong[0])
        raise ValueError(f"error {at} is {values[at]}: expected finite numbers >= 0")
    return values


def find_runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Find the (start, stop) of all that is True without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def join_runs(
    runs: list[tuple[int, int]], buffer: int, length: int
) -> list[tuple[int, int]]:
    """Widen runs by ``buffer`` on both sides, and make one of those that touch."""
    joined: list[tuple[int, int]] = []
    for start, stop in runs:
        start, stop = max(0, start - buffer), min(length, stop + buffer)
        if joined and start <= joined[-1][1]:
            start = joined.pop()[0]
        joined.append((start, stop))
    return joined
