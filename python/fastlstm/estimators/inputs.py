"""What users pass as X, y and weights, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_sample_weight, validate_data

from .._validate import all_finite
from ..data import SequenceBatch
from .tokens import check_tokens, reads_tokens

__all__ = [
    "check_sequences",
    "check_targets",
    "check_weights",
    "like_inputs",
    "raise_not_finite",
]

_FLOATS = [np.dtype(np.float64), np.dtype(np.float32)]
_EXPECTED = (
    "expected an array (samples, steps, features), an array or frame (samples, steps) "
    "of one feature, or a list of arrays (steps, features)"
)


def check_sequences(estimator: Any, X: Any, *, reset: bool, name: str = "X") -> Any:
    """Bring any accepted X into a `SequenceBatch` of float32 or float64.

    With ``reset`` the estimator is told what it is fitted on (``n_features_in_``,
    ``feature_names_in_``); without, X has to agree with that.

    Raises
    ------
    ValueError
        Another rank or number of features, an empty X or sequence, NaN or inf; the
        message names sample, step and feature.
    TypeError
        A sparse matrix.
    """
    if reads_tokens(estimator, reset=reset):
        return check_tokens(estimator, X, reset=reset, name=name)
    if _is_list_of_sequences(X):
        batch = _from_list(X, name)
    elif getattr(X, "ndim", None) == 3 or (
        isinstance(X, (list, tuple)) and _rank_of_list(X) == 3
    ):
        batch = SequenceBatch(_check(X, name, estimator))
        if 0 in batch.x.shape:
            raise ValueError(
                f"{name} has shape {batch.x.shape} (samples, steps, features): "
                "expected at least one of each"
            )
    else:
        return _from_frame(estimator, X, reset=reset, name=name)
    _raise_where_not_finite(name, batch)
    if reset:
        estimator.n_features_in_ = batch.n_features
        estimator._reads_frames = False
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
    else:
        expected = 1 if estimator._reads_frames else estimator.n_features_in_
        if batch.n_features != expected and estimator._reads_frames:
            raise ValueError(
                f"{name} has {batch.n_features} features a step, but "
                f"{type(estimator).__name__} was fitted on an array (samples, "
                f"{estimator.n_features_in_}) of steps of one feature"
            )
        if batch.n_features != expected:
            raise ValueError(
                f"{name} has {batch.n_features} features, but "
                f"{type(estimator).__name__} is expecting {expected} features as input."
            )
    return batch


def _rank_of_list(X: Sequence[Any]) -> int:
    try:
        return np.ndim(X)
    except ValueError:  # its parts differ in length
        return 0


def _is_list_of_sequences(X: Any) -> bool:
    """Find out whether the parts of X are arrays (steps, features)."""
    is_list = isinstance(X, (list, tuple))
    is_objects = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    return bool((is_list or is_objects) and len(X) and getattr(X[0], "ndim", 0) == 2)


def _from_list(X: Sequence[Any], name: str) -> SequenceBatch:
    sequences = []
    for row, sequence in enumerate(X):
        try:
            sequences.append(_check(sequence, name, None))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}, sequence {row}: {error}") from error
    try:
        return SequenceBatch.from_sequences(sequences)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _is_plain(X: Any) -> bool:
    """Tell whether scikit-learn's check would hand X back as it is.

    It takes several times as long over that as a short sequence takes to predict.
    """
    return type(X) is np.ndarray and X.dtype in _FLOATS


def _check(X: Any, name: str, estimator: Any) -> NDArray[Any]:
    if _is_plain(X):
        plain: NDArray[Any] = X
        return plain
    result: NDArray[Any] = check_array(
        X,
        dtype=_FLOATS,
        ensure_all_finite=False,
        ensure_2d=False,
        allow_nd=True,
        ensure_min_samples=0,
        ensure_min_features=0,
        estimator=estimator,
        input_name=name,
    )
    return result


def _from_frame(estimator: Any, X: Any, *, reset: bool, name: str) -> SequenceBatch:
    """Read (N, T) as T steps of one feature; scikit-learn's checks know such X."""
    if isinstance(X, (list, tuple)) and len(X) and _rank_of_list(X) == 0:
        raise ValueError(
            f"{name} is a list whose parts differ in length: sequences of different "
            "lengths are a list of arrays (steps, features); for one feature pass "
            f"[np.asarray(x)[:, None] for x in {name}]; integer tokens need "
            "vocabulary_size"
        )
    if not reset and not estimator._reads_frames and np.ndim(X) == 2:
        n = estimator.n_features_in_
        one = f"; for one feature a step pass {name}[:, :, None]" if n == 1 else ""
        raise ValueError(
            f"{name} has shape {np.shape(X)}, but {type(estimator).__name__} was "
            f"fitted on sequences of {n} features: expected an array (samples, steps, "
            f"{n}) or a list of arrays (steps, {n}); one sequence is {name}[None]{one}"
        )
    if getattr(X, "ndim", 0) > 3:
        raise ValueError(f"{name} has shape {X.shape}: {_EXPECTED}")
    try:
        if _is_as_fitted(estimator, X, reset=reset):
            values = X
        else:
            values = validate_data(
                estimator, X, reset=reset, dtype=_FLOATS, ensure_all_finite=False
            )
    except ValueError as error:
        shape = np.shape(X)
        if len(shape) < 2:
            raise ValueError(f"{error}\n{name} of an LSTM: {_EXPECTED}.") from error
        if "could not convert" in str(error):
            raise ValueError(f"{name} must hold numbers: {error}") from error
        if reset or len(shape) != 2 or shape[1] == estimator.n_features_in_:
            raise
        raise ValueError(
            f"{error} An array (samples, steps) is one feature, and its steps have to "
            f"be those of fit; pass {name}[:, :, None] for sequences of another length."
        ) from error
    batch = SequenceBatch(values[:, :, None])
    _raise_where_not_finite(name, batch)
    if reset:
        estimator._reads_frames = True
    return batch


