"""Several transforms, one after the other."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from ...files import storable
from ..numbers import Floats
from .base import Transform

__all__ = ["Chain"]


@storable
class Chain(Transform):
    """One transform after the other; inverted from the last to the first.

    Parameters
    ----------
    transforms : sequence of Transform, default=()
        Copies of them are fitted. None at all leave the series as it is.

    Attributes
    ----------
    transforms : list of Transform
        After ``fit``, the fitted copies.

    Raises
    ------
    TypeError
        What is no transform.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import Chain, Difference, Log
    >>> chain = Chain([Log(), Difference()]).fit([1.0, 2.0, 4.0])
    >>> chain.inverse_forecast(np.log([2.0, 2.0, 0.5]))
    array([ 8., 16.,  8.])
    """

    def __init__(self, transforms: Sequence[Transform] = ()) -> None:
        super().__init__()
        for at, item in enumerate(transforms):
            if not isinstance(item, Transform):
                raise TypeError(f"transforms[{at}] must be a Transform, got {item!r}")
        self.transforms = list(transforms)

    def __repr__(self) -> str:
        return f"Chain({self.transforms})"

    def split(self) -> tuple[Chain, Chain]:
        """Return those of single values, up to the first difference, and the rest."""
        at = 0
        while at < len(self.transforms) and self.transforms[at].pointwise:
            at += 1
        outer, inner = Chain(self.transforms[:at]), Chain(self.transforms[at:])
        outer.outputs = inner.outputs = self.outputs
        return outer, inner

    def _fit(self, values: Floats) -> None:
        # Copies: where the second fails, the first has not changed.
        transforms = [copy.deepcopy(item) for item in self.transforms]
        for item in transforms:
            values = item.fit(values).transform(values)
        self.transforms = transforms

    def _follow(self, values: Floats, start: int) -> None:
        transforms = []
        for item in self.transforms:
            transforms.append(item.following(values, start))
            values = transforms[-1].transform(values)
        self.transforms = transforms

    def _transform(self, values: Floats) -> Floats:
        for item in self.transforms:
            values = item.transform(values)
        return values.copy() if not self.transforms else values

    def _update(self, values: Floats) -> Floats:
        transforms = [copy.deepcopy(item) for item in self.transforms]
        for item in transforms:
            values = item.update(values)
        self.transforms = transforms
        return values.copy() if not transforms else values

    def _inverse(self, values: Floats) -> Floats:
        for item in reversed(self.transforms):
            values = item.inverse_transform(values)
        return values.copy() if not self.transforms else values

    def _inverse_forecast(self, values: Floats, axis: int) -> Floats:
        for item in reversed(self.transforms):
            values = item.inverse_forecast(values)
        return values.copy() if not self.transforms else values

    def _check_quantiles(self, horizon: int) -> None:
        for item in self.transforms:
            item._check_quantiles(horizon)
