"""Many series at once: what a forecast holds at a time is bounded, to the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.models.stream import ModelStream

from ..compare import assert_same_bits
from .forecasters import forecaster, quiet, strategies, wave

pytestmark = quiet

LENGTHS = (20, 41, 33, 70, 20, 52, 64)
MOST_STEPS, MOST_PATHS = 100, 6


@strategies
@pytest.mark.parametrize("transform", [None, "difference"])
def test_warm_series_are_read_in_parts(
    strategy: str, transform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [wave(n, seed=n) for n in LENGTHS]
    options = {"strategy": strategy, "transforms": transform, "warm": True}
    if strategy == "recursive":
        options |= {"loss": "gaussian", "n_samples": 3}
    model = forecaster(**options).fit(whole)
    read, step = ModelStream.read, ModelStream.step
    seen: list[int] = []
    paths = [0]

    def note_read(self: Any, batch: Any, **options: Any) -> Any:
        seen.append(batch.x.shape[0] * batch.x.shape[1])
        return read(self, batch, **options)

    def note_step(self: Any, x: Any) -> Any:
        paths.append(len(x))
        return step(self, x)

    monkeypatch.setattr(ModelStream, "read", note_read)
    monkeypatch.setattr(ModelStream, "step", note_step)

    def answers() -> dict[str, np.ndarray]:
        model.panel_ = model.panel_.until(LENGTHS)
        model._begin()
        found = {f"fit {n}": y for n, y in enumerate(model.predict())}
        found |= {f"new {n}": y for n, y in enumerate(model.predict(whole[::-1]))}
        origins = [np.array([9, 15, n]) for n in LENGTHS]
        rolled = model._forecast_at(model.panel_, origins)
        found |= {f"rolled {n}": y for n, y in enumerate(rolled)}
        model.update([wave(n % 9 + 1) for n in LENGTHS])
        found |= {f"later {n}": y for n, y in enumerate(model.predict())}
        return found

    expected = answers()
    assert max(seen) > MOST_STEPS
    assert max(paths) > MOST_PATHS or strategy != "recursive"
    seen.clear()
    paths.clear()
    module = "fastlstm.forecasting"
    monkeypatch.setattr(f"{module}.memory._STEPS_AT_ONCE", MOST_STEPS)
    monkeypatch.setattr(f"{module}.forecast_model._AT_ONCE", MOST_PATHS)
    assert_same_bits(answers(), expected)
    assert max(seen) <= MOST_STEPS
    assert max(paths, default=0) <= MOST_PATHS
