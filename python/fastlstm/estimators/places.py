"""Where an element of the user's data stands, in words: for error messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..forecasting.frames import is_frame

__all__ = ["name_place", "place_in_array", "place_in_list"]


def name_place(axes: Sequence[str], place: Sequence[int]) -> str:
    """Say where an element stands, by the names of its dimensions (first of all)."""
    return ", ".join(f"{axis} {at}" for axis, at in zip(axes, place, strict=False))


def place_in_array(data: Any, axes: Sequence[str], row: int, *rest: int) -> str:
    """Say where an element of an array, series or frame stands, and its labels."""
    return name_place(axes, (row, *rest)) + _labels(data, row, *rest[:1])


def place_in_list(
    parts: Sequence[Any], axes: Sequence[str], sample: int, *place: int
) -> str:
    """Say where an element of a list of arrays, series or frames stands."""
    words = name_place(axes, (sample, *place))
    return words + _labels(parts[sample], *place[:2])


def _labels(data: Any, row: int, column: int = 0) -> str:
    """Say what a row of a frame or series, and a frame's column, are called.

    Returns
    -------
    str
        In parentheses after a space; empty where ``data`` has no names.
    """
    has_labels = hasattr(type(data), "iloc")  # of pandas: polars numbers its rows
    if not is_frame(data) and not has_labels:
        return ""
    label = data.index[row] if has_labels else row
    label = label.item() if hasattr(label, "item") else label
    words = f"row {label!r}"
    if is_frame(data):
        words += f", column {data.columns[column]!r}"
    return f" ({words})"
