"""Training on sequences of unequal lengths, beside the same batch without padding."""

from __future__ import annotations

import pytest
from fastlstm.bench.shapes import RAGGED


@pytest.mark.parametrize("mode", ["ragged", "train"])
@pytest.mark.parametrize("shape", RAGGED, ids=str)
def test_ragged(run_job, shape, mode):
    dx, *_ = run_job(mode, shape)
    assert dx.shape == shape[:3]
