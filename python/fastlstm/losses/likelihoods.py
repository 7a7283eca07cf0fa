"""Negative log-likelihoods: losses of networks that predict distributions.

Design: `fastlstm.distributions` has the formulas; a loss here is the mean of ``-log
prob`` over targets. All constants are in it, so values can be compared between
likelihoods of the same kind of target. Everything is computed in float64.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from .._validate import Array, as_array
from ..distributions import Distribution, Gaussian, NegativeBinomial, Poisson, StudentT
from .rows import refuse
from .targets import ElementwiseLoss

__all__ = [
    "GaussianLikelihood",
    "NegativeBinomialLikelihood",
    "PoissonLikelihood",
    "StudentTLikelihood",
]


class _Likelihood(ElementwiseLoss):
    """Mean of ``-log prob(target)`` of the distribution that the outputs say."""

    distribution: ClassVar[type[Distribution]]
    _prediction = "parameter"

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "distribution"):
            cls._predictions = len(cls.distribution.parameters)

    def _evaluate(
        self, pred: Array, target: Array, scale: Array | None
    ) -> tuple[Array, Array]:
        log_prob, slopes = self.distribution.log_prob_of_outputs(
            pred, target[:, None], scale=None if scale is None else scale[:, None]
        )
        return -log_prob[:, 0], -slopes


class _CountLikelihood(_Likelihood):
    """The same of counts, whose distributions a scale may stretch."""

    # float32 has no whole numbers between some from 2^24 on.
    _exact_targets = True

    def __call__(
        self,
        pred: npt.ArrayLike,
        target: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
        scale: npt.ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Value and gradient; parameters and errors as for :class:`SquaredError`.

        Parameters
        ----------
        pred, target, lengths, sample_weight
            See there; a target that counts is 0 or a whole number above. ``target``
            may be float64 whatever ``pred`` is.
        scale : array-like of shape (N,) or (N, K), optional
            Above 0: by what the counts of each sample, or of each of its K targets, are
            larger than those that the outputs speak of, see
            `fastlstm.distributions.NegativeBinomial`. It holds at all steps.

        Raises
        ------
        ValueError
            A target that counts and is no count, bad scales.
        """
        if scale is None:
            return self._mean(pred, target, lengths, sample_weight)
        y = as_array("target", target)
        factors = _checked_scale(scale, y.shape)
        each = factors.reshape(len(y), *[1] * (y.ndim - 2), -1)
        return self._mean(pred, target, lengths, sample_weight, each)

    def _read(
        self,
        pred: npt.ArrayLike,
        target: npt.ArrayLike,
        lengths: npt.ArrayLike | None,
        sample_weight: npt.ArrayLike | None,
    ) -> tuple[Array, Array, Array]:
        pred, target, weights = super()._read(pred, target, lengths, sample_weight)
        bad = (target < 0.0) | (target > np.floor(target))
        if bad.any():
            bad &= (weights != 0.0).reshape(*target.shape[:-1], 1)
            refuse(target, bad, ": expected a count, a whole number of at least 0")
        return pred, target, weights


class GaussianLikelihood(_Likelihood):
    """Of :class:`fastlstm.distributions.Gaussian`, ``z^2 / 2 + log(scale sqrt(2 pi))``.

    z = (target - location) / scale. ``pred`` has two outputs for each target, side
    by side, location and scale, the latter through softplus: those of target k are
    2 k and 2 k + 1. Salinas et al. 2020, section 3.1.

    Parameters
    ----------
    missing : {"raise", "ignore"}, default="raise"
        As for :class:`SquaredError`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import GaussianLikelihood
    >>> pred = np.array([[1.0, 0.5]])
    >>> loss = GaussianLikelihood()
    >>> value, gradient = loss(pred, np.array([[2.0]]))
    >>> round(value, 4), gradient.round(4)
    (1.4196, array([[-1.0518, -0.0331]]))
    >>> loss.distribution.from_outputs(pred).scale.round(4)
    array([[0.9751]])
    """

    distribution = Gaussian


class StudentTLikelihood(_Likelihood):
    """Of :class:`fastlstm.distributions.StudentT`, which bears outliers.

    ``pred`` has three outputs for each target, side by side: location, scale and
    degrees of freedom, which are ``2 + softplus``.

    Parameters
    ----------
    missing : {"raise", "ignore"}, default="raise"
        As for :class:`SquaredError`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import StudentTLikelihood
    >>> value, _ = StudentTLikelihood()(np.zeros((1, 3)), np.array([[2.0]]))
    >>> round(value, 4)
    3.2424
    """

    distribution = StudentT


class NegativeBinomialLikelihood(_CountLikelihood):
    """Of :class:`fastlstm.distributions.NegativeBinomial`, for counts that vary much.

    ``pred`` has two outputs for each target, side by side: mean and alpha, both through
    softplus. The variance is ``mean + alpha mean^2`` (Salinas et al. 2020, section
    3.1).

    Parameters
    ----------
    missing : {"raise", "ignore"}, default="raise"
        As for :class:`SquaredError`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import NegativeBinomialLikelihood
    >>> loss = NegativeBinomialLikelihood()
    >>> value, _ = loss(np.zeros((1, 2)), np.array([[3.0]]), scale=[5.0])
    >>> round(value, 4)
    1.8533
    """

    distribution = NegativeBinomial


class PoissonLikelihood(_CountLikelihood):
    """Of :class:`fastlstm.distributions.Poisson`, ``mean - y log mean + log y!``.

    ``pred`` has one output for each target: the mean, through softplus.

    Parameters
    ----------
    missing : {"raise", "ignore"}, default="raise"
        As for :class:`SquaredError`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import PoissonLikelihood
    >>> value, gradient = PoissonLikelihood()(np.zeros((1, 1)), np.array([[3.0]]))
    >>> round(value, 4), gradient.round(4)
    (3.5844, array([[-1.664]]))
    """

    distribution = Poisson


def _checked_scale(scale: npt.ArrayLike, targets: tuple[int, ...]) -> Array:
    """Return (N,) or (N, K) scales in float64."""
    factors = as_array("scale", scale)
    if factors.dtype.kind not in "fiu":
        raise TypeError(f"scale must hold real numbers, got {factors.dtype}")
    each, every = targets[:1], (targets[0], targets[-1])
    if factors.shape not in (each, every):
        raise ValueError(
            f"scale must have shape {each}, one a sample, or {every}, one a sample and "
            f"target, got {factors.shape}"
        )
    factors = factors.astype(np.float64)
    bad = ~(np.isfinite(factors) & (factors > 0.0))
    if bad.any():
        at = tuple(np.argwhere(bad)[0])
        output = f", output {at[1]}" if len(at) == 2 else ""
        raise ValueError(
            f"scale must be finite and above 0, got {factors[at]} for sample "
            f"{at[0]}{output}"
        )
    result: Array = factors
    return result
