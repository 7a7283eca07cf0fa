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
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .cell import PLAIN, Array, Cell

DRIVER_WEIGHTS = ("weight_ih", "weight_hh", "weight_hr")

# What was drawn for one direction of one layer, by scan step; absent: no mask.
# Factors, zero where dropped and 1 / (1 - p) elsewhere: "hidden" (N, R) of h_{t-1} on
# its way to the gates, "candidate" (N, T, H) of g, "weight" of weight_hh. How much of
# the old state stays, 1 or 0, or a share: "zoneout_h" and "zoneout_c" (N, T, H).
Drawn = Mapping[str, Any]


@dataclass(frozen=True)
class Masks:
    """``inputs[k]`` (N, T or 1, F) multiplies the input of layer k; L: the output."""

    inputs: Mapping[int, Array] = field(default_factory=dict)
    drawn: Mapping[str, Drawn] = field(default_factory=dict)  # by suffix

    def of(self, suffix: str) -> Drawn:
        """Those of one direction of one layer."""
        return self.drawn.get(suffix, {})


def zoneout(drawn: Drawn, t: int) -> tuple[Any, Any]:
    """How much of h and c stays at step t (Krueger et al. 2017, equations 4 and 5)."""
    return tuple(
        drawn[k][:, t] if k in drawn else 0.0 for k in ("zoneout_h", "zoneout_c")
    )


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


def at_step(
    w: Mapping[str, Array], drawn: Drawn, t: int, lengths: Array
) -> Mapping[str, Any]:
    """What a cell finds at step t: weights, the rows that are alive, factors of g.

    With "given" in ``drawn``, a list by step, inference's statistics; with "seen", a
    list that takes those of training.
    """
    found: dict[str, Any] = {**w, "valid": t < lengths}
    if "candidate" in drawn:
        found["candidate"] = drawn["candidate"][:, t]
    if "given" in drawn:
        found["given"] = drawn["given"][min(t, len(drawn["given"]) - 1)]
    if "seen" in drawn:
        found["seen"] = drawn["seen"][t]
    return found


def scan_forward(
    w: Mapping[str, Array],
    x: Array,
    h: Array,
    c: Array,
    lengths: Array,
    cell: Cell,
    drawn: Drawn,
) -> tuple[Array, Array, Array, list[Any]]:
    """One direction of one layer: y (N, T, R), the final h and c, and what it saved."""
    ys, saved = [], []
    w_hh = w["weight_hh"] * drawn.get("weight", 1.0)
    for t in range(x.shape[1]):
        valid = (t < lengths)[:, None]
        h_in = h * drawn.get("hidden", 1.0)
        zx = x[:, t] @ w["weight_ih"].T
        zh = h_in @ w_hh.T
        m, c_new, s = cell.forward(zx, zh, c, at_step(w, drawn, t, lengths))
        h_new = m @ w["weight_hr"].T if "weight_hr" in w else m
        stays_h, stays_c = zoneout(drawn, t)
        h_new = stays_h * h + (1.0 - stays_h) * h_new
        c_new = stays_c * c + (1.0 - stays_c) * c_new
        saved.append((x[:, t], h_in, m, s))
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
    drawn: Drawn,
) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Backpropagation through time: dx, dh0, dc0 and the weights' gradients."""
    w_hh = w["weight_hh"] * drawn.get("weight", 1.0)
    dw = {name: np.zeros_like(value) for name, value in w.items()}
    dxs = []
    for t in reversed(range(dy.shape[1])):
        valid = (t < lengths)[:, None]
        x, h, m, s = saved[t]
        dh_new = np.where(valid, dh + dy[:, t], 0.0)
        dc_new = np.where(valid, dc, 0.0)
        stays_h, stays_c = zoneout(drawn, t)
        dh_past, dc_past = stays_h * dh_new, stays_c * dc_new
        dh_new, dc_new = (1.0 - stays_h) * dh_new, (1.0 - stays_c) * dc_new
        dm = dh_new @ w["weight_hr"] if "weight_hr" in w else dh_new
        found = at_step(w, drawn, t, lengths)
        dzx, dzh, dc_old, dcell = cell.backward(dm, dc_new, s, found)
        if "weight_hr" in w:
            dw["weight_hr"] += dh_new.T @ m
        dw["weight_ih"] += dzx.T @ x
        dw["weight_hh"] += dzh.T @ h * drawn.get("weight", 1.0)
        for name, value in dcell.items():
            dw[name] += value
        dxs.append(dzx @ w["weight_ih"])
        dh_old = dzh @ w_hh * drawn.get("hidden", 1.0) + dh_past
        dh = np.where(valid, dh_old, dh)
        dc = np.where(valid, dc_old + dc_past, dc)
    return np.stack(dxs[::-1], axis=1), dh, dc, dw


@dataclass(frozen=True)
class Cache:
    """What `forward` keeps for `backward`."""

    params: dict[str, Array]
    saved: list[list[Any]]
    lengths: Array
    masks: Masks
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
    masks: Masks | None = None,
    cell: Cell = PLAIN,
) -> tuple[Array, list[Array], list[Array], Cache]:
    """The whole stack: y, the final h and c, and the cache."""
    masks = masks or Masks()
    params = {name: np.asarray(p, np.float64) for name, p in params.items()}
    n, steps = x.shape[:2]
    lengths = np.full(n, steps) if lengths is None else np.asarray(lengths)
    h0, c0 = zero_state(params, n, cell.gates) if state is None else state
    a = keep(np.asarray(x, np.float64), lengths)
    hn: list[Array] = []
    cn: list[Array] = []
    saved = []
    for k, layer in enumerate(suffixes(params)):
        a = a * masks.inputs.get(k, 1.0)
        outputs, layer_saved = [], []
        for suffix in layer:
            w = select(params, suffix)
            h, c = (np.asarray(s[len(hn)], np.float64) for s in (h0, c0))
            u = reverse(a, lengths) if suffix.endswith("_reverse") else a
            y, h, c, s = scan_forward(w, u, h, c, lengths, cell, masks.of(suffix))
            y = reverse(y, lengths) if suffix.endswith("_reverse") else y
            outputs.append(y)
            layer_saved.append(s)
            hn.append(h)
            cn.append(c)
        a = np.concatenate(outputs, axis=2)
        saved.append(layer_saved)
    a = a * masks.inputs.get(len(saved), 1.0)
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
    da = keep(da, lengths) * cache.masks.inputs.get(len(layers), 1.0)
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
                w,
                du,
                dh,
                dc,
                lengths,
                cache.saved[k][d],
                cache.cell,
                cache.masks.of(suffix),
            )
            da = da + (reverse(dx, lengths) if backwards else dx)
            for name, value in dw.items():
                grads[name + suffix] += value
        da = da * cache.masks.inputs.get(k, 1.0)
    return da, dh0, dc0, grads
