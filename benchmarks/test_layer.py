"""One layer called for its outputs: inference."""

from __future__ import annotations

import pytest
from fastlstm.bench.shapes import INFERENCE, ODD, STREAM


@pytest.mark.parametrize("shape", [*STREAM, *INFERENCE, *ODD], ids=str)
def test_inference(run_job, shape):
    y, h, c = run_job("infer", shape)
    assert y.shape == (shape.batch, shape.steps, shape.hidden)
    assert h.shape == c.shape == (1, shape.batch, shape.hidden)


@pytest.mark.parametrize("shape", [INFERENCE[4], ODD[0]], ids=str)
def test_inference_float64(run_job, shape):
    y, _, _ = run_job("infer", shape, "float64")
    assert y.dtype == "float64"
