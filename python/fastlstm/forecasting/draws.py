"""Whose random numbers a window draws: its own, whatever else is forecast."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from .._validate import IntArray
from ..distributions.rows import RowGenerators
from .series import Panel
from .windows import WindowSet

__all__ = ["Draw", "series_keys"]


@dataclass(frozen=True, eq=False)
class Draw:
    """How many paths a strategy that needs some draws of each window, and with what.

    A window has a generator of its own, of ``seed``, the key of its series and its
    origin. ``first`` are the steps of each series that lie before those encoded.
    """

    paths: int
    seed: int
    keys: Sequence[int]
    first: IntArray | int = 0

    def rngs(self, windows: WindowSet) -> RowGenerators:
        """Return the generators of windows, as if none had drawn yet."""
        first = np.broadcast_to(self.first, len(windows.encoded))
        origins = windows.origins + first[windows.series]
        pairs = zip(windows.series.tolist(), origins.tolist(), strict=True)
        return RowGenerators(self.seed, [(self.keys[n], origin) for n, origin in pairs])


def series_keys(panel: Panel, places: Mapping[Hashable, int]) -> list[int]:
    """Return a number of 64 bits for each series: by its place in a fit, or its name.

    So a fit draws the same whether its series have names. Names are not hashed by
    Python, which does so differently in every process.
    """
    return [places.get(name, _of_name(name)) for name in panel.ids]


def _of_name(name: Hashable) -> int:
    return int.from_bytes(blake2b(str(name).encode(), digest_size=8).digest(), "big")
