"""Dropout masks: a function of (seed, stream, step, row id, unit) and nothing else."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

LOW = np.uint64(0xFFFFFFFF)


def philox(counter: Array, seed: int) -> Array:
    """Philox 4x32-10 (Salmon et al. 2011): 4 words for a counter of 4 words.

    ``counter`` (..., 4) and the result hold 32-bit words in uint64.
    """
    x0, x1, x2, x3 = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * x0
        p1 = np.uint64(0xCD9E8D57) * x2
        x0, x2 = (
            (p1 >> np.uint64(32)) ^ x1 ^ np.uint64(k0),
            ((p0 >> np.uint64(32)) ^ x3 ^ np.uint64(k1)),
        )
        x1, x3 = p1 & LOW, p0 & LOW
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([x0, x1, x2, x3], axis=-1)


def dropout_mask(
    p: float, seed: int, stream: int, row_ids: Array, steps: int, units: int
) -> Array:
    """Mask (N, T, F): 0 with probability p, else 1 / (1 - p).

    Unit u of step t of row id r uses word u // 16 % 4 of the draw with the counter
    (u // 64 * 16 + u % 16, t, r low, stream 2^16 xor r high); it is kept where these
    32 bits are at least p 2^32.
    """
    u = np.arange(units, dtype=np.uint64)
    r = np.asarray(row_ids).astype(np.uint64)[:, None, None]
    t = np.arange(steps, dtype=np.uint64)[None, :, None]
    counter = np.broadcast_arrays(
        u // np.uint64(64) * np.uint64(16) + u % np.uint64(16),
        t,
        r & LOW,
        np.uint64(stream << 16) ^ (r >> np.uint64(32)),
    )
    words = philox(np.stack(counter, axis=-1), seed)
    word = (u // np.uint64(16) % np.uint64(4)).astype(np.intp)
    bits = np.take_along_axis(words, word[None, None, :, None], axis=-1)[..., 0]
    return np.where(bits >= np.uint64(int(p * 2**32)), 1.0 / (1.0 - p), 0.0)
