"""Which masks an LSTM draws: one table of streams, rates and what a mask replaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .lstm import Masks
from .random import dropout_mask

Array = np.ndarray

# Streams of a seed: kind 4096 + slot; a slot is a layer, or layer D + direction.
BETWEEN, LOCKED, HIDDEN, CANDIDATE, ZONEOUT_H, ZONEOUT_C, WEIGHT = range(7)
SLOTS = 4096


def _mask(
    seed: int, slot: int, row_ids: Array, kind: int, p: float, steps: int, units: int
) -> Array:
    return dropout_mask(p, seed, kind * SLOTS + slot, row_ids, steps, units)


def draw(
    options: Mapping[str, Any],
    sizes: Sequence[tuple[int, int, int]],
    seed: int,
    row_ids: Array,
    steps: int,
    *,
    directions: int = 1,
    gates: int = 4,
) -> Masks:
    """Every mask of a call.

    ``options`` are the LSTM's arguments, ``sizes`` (inputs, units, outputs) of each
    layer and direction, the outputs of one direction.
    """
    n, last = len(row_ids), len(sizes)
    inputs: dict[int, Array] = {}
    for k in range(last + 1):
        width = sizes[k][0] if k < last else directions * sizes[-1][2]
        if p := options.get("variational_dropout"):
            inputs[k] = dropout_mask(p, seed, LOCKED * SLOTS + k, row_ids, 1, width)
        elif (p := options.get("dropout")) and 0 < k < last:
            inputs[k] = dropout_mask(p, seed, k - 1, row_ids, steps, width)
    on_h = options.get("recurrent_dropout_kind") == "hidden"
    drawn = {}
    for k, (_, units, outputs) in enumerate(sizes):
        for d in range(directions):
            mask = partial(_mask, seed, k * directions + d, row_ids)
            own: dict[str, Array] = {}
            if (p := options.get("recurrent_dropout")) and on_h:
                own["hidden"] = mask(HIDDEN, p, 1, outputs)[:, 0]
            elif p:
                own["candidate"] = mask(CANDIDATE, p, steps, units)
            if p := options.get("zoneout_h"):
                own["zoneout_h"] = 1.0 * (mask(ZONEOUT_H, p, steps, units) == 0)
            if p := options.get("zoneout_c"):
                own["zoneout_c"] = 1.0 * (mask(ZONEOUT_C, p, steps, units) == 0)
            if p := options.get("weight_dropout"):
                mask = partial(
                    _mask, seed, k * directions + d, np.arange(gates * units)
                )
                own["weight"] = mask(WEIGHT, p, 1, outputs)[:, 0]
            drawn[f"_l{k}" + ("_reverse" if d else "")] = own
    assert all(len(m) == n for m in inputs.values())
    return Masks(inputs, drawn)


def expected(
    options: Mapping[str, Any],
    sizes: Sequence[tuple[int, int, int]],
    n: int,
    steps: int,
) -> Masks:
    """What inference has instead: zoneout in its shares, and no dropout."""
    shares = {
        name: np.full((n, steps, 1), options[name])
        for name in ("zoneout_h", "zoneout_c")
        if options.get(name)
    }
    suffixes = [f"_l{k}{d}" for k in range(len(sizes)) for d in ("", "_reverse")]
    return Masks({}, dict.fromkeys(suffixes, shares))
