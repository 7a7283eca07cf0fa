"""What every layer has in common: the protocol, its parameters' methods, the cache.

Design: layers keep nothing between calls. What backward needs is in a cache of its own
that forward returns, so one layer may be trained by many threads at once, and a second
forward before the first backward is no mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from .._validate import Array, FloatDtype, check_int
from ..params import Gradients, Parameters

Saved = TypeVar("Saved")
Compiled = TypeVar("Compiled", bound="CoreLayer")

_WORD = 2**64 - 1


class Cache(Generic[Saved]):
    """What one training forward keeps for its backward; used once.

    It refers to the floating-point arrays of that forward (not to copies): they must
    not be changed before backward. Of lengths, row ids and tokens it has its own.

    Attributes
    ----------
    nbytes : int
        Of an LSTM's: memory that it holds beside those arrays; 0 once it was used.
    """

    __slots__ = ("_layer", "_saved", "_version", "nbytes")

    def __init__(
        self, layer: object, version: int, saved: Saved, nbytes: int = 0
    ) -> None:
        self._layer = layer
        self._version = version
        self._saved: Saved | None = saved
        self.nbytes = nbytes

    def open(self, layer: object, version: int) -> Saved:
        """Return what was saved, if this is ``layer``'s, unused and not outdated."""
        if self._layer is not layer:
            raise ValueError(
                f"cache is of another layer, {self._layer!r}: pass the one that this "
                "layer's forward returned"
            )
        if self._saved is None:
            raise ValueError("cache was used already: call forward again for a new one")
        if self._version != version:
            raise ValueError(
                f"cache is outdated: the weights were at version {self._version} in "
                f"forward and are at {version} now; call backward before updating them"
            )
        return self._saved

    def close(self) -> None:
        """Mark as used and let go of what was saved."""
        self._saved = None
        self.nbytes = 0


class CoreLayer(Protocol):
    """What the core's layers have in common."""

    def set_parameters(self, flat: Array, version: int) -> None:
        """Refer to ``flat``; pack it anew where ``version`` is new."""


class Core(Generic[Compiled]):
    """A layer of the core, told of new weights when it is next used.

    It is not part of a copy or a pickle: those build their own from the arguments.
    """

    __slots__ = ("_arguments", "_kind", "compiled", "version")

    def __init__(self, kind: Callable[..., Compiled], *arguments: Any) -> None:
        self._kind = kind
        self._arguments = arguments
        self.compiled = kind(*arguments)
        self.version = 0

    def synced(self, params: Parameters) -> Compiled:
        """Return the layer with the newest weights."""
        version = params.version
        if version != self.version:
            self.compiled.set_parameters(params.flat, version)
            self.version = version
        return self.compiled

    def __getstate__(self) -> tuple[Any, ...]:
        return (self._kind, *self._arguments)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.__init__(*state)  # type: ignore[misc]


class Layer(Protocol):
    """A layer that maps one array to one array; what containers are made of.

    ``lengths`` (N,), ``mask_seed`` and ``row_ids`` (N,) mean the same everywhere (see
    :class:`fastlstm.nn.LSTM`); a layer without use for one ignores it.

    Padded steps, those beyond ``lengths``, are as good as absent wherever steps or
    weights meet: x (NaN may stand there) and the gradient of y are not read, y and the
    gradient of x are zero. A layer of elements alone, as Dropout, may pass them on.
    """

    @property
    def params(self) -> Parameters:
        """Parameters; none of them for a layer without."""

    @property
    def grads(self) -> Gradients:
        """Default gradients of these."""

    def zero_grad(self) -> None:
        """Set the default gradients to zero."""

    def __call__(self, x: Any, *, lengths: npt.ArrayLike | None = None) -> Array:
        """Infer."""

    def forward(
        self,
        x: Any,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, Cache[Any]]:
        """Run for training: y and what backward needs."""

    def backward(
        self,
        dy: Array,
        cache: Cache[Any],
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        """Add the parameters' gradients into ``grads``; return that of x."""


class ParameterLayer:
    """Base of the layers: parameters, gradients and how to read and write both."""

    params: Parameters

    @property
    def grads(self) -> Gradients:
        """Default gradients, under the parameters' names; backward adds into them."""
        return self.params.grads

    @property
    def dtype(self) -> FloatDtype:
        """Storage dtype of parameters, inputs and outputs."""
        return self.params.dtype

    def zero_grad(self) -> None:
        """Set the default gradients to zero."""
        self.params.grads.zero()

    def writable(self) -> AbstractContextManager[dict[str, Array]]:
        """Lend copies of the parameters to edit, committed at exit; see Parameters."""
        return self.params.writable()

    def state_dict(self) -> dict[str, Array]:
        """Return a copy of every parameter."""
        return self.params.state_dict()

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Copy every parameter from ``state``; all or nothing."""
        self.params.load_state_dict(state)


def flat_grads(params: Parameters, grads: Gradients | None) -> Array:
    """Return the flat array that backward adds into, checked to be of ``params``."""
    if grads is None:
        return params.grads.flat
    if not grads.layout.matches(params.layout):
        raise ValueError(
            f"grads must have the names and shapes of {params}, got {grads}"
        )
    if grads.flat.dtype != params.dtype:
        raise TypeError(f"grads must be {params.dtype}, got {grads.flat.dtype}")
    return grads.flat


def check_like(name: str, array: Array, shape: tuple[int, ...], what: str) -> Array:
    """Return ``array`` if it has ``shape``, which is that of ``what``."""
    if array.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}, as {what}, got {array.shape}"
        )
    return array


def derive_seed(seed: int, index: int) -> int:
    """Return a mask seed for child ``index`` of something whose seed is ``seed``.

    SplitMix64 (Steele, Lea & Flood 2014), so that two dropout layers of one model draw
    unrelated masks from one seed.
    """
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)


def resolve_seed(mask_seed: int | None, rng: np.random.Generator) -> int:
    """Return ``mask_seed`` checked, or the next one of ``rng``."""
    if mask_seed is None:
        return int(rng.integers(2**63))
    return check_int("mask_seed", mask_seed, 0, _WORD)
