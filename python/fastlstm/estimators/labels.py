"""What users pass as labels, checked and encoded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._missing import is_pandas_na

from .inputs import raise_not_finite

__all__ = ["encode_labels", "raise_where_missing"]


def raise_where_missing(name: str, labels: NDArray[Any], *axes: str) -> None:
    """Raise for a label that is NaN, inf or None: scikit-learn does not name the place.

    Raises
    ------
    ValueError
        With the place by ``axes``, as "sample 3, step 1".
    """
    if labels.dtype.kind == "f":
        raise_not_finite(name, labels, axes)
    if labels.dtype.kind in "OmM":
        for at, label in enumerate(labels.flat):
            # NaN and NaT differ from themselves.
            if label is None or is_pandas_na(label) or label != label:
                place = _place(at, labels.shape, axes)
                raise ValueError(f"Input {name} contains {label} at {place}.")


def _place(at: int, shape: tuple[int, ...], axes: tuple[str, ...]) -> str:
    indices = np.unravel_index(at, shape)
    return ", ".join(f"{axis} {k}" for axis, k in zip(axes, indices, strict=True))


def encode_labels(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    """Find (N,) ``labels`` in the sorted ``classes``.

    Raises
    ------
    ValueError
        A label that is none of them.
    """
    try:
        codes = np.searchsorted(classes, labels)
    except TypeError:  # objects of another type have no order with these
        codes = np.zeros(len(labels), np.int64)
    codes = np.minimum(codes, len(classes) - 1)
    unknown = np.flatnonzero(classes[codes] != labels)
    if unknown.size:
        raise ValueError(
            f"the label {labels[unknown[0]]!r} was never seen in fit: expected one of "
            f"{classes.tolist()}"
        )
    return np.asarray(codes, np.int64)
