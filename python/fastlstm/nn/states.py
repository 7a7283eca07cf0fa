"""How the states of all layers of an LSTM lie in one flat buffer for the core.

Blocks (N, size_l) follow one another: layer 0, layer 0 reverse, layer 1, ... With
equal sizes that is exactly an array (L D, N, size), with unequal ones a list of
(D, N, size_l).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._validate import Array, FloatDtype, all_finite, as_floats, check_finite


class StateLayout:
    """Shapes of one kind of state (h or c): ``sizes`` has one size a layer."""

    def __init__(
        self, sizes: Sequence[int], directions: int, stacked: bool, dtype: FloatDtype
    ) -> None:
        self.sizes = tuple(sizes)
        self.directions = directions
        self.stacked = stacked
        self.dtype = dtype
        self.row_size = directions * sum(sizes)
        self._count = directions * len(self.sizes)

    def new(self, samples: int) -> tuple[Any, Array]:
        """Return states to fill, in their public form and as the core's flat buffer."""
        if self.stacked:
            states = np.empty((self._count, samples, self.sizes[0]), self.dtype)
            return states, states.ravel()  # a view, and half the price of reshape
        flat = np.empty(samples * self.row_size, self.dtype)
        blocks, begin = [], 0
        for size in self.sizes:
            end = begin + self.directions * samples * size
            blocks.append(flat[begin:end].reshape(self.directions, samples, size))
            begin = end
        return blocks, flat

    def top(self, flat: Array, samples: int) -> Array:
        """Return the top layer's states of a flat buffer, (N, D size)."""
        count, width = self.directions, self.sizes[-1]
        blocks = flat[-count * samples * width :]
        if count == 1:
            return blocks.reshape(samples, width)
        # (D, N, size) to (N, D, size): forward and reverse of a sample side by side.
        order = blocks.reshape(count, samples, width).transpose(1, 0, 2)
        return order.reshape(samples, -1)

    def only_top(self, top: Array) -> Array:
        """Return the flat buffer with that `top`, and zeros in all other layers."""
        samples = len(top)
        if self.row_size == self.sizes[-1]:
            return top.reshape(-1)
        flat = np.zeros(samples * self.row_size, self.dtype)
        count, width = self.directions, self.sizes[-1]
        blocks = flat[-count * samples * width :].reshape(count, samples, width)
        blocks[...] = top.reshape(samples, count, width).transpose(1, 0, 2)
        return flat

    def pack(self, name: str, value: Any, samples: int) -> Array:
        """Return a flat buffer from the public form, checked."""
        if self.stacked:
            shape = (self._count, samples, self.sizes[0])
            return self._checked(name, value, shape).reshape(-1)
        if not isinstance(value, (list, tuple)) or len(value) != len(self.sizes):
            got = type(value).__name__
            if isinstance(value, (list, tuple)):
                got += f" of {len(value)}"
            raise ValueError(
                f"{name} must be a list of {len(self.sizes)} arrays, one a layer (the "
                f"hidden sizes differ), got {got}"
            )
        blocks = [
            self._checked(f"{name}[{k}]", block, (self.directions, samples, size))
            for k, (block, size) in enumerate(zip(value, self.sizes, strict=True))
        ]
        return np.concatenate([block.reshape(-1) for block in blocks])

    def _checked(self, name: str, value: Any, shape: tuple[int, int, int]) -> Array:
        array = as_floats(name, value, self.dtype)
        if array.shape != shape:
            raise ValueError(
                f"{name} must have shape {shape} (layers x directions, samples, "
                f"units), got {array.shape}"
            )
        if not all_finite(array):
            check_finite(
                name, array, lambda at: f"block {at[0]}, sample {at[1]}, unit {at[2]}"
            )
        return array
