"""The forms that X may have: a list of sequences, an array, a table.

Each is read into a `SequenceBatch`, and refused with words for that form.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from ..data import SequenceBatch
from ..forecasting.frames import is_frame
from .floats import (
    FLOATS,
    as_floats,
    is_plain,
    raise_not_finite,
    raise_not_numbers,
    refuse_masked,
)
from .frames import check_columns, header_of, refuse_times
from .layouts import LAYOUTS, Layout
from .places import place_in_array, place_in_list

__all__ = [
    "from_array",
    "from_list",
    "from_table",
    "is_list_of_sequences",
    "place_in_table",
    "shape_of",
]


def shape_of(X: Any) -> tuple[int, ...]:
    """Return the shape; () where the parts of a list differ in length."""
    shape = getattr(X, "shape", None)
    if shape is not None:
        return tuple(shape)
    try:
        return np.asarray(X).shape
    except ValueError:
        return ()


def is_list_of_sequences(X: Any) -> bool:
    """Find out whether the parts of X are arrays or frames of two dimensions."""
    is_list = isinstance(X, (list, tuple))
    is_objects = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    return bool(
        (is_list or is_objects) and len(X) and len(getattr(X[0], "shape", ())) == 2
    )


def from_list(X: Sequence[Any], name: str, layout: Layout) -> SequenceBatch:
    """Pad a list of arrays or frames, whose columns are features, to the longest."""
    if is_frame(X[0]):
        layout = LAYOUTS["ntf"]
    sequences: Sequence[NDArray[Any]] = X
    if not all(is_plain(sequence) and sequence.ndim == 2 for sequence in X):
        check_columns(X, name)
        sequences = [_read_one(X, row, name, layout) for row in range(len(X))]
    if layout is not LAYOUTS["ntf"]:
        sequences = [layout.turn(sequence) for sequence in sequences]
    try:
        batch = SequenceBatch.from_sequences(sequences)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    # Its padding is zeros, so all of it may be looked at.
    describe = partial(place_in_list, X, layout.axes)
    raise_not_finite(name, layout.turn(batch.x), describe)
    return batch


def _read_one(X: Sequence[Any], row: int, name: str, layout: Layout) -> NDArray[Any]:
    sequence, one = X[row], f"{name}, sequence {row}"
    if len(shape_of(sequence)) != 2:
        raise ValueError(
            f"{one} has shape {shape_of(sequence)}, expected {layout.sequence}"
        )
    describe = partial(place_in_array, sequence, layout.axes[1:])
    return as_floats(sequence, one, describe)


def from_array(estimator: Any, X: Any, name: str, layout: Layout) -> SequenceBatch:
    """View an array of three dimensions as (samples, steps, features)."""
    describe = partial(place_in_array, X, layout.axes)
    values = as_floats(X, name, describe, estimator=estimator)
    if 0 in values.shape:
        raise ValueError(
            f"{name} has shape {values.shape} {layout.array}: expected at least one of "
            "each"
        )
    raise_not_finite(name, values, layout.axes)
    return SequenceBatch(layout.turn(values))


def from_table(
    estimator: Any, X: Any, layout: Layout, *, reset: bool, name: str
) -> SequenceBatch:
    """Read (N, T) as T steps of one feature; scikit-learn's checks know such X."""
    rank = len(shape_of(X))
    if isinstance(X, (list, tuple)) and len(X) and rank == 0:
        words = (word for part in X for word in np.ravel(np.asarray(part, object)))
        word = next((word for word in words if isinstance(word, str)), None)
        if word is not None:
            raise ValueError(
                f"{name} holds words, such as {str(word)!r}: number them, and pass "
                "lists of integer tokens with vocabulary_size"
            )
        raise ValueError(
            f"{name} is a list whose parts differ in length: sequences of different "
            f"lengths are a list of arrays {layout.sequence}; for one feature pass "
            f"[np.asarray(x){layout.deepen_one} for x in {name}]; integer tokens need "
            "vocabulary_size"
        )
    if not reset and not estimator._reads_frames and rank == 2:
        n = estimator.n_features_in_
        one = f"; for one feature a step pass {name}{layout.deepen}" if n == 1 else ""
        raise ValueError(
            f"{name} has shape {shape_of(X)}, but {type(estimator).__name__} was "
            f"fitted on sequences of {n} features: expected an array {layout.array} or "
            f"a list of arrays {layout.sequence}; one sequence is {name}[None]{one}"
        )
    if _is_as_fitted(estimator, X, reset=reset):
        values = X
    else:
        values = _validate_table(estimator, X, rank, layout, reset=reset, name=name)
    raise_not_finite(name, values, partial(place_in_table, X))
    if reset:
        estimator._reads_frames = True
    return SequenceBatch(values[:, :, None])


def _validate_table(
    estimator: Any, X: Any, rank: int, layout: Layout, *, reset: bool, name: str
) -> NDArray[Any]:
    """Ask scikit-learn, and say more where it refuses."""
    expected = (
        f"expected an array {layout.array}, an array or frame (samples, steps) of one "
        f"feature, or a list of arrays {layout.sequence}"
    )
    if rank == 1 and reset and len(X) and not isinstance(next(iter(X)), str):
        raise ValueError(
            f"{name} has shape {shape_of(X)}: {expected}. One series is no set of "
            "samples: fastlstm.data.forecast_windows cuts it into windows; one "
            f"sequence is {name}[None]"
        )
    if rank > 3:
        raise ValueError(f"{name} has shape {shape_of(X)}: {expected}")
    if type(X).__name__ == "LazyFrame":
        raise TypeError(f"{name} is a LazyFrame: pass {name}.collect()")
    refuse_times(X, name)
    refuse_masked(name, X)
    try:
        values: NDArray[Any]
        if is_frame(X):
            validate_data(estimator, header_of(X), reset=reset, skip_check_array=True)
            values = check_array(
                X,
                dtype=FLOATS,
                ensure_all_finite=False,
                estimator=estimator,
                input_name=name,
            )
        else:
            values = validate_data(
                estimator, X, reset=reset, dtype=FLOATS, ensure_all_finite=False
            )
        return values
    except (TypeError, ValueError) as error:
        if rank == 2:
            raise_not_numbers(X, name, partial(place_in_table, X))
        if rank < 2:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{error}\n{name} of an LSTM: {expected}.") from error
        if (
            reset
            or isinstance(error, TypeError)
            or shape_of(X)[1] == estimator.n_features_in_
        ):
            raise
        raise ValueError(
            f"{error} An array (samples, steps) is one feature, and its steps have to "
            f"be those of fit; pass {name}{layout.deepen} for sequences of another "
            "length."
        ) from error


def place_in_table(X: Any, sample: int, step: int) -> str:
    """Say where an element of T steps of one feature stands, and its labels."""
    return place_in_array(X, ("sample", "step", "feature"), sample, step, 0)


def _is_as_fitted(estimator: Any, X: Any, *, reset: bool) -> bool:
    """Tell whether `validate_data` would hand X back without a word."""
    return (
        not reset
        and is_plain(X)
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
    )
