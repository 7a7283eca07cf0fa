"""The LSTM: a scan over time, a layer of one or two directions, a stack of layers.

Design: parameters go by fastlstm's names (``weight_ih_l0``, ``weight_hh_l1_reverse``,
...), and their names and shapes say everything: how many layers, which directions,
bias or none, projection or none. Hidden sizes may differ from layer to layer.

Shapes: N sequences, T steps, I inputs, H units, P outputs of a projection, D
directions; R is P with a projection and H without.
``x`` (N, T, I), ``y`` (N, T, D R); ``h`` and ``c`` are lists with one block (N, R) and
(N, H) for each layer and direction, ordered l0, l0_reverse, l1, ...; ``lengths`` (N,).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cell import PLAIN, Array, Cell

DRIVER_WEIGHTS = ("weight_ih", "weight_hh", "weight_hr")


def reverse(a: Array, lengths: Array) -> Array:
    """Each sequence's valid steps backwards; the padding stays where it is."""
    out = a.copy()
    for n, length in enumerate(lengths):
        out[n, :length] = a[n, :length][::-1]
    return out


def keep(a: Array, lengths: Array) -> Array:
    """The valid steps of a (N, T, F), zero where padded, whatever stood there."""
    valid = np.arange(a.shape[1])[None, :] < lengths[:, None]
    return np.where(valid[:, :, None], a, 0.0)


def scan_forward(
    w: Mapping[str, Array], x: Array, h: Array, c: Array, lengths: Array, cell: Cell
) -> tuple[Array, Array, Array, list[Any]]:
    """One direction of one layer: y (N, T, R), the final h and c, and what it saved."""
    ys, saved = [], []
    for t in range(x.shape[1]):
        valid = (t < lengths)[:, None]
        zx = x[:, t] @ w["weight_ih"].T
        zh = h @ w["weight_hh"].T
        m, c_new, s = cell.forward(zx, zh, c, w)
        h_new = m @ w["weight_hr"].T if "weight_hr" in w else m
        saved.append((x[:, t], h, m, s))
        ys.append(np.where(valid, h_new, 0.0))
        h = np.where(valid, h_new, h)
        c = np.where(valid, c_new, c)
    return np.stack(ys, axis=1), h, c, saved


def scan_backward(
    w: Mapping[str, Array],
    dy: Array,
    dh: Array,
    dc: Array,
    lengths: Array,
    saved: list[Any],
    cell: Cell,
) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Backpropagation through time: dx, dh0, dc0 and the weights' gradients."""
    dw = {name: np.zeros_like(value) for name, value in w.items()}
    dxs = []
    for t in reversed(range(dy.shape[1])):
        valid = (t < lengths)[:, None]
        x, h, m, s = saved[t]
        dh_new = np.where(valid, dh + dy[:, t], 0.0)
        dc_new = np.where(valid, dc, 0.0)
        dm = dh_new @ w["weight_hr"] if "weight_hr" in w else dh_new
        dzx, dzh, dc_old, dcell = cell.backward(dm, dc_new, s, w)
        if "weight_hr" in w:
            dw["weight_hr"] += dh_new.T @ m
        dw["weight_ih"] += dzx.T @ x
        dw["weight_hh"] += dzh.T @ h
        for name, value in dcell.items():
            dw[name] += value
        dxs.append(dzx @ w["weight_ih"])
        dh = np.where(valid, dzh @ w["weight_hh"], dh)
        dc = np.where(valid, dc_old, dc)
    return np.stack(dxs[::-1], axis=1), dh, dc, dw


@dataclass(frozen=True)
class Cache:
    """What `forward` keeps for `backward`."""

    params: dict[str, Array]
    saved: list[list[Any]]
    lengths: Array
    masks: Sequence[Array] | None
    cell: Cell


def suffixes(params: Mapping[str, Any]) -> list[list[str]]:
    """The parameters' suffixes, one list a layer, one suffix a direction."""
    directions = ["", "_reverse"] if "weight_ih_l0_reverse" in params else [""]
    layers = sum(
        n.startswith("weight_ih_l") and not n.endswith("_reverse") for n in params
    )
    return [[f"_l{k}{d}" for d in directions] for k in range(layers)]


