"""What the outputs of a forecasting network mean: points, quantiles, distributions.

P outputs a target, side by side. A head takes them, with the centre and the scale of
the windows they are of, to numbers in the series' own units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from ..distributions import Distribution
from ..distributions.base import Source
from ..files import storable
from ..losses import (
    AbsoluteError,
    GaussianLikelihood,
    Huber,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    Quantile,
    SquaredError,
    StudentTLikelihood,
)
from ..training.protocols import Loss
from .numbers import Floats, level_places

__all__ = [
    "LOSSES",
    "POINT_LOSSES",
    "Head",
    "LikelihoodHead",
    "PointHead",
    "QuantileHead",
    "new_head",
]

_POINTS: Final[dict[str, Callable[[float], Loss]]] = {
    "squared_error": lambda delta: SquaredError(missing="ignore"),
    "absolute_error": lambda delta: AbsoluteError(missing="ignore"),
    "huber": lambda delta: Huber(delta, missing="ignore"),
}
_LIKELIHOODS: Final[dict[str, Any]] = {
    "gaussian": GaussianLikelihood,
    "student_t": StudentTLikelihood,
    "negative_binomial": NegativeBinomialLikelihood,
    "poisson": PoissonLikelihood,
}
POINT_LOSSES: Final = tuple(_POINTS)
LOSSES: Final = (*POINT_LOSSES, "quantile", *_LIKELIHOODS)


class Head(ABC):
    """Base of the heads.

    Outputs are (n, ..., K * P); ``center`` and ``scale`` are (n, K), one each a window:
    the outputs speak of ``(y - center) / scale``, or of counts of mean ``scale``.
    """

    counts: ClassVar[bool] = False
    # Whether quantiles of any level, and draws, can be had.
    random: ClassVar[bool] = False

    @property
    @abstractmethod
    def outputs(self) -> int:
        """P."""

    @abstractmethod
    def make_loss(self) -> Loss:
        """Make the training loss, which leaves out missing targets."""

    @abstractmethod
    def point(self, outputs: NDArray[Any], center: Floats, scale: Floats) -> Floats:
        """Return (n, ..., K) forecasts: the mean, or the median of quantiles."""

    @abstractmethod
    def quantiles(
        self,
        outputs: NDArray[Any],
        center: Floats,
        scale: Floats,
        levels: Sequence[float],
    ) -> Floats:
        """Return (n, ..., K, Q) quantiles, which increase with their levels.

        Raises
        ------
        ValueError
            Levels that the head does not know.
        """

    def sample(
        self,
        outputs: NDArray[Any],
        center: Floats,
        scale: Floats,
        rng: Source,
        n: int,
    ) -> Floats:
        """Draw ``n`` times, each output by itself: (n, ...).

        Raises
        ------
        ValueError
            The head is no distribution.
        """
        raise no_paths()


@storable
class PointHead(Head):
    """One number a target.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber"}
    delta : float, default=1.0
        Of Huber's loss.
    """

    def __init__(self, loss: str = "squared_error", delta: float = 1.0) -> None:
        self.loss, self.delta = loss, delta

    @property
    def outputs(self) -> int:
        """P."""
        return 1

    def make_loss(self) -> Loss:
        """Make the loss, see `Head`."""
        return _POINTS[self.loss](self.delta)

    def point(self, outputs: NDArray[Any], center: Floats, scale: Floats) -> Floats:
        """Return forecasts, see `Head`."""
        return in_units(outputs, center, scale)

    def quantiles(
        self,
        outputs: NDArray[Any],
        center: Floats,
        scale: Floats,
        levels: Sequence[float],
    ) -> Floats:
        """Return quantiles, see `Head`."""
        raise ValueError(
            f"loss={self.loss!r} has no quantiles: fit with loss='quantile', a "
            "likelihood such as loss='gaussian', or conformal='split'"
        )


@storable
class QuantileHead(Head):
    """Q quantiles a target, which are sorted (Chernozhukov et al. 2010).

    Parameters
    ----------
    levels : sequence of float
        Increasing, with 0.5 among them, which is the point forecast.
    """

    def __init__(self, levels: Sequence[float] = (0.5,)) -> None:
        self.levels = [float(level) for level in levels]

    @property
    def outputs(self) -> int:
        """P."""
        return len(self.levels)

    def make_loss(self) -> Loss:
        """Make the loss, see `Head`."""
        return Quantile(self.levels, missing="ignore")

    def point(self, outputs: NDArray[Any], center: Floats, scale: Floats) -> Floats:
        """Return forecasts, see `Head`."""
        return self.quantiles(outputs, center, scale, [0.5])[..., 0]

    def quantiles(
        self,
        outputs: NDArray[Any],
        center: Floats,
        scale: Floats,
        levels: Sequence[float],
    ) -> Floats:
        """Return quantiles, see `Head`."""
        at = level_places(levels, self.levels)
        if -1 in at:
            raise ValueError(
                f"quantile {levels[at.index(-1)]:g} was not trained: the fit had "
                f"quantiles={self.levels}. Other levels at any time has loss='gaussian'"
            )
        each = outputs.reshape(*outputs.shape[:-1], -1, self.outputs)
        ordered = np.sort(each, axis=-1)[..., at]
        return np.moveaxis(in_units(np.moveaxis(ordered, -1, 1), center, scale), 1, -1)


@storable
class LikelihoodHead(Head):
    """The parameters of a distribution of each target.

    Parameters
    ----------
    loss : {"gaussian", "student_t", "negative_binomial", "poisson"}
    """

    random = True

    def __init__(self, loss: str = "gaussian") -> None:
        self.loss = loss

    @property
    def counts(self) -> bool:  # type: ignore[override]
        """Whether targets are counts, which are never shifted."""
        return self.loss in ("negative_binomial", "poisson")

    @property
    def outputs(self) -> int:
        """P."""
        return len(self._distribution.parameters)

    @property
    def _distribution(self) -> type[Distribution]:
        kind: type[Distribution] = _LIKELIHOODS[self.loss].distribution
        return kind

    def make_loss(self) -> Loss:
        """Make the loss, see `Head`."""
        loss: Loss = _LIKELIHOODS[self.loss](missing="ignore")
        return loss

    def _predicted(
        self, outputs: NDArray[Any], center: Floats, scale: Floats
    ) -> Distribution:
        shape = (len(outputs), *(1,) * (outputs.ndim - 2), -1)
        return self._distribution.from_outputs(
            outputs,
            location=None if self.counts else center.reshape(shape),
            scale=scale.reshape(shape),
        )

    def point(self, outputs: NDArray[Any], center: Floats, scale: Floats) -> Floats:
        """Return forecasts, see `Head`."""
        return self._predicted(outputs, center, scale).mean

    def quantiles(
        self,
        outputs: NDArray[Any],
        center: Floats,
        scale: Floats,
        levels: Sequence[float],
    ) -> Floats:
        """Return quantiles, see `Head`."""
        return self._predicted(outputs, center, scale).quantile(list(levels))

    def sample(
        self,
        outputs: NDArray[Any],
        center: Floats,
        scale: Floats,
        rng: Source,
        n: int,
    ) -> Floats:
        """Draw from the distribution, see `Head`."""
        return self._predicted(outputs, center, scale).sample(rng, n)


def new_head(loss: str, quantiles: Sequence[float], delta: float) -> Head:
    """Make the head that goes with a ``loss`` of `LOSSES`."""
    if loss in _POINTS:
        return PointHead(loss, delta)
    if loss == "quantile":
        median = [0.5] if -1 in level_places([0.5], quantiles) else []
        return QuantileHead(sorted([*quantiles, *median]))
    return LikelihoodHead(loss)


def no_paths() -> ValueError:
    """Return what is raised where there is nothing to draw from."""
    return ValueError(
        "sample paths need a distribution: fit with loss='gaussian', 'student_t', "
        "'negative_binomial' or 'poisson'"
    )


def in_units(values: NDArray[Any], center: Floats, scale: Floats) -> Floats:
    """Take (n, ..., K) values from the network's units, in float64."""
    shape = (len(values), *(1,) * (values.ndim - 2), -1)
    result: Floats = values * scale.reshape(shape)
    result += center.reshape(shape)
    return result
