"""What an LSTM is given, checked: the sizes of its layers, its sequences, its pairs."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import (
    Array,
    FloatDtype,
    IntArray,
    as_dtype,
    as_rows,
    check_int,
    check_lengths,
    check_size,
    check_steps_finite,
)


class InputCheck:
    """The check of the sequences of a call.

    Parameters
    ----------
    features : int
        I.
    step_size : int
        Numbers that a call may have to keep of a step.
    dtype : numpy.dtype
        The layer's.
    """

    def __init__(self, features: int, step_size: int, dtype: FloatDtype) -> None:
        self.features = features
        self.dtype = dtype
        self._step_size = step_size
        self._most_steps = sys.maxsize // (dtype.itemsize * step_size)

    def __call__(
        self, x: npt.ArrayLike, lengths: npt.ArrayLike | None
    ) -> tuple[Array, IntArray | None]:
        """Return x (N, T, I) and lengths (N,) as kernels read them, or raise."""
        x = as_dtype("x", x, self.dtype)
        shape = x.shape
        if len(shape) != 3 or shape[2] != self.features or not x.size:
            raise ValueError(_why_not_sequences(shape, self.features))
        n, t, _ = shape
        if n * t > self._most_steps:
            check_size("the workspace", n * t * self._step_size, self.dtype)
        valid = None if lengths is None else check_lengths(lengths, n, t)
        flags = x.flags
        if flags.c_contiguous and flags.aligned:
            # The cheapest pass there is; also of padding, so it only says all is well.
            finite = math.isfinite(_core.squared_norm(x.ravel()))
        else:
            # Such an array may repeat its memory and claim more steps than any could
            # hold: ask for the call's memory before a look at every one of them.
            np.empty((n * t, self._step_size), self.dtype)
            x = as_rows(x)
            finite = False
        if not finite:
            check_steps_finite("x", x, valid)
        return x, valid


def layer_sizes(hidden_size: int | Sequence[int], num_layers: int) -> tuple[int, ...]:
    """Return the hidden size of every layer."""
    layers = check_int("num_layers", num_layers, 1)
    if isinstance(hidden_size, (list, tuple, range)):
        sizes = tuple(check_int("hidden_size", size, 1) for size in hidden_size)
        if not sizes or layers not in (1, len(sizes)):
            raise ValueError(
                "hidden_size must have one size a layer: got "
                f"{list(sizes)} with num_layers={layers}"
            )
        return sizes
    return (check_int("hidden_size", hidden_size, 1),) * layers


def check_projection(projection_size: int, hidden_sizes: Sequence[int]) -> int:
    """Return ``projection_size``, 0 or below every hidden size."""
    size = check_int("projection_size", projection_size, 0)
    if size >= min(hidden_sizes):
        raise ValueError(
            "projection_size must be below every hidden size, "
            f"{list(hidden_sizes)}, got {size}"
        )
    return size


def split_pair(name: str, value: Any) -> tuple[Any, Any]:
    """Return (h, c) of a state."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name} must be a pair (h, c), got {type(value).__name__}")
    return value[0], value[1]


def _why_not_sequences(shape: tuple[int, ...], features: int) -> str:
    """Return the message for an x whose shape is wrong."""
    expected = f"x must have shape (samples, steps, {features})"
    if len(shape) == 3 and shape[2] == features:
        return f"{expected} with at least one of each, got an empty array, {shape}"
    hint = "; one sequence is x[None]" if shape[1:] == (features,) else ""
    return f"{expected}, got {shape}{hint}"
