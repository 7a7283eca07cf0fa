from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
from fastlstm.data import load_seattle_weather


def test_file_is_the_one_of_the_notice() -> None:
    folder = resources.files("fastlstm.data")
    digest = hashlib.sha256((folder / "seattle_weather.csv").read_bytes()).hexdigest()
    notice = (folder / "NOTICE").read_text()
    assert digest in notice
    assert "public domain" in notice


def test_series() -> None:
    weather = load_seattle_weather()
    assert len(weather) == 1461
    assert (np.diff(weather.dates) == np.timedelta64(1, "D")).all()
    assert str(weather.dates[-1]) == "2015-12-31"
    for name in ("precipitation", "temp_max", "temp_min", "wind"):
        values = getattr(weather, name)
        assert values.shape == (1461,)
        assert np.isfinite(values).all()
    assert (weather.temp_max >= weather.temp_min).all()
    assert set(weather.weather) == {"drizzle", "fog", "rain", "snow", "sun"}


def test_day_of_year() -> None:
    weather = load_seattle_weather()
    days = dict(zip(weather.dates.astype(str), weather.day_of_year, strict=True))
    assert days["2012-01-01"] == days["2015-01-01"] == 0
    assert days["2012-02-29"] == 59
    assert days["2012-12-31"] == 365  # a leap year
    assert days["2013-12-31"] == 364
