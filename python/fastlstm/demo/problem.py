"""The series, the two horizons, and which days are for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..data import WeatherSeries, forecast_windows, load_seattle_weather

__all__ = ["TASKS", "TEST_DAYS", "VALIDATION_DAYS", "Floats", "Series", "Task"]

Floats: TypeAlias = NDArray[np.float64]

TEST_DAYS = VALIDATION_DAYS = 365


@dataclass(frozen=True)
class Task:
    """How one horizon is posed to ridge and LSTM."""

    horizon: int
    window: int  # days of the past that a forecast sees
    change: bool  # the target is the change since the last day seen, not the level

    @property
    def name(self) -> str:
        """The horizon in words."""
        return f"{self.horizon} day{'s' * (self.horizon > 1)} ahead"


TASKS = (Task(1, window=28, change=True), Task(7, window=56, change=False))


@dataclass(frozen=True)
class Series:
    """The series with its two held-out years, as the methods see it."""

    weather: WeatherSeries
    inputs: Floats
    target: Floats
    test_start: int

    @classmethod
    def load(cls) -> Series:
        """Read the shipped data; inputs are temperature and season of each day."""
        weather = load_seattle_weather()
        angle = 2 * np.pi * weather.day_of_year / 365.25
        inputs = np.column_stack([weather.temp_max, np.sin(angle), np.cos(angle)])
        return cls(weather, inputs, weather.temp_max, len(weather) - TEST_DAYS)

    @property
    def validation_start(self) -> int:
        """The first day of the validation year."""
        return self.test_start - VALIDATION_DAYS

    def windows(self, task: Task, begin: int, end: int) -> tuple[Floats, Floats]:
        """Windows of inputs, and their targets on the days ``begin`` to ``end``."""
        past, future, origins = forecast_windows(
            self.inputs, self.target, width=task.window, horizons=[task.horizon]
        )
        days = origins + task.horizon
        kept = (begin <= days) & (days < end)
        target = future[kept, 0]
        return past[kept], target - self.last(task, past[kept])

    def last(self, task: Task, past: Floats) -> Floats:
        """Give what targets are counted from: the last day's temperature, or zero."""
        return past[:, -1, 0] * task.change
