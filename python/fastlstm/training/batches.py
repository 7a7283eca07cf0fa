"""Which sequences share a batch: those of similar length, else it is left to chance."""

from __future__ import annotations

import numpy as np

from .._validate import IntArray

__all__ = ["draw_order"]

# A sequence may meet those within this many batches of it in the order of lengths:
# enough for other batches in each epoch, and for lengths that go with the targets.
_REACH = 4


def draw_order(
    lengths: IntArray | None, n: int, batch_size: int, rng: np.random.Generator
) -> IntArray:
    """Draw an epoch's order of ``n`` sequences; each ``batch_size`` are a batch.

    Every sequence comes once. Where lengths differ, and not all fit into one batch,
    sequences are sorted by length, each moved by chance within a few batches, and cut
    into batches, whose order is drawn. A batch is padded to its longest sequence, so
    that one of similar lengths holds hardly more than its own steps. The last batch,
    where ``batch_size`` does not divide ``n``, is a window of that order that begins
    anywhere and goes round its end: no length is in it more often than another.

    Parameters
    ----------
    lengths : (n,) array, optional
        Steps of each sequence; without them all are equal.
    n : int
    batch_size : int
    rng : numpy.random.Generator

    Returns
    -------
    (n,) array of int
    """
    order = rng.permutation(n)
    if lengths is None or n <= batch_size or lengths.min() == lengths.max():
        return order
    # Of the drawn order, so that ties are broken by chance.
    order = order[np.argsort(lengths[order], kind="stable")]
    places = np.arange(n) + rng.uniform(0, _REACH * batch_size, n)
    order = order[np.argsort(places, kind="stable")]
    in_last = (rng.integers(n) + np.arange(n % batch_size)) % n
    batches = np.delete(order, in_last).reshape(-1, batch_size)
    batches = batches[rng.permutation(len(batches))]
    return np.concatenate([batches.ravel(), order[in_last]])
