"""Distributions of real numbers, which a location shifts and a scale stretches."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from .base import Distribution, Parameter, Source
from .special import Floats, beta_fraction, digamma_change, stirling_error

__all__ = ["Gaussian", "StudentT"]

# From here on Algorithm 396 has all digits of float64 (tests/test_distributions.py).
_MANY: Final = 1000.0
_HALF_LOG_TWO_PI: Final = 0.5 * math.log(2.0 * math.pi)
# Targets that a network sees have a scale of about one. Without a floor the density of
# a series that is constant for a while has no upper bound.
_SCALE: Final = Parameter("scale", 1.0, floor=1e-3)


class _LocationScale(Distribution):
    """Symmetric about its location, which is its mean."""

    location: Floats
    scale: Floats

    def _keep(self, values: Any) -> None:
        super()._keep(values)
        self.mean = self.location


class Gaussian(_LocationScale):
    """Normal distribution, ``exp(-z^2 / 2) / (scale sqrt(2 pi))``.

    z = (y - location) / scale.
    Outputs of a network are the location and, by softplus, the scale (Salinas et al.
    2020, section 3.1), which is at least 0.001.

    Parameters
    ----------
    location, scale : array-like of shape (..., K)

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.distributions import Gaussian
    >>> Gaussian(location=[20.0], scale=[2.0]).quantile([0.1, 0.5, 0.9]).round(2)
    array([[17.44, 20.  , 22.56]])
    """

    parameters = (Parameter("location", 1.0), _SCALE)

    def __init__(self, location: ArrayLike, scale: ArrayLike) -> None:
        super().__init__(location, scale)

    @property
    def variance(self) -> Floats:
        """(..., K) variances."""
        return self.scale**2

    def log_prob(self, y: ArrayLike) -> Floats:
        """Logarithm of the density."""
        z = (np.asarray(y, np.float64) - self.location) / self.scale
        return -0.5 * z * z - np.log(self.scale) - _HALF_LOG_TWO_PI

    def _slopes(self, y: Floats) -> list[Floats]:
        z = (y - self.location) / self.scale
        return [z / self.scale, (z * z - 1.0) / self.scale]

    def _sample(self, rng: Source, shape: tuple[int, ...]) -> Floats:
        return self.location + self.scale * rng.standard_normal(shape)

    def _quantile(self, level: float) -> Floats:
        return self.location + self.scale * NormalDist().inv_cdf(level)


class StudentT(_LocationScale):
    """Student's t distribution, of heavier tails the smaller ``df`` is.

    ``gamma((df + 1) / 2) / (gamma(df / 2) sqrt(pi df) scale) (1 + z^2 / df)^(-(df + 1)
    / 2)`` with z = (y - location) / scale. Outputs of a network are the location and,
    by softplus, the scale, at least 0.001, and the degrees of freedom less 2: above 2,
    with a margin of 1e-6, the variance is finite (as in GluonTS, Alexandrov et al.
    2020).

    Parameters
    ----------
    location, scale : array-like of shape (..., K)
    df : array-like of shape (..., K)
        Degrees of freedom, above 2.

    Notes
    -----
    Quantiles are those of Hill 1970 (Algorithm 396); where its six digits are not all,
    three steps of the Newton-Halley method on the tail, an incomplete beta function,
    follow.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.distributions import StudentT
    >>> StudentT(location=[0.0], scale=[1.0], df=[3.0]).quantile(0.975).round(4)
    array([3.1824])
    """

    parameters = (
        Parameter("location", 1.0),
        _SCALE,
        Parameter("df", 0.0, floor=2.0 + 1e-6, above=2.0),
    )
    df: Floats

    def __init__(self, location: ArrayLike, scale: ArrayLike, df: ArrayLike) -> None:
        super().__init__(location, scale, df)

    @property
    def variance(self) -> Floats:
        """(..., K) variances, ``scale^2 df / (df - 2)``."""
        return self.scale**2 * (self.df / (self.df - 2.0))

    def log_prob(self, y: ArrayLike) -> Floats:
        """Logarithm of the density."""
        z = (np.asarray(y, np.float64) - self.location) / self.scale
        return _log_density(z, self.df) - np.log(self.scale)

    def _slopes(self, y: Floats) -> list[Floats]:
        df = self.df
        z = (y - self.location) / self.scale
        q = z * z / df
        pull = (1.0 + 1.0 / df) / (1.0 + q)  # z times it is -d log density / dz
        by_df = digamma_change(0.5 * df, 0.5) - np.log1p(q) + pull * q
        return [z * pull / self.scale, (z * z * pull - 1.0) / self.scale, 0.5 * by_df]

    def _sample(self, rng: Source, shape: tuple[int, ...]) -> Floats:
        return self.location + self.scale * rng.standard_t(self.df, shape)

    def _quantile(self, level: float) -> Floats:
        if level == 0.5:
            return self.location.copy()
        df = self.df.ravel()
        tail = min(level, 1.0 - level)
        t = _hill(tail, df)
        few = df < _MANY
        t[few] = _refined(t[few], tail, df[few])
        distance = self.scale * t.reshape(self.shape)
        return self.location + (distance if level > 0.5 else -distance)


def _log_density(z: Floats, df: Floats) -> Floats:
    """Of the t distribution of location 0 and scale 1."""
    x = 0.5 * df
    # log gamma(x + 1/2) - log gamma(x) - log(x) / 2, by Stirling's formula for both.
    ratio = x * np.log1p(-0.5 / x) + 0.5 + stirling_error(x - 0.5) - stirling_error(x)
    return ratio - _HALF_LOG_TWO_PI - (x + 0.5) * np.log1p(z * z / df)


def _refined(t: Floats, tail: float, df: Floats) -> Floats:
    """Take Newton-Halley steps to ``P(T > t) = tail``."""
    for _ in range(3):
        step = (_upper_tail(t, df) - tail) * np.exp(-_log_density(t, df))
        t = t + step * (1.0 + 0.5 * step * t * (df + 1.0) / (df + t * t))
    return t


def _upper_tail(t: Floats, df: Floats) -> Floats:
    """``P(T > t) = I_x(df / 2, 1 / 2) / 2`` with x = df / (df + t^2), for t > 0."""
    x, rest = df / (df + t * t), t * t / (df + t * t)
    a, b = 0.5 * df, np.full_like(df, 0.5)
    turned = x * (a + b + 2.0) > a + 1.0
    fraction = beta_fraction(
        np.where(turned, b, a), np.where(turned, a, b), np.where(turned, rest, x)
    )
    # x^a (1 - x)^b / B(a, b) is t times the density.
    front = t * np.exp(_log_density(t, df)) / fraction
    return np.where(turned, 0.5 - front, front / df)


def _hill(tail: float, n: Floats) -> Floats:
    """Hill 1970, Algorithm 396: t with ``P(T > t) = tail < 1/2``, to six digits."""
    a = 1.0 / (n - 0.5)
    b = 48.0 / (a * a)
    c = ((20700.0 * a / b - 98.0) * a - 16.0) * a + 96.36
    d = ((94.5 / (b + c) - 3.0) / b + 1.0) * np.sqrt(a * 0.5 * math.pi) * n
    x = d * 2.0 * tail
    y = x ** (2.0 / n)
    # Near the centre, by the normal quantile.
    z = NormalDist().inv_cdf(tail)
    near_c = c + np.where(n < 5.0, 0.3 * (n - 4.5) * (z + 0.6), 0.0)
    near_c = (((0.05 * d * z - 5.0) * z - 7.0) * z - 2.0) * z + b + near_c
    w: Any = z * z
    w = (((((0.4 * w + 6.3) * w + 36.0) * w + 94.5) / near_c - w - 3.0) / b + 1.0) * z
    near = np.expm1(np.minimum(a * w * w, 700.0))
    far = (1.0 / (((n + 6.0) / (n * y) - 0.089 * d - 0.822) * (n + 2.0) * 3.0)) + (
        0.5 / (n + 4.0)
    )
    far = (far * y - 1.0) * (n + 1.0) / (n + 2.0) + 1.0 / y
    result: Floats = np.sqrt(n * np.where(y > 0.05 + a, near, far))
    return result
