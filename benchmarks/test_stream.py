"""One streaming step called from Python."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm.bench.shapes import STREAM
from fastlstm.nn import LSTM


@pytest.mark.parametrize("shape", STREAM, ids=str)
def test_step(run_job, shape):
    (h,) = run_job("stream", shape)
    assert h.shape == (shape.batch, shape.hidden)


def test_step_without_out(benchmark, rng):
    """What a new array for each output costs."""
    stream = LSTM(1, 32, random_state=0).stream()
    x = rng.standard_normal((1, 1), dtype=np.float32)
    h = benchmark(stream.step, x)
    assert h.shape == (1, 32)
