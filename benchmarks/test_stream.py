"""One streaming step called from Python."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm.nn import LSTM


@pytest.mark.parametrize(("inputs", "hidden"), [(1, 32), (64, 128), (128, 256)])
def test_step(benchmark, inputs, hidden):
    stream = LSTM(inputs, hidden, random_state=0).stream()
    x = np.random.default_rng(0).standard_normal((1, inputs), dtype=np.float32)
    out = np.empty((1, hidden), np.float32)
    benchmark(stream.step, x, out)
    assert np.isfinite(out).all()
