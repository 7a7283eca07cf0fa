"""Which sequences an inference reads together."""

from __future__ import annotations

import numpy as np

from .._validate import IntArray

__all__ = ["cut"]

# Inference keeps the hidden states of every step of the rows at work; this many numbers
# of them (128 MB in float32) are enough to keep all cores busy.
_NUMBERS_AT_WORK = 2**25


def cut(
    samples: int, steps: int, lengths: IntArray | None, step_size: int
) -> list[slice] | list[IntArray]:
    """Cut N sequences into parts that keep at most some 2^25 numbers.

    Parameters
    ----------
    samples, steps : int
        N and T.
    lengths : (N,) array, optional
        Sequences of similar length come together: a part can be cut to its longest.
    step_size : int
        Numbers that are kept of a step.

    Returns
    -------
    list of slice or of (n,) array of int
        Every row once; one part where all fit.
    """
    rows = max(1, _NUMBERS_AT_WORK // (steps * step_size))
    if lengths is None or samples <= rows:
        return [slice(begin, begin + rows) for begin in range(0, samples, rows)]
    order = np.argsort(lengths, kind="stable")
    return [order[begin : begin + rows] for begin in range(0, samples, rows)]
