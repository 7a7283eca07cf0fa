"""A threshold that moves with the errors of a series, as the code of the paper has it.

After Hundman, Constantinou, Laporte, Colwell & Soderstrom (2018), "Detecting Spacecraft
Anomalies Using LSTMs and Nonparametric Dynamic Thresholding", KDD, sections 3.2 and
3.3, and, where the paper is silent, ``telemanom/errors.py`` of its authors' code
(github.com/khundman/telemanom, commit 2e6c5b6); "the code" below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validate import check_bool, check_float, check_int
from .anomalies import (
    AnomalySpan,
    as_errors,
    dynamic_threshold,
    find_runs,
    join_runs,
    prune_spans,
)

__all__ = ["average_errors", "moving_anomalies", "moving_spans"]

# In the code no error counts below this share of what the series itself moves by.
_LEAST_SHARE = 0.05


def average_errors(
    errors: ArrayLike, span: float, *, lead_in: int = 0
) -> NDArray[np.float64]:
    """Smooth errors from nothing but themselves.

    The average that `smooth_errors` has behind a long past, here with weights that add
    up to 1 from the first error on, as ``pandas.Series.ewm(span=span).mean()``.

    Parameters
    ----------
    errors : (T,) array
    span : float
        At least 1, which smooths nothing.
    lead_in : int, default=0
        So many first averages, which are of few errors yet, are set to the mean of
        twice as many. The code has 250, its network's window.

    Returns
    -------
    (T,) float64 array

    Raises
    ------
    ValueError
        An argument out of its range; an error that is negative or not finite.

    Examples
    --------
    >>> from fastlstm.forecasting.moving_threshold import average_errors
    >>> average_errors([3.0, 0.0, 8.0], span=3)
    array([3., 1., 5.])
    >>> average_errors([3.0, 0.0, 8.0], span=3, lead_in=1)
    array([2., 1., 5.])
    """
    values = as_errors(errors, least=0)
    kept = 1.0 - 2.0 / (check_float("span", span, "[1, inf)") + 1.0)
    lead_in = check_int("lead_in", lead_in, 0)
    total = weight = 0.0
    averages = np.empty(len(values))
    for step, error in enumerate(values.tolist()):
        total, weight = kept * total + error, kept * weight + 1.0
        averages[step] = total / weight
    if lead_in and averages.size:
        averages[:lead_in] = averages[: 2 * lead_in].mean()
    return averages


def moving_spans(
    errors: ArrayLike,
    values: ArrayLike | None = None,
    *,
    history: int = 2100,
    batch: int | None = None,
    probation: int = 0,
    min_error: float = 0.0,
    low_errors: bool = True,
    buffer: int = 100,
    pruning: float = 0.13,
) -> list[AnomalySpan]:
    """Find spans by a threshold that moves with the errors.

    Each ``batch`` of errors is judged by the `dynamic_threshold` of the last
    ``history`` of them, which end with it; the first ``history`` are judged together.
    What is flagged by the end of a batch stays, whatever comes. So what errors are for
    good is normal after a while.

    A step of the batch is flagged if it is within ``buffer`` steps of an error at or
    above the threshold (section 3.2 of the paper), and if its span, by the largest
    error that it has in this batch, stands out from the other spans and from all errors
    of the history that are not flagged (section 3.3, `prune_spans`).

    Defaults are the constants of the code, and so are the rules, but for the end of a
    series whose errors are no whole number of batches: the code then leaves as many
    errors before the last batch unjudged as are over. Here these are a batch too.

    Parameters
    ----------
    errors : (T,) array
        Smoothed.
    values : (T,) or (T, K) array, optional
        What was predicted, in the errors' unit: no error counts that is not above 5 %
        of the range between the 5th and 95th percentile of the history's values, and
        none of a history whose errors deviate by 5 % of its values' deviation at most
        where the largest is not above this share of the range either. Of K values the
        root mean square of their ranges and of their deviations is taken. Without
        them errors of any size count.
    history : int, default=2100
        At least 2; the paper's h.
    batch : int, optional
        At most ``history``; by default a thirtieth of it, in the code 70.
    probation : int, default=0
        First errors of which none is flagged, until there is some history. The code has
        500, of less than 2500 errors 250, of less than 1800 none.
    min_error : float, default=0.0
        Nothing is flagged by a history in which no error is above; in the code 0.05,
        for series between -1 and 1.
    low_errors : bool, default=True
        Find spans also in ``2 mean(e) - e``, by a threshold of their own: errors lower
        than ever, as of what stands still. The paper does not speak of it, the code
        does it.
    buffer : int, default=100
        Steps before and after that belong to a span; spans that then touch are one.
        In the search for the threshold it is one less, as in the code.
    pruning : float in [0, 1), default=0.13
        The paper's p; 0 keeps all.

    Returns
    -------
    list of AnomalySpan
        In the order of time. The severity is the largest of ``(e - threshold) /
        (mean(e) + std(e))`` (section 3.2) with the mean and deviation of the history
        that the threshold is from; 0 for what only the buffer reaches.

    Raises
    ------
    ValueError
        An argument out of its range; an error that is negative or not finite; values
        of another length or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting.moving_threshold import moving_spans
    >>> errors = np.repeat([0.1, 1.0, 0.1, 0.5], [500, 20, 480, 1000])  # a new level
    >>> errors += np.random.default_rng(0).uniform(0.0, 0.05, size=2000)
    >>> spans = moving_spans(errors, history=300, buffer=0)
    >>> [(span.start, span.stop) for span in spans]
    [(500, 520), (1000, 1030)]
    """
    e = as_errors(errors, least=0)
    y = None if values is None else _as_values(values, len(e))
    history = check_int("history", history, 2)
    thirtieth = max(1, history // 30)
    batch = thirtieth if batch is None else check_int("batch", batch, 1, history)
    probation = check_int("probation", probation, 0)
    rule = _Rule(
        check_float("min_error", min_error, "[0, inf)"),
        check_int("buffer", buffer, 0),
        check_float("pruning", pruning, "[0, 1)"),
    )
    sides = (False, True) if check_bool("low_errors", low_errors) else (False,)
    severities = np.full(len(e), -np.inf)  # of what is flagged
    begin = 0  # of what no threshold has judged yet
    while begin < len(e):
        end = min(len(e), begin + batch if begin else history)
        first = max(0, end - history)
        since = max(begin, probation) - first
        # Both sides are judged beside what was flagged before this batch.
        flagged = severities[first:end] > -np.inf
        window, moves = e[first:end], None if y is None else y[first:end]
        for low in sides:
            for start, stop, severity in _judge(
                window, moves, flagged, since, low, rule
            ):
                part = severities[first + start : first + stop]
                np.maximum(part, severity, out=part)
        begin = end
    return [
        AnomalySpan(start, stop, float(severities[start:stop].max()))
        for start, stop in find_runs(severities > -np.inf)
    ]


def moving_anomalies(
    errors: ArrayLike,
    values: ArrayLike,
    *,
    warm_up: int,
    smoothing: float,
    probation: int = 0,
    **options: Any,
) -> list[AnomalySpan]:
    """Smooth the errors of a series and find its spans by a threshold that moves.

    Parameters
    ----------
    errors : (T,) array
        Not smoothed; those of the first ``warm_up`` steps are not looked at.
    values : (T,) or (T, K) array
        What was predicted, in the errors' unit.
    warm_up : int
        First steps that are not judged; also ``lead_in`` of `average_errors` behind
        them, as in the code.
    smoothing : float
        ``span`` of `average_errors`; in the code 105.
    probation : int, default=0
        First steps of the series, with ``warm_up``, of which none is flagged.
    **options
        Of `moving_spans`.

    Returns
    -------
    list of AnomalySpan
        Steps of the series.

    Raises
    ------
    ValueError
        As there.
    """
    warm_up = check_int("warm_up", warm_up, 0)
    probation = max(0, check_int("probation", probation, 0) - warm_up)
    spans = moving_spans(
        average_errors(np.asarray(errors)[warm_up:], smoothing, lead_in=warm_up),
        np.asarray(values)[warm_up:],
        probation=probation,
        **options,
    )
    return [
        span._replace(start=warm_up + span.start, stop=warm_up + span.stop)
        for span in spans
    ]


class _Rule(NamedTuple):
    min_error: float
    buffer: int
    pruning: float


def _judge(
    errors: NDArray[np.float64],
    values: NDArray[np.float64] | None,
    flagged: NDArray[np.bool_],
    since: int,
    low: bool,
    rule: _Rule,
) -> list[AnomalySpan]:
    """Find spans in the steps of a history from ``since`` on."""
    if since >= len(errors):
        return []
    mean, deviation = float(errors.mean()), float(errors.std())
    usual = spread = 0.0
    if values is not None:
        usual = _root_mean(np.subtract(*np.percentile(values, [95, 5], axis=0)))
        spread = _root_mean(values.std(axis=0))
    least, largest = _LEAST_SHARE * usual, float(errors.max())
    moves = deviation > _LEAST_SHARE * spread or largest > least
    if deviation == 0.0 or largest <= rule.min_error or not moves:
        return []
    # The code widens by one step less here than it flags.
    threshold = dynamic_threshold(errors, buffer=max(0, rule.buffer - 1), low=low)
    judged = 2.0 * mean - errors if low else errors
    above = find_runs((judged >= threshold) & (judged > least))
    pairs = [
        (max(start, since), stop)
        for start, stop in join_runs(above, rule.buffer, len(errors))
        if stop > since
    ]
    outside = ~flagged
    for start, stop in pairs:
        outside[start:stop] = False
    tops = np.array([judged[start:stop].max() for start, stop in pairs]).clip(0.0)
    normal = float(judged[outside].max(initial=0.0))
    return [
        AnomalySpan(start, stop, max(0.0, float(top - threshold) / (mean + deviation)))
        for (start, stop), top, kept in zip(
            pairs, tops, prune_spans(tops, normal, rule.pruning), strict=True
        )
        if kept
    ]


def _root_mean(numbers: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(numbers**2)))


def _as_values(values: ArrayLike, steps: int) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if array.ndim not in (1, 2) or len(array) != steps or array.size < steps:
        raise ValueError(
            f"values have shape {array.shape}, expected ({steps},) or ({steps}, K)"
        )
    if not np.isfinite(array).all():
        raise ValueError("values have NaN or inf")
    return array.reshape(steps, -1) if steps else array
