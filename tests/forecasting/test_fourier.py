"""Waves of a season beside scikit-learn's least squares, and where in time they lie."""

from __future__ import annotations

from typing import Any

import fastlstm
import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting import FourierSeason
from sklearn.linear_model import LinearRegression

from ..compare import assert_close
from ..estimators.forecasters import forecaster, quiet
from ..tolerances import VALUE

PERIOD = 12.25


def design(steps: np.ndarray, order: int) -> np.ndarray:
    """A trend and waves, (T, 1 + 2 order)."""
    angles = 2 * np.pi * steps[:, None] * np.arange(1, order + 1) / PERIOD
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=2)
    return np.concatenate([steps[:, None], waves.reshape(len(steps), -1)], axis=1)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_least_squares_as_scikit_learn(rng: np.random.Generator, order: int) -> None:
    steps = np.arange(60.0)
    y = rng.normal(size=(60, 2)) + steps[:, None] * [0.3, -2.0]
    y[[3, 4, 59], 0] = np.nan
    season = FourierSeason(PERIOD, order).fit(y)
    assert season.coefficients is not None
    x, ahead = design(steps, order), design(np.arange(60.0, 200.0), order)
    for k in range(2):
        seen = ~np.isnan(y[:, k])
        line = LinearRegression().fit(x[seen], y[seen, k])
        own = season.coefficients[:, k]
        assert_close(own, line.coef_[1:], VALUE["float64"])
        # Level and trend stay where they are.
        waves = ahead[:, 1:] @ line.coef_[1:]
        back = season.inverse_forecast(np.zeros((140, 2)))[:, k]
        assert_close(back, waves, VALUE["float64"])


def test_digits_of_late_steps() -> None:
    season = FourierSeason(12).fit(np.arange(48) % 12)
    late = season.following([5.0], start=12 * 10**12)
    assert late.inverse_forecast([0.0]) == season.following([5.0]).inverse_forecast(
        [0.0]
    )
    before = season.following([5.0], start=-1).inverse_forecast([0.0])
    assert before == pytest.approx(season.inverse_forecast([0.0]), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"period": 1.9}, ValueError, r"period must be .* \[2, inf\), got 1.9"),
        ({"period": "year"}, TypeError, "period must be a real number, got 'year'"),
        ({"period": 5, "order": 3}, ValueError, "most half the period, 5 steps, got 3"),
        ({"period": 5, "order": 0}, ValueError, "order must be at least 1, got 0"),
    ],
)
def test_errors(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FourierSeason(**options)


def year(start: str, n: int) -> pd.Series:
    """Days with a season of 30 of them and little else."""
    days = pd.date_range(start, periods=n)
    place = (days - pd.Timestamp("2024-01-01")).days.to_numpy()
    noise = np.random.default_rng(int(place[0]) + 1000).standard_normal(n)
    return pd.Series(10 * np.sin(2 * np.pi * place / 30) + 0.1 * noise, days)


@quiet
@pytest.mark.parametrize("center", ["auto", "mean", "series"])
def test_a_history_lies_in_the_season_by_its_times(center: str) -> None:
    model = forecaster(
        5, 10, center=center, transforms="fourier_season", season_length=30
    ).fit({"a": year("2024-01-01", 120)})
    assert model.forecast_model_.center == {"auto": "last"}.get(center, center)
    for start in ("2024-05-20", "2023-11-07"):
        whole = year(start, 25)
        forecast = model.predict({"a": whole.iloc[:20]})["a"]
        # Of 20 steps, less than a season, only the waves of the fit can say this.
        assert np.abs(forecast - whole.iloc[20:]).max() < 1.5
    # Another series is told by itself, and has to have a season.
    assert model.predict({"b": year("2024-02-17", 53)})["b"].shape == (5,)
    with pytest.raises(ValueError, match=r"'b': Fourier.* a whole season, got 20"):
        model.predict({"b": year("2024-02-17", 20)})


@quiet
def test_a_saved_one_goes_on(tmp_path: Any) -> None:
    model = forecaster(5, 10, transforms="fourier_season", season_length=30)
    model.fit({"a": year("2024-01-01", 120)}).save(tmp_path / "it")
    loaded = fastlstm.load(tmp_path / "it")
    later = {"a": year("2024-05-20", 25)}
    for after in (False, True):
        np.testing.assert_array_equal(
            loaded.predict(later)["a"], model.predict(later)["a"]
        )
        np.testing.assert_array_equal(loaded.predict()["a"], model.predict()["a"])
        if not after:
            model.update({"a": year("2024-04-30", 7)})
            loaded.update({"a": year("2024-04-30", 7)})
    assert np.abs(model.predict()["a"] - year("2024-05-07", 5)).max() < 1.5
