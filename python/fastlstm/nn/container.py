"""Layers one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy.typing as npt

from .._validate import Array, as_array
from ..params import Gradients, Parameters
from .base import Cache, Layer, ParameterLayer, derive_seed
from .lstm import LSTM

if TYPE_CHECKING:
    SequentialCache: TypeAlias = Cache[list[Cache[Any]]]


class Sequential(ParameterLayer):
    """Each layer reads what the one before gives; all lie in one flat buffer.

    An :class:`LSTM` among them starts from zero states and passes on its outputs y.

    Parameters
    ----------
    *layers : Layer or LSTM, or one mapping of str to these
        Their parameters are moved into one buffer, so a layer can be part of one
        container only. Names are "0", "1", ... or the mapping's.

    Attributes
    ----------
    params : Parameters
        Of all layers, prefixed: ``"0.weight_ih_l0"``.
    grads : Gradients
        Under the same names; each layer's own ``grads`` are ranges of it.

    Raises
    ------
    ValueError
        No layer, a layer that stands there twice or is part of something else, or
        different dtypes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import LSTM, Dropout, Embedding, Linear, Sequential
    >>> model = Sequential(Embedding(50, 8), LSTM(8, 16), Dropout(0.1), Linear(16, 3))
    >>> model(np.array([[1, 2, 3]])).shape
    (1, 3, 3)
    """

    def __init__(self, *layers: Layer | LSTM | Mapping[str, Layer | LSTM]) -> None:
        named: dict[str, Any]
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            named = dict(layers[0])
        else:
            named = {str(k): layer for k, layer in enumerate(layers)}
        if not named:
            raise ValueError("Sequential needs at least one layer, got none")
        for key, layer in named.items():
            if not isinstance(getattr(layer, "params", None), Parameters):
                raise TypeError(f"layer {key!r} is not a layer: {layer!r}")
        self.params = Parameters.join({k: layer.params for k, layer in named.items()})
        self.layers: dict[str, Layer | LSTM] = named
        self._steps: list[tuple[str, Layer]] = [
            (key, _OutputsOnly(layer) if isinstance(layer, LSTM) else layer)
            for key, layer in named.items()
        ]

    def __getitem__(self, key: int | str) -> Layer | LSTM:
        return (
            self.layers[key] if isinstance(key, str) else [*self.layers.values()][key]
        )

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer | LSTM]:
        return iter(self.layers.values())

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}={layer!r}" for key, layer in self.layers.items())
        return f"Sequential({inside})"

    def __call__(self, x: Any, *, lengths: npt.ArrayLike | None = None) -> Array:
        """Infer; ``lengths`` goes to every layer."""
        for _, layer in self._steps:
            x = layer(x, lengths=lengths)
        y: Array = x
        return y

    def forward(
        self,
        x: Any,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, SequentialCache]:
        """Run for training; each layer's seed is derived from ``mask_seed``.

        Returns
        -------
        y : ndarray
            Of the last layer.
        cache : Cache
            For one :meth:`backward`.
        """
        caches: list[Cache[Any]] = []
        for k, (_, layer) in enumerate(self._steps):
            seed = None if mask_seed is None else derive_seed(mask_seed, k)
            x, cache = layer.forward(
                x, lengths=lengths, mask_seed=seed, row_ids=row_ids
            )
            caches.append(cache)
        return x, Cache(self, self.params.version, caches)

    def backward(
        self,
        dy: Array,
        cache: SequentialCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        """Add all gradients into ``grads``; return that of x, None for tokens.

        Raises
        ------
        ValueError, TypeError
            As the layers do.
        """
        caches = cache.open(self, self.params.version)
        if grads is None:
            grads = self.grads
        dx: Any = dy
        for k in range(len(self._steps) - 1, -1, -1):
            key, layer = self._steps[k]
            dx = layer.backward(
                as_array("dy", dx),
                caches[k],
                grads=grads.part(key),
                need_dx=need_dx or k > 0,
            )
        cache.close()
        gradient: Array | None = dx
        return gradient


class _OutputsOnly:
    """An LSTM as a :class:`Layer`: outputs alone, states from zero."""

    def __init__(self, lstm: LSTM) -> None:
        self.lstm = lstm

    @property
    def params(self) -> Parameters:
        return self.lstm.params

    @property
    def grads(self) -> Gradients:
        return self.lstm.grads

    def zero_grad(self) -> None:
        self.lstm.zero_grad()

    def __call__(self, x: Any, *, lengths: npt.ArrayLike | None = None) -> Array:
        return self.lstm(x, lengths=lengths)[0]

    def forward(
        self,
        x: Any,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, Cache[Any]]:
        y, _, cache = self.lstm.forward(
            x, lengths=lengths, mask_seed=mask_seed, row_ids=row_ids
        )
        return y, cache

    def backward(
        self,
        dy: Array,
        cache: Cache[Any],
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        return self.lstm.backward(dy, cache, grads=grads, need_dx=need_dx)[0]
