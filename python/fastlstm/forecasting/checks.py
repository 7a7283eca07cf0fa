"""What every part of forecasting asks of its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from .._validate import as_array, check_float

__all__ = ["Floats", "as_numbers", "as_series", "check_levels", "place"]

Floats: TypeAlias = npt.NDArray[np.float64]


def as_numbers(name: str, value: npt.ArrayLike) -> Floats:
    """Return ``value`` in float64, NaN as it is; refuse what are no real numbers."""
    array = as_array(name, value)
    if array.dtype.kind == "O":  # as frames with missing integers give them
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"{name} must be real numbers, got {value!r}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    return array.astype(np.float64, copy=False)


def as_series(name: str, value: npt.ArrayLike) -> Floats:
    """Return a series (T,) or (T, K) in float64; NaN is missing, inf is refused."""
    array = as_numbers(name, value)
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise ValueError(
            f"{name} must be a series, (T,) or (T, K), with at least one step, got "
            f"shape {array.shape}"
        )
    if np.isinf(array).any():
        raise ValueError(f"{name} is infinite at {place(np.isinf(array))}")
    return array


def place(bad: npt.NDArray[np.bool_]) -> str:
    """Write where the first True stands, as an index."""
    index = np.unravel_index(int(bad.argmax()), bad.shape)
    return "[" + ", ".join(str(int(i)) for i in index) + "]"


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
