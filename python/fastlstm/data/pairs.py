"""Pairs of sequences: what an encoder reads, and what its decoder does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .ragged import SequenceBatch

__all__ = ["SequencePair"]


@dataclass(frozen=True)
class SequencePair:
    """N sources and, beside each, the inputs of the steps that are predicted from it.

    Parameters
    ----------
    source : SequenceBatch
        N sequences of S steps at most, as the past of a series or a sentence.
    target : SequenceBatch
        N sequences of T steps at most. A step holds what is known when its output is
        predicted, as a covariate of that day or the word before; the outputs themselves
        are no part of a pair.

    Raises
    ------
    ValueError
        If the two have another number of sequences.
    TypeError
        If one is no `SequenceBatch`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.data import SequenceBatch, SequencePair
    >>> past = SequenceBatch.from_sequences([np.ones((9, 2)), np.ones((5, 2))])
    >>> pair = SequencePair(past, SequenceBatch(np.zeros((2, 3, 1))))
    >>> shorter = pair.take(np.array([1]))
    >>> shorter.source.x.shape, shorter.target.x.shape
    ((1, 5, 2), (1, 3, 1))
    """

    source: SequenceBatch
    target: SequenceBatch

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            side = getattr(self, name)
            if not isinstance(side, SequenceBatch):
                raise TypeError(
                    f"{name} must be a SequenceBatch, got {type(side).__name__}"
                )
        if len(self.source) != len(self.target):
            raise ValueError(
                f"source has {len(self.source)} sequences and target "
                f"{len(self.target)}: expected as many, one beside the other"
            )

    def __len__(self) -> int:
        return len(self.source)

    @property
    def lengths(self) -> NDArray[Any] | None:
        """(N,) steps of the sources, None where all have S: what batches are made by.

        Those of the targets hardly say more. They are a horizon, the same for all, or
        they go with the sources', as those of translations do.
        """
        return self.source.lengths

    def take(self, rows: NDArray[Any] | slice) -> SequencePair:
        """Copy the pairs at ``rows``, each side cut to the longest of its own."""
        # Not by way of the constructor, whose checks this pair has passed.
        pair = type(self).__new__(type(self))
        pair.__dict__.update(
            source=self.source.take(rows), target=self.target.take(rows)
        )
        return pair
