"""States (h, c) of LSTM layers, in the form of `fastlstm.nn.LSTM`.

Each is an array (L, N, size), or with unequal hidden sizes a list of (1, N, size_l).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._validate import Array
from ..nn.lstm import State
from ..nn.lstm_inputs import split_pair

__all__ = ["put_state", "samples_of", "take_state", "top_hidden"]


def samples_of(state: State) -> int:
    """Return N; 1 for what is no state, which whoever reads it refuses."""
    h = split_pair("state", state)[0]
    block = h[0] if isinstance(h, (list, tuple)) and h else h
    shape = np.shape(block)
    return int(shape[1]) if len(shape) == 3 else 1


def take_state(state: State, rows: slice | npt.NDArray[np.integer[Any]]) -> State:
    """Copy the states of the samples at ``rows``, which may repeat."""

    def some(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            return np.ascontiguousarray(part[:, rows])
        return [np.ascontiguousarray(block[:, rows]) for block in part]

    h, c = state
    return some(h), some(c)


def put_state(
    state: State, rows: slice | npt.NDArray[np.integer[Any]], part: State
) -> None:
    """Write ``part`` into ``state`` at ``rows``."""
    for whole, some in zip(state, part, strict=True):
        if isinstance(whole, np.ndarray):
            whole[:, rows] = some
            continue
        for block, values in zip(whole, some, strict=True):
            block[:, rows] = values


def top_hidden(state: State) -> Array:
    """Return the last layer's hidden state (N, H or P) of one direction."""
    h = state[0]
    top: Array = h[-1] if isinstance(h, np.ndarray) else h[-1][-1]
    return top
