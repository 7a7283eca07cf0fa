"""Distributions of counts, which a scale multiplies and nothing shifts."""

from __future__ import annotations

import math
from abc import abstractmethod
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Distribution, Parameter, Source
from .special import (
    Floats,
    beta_fraction,
    digamma_change,
    gamma_fraction,
    gamma_upper_fraction,
    stirling_error,
)

__all__ = ["NegativeBinomial", "Poisson"]

# A mean of zero would make every count but 0 impossible.
_MEAN: Final = Parameter("mean", 1.0, floor=1e-6)
# Above, a continued fraction takes more terms than anyone waits for.
_LARGEST_MEAN: Final = 1e9
# Above, the Poisson distribution is its mean to seven digits, and NumPy draws no more.
_LARGEST_DRAWN: Final = 1e15


class _Counts(Distribution):
    """Distributions on 0, 1, 2, ..."""

    _shifts = False
    mean: Floats

    @abstractmethod
    def _log_probability(self, k: Floats, *parameters: Floats) -> Floats: ...

    @abstractmethod
    def _cumulative(self, k: Floats, *parameters: Floats) -> Floats:
        """Compute ``P(Y <= k)`` for flat arrays, k >= 0."""

    @abstractmethod
    def _skewness(self) -> Floats: ...

    def _flat(self) -> list[Floats]:
        return [getattr(self, p.name).ravel() for p in self.parameters]

    def log_prob(self, y: ArrayLike) -> Floats:
        """Logarithm of the probability; -inf where ``y`` is no count."""
        k = np.asarray(y, np.float64)
        never = (k < 0.0) | (k > np.floor(k))
        values = [getattr(self, p.name) for p in self.parameters]
        result = self._log_probability(np.where(never, 0.0, k), *values)
        return np.where(never, -np.inf, result)

    def _quantile(self, level: float) -> Floats:
        """Search between bounds that move away from a first guess in growing steps."""
        mean = self.mean.ravel()
        if (mean > _LARGEST_MEAN).any():
            raise ValueError(
                f"quantiles of counts need means of at most {_LARGEST_MEAN:g}, got "
                f"{mean.max():g}"
            )
        parameters = self._flat()
        spread, skewness = self.std.ravel(), self._skewness().ravel()

        def reaches(k: Floats, where: NDArray[np.intp]) -> NDArray[np.bool_]:
            below = self._cumulative(
                np.maximum(k, 0.0), *(p[where] for p in parameters)
            )
            return np.asarray((below >= level) & (k >= 0.0))

        # Cornish & Fisher 1938, to the first order; hardly any search where counts are
        # many and nearly normal.
        z = NormalDist().inv_cdf(level)
        high = mean + spread * (z + skewness * (z * z - 1.0) / 6.0)
        high = np.floor(np.maximum(high, 0.0))
        low = np.full_like(high, -1.0)
        step = np.ceil(spread * np.minimum(0.1 * skewness**2, 1.0))
        up = np.flatnonzero(~reaches(high, np.arange(mean.size)) & np.isfinite(high))
        down = np.setdiff1d(np.flatnonzero(np.isfinite(high)), up)
        while up.size:
            low[up] = high[up]
            high[up] += step[up]
            step[up] *= 2.0
            up = up[~reaches(high[up], up)]
        while down.size:
            low[down] = np.maximum(high[down] - step[down], -1.0)
            step[down] *= 2.0
            down = down[reaches(low[down], down)]
            high[down] = low[down]
        between = np.flatnonzero(high - low > 1.0)
        while between.size:
            middle = np.floor(0.5 * (low[between] + high[between]))
            enough = reaches(middle, between)
            high[between[enough]] = middle[enough]
            low[between[~enough]] = middle[~enough]
            between = between[high[between] - low[between] > 1.0]
        return high.reshape(self.shape)


