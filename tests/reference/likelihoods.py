"""Negative log-likelihoods of one target each, and their slopes by the outputs.

Raw outputs (M, P) become parameters by softplus; each function returns -log p (M,) and
the P slopes (M,). Counts are summed up one by one, without a gamma function: for whole
y, ``gamma(y + 1/a) a^y / gamma(1/a) = (1 + a 0) (1 + a 1) ... (1 + a (y - 1))``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import digamma, expit, gammaln

Array = np.ndarray
Term = tuple[Array, list[Array]]


def softplus(x: Array) -> Array:
    return np.logaddexp(0.0, x)


def gaussian(outputs: Array, y: Array) -> Term:
    """Salinas et al. 2020, section 3.1: sigma = softplus + 0.001."""
    mu, sigma = outputs[:, 0], softplus(outputs[:, 1]) + 1e-3
    z = (y - mu) / sigma
    value = 0.5 * z**2 + np.log(sigma) + 0.5 * np.log(2 * np.pi)
    return value, [-z / sigma, (1 - z**2) / sigma * expit(outputs[:, 1])]


def student_t(outputs: Array, y: Array) -> Term:
    """Density of Student 1908 with location mu, scale s, nu = 2 + softplus + 1e-6."""
    mu, s = outputs[:, 0], softplus(outputs[:, 1]) + 1e-3
    nu = 2.0 + 1e-6 + softplus(outputs[:, 2])
    z = (y - mu) / s
    value = gammaln(nu / 2) - gammaln((nu + 1) / 2) + 0.5 * np.log(np.pi * nu)
    value = value + np.log(s) + (nu + 1) / 2 * np.log1p(z**2 / nu)
    by_z = (nu + 1) * z / (nu + z**2)
    by_nu = digamma(nu / 2) - digamma((nu + 1) / 2) + 1 / nu + np.log1p(z**2 / nu)
    by_nu = 0.5 * (by_nu - by_z * z / nu)
    return value, [
        -by_z / s,
        (1 - by_z * z) / s * expit(outputs[:, 1]),
        by_nu * expit(outputs[:, 2]),
    ]


def _sum_below(y: Array, term: Callable[[Array, int], Array]) -> Array:
    """Sum over i = 0 .. y - 1 of term(rows, i)."""
    return np.array([term(np.arange(int(n)), row).sum() for row, n in enumerate(y)])


def negative_binomial(outputs: Array, y: Array) -> Term:
    """Salinas et al. 2020, section 3.1: variance mu + a mu^2; both softplus + 1e-6."""
    mu, a = softplus(outputs[:, 0]) + 1e-6, softplus(outputs[:, 1]) + 1e-6
    u = a * mu
    ways = _sum_below(y, lambda i, row: np.log1p(a[row] * i) - np.log1p(i))
    value = (y + 1 / a) * np.log1p(u) - y * np.log(mu) - ways
    by_mu = (mu - y) / (mu * (1 + u))
    by_a = -_sum_below(y, lambda i, row: i / (1 + a[row] * i))
    by_a = by_a + y * mu / (1 + u) - (np.log1p(u) - u / (1 + u)) / a**2
    return value, [by_mu * expit(outputs[:, 0]), by_a * expit(outputs[:, 1])]


def poisson(outputs: Array, y: Array) -> Term:
    """-log(mu^y exp(-mu) / y!): mu = softplus + 1e-6."""
    mu = softplus(outputs[:, 0]) + 1e-6
    value = mu - y * np.log(mu) + _sum_below(y, lambda i, row: np.log1p(i))
    return value, [(mu - y) / mu * expit(outputs[:, 0])]
