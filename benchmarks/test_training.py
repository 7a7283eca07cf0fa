"""One layer forward and backward, from weights that have just changed."""

from __future__ import annotations

import pytest
from fastlstm.bench.shapes import ODD, TRAINING


@pytest.mark.parametrize("shape", [*TRAINING, *ODD], ids=str)
def test_training(run_job, shape):
    dx, *dweights = run_job("train", shape)
    assert dx.shape == shape[:3]
    assert len(dweights) == 3


@pytest.mark.parametrize("shape", [TRAINING[4], ODD[0]], ids=str)
def test_training_float64(run_job, shape):
    dx, *_ = run_job("train", shape, "float64")
    assert dx.dtype == "float64"
