"""Sample data that comes with the package; its source is in ``data/NOTICE``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["WeatherSeries", "load_seattle_weather"]


@dataclass(frozen=True)
class WeatherSeries:
    """Daily weather of one place, T days without a gap, oldest first.

    Attributes
    ----------
    dates : (T,) datetime64[D]
    precipitation : (T,) float64, millimetres
    temp_max, temp_min : (T,) float64, degrees Celsius
    wind : (T,) float64, metres a second
    weather : (T,) str
        One of drizzle, fog, rain, snow, sun.
    """

    dates: NDArray[np.datetime64]
    precipitation: NDArray[np.float64]
    temp_max: NDArray[np.float64]
    temp_min: NDArray[np.float64]
    wind: NDArray[np.float64]
    weather: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def day_of_year(self) -> NDArray[np.int64]:
        """(T,) day of the year, 0 on 1 January; 29 February is day 59."""
        january = self.dates.astype("datetime64[Y]").astype("datetime64[D]")
        days: NDArray[np.int64] = (self.dates - january).astype(np.int64)
        return days


def load_seattle_weather() -> WeatherSeries:
    """Weather in Seattle on the 1461 days from 2012-01-01 to 2015-12-31.

    Public domain (NOAA); the file ``data/NOTICE`` of the package has the details.

    Examples
    --------
    >>> from fastlstm.data import load_seattle_weather
    >>> weather = load_seattle_weather()
    >>> len(weather), str(weather.dates[0]), float(weather.temp_max[0])
    (1461, '2012-01-01', 12.8)
    """
    source = resources.files(__package__) / "seattle_weather.csv"
    with source.open("r", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))

    def column(name: str) -> NDArray[Any]:
        return np.array([row[name] for row in rows])

    dates = np.array([row["date"].replace("/", "-") for row in rows], "datetime64[D]")
    return WeatherSeries(
        dates=dates,
        precipitation=column("precipitation").astype(np.float64),
        temp_max=column("temp_max").astype(np.float64),
        temp_min=column("temp_min").astype(np.float64),
        wind=column("wind").astype(np.float64),
        weather=column("weather"),
    )
