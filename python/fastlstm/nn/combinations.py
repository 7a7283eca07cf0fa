"""Which arguments of an LSTM exclude one another, and why: one table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Final

__all__ = ["REFUSED", "check_combinations"]

REFUSED: Final[Mapping[frozenset[str], str]] = {
    frozenset({"dropout", "variational_dropout"}): (
        "both mask what passes from layer to layer, the one with a new mask at every "
        "step, the other with one mask a sequence; choose one"
    ),
    frozenset({"zoneout_h", "projection_size"}): (
        "zoneout keeps units of the hidden state, which a projection mixes; zoneout_c "
        "goes with a projection"
    ),
    frozenset({"zoneout_h", "recurrent_dropout_kind"}): (
        "recurrent dropout on h masks the hidden state that zoneout_h keeps; use "
        "recurrent_dropout_kind='candidate'"
    ),
    frozenset({"normalization", "zoneout_c"}): (
        "a normalised cell shows N(c) of the new cell, which zoneout_c may throw away; "
        "use zoneout_h"
    ),
    frozenset({"normalization", "memory"}): (
        "backward needs the normalised sums of every step; use memory='store'"
    ),
    frozenset({"zoneout_c", "peephole"}): (
        "the output gate's peephole looks at the new cell, which zoneout_c may throw "
        "away; use zoneout_h"
    ),
}


def check_combinations(used: Mapping[str, object]) -> None:
    """Refuse what `REFUSED` names, in a mapping of arguments to their values.

    ``used`` has the arguments that are in use, those that differ from "off".

    Raises
    ------
    ValueError
        Two arguments that exclude one another, with their values and the reason.
    """
    for a, b in combinations(used, 2):
        reason = REFUSED.get(frozenset({a, b}))
        if reason is not None:
            raise ValueError(
                f"{a}={used[a]!r} does not go with {b}={used[b]!r}: {reason}"
            )
