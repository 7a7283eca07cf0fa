from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.data import forecast_windows, sliding_windows
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.data())
def test_every_window(extra: int, features: int, stride: int, data: Any) -> None:
    width = data.draw(st.integers(1, 5))
    series = np.arange((width + extra) * features).reshape(-1, features)
    windows = sliding_windows(series, width, stride=stride)
    assert len(windows) == extra // stride + 1
    for n, window in enumerate(windows):
        np.testing.assert_array_equal(window, series[n * stride : n * stride + width])


def test_windows_are_read_only_views() -> None:
    series = np.arange(10.0)
    windows = sliding_windows(series, 4)
    assert np.shares_memory(windows, series)
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0, 0] = 1.0


@pytest.mark.parametrize("horizons", [(1,), (7,), (1, 3, 7)])
def test_forecasts_see_the_past_only(horizons: tuple[int, ...]) -> None:
    days = np.arange(40)
    windows, values, origins = forecast_windows(days, days, width=5, horizons=horizons)
    assert len(windows) == len(values) == len(origins) == 40 - 5 - max(horizons) + 1
    np.testing.assert_array_equal(windows[:, -1, 0], origins)
    np.testing.assert_array_equal(values, origins[:, None] + np.array(horizons))
    assert values.max() == 39  # nothing at the end is wasted


def test_several_targets() -> None:
    targets = np.arange(24).reshape(12, 2)
    _, values, origins = forecast_windows(np.zeros(12), targets, width=3, horizons=[2])
    np.testing.assert_array_equal(values[:, 0], targets[origins + 2])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones((2, 2, 2)), 1), ValueError, r"shape \(2, 2, 2\), expected \(T,\)"),
        ((np.ones(5), 6), ValueError, "width must be at least 1 and at most 5, got 6"),
        ((np.ones(5), 0), ValueError, "width must be at least 1 .* got 0"),
        ((np.ones(5), 2.0), TypeError, "width must be an integer, got 2.0"),
    ],
)
def test_bad_windows(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sliding_windows(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 3, "horizons": []}, "horizons is empty"),
        ({"width": 3, "horizons": [0]}, "horizons must be at least 1, got 0"),
        ({"width": 9, "horizons": [2]}, "10 steps is too short for width = 9"),
    ],
)
def test_bad_forecasts(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forecast_windows(np.ones(10), np.ones(10), **options)
    with pytest.raises(ValueError, match="inputs have 10 steps and targets 9"):
        forecast_windows(np.ones(10), np.ones(9), width=3)
