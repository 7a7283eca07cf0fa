"""What all distributions share: parameters, how a network's outputs become such."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .._validate import as_array, as_generator, check_float, check_int
from .rows import RowGenerators
from .special import Floats, sigmoid, softplus

__all__ = ["Distribution", "Parameter", "Source"]

# What random numbers come from.
Source: TypeAlias = np.random.Generator | RowGenerators


@dataclass(frozen=True)
class Parameter:
    """A parameter: its name, and its link to a network's output.

    Parameters
    ----------
    name : str
    power : float
        It is multiplied by this power of the scale of the target.
    floor : float, optional
        What the softplus of the output is added to; without, it is the output itself.
    above : float, default=0.0
        With ``floor``: what every value is above.
    """

    name: str
    power: float
    floor: float | None = None
    above: float = 0.0

    def link(self, output: Floats) -> Floats:
        """Return the parameter of a target of scale 1."""
        return output if self.floor is None else softplus(output) + self.floor

    def slope(self, output: Floats) -> Floats:
        """Return the derivative of `link`."""
        return np.ones_like(output) if self.floor is None else sigmoid(output)

    def checked(self, value: ArrayLike) -> Floats:
        """Return float64 numbers; NaN is refused as well."""
        array = _numbers(self.name, value)
        bad = ~np.isfinite(array)
        if self.floor is not None:
            bad |= ~(array > self.above)
        if bad.any():
            above = "" if self.floor is None else f" and above {self.above:g}"
            raise ValueError(f"{self.name} must be finite{above}, got {array[bad][0]}")
        return array


class Distribution(ABC):
    """Independent distributions of targets, of shape (..., K), one a row and target.

    Parameters are attributes, float64 arrays of that shape, and so are `mean`,
    `variance` and `std`.
    """

    parameters: ClassVar[tuple[Parameter, ...]]
    # Whether a target's location may be added: counts are never shifted.
    _shifts: ClassVar[bool] = True

    mean: Floats

    def __init__(self, *values: ArrayLike) -> None:
        checked = [p.checked(v) for p, v in zip(self.parameters, values, strict=True)]
        self._keep(np.broadcast_arrays(*checked))

    def _keep(self, values: Any) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            # Contiguous: NumPy's functions may round otherwise where they stride.
            setattr(self, parameter.name, np.ascontiguousarray(value))

    def __repr__(self) -> str:
        names = ", ".join(p.name for p in self.parameters)
        return f"{type(self).__name__}({names}: shape {self.shape})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the targets, (..., K)."""
        first: Floats = getattr(self, self.parameters[0].name)
        return first.shape

    @classmethod
    def from_outputs(
        cls,
        outputs: ArrayLike,
        *,
        location: ArrayLike | None = None,
        scale: ArrayLike | None = None,
    ) -> Self:
        """Make the distributions that a network has predicted.

        Parameters
        ----------
        outputs : array-like of shape (..., K * P)
            What its likelihood is trained on: P outputs a target, side by side. Where
            they are NaN, so is all that follows.
        location, scale : array-like, optional
            Of each target, (K,) or any shape that broadcasts to (..., K): the outputs
            speak of targets less ``location`` over ``scale``, as a target scaler makes
            them, and the distribution is that of the targets themselves. Counts are
            only scaled, see `NegativeBinomial`.

        Raises
        ------
        ValueError
            A number of outputs that is not a multiple of P, a location of counts, a
            scale that is not above zero, shapes that do not fit.
        """
        raw = cls._raw(outputs)
        values = [p.link(r) for p, r in zip(cls.parameters, raw, strict=True)]
        if scale is not None:
            factor = _fitting("scale", scale, values[0].shape)
            if not (factor > 0.0).all():
                raise ValueError(f"scale must be above 0, got {factor.min()}")
            for j, parameter in enumerate(cls.parameters):
                values[j] = values[j] * factor**parameter.power
        if location is not None:
            if not cls._shifts:
                raise ValueError(
                    f"{cls.__name__} is of counts, which have a scale but no location"
                )
            values[0] = values[0] + _fitting("location", location, values[0].shape)
        # Not by way of the constructor: a diverged network shows in the results.
        result = cls.__new__(cls)
        result._keep(values)
        return result

    @classmethod
    def _raw(cls, outputs: ArrayLike) -> Floats:
        """Return outputs as (P, ..., K), float64."""
        raw, per_target = _numbers("outputs", outputs), len(cls.parameters)
        if raw.ndim == 0 or raw.shape[-1] % per_target:
            raise ValueError(
                f"outputs must have {per_target} numbers for each target, one a "
                f"parameter of {cls.__name__}, got shape {raw.shape}"
            )
        raw = raw.reshape(*raw.shape[:-1], -1, per_target)
        return np.ascontiguousarray(np.moveaxis(raw, -1, 0))

    @classmethod
    def log_prob_of_outputs(
        cls, outputs: ArrayLike, y: ArrayLike, *, scale: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Compute ``from_outputs(outputs, scale=scale).log_prob(y)`` and its slopes.

        Parameters
        ----------
        outputs : array-like of shape (..., K * P)
        y : array-like of shape (..., K)
        scale : array-like, optional
            As for `from_outputs`.

        Returns
        -------
        log_prob : ndarray of shape (..., K)
        slopes : ndarray of the shape of ``outputs``
            Derivatives by the outputs of the same target.
        """
        made = cls.from_outputs(outputs, scale=scale)
        y = np.asarray(y, np.float64)
        slopes = np.stack(made._slopes(y), axis=-1)
        for j, (p, raw) in enumerate(
            zip(cls.parameters, cls._raw(outputs), strict=True)
        ):
            slopes[..., j] *= p.slope(raw)
            if scale is not None:
                slopes[..., j] *= np.asarray(scale, np.float64) ** p.power
        return made.log_prob(y), slopes.reshape(np.shape(outputs))

    @property
    @abstractmethod
    def variance(self) -> Floats:
        """(..., K) variances."""

    @property
    def std(self) -> Floats:
        """(..., K) standard deviations."""
        return np.sqrt(self.variance)

    @abstractmethod
    def log_prob(self, y: ArrayLike) -> Floats:
        """Logarithm of the density, or of the probability of a count, at ``y``.

        ``y`` broadcasts with (..., K).
        """

    @abstractmethod
    def _slopes(self, y: Floats) -> list[Floats]:
        """Compute the derivatives of `log_prob` by each parameter."""

    @abstractmethod
    def _sample(self, rng: Source, shape: tuple[int, ...]) -> Floats: ...

    def sample(self, rng: Source, n: int) -> Floats:
        """Draw ``n`` times from each: (n, ..., K), counts as whole float64 numbers.

        Parameters
        ----------
        rng : numpy.random.Generator or RowGenerators
        n : int
            At least 1.
        """
        draws = check_int("n", n, 1)
        source = rng if isinstance(rng, RowGenerators) else as_generator(rng)
        return self._sample(source, (draws, *self.shape))

    @abstractmethod
    def _quantile(self, level: float) -> Floats: ...

    def quantile(self, levels: ArrayLike) -> Floats:
        """Compute quantiles; a count's is the smallest k with ``P(Y <= k) >= level``.

        Parameters
        ----------
        levels : float, or array-like of shape (Q,)
            In (0, 1).

        Returns
        -------
        ndarray of shape (..., K), or (..., K, Q) for several levels
        """
        given = [check_float("levels", q, "(0, 1)") for q in np.ravel(levels).tolist()]
        if np.ndim(levels) > 1 or not given:
            raise ValueError(
                f"levels must be a number or (Q,) numbers, got shape {np.shape(levels)}"
            )
        # Where outputs were NaN, quantiles are; at the ends of float64, limits.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            each = [self._quantile(q) for q in given]
        return np.stack(each, axis=-1) if np.ndim(levels) else each[0]


def _numbers(name: str, value: ArrayLike) -> Floats:
    array = as_array(name, value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
    return np.asarray(array, np.float64)


def _fitting(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return finite numbers that broadcast to ``shape``."""
    array = _numbers(name, value)
    fits = array.ndim <= len(shape) and all(
        n in (1, m) for n, m in zip(array.shape[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ValueError(
            f"{name} must broadcast to the targets' shape {shape}, got {array.shape}"
        )
    if not math.isfinite(array.sum()) and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array
