"""Data frames and series of pandas and polars, without importing either."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import storable
from .dtypes import describe_dtype, import_library, make_dtype
from .steps import Times

__all__ = [
    "FrameBuilder",
    "column_of",
    "index_times",
    "is_frame",
    "is_missing",
    "is_pandas",
    "is_series",
    "read_times",
]


def is_frame(data: Any) -> bool:
    """Tell a data frame by what its class has."""
    # Asked of the class: a polars LazyFrame warns when asked for its columns.
    cls = type(data)
    return hasattr(cls, "columns") and hasattr(cls, "to_numpy")


def is_series(data: Any) -> bool:
    """Tell a pandas or polars series by what its class has."""
    cls = type(data)
    return hasattr(cls, "to_frame") and hasattr(cls, "to_numpy") and not is_frame(data)


def is_pandas(data: Any) -> bool:
    """Tell what has an index."""
    return hasattr(type(data), "iloc")


def is_missing(value: object) -> bool:
    """Tell None, NaN, NaT and pandas' NA from all other values."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA is neither equal to itself nor not
        return True


def column_of(frame: Any, column: Any, name: str) -> Any:
    """Return one column; ValueError shows those that there are."""
    columns = list(frame.columns)
    if columns.count(column) != 1:
        what = "no column" if column not in columns else "several columns"
        raise ValueError(f"{name} has {what} {column!r}: its columns are {columns}")
    return frame[column]


def index_times(data: Any, name: str) -> Times | None:
    """Return the times or integers in the index of pandas; None for polars.

    Raises
    ------
    ValueError, TypeError
        An index of several levels or of other things, or what `read_times` refuses.
    """
    if not is_pandas(data):
        return None
    index = data.index
    if getattr(index, "nlevels", 1) > 1:
        raise ValueError(
            f"{name} has an index of {index.nlevels} levels: pass {name}.reset_index() "
            "with id_column and time_column"
        )
    return read_times(index, f"the index of {name}")


def read_times(data: Any, name: str) -> Times:
    """Read times: datetimes without a time zone, dates, periods, or integers.

    Parameters
    ----------
    data : series or index of pandas, or series of polars

    Returns
    -------
    (T,) datetime64 or int64 array
        Of a period its beginning.

    Raises
    ------
    TypeError
        Text, floats, or other things.
    ValueError
        A time zone, or a missing time.
    """
    dtype = data.dtype
    zone = getattr(dtype, "tz", None) or getattr(dtype, "time_zone", None)
    if zone is not None:
        why = "in which days may have 23 or 25 hours"
        if str(zone) == "UTC":
            why = "and forecasts would come without it"
        raise ValueError(
            f"{name} has the time zone {zone}, {why}: drop it, with tz_convert(None) "
            "to UTC or tz_localize(None) to local time"
        )
    periods = getattr(data, "dt", data)
    times = data
    if type(dtype).__name__ == "PeriodDtype":
        times = periods.to_timestamp()
    array: NDArray[Any] = np.asarray(times.to_numpy())
    if array.dtype.kind == "O" and len(array) and hasattr(array[0], "isoformat"):
        array = array.astype("M8[us]")  # datetime.date, datetime.datetime
    if array.dtype.kind == "M":
        missing = np.isnat(array)
        if missing.any():
            raise ValueError(f"{name} has no time at row {int(missing.argmax())}")
        return array
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    text = array.dtype.kind == "O" and len(array) and isinstance(array[0], str)
    remedy = "; convert it, as by pandas.to_datetime" if text else ""
    raise TypeError(
        f"{name} must hold datetimes, periods or integers, got {dtype}"
        f"{' of text' if text else ''}{remedy}"
    )


@storable
@dataclass(frozen=True)
class FrameBuilder:
    """Builds frames and series of the kind that the user has handed over.

    Parameters
    ----------
    library : {"pandas", "polars"}
    time_column : str, optional
        Where times go; without, they are the index of pandas, and lost for polars.
    id_column : str, optional
    dtypes : dict
        Of these two columns, as `describe_dtype` writes them.
    index_name : hashable
        Of the index of pandas.
    freq : str, optional
        Of its times.
    is_period : bool, default=False
        Whether these are periods.
    """

    library: str
    time_column: Any = None
    id_column: Any = None
    dtypes: dict[Any, Any] = field(default_factory=dict)
    index_name: Any = None
    freq: str | None = None
    is_period: bool = False

    @classmethod
    def of(
        cls, example: Any, time_column: Any = None, id_column: Any = None
    ) -> FrameBuilder:
        """Look at a frame or series."""
        frame = example.to_frame() if is_series(example) else example
        dtypes = {
            column: describe_dtype(frame[column].dtype)
            for column in (time_column, id_column)
            if column is not None
        }
        if not is_pandas(frame):
            return cls("polars", time_column, id_column, dtypes)
        index = frame.index
        return cls(
            "pandas",
            time_column,
            id_column,
            dtypes,
            index_name=index.name,
            freq=getattr(index, "freqstr", None),
            is_period=type(index.dtype).__name__ == "PeriodDtype",
        )

    def build(
        self,
        columns: Mapping[Any, NDArray[Any]],
        *,
        ids: NDArray[Any] | None = None,
        samples: NDArray[Any] | None = None,
        times: Times | None = None,
    ) -> Any:
        """Make a frame: identifiers, sample numbers, times and columns, each of R rows.

        Where the times of pandas are an index, sample numbers are its outer level.
        """
        if samples is not None and "sample" in (
            *columns,
            self.time_column,
            self.id_column,
        ):
            raise ValueError(
                "a column of yours has the name 'sample', which paths are told by: "
                "expected another one"
            )
        library = import_library(self.library)
        is_polars = self.library == "polars"
        data: dict[Any, Any] = {}
        if ids is not None:
            data[self.id_column] = ids
        indexed = not is_polars and self.time_column is None and ids is None
        if samples is not None and not indexed:
            data["sample"] = samples
        if self.time_column is not None:
            data[self.time_column] = times
        data.update(columns)
        dtypes = {
            column: make_dtype(library, text)
            for column, text in self.dtypes.items()
            if column in data
        }
        if is_polars:
            return library.DataFrame(data).cast(dtypes)
        # Not by the constructor's `columns`, which would sort or cast labels.
        result = library.DataFrame(data)
        for column, dtype in dtypes.items():
            if result[column].dtype != dtype:
                result[column] = self._as(result[column], dtype)
        if indexed and times is not None:
            result.index = self._index_of(library, times)
            if samples is not None:
                index = self._index_of(library, times)
                result["sample"] = samples
                result = result.set_index("sample", append=True).swaplevel()
                result.index.names = ["sample", index.name]
        return result

    def build_series(self, values: NDArray[Any], name: Any, times: Times | None) -> Any:
        """Make a series."""
        frame = self.build({name: values}, times=times)
        return frame[name]

    def _index_of(self, pandas: Any, times: Times) -> Any:
        """Return an index that goes on like the user's."""
        made = pandas.DataFrame({"time": times}).set_index("time").index
        if self.is_period:
            made = made.to_period(self.freq)
        made.name = self.index_name
        if self.freq is not None and made.dtype.kind == "M":
            # Several samples repeat times, and those of business months are none of
            # ours: then without.
            with contextlib.suppress(ValueError):
                made.freq = self.freq
        return made

    @staticmethod
    def _as(column: Any, dtype: Any) -> Any:
        if type(dtype).__name__ == "PeriodDtype":
            return column.dt.to_period(dtype.freq)
        # Dates that are objects, say, come back as datetimes.
        return column if dtype == np.dtype(object) else column.astype(dtype)
