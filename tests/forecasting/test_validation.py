"""The split in time: no target of training is one of validation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting import PanelEncoder, WindowSet, read_panel, validation_ends
from hypothesis import given
from hypothesis import strategies as st

from .brute_force import make_panel


@given(
    lengths=st.lists(st.integers(2, 40), min_size=1, max_size=5),
    horizon=st.integers(1, 6),
    window=st.integers(1, 8),
    fraction=st.floats(0.05, 0.6),
    seed=st.integers(0, 99),
)
def test_no_target_of_training_is_one_of_validation(
    lengths: list[int], horizon: int, window: int, fraction: float, seed: int
) -> None:
    panel = make_panel(np.random.default_rng(seed), lengths, beside=False, k=1)
    if max(lengths) < 1 + 2 * horizon:
        with pytest.raises(
            ValueError, match=f"expected at least {1 + horizon} steps to train on"
        ):
            validation_ends(panel, horizon, fraction=fraction)
        return
    ends = validation_ends(panel, horizon, fraction=fraction)
    missing_before = any(
        np.isnan(s.y[:end]).all() for s, end in zip(panel, ends, strict=True)
    )
    if missing_before:
        with pytest.raises(ValueError, match="no observed value"):
            PanelEncoder().fit(panel, ends)
        return
    encoded = PanelEncoder().fit(panel, ends).encode(panel, horizon)
    everything = WindowSet.over(encoded, window=window)
    training, validation = everything.split(ends)

    def pairs(windows: WindowSet) -> list[tuple[int, int]]:
        both = (windows.series.tolist(), windows.origins.tolist())
        return list(zip(*both, strict=True))

    def targets(windows: WindowSet) -> set[tuple[int, int]]:
        return {
            (n, step)
            for n, o in pairs(windows)
            for step in range(o, min(o + horizon, lengths[n]))
        }

    used, judged = targets(training), targets(validation)
    assert not used & judged
    for n, step in judged:
        assert all(other < step for m, other in used if m == n)
    # Statistics come from before any target of validation.
    assert all(step >= ends[n] for n, step in judged)
    assert all(step < ends[n] for n, step in used)
    # Nothing is left out without need.
    for n, o in pairs(everything):
        steps = range(o, min(o + horizon, lengths[n]))
        both = any(s < ends[n] for s in steps) and any(s >= ends[n] for s in steps)
        times = sum((n, o) in pairs(part) for part in (training, validation))
        assert times == (not both)


def test_the_validation_part() -> None:
    panel = read_panel([np.arange(float(n)) for n in (100, 30, 10, 9)])
    # A fifth; at least a horizon; short ones are trained on whole.
    assert validation_ends(panel, 4, fraction=0.2).tolist() == [80, 24, 6, 5]
    assert validation_ends(panel, 8, fraction=0.2).tolist() == [80, 22, 10, 9]
    ends = validation_ends(panel, 4, fraction=0.2, min_window=3)
    assert ends.tolist() == [80, 24, 10, 9]
    with pytest.raises(ValueError, match=r"fraction must be finite and in \(0, 1\)"):
        validation_ends(panel, 4, fraction=1.0)


def test_statistics_are_of_the_training_part(rng: np.random.Generator) -> None:
    panel = make_panel(rng, [20, 15])
    changed = [s.y.copy() for s in panel]
    ends = [12, 9]
    for y, end in zip(changed, ends, strict=True):
        y[end:] = 1e6
    later = read_panel(
        {s.id: pd.DataFrame(y, s.times) for s, y in zip(panel, changed, strict=True)},
        past={s.id: np.where(np.arange(len(s))[:, None] < e, s.past, 1e6)
              for s, e in zip(panel, ends, strict=True)},
        future={s.id: np.where(np.arange(len(s.future))[:, None] < e, s.future, 1e6)
                for s, e in zip(panel, ends, strict=True)},
        static={s.id: s.static for s in panel},
    )  # fmt: skip
    first, second = (PanelEncoder(window=5).fit(p, ends) for p in (panel, later))
    for one, other in (
        (first.scaler.center, second.scaler.center),
        (first.scaler.scale, second.scaler.scale),
        (first.past and first.past.center, second.past and second.past.center),
        (first.future and first.future.scale, second.future and second.future.scale),
    ):
        np.testing.assert_array_equal(one, other)
