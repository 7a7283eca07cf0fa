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
from functools import partial
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
    gates: int = 4  # blocks of H rows in the weights: 3 where f has none


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


# Activations and their derivatives from what they returned.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sigmoid": (sigmoid, lambda y: y * (1.0 - y)),
    "tanh": (np.tanh, lambda y: 1.0 - y * y),
    "relu": (lambda z: np.maximum(z, 0.0), lambda y: (y > 0.0) * 1.0),
    "hard_sigmoid": (
        lambda z: np.clip(z / 6.0 + 0.5, 0.0, 1.0),
        lambda y: ((y > 0.0) & (y < 1.0)) / 6.0,
    ),
}


EPSILON = 1e-5


@dataclass(frozen=True)
class Normal:
    """Normalised z, and what it takes to go back; ``of`` are the rows that count."""

    z: Array
    scale: Array
    axis: int
    of: Array

    def backward(self, dz: Array) -> Array:
        """The gradient of what was normalised, given that of ``z``."""
        dz = np.where(self.of, dz, 0.0)
        count = self.of.sum() if self.axis == 0 else dz.shape[1]
        mean = dz.sum(axis=self.axis, keepdims=True) / count
        along = (dz * self.z).sum(axis=self.axis, keepdims=True) / count
        return np.where(self.of, self.scale * (dz - mean - self.z * along), 0.0)


def normalize(z: Array, name: str, norm: str, weights: Weights) -> Normal:
    """Moments over a row's units, over the valid rows, or given ones (inference).

    Ba et al. 2016, equation 4; Cooijmans et al. 2017, equation 3.
    """
    of = np.asarray(weights.get("valid", np.ones(len(z), bool)))[:, None]
    given = weights.get("given")
    if given is not None:
        mean, variance = given[f"mean_{name}"], given[f"var_{name}"]
        return Normal((z - mean) / np.sqrt(variance + EPSILON), of, 0, of)
    if norm == "layer":
        mean, variance = (f(z, axis=1, keepdims=True) for f in (np.mean, np.var))
    else:
        mean, variance = (f(z[of[:, 0]], axis=0) for f in (np.mean, np.var))
    scale = 1.0 / np.sqrt(variance + EPSILON)
    seen = weights.get("seen")
    if seen is not None:
        seen[name] = (mean, variance)
    return Normal((z - mean) * scale, scale, 1 if norm == "layer" else 0, of)


def variant_forward(
    zx: Array,
    zh: Array,
    c: Array,
    weights: Weights,
    *,
    coupled: bool,
    clip: float,
    gate: str,
    cell: str,
    norm: str | None,
) -> tuple[Array, Array, Any]:
    """Peepholes where ``weights`` has them (Gers et al. 2002), f = 1 - i, a clip.

    With ``norm`` "layer" or "batch" the sums and the shown cell are normalised.
    """
    squash, show = ACTIVATIONS[gate][0], ACTIVATIONS[cell][0]
    normals: list[Any] = [None, None, None]
    if norm:
        normals[:2] = [
            normalize(z, n, norm, weights) for z, n in ((zx, "ih"), (zh, "hh"))
        ]
        zx = weights["gain_ih"] * normals[0].z
        zh = weights["gain_hh"] * normals[1].z
    z = np.split(zx + zh + weights.get("bias", 0.0), 3 if coupled else 4, axis=1)
    p = weights.get("weight_ch", np.zeros(len(z[:-1]) * c.shape[1]))
    p = np.split(p, len(z) - 1)  # of every gate but g
    i = squash(z[0] + p[0] * c)
    f = 1.0 - i if coupled else squash(z[1] + p[1] * c)
    g = show(z[-2])
    shown = g * weights.get("candidate", 1.0)  # a mask (Semeniuta et al. 2016, eq. 15)
    c_new = np.clip(f * c + i * shown, -clip, clip)
    o = squash(z[-1] + p[-1] * c_new)
    seen = c_new
    if norm:
        normals[2] = normalize(c_new, "c", norm, weights)
        seen = weights["gain_c"] * normals[2].z + weights.get("bias_c", 0.0)
    m = show(seen)
    return o * m, c_new, (i, f, g, o, c, c_new, m, normals)


def variant_backward(
    dm: Array,
    dc: Array,
    saved: Any,
    weights: Weights,
    *,
    coupled: bool,
    clip: float,
    gate: str,
    cell: str,
    norm: str | None,
) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Chain rule through `variant_forward`, its last equation first."""
    squash_slope = ACTIVATIONS[gate][1]
    show_slope = ACTIVATIONS[cell][1]
    i, f, g, o, c, c_new, m, normals = saved
    gates = 2 if coupled else 3
    p = np.split(weights.get("weight_ch", np.zeros(gates * c.shape[1])), gates)
    dzo = dm * m * squash_slope(o)
    dseen = dm * o * show_slope(m)
    dshown = normals[2].backward(weights["gain_c"] * dseen) if norm else dseen
    dcell = dc + dshown + dzo * p[-1]
    dcell = np.where(np.abs(c_new) < clip, dcell, 0.0)
    factor = weights.get("candidate", 1.0)
    dzg = dcell * i * factor * show_slope(g)
    dforget = dcell * c
    dinput = dcell * g * factor - dforget if coupled else dcell * g * factor
    dzi = dinput * squash_slope(i)
    dzf = dforget * squash_slope(f)
    dc_old = dcell * f + dzi * p[0]
    if not coupled:
        dc_old += dzf * p[1]
    blocks = [dzi, dzg, dzo] if coupled else [dzi, dzf, dzg, dzo]
    dz = np.concatenate(blocks, axis=1)
    dweights = {"bias": np.sum(dz, axis=0)} if "bias" in weights else {}
    if "weight_ch" in weights:
        seen = [dzi * c, dzo * c_new] if coupled else [dzi * c, dzf * c, dzo * c_new]
        dweights["weight_ch"] = np.concatenate(seen, axis=1).sum(axis=0)
    dzx, dzh = dz, dz
    if norm:
        for name, normal, d in zip(
            ("gain_ih", "gain_hh", "gain_c"), normals, (dz, dz, dseen), strict=True
        ):
            dweights[name] = (d * normal.z).sum(axis=0)
        if "bias_c" in weights:
            dweights["bias_c"] = dseen.sum(axis=0)
        dzx = normals[0].backward(weights["gain_ih"] * dz)
        dzh = normals[1].backward(weights["gain_hh"] * dz)
    return dzx, dzh, dc_old, dweights


def variant(
    *,
    coupled: bool = False,
    clip: float = np.inf,
    gate: str = "sigmoid",
    cell: str = "tanh",
    norm: str | None = None,
) -> Cell:
    """A cell with these differences, and with peepholes where the weights have them."""
    options = {
        "coupled": coupled,
        "clip": clip,
        "gate": gate,
        "cell": cell,
        "norm": norm,
    }
    return Cell(
        partial(variant_forward, **options),
        partial(variant_backward, **options),
        gates=3 if coupled else 4,
    )
