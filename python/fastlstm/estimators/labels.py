"""What users pass as labels, one a sequence or one a step: checked and encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import check_classification_targets

from .._validate import as_array
from ..data import SequenceBatch
from ..forecasting.frames import is_missing
from .floats import raise_not_finite

__all__ = [
    "check_step_labels",
    "encode_labels",
    "raise_where_missing",
    "raise_where_mixed",
    "read_labels",
]


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
            if is_missing(label):
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
            f"the label {_plain(labels[unknown[0]])!r} was never seen in fit: expected "
            f"one of {classes.tolist()}"
        )
    return np.asarray(codes, np.int64)


def _plain(label: Any) -> Any:
    """Return a NumPy scalar as Python's own; dates stay what they are."""
    is_scalar = isinstance(label, np.generic) and label.dtype.kind not in "mM"
    return label.item() if is_scalar else label


def check_step_labels(
    estimator: Any, y: Any, inputs: SequenceBatch, *, name: str
) -> NDArray[Any]:
    """Bring labels, one for each step, into an (N, T) array.

    ``y`` is an array or frame (N, T), whose padded steps are not looked at, or a list
    of N sequences of T_i labels. Padded steps of the result repeat its first label.

    Raises
    ------
    ValueError
        None, one label a sequence, several a step, another number of sequences or
        steps, a label that is missing, strings beside anything else, numbers that are
        no classes.
    """
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires {name} to be passed, "
            f"but the target {name} is None."
        )
    if isinstance(y, (list, tuple)) or np.ndim(y) == 1:
        parts = [
            read_labels(part, f"{name}, sequence {row}") for row, part in enumerate(y)
        ]
        labels = _from_list(estimator, parts, inputs, name)
    else:
        labels = _from_array(estimator, _read_table(y, name), inputs, name)
    raise_where_missing(name, labels, "sample", "step")
    raise_where_mixed(name, labels, "sample", "step")
    check_classification_targets(labels[inputs.mask])
    return labels


def _read_table(y: Any, name: str) -> NDArray[Any]:
    """Make an array of one, or of a frame, whose columns may be nullable integers."""
    labels = as_array(name, y)
    if labels.dtype == object and labels.ndim == 2:
        flat = read_labels(labels.ravel(), name)
        return flat.reshape(labels.shape) if flat.size == labels.size else labels
    return labels


def _from_array(
    estimator: Any, labels: NDArray[Any], inputs: SequenceBatch, name: str
) -> NDArray[Any]:
    expected = inputs.x.shape[:2]
    if labels.ndim == 0:
        raise _one_a_sequence(estimator, name)
    if labels.ndim > 2:
        raise _several_a_step(estimator, f"{name} has shape {labels.shape}")
    check_consistent_length(inputs.x, labels)
    if labels.shape != expected:
        raise ValueError(
            f"{name} has shape {labels.shape}, expected {expected}: one label for each "
            "step of X"
        )
    if inputs.lengths is not None:
        labels = labels.copy()
        labels[~inputs.mask] = labels[0, 0]
    return labels


def _from_list(
    estimator: Any, parts: Sequence[NDArray[Any]], inputs: SequenceBatch, name: str
) -> NDArray[Any]:
    if any(part.ndim == 0 for part in parts):
        raise _one_a_sequence(estimator, name)
    check_consistent_length(inputs.x, parts)
    for row, (part, steps) in enumerate(zip(parts, inputs.row_lengths, strict=True)):
        if part.ndim > 1:
            raise _several_a_step(estimator, f"{name}, sequence {row}")
        if len(part) != steps:
            raise ValueError(
                f"{name}, sequence {row}: {len(part)} labels, but X has {steps} steps "
                "there; expected one label a step"
            )
    if len({part.dtype.kind in _TEXT for part in parts}) > 1:
        # NumPy would make strings of the others.
        parts = [part.astype(object) for part in parts]
    flat = np.concatenate(parts)
    labels = np.empty(inputs.x.shape[:2], flat.dtype)
    labels[inputs.mask] = flat
    labels[~inputs.mask] = flat[0]
    return labels


_TEXT = "UST"
_SEVERAL = (list, tuple, set, frozenset, np.ndarray)


def read_labels(part: Any, name: str) -> NDArray[Any]:
    """Make an array of the labels of a sequence; of several a step, one of rank 2.

    Integers and booleans of pandas' nullable columns, and as objects, stay what they
    are; None and NaN beside strings do not become strings.
    """
    dtype = getattr(getattr(part, "dtype", None), "numpy_dtype", None)
    if dtype is not None and dtype.kind in "iub" and not part.isna().any():
        return np.asarray(part.to_numpy(dtype))
    try:
        labels = as_array(name, part)
    except ValueError:  # lists that differ in length
        return np.empty((len(part), 0))
    is_list = labels.ndim == 1 and not hasattr(part, "dtype")
    if is_list and labels.dtype.kind in _TEXT and not all(map(_is_text, part)):
        # NumPy has made strings of what stands beside one, of None and NaN too.
        labels = np.array(part, dtype=object)
    if labels.dtype.kind == "T":  # NumPy's own strings of any length
        return labels.astype(str)
    if labels.dtype != object:
        return labels
    if any(isinstance(label, _SEVERAL) for label in labels.flat):
        return np.empty((len(labels), 0))
    kinds = {type(label) for label in labels.flat}
    if kinds and all(issubclass(kind, (int, np.integer, np.bool_)) for kind in kinds):
        return np.array(labels.tolist())
    return labels


def _is_text(label: Any) -> bool:
    return isinstance(label, (str, bytes))


def raise_where_mixed(name: str, labels: NDArray[Any], *axes: str) -> None:
    """Name the first label that is a string where others are not, or not one."""
    if labels.dtype != object:
        return
    first = labels.flat[0]
    for at, label in enumerate(labels.flat):
        if _is_text(label) != _is_text(first):
            place = _place(at, labels.shape, axes)
            raise ValueError(
                f"{name} mixes strings with other labels: {label!r} at {place}, beside "
                f"{first!r}"
            )


def _one_a_sequence(estimator: Any, name: str) -> ValueError:
    return ValueError(
        f"{name} holds one label a sequence, but {type(estimator).__name__} expects "
        "one a step: an array (samples, steps) or a list of label sequences; for one "
        "label a sequence there is LSTMClassifier"
    )


def _several_a_step(estimator: Any, where: str) -> ValueError:
    return ValueError(
        f"{where}: several labels a step, but {type(estimator).__name__} expects one: "
        "an array (samples, steps) or a list of label sequences"
    )