def select(params: Mapping[str, Array], suffix: str) -> dict[str, Array]:
    """One direction's weights, by unsuffixed name."""
    return {
        name.removesuffix(suffix): value
        for name, value in params.items()
        if name.endswith(suffix)
    }


def zero_state(
    params: Mapping[str, Array], n: int, gates: int = 4
) -> tuple[list[Array], list[Array]]:
    """h and c of zeros for n sequences."""
    h, c = [], []
    for suffix in itertools.chain.from_iterable(suffixes(params)):
        rows, outputs = params["weight_hh" + suffix].shape
        h.append(np.zeros((n, outputs)))
        c.append(np.zeros((n, rows // gates)))
    return h, c


def forward(
    params: Mapping[str, Array],
    x: Array,
    state: tuple[Sequence[Array], Sequence[Array]] | None = None,
    lengths: Array | None = None,
    masks: Sequence[Array] | None = None,
    cell: Cell = PLAIN,
) -> tuple[Array, list[Array], list[Array], Cache]:
    """The whole stack: y, the final h and c, and the cache.

    ``masks[k]`` (N, T, D R) multiplies what layer k hands to layer k + 1: zeros where
    units are dropped, 1 / (1 - p) elsewhere (inverted dropout).
    """
    params = {name: np.asarray(p, np.float64) for name, p in params.items()}
    n, steps = x.shape[:2]
    lengths = np.full(n, steps) if lengths is None else np.asarray(lengths)
    h0, c0 = zero_state(params, n, cell.gates) if state is None else state
    a = keep(np.asarray(x, np.float64), lengths)
    hn: list[Array] = []
    cn: list[Array] = []
    saved = []
    for k, layer in enumerate(suffixes(params)):
        if k > 0 and masks is not None:
            a = a * keep(masks[k - 1], lengths)
        outputs, layer_saved = [], []
        for suffix in layer:
            w = select(params, suffix)
            h, c = (np.asarray(s[len(hn)], np.float64) for s in (h0, c0))
            u = reverse(a, lengths) if suffix.endswith("_reverse") else a
            y, h, c, s = scan_forward(w, u, h, c, lengths, cell)
            y = reverse(y, lengths) if suffix.endswith("_reverse") else y
            outputs.append(y)
            layer_saved.append(s)
            hn.append(h)
            cn.append(c)
        a = np.concatenate(outputs, axis=2)
        saved.append(layer_saved)
    return a, hn, cn, Cache(params, saved, lengths, masks, cell)


def backward(
    cache: Cache,
    dy: Array | None = None,
    dstate: tuple[Sequence[Array], Sequence[Array]] | None = None,
) -> tuple[Array, list[Array], list[Array], dict[str, Array]]:
    """Gradients of sum(dy * y) + sum(dhn * hn) + sum(dcn * cn): dx, dh0, dc0, grads."""
    params, lengths, n = cache.params, cache.lengths, len(cache.lengths)
    layers = suffixes(params)
    gates = cache.cell.gates
    dhn, dcn = zero_state(params, n, gates) if dstate is None else dstate
    dh0, dc0 = zero_state(params, n, gates)
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    width = dh0[-1].shape[1] * len(layers[-1])
    steps = len(cache.saved[0][0])
    da = np.zeros((n, steps, width)) if dy is None else np.asarray(dy, np.float64)
    da = keep(da, lengths)
    for k in reversed(range(len(layers))):
        parts = np.split(da, len(layers[k]), axis=2)
        da = 0.0
        for d, suffix in enumerate(layers[k]):
            block = k * len(layers[k]) + d
            w = select(params, suffix)
            dh, dc = (np.asarray(s[block], np.float64) for s in (dhn, dcn))
            backwards = suffix.endswith("_reverse")
            du = reverse(parts[d], lengths) if backwards else parts[d]
            dx, dh0[block], dc0[block], dw = scan_backward(
                w, du, dh, dc, lengths, cache.saved[k][d], cache.cell
            )
            da = da + (reverse(dx, lengths) if backwards else dx)
            for name, value in dw.items():
                grads[name + suffix] += value
        if k > 0 and cache.masks is not None:
            da = da * keep(cache.masks[k - 1], lengths)
    return da, dh0, dc0, grads
