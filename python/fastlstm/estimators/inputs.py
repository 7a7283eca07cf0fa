"""What users pass as X, y and weights, checked and brought into one form."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight, validate_data

from ..data import SequenceBatch
from ..forecasting.frames import is_frame
from .floats import as_floats, raise_not_finite, refuse_masked
from .forms import from_array, from_list, from_table, is_list_of_sequences, shape_of
from .frames import header_of, is_column_of_sequences
from .layouts import layout_of
from .places import place_in_array, place_in_list
from .tokens import check_tokens, reads_tokens

__all__ = [
    "check_sequences",
    "check_targets",
    "check_weights",
    "like_inputs",
    "raise_not_finite",
    "relative",
]


def check_sequences(estimator: Any, X: Any, *, reset: bool, name: str = "X") -> Any:
    """Bring any accepted X into a `SequenceBatch` of float32 or float64.

    With ``reset`` the estimator is told what it is fitted on (``n_features_in_``,
    ``feature_names_in_``); without, X has to agree with that.

    Raises
    ------
    ValueError
        Another rank, number of features or columns, an empty X or sequence, NaN or
        inf; the message names sample, step and feature, and a frame's row and column.
    TypeError
        A sparse matrix, elements that are no numbers.
    """
    if is_column_of_sequences(X):
        X = list(X)
    if reads_tokens(estimator, reset=reset):
        return check_tokens(estimator, X, reset=reset, name=name)
    layout = layout_of(estimator)
    if is_list_of_sequences(X):
        batch = from_list(X, name, layout)
    elif len(shape_of(X)) == 3:
        batch = from_array(estimator, X, name, layout)
    else:
        return from_table(estimator, X, layout, reset=reset, name=name)
    _check_features(estimator, X, batch, reset=reset, name=name)
    return batch


def _check_features(
    estimator: Any, X: Any, batch: SequenceBatch, *, reset: bool, name: str
) -> None:
    """Keep or compare the number of features a step and the columns of frames."""
    who = type(estimator).__name__
    if not reset and estimator._reads_frames:
        if batch.n_features != 1:
            raise ValueError(
                f"{name} has {batch.n_features} features a step, but {who} was fitted "
                f"on an array (samples, {estimator.n_features_in_}) of steps of one "
                "feature"
            )
        return
    is_named = isinstance(X, (list, tuple, np.ndarray)) and is_frame(X[0])
    if is_named or hasattr(estimator, "feature_names_in_"):
        # Keeps or compares names, or forgets or misses them.
        one = header_of(X[0]) if is_named else batch.x[0]
        validate_data(estimator, one, reset=reset, skip_check_array=True)
    if reset:
        estimator.n_features_in_ = batch.n_features
        estimator._reads_frames = False
    elif batch.n_features != estimator.n_features_in_:
        raise ValueError(
            f"{name} has {batch.n_features} features, but {who} is expecting "
            f"{estimator.n_features_in_} features as input."
        )


def check_targets(
    estimator: Any, y: Any, inputs: SequenceBatch, *, per_step: bool, name: str = "y"
) -> NDArray[np.float64]:
    """Check numbers to regress on: (N,), (N, K); ``per_step`` (N, T), (N, T, K).

    Raises
    ------
    ValueError
        None, another rank, another number of sequences or steps, NaN or inf.
    """
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires {name} to be passed, "
            f"but the target {name} is None."
        )
    axes = ("sample", "step", "output") if per_step else ("sample", "output")
    is_list = per_step and _is_list_of_targets(y)
    describe = partial(place_in_list if is_list else place_in_array, y, axes)
    if is_list:
        values = _pad_targets(y, inputs, name)
    else:
        try:
            values = as_floats(y, name, describe).astype(np.float64)
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            raise ValueError(f"{error}; labels are for LSTMClassifier") from error
    expected = ("(samples, steps)", "(samples, steps, outputs)")
    if not per_step:
        expected = ("(samples,)", "(samples, outputs)")
    rank = 2 if per_step else 1
    if values.ndim not in (rank, rank + 1) or values.shape[-1] == 0:
        raise ValueError(
            f"{name} has shape {values.shape}, expected {expected[0]} or {expected[1]}"
        )
    check_consistent_length(inputs.x, values)
    if per_step and values.shape[1] != inputs.n_steps:
        raise ValueError(
            f"{name} has {values.shape[1]} steps and X has {inputs.n_steps}: with "
            "output='sequence' there is one target a step"
        )
    if per_step and inputs.lengths is not None:
        values = values.copy()
        values[~inputs.mask] = 0.0  # what stands in the padding is not looked at
    raise_not_finite(name, values, describe)
    return np.asarray(values)


def _is_list_of_targets(y: Any) -> bool:
    is_list = isinstance(y, (list, tuple))
    is_objects = isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1
    return bool((is_list or is_objects) and len(y) and np.ndim(y[0]) in (1, 2))


def _pad_targets(y: Any, inputs: SequenceBatch, name: str) -> NDArray[np.float64]:
    check_consistent_length(inputs.x, y)
    parts = []
    for row, part in enumerate(y):
        describe = partial(place_in_array, part, ("step", "output"))
        values = as_floats(part, f"{name}, sequence {row}", describe)
        parts.append(values.astype(np.float64))
    shape = parts[0].shape[1:]
    values = np.zeros((len(parts), inputs.n_steps, *shape))
    for row, (part, steps) in enumerate(zip(parts, inputs.row_lengths, strict=True)):
        if part.shape != (steps, *shape):
            raise ValueError(
                f"{name}, sequence {row}: shape {part.shape}, expected "
                f"{(int(steps), *shape)}, one target a step of X"
            )
        values[row, :steps] = part
    return values


def check_weights(
    sample_weight: Any, inputs: SequenceBatch, *, name: str = "sample_weight"
) -> NDArray[np.float64] | None:
    """Check (N,) weights: finite, none negative, not all zero; None stays None."""
    if sample_weight is None:
        return None
    refuse_masked(name, sample_weight)
    try:
        weights: NDArray[np.float64] = _check_sample_weight(
            sample_weight, inputs.x, dtype=np.float64, ensure_non_negative=True
        )
    except ValueError as error:
        if name == "sample_weight":
            raise
        raise ValueError(f"{name}: {error}") from error
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number: all of "
            f"{name} is zero ({len(weights)} samples)."
        )
    return weights


def relative(weights: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Divide weights by the largest: where only ratios matter, no sum overflows."""
    return None if weights is None else weights / weights.max()


def like_inputs(values: NDArray[Any], inputs: SequenceBatch) -> Any:
    """Give (N, T, ...) ``values`` as X came: a list of (T_i, ...) where it was one."""
    if inputs.lengths is None:
        return values
    pairs = zip(values, inputs.lengths, strict=True)
    return [row[:steps] for row, steps in pairs]
