"""One flat buffer of parameters with named read-only views.

Design: the numbers of a whole model lie in one flat array, so that an optimizer step is
one pass and a checkpoint one copy. Every range of it (a layer, a group spared from
weight decay) is a view. Views handed out are read-only: kernels keep packed copies of
the weights, and a write that nobody is told of would leave those stale. Writing goes
through :meth:`Parameters.writable`, :meth:`Parameters.load_state_dict` or
:meth:`Parameters.update`, each of which gives the buffer a new version. Versions come
from one counter of the process, so a version names a buffer and its content at once.

Running statistics (batch normalisation) lie in the same buffer, so whatever copies,
joins or saves the parameters has them. They are the one exception from the rule above:
training's forward writes them, through :meth:`Parameters.statistics`, without a new
version, or each forward would outdate the caches of the last ones and every packed
weight. In return nothing packed or cached may depend on them; inference reads them as
they are at the moment.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ._gradients import Gradients
from ._layout import Layout, ParameterSpec
from ._validate import (
    Array,
    FloatDtype,
    as_array,
    check_dtype,
    check_finite,
    check_size,
)

__all__ = ["Gradients", "ParameterSpec", "Parameters", "at_most"]

# Layout, dtype, parts, and values where there are no parts.
_State: TypeAlias = "tuple[Layout, FloatDtype, dict[str, Parameters], Array | None]"

_versions = itertools.count(1)
_most: ContextVar[int] = ContextVar("most", default=sys.maxsize)


@contextmanager
def at_most(elements: int) -> Iterator[None]:
    """Refuse parameters of more ``elements`` in the block, before memory is taken.

    For what is built as a file says: its weights are there, and are no more than these.

    Raises
    ------
    ValueError
        In the block, where parameters would be larger.
    """
    token = _most.set(elements)
    try:
        yield
    finally:
        _most.reset(token)


class _Buffer:
    """What the ranges of one model share: values, their version, default gradients."""

    __slots__ = ("gradients", "values", "version")

    def __init__(self, size: int, dtype: FloatDtype) -> None:
        self.values: Array = np.zeros(size, dtype)
        self.version = next(_versions)
        self.gradients: Array | None = None


class Parameters(Mapping[str, Array]):
    """Named read-only views of a range of one flat buffer.

    Parameters
    ----------
    specs : iterable of ParameterSpec
        Names, unique, and shapes, in the order in which they lie in the buffer.
    dtype : {"float32", "float64"}
        Storage of every parameter.

    Attributes
    ----------
    specs : tuple of ParameterSpec
        As given.
    dtype : numpy.dtype
        Storage.
    size : int
        Number of elements of this range.
    flat : ndarray of shape (size,)
        Read-only view of the range.
    version : int
        Changes whenever any range of the shared buffer is written, statistics apart.
    statistics_lock : threading.Lock
        To be held while the :meth:`statistics` are written, or read together: several
        threads may train one layer at once. A layer's own, also within a whole.
    grads : Gradients
        Default gradients; those of a joined part are its range of the whole's.
    parts : mapping of str to Parameters
        What :meth:`join` was given; empty for a layer's own parameters.

    Examples
    --------
    >>> params = Parameters([ParameterSpec("weight", (2, 3))], "float64")
    >>> with params.writable() as values:
    ...     values["weight"][0] = 1.0
    >>> params["weight"]
    array([[1., 1., 1.],
           [0., 0., 0.]])
    """

    def __init__(self, specs: Iterable[ParameterSpec], dtype: npt.DTypeLike) -> None:
        self._start(Layout(specs), check_dtype(dtype), {})

    def _start(
        self, layout: Layout, dtype: FloatDtype, parts: dict[str, Parameters]
    ) -> None:
        """Be a new buffer, into which ``parts`` and their values move."""
        check_size("the parameters", layout.size, dtype)
        if layout.size > _most.get():
            raise ValueError(
                f"the parameters would be {layout.size} numbers, but only "
                f"{_most.get()} are there to load"
            )
        self.statistics_lock = threading.Lock()
        self.layout = layout
        self.size = layout.size
        self.parts = parts
        self._is_part = False
        old = [part._values for part in parts.values()]
        self._bind(_Buffer(layout.size, dtype), 0)
        for part in parts.values():
            part._is_part = True
        if old:
            np.concatenate(old, out=self._values, casting="unsafe")

    def _bind(self, buffer: _Buffer, begin: int) -> None:
        """Become the range of ``buffer`` that starts at ``begin``, parts included."""
        self.dtype: FloatDtype = buffer.values.dtype
        self._buffer = buffer
        self._begin = begin
        self._values = buffer.values[begin : begin + self.size]
        self.flat = self._values.view()
        self.flat.flags.writeable = False
        self._named = self.layout.views(self.flat)
        self._statistics = {
            spec.name: self._values[at].reshape(spec.shape)
            for spec, at in self.layout.ranges()
            if spec.statistic
        }
        self._grads: Gradients | None = None
        for name, at in self.layout.part_ranges():
            self.parts[name]._bind(buffer, begin + at.start)

    # Deep copies and pickles: the values are kept by those that have no parts, each
    # its own, and a whole moves its parts together again. So a part that is copied
    # without its whole is cut from it, and belongs to nothing.

    def __getstate__(self) -> _State:
        return self.layout, self.dtype, self.parts, None if self.parts else self._values

    def __setstate__(self, state: _State) -> None:
        layout, dtype, parts, values = state
        self._start(layout, dtype, parts)
        if values is not None:
            self._values[...] = values

    def __copy__(self) -> Parameters:
        """Share the buffer: a shallow copy must not move the parts to another."""
        same = type(self).__new__(type(self))
        same.__dict__.update(self.__dict__)
        return same

    def __getitem__(self, name: str) -> Array:
        return self._named[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)

    def __repr__(self) -> str:
        return f"Parameters({self.layout}, {self.dtype})"

    @property
    def specs(self) -> tuple[ParameterSpec, ...]:
        """Names and shapes, in the order of the buffer."""
        return self.layout.specs

    @property
    def version(self) -> int:
        """A number that changes whenever any range of the shared buffer is written."""
        return self._buffer.version

    @property
    def grads(self) -> Gradients:
        """Default gradients, made of zeros at first use."""
        if self._grads is None:
            buffer = self._buffer
            if buffer.gradients is None:
                buffer.gradients = np.zeros_like(buffer.values)
            at = slice(self._begin, self._begin + self.size)
            self._grads = Gradients(self.layout, buffer.gradients[at])
        return self._grads

    def new_grads(self) -> Gradients:
        """Return gradients of zeros in a buffer of their own, as for a thread."""
        return Gradients(self.layout, np.zeros(self.size, self.dtype))

    @property
    def decay_ranges(self) -> list[tuple[int, int, bool]]:
        """Longest ``(begin, end, decay)`` ranges of ``flat`` with one weight decay."""
        return self.layout.decay_ranges()

    @contextmanager
    def writable(self) -> Iterator[dict[str, Array]]:
        """Lend copies to edit, committed when the block ends without an exception.

        Raises
        ------
        ValueError, TypeError
            At the end of the block, for a missing or unknown name, another shape or
            dtype, NaN or inf. Nothing is changed then.
        """
        copies = self.state_dict()
        yield copies
        self.load_state_dict(copies)

    def update(self) -> _Update:
        """Lend the writable flat range, for optimizers; the version changes at exit."""
        return _Update(self)

    def statistics(self, name: str) -> Array:
        """Return the writable view of a running statistic.

        Writing to it does not change the version: training's forward does so, and must
        not outdate caches or packed weights. So nothing packed or cached may depend on
        a statistic. Hold ``statistics_lock`` meanwhile.

        Raises
        ------
        ValueError
            A name that is no statistic's.
        """
        if name not in self._statistics:
            raise ValueError(
                f"{name!r} is not a statistic: expected one of "
                f"{list(self._statistics)}; weights are written by writable()"
            )
        return self._statistics[name]

    def state_dict(self) -> dict[str, Array]:
        """Return a copy of every parameter."""
        return {name: view.copy() for name, view in self._named.items()}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Copy every parameter from ``state``; all or nothing.

        Raises
        ------
        ValueError
            Missing or unknown names, another shape, NaN or inf.
        TypeError
            Another dtype, a masked array.
        """
        missing = [name for name in self._named if name not in state]
        unknown = [name for name in state if name not in self._named]
        if missing or unknown:
            raise ValueError(
                f"state must hold exactly the parameters {list(self._named)}: missing "
                f"{missing}, unknown {unknown}"
            )
        # By way of a copy: ``state`` may hold views of these very parameters.
        values = np.empty_like(self._values)
        for spec, at in self.layout.ranges():
            values[at] = self._checked(spec, state[spec.name]).reshape(-1)
        with self.update() as flat:
            flat[:] = values

    def _checked(self, spec: ParameterSpec, value: npt.ArrayLike) -> Array:
        array: Array = as_array(spec.name, value)
        if array.shape != spec.shape:
            raise ValueError(
                f"{spec.name} must have shape {spec.shape}, got {array.shape}"
            )
        if array.dtype != self.dtype:
            raise TypeError(f"{spec.name} must be {self.dtype}, got {array.dtype}")
        check_finite(spec.name, array, lambda index: f"index {index}")
        return array

    @classmethod
    def join(cls, parts: Mapping[str, Parameters]) -> Parameters:
        """Move ``parts`` into one new flat buffer, of which they become ranges.

        Writes through a part and through the whole are the same writes. Views,
        gradients and caches taken from a part before are no longer its own.

        Parameters
        ----------
        parts : mapping of str to Parameters
            Names become prefixes: ``weight`` of ``"head"`` is ``head.weight``.

        Returns
        -------
        whole : Parameters
            All of them.

        Raises
        ------
        ValueError
            The same parameters twice, parameters that already are part of another
            whole, an empty name or one with a dot, or different dtypes.
        """
        for key, part in parts.items():
            if not key or "." in key:
                raise ValueError(f"a part's name must be non-empty, no dot: {key!r}")
            if part._is_part:
                raise ValueError(f"{key!r} already is part of other parameters")
        if len({id(part) for part in parts.values()}) != len(parts):
            raise ValueError(f"the same parameters stand twice among {list(parts)}")
        # A part without elements, as of a dropout layer, has no dtype to speak of.
        dtypes = {part.dtype for part in parts.values() if part.size}
        if len(dtypes) > 1:
            raise ValueError(
                "parts must have one dtype, got "
                + ", ".join(f"{key}: {part.dtype}" for key, part in parts.items())
            )
        whole = cls.__new__(cls)
        whole._start(
            Layout.join({key: part.layout for key, part in parts.items()}),
            dtypes.pop() if dtypes else check_dtype("float32"),
            dict(parts),
        )
        return whole


class _Update:
    """A plain class: ``contextmanager`` would cost a microsecond at every step."""

    __slots__ = ("_params",)

    def __init__(self, params: Parameters) -> None:
        self._params = params

    def __enter__(self) -> Array:
        return self._params._values

    def __exit__(self, *exception: object) -> None:
        # Also after an exception: the range may have been written in part.
        self._params._buffer.version = next(_versions)
