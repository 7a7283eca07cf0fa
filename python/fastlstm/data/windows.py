"""Cut a long series into the windows that a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validate import check_int

__all__ = ["forecast_windows", "sliding_windows"]


def sliding_windows(series: ArrayLike, width: int, *, stride: int = 1) -> NDArray[Any]:
    """All windows of ``width`` steps, as a read-only view that copies nothing.

    Parameters
    ----------
    series : (T,) or (T, F) array
    width : int
        Steps in a window, 1..T.
    stride : int, default=1
        Steps from one window's start to the next one's.

    Returns
    -------
    windows : (N, width, F) array
        ``windows[n]`` is ``series[n * stride : n * stride + width]``; F is 1 for a (T,)
        series.

    Raises
    ------
    ValueError
        If the series has another rank, ``width`` is not in 1..T, or ``stride`` is
        below 1.
    TypeError
        If ``width`` or ``stride`` is not an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.data import sliding_windows
    >>> sliding_windows(np.arange(5), 3)[:, :, 0]
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    """
    values = np.asarray(series)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise ValueError(f"series has shape {values.shape}, expected (T,) or (T, F)")
    width = check_int("width", width, 1, len(values))
    stride = check_int("stride", stride, 1)
    view = np.lib.stride_tricks.sliding_window_view(values, width, axis=0)
    # NumPy appends the window as the last axis; steps go before features here.
    return view[::stride].transpose(0, 2, 1)


def forecast_windows(
    inputs: ArrayLike, targets: ArrayLike, *, width: int, horizons: Sequence[int] = (1,)
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Windows of the past beside the values to forecast from them.

    Parameters
    ----------
    inputs : (T,) or (T, F) array
        What is known up to and including each step.
    targets : (T,) or (T, K) array
        What is to be forecast, on the same steps.
    width : int
        Steps of the past in a window.
    horizons : sequence of int, default=(1,)
        Steps ahead, each at least 1.

    Returns
    -------
    windows : (N, width, F) array, a read-only view
        ``windows[n]`` is ``inputs[origins[n] - width + 1 : origins[n] + 1]``.
    values : (N, len(horizons)) or (N, len(horizons), K) array
        ``values[n, j]`` is ``targets[origins[n] + horizons[j]]``.
    origins : (N,) int64 array
        The last step that each window has seen.

    Raises
    ------
    ValueError
        If the two differ in length, a horizon is below 1, or the series is shorter than
        ``width`` and the farthest horizon together.
    """
    past = np.asarray(inputs)
    future = np.asarray(targets)
    width = check_int("width", width, 1)
    if np.ndim(horizons) != 1:
        raise ValueError(
            f"horizons must be a sequence of steps, as [1], got {horizons!r}"
        )
    ahead = np.array([check_int("horizons", step, 1) for step in horizons], np.int64)
    if len(past) != len(future):
        raise ValueError(
            f"inputs have {len(past)} steps and targets {len(future)}: expected as many"
        )
    if ahead.size == 0:
        raise ValueError("horizons is empty, expected at least one")
    n = len(past) - width - int(ahead.max()) + 1
    if n < 1:
        raise ValueError(
            f"a series of {len(past)} steps is too short for width = {width} and a "
            f"horizon of {ahead.max()}"
        )
    windows = sliding_windows(past, width)[:n]
    origins = np.arange(n, dtype=np.int64) + width - 1
    return windows, future[origins[:, None] + ahead], origins