def _is_as_fitted(estimator: Any, X: Any, *, reset: bool) -> bool:
    """Tell whether `validate_data` would hand X back without a word."""
    return (
        not reset
        and _is_plain(X)
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
    )


def _raise_where_not_finite(name: str, batch: SequenceBatch) -> None:
    # The padding of a batch made here is zeros, so all of it may be looked at.
    raise_not_finite(name, batch.x, ("sample", "step", "feature"))


def raise_not_finite(name: str, values: NDArray[Any], axes: Sequence[str]) -> None:
    """Raise ValueError for NaN or inf, naming the place by ``axes``."""
    if all_finite(values):
        return
    bad = ~np.isfinite(values)
    place = np.unravel_index(int(bad.argmax()), bad.shape)
    value = "NaN" if np.isnan(values[place]) else str(values[place])
    where = ", ".join(f"{axis} {at}" for axis, at in zip(axes, place, strict=True))
    raise ValueError(
        f"Input {name} contains {value} at {where}; expected finite numbers."
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
    if per_step and _is_list_of_targets(y):
        values = _pad_targets(y, inputs, name)
    else:
        try:
            values = _check(y, name, None)
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            raise ValueError(
                f"{name} must hold numbers to regress on: {error}; labels are for "
                "LSTMClassifier"
            ) from error
        values = values.astype(np.float64)
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
    axes = ("sample", "step", "output") if per_step else ("sample", "output")
    raise_not_finite(name, values, axes[: values.ndim])
    return np.asarray(values)


def _is_list_of_targets(y: Any) -> bool:
    is_list = isinstance(y, (list, tuple))
    is_objects = isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1
    return bool((is_list or is_objects) and len(y) and np.ndim(y[0]) in (1, 2))


def _pad_targets(y: Any, inputs: SequenceBatch, name: str) -> NDArray[np.float64]:
    check_consistent_length(inputs.x, y)
    parts = [np.asarray(part, np.float64) for part in y]
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


def like_inputs(values: NDArray[Any], inputs: SequenceBatch) -> Any:
    """Give (N, T, ...) ``values`` as X came: a list of (T_i, ...) where it was one."""
    if inputs.lengths is None:
        return values
    pairs = zip(values, inputs.lengths, strict=True)
    return [row[:steps] for row, steps in pairs]
