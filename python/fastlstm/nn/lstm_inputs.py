"""What an LSTM is given, checked: the sizes of its layers, its sequences, its pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._validate import check_int


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


def why_not_sequences(shape: tuple[int, ...], features: int) -> str:
    """Return the message for an x whose shape is wrong."""
    expected = f"x must have shape (samples, steps, {features})"
    if len(shape) == 3 and shape[2] == features:
        return f"{expected} with at least one of each, got an empty array, {shape}"
    hint = "; one sequence is x[None]" if shape[1:] == (features,) else ""
    return f"{expected}, got {shape}{hint}"
