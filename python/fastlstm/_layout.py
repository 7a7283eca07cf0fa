"""How named arrays, and the parts of a model, lie in one flat buffer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ._validate import Array


@dataclass(frozen=True)
class ParameterSpec:
    """Name and shape of one parameter, and what applies to it.

    ``decay``: weight decay. ``statistic``: a running statistic, which training's
    forward writes and no optimizer moves: its gradient is zero, and it has no decay.
    """

    name: str
    shape: tuple[int, ...]
    decay: bool = True
    statistic: bool = False

    def __post_init__(self) -> None:
        if self.statistic and self.decay:
            raise ValueError(
                f"statistic {self.name!r} must have decay=False: weight decay would "
                "change it"
            )

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class Layout:
    """Specs in the order of the buffer, and the layouts of the parts they came from."""

    def __init__(
        self,
        specs: Iterable[ParameterSpec],
        parts: Mapping[str, Layout] | None = None,
    ) -> None:
        self.specs = tuple(specs)
        self.parts = dict(parts or {})
        self.size = sum(spec.size for spec in self.specs)
        names = [spec.name for spec in self.specs]
        if len(set(names)) != len(names):
            raise ValueError(f"parameter names must differ, got {names}")

    @classmethod
    def join(cls, parts: Mapping[str, Layout]) -> Layout:
        """Put ``parts`` one after another; their names become prefixes."""
        specs = (
            replace(spec, name=f"{key}.{spec.name}")
            for key, part in parts.items()
            for spec in part.specs
        )
        return cls(specs, parts)

    def ranges(self) -> Iterator[tuple[ParameterSpec, slice]]:
        """Yield every spec with its range."""
        begin = 0
        for spec in self.specs:
            yield spec, slice(begin, begin + spec.size)
            begin += spec.size

    def part_ranges(self) -> Iterator[tuple[str, slice]]:
        """Yield the name of every part with its range."""
        begin = 0
        for name, part in self.parts.items():
            yield name, slice(begin, begin + part.size)
            begin += part.size

    def views(self, flat: Array) -> dict[str, Array]:
        """Return the named views of ``flat`` (size,)."""
        return {spec.name: flat[at].reshape(spec.shape) for spec, at in self.ranges()}

    def decay_ranges(self) -> list[tuple[int, int, bool]]:
        """Return the longest ``(begin, end, decay)`` ranges with one weight decay."""
        found: list[tuple[int, int, bool]] = []
        for spec, at in self.ranges():
            if found and found[-1][2] == spec.decay:
                found[-1] = (found[-1][0], at.stop, spec.decay)
            elif spec.size:
                found.append((at.start, at.stop, spec.decay))
        return found

    def matches(self, other: Layout) -> bool:
        """Tell whether the names, shapes and order are the same."""
        return self is other or self.specs == other.specs

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{s.name}: {s.shape}" for s in self.specs) + "}"
