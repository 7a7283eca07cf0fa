"""Users' numbers as float32 or float64 arrays; errors that say where it went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from .._validate import all_finite, as_array
from ..forecasting.frames import is_frame, is_missing
from .frames import refuse_times
from .places import name_place

__all__ = [
    "FLOATS",
    "as_floats",
    "is_plain",
    "raise_not_finite",
    "raise_not_numbers",
    "refuse_masked",
]

FLOATS: Final = [np.dtype(np.float64), np.dtype(np.float32)]


def is_plain(X: Any) -> bool:
    """Tell whether scikit-learn's check would hand X back as it is.

    It takes several times as long over that as a short sequence takes to predict.
    """
    return type(X) is np.ndarray and X.dtype in FLOATS


def as_floats(
    X: Any, name: str, describe: Callable[..., str], *, estimator: Any = None
) -> NDArray[Any]:
    """Read an array, frame, series or nested list of any rank, also NaN and inf.

    Parameters
    ----------
    describe : callable
        Turns an index, one argument a dimension, into words.

    Raises
    ------
    ValueError, TypeError
        What holds no numbers; the message shows it and where it stands.
    """
    if is_plain(X):
        plain: NDArray[Any] = X
        return plain
    refuse_times(X, name)
    refuse_masked(name, X)
    # A list may hold thousands of frames: this takes a tenth of scikit-learn's time.
    if is_frame(X) and is_plain(X.to_numpy()):
        plain = X.to_numpy()
        return plain
    try:
        result: NDArray[Any] = check_array(
            X,
            dtype=FLOATS,
            ensure_all_finite=False,
            ensure_2d=False,
            allow_nd=True,
            ensure_min_samples=0,
            ensure_min_features=0,
            estimator=estimator,
            input_name=name,
        )
    except (TypeError, ValueError):
        raise_not_numbers(X, name, describe)
        raise
    return result


def refuse_masked(name: str, X: Any) -> None:
    """Raise TypeError for a masked array: nothing here reads masks."""
    if isinstance(X, np.ndarray):
        as_array(name, X)


def raise_not_numbers(X: Any, name: str, describe: Callable[..., str]) -> None:
    """Raise ValueError or TypeError for the first element that is no number, if any."""
    try:
        elements = np.asarray(X, dtype=object)
    except ValueError:  # parts of different shapes
        return
    if elements.ndim == 0:  # nothing that NumPy can look into
        return
    for index, element in np.ndenumerate(elements):
        if isinstance(element, complex):
            raise ValueError(
                f"{name} must hold numbers: Complex data not supported, got {element} "
                f"at {describe(*index)}"
            )
        try:
            float(element)
        except (TypeError, ValueError) as error:
            if is_missing(element):
                raise ValueError(
                    f"Input {name} contains {element} at {describe(*index)}; expected "
                    "finite numbers."
                ) from None
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"{name} must hold numbers: {error}, at {describe(*index)}"
            ) from None


def raise_not_finite(
    name: str, values: NDArray[Any], where: Sequence[str] | Callable[..., str]
) -> None:
    """Raise ValueError for NaN or inf.

    Parameters
    ----------
    where : sequence of str or callable
        The dimensions' names, or what turns an index, one argument a dimension, into
        words.
    """
    if all_finite(values):
        return
    bad = ~np.isfinite(values)
    place = tuple(int(at) for at in np.unravel_index(int(bad.argmax()), bad.shape))
    value = "NaN" if np.isnan(values[place]) else str(values[place])
    words = where(*place) if callable(where) else name_place(where, place)
    raise ValueError(
        f"Input {name} contains {value} at {words}; expected finite numbers."
    )
