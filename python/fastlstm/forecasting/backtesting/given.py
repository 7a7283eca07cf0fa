"""Forecasts made elsewhere, in the shape that a `Backtest` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._validate import IntArray
from ..numbers import Floats, as_numbers, place
from ..series import Panel

__all__ = ["read_forecasts", "read_origins"]


def read_origins(panel: Panel, origins: Any) -> list[IntArray]:
    """Return increasing origins of each series, of a list for each or one for all.

    Raises
    ------
    ValueError
        Another number of lists, origins outside their series, or in another order.
    TypeError
        What are no integers.
    """
    one = all(np.ndim(at) == 0 for at in origins)
    lists = len(panel) * [origins] if one else list(origins)
    if len(lists) != len(panel):
        raise ValueError(
            f"expected origins of {len(panel)} series, or one list for all, got "
            f"{len(lists)} lists"
        )
    result = []
    for series, given in zip(panel, lists, strict=True):
        at = np.asarray(given)
        if at.size and at.dtype.kind not in "iu":
            raise TypeError(f"origins must be integers, got {at.dtype}")
        at = at.astype(np.int64)
        if at.ndim != 1 or (np.diff(at) <= 0).any():
            raise ValueError(f"origins must increase, got {given!r}")
        if at.size and (at[0] < 1 or at[-1] >= len(series)):
            raise ValueError(
                f"origins of series {series.id!r} must be from 1 to "
                f"{len(series) - 1}, before its last step, got {given!r}"
            )
        result.append(at)
    if not any(map(len, result)):
        raise ValueError("there is no origin, expected one at least")
    return result


def read_forecasts(
    what: str,
    values: Any,
    panel: Panel,
    origins: Sequence[IntArray],
    horizon: int | None,
    levels: int | None = None,
) -> list[Floats]:
    """Return forecasts as N arrays (M_n, H, K), or (M_n, H, K, Q) of quantiles.

    Parameters
    ----------
    what : str
        Who made them, for messages.
    values : N arrays, or one for a single series
        The axis K may be missing of a single variable.
    panel : Panel
    origins : N arrays (M_n,)
    horizon : int or None
        None takes that of the first array.
    levels : int, optional
        Q.

    Raises
    ------
    ValueError
        Other shapes, forecasts beyond the end, NaN where something was observed.
    TypeError
        What are no real numbers.
    """
    axes = ("M", "H", "K") if levels is None else ("M", "H", "K", "Q")
    if len(panel) == 1 and isinstance(values, np.ndarray):
        values = [values]
    if len(values) != len(panel):
        raise ValueError(
            f"{what}: expected {len(panel)} arrays, one a series, got {len(values)}"
        )
    result = []
    for series, at, given in zip(panel, origins, values, strict=True):
        own = as_numbers(what, given)
        k = series.y.shape[1]
        if own.ndim == len(axes) - 1 and k == 1:
            own = np.expand_dims(own, 2)
        if horizon is None and own.ndim == len(axes) and own.shape[1]:
            horizon = own.shape[1]
        expected = [len(at), horizon or "H", k, *([levels] if levels else [])]
        if list(own.shape) != expected:
            raise ValueError(
                f"{what} of series {series.id!r} must have shape "
                f"({', '.join(map(str, expected))}), which is ({', '.join(axes)}), got "
                f"{np.shape(given)}"
            )
        if len(at) and at[-1] + own.shape[1] > len(series):
            raise ValueError(
                f"{what} of series {series.id!r} reach {own.shape[1]} steps from "
                f"origin {at[-1]}, beyond its {len(series)} steps: what is judged has "
                "to be known"
            )
        truth = series.y[at[:, None] + np.arange(own.shape[1])]
        seen = ~np.isnan(truth if levels is None else truth[..., None])
        bad = np.isnan(own) & seen
        if bad.any():
            raise ValueError(
                f"{what} of series {series.id!r} is NaN at {place(bad)}, where "
                "something was observed"
            )
        result.append(own)
    return result
