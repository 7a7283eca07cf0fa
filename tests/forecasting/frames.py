"""Frames that tests are made of: of pandas and polars, with times of several kinds."""

from __future__ import annotations

import datetime
from typing import Any

import pandas as pd
import polars as pl
import pytest
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal


def dates(n: int, first: int = 0) -> list[datetime.date]:
    start = datetime.date(2024, 2, 26)
    return [start + datetime.timedelta(days=first + at) for at in range(n)]


FRAMES: dict[str, Any] = {
    "pandas": lambda columns: pd.DataFrame(columns).assign(
        day=lambda frame: pd.to_datetime(frame.day)
    ),
    "pandas periods": lambda columns: pd.DataFrame(columns).assign(
        day=lambda frame: pd.to_datetime(frame.day).dt.to_period("D")
    ),
    "polars dates": pl.DataFrame,
    "polars datetimes": lambda columns: pl.DataFrame(columns).cast(
        {"day": pl.Datetime("ms")}
    ),
}
frames = pytest.mark.parametrize("kind", FRAMES)


def same(result: Any, expected: Any) -> None:
    check = assert_frame_equal if isinstance(expected, pd.DataFrame) else None
    (check or assert_polars_equal)(result, expected)
