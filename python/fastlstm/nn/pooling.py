"""Pooling over time: all valid steps of a sequence made one row.

Design: the row of a sequence has the same bits whatever batch it is in and however it
is padded. So sums over time run step after step (adding the padding's zeros at the end
changes nothing), and a maximum is one of its steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._validate import FLOAT_DTYPES, Array, FloatDtype, as_array, check_lengths
from ..params import Gradients, Parameters
from .base import Cache, ParameterLayer, check_like

if TYPE_CHECKING:
    Mask: TypeAlias = npt.NDArray[np.bool_]
    Positions: TypeAlias = npt.NDArray[np.intp]
    # Shape of x, where valid, number of valid steps.
    MeanCache: TypeAlias = Cache[tuple[tuple[int, ...], Mask | None, Array]]
    # Shape of x, the step that each value of y is from.
    MaxCache: TypeAlias = Cache[tuple[tuple[int, ...], Positions]]


class MeanPooling(ParameterLayer):
    """Mean over the valid steps: ``y = sum_t x_t / T``.

    Values are not checked: NaN in a valid step of a sequence is NaN in its row of y and
    in no other.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import MeanPooling
    >>> x = np.array([[[1.0], [3.0], [np.nan]], [[1.0], [3.0], [8.0]]])
    >>> MeanPooling()(x, lengths=[2, 3])
    array([[2.],
           [4.]])
    """

    def __init__(self) -> None:
        self.params = Parameters((), "float32")

    def __repr__(self) -> str:
        return "MeanPooling()"

    def __call__(
        self, x: npt.ArrayLike, *, lengths: npt.ArrayLike | None = None
    ) -> Array:
        """Infer.

        Parameters
        ----------
        x : ndarray of shape (N, T, F)
            float32 or float64, none of the axes empty.
        lengths : array-like of int of shape (N,), optional
            Valid steps of each sequence, by default all T. Steps beyond are never read.

        Returns
        -------
        y : ndarray of shape (N, F)
            The same bits for a sequence whatever the others are.

        Raises
        ------
        ValueError
            Another rank, an empty array, bad lengths.
        TypeError
            Another dtype, a masked array.
        """
        return self.forward(x, lengths=lengths)[0]

    def forward(
        self,
        x: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, MeanCache]:
        """Run for training: as a call, with a cache for :meth:`backward`.

        ``mask_seed`` and ``row_ids`` are not used.
        """
        x, valid = check_steps(x, lengths)
        counts = valid_counts(x, valid)
        with np.errstate(over="ignore", invalid="ignore"):
            y: Array = sum_steps(without_padding(x, valid, 0.0)) / counts
        return y, Cache(self, 0, (x.shape, valid, counts))

    def backward(
        self,
        dy: npt.ArrayLike,
        cache: MeanCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array:
        """Return the gradient of x, (N, T, F): ``dy / T``, zero at padded steps.

        Raises
        ------
        ValueError, TypeError
            Another layer's cache or a used one, another shape or dtype.
        """
        shape, valid, counts = cache.open(self, 0)
        dy = check_row_gradient(dy, (shape[0], shape[2]), counts.dtype)
        dx: Array = np.empty(shape, counts.dtype)
        dx[:] = (dy / counts)[:, None]
        if valid is not None:
            dx[~valid] = 0.0
        cache.close()
        return dx


class MaxPooling(ParameterLayer):
    """Largest value of each feature over the valid steps: ``y_f = max_t x_tf``.

    The gradient goes to the first step that has it. Values are not checked: NaN in a
    valid step of a sequence is NaN in its row of y and in no other.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import MaxPooling
    >>> x = np.array([[[1.0], [3.0], [np.nan]], [[1.0], [3.0], [8.0]]])
    >>> MaxPooling()(x, lengths=[2, 3])
    array([[3.],
           [8.]])
    """

    def __init__(self) -> None:
        self.params = Parameters((), "float32")

    def __repr__(self) -> str:
        return "MaxPooling()"

    def __call__(
        self, x: npt.ArrayLike, *, lengths: npt.ArrayLike | None = None
    ) -> Array:
        """Infer; parameters and result as :meth:`MeanPooling.__call__`."""
        x, valid = check_steps(x, lengths)
        highest: Array = without_padding(x, valid, -np.inf).max(axis=1)
        return highest + 0.0  # of 0.0 and -0.0 either may come out, and becomes 0.0

    def forward(
        self,
        x: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, MaxCache]:
        """Run for training: as a call, with a cache for :meth:`backward`.

        ``mask_seed`` and ``row_ids`` are not used.
        """
        x, valid = check_steps(x, lengths)
        at = without_padding(x, valid, -np.inf).argmax(axis=1, keepdims=True)
        y: Array = np.take_along_axis(x, at, axis=1)[:, 0] + 0.0
        return y, Cache(self, 0, (x.shape, at))

    def backward(
        self,
        dy: npt.ArrayLike,
        cache: MaxCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array:
        """Return the gradient of x, (N, T, F): dy where the largest values were.

        Raises
        ------
        ValueError, TypeError
            Another layer's cache or a used one, another shape or dtype.
        """
        shape, at = cache.open(self, 0)
        dy = check_row_gradient(dy, (shape[0], shape[2]), None)
        dx: Array = np.zeros(shape, dy.dtype)
        np.put_along_axis(dx, at, dy[:, None], axis=1)
        cache.close()
        return dx


def check_steps(
    x: npt.ArrayLike, lengths: npt.ArrayLike | None, features: int | None = None
) -> tuple[Array, Mask | None]:
    """Return x (N, T, F), C-contiguous, and where (N, T) it is valid: None for all."""
    array: Array = as_array("x", x)
    if array.dtype not in FLOAT_DTYPES:
        raise TypeError(f"x must be float32 or float64, got {array.dtype}")
    wrong = array.ndim != 3 or (features is not None and array.shape[2] != features)
    if wrong or not array.size:
        raise ValueError(
            f"x must have shape (N, T, {features or 'F'}), no axis empty, got "
            f"{array.shape}"
        )
    # Contiguous, so that `sum_steps` meets the steps in their order.
    array = np.ascontiguousarray(array)
    if lengths is None:
        return array, None
    counts = check_lengths(lengths, *array.shape[:2])
    if counts.min() == array.shape[1]:
        return array, None
    return array, np.arange(array.shape[1]) < counts[:, None]


def check_row_gradient(
    dy: npt.ArrayLike, shape: tuple[int, ...], dtype: FloatDtype | None
) -> Array:
    """Return dy (N, F), of ``dtype`` where one is given."""
    array: Array = as_array("dy", dy)
    if array.dtype not in FLOAT_DTYPES or dtype not in (None, array.dtype):
        expected = dtype or "float32 or float64"
        raise TypeError(f"dy must be {expected}, got {array.dtype}")
    return check_like("dy", array, shape, "y")


def without_padding(x: Array, valid: Mask | None, value: float) -> Array:
    """Return x with ``value`` at padded steps; x itself where there are none."""
    if valid is None:
        return x
    filled: Array = np.where(valid[:, :, None], x, x.dtype.type(value))
    return filled


def valid_counts(x: Array, valid: Mask | None) -> Array:
    """Return the number of valid steps (N, 1), in the dtype of x."""
    if valid is None:
        return np.full((len(x), 1), x.shape[1], x.dtype)
    counts: Any = valid.sum(axis=1, keepdims=True)
    return np.asarray(counts, x.dtype)


def sum_steps(x: Array) -> Array:
    """Sum C-contiguous (N, T, F) over T, one step after the other.

    NumPy sums pairwise, in an order that depends on T, where the steps are neighbours
    in memory, and otherwise as they come.
    """
    if x.shape[2] == 1:
        running: Array = np.add.accumulate(x, axis=1)
        return running[:, -1]
    total: Array = np.add.reduce(x, axis=1)
    return total
