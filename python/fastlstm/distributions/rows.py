"""Random numbers of many rows at once, those of each from a generator of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .special import Floats

__all__ = ["RowGenerators"]


class RowGenerators:
    """Generators of n rows, which know nothing of one another.

    What a row is given depends on its key and on how often was drawn before, not on
    the other rows. A generator is a stretch of one Philox stream, whose key and counter
    need no seeding (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

    Parameters
    ----------
    seed : int
        From 0 to 2^64 - 1.
    keys : sequence of n pairs of int
        Of each row, from 0 to 2^64 - 1.

    Notes
    -----
    Its methods are those of `numpy.random.Generator` by which distributions draw, of
    ``shape`` (S, R, ...): R is n or a multiple, equally many for each row.
    """

    def __init__(self, seed: int, keys: Sequence[tuple[int, int]]) -> None:
        self.seed, self.keys = seed, keys
        self._calls = 0

    def _each(self) -> Iterator[np.random.Generator]:
        """Yield the generator of each row, to be used before the next."""
        stream = np.random.Philox(key=0)
        rng, state = np.random.Generator(stream), stream.state
        inner: Any = state["state"]
        for first, second in self.keys:
            inner["key"][:] = self.seed, first
            # A draw moves the first two words, should it ever need so many.
            inner["counter"][:] = 0, 0, self._calls, second
            stream.state = state
            yield rng
        self._calls += 1

    def _grouped(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], len(self.keys), shape[1] // len(self.keys), *shape[2:])

    def _by(
        self, method: str, parameter: NDArray[Any], shape: tuple[int, ...]
    ) -> Floats:
        """Draw by a method whose parameter has the shape of what is drawn."""
        grouped = np.broadcast_to(parameter, shape).reshape(self._grouped(shape))
        by_row = np.ascontiguousarray(grouped.swapaxes(0, 1))
        drawn = np.empty(by_row.shape)
        for own, values, rng in zip(drawn, by_row, self._each(), strict=True):
            own[...] = getattr(rng, method)(values)
        return drawn.swapaxes(0, 1).reshape(shape)

    def standard_normal(self, shape: tuple[int, ...]) -> Floats:
        """Draw from the normal distribution."""
        draws, *rest = self._grouped(shape)
        drawn = np.empty((rest[0], draws, *rest[1:]))
        for own, rng in zip(drawn, self._each(), strict=True):
            rng.standard_normal(out=own)
        return drawn.swapaxes(0, 1).reshape(shape)

    def standard_t(self, df: NDArray[Any], shape: tuple[int, ...]) -> Floats:
        """Draw from Student's t distribution."""
        return self._by("standard_t", df, shape)

    def standard_gamma(self, alpha: NDArray[Any], shape: tuple[int, ...]) -> Floats:
        """Draw from the gamma distribution."""
        return self._by("standard_gamma", alpha, shape)

    def poisson(self, mean: NDArray[Any]) -> Floats:
        """Draw from the Poisson distribution, of means (S, R, ...)."""
        return self._by("poisson", mean, mean.shape)
