"""Data frames as scikit-learn and the estimators need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sklearn
from sklearn.utils.fixes import parse_version

from ..forecasting.frames import is_frame, is_pandas

__all__ = [
    "check_columns",
    "header_of",
    "is_column_of_sequences",
    "refuse_times",
]

# Before, scikit-learn asks the interchange protocol, which polars 2 has no more.
_KNOWS_POLARS: Final = parse_version(sklearn.__version__) >= parse_version("1.9")


def is_column_of_sequences(X: Any) -> bool:
    """Tell a frame's column, each of whose cells is a sequence."""
    is_column = hasattr(type(X), "to_numpy") and not is_frame(X)
    if not is_column or not len(X):
        return False
    first = next(iter(X))
    return hasattr(first, "__len__") and not isinstance(first, (str, bytes))


class _Header:
    """What the interchange protocol tells of a frame's columns."""

    def __init__(self, frame: Any) -> None:
        self.shape = frame.shape
        self._names = list(frame.columns)

    def __dataframe__(self) -> _Header:
        return self

    def column_names(self) -> list[Any]:
        return self._names


def header_of(frame: Any) -> Any:
    """Return what scikit-learn reads a frame's column names from: mostly the frame."""
    if _KNOWS_POLARS or is_pandas(frame) or hasattr(frame, "__dataframe__"):
        return frame
    return _Header(frame)


def check_columns(sequences: Sequence[Any], name: str) -> None:
    """Raise ValueError where not all sequences of a list have the same columns."""
    columns = [list(s.columns) if is_frame(s) else None for s in sequences]
    for row, these in enumerate(columns):
        if these != columns[0]:
            words = ["no columns" if c is None else c for c in (these, columns[0])]
            raise ValueError(
                f"{name}, sequence {row} has {words[0]}, but sequence 0 has "
                f"{words[1]}: expected frames with the same columns in the same order, "
                "or arrays"
            )


def refuse_times(data: Any, name: str) -> None:
    """Raise ValueError for dates and times, which NumPy reads as counts of ticks."""
    if is_frame(data):
        dtypes = [
            (f"column {c!r}", t) for c, t in zip(data.columns, data.dtypes, strict=True)
        ]
    else:
        dtypes = [("it", getattr(data, "dtype", None))]
    for what, dtype in dtypes:
        is_polars_time = getattr(dtype, "is_temporal", None)
        if getattr(dtype, "kind", "") in ("m", "M") or (
            is_polars_time is not None and is_polars_time()
        ):
            raise ValueError(
                f"{name} must hold numbers: {what} has dtype {dtype}; leave times away "
                "(the index of pandas is not read), or pass what of them matters as "
                "numbers, as the hour of the day"
            )
