"""Tables of scores: read by label, printed aligned, or as a frame of pandas."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..numbers import Floats

__all__ = ["ScoreTable"]

_DIGITS = 4


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores, a row for each forecaster, and for each series or step where asked for.

    Attributes
    ----------
    names : tuple of str
        What the labels of a row are, "forecaster" the last one.
    rows : tuple of tuples
        The labels of each row.
    columns : tuple of str
        The scores.
    values : (rows, columns) array
        NaN where there is no such score.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import ScoreTable
    >>> table = ScoreTable(
    ...     ("forecaster",), (("LSTM",), ("naive",)), ("MAE", "MASE"),
    ...     np.array([[10.5, 0.9], [12.25, np.nan]]))
    >>> table["naive", "MAE"]
    12.25
    >>> table
    forecaster    MAE   MASE
    LSTM        10.50  0.900
    naive       12.25      -
    """

    names: tuple[str, ...]
    rows: tuple[tuple[Hashable, ...], ...]
    columns: tuple[str, ...]
    values: Floats

    def __getitem__(self, labels: tuple[Hashable, ...]) -> float:
        """Return one score, by the labels of its row and its column.

        Raises
        ------
        KeyError
            No such row or column.
        """
        *row, column = labels
        if tuple(row) not in self.rows or column not in self.columns:
            raise KeyError(
                f"no score {labels!r}: rows are as {self.rows[0]!r}, of "
                f"{len(self.rows)}, columns {self.columns!r}"
            )
        at = self.rows.index(tuple(row)), self.columns.index(str(column))
        return float(self.values[at])

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame`, labels of rows in its index.

        Raises
        ------
        ImportError
            Without pandas.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas, which is not installed: pip install pandas"
            ) from error
        if len(self.names) == 1:
            labels = [row[0] for row in self.rows]
            index = pandas.Index(labels, name=self.names[0])
        else:
            index = pandas.MultiIndex.from_tuples(self.rows, names=self.names)
        return pandas.DataFrame(self.values, index=index, columns=list(self.columns))

    def __repr__(self) -> str:
        labels = [*zip(*([str(v) for v in row] for row in self.rows), strict=True)]
        parts = [
            _align([name, *column], left=True)
            for name, column in zip(self.names, labels, strict=True)
        ]
        for name, column in zip(self.columns, self.values.T, strict=True):
            parts.append(_align([name, *_numbers(column)], left=False))
        return "\n".join("  ".join(line).rstrip() for line in zip(*parts, strict=True))


def _align(cells: list[str], *, left: bool) -> list[str]:
    width = max(map(len, cells))
    return [cell.ljust(width) if left else cell.rjust(width) for cell in cells]


def _numbers(values: Floats) -> list[str]:
    """Write numbers with as many decimals as the largest needs for four digits."""
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    decimals = 3
    if largest > 0.0:
        decimals = _DIGITS - 1 - int(np.floor(np.log10(largest)))
    if decimals > 2 * _DIGITS:  # too small to be read with its zeros
        return ["-" if np.isnan(v) else f"{v:.{_DIGITS - 1}e}" for v in values]
    decimals = max(0, min(decimals, 3)) if largest >= 0.1 else decimals
    return ["-" if np.isnan(v) else f"{v:.{decimals}f}" for v in values]
