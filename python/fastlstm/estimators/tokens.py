"""Tokens as X: integers from 0 to the size of a vocabulary, checked."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from .._validate import as_array
from ..data import SequenceBatch

__all__ = ["check_tokens", "reads_tokens"]


def reads_tokens(estimator: Any, *, reset: bool) -> bool:
    """Tell whether X holds tokens: at a fit as asked for, later as it was fitted."""
    if reset:
        # A scaler has no such argument.
        estimator._vocabulary_size = getattr(estimator, "vocabulary_size", None)
    # An estimator that was stored before there were tokens has no such attribute.
    return getattr(estimator, "_vocabulary_size", None) is not None


def check_tokens(estimator: Any, X: Any, *, reset: bool, name: str) -> SequenceBatch:
    """Bring (N, T) integers, or a list of N arrays (T_i,), into a `SequenceBatch`.

    A list is one of sequences, also where all are as long: there may be shorter ones
    when the model predicts. With ``reset`` the estimator is told ``n_features_in_``, 1.

    Raises
    ------
    ValueError
        Another rank, no sample or an empty one, numbers that are not integers, tokens
        outside the vocabulary; the message names sample and step.
    TypeError
        A sparse matrix.
    """
    size = estimator._vocabulary_size
    is_objects = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    if isinstance(X, (list, tuple)) or is_objects:
        batch = _from_list(X, name, size)
    else:
        batch = _from_array(X, name, size)
    if reset:
        estimator.n_features_in_ = batch.n_features
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
    return batch


def _from_array(X: Any, name: str, size: int) -> SequenceBatch:
    # A frame's nullable integers would become floats; a sparse matrix is told about.
    if not hasattr(X, "__array__"):
        X = check_array(X, dtype=None, ensure_2d=False, allow_nd=True, input_name=name)
    values = as_array(name, X)
    if values.ndim != 2 or not values.size:
        hint = ""
        if values.ndim == 1 and values.size:
            hint = f"; one sequence is {name}[None]"
        elif values.ndim == 3:
            hint = "; for features leave vocabulary_size=None"
        raise ValueError(
            f"{name} has shape {values.shape}: with vocabulary_size={size} expected an "
            "array (samples, steps) of integer tokens, at least one of each, or a list "
            f"of 1-D arrays{hint}"
        )
    return SequenceBatch(_as_tokens(name, values, size, 0))


def _from_list(X: Any, name: str, size: int) -> SequenceBatch:
    if len(X) == 0:
        raise ValueError(f"{name} is empty: expected at least one sequence of tokens")
    sequences = []
    for row, part in enumerate(X):
        try:
            sequence = np.asarray(part)
        except ValueError:  # its parts differ in length
            sequence = np.empty((0, 0))
        if sequence.ndim != 1:
            shape = "of parts that differ" if not sequence.size else sequence.shape
            what = f"is {part!r}" if sequence.ndim == 0 else f"has shape {shape}"
            raise ValueError(
                f"{name}, sample {row} {what}: with vocabulary_size={size} expected a "
                f"1-D array of integer tokens; one sequence is [{name}]"
            )
        if not sequence.size:
            raise ValueError(
                f"{name}, sample {row} is empty: expected at least one token"
            )
        sequences.append(_as_tokens(name, sequence[None], size, row)[0])
    return SequenceBatch.from_sequences(sequences, np.int64)


def _as_tokens(name: str, values: NDArray[Any], size: int, first: int) -> NDArray[Any]:
    """Return (n, T) ``values``, of the samples from ``first`` on, as integers."""
    if values.dtype == object:  # as of a frame's nullable columns
        guess = np.array(values.tolist())
        values = guess if guess.dtype.kind in "iu" else values
    if values.dtype.kind not in "iu":
        good = np.zeros(values.shape, bool)
        if values.dtype.kind == "f":
            good = np.isfinite(values) & (values == np.round(values))
        elif values.dtype == object:
            kinds = [isinstance(value, Integral) for value in values.flat]
            good = np.array(kinds).reshape(values.shape)
        sample, step = np.unravel_index(int(good.argmin()), good.shape)
        hint = "; all are whole numbers: pass them as int" if good.all() else ""
        shown = str(values[sample, step])
        if isinstance(values[sample, step], str):
            shown = repr(shown)
            hint = "; number the words first, with a number for unknown ones"
        raise ValueError(
            f"{name} must hold integer tokens, as vocabulary_size={size} says: got "
            f"{values.dtype}, {shown} at sample "
            f"{first + int(sample)}, step {step}{hint}"
        )
    if values.min() < 0 or values.max() >= size:
        sample, step = np.argwhere((values < 0) | (values >= size))[0]
        raise ValueError(
            f"Input {name} contains token {values[sample, step]} at sample "
            f"{first + sample}, step {step}; vocabulary_size={size} has tokens from 0 "
            f"to {size - 1}"
        )
    return values
