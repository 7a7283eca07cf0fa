"""Users' numbers as float64 arrays, in which NaN is missing."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .._validate import as_array, check_float
from .frames import column_of, is_frame, is_missing, is_series
from .steps import show_time

__all__ = [
    "Floats",
    "as_numbers",
    "as_rows",
    "as_series",
    "check_levels",
    "level_places",
    "looks_like_times",
    "place",
    "refuse_infinite",
]

Floats: TypeAlias = NDArray[np.float64]

# 2024-01-31, 2024/1/31, 31.1.2024, also with a time behind; 2024-01.
_DATE: Final = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b|\d{4}-\d{2}$")
_SAME_LEVEL: Final = 1e-9


def as_numbers(name: str, value: Any) -> Floats:
    """Read an array, list, or one series of pandas or polars; missing is NaN.

    An array of float64 is returned as it is, not copied.

    Raises
    ------
    TypeError
        Text, times, complex numbers or other objects; the first is shown. A sparse
        matrix.
    ValueError
        Parts of different lengths.
    """
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise TypeError(
            f"{name} must hold all numbers, got a sparse matrix: use its method toarray"
        )
    try:
        array = as_array(name, value.to_numpy() if is_series(value) else value)
    except ValueError as error:
        raise ValueError(f"{name} has parts of different lengths: {error}") from None
    if array.dtype.kind in "biuf":
        return array.astype(np.float64, copy=False)
    if array.dtype.kind != "O":
        kind = {"M": "times", "m": "times", "U": "text", "S": "text"}
        what = kind.get(array.dtype.kind, str(array.dtype))
        example = f", {_show(array.reshape(-1)[0])} first" if array.size else ""
        raise TypeError(f"{name} must hold numbers, got {what}{example}")
    result = np.empty(array.shape)
    for at, element in np.ndenumerate(array):
        if is_missing(element):
            result[at] = np.nan
            continue
        try:
            if isinstance(element, (str, bytes)):
                raise TypeError
            result[at] = float(element)
        except (TypeError, ValueError):
            row = f" at row {at[0]}" if at else ""
            raise TypeError(
                f"{name} must hold numbers, got {_show(element)}{row}"
            ) from None
    return result


def _show(value: Any) -> str:
    """Write a time as a date, all else as Python does."""
    return show_time(value) if isinstance(value, np.datetime64) else repr(value)


def looks_like_times(column: Any) -> bool:
    """Tell whether the first value of a column is a date, or text that looks so."""
    first = next((v for v in np.asarray(column.to_numpy()) if not is_missing(v)), None)
    if isinstance(first, str):
        return _DATE.match(first.strip()) is not None
    is_period = type(first).__name__ == "Period"
    return is_period or isinstance(first, (np.datetime64, datetime.date))


def as_rows(name: str, data: Any, columns: Sequence[Any] | None = None) -> Floats:
    """Copy (T,) as (T, 1), (T, K) as it is, a frame's ``columns`` side by side.

    Raises
    ------
    TypeError
        As `as_numbers` does.
    ValueError
        Another rank.
    """
    if is_frame(data):
        names = list(data.columns) if columns is None else columns
        result = np.empty((len(data), len(names)))
        for at, column in enumerate(names):
            what = f"{name}, column {column!r},"
            part = column_of(data, column, name)
            try:
                result[:, at] = as_numbers(what, part)
            except TypeError as error:
                if not looks_like_times(part):
                    raise
                raise TypeError(
                    f"{error}: if these are the times, time_column={column!r}"
                ) from None
        return result
    values = np.array(as_numbers(name, data))
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{name} has shape {values.shape}, expected (steps,) or (steps, variables)"
        )
    return values.reshape(len(values), -1) if values.size else values.reshape(-1, 1)


def as_series(name: str, value: Any) -> Floats:
    """Return a series (T,) or (T, K) in float64; NaN is missing, inf is refused.

    Raises
    ------
    TypeError
        As `as_numbers` does.
    ValueError
        Another rank, no step, inf.
    """
    array = as_numbers(name, value)
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise ValueError(
            f"{name} must be a series, (T,) or (T, K), with at least one step, got "
            f"shape {array.shape}"
        )
    if np.isinf(array).any():
        raise ValueError(f"{name} is infinite at {place(np.isinf(array))}")
    return array


def place(bad: NDArray[np.bool_]) -> str:
    """Write where the first True stands, as an index."""
    index = np.unravel_index(int(bad.argmax()), bad.shape)
    return "[" + ", ".join(str(int(i)) for i in index) + "]"


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


def check_levels(
    name: str, levels: float | Sequence[float] | Floats
) -> tuple[Floats, bool]:
    """Return levels (Q,), which increase inside (0, 1), and whether there was one."""
    single = np.ndim(levels) == 0
    if np.ndim(levels) > 1 or (not single and len(cast(Sequence[float], levels)) == 0):
        raise ValueError(f"{name} must be a number or a list of numbers, got {levels}")
    given = [levels] if single else list(cast(Sequence[float], levels))
    values = [check_float(name, value, "(0, 1)") for value in given]
    if any(b <= a for a, b in pairwise(values)):
        raise ValueError(f"{name} must increase, got {values}")
    return np.array(values), single


def level_places(levels: Sequence[float], known: Sequence[float]) -> list[int]:
    """Return the place of each level among those ``known``; -1 of those that are not.

    0.1 is 1 - 0.9 as well, though they differ in their last bits.
    """
    apart = np.abs(np.subtract.outer(np.asarray(levels), np.asarray(known)))
    places = np.where(apart.min(axis=1) < _SAME_LEVEL, apart.argmin(axis=1), -1)
    result: list[int] = places.tolist()
    return result
