"""How far a model's predictions of a series are from it, at once or step by step.

Design: windows only cut training. Here the state runs from a series' first step through
all of it, so that a live series costs one step of the model for each new value, and its
errors have the bits of those of the whole series.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import SequenceBatch
from ..models import SequenceModel

__all__ = [
    "ErrorStream",
    "cut_windows",
    "future_values",
    "prediction_errors",
    "target_values",
]


def cut_windows(series: NDArray[Any], window: int) -> list[NDArray[Any]]:
    """Cut a (T, ...) series into views of ``window`` steps that overlap by half.

    The last may be shorter, where nothing longer is left; so may be the only one.
    """
    overlap = window // 2
    starts = range(0, max(1, len(series) - overlap), window - overlap)
    return [series[start : start + window] for start in starts]


def future_values(values: NDArray[Any], horizon: int) -> NDArray[Any]:
    """Put the values of the next ``horizon`` steps beside each step that has them.

    Parameters
    ----------
    values : (T, K) array

    Returns
    -------
    (T - horizon, horizon * K) array
        K values one step ahead, then those two steps ahead, and so on.
    """
    steps = len(values) - horizon
    ahead = [values[h : h + steps] for h in range(1, horizon + 1)]
    return np.concatenate(ahead, axis=1)


def prediction_errors(
    model: SequenceModel,
    series: NDArray[Any],
    *,
    targets: NDArray[np.int64],
    horizon: int,
) -> NDArray[np.float64]:
    """Judge a model's predictions of each step of a series.

    Parameters
    ----------
    model : SequenceModel
        With an output a step, ``horizon`` times K numbers as `future_values` has them.
    series : (T, F) array
    targets : (K,) array
        Which of the F features are predicted.
    horizon : int
        Steps that are predicted at once.

    Returns
    -------
    (T,) float64 array
        Root mean square, over the targets and over all predictions that were made for
        a step (up to ``horizon``), of the differences in the network's units; for one
        target and one step ahead their size. NaN at the first step, for which there is
        no prediction.
    """
    batch = model.scale_inputs(SequenceBatch(series[None]))
    predicted = model.infer(batch)[0].astype(np.float64)
    actual = _scaled(model, series[:, targets], horizon)
    squares = np.zeros_like(actual)
    for ahead, block in enumerate(_blocks(actual, horizon), start=1):
        squares[ahead:, block] = (
            actual[ahead:, block] - predicted[:-ahead, block]
        ) ** 2
    return _root_mean(squares, np.minimum(np.arange(len(series)), horizon), horizon)


def target_values(
    model: SequenceModel, series: NDArray[Any], targets: NDArray[np.int64], horizon: int
) -> NDArray[np.float64]:
    """Say what `prediction_errors` compares predictions with.

    Parameters
    ----------
    model, series, targets, horizon
        As there.

    Returns
    -------
    (T, K) float64 array
        The targets in the network's units, which are those of the errors.
    """
    return _scaled(model, series[:, targets], horizon)[:, : len(targets)]


class ErrorStream:
    """The errors of `prediction_errors` one step at a time, to the same bits.

    Parameters
    ----------
    model, targets, horizon
        As there.
    """

    def __init__(
        self, model: SequenceModel, *, targets: NDArray[np.int64], horizon: int
    ) -> None:
        self._model = model
        self._targets = targets
        self._horizon = horizon
        self._stream = model.stream()
        self._past: deque[NDArray[np.float64]] = deque(maxlen=horizon)

    def update(self, x_t: NDArray[Any]) -> float:
        """Take the (F,) values of the next step; return its error, at first NaN."""
        batch = self._model.scale_inputs(SequenceBatch(x_t[None, None]))
        actual = _scaled(self._model, x_t[None, self._targets], self._horizon)
        squares = np.zeros_like(actual)
        blocks = _blocks(actual, self._horizon)[: len(self._past)]
        for ahead, block in enumerate(blocks, start=1):
            squares[0, block] = (actual[0, block] - self._past[-ahead][block]) ** 2
        made = np.array([len(self._past)])
        outputs = self._stream.step(batch.x[0])
        self._past.append(outputs[0].astype(np.float64))
        return float(_root_mean(squares, made, self._horizon)[0])

    def reset(self) -> None:
        """Begin a new series."""
        self._stream.reset()
        self._past.clear()


def _scaled(
    model: SequenceModel, values: NDArray[Any], horizon: int
) -> NDArray[np.float64]:
    """Repeat (T, K) values for each step ahead, side by side, in network's units."""
    tiled: NDArray[np.float64] = np.tile(values, horizon).astype(np.float64)
    scaler = model.target_scaler
    return tiled if scaler is None else scaler.transform(tiled)


def _blocks(values: NDArray[np.float64], horizon: int) -> Sequence[slice]:
    """Say where the values of each step ahead lie."""
    width = values.shape[1] // horizon
    return [slice(h * width, (h + 1) * width) for h in range(horizon)]


def _root_mean(
    squares: NDArray[np.float64], made: NDArray[np.int64], horizon: int
) -> NDArray[np.float64]:
    """Average over what was predicted; ``made`` steps ahead of those in a row."""
    numbers = made * (squares.shape[1] // horizon)
    roots = np.full(len(squares), np.nan)
    np.divide(squares.sum(axis=1), numbers, out=roots, where=numbers > 0)
    np.sqrt(roots, out=roots)
    return roots
