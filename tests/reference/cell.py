"""Pointwise LSTM cells: one step of a batch, everything between the two GEMMs.

Design: the driver (`reference.lstm`) owns the products with ``weight_ih``,
``weight_hh`` and ``weight_hr`` and the loop over time; a cell owns the rest, and its
parameters (the bias here; peepholes or gains in a variant). The input's and the
recurrent sum come separately, because some cells normalise each by itself. A new cell
is two functions and a `Cell`; the driver does not change.

Shapes: ``zx`` and ``zh`` (N, 4H) in gate order i, f, g, o; ``c``, ``m`` (N, H).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
Weights = Mapping[str, Array]


@dataclass(frozen=True)
class Cell:
    """A pointwise cell.

    ``forward(zx, zh, c, weights) -> m, c_new, saved`` and
    ``backward(dm, dc, saved, weights) -> dzx, dzh, dc_previous, dweights``, where ``m``
    is the cell's output before any projection, ``dm`` and ``dc`` the gradients of
    ``m`` and ``c_new``, and ``weights`` the layer's parameters by unsuffixed name.
    """

    forward: Callable[[Array, Array, Array, Weights], tuple[Array, Array, Any]]
    backward: Callable[
        [Array, Array, Any, Weights], tuple[Array, Array, Array, dict[str, Array]]
    ]


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), written so that no exp overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def plain_forward(
    zx: Array, zh: Array, c: Array, weights: Weights
) -> tuple[Array, Array, Any]:
    """Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000."""
    z = zx + zh + weights.get("bias", 0.0)
    zi, zf, zg, zo = np.split(z, 4, axis=1)
    i = sigmoid(zi)
    f = sigmoid(zf)
    g = np.tanh(zg)
    o = sigmoid(zo)
    c_new = f * c + i * g
    m = o * np.tanh(c_new)
    return m, c_new, (i, f, g, o, c, c_new)


def plain_backward(
    dm: Array, dc: Array, saved: Any, weights: Weights
) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Chain rule through `plain_forward`, its last equation first."""
    i, f, g, o, c, c_new = saved
    t = np.tanh(c_new)
    do = dm * t
    dc_new = dc + dm * o * (1.0 - t * t)
    di = dc_new * g
    df = dc_new * c
    dg = dc_new * i
    dzi = di * i * (1.0 - i)
    dzf = df * f * (1.0 - f)
    dzg = dg * (1.0 - g * g)
    dzo = do * o * (1.0 - o)
    dz = np.concatenate([dzi, dzf, dzg, dzo], axis=1)
    dweights = {"bias": dz.sum(axis=0)} if "bias" in weights else {}
    return dz, dz, dc_new * f, dweights


PLAIN = Cell(plain_forward, plain_backward)
