"""The last rows of series: all that is needed of the past to read new ones behind."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .._validate import IntArray
from ..files import storable
from .numbers import Floats
from .series import Panel, Series
from .transforms import Chain

__all__ = ["Tail"]


@storable
@dataclass(frozen=True, eq=False)
class Tail:
    """Of N series: from where on gaps are filled as if all of the series were there.

    Attributes
    ----------
    rows : list of N (t, K) arrays
        Transformed, at least one row each.
    chains : list of N Chain
        Each after the last row; none without a transform.
    """

    rows: list[Floats] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)

    @classmethod
    def of(cls, shown: Panel, chains: Sequence[Chain]) -> Tail:
        """Keep what is needed of transformed series, and their transforms."""
        return cls([_last(one) for one in shown], list(chains))

    def panel(self, whole: Panel, known: IntArray) -> tuple[Panel, list[Chain]]:
        """Return the rows kept, and those of ``whole`` from step ``known[n]`` on.

        Parameters
        ----------
        whole : Panel
            All that was observed, not transformed.
        known : (N,) int64 array
            Steps of each series before the end of what is kept.

        Returns
        -------
        panel : Panel
            Transformed.
        chains : list of Chain
            After its last row.

        Raises
        ------
        ValueError
            New rows that the transform is not for; the series is named.
        """
        chains = copy.deepcopy(self.chains)
        series = []
        for n, (one, kept) in enumerate(zip(whole, self.rows, strict=True)):
            end = int(known[n])
            new = one.y[end:]
            if chains and len(new):
                try:
                    new = chains[n].update(new)
                except ValueError as error:
                    raise ValueError(f"series {one.id!r}: {error}") from None
            part = one.since(end - len(kept))
            series.append(replace(part, y=np.concatenate([kept, new])))
        return replace(whole, series=tuple(series)), chains


def _last(series: Series) -> Floats:
    """Return the last rows, each column observed in one of them at least.

    But for those that never were, which are filled with the same at any row.
    """
    there = ~np.isnan(np.concatenate([series.y, series.past], axis=1))
    after = there[::-1].argmax(axis=0)[there.any(axis=0)]
    return series.y[len(series) - 1 - int(after.max(initial=0)) :].copy()
