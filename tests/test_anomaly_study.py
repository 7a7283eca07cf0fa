"""The studies of benchmarks/anomalies.py and its kin, on channels that are made up."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from .compare import assert_same_bits
from .subprocesses import ROOT


@pytest.fixture(scope="module")
def studies() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import anomaly_fleet
        import anomaly_updates
        import nasa
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return anomaly_fleet, anomaly_updates, nasa


def channel(nasa: Any, name: str, craft: str, steps: int, seed: int) -> Any:
    """Make telemetry with a command, stuck for sixty steps of the test series."""
    rng = np.random.default_rng(seed)
    series = []
    for length in (steps, 900):
        command = (rng.random(length) < 0.1).astype(float)
        wave = np.sin(np.arange(length) / 9) + 0.2 * rng.normal(size=length)
        series.append(np.stack([wave, command], axis=1))
    series[1][700:760, 0] = 3.0
    return nasa.Channel(name, craft, *series, [[700, 759]])


def test_a_group_of_one_is_a_channel(studies: Any) -> None:
    fleet, updates, nasa = studies
    made = [channel(nasa, n, n[0], 300 + at, at) for at, n in enumerate(["a", "b"])]
    both = fleet.together(made, 3, [1, 2])
    assert list(both) == ["a", "b"]
    for own in made:
        alone = updates.snapshots([own], 3, [1, 2], 32, dropout=0.0)[own.name]
        for one, other in zip(alone, both[own.name], strict=True):
            assert_same_bits(one._asdict(), other._asdict())
            assert [len(errors) for errors in one] == [len(own.train), len(own.test)]


def test_every_window_of_a_group_is_drawn(
    studies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of 260 steps, with what is predicted, and none over two channels."""
    _, updates, nasa = studies
    made = [channel(nasa, n, "x", 262 + at, at) for at, n in enumerate(["a", "b"])]
    for at, own in enumerate(made):
        own.train[:, 0] = 1000 * at + np.arange(len(own.train))
    seen = []
    forward = updates.SequenceModel.forward

    def watch(self: Any, batch: Any, **options: Any) -> Any:
        seen.extend(batch.x[:, [0, -1], 0].tolist())
        return forward(self, batch, **options)

    monkeypatch.setattr(updates.SequenceModel, "forward", watch)
    updates.snapshots(made, 0, [1], 200)
    first = sorted({start for start, _ in seen})
    assert first == [0, 1, 2, 1000, 1001, 1002, 1003]  # 3 and 4 of them
    assert all(stop - start == 249 for start, stop in seen)


def test_how_spans_are_judged(studies: Any) -> None:
    _, _, nasa = studies
    own = channel(nasa, "a", "a", 500, 0)
    errors = nasa.Errors(np.full(500, 0.1), np.full(900, 0.1))
    assert nasa.judge(errors, own)["largest training error"] == (0, 0, 1, 0, 900)
    errors.test[700:760] = 2.0
    found = nasa.judge(errors, own)
    for threshold in ("largest training error", "dynamic, of training errors"):
        for suffix in ("", nasa.PROBATION):
            assert found[threshold + suffix][:3] == (1, 0, 0)
    # The average falls below the threshold, and its buffer ends, before the label.
    errors.train[300:360], errors.test[700:760], errors.test[300:360] = 1.0, 0.1, 2.0
    assert nasa.judge(errors, own)["largest training error"][:3] == (0, 1, 1)
    assert nasa.f1(nasa.Count(3, 1, 2)) == pytest.approx((0.75, 0.6, 2 / 3))


def test_a_run_of_the_fleet(studies: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All methods and thresholds of each seed are in its file."""
    import json

    fleet, _, nasa = studies
    made = [channel(nasa, n, "SMAP", 300, at) for at, n in enumerate(["a", "b"])]
    monkeypatch.setattr(fleet, "channels", lambda names: iter(made))
    monkeypatch.setattr(fleet, "ALONE", ((1, 2), 2))
    written: list[Any] = []
    monkeypatch.setattr(fleet, "write", lambda every, path: written.append(every[:]))
    argv = ["fleet", "--seeds", "0", "1", "--updates", "1", "2", "--out", "none"]
    monkeypatch.setattr(sys, "argv", argv)
    fleet.main()
    records = json.loads(json.dumps(written[-1]))
    assert len(records) == 2 * 6 * 7  # seeds, methods, thresholds
    assert {record["seed"] for record in records} == {0, 1}
    assert all(record["counts"]["SMAP"]["steps"] == 1800 for record in records)
