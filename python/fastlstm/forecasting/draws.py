"""Whose random numbers a window draws: its own, whatever else is forecast."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from .._validate import IntArray
from ..distributions.rows import RowGenerators
from .scaling import SeriesScaler
from .series import Panel
from .windows import WindowSet

__all__ = ["Draw"]


@dataclass(frozen=True, eq=False)
class Draw:
    """How many paths a strategy that needs some draws of each window, and with what.

    A window has a generator of its own, of ``seed``, the key of its series and its
    origin. ``scaler`` tells which series of ``panel`` the fit has seen, ``first`` are
    the steps of each that lie before those encoded.
    """

    paths: int
    seed: int
    panel: Panel
    scaler: SeriesScaler
    first: IntArray | int = 0

    @cached_property
    def keys(self) -> list[int]:
        """Return a number of 64 bits for each series: its place in the fit, or a hash.

        So a fit draws the same whether its series have names. Names are not hashed by
        Python, which does so differently in every process.
        """
        places = self.scaler.places(self.panel)
        return [
            places[name] if name in places else _of_name(name)
            for name in self.panel.ids
        ]

    def rngs(self, windows: WindowSet) -> RowGenerators:
        """Return the generators of windows, as if none had drawn yet."""
        first = np.broadcast_to(self.first, len(windows.encoded))
        origins = windows.origins + first[windows.series]
        pairs = zip(windows.series.tolist(), origins.tolist(), strict=True)
        return RowGenerators(self.seed, [(self.keys[n], origin) for n, origin in pairs])


def _of_name(name: Hashable) -> int:
    return int.from_bytes(blake2b(str(name).encode(), digest_size=8).digest(), "big")
