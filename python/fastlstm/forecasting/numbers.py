"""Users' numbers as float64 arrays, in which NaN is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._validate import as_array
from .frames import column_of, is_frame, is_series

__all__ = ["Floats", "is_missing", "refuse_infinite", "to_numbers", "to_rows"]

Floats: TypeAlias = NDArray[np.float64]


def is_missing(value: object) -> bool:
    """Tell None, NaN, NaT and pandas' NA from all other values."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA is neither equal to itself nor not
        return True


def to_numbers(data: Any, name: str) -> Floats:
    """Read an array, list, or one series of pandas or polars; missing is NaN.

    Raises
    ------
    TypeError
        Text, times, complex numbers or other objects; the first is shown.
    ValueError
        Parts of different lengths.
    """
    try:
        array = as_array(name, data.to_numpy() if is_series(data) else data)
    except ValueError as error:
        raise ValueError(f"{name} has parts of different lengths: {error}") from None
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    if array.dtype.kind != "O":
        kind = {"M": "times", "m": "times", "U": "text", "S": "text"}
        what = kind.get(array.dtype.kind, str(array.dtype))
        example = f", {array.reshape(-1)[0]!r} first" if array.size else ""
        raise TypeError(f"{name} must hold numbers, got {what}{example}")
    result = np.empty(array.shape)
    for place, value in np.ndenumerate(array):
        if is_missing(value):
            result[place] = np.nan
            continue
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError
            result[place] = float(value)
        except (TypeError, ValueError):
            raise TypeError(
                f"{name} must hold numbers, got {value!r} at row {place[0]}"
            ) from None
    return result


def to_rows(data: Any, name: str, columns: Sequence[Any] | None = None) -> Floats:
    """Read (T,) as (T, 1), (T, K) as it is, a frame's ``columns`` side by side.

    Raises
    ------
    TypeError
        As `to_numbers` does.
    ValueError
        Another rank.
    """
    if is_frame(data):
        names = list(data.columns) if columns is None else columns
        result = np.empty((len(data), len(names)))
        for at, column in enumerate(names):
            what = f"{name}, column {column!r},"
            result[:, at] = to_numbers(column_of(data, column, name), what)
        return result
    values = to_numbers(data, name)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{name} has shape {values.shape}, expected (steps,) or (steps, variables)"
        )
    return values.reshape(len(values), -1) if values.size else values.reshape(-1, 1)


def refuse_infinite(
    values: Floats, name: str, columns: Sequence[Any], rows: NDArray[np.int64]
) -> None:
    """Raise ValueError for inf, with its column and the user's number of its row."""
    bad = np.isinf(values)
    if bad.any():
        row, column = divmod(int(bad.argmax()), values.shape[1])
        raise ValueError(
            f"{name} holds {values[row, column]} at row {rows[row]}, column "
            f"{columns[column]!r}: expected finite numbers, or NaN where one is missing"
        )