class NegativeBinomial(_Counts):
    """Negative binomial distribution, of variance ``mean + alpha mean^2``.

    ``P(y) = gamma(y + 1/alpha) / (gamma(y + 1) gamma(1/alpha)) (1 / (1 + alpha
    mean))^(1/alpha) (alpha mean / (1 + alpha mean))^y``, Salinas et al. 2020, section
    3.1. Outputs of a network are by softplus mean and alpha, each at least 1e-6. With a
    ``scale`` s, in DeepAR 1 plus the mean of a series, they become s mean and
    alpha / sqrt(s) (section 3.3): one network for series of different size.

    Parameters
    ----------
    mean, alpha : array-like of shape (..., K)

    Examples
    --------
    >>> from fastlstm.distributions import NegativeBinomial
    >>> sales = NegativeBinomial(mean=[4.0], alpha=[0.5])
    >>> sales.variance, sales.quantile([0.1, 0.5, 0.9])
    (array([12.]), array([[0., 3., 9.]]))
    """

    parameters = (_MEAN, Parameter("alpha", -0.5, floor=1e-6))
    alpha: Floats

    def __init__(self, mean: ArrayLike, alpha: ArrayLike) -> None:
        super().__init__(mean, alpha)

    @property
    def variance(self) -> Floats:
        """(..., K) variances."""
        return self.mean * (1.0 + self.alpha * self.mean)

    def _skewness(self) -> Floats:
        return (1.0 + 2.0 * self.alpha * self.mean) / self.std

    def _log_probability(self, k: Floats, *parameters: Floats) -> Floats:
        # Loader 2000, with his two deviances added up: their linear terms cancel.
        mean, alpha = parameters
        r, k1 = 1.0 / alpha, np.maximum(k, 1.0)
        size = 1.0 + alpha * mean
        change = (k1 - mean) / size
        ways = stirling_error(r + k1) - stirling_error(r) - stirling_error(k1)
        some = (
            ways
            - 0.5 * np.log(2.0 * math.pi * k1 * (1.0 + alpha * k1))
            + r * _log_ratio(alpha * change, (1.0 + alpha * k1) / size)
            + k1 * _log_ratio(-change / k1, mean / size * (alpha + 1.0 / k1))
        )
        return np.where(k > 0.0, some, -np.log1p(alpha * mean) / alpha)

    def _slopes(self, y: Floats) -> list[Floats]:
        mean, r = self.mean, 1.0 / self.alpha
        size = self.alpha * mean
        by_mean = (y - mean) / mean / (1.0 + size)
        by_r = (
            digamma_change(r, y)
            - np.log1p(size)
            + (1.0 + self.alpha * y) * size / (1.0 + size)
        )
        return [by_mean, -r * r * by_r]

    def _cumulative(self, k: Floats, *parameters: Floats) -> Floats:
        # P(Y <= k) = I_{1/(1 + alpha mean)}(1/alpha, k + 1): DLMF 8.17.24.
        mean, alpha = parameters
        r, x = 1.0 / alpha, alpha * mean / (1.0 + alpha * mean)
        rest = 1.0 / (1.0 + alpha * mean)
        turned = mean * (1.0 + alpha) > k + 2.0
        fraction = beta_fraction(
            np.where(turned, r, k + 1.0),
            np.where(turned, k + 1.0, r),
            np.where(turned, rest, x),
        )
        next_one = np.exp(self._log_probability(k + 1.0, mean, alpha)) / fraction
        return np.where(turned, alpha * (k + 1.0) * next_one, 1.0 - next_one)

    def _sample(self, rng: Source, shape: tuple[int, ...]) -> Floats:
        # A Poisson distribution whose mean is gamma distributed.
        gamma = rng.standard_gamma(1.0 / self.alpha, shape)
        return _draw_poisson(rng, self.alpha * self.mean * gamma)


class Poisson(_Counts):
    """Poisson distribution, ``P(y) = mean^y exp(-mean) / gamma(y + 1)``.

    The output of a network is by softplus the mean, at least 1e-6: an exponential would
    let one large output overflow, and this is the limit of `NegativeBinomial` for small
    alpha. With a ``scale`` s it becomes s mean.

    Parameters
    ----------
    mean : array-like of shape (..., K)

    Examples
    --------
    >>> from fastlstm.distributions import Poisson
    >>> Poisson(mean=[4.0]).quantile([0.1, 0.5, 0.9])
    array([[2., 4., 7.]])
    """

    parameters = (_MEAN,)

    def __init__(self, mean: ArrayLike) -> None:
        super().__init__(mean)

    @property
    def variance(self) -> Floats:
        """(..., K) variances."""
        return self.mean.copy()

    def _skewness(self) -> Floats:
        return 1.0 / self.std

    def _log_probability(self, k: Floats, *parameters: Floats) -> Floats:
        (mean,) = parameters
        k1 = np.maximum(k, 1.0)
        change = k1 - mean
        some = change + k1 * _log_ratio(-change / k1, mean / k1)
        some = some - stirling_error(k1) - 0.5 * np.log(2.0 * math.pi * k1)
        return np.where(k > 0.0, some, -mean)

    def _slopes(self, y: Floats) -> list[Floats]:
        return [(y - self.mean) / self.mean]

    def _cumulative(self, k: Floats, *parameters: Floats) -> Floats:
        # P(Y <= k) = Q(k + 1, mean): DLMF 8.4.10.
        (mean,) = parameters
        below = mean > k + 2.0
        result = np.empty_like(k)
        for side, fraction in ((below, gamma_upper_fraction), (~below, gamma_fraction)):
            a, x = k[side] + 1.0, mean[side]
            j = a - 1.0 if fraction is gamma_upper_fraction else a
            result[side] = np.exp(self._log_probability(j, x)) / fraction(a, x)
        result[~below] = 1.0 - result[~below]
        return result

    def _sample(self, rng: Source, shape: tuple[int, ...]) -> Floats:
        return _draw_poisson(rng, np.broadcast_to(self.mean, shape))


def _log_ratio(change: Floats, ratio: Floats) -> Floats:
    """Log of ``ratio``, to all digits where ``change``, ratio - 1, is small."""
    return np.where(np.abs(change) < 0.5, np.log1p(change), np.log(ratio))


def _draw_poisson(rng: Source, mean: Floats) -> Floats:
    drawn = rng.poisson(np.minimum(mean, _LARGEST_DRAWN)).astype(np.float64)
    return np.where(mean < _LARGEST_DRAWN, drawn, np.rint(mean))
