"""What every transform of a series can do."""

from __future__ import annotations

import copy
import operator
from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from ..numbers import Floats, as_numbers, as_series

__all__ = ["Transform", "check_observed"]

Self = TypeVar("Self", bound="Transform")


class Transform(ABC):
    """A transform of one series (T,) or (T, K) that has an inverse beyond its end.

    Attributes
    ----------
    outputs : tuple of int, or None before ``fit``
        () for a series (T,), (K,) for (T, K).
    pointwise : bool
        Whether a value's transform is of that value and its step alone, and increases
        with it.
    """

    pointwise: ClassVar[bool] = False

    def __init__(self) -> None:
        self.outputs: tuple[int, ...] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def fit(self: Self, y: npt.ArrayLike) -> Self:
        """Learn from a series.

        Parameters
        ----------
        y : (T,) or (T, K) array
            NaN where nothing was observed.

        Raises
        ------
        ValueError
            Another shape, inf, values that the transform is not for, an output without
            observed value. Nothing has changed then.
        TypeError
            What are no real numbers.
        """
        values = as_series("y", y)
        check_observed(values)
        self._fit(values)
        self.outputs = values.shape[1:]
        return self

    def transform(self, y: npt.ArrayLike) -> Floats:
        """Transform a whole series: the one of ``fit``, or one that begins with it.

        Parameters
        ----------
        y : (T,) or (T, K) array

        Returns
        -------
        z : array of the shape of y

        Raises
        ------
        ValueError, TypeError
            As for ``fit``; before it.
        """
        return self._transform(self._series("y", y))

    def update(self, y: npt.ArrayLike) -> Floats:
        """Transform newly observed steps, after which forecasts then begin.

        Parameters
        ----------
        y : (n,) or (n, K) array
            What follows on all that was observed so far.

        Returns
        -------
        z : array of the shape of y
            As ``transform`` of the series as a whole has it there.

        Raises
        ------
        ValueError, TypeError
            As for ``transform``. Nothing has changed then.
        """
        return self._update(self._series("y", y))

    def following(self: Self, y: npt.ArrayLike, start: int = 0) -> Self:
        """Return the transform of another history, with the parameters of this fit.

        What was estimated, as lambdas and shifts, stays that of this fit, so that a
        model of its transform can read the new one's. Forecasts go on from the end of
        ``y``.

        Parameters
        ----------
        y : (T,) or (T, K) array
            As the one of ``fit`` has outputs.
        start : int, default=0
            Steps from the first one of ``fit`` to the first one of y; may be negative.

        Returns
        -------
        Transform
            Fitted; this one stays as it is.

        Raises
        ------
        ValueError, TypeError
            As for ``fit`` and ``transform``; before ``fit``.
        """
        values = self._series("y", y)
        check_observed(values)
        result = copy.copy(self)
        result._follow(values, operator.index(start))
        return result

    def inverse_transform(self, z: npt.ArrayLike) -> Floats:
        """Return the series of ``fit`` from its transform, and so fitted values.

        Parameters
        ----------
        z : (T,) or (T, K) array

        Returns
        -------
        y : array of the shape of z

        Raises
        ------
        ValueError, TypeError
            As for ``transform``.
        """
        return self._inverse(self._series("z", z))

    def inverse_forecast(self, z: npt.ArrayLike) -> Floats:
        """Return forecasts of the series from those of its transform.

        Parameters
        ----------
        z : (H,) or (H, K) array, or (S, H) or (S, H, K) sample paths
            The first of the H steps follows on the last one observed.

        Returns
        -------
        y : array of the shape of z

        Raises
        ------
        ValueError, TypeError
            Before ``fit``; another shape; what are no real numbers.
        """
        outputs = self._fitted()
        values = as_numbers("z", z)
        rank = values.ndim - len(outputs)
        if rank not in (1, 2) or values.shape[rank:] != outputs:
            ends = "".join(f", {k}" for k in outputs)
            raise ValueError(
                f"z must have shape (H{ends or ','}) or (S, H{ends}) for a series "
                f"{_words(outputs)}, got {values.shape}"
            )
        return self._inverse_forecast(values, rank - 1)

    def inverse_quantiles(self, z: npt.ArrayLike) -> Floats:
        """Return quantiles of the series from those of its transform.

        Parameters
        ----------
        z : (H, Q) or (H, K, Q) array

        Returns
        -------
        y : array of the shape of z

        Raises
        ------
        ValueError, TypeError
            As for ``inverse_forecast``; where quantiles do not say what is asked.
        """
        outputs = self._fitted()
        values = as_numbers("z", z)
        if values.ndim != len(outputs) + 2 or values.shape[1:-1] != outputs:
            ends = "".join(f", {k}" for k in outputs)
            raise ValueError(
                f"z must have shape (H{ends}, Q) for a series {_words(outputs)}, got "
                f"{values.shape}"
            )
        self._check_quantiles(values.shape[0])
        # Each level is a path of its own.
        paths = self._inverse_forecast(np.moveaxis(values, -1, 0), 1)
        return np.moveaxis(paths, 0, -1)

    def keeps_quantiles(self, horizon: int) -> bool:
        """Tell whether `inverse_quantiles` is for so many steps."""
        try:
            self._check_quantiles(horizon)
        except ValueError:
            return False
        return True

    @abstractmethod
    def _fit(self, values: Floats) -> None:
        """Learn, or raise before anything has changed."""

    @abstractmethod
    def _follow(self, values: Floats, start: int) -> None:
        """Take another history, with all parameters, or raise as `_transform` does."""

    @abstractmethod
    def _transform(self, values: Floats) -> Floats: ...

    @abstractmethod
    def _update(self, values: Floats) -> Floats: ...

    @abstractmethod
    def _inverse(self, values: Floats) -> Floats: ...

    @abstractmethod
    def _inverse_forecast(self, values: Floats, axis: int) -> Floats:
        """Invert forecasts whose steps lie along ``axis``, the outputs after it."""

    @abstractmethod
    def _check_quantiles(self, horizon: int) -> None:
        """Refuse quantiles of so many steps where they cannot be inverted."""

    def _fitted(self) -> tuple[int, ...]:
        if self.outputs is None:
            raise ValueError(f"{self} knows no series yet: call fit first")
        return self.outputs

    def _series(self, name: str, value: npt.ArrayLike) -> Floats:
        outputs = self._fitted()
        values = as_series(name, value)
        if values.shape[1:] != outputs:
            raise ValueError(
                f"{name} must be a series {_words(outputs)}, as in fit, got shape "
                f"{values.shape}"
            )
        return values


def check_observed(values: Floats) -> None:
    """Refuse a series (T,) or (T, K) with an output of which nothing is observed."""
    empty = np.flatnonzero(np.isnan(values).all(axis=0))
    if empty.size:
        where = "" if values.ndim == 1 else f" of output {empty[0]}"
        raise ValueError(f"y{where} has no observed value")


def _words(outputs: tuple[int, ...]) -> str:
    return f"(T, {outputs[0]})" if outputs else "(T,)"
