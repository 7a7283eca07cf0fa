"""Dropout with masks that depend on a seed and on nothing that may vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import (
    FLOAT_DTYPES,
    Array,
    IntArray,
    RandomState,
    as_array,
    as_generator,
    as_rows,
    check_bool,
    check_float,
    check_row_ids,
)
from ..params import Gradients, Parameters
from .base import Cache, ParameterLayer, check_like, resolve_seed

if TYPE_CHECKING:
    DropoutCache: TypeAlias = Cache[tuple[tuple[int, ...], int, IntArray | None]]

# The last of the 2^16 streams of a seed: an LSTM's layers use the first ones, and a
# model may give both the same seed.
_STREAM: Final = 2**16 - 1


class Dropout(ParameterLayer):
    """Zero each element with probability p in training, scale the rest by 1 / (1 - p).

    Inference passes its input through (Srivastava et al. 2014, inverted).

    Parameters
    ----------
    p : float, default=0.5
        Probability in [0, 1).
    locked : bool, default=False
        Draw one mask a sequence, the same at every step ("variational" dropout, Gal &
        Ghahramani 2016), not another one each step.
    random_state : None, int, numpy.random.Generator or RandomState
        Source of the seeds of forwards without ``mask_seed``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import Dropout
    >>> y, cache = Dropout(0.25).forward(np.ones((2, 5, 3)), mask_seed=0)
    >>> sorted({round(float(value), 3) for value in y.flat})
    [0.0, 1.333]
    >>> y, cache = Dropout(0.5, locked=True).forward(np.ones((2, 5, 3)), mask_seed=0)
    >>> bool((y == y[:, :1]).all())
    True
    """

    def __init__(
        self,
        p: float = 0.5,
        locked: bool = False,
        *,
        random_state: RandomState = None,
    ) -> None:
        self.p = check_float("p", p, "[0, 1)")
        self.locked = check_bool("locked", locked)
        self._rng = as_generator(random_state)
        self.params = Parameters((), "float32")

    def __repr__(self) -> str:
        return f"Dropout({self.p}{', locked=True' if self.locked else ''})"

    def __call__(
        self, x: npt.ArrayLike, *, lengths: npt.ArrayLike | None = None
    ) -> Array:
        """Infer: x itself, after the checks."""
        return self._checked("x", x)

    def forward(
        self,
        x: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, DropoutCache]:
        """Run for training: masked, scaled, and a cache for :meth:`backward`.

        Parameters
        ----------
        x : ndarray of shape (N, F) or (N, T, F)
            float32 or float64, none of the axes empty.
        lengths : optional
            Not used: a mask at a padded step does no harm.
        mask_seed : int, optional
            The mask is a function of this seed, the step (unless locked), the row id
            and the feature; by default the next seed of ``random_state``.
        row_ids : array-like of int of shape (N,), optional
            A number that stays with a sequence wherever it stands in a batch; by
            default its place.

        Returns
        -------
        y : ndarray of the shape of x
            With zeros.
        cache : Cache
            For one backward; the mask is drawn again there, not kept.

        Raises
        ------
        ValueError, TypeError
            Another rank or dtype, a bad ``mask_seed`` or ``row_ids``.
        """
        x = self._checked("x", x)
        ids = None if row_ids is None else check_row_ids(row_ids, x.shape[0])
        seed = resolve_seed(mask_seed, self._rng)
        y = self._masked(x, seed, ids)
        # No parameters, so nothing that an update elsewhere in the model could outdate.
        return y, Cache(self, 0, (x.shape, seed, ids))

    def backward(
        self,
        dy: npt.ArrayLike,
        cache: DropoutCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array:
        """Return the gradient of x: dy under the same mask.

        Raises
        ------
        ValueError, TypeError
            Another layer's cache or a used one, another shape or dtype.
        """
        shape, seed, ids = cache.open(self, 0)
        dy = check_like("dy", self._checked("dy", dy), shape, "y")
        dx = self._masked(dy, seed, ids)
        cache.close()
        return dx

    def _masked(self, x: Array, seed: int, ids: IntArray | None) -> Array:
        if not self.p:
            return x
        out = np.empty(x.shape, x.dtype)
        _core.dropout(x, out, self.p, self.locked, seed, _STREAM, ids)
        return out

    def _checked(self, name: str, x: npt.ArrayLike) -> Array:
        array = as_array(name, x)
        if array.dtype not in FLOAT_DTYPES:
            raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
        if array.ndim not in (2, 3) or not array.size:
            raise ValueError(
                f"{name} must have shape (N, F) or (N, T, F), no axis empty, "
                f"got {array.shape}"
            )
        return as_rows(array)
