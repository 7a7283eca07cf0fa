"""Gradients: a flat array with the names of some parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ._layout import Layout, ParameterSpec
from ._validate import Array


class Gradients(Mapping[str, Array]):
    """Gradients with the names of some :class:`Parameters`; the views are writable.

    Attributes
    ----------
    specs : tuple of ParameterSpec
        As the parameters'.
    flat : ndarray of shape (size,)
        What layers add into.
    """

    def __init__(self, layout: Layout, flat: Array) -> None:
        self.layout = layout
        self.flat = flat
        self._parts: dict[str, Gradients] = {}
        # Made at first use: a training step needs the flat array only.
        self._named: dict[str, Array] | None = None

    @property
    def specs(self) -> tuple[ParameterSpec, ...]:
        """Names and shapes."""
        return self.layout.specs

    @property
    def _views(self) -> dict[str, Array]:
        if self._named is None:
            self._named = self.layout.views(self.flat)
        return self._named

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self.specs)

    def __repr__(self) -> str:
        return f"Gradients({self.layout}, {self.flat.dtype})"

    def part(self, name: str) -> Gradients:
        """Return the range of the part that was joined under ``name``."""
        if not self._parts:
            self._parts = {
                key: Gradients(self.layout.parts[key], self.flat[at])
                for key, at in self.layout.part_ranges()
            }
        return self._parts[name]

    def zero(self) -> None:
        """Set every gradient to zero."""
        self.flat.fill(0)

    def __getstate__(self) -> tuple[Layout, Array]:
        return self.layout, self.flat

    def __setstate__(self, state: tuple[Layout, Array]) -> None:
        # Without this a copy's views would be arrays of their own.
        self.__init__(*state)  # type: ignore[misc]
