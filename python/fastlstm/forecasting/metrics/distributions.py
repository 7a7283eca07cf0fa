"""Scores of quantiles and of sample paths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..._validate import check_bool
from ..numbers import Floats, as_numbers, check_levels, place
from .inputs import Axis, Levels, Score, Seen, as_forecast, as_truth, mean, over

__all__ = ["crps", "crps_from_quantiles", "pinball", "wql"]


def pinball(
    y: npt.ArrayLike, quantiles: npt.ArrayLike, levels: Levels, *, axis: Axis = None
) -> Score:
    """Pinball loss, ``max(q (y - f), (q - 1) (y - f))`` (Koenker & Bassett 1978).

    Parameters
    ----------
    y : (H,), (N, H) or (N, H, K) array
        NaN where nothing was observed.
    quantiles : array of the shape of y, for several levels with one more axis of Q
    levels : float or Q of them
        Which quantiles they are, in (0, 1), increasing.
    axis : int or tuple of int, optional
        The axes of y to average over; all of them by default.

    Returns
    -------
    score : float or array
        One number a level, at the end, where ``levels`` are several.

    Raises
    ------
    ValueError
        Shapes that do not fit, y infinite, a quantile that is NaN where y is observed;
        levels that are none.
    TypeError
        What are no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import pinball, wql
    >>> y, quantiles = np.array([4.0, 4.0]), np.array([[0.0, 4.0], [2.0, 8.0]])
    >>> pinball(y, quantiles, [0.5, 0.75])
    array([1.5, 0.5])
    >>> wql(y, quantiles, [0.5, 0.75])
    0.5
    """
    terms, _, seen = _losses(y, quantiles, levels)
    return mean(terms if np.ndim(levels) else terms[..., 0], seen, axis)


def wql(
    y: npt.ArrayLike, quantiles: npt.ArrayLike, levels: Levels, *, axis: Axis = None
) -> Score:
    """Weighted quantile loss: the sum of twice the pinball loss over that of ``|y|``.

    For one level the rho-risk of Salinas et al. (2020), for several the mean over
    levels, as gluonts' mean weighted quantile loss. 0 / 0 is 0; it is inf where all
    observed values are 0 and a quantile is not. Parameters and errors as for `pinball`.

    Returns
    -------
    score : float, or array where ``axis`` leaves axes
    """
    terms, truth, seen = _losses(y, quantiles, levels)
    loss = mean(2.0 * terms.mean(axis=-1), seen, axis)
    score = over(np.asarray(loss), np.asarray(mean(np.abs(truth), seen, axis)))
    return score if score.ndim else float(score)


def crps_from_quantiles(
    y: npt.ArrayLike, quantiles: npt.ArrayLike, levels: Levels, *, axis: Axis = None
) -> Score:
    """Continuous ranked probability score from quantiles: twice their mean pinball.

    The score is the integral of twice the pinball loss over all levels (Gneiting &
    Ranjan 2011), of which the mean over evenly spaced levels such as 0.05, 0.15, ...,
    0.95 is the midpoint rule. Parameters and errors as for `pinball`.

    Returns
    -------
    score : float, or array where ``axis`` leaves axes
    """
    terms, _, seen = _losses(y, quantiles, levels)
    return mean(2.0 * terms.mean(axis=-1), seen, axis)


def crps(
    y: npt.ArrayLike, samples: npt.ArrayLike, *, fair: bool = True, axis: Axis = None
) -> Score:
    """Continuous ranked probability score of sample paths, each step by itself.

    ``mean |x_i - y| - d / 2`` with d the mean distance of two samples (Gneiting &
    Raftery 2007, eq. 21), by sorting, O(S log S).

    Parameters
    ----------
    y : (H,), (N, H) or (N, H, K) array
        NaN where nothing was observed.
    samples : array of S times the shape of y
        Finite where y is observed.
    fair : bool, default=True
        Of two different samples: the score then expects what infinitely many samples
        would have ("fair", Ferro 2014; "PWM", Zamo & Naveau 2018). False counts each
        sample with itself, too: the score of the S samples taken as the distribution.
    axis : int or tuple of int, optional
        The axes of y to average over; all of them by default.

    Returns
    -------
    score : float, or array where ``axis`` leaves axes
        In units of y; of a single sample (not fair) the absolute error.

    Raises
    ------
    ValueError
        Shapes that do not fit, y infinite, samples that are not finite; fewer than two
        samples for the fair score, than one for the other.
    TypeError
        What are no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import crps
    >>> crps(np.array([1.0]), np.array([[0.0], [4.0]]))
    0.0
    >>> crps(np.array([1.0]), np.array([[0.0], [4.0]]), fair=False)
    1.0
    """
    truth, seen = as_truth(y)
    paths = as_numbers("samples", samples)
    if paths.ndim != truth.ndim + 1 or paths.shape[1:] != truth.shape:
        raise ValueError(
            f"samples must have shape (S, {str(truth.shape)[1:]} for y of shape "
            f"{truth.shape}, got {paths.shape}"
        )
    count = len(paths)
    least = 2 if check_bool("fair", fair) else 1
    if count < least:
        kind = "fair" if fair else "ensemble"
        raise ValueError(f"the {kind} score needs {least} samples, got {count}")
    bad = ~np.isfinite(paths) & seen
    if bad.any():
        raise ValueError(f"samples are not finite at {place(bad)}")
    # Around y, so that a large level of y cancels before anything is summed.
    errors = np.sort(np.where(seen, paths - truth, 0.0), axis=0)
    # The sum over i < j of x_(j) - x_(i) has x_(i) as often as this.
    rank = 2.0 * np.arange(count) - (count - 1)
    pairs = count * (count - 1 if fair else count)
    half_distance = np.einsum("s,s...->...", rank, errors) / pairs
    return mean(np.abs(errors).mean(axis=0) - half_distance, seen, axis)


def _losses(
    y: npt.ArrayLike, quantiles: npt.ArrayLike, levels: Levels
) -> tuple[Floats, Floats, Seen]:
    """Return pinball losses (..., Q), y and where it is observed."""
    values, single = check_levels("levels", levels)
    truth, seen = as_truth(y)
    count = None if single else len(values)
    forecast = as_forecast("quantiles", quantiles, seen, count)
    error = truth[..., None] - (forecast[..., None] if single else forecast)
    return np.maximum(values * error, (values - 1.0) * error), truth, seen
