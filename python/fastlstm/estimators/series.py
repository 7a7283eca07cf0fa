"""Series as users pass them, one or several, each an array (T, F)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from ..forecasting.frames import is_frame
from .floats import FLOATS, as_floats, raise_not_finite
from .forms import shape_of
from .frames import check_columns, header_of
from .places import name_place, place_in_array

__all__ = ["check_columns_of", "check_row", "check_series"]

_AXES = ("step", "feature")
_EXPECTED = (
    "expected one series, (steps,) or (steps, features), or a list of such arrays or "
    "frames"
)


def check_series(
    estimator: Any, X: Any, *, reset: bool, name: str = "X"
) -> tuple[list[NDArray[Any]], bool]:
    """Bring one series or a list of them into arrays (T_i, F) of float32 or float64.

    With ``reset`` the estimator is told what it is fitted on (``n_features_in_``,
    ``feature_names_in_``); without, X has to agree with that.

    Returns
    -------
    series : list of (T_i, F) arrays
    is_one : bool
        Whether X was one series and not a list.

    Raises
    ------
    ValueError
        Another rank or number of features, other columns, an empty series or list, NaN
        or inf; the message says where.
    TypeError
        A sparse matrix, elements that are no numbers.
    """
    is_list = isinstance(X, (list, tuple)) or (
        isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    )
    # Lists of numbers, or of lists of such, are one series.
    if not (is_list and len(X) and len(getattr(X[0], "shape", ())) in (1, 2)):
        return [_check_one(estimator, X, name, reset=reset)], True
    if not all(len(shape_of(one)) == 1 for one in X):
        check_columns(X, name)
    names = [f"{name}, series {row}" for row in range(len(X))]
    first = _check_one(estimator, X[0], names[0], reset=reset)
    rest = [
        _check_one(estimator, one, its, reset=False)
        for one, its in zip(X[1:], names[1:], strict=True)
    ]
    return [first, *rest], False


def _check_one(estimator: Any, X: Any, name: str, *, reset: bool) -> NDArray[Any]:
    describe = partial(place_in_array, X, _AXES)
    values = as_floats(X, name, describe, estimator=estimator)
    if values.ndim == 1:
        values = values[:, None]
        if not reset and estimator.n_features_in_ != 1:
            raise ValueError(
                f"{name} has shape {values.shape[:1]}, but {type(estimator).__name__} "
                f"is expecting {estimator.n_features_in_} features as input. Reshape "
                f"your data: expected (steps, {estimator.n_features_in_})"
            )
    if values.ndim != 2:
        raise ValueError(f"{name} has shape {values.shape}: {_EXPECTED}")
    if is_frame(X):
        validate_data(estimator, header_of(X), reset=reset, skip_check_array=True)
        if 0 in values.shape:
            raise ValueError(f"{name} has shape {values.shape}: {_EXPECTED}")
    else:
        values = validate_data(
            estimator, values, reset=reset, dtype=FLOATS, ensure_all_finite=False
        )
    raise_not_finite(name, values, describe)
    return values


def check_row(x_t: Any, features: int, name: str = "x_t") -> NDArray[Any]:
    """Bring the values of one step, (F,) or a number where F is 1, into an array.

    Raises
    ------
    ValueError
        Another shape, NaN or inf.
    """
    values = np.atleast_1d(as_floats(x_t, name, partial(name_place, ("feature",))))
    if values.shape != (features,):
        raise ValueError(f"{name} has shape {values.shape}, expected ({features},)")
    raise_not_finite(name, values, ("feature",))
    return values


def check_columns_of(estimator: Any, columns: Any, name: str) -> NDArray[np.int64]:
    """Find the places of features, given by place or by name; None is all of them.

    Raises
    ------
    ValueError
        None of the features, or one twice; a name where X had none.
    TypeError
        Neither places nor names.
    """
    n = int(estimator.n_features_in_)
    if columns is None:
        return np.arange(n)
    names = list(getattr(estimator, "feature_names_in_", ()))
    is_one = isinstance(columns, (str, int, np.integer))
    wanted: Sequence[Any] = [columns] if is_one else list(columns)
    places = []
    for column in wanted:
        if isinstance(column, str):
            if column not in names:
                raise ValueError(
                    f"{name} has {column!r}, which is none of the columns of X: "
                    f"{names if names else 'it has no names'}"
                )
            places.append(names.index(column))
        elif isinstance(column, (int, np.integer)) and not isinstance(column, bool):
            if not -n <= column < n:
                raise ValueError(f"{name} has {column}, but X has {n} features")
            places.append(int(column) % n)
        else:
            raise TypeError(
                f"{name} must be places or names of features, got {column!r}"
            )
    if not places or len(set(places)) < len(places):
        raise ValueError(f"{name} must name features, each once, got {columns!r}")
    return np.array(places, np.int64)
