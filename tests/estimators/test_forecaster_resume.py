"""``LSTMForecaster.fit(checkpoint=, resume=True)``: the same bits, no other fit's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastlstm.forecasting import Log
from fastlstm.training import Checkpoint

from ..compare import assert_same_bits
from .forecasters import forecaster, quiet, strategies, wave
from .test_resume import Die

pytestmark = quiet

STATIC = {"a": ["north"], "b": ["south"]}
SERIES = {"a": wave(80), "b": wave(70, seed=1)}


def killed(model: Any, batches: int, folder: Path, X: Any, **given: Any) -> None:
    model.set_params(callbacks=[Die(batches)])
    checkpoint = Checkpoint(folder, every_steps=2)
    with pytest.raises(RuntimeError):
        model.fit(X, **given, checkpoint=checkpoint, resume=True)
    assert not hasattr(model, "panel_")


def found(model: Any) -> dict[str, np.ndarray]:
    return {
        "loss": np.array(model.loss_curve_),
        "scores": np.array(model.validation_scores_),
        "y": np.stack(list(model.predict(quantiles=[0.1, 0.9]).values())),
    }


@strategies
@pytest.mark.parametrize("refit", [False, True])
def test_the_same_bits(strategy: str, refit: bool, tmp_path: Path) -> None:
    def make() -> Any:
        return forecaster(
            strategy=strategy,
            refit=refit,
            loss="gaussian",
            conformal="split",
            transforms=[Log()],
            dropout=0.2,
            max_iter=4,
        )

    whole = make().fit(SERIES, static=STATIC)
    for batches in (3, 1, 9):
        killed(make(), batches, tmp_path, SERIES, static=STATIC)
    model = make().fit(SERIES, static=STATIC, checkpoint=tmp_path, resume=True)
    assert_same_bits(found(model), found(whole))
    # A finished training is not done again; more epochs go on from it.
    again = make().set_params(callbacks=[Die(1)] if not refit else None)
    again.fit(SERIES, static=STATIC, checkpoint=tmp_path, resume=True)
    assert_same_bits(found(again), found(whole))
    longer = make().set_params(max_iter=6)
    longer.fit(SERIES, static=STATIC, checkpoint=tmp_path, resume=True)
    fresh = make().set_params(max_iter=6).fit(SERIES, static=STATIC)
    assert_same_bits(found(longer), found(fresh))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X": {**SERIES, "b": 2.0 * SERIES["b"]}}, "X is not what it was"),
        ({"X": {"a": SERIES["a"], "c": SERIES["b"]}}, "X is not what it was"),
        ({"static": {**STATIC, "b": ["east"]}}, "static is not what it was"),
        ({"past": {k: y[:, None] for k, y in SERIES.items()}}, "past is not what it"),
        ({"window": 7}, "window was 8, is 7"),
        ({"transforms": "log"}, "transforms was None, is 'log'"),
        ({"random_state": 1}, "random_state was 0, is 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_fits_are_refused(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"X": SERIES, "static": STATIC}
    killed(forecaster(), 5, tmp_path, **given)
    before = sorted(tmp_path.iterdir())
    options = {k: v for k, v in change.items() if k not in ("X", "static", "past")}
    given |= {k: v for k, v in change.items() if k not in options}
    if "c" in given["X"]:
        given["static"] = {"a": ["north"], "c": ["south"]}
    with pytest.raises(ValueError, match=f"is of another fit: .*{words}"):
        forecaster(**options).fit(**given, checkpoint=tmp_path, resume=True)
    assert sorted(tmp_path.iterdir()) == before


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="resume=True needs checkpoint="):
        forecaster().fit(wave(), resume=True)
    with pytest.raises(TypeError, match=r"checkpoint must be a folder or .*, got 5"):
        forecaster().fit(wave(), checkpoint=5)
    forecaster().fit(wave(), checkpoint=tmp_path)
    with pytest.raises(FileExistsError, match="pass resume=True to go on with it"):
        forecaster().fit(wave(), checkpoint=tmp_path)
