"""Penalties: losses of a layer's outputs, without a target."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import Array, check_float
from .rows import prepare, rows_of

__all__ = ["ActivationPenalty", "TemporalActivationPenalty"]


class ActivationPenalty:
    """Activation regularisation, AR: ``alpha mean(y_t^2)`` (Merity et al. 2017).

    The mean is over valid steps and units. Merity et al. 2018 apply it, with alpha = 2,
    to the outputs of the last layer after dropout.

    Parameters
    ----------
    alpha : float
        At least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import ActivationPenalty
    >>> value, gradient = ActivationPenalty(2.0)(np.array([[[1.0, 0.0], [3.0, 0.0]]]))
    >>> value, gradient
    (5.0, array([[[1., 0.],
            [3., 0.]]]))
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = check_float("alpha", alpha, "[0, inf)")

    def __repr__(self) -> str:
        return f"ActivationPenalty({self.alpha})"

    def __call__(
        self,
        y: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Value and gradient.

        Parameters
        ----------
        y : ndarray of shape (N, T, F) or (N, F)
            Outputs of a layer, float32 or float64; padded steps are not read.
        lengths, sample_weight
            As for :class:`SquaredError`.

        Returns
        -------
        value : float
            NaN or inf only if ``y`` holds some.
        gradient : ndarray of the shape of ``y``

        Raises
        ------
        ValueError, TypeError
            Another shape or dtype, bad lengths or weights.
        """
        y, weights = prepare("y", y, lengths, sample_weight)
        weights *= self.alpha
        gradient = np.empty(y.shape, y.dtype)
        return _core.squared_activation(
            rows_of(y), weights, rows_of(gradient)
        ), gradient


class TemporalActivationPenalty:
    """Temporal activation regularisation, TAR: ``beta mean((y_t - y_{t-1})^2)``.

    The mean is over valid steps after the first, and units; zero where no sequence has
    two steps (Merity et al. 2017). Merity et al. 2018 apply it, with beta = 1, to the
    outputs of the last layer before dropout.

    Parameters
    ----------
    beta : float
        At least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.losses import TemporalActivationPenalty
    >>> y = np.array([[[1.0, 0.0], [3.0, 0.0]]])
    >>> TemporalActivationPenalty(1.0)(y)
    (2.0, array([[[-2.,  0.],
            [ 2.,  0.]]]))
    """

    def __init__(self, beta: float) -> None:
        self.beta = check_float("beta", beta, "[0, inf)")

    def __repr__(self) -> str:
        return f"TemporalActivationPenalty({self.beta})"

    def __call__(
        self,
        y: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Value and gradient; as :class:`ActivationPenalty`, y of shape (N, T, F)."""
        y, weights = prepare("y", y, lengths, sample_weight, pairs=True)
        weights *= self.beta
        gradient = np.empty(y.shape, y.dtype)
        return _core.squared_change(rows_of(y), weights, rows_of(gradient)), gradient
