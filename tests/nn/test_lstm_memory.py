"""What forward does not keep, backward computes again: to the bit, in less memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM

from ..cases import DTYPES

MODES = ("recompute", "checkpoint")
# batch, steps, inputs, units, layers, both directions, projection, dropout: one segment
# and many, fewer rows than threads and more than a run of the outer product.
CASES = [
    (3, 40, 5, 7, 1, False, 0, 0.0),
    (1, 300, 4, 33, 2, False, 0, 0.3),
    (20, 60, 6, 20, 2, True, 0, 0.2),
    (5, 91, 3, 17, 1, True, 6, 0.0),
    (300, 9, 3, 17, 2, True, 6, 0.1),
    (2, 700, 3, 70, 1, False, 0, 0.0),
]


def gradients(case: Any, memory: str, dtype: str, ragged: bool) -> list[np.ndarray]:
    n, t, inputs, units, layers, both, projection, dropout = case
    rng = np.random.default_rng(0)
    lstm = LSTM(
        inputs,
        units,
        layers,
        bidirectional=both,
        projection_size=projection,
        dropout=dropout,
        memory=memory,
        dtype=dtype,
        random_state=1,
    )
    x = rng.standard_normal((n, t, inputs)).astype(dtype)
    lengths = rng.integers(1, t + 1, n) if ragged else None
    blocks = layers * (2 if both else 1)
    h0 = rng.standard_normal((blocks, n, projection or units)).astype(dtype)
    c0 = rng.standard_normal((blocks, n, units)).astype(dtype)
    y, (h, c), cache = lstm.forward(x, (h0, c0), lengths, mask_seed=3)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx, (dh0, dc0) = lstm.backward(dy, cache, dstate=(h, c))
    return [y, h, c, dx, dh0, dc0, lstm.grads.flat]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_bits(case: Any, ragged: bool, dtype: str, threads: Any) -> None:
    threads(1)
    expected = gradients(case, "store", dtype, ragged)
    for memory in MODES:
        for n in (1, 2, 3):
            threads(n)
            for a, b in zip(
                gradients(case, memory, dtype, ragged), expected, strict=True
            ):
                assert a.tobytes() == b.tobytes(), (memory, n)


def test_less_memory() -> None:
    # Numbers a step and unit: 5 (gates, cell), 1 (cell), and 1 in a segment of 32.
    x = np.ones((8, 1024, 4), np.float32)
    held = {}
    for memory in ("store", *MODES):
        lstm = LSTM(4, 64, memory=memory, random_state=0)
        held[memory] = lstm.forward(x)[2].nbytes / (8 * 1024 * 64 * 4)
    pointers = 3 * 8 / (64 * 4)  # of x, y and the state before, for each row
    scratch = 0.5  # of the forward pass, whatever T
    assert 5 < held["store"] < 5 * 9 / 8 + pointers + scratch
    assert 1 < held["recompute"] < 1 + pointers + scratch
    assert held["checkpoint"] < 1 / 16 + pointers + scratch


def test_nothing_is_held_after_backward() -> None:
    lstm = LSTM(2, 3)
    y, _, cache = lstm.forward(np.ones((1, 4, 2), np.float32))
    assert cache.nbytes > 0
    lstm.backward(y, cache)
    assert cache.nbytes == 0


def test_unknown_mode() -> None:
    with pytest.raises(ValueError, match=r"memory.*'store'.*'sqrt'"):
        LSTM(2, 3, memory="sqrt")
