"""Sequences of different lengths, kept in one padded array.

What stands in the padding is never read: not by a kernel, not by a scaler. So a batch
may be cut to the longest of its own sequences, and costs no more than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._validate import check_lengths

__all__ = ["SequenceBatch", "take_rows"]

# NumPy has one object for each native dtype.
_INT64: Final = np.dtype(np.int64)


@dataclass(frozen=True)
class SequenceBatch:
    """N sequences of F features a step, or of tokens, the longest of T steps.

    Parameters
    ----------
    x : (N, T, F) array, or (N, T) array of integer tokens
    lengths : (N,) int64 array of 1..T, optional
        Valid steps of each sequence; without it, every sequence has T.

    Raises
    ------
    ValueError
        If ``x`` has another rank, or ``lengths`` has another shape than (N,) or holds a
        length below 1 or above T.
    TypeError
        If ``lengths`` are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.data import SequenceBatch
    >>> batch = SequenceBatch.from_sequences([np.ones((3, 2)), np.ones((5, 2))])
    >>> batch.x.shape, batch.lengths.tolist()
    ((2, 5, 2), [3, 5])
    >>> batch.take(np.array([0])).x.shape
    (1, 3, 2)

    Tokens are one integer a step:

    >>> SequenceBatch.from_sequences([np.array([7, 2]), np.array([1, 0, 4])]).x
    array([[7, 2, 0],
           [1, 0, 4]])
    """

    x: NDArray[Any]
    lengths: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.x.ndim != 3 and not (self.x.ndim == 2 and _are_tokens(self.x)):
            raise ValueError(
                "sequences are a (N, T, F) array: expected 3 dimensions, got shape "
                f"{self.x.shape} of {self.x.dtype}; tokens are a (N, T) array of "
                "integers"
            )
        if self.lengths is not None:
            lengths = check_lengths(self.lengths, *self.x.shape[:2])
            object.__setattr__(self, "lengths", lengths)

    @classmethod
    def from_sequences(
        cls, sequences: Sequence[NDArray[Any]], dtype: DTypeLike | None = None
    ) -> SequenceBatch:
        """Pad a list of (T_i, F) arrays, or of (T_i,) tokens, with zeros.

        Raises
        ------
        ValueError
            If the list is empty, or a sequence has another rank than the first, has no
            step, or has another number of features than the first.
        TypeError
            If some sequences are tokens and others are not.
        """
        if len(sequences) == 0:
            raise ValueError("expected at least one sequence, got an empty list")
        tokens = sequences[0].ndim == 1 and _are_tokens(sequences[0])
        shape = sequences[0].shape[1:]
        for row, sequence in enumerate(sequences):
            if sequence.ndim != (1 if tokens else 2):
                expected = "(steps,), tokens" if tokens else "(steps, features)"
                raise ValueError(
                    f"sequence {row} has shape {sequence.shape}, expected {expected}"
                )
            if tokens and not _are_tokens(sequence):
                raise TypeError(
                    f"sequence {row} holds {sequence.dtype}, but sequence 0 integer "
                    "tokens"
                )
            if sequence.shape[0] == 0:
                raise ValueError(f"sequence {row} is empty: expected at least one step")
            if sequence.shape[1:] != shape:
                raise ValueError(
                    f"sequence {row} has {sequence.shape[1]} features, but sequence 0 "
                    f"has {shape[0]}"
                )
        lengths = np.array([len(sequence) for sequence in sequences], np.int64)
        if dtype is None and tokens:
            dtype = np.int64  # int64 and uint64 together would be float64
        elif dtype is None:
            dtype = np.result_type(*{sequence.dtype for sequence in sequences})
        x = np.zeros((len(sequences), int(lengths.max()), *shape), dtype)
        for row, sequence in enumerate(sequences):
            x[row, : len(sequence)] = sequence
        return cls(x, lengths)

    def __len__(self) -> int:
        return int(self.x.shape[0])

    @property
    def n_steps(self) -> int:
        """T, the length of the longest sequence that fits."""
        return int(self.x.shape[1])

    @property
    def n_features(self) -> int:
        """F; 1 for tokens."""
        return 1 if self.is_tokens else int(self.x.shape[2])

    @property
    def is_tokens(self) -> bool:
        """Whether a step is an integer token, and not F features."""
        return self.x.ndim == 2

    @property
    def row_lengths(self) -> NDArray[np.int64]:
        """(N,) valid steps of each sequence, also where all have T."""
        if self.lengths is None:
            return np.full(len(self), self.n_steps, np.int64)
        return self.lengths

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(N, T), true at valid steps."""
        return np.asarray(np.arange(self.n_steps) < self.row_lengths[:, None])

    def take(self, rows: NDArray[np.int64] | slice) -> SequenceBatch:
        """Copy the sequences at ``rows``, cut to the longest of them."""
        if self.lengths is None:
            return self._made(take_rows(self.x, rows), None)
        lengths = take_rows(self.lengths, rows)
        longest = int(lengths.max(initial=1))
        ragged = lengths.min(initial=longest) < longest
        x = take_rows(self.x[:, :longest], rows)
        return self._made(x, lengths if ragged else None)

    def with_x(self, x: NDArray[Any]) -> SequenceBatch:
        """Put other values, (N, T, anything) or tokens, on the same steps."""
        return SequenceBatch(x, self.lengths)

    @classmethod
    def _made(cls, x: NDArray[Any], lengths: NDArray[np.int64] | None) -> SequenceBatch:
        """Make a batch of what another one has checked; a fit makes one a step."""
        batch = cls.__new__(cls)
        batch.__dict__.update(x=x, lengths=lengths)
        return batch


def _are_tokens(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "iu"


def take_rows(array: NDArray[Any], rows: NDArray[np.int64] | slice) -> NDArray[Any]:
    """Return ``array[rows]``, C-contiguous, in the shortest way."""
    # `take` is three times as fast as an index, but would first make all of a strided
    # array contiguous, and would read a mask as numbers.
    if (
        isinstance(rows, np.ndarray)
        and rows.dtype is _INT64
        and array.flags.c_contiguous
    ):
        return array.take(rows, axis=0)
    return np.ascontiguousarray(array[rows])
