"""Sequences on their way into a model: batches, windows, scalers, sample data.

Plain classes and functions that need NumPy alone.
"""

from .datasets import WeatherSeries, load_seattle_weather
from .pairs import SequencePair
from .ragged import SequenceBatch
from .scaler import SequenceScaler
from .windows import forecast_windows, sliding_windows

__all__ = [
    "SequenceBatch",
    "SequencePair",
    "SequenceScaler",
    "WeatherSeries",
    "forecast_windows",
    "load_seattle_weather",
    "sliding_windows",
]
