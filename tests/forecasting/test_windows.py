"""Windows beside plain loops, their split in time, and a fit that reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.data import SequencePair
from fastlstm.files import read_record, write_record
from fastlstm.forecasting import (
    PanelEncoder,
    WindowSet,
    read_panel,
)
from fastlstm.losses import SquaredError
from fastlstm.models import EncoderDecoder, SequenceModel
from fastlstm.optim import Adam
from fastlstm.training import Trainer
from hypothesis import given
from hypothesis import strategies as st

from ..compare import assert_same_bits
from .brute_force import Window, calendar, make_panel, make_window, origins_of

CENTERS = ["series", "last", "mean"]
STRATEGIES = ["direct", "recursive", "encoder_decoder"]


def check(actual: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


@given(
    lengths=st.lists(st.integers(1, 14), min_size=1, max_size=4),
    seed=st.integers(0, 99),
    window=st.integers(1, 6),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 3),
    center=st.sampled_from(CENTERS),
    missing=st.booleans(),
    beside=st.booleans(),
)
def test_windows_are_those_of_plain_loops(
    lengths: list[int],
    seed: int,
    window: int,
    horizon: int,
    stride: int,
    center: str,
    missing: bool,
    beside: bool,
) -> None:
    rng = np.random.default_rng(seed)
    lengths[0] = max(lengths[0], 2)  # two times have a step
    panel = make_panel(rng, lengths, missing=missing, beside=beside)
    least = int(rng.integers(1, window + 1))
    encoder = PanelEncoder(window=None if center == "series" else window).fit(panel)
    with_calendar = calendar if beside else None
    encoded = encoder.encode(panel, horizon, calendar=with_calendar, dtype="float64")
    origins = origins_of(panel, window, horizon, least, stride)
    options: dict[str, Any] = {"window": window, "center": center}
    if not origins:
        with pytest.raises(ValueError, match="no series has an observed value in"):
            WindowSet.over(encoded, min_window=least, stride=stride, **options)
        return
    windows = WindowSet.over(encoded, min_window=least, stride=stride, **options)
    assert list(zip(windows.series, windows.origins, strict=True)) == origins
    rows = rng.integers(0, len(windows), 5)
    expected = [
        make_window(
            panel,
            encoder,
            *origins[row],
            window=window,
            horizon=horizon,
            center=center,
            calendar=with_calendar,
        )
        for row in rows
    ]
    check_batch(windows, rows, expected)
    if not beside:
        steps = WindowSet(
            encoded, windows.series, windows.origins, strategy="recursive", **options
        )
        check_steps(steps, rows, expected)


def check_batch(windows: WindowSet, rows: Any, expected: list[Window]) -> None:
    batch = windows.gather(rows)
    sizes = [len(window.past) for window in expected]
    assert batch.past.row_lengths.tolist() == sizes
    assert batch.past.n_steps == max(sizes)
    for at, window in enumerate(expected):
        check(batch.past.x[at, : sizes[at]], window.past)
        assert not batch.past.x[at, sizes[at] :].any()
        check(batch.future[at], window.future)
        check(batch.targets[at], window.targets)
        check(batch.center[at], window.center)
        check(batch.scale[at], window.scale)
    center, scale = windows.subset(rows).units()
    np.testing.assert_array_equal(center, batch.center)
    np.testing.assert_array_equal(scale, batch.scale)


def check_steps(windows: WindowSet, rows: Any, expected: list[Window]) -> None:
    batch = windows.take(rows)
    assert batch.per_step
    sizes = [len(window.lagged) for window in expected]
    assert batch.inputs.row_lengths.tolist() == sizes
    for at, window in enumerate(expected):
        check(batch.inputs.x[at, : sizes[at]], window.lagged)
        check(batch.targets[at, : sizes[at]], window.lagged_targets)
        assert np.isnan(batch.targets[at, sizes[at] :]).all()


@pytest.mark.parametrize("center", CENTERS)
def test_steps_with_covariates(rng: np.random.Generator, center: str) -> None:
    panel = make_panel(rng, [9, 2, 13], past=False)
    encoder = PanelEncoder().fit(panel)
    encoded = encoder.encode(panel, 3, dtype="float64")
    windows = WindowSet.over(encoded, window=5, center=center, strategy="recursive")
    rows = np.arange(len(windows))
    check_steps(
        windows,
        rows,
        [
            make_window(panel, encoder, n, o, window=5, horizon=3, center=center)
            for n, o in zip(windows.series, windows.origins, strict=True)
        ],
    )
    assert windows.lengths is not None
    np.testing.assert_array_equal(windows.lengths, np.minimum(windows.origins, 5) + 3)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("center", CENTERS)
def test_what_a_model_takes(
    rng: np.random.Generator, strategy: str, center: str
) -> None:
    panel = make_panel(rng, [30, 4], past=False)
    encoded = PanelEncoder().fit(panel).encode(panel, 3)
    options: dict[str, Any] = {"window": 5, "center": center, "strategy": strategy}
    windows = WindowSet.over(encoded, **options)
    rows = np.array([7, 0, 30])
    batch, whole = windows.take(rows), windows.gather(rows)
    if strategy == "direct":
        np.testing.assert_array_equal(batch.inputs.x, whole.past.x)
        np.testing.assert_array_equal(batch.targets, whole.targets.reshape(3, 6))
        assert not batch.per_step
    elif strategy == "encoder_decoder":
        assert isinstance(batch.inputs, SequencePair)
        np.testing.assert_array_equal(batch.inputs.source.x, whole.past.x)
        np.testing.assert_array_equal(batch.inputs.target.x, whole.future)
        np.testing.assert_array_equal(batch.targets, whole.targets)
        assert batch.per_step
    else:
        assert batch.inputs.row_lengths[0] == 8
        np.testing.assert_array_equal(batch.targets[0, 5:8], whole.targets[0])
    assert batch.targets.dtype == np.float32
    # The same bits whatever stands beside a window.
    alone = windows.take(rows[:1])
    first = batch.inputs.source if strategy == "encoder_decoder" else batch.inputs
    only = alone.inputs.source if strategy == "encoder_decoder" else alone.inputs
    np.testing.assert_array_equal(first.x[0, : only.n_steps], only.x[0])


def test_windows_do_not_depend_on_other_series(rng: np.random.Generator) -> None:
    panel = make_panel(rng, [20, 15], beside=False)
    encoder = PanelEncoder(window=6).fit(panel)
    single = read_panel({"s1": pd.DataFrame(panel[1].y, panel[1].times)})
    for center in CENTERS:
        both, one = (
            WindowSet.at(encoder.encode(p, 3), window=6, center=center).gather(at)
            for p, at in ((panel, np.array([1])), (single, np.array([0])))
        )
        np.testing.assert_array_equal(both.past.x, one.past.x)
        np.testing.assert_array_equal(both.center, one.center)


def test_the_units_of_the_user(rng: np.random.Generator) -> None:
    panel = make_panel(rng, [20, 15])
    for center in CENTERS:
        encoded = PanelEncoder().fit(panel).encode(panel, 3, dtype="float64")
        windows = WindowSet.at(encoded, [12, 9], window=6, center=center)
        batch = windows.gather(np.array([1, 0]))
        check(batch.in_units(batch.targets)[0], panel[1].y[9:12])
        paths = np.stack([batch.targets, batch.targets], axis=1)
        check(batch.in_units(paths)[1, 1], panel[0].y[12:15])
        ends = WindowSet.at(encoded, window=6, center=center)
        assert ends.origins.tolist() == [20, 15]
        assert np.isnan(ends.gather(np.arange(2)).targets).all()
    for wrong in ([5], [0, 5], [21, 5]):
        with pytest.raises(ValueError, match="expected 2 origins from 1 to the length"):
            WindowSet.at(encoded, wrong, window=6)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("center", CENTERS)
def test_parts_are_windows_like_the_whole(
    rng: np.random.Generator, strategy: str, center: str
) -> None:
    panel = make_panel(rng, [30, 4], past=False)
    encoded = PanelEncoder().fit(panel).encode(panel, 3)
    windows = WindowSet.over(encoded, window=5, center=center, strategy=strategy)
    numbers = np.array([9, 2, 4])
    part = windows.subset(numbers).take(np.array([2, 0]))
    whole = windows.take(numbers[[2, 0]])
    np.testing.assert_array_equal(part.targets, whole.targets)
    for name in ("source", "target") if strategy == "encoder_decoder" else ("inputs",):
        one, other = (
            getattr(batch.inputs, name, batch.inputs) for batch in (part, whole)
        )
        np.testing.assert_array_equal(one.x, other.x)


def test_windows_without_any_value_are_left_out() -> None:
    y = np.array([np.nan, np.nan, 1.0, 2.0, np.nan, np.nan, np.nan, 3.0, np.nan])
    encoded = PanelEncoder().fit(read_panel(y)).encode(read_panel(y), 2)
    windows = WindowSet.over(encoded, window=2)
    # At 1 and 2 nothing is known yet, at 4 and 8 there is no target, at 6 and 7 the
    # window is empty.
    assert windows.origins.tolist() == [3]
    assert WindowSet.over(encoded, window=3).origins.tolist() == [3, 6]


# ------------------------------------------------------------------ a fit, and errors


def make_model(strategy: str, n: int, g: int) -> Any:
    """A model of n inputs a step, for two targets and a horizon of 3."""
    if strategy == "encoder_decoder":
        return EncoderDecoder(n, g, 2, hidden_size=5, random_state=0)
    if strategy == "direct":
        return SequenceModel(n, 6, hidden_size=5, random_state=0)
    return SequenceModel(n, 2, output="sequence", hidden_size=5, random_state=0)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_trainer_reads_windows_as_it_reads_a_training_set(
    rng: np.random.Generator, strategy: str
) -> None:
    panel = make_panel(rng, [40, 9], missing=False, past=False)
    encoded = PanelEncoder().fit(panel).encode(panel, 3)
    windows = WindowSet.over(encoded, window=6, strategy=strategy)
    windows = windows.subset(windows.origins + 3 <= encoded.lengths[windows.series])
    everything = windows.take(np.arange(len(windows)))
    # Two variables, two known ahead, two categories; ahead the place in the horizon.
    sizes, results = (6, 5), []
    for data in (windows, everything):
        model = make_model(strategy, *sizes)
        trainer = Trainer(
            model, SquaredError(), Adam(model.params), batch_size=8, max_epochs=4
        )
        trainer.fit(data)
        loss = np.array(trainer.loss_curve)
        results.append({"weights": model.params.flat, "loss": loss})
        other = make_model(strategy, 3, 3)
        trainer = Trainer(
            other, SquaredError(), Adam(other.params), batch_size=8, max_epochs=1
        )
        with pytest.raises(ValueError, match=r"steps, 3\), got"):
            trainer.fit(data)
    assert_same_bits(*results)


class ObservedError(SquaredError):
    """Counts observed targets of valid steps, as a loss that ignores missing ones."""

    def total_weight(
        self, target: Any, *, lengths: Any = None, sample_weight: Any = None
    ) -> float:
        share = np.isfinite(target).mean(axis=-1)
        if lengths is not None:
            share = np.where(np.arange(target.shape[1]) < lengths[:, None], share, 0.0)
        return float(share.sum())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_mean_weight_of_a_target(
    rng: np.random.Generator, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = make_panel(rng, [40, 9], past=False)
    encoded = PanelEncoder().fit(panel).encode(panel, 3)
    windows = WindowSet.over(encoded, window=6, strategy=strategy)
    everything = windows.take(np.arange(len(windows)))
    monkeypatch.setattr("fastlstm.forecasting.windows._WINDOWS_AT_ONCE", 7)
    for loss in (SquaredError(), ObservedError()):
        expected = everything.mean_weight(loss)
        assert windows.mean_weight(loss) == pytest.approx(expected, rel=1e-12)
    assert expected < 1.0


def test_indicators_are_those_of_the_fit(rng: np.random.Generator) -> None:
    gaps = read_panel({"a": [1.0, np.nan, 3.0, 4.0]})
    whole = read_panel({"a": [1.0, 2.0, 3.0, 4.0]})
    for fitted, later, width in ((gaps, whole, 2), (whole, gaps, 1)):
        encoder = PanelEncoder().fit(fitted)
        batch = WindowSet.at(encoder.encode(later, 1), window=4).gather(np.array([0]))
        assert batch.past.n_features == width
        assert np.isfinite(batch.past.x).all()


def test_a_file_keeps_the_encoder(tmp_path: Any, rng: np.random.Generator) -> None:
    panel = make_panel(rng, [20, 15])
    encoder = PanelEncoder("robust", window=5).fit(panel)
    write_record(tmp_path / "file", "encoder", {"encoder": encoder})
    kept = read_record(tmp_path / "file", ["encoder"])[1]["encoder"]
    one, other = (e.encode(panel, 3, calendar=calendar) for e in (encoder, kept))
    for name in ("steps", "known", "static", "values"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_is_refused(rng: np.random.Generator) -> None:
    panel = make_panel(rng, [20, 15])
    encoder = PanelEncoder().fit(panel)
    encoded = encoder.encode(panel, 3)
    with pytest.raises(ValueError, match="has no use for 1 past covariates"):
        WindowSet.over(encoded, window=6, strategy="recursive")
    with pytest.raises(ValueError, match="center must be one of"):
        WindowSet.over(encoded, window=6, center="median")
    with pytest.raises(ValueError, match="min_window must be at least 1 and at most 6"):
        WindowSet.over(encoded, window=6, min_window=7)
    with pytest.raises(ValueError, match="expected 2 ends, one a series"):
        WindowSet.over(encoded, window=6).split([5])
    bare = read_panel([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="calendar features need times"):
        PanelEncoder().fit(bare).encode(bare, 1, calendar=calendar)
    short = PanelEncoder().fit(bare).encode(bare, 1)
    short = PanelEncoder().fit(bare).encode(bare, 1)
    with pytest.raises(ValueError, match="the longest has 3 steps"):
        WindowSet.over(short, window=9, min_window=4)
    huge = read_panel([1e60, 2e60, 3e60])
    with pytest.raises(ValueError, match=r"reach 3.67e\+60 after scaling, too"):
        PanelEncoder().fit(read_panel([0.0, 1.0, 2.0])).encode(huge, 1)
