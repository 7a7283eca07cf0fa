"""Centres and scales of series: beside plain loops, and for series that are new."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from fastlstm.files import read_record, write_record
from fastlstm.forecasting import Panel, PanelEncoder, SeriesScaler, read_panel

from ..compare import assert_close
from ..tolerances import VALUE


def series(rng: np.random.Generator, n: int, k: int = 2) -> np.ndarray:
    y = 100.0 + 5.0 * rng.standard_normal((n, k)).cumsum(axis=0)
    y[rng.random((n, k)) < 0.2] = np.nan
    y[0] = 90.0
    return y


def make(rng: np.random.Generator) -> Panel:
    return read_panel({"a": series(rng, 40), "b": series(rng, 7), "c": series(rng, 23)})


def by_hand(
    values: list[float], method: str, window: int | None
) -> tuple[float, float]:
    seen = [v for v in values if v == v]
    if method == "standard":
        center, scale = np.mean(seen), np.std(seen)
    elif method == "mean":
        center, scale = 0.0, 1.0 + sum(seen) / len(seen)
    else:
        center = np.median(seen)
        scale = np.percentile(seen, 75) - np.percentile(seen, 25)
    if window is not None:
        apart = [
            values[t] - values[s]
            for t in range(len(values))
            for s in range(max(0, t - window + 1), t)
            if values[t] == values[t] and values[s] == values[s]
        ]
        if method == "standard":
            scale = np.sqrt(np.mean(np.square(apart)))
        else:
            scale = np.percentile(apart, 75) - np.percentile(apart, 25)
    return float(center), float(scale)


@pytest.mark.parametrize(
    ("method", "window"),
    [
        *itertools.product(["standard", "robust"], [None, 6, 30]),
        ("mean", None),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_statistics(
    rng: np.random.Generator, method: str, window: int | None, cut: bool
) -> None:
    panel = make(rng)
    ends = np.array([25, 7, 9]) if cut else panel.lengths
    scaler = SeriesScaler(method, window=window).fit(panel, ends if cut else None)
    expected = np.array(
        [
            [by_hand(s.y[:end, k].tolist(), method, window) for k in range(2)]
            for s, end in zip(panel, ends, strict=True)
        ]
    )
    center, scale = scaler.statistics(panel)
    assert_close(center, expected[..., 0], VALUE["float64"])
    assert_close(scale, expected[..., 1], VALUE["float64"])


def test_many_distances_are_sampled() -> None:
    # A straight line: a distance of l steps in time is one of 3 l.
    scaler = SeriesScaler(window=101).fit(read_panel(3.0 * np.arange(500.0)))
    lags = np.unique(np.linspace(1, 100, 32).astype(int))
    weights = 500 - lags
    expected = np.sqrt(np.average((3.0 * lags) ** 2, weights=weights))
    assert scaler.scale is not None
    assert scaler.scale[0, 0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", ["standard", "robust"])
@pytest.mark.parametrize("window", [None, 4])
def test_constant_series_keep_their_scale(method: str, window: int | None) -> None:
    panel = read_panel([np.full(9, 0.1), np.array([7.0]), np.array([1e6, np.nan, 1e6])])
    scaler = SeriesScaler(method, window=window).fit(panel)
    assert scaler.scale is not None
    np.testing.assert_array_equal(scaler.scale, np.ones((3, 1)))


@pytest.mark.parametrize("window", [None, 12])
def test_quartiles_that_coincide(rng: np.random.Generator, window: int | None) -> None:
    """Of a series that is mostly 0 the scale goes with its unit, too."""
    y = np.where(rng.random(400) < 0.15, rng.uniform(1.0, 2.0, 400), 0.0)
    units = [1e-6, 1.0, 1e6]
    panel = read_panel([unit * y for unit in units])
    both = [SeriesScaler(m, window=window).fit(panel) for m in ("robust", "standard")]
    assert both[0].scale is not None
    assert both[1].scale is not None
    expected = both[0].scale[1] * np.array(units)[:, None]
    assert_close(both[0].scale, expected, VALUE["float64"])
    assert_close(both[0].scale, both[1].scale, VALUE["float64"])
    assert both[0].scale[1, 0] < 0.9


def test_new_series_have_their_own_statistics(rng: np.random.Generator) -> None:
    panel = make(rng)
    scaler = SeriesScaler().fit(panel)
    later = {"c": np.zeros((3, 2)), "new": series(rng, 9)}
    center, scale = scaler.statistics(read_panel(later))
    assert scaler.center is not None
    assert scaler.scale is not None
    np.testing.assert_array_equal(center[0], scaler.center[2])
    np.testing.assert_array_equal(scale[0], scaler.scale[2])
    own = SeriesScaler().fit(read_panel(later["new"]))
    assert own.center is not None
    np.testing.assert_array_equal(center[1], own.center[0])


def test_series_without_names_are_known_by_place(rng: np.random.Generator) -> None:
    fitted = [series(rng, 9), series(rng, 12)]
    scaler = SeriesScaler().fit(read_panel(fitted))
    as_many = scaler.statistics(read_panel([np.zeros((4, 2)), np.ones((4, 2))]))
    np.testing.assert_array_equal(as_many[0], scaler.center)
    other = scaler.statistics(read_panel([np.ones((4, 2))]))
    np.testing.assert_array_equal(other[0], np.ones((1, 2)))
    # Names that look like places are none.
    named = scaler.statistics(read_panel({0: np.ones((4, 2)), 1: np.ones((4, 2))}))
    np.testing.assert_array_equal(named[0], np.ones((2, 2)))


def test_what_is_refused() -> None:
    panel = read_panel({"a": [np.nan, 1.0, 2.0]})
    with pytest.raises(
        ValueError, match="series 'a' has no observed value of 0 to scale"
    ):
        SeriesScaler().fit(panel, [1])
    with pytest.raises(ValueError, match="call fit first"):
        SeriesScaler().statistics(panel)
    with pytest.raises(ValueError, match="have 2 variables, those of the fit 1"):
        SeriesScaler().fit(panel).statistics(read_panel(np.ones((3, 2))))
    with pytest.raises(
        ValueError, match=r"of 0 of series 'a' overflows .* reach 1e\+300"
    ):
        SeriesScaler().fit(read_panel({"a": [1e300, -1e300]}))
    with pytest.raises(ValueError, match="method must be one of"):
        SeriesScaler("minmax")
    with pytest.raises(ValueError, match="window must be at least 1"):
        SeriesScaler(window=0)


def test_counts_are_not_shifted() -> None:
    panel = read_panel({"a": [0.0, np.nan, 0.0], "b": [5.0, 10.0, 12.0]})
    scaler = SeriesScaler("mean").fit(panel, [3, 2])
    center, scale = scaler.statistics(panel)
    np.testing.assert_array_equal(center, np.zeros((2, 1)))
    np.testing.assert_array_equal(scale, [[1.0], [8.5]])
    below = read_panel({"c": np.array([[1.0, 3.0], [np.nan, -2.0]])})
    for use in (SeriesScaler("mean").fit, PanelEncoder("mean").fit):
        with pytest.raises(
            ValueError,
            match="series 'c' has -2 at step 1, variable 1: method='mean', which "
            "loss='negative_binomial' and",
        ):
            use(below)
    with pytest.raises(ValueError, match="window=5 is of methods that subtract a cen"):
        PanelEncoder("mean", window=5)


def test_a_file_keeps_it(tmp_path: Any, rng: np.random.Generator) -> None:
    panel = make(rng)
    scaler = SeriesScaler("robust", window=5).fit(panel)
    write_record(tmp_path / "file", "scaler", {"scaler": scaler})
    kept = read_record(tmp_path / "file", ["scaler"])[1]["scaler"]
    fresh = read_panel({"b": series(rng, 5), "z": series(rng, 30)})
    for one, other in zip(
        kept.statistics(fresh), scaler.statistics(fresh), strict=True
    ):
        np.testing.assert_array_equal(one, other)
