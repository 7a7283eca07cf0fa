"""What an LSTM does at every step, for looking inside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import _core
from .._validate import Array
from .states import StateLayout

__all__ = ["GateTrace", "read_trace"]


class GateTrace(NamedTuple):
    """One layer in one direction; zeros at padded steps.

    Attributes
    ----------
    i, f, o : ndarray of shape (N, T, H)
        How open the input, forget and output gates are: in [0, 1], but for another
        ``gate_activation`` than a sigmoid.
    g : ndarray of shape (N, T, H)
        The candidate that the input gate lets into the cell: tanh's is in [-1, 1].
    c : ndarray of shape (N, T, H)
        The cell state after the step: ``f * c_before + i * g``, clipped where there is
        a ``cell_clip``, mixed with ``c_before`` where there is ``zoneout_c``.
    h : ndarray of shape (N, T, H or P)
        The hidden state after the step, what the next layer sees.
    """

    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array


def read_trace(
    kept: _core.Cache, shape: tuple[int, int], h: StateLayout, c: StateLayout
) -> dict[str, GateTrace]:
    """Read what ``kept`` holds of ``shape`` = (N, T), by the suffix of each layer."""
    traces = {}
    for layer, (units, outputs) in enumerate(zip(c.sizes, h.sizes, strict=True)):
        for direction in range(c.directions):
            sizes = [units] * 5 + [outputs]
            arrays = [np.zeros((*shape, size), c.dtype) for size in sizes]
            kept.trace(layer, direction, [array.reshape(-1) for array in arrays])
            suffix = "_reverse" if direction else ""
            traces[f"l{layer}{suffix}"] = GateTrace(*arrays)
    return traces
