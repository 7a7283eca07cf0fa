"""Static features: one number or category a series, and how a network reads them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..data.statistics import mean_and_deviation
from ..files import storable
from .drafts import Draft
from .frames import is_frame, is_missing
from .numbers import Floats
from .series import Panel

__all__ = ["StaticEncoder", "read_static", "static_row"]

# Categories that an error lists.
_MOST_SHOWN: Final = 8


def static_row(values: Sequence[Any], name: str) -> NDArray[Any]:
    """Return static features of one series: floats, or objects where one is none.

    Raises
    ------
    ValueError
        A missing or infinite one.
    TypeError
        One that is no number, no text and nothing else that may name a category.
    """
    row = np.empty(len(values), object)
    for at, value in enumerate(values):
        value = value.item() if hasattr(value, "item") else value
        if is_missing(value) or value in (np.inf, -np.inf):
            raise ValueError(
                f"static feature {at} of {name} is {value}: expected a finite number "
                "or a category"
            )
        if isinstance(value, (bool, int, float)):
            value = float(value)
        elif not isinstance(value, Hashable) or isinstance(value, tuple):
            raise TypeError(
                f"static feature {at} of {name} must be a number or a category, got "
                f"{value!r}"
            )
        row[at] = value
    numbers = all(isinstance(value, float) for value in row)
    return row.astype(np.float64) if numbers else row


def read_static(
    static: Any, drafts: Sequence[Draft], id_column: Any = None
) -> tuple[Any, ...]:
    """Give each draft its static features, and return their names.

    Parameters
    ----------
    static : frame, array, list or dict
        A row a series in their order; a frame with ``id_column`` or a dict of
        identifiers in any. For one series also a row alone.
    drafts : sequence of Draft
    id_column : str, optional

    Raises
    ------
    ValueError, TypeError
        Another number of rows, a series without one, features that differ in number,
        values that `static_row` refuses.
    """
    names: tuple[Any, ...] | None = None
    rows: list[Any]
    if is_frame(static):
        columns = [c for c in static.columns if c != id_column]
        names = tuple(columns)
        by_column = [list(static[c]) for c in columns]
        rows = [list(row) for row in zip(*by_column, strict=True)]
        if id_column in list(static.columns):
            rows = _by_id(dict(zip(static[id_column], rows, strict=True)), drafts)
    elif isinstance(static, Mapping):
        rows = _by_id(static, drafts)
    else:
        rows = [static] if _is_one(static) else list(static)
        if len(drafts) == 1 and (not rows or _is_one(rows[0])):
            rows = [rows]
    if len(rows) != len(drafts):
        raise ValueError(
            f"static has {len(rows)} rows, expected {len(drafts)}, one a series"
        )
    listed = [[row] if _is_one(row) else list(row) for row in rows]
    for draft, row in zip(drafts, listed, strict=True):
        if len(row) != len(listed[0]):
            raise ValueError(
                f"{draft.name} has {len(row)} static features, but {drafts[0].name} "
                f"has {len(listed[0])}"
            )
        draft.static = static_row(row, draft.name)
    return names if names is not None else tuple(range(len(listed[0])))


def _is_one(value: Any) -> bool:
    """Tell one feature from several."""
    return isinstance(value, (str, bytes)) or not hasattr(value, "__len__")


def _by_id(rows: Mapping[Any, Any], drafts: Sequence[Draft]) -> list[Any]:
    for draft in drafts:
        if draft.id not in rows:
            raise ValueError(f"static has no row for {draft.name}")
    return [rows[draft.id] for draft in drafts]


@storable
class StaticEncoder:
    """Numbers scaled to mean 0 and deviation 1 over the series; categories one-hot.

    A feature is a number where every series has one, else each of its values is a
    category. What are codes and no amounts, pass as text.

    Attributes
    ----------
    categories : list of list or None, or None before ``fit``
        Of each feature the categories in order; None for a number.
    center, scale : (S,) float64 arrays, or None before ``fit``
        0 and 1 for categories.

    Examples
    --------
    >>> from fastlstm.forecasting import StaticEncoder, read_panel
    >>> shops = {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    >>> panel = read_panel(shops, static={"a": ["north", 10], "b": ["south", 30]})
    >>> StaticEncoder().fit(panel).transform(panel)
    array([[ 1.,  0., -1.],
           [ 0.,  1.,  1.]])
    """

    def __init__(self) -> None:
        self.categories: list[list[Any] | None] | None = None
        self.center: Floats | None = None
        self.scale: Floats | None = None

    def fit(self, panel: Panel) -> StaticEncoder:
        """Learn what the features of the series are."""
        table = _table(panel)
        size = table.shape[1]
        center, scale = np.zeros(size), np.ones(size)
        categories: list[list[Any] | None] = []
        for at in range(size):
            values = table[:, at].tolist()
            if all(isinstance(value, float) for value in values):
                column = np.array(values)[:, None]
                (center[at],), (scale[at],) = mean_and_deviation(column, None)
                categories.append(None)
            else:
                categories.append(sorted(set(values), key=lambda v: (str(type(v)), v)))
        self.categories, self.center, self.scale = categories, center, scale
        return self

    def transform(self, panel: Panel) -> Floats:
        """Return (N, D) numbers: one a number, one a category of the others.

        Raises
        ------
        ValueError
            Before ``fit``; a category that no series of the fit had; text in place of a
            number; another number of features.
        """
        if self.categories is None or self.center is None or self.scale is None:
            raise ValueError("this encoder has no categories yet: call fit first")
        table = _table(panel)
        if table.shape[1] != len(self.categories):
            raise ValueError(
                f"series have {table.shape[1]} static features, those of the fit "
                f"{len(self.categories)}"
            )
        blocks = []
        for at, known in enumerate(self.categories):
            name = panel.layout.static[at]
            values = table[:, at].tolist()
            if known is None:
                self._check(values, name, panel, lambda v: isinstance(v, float))
                numbers = np.array(values, np.float64)
                blocks.append(((numbers - self.center[at]) / self.scale[at])[:, None])
                continue
            places = {value: place for place, value in enumerate(known)}
            self._check(values, name, panel, places.__contains__, known)
            block = np.zeros((len(values), len(known)))
            block[np.arange(len(values)), [places[value] for value in values]] = 1.0
            blocks.append(block)
        return np.concatenate([np.empty((len(panel), 0)), *blocks], axis=1)

    @staticmethod
    def _check(
        values: list[Any], name: Any, panel: Panel, fits: Any, known: Any = None
    ) -> None:
        for value, series in zip(values, panel, strict=True):
            if not fits(value):
                expected = "a number"
                if known is not None:
                    more = ", ..." if len(known) > _MOST_SHOWN else ""
                    shown = ", ".join(map(repr, known[:_MOST_SHOWN]))
                    expected = f"one of {shown}{more}, which the fit has seen"
                raise ValueError(
                    f"static feature {name!r} of series {series.id!r} is {value!r}, "
                    f"expected {expected}"
                )


def _table(panel: Panel) -> NDArray[Any]:
    table = np.empty((len(panel), len(panel.layout.static)), object)
    for row, series in zip(table, panel, strict=True):
        row[:] = series.static.tolist()
    return table
