"""The fully connected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import (
    Array,
    FloatDtype,
    RandomState,
    as_dtype,
    as_generator,
    as_rows,
    check_bool,
    check_choice,
    check_dtype,
    check_int,
    check_lengths,
    check_size,
)
from ..params import Gradients, Parameters, ParameterSpec
from .base import Cache, Core, ParameterLayer, check_like, flat_grads
from .initializers import glorot_uniform

if TYPE_CHECKING:
    Mask: TypeAlias = npt.NDArray[np.bool_]
    # Rows of x, the shape of x, and which samples' steps the rows are: None for all.
    LinearCache: TypeAlias = Cache[tuple[Array, tuple[int, ...], Mask | None]]

INITIALIZERS: Final = ("glorot_uniform", "uniform")


class Linear(ParameterLayer):
    """``y = x W^T + b`` on the last axis.

    Values are not checked: NaN in a row of x is NaN in that row of y and in no other.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis of x and of y.
    bias : bool, default=True
        Whether there is a b.
    initializer : {"glorot_uniform", "uniform"}, default="glorot_uniform"
        As Keras (zero bias) or as torch: U(-k, k), k = 1 / sqrt(in_features), for both.
    dtype : {"float32", "float64"}, default="float32"
        Storage and arithmetic. Inputs must have it.
    random_state : None, int, numpy.random.Generator or RandomState
        Source of the weights.

    Attributes
    ----------
    params : Parameters
        ``weight`` (out_features, in_features) and ``bias`` (out_features,).
    grads : Gradients
        Under the same names.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import Linear
    >>> Linear(3, 2, random_state=0)(np.ones((5, 7, 3), np.float32)).shape
    (5, 7, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        initializer: str = "glorot_uniform",
        dtype: npt.DTypeLike = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.in_features = check_int("in_features", in_features, 1)
        self.out_features = check_int("out_features", out_features, 1)
        self.bias = check_bool("bias", bias)
        self.initializer = check_choice("initializer", initializer, INITIALIZERS)
        storage: FloatDtype = check_dtype(dtype)
        check_size("the weights", self.in_features * self.out_features, storage)
        self._core = Core(
            _core.Linear,
            self.in_features,
            self.out_features,
            self.bias,
            storage.name,
        )
        self.params = Parameters(
            [
                ParameterSpec(name, tuple(shape), decay=name != "bias")
                for name, shape, _ in self._core.compiled.layout
            ],
            storage,
        )
        rng = as_generator(random_state)
        with self.params.writable() as values:
            if self.initializer == "uniform":
                k = self.in_features**-0.5
                for value in values.values():
                    value[...] = rng.uniform(-k, k, value.shape)
            else:
                shape = (self.out_features, self.in_features)
                values["weight"][...] = glorot_uniform(shape, rng)

    def __repr__(self) -> str:
        return (
            f"Linear({self.in_features}, {self.out_features}, bias={self.bias}, "
            f"dtype={self.dtype.name!r})"
        )

    @property
    def compiled(self) -> _core.Linear:
        """The core's own layer with the newest weights, for callers that checked."""
        return self._core.synced(self.params)

    def __call__(
        self, x: npt.ArrayLike, *, lengths: npt.ArrayLike | None = None
    ) -> Array:
        """Infer.

        Parameters
        ----------
        x : ndarray of shape (..., in_features)
            Of the layer's dtype, at least two axes, none of them empty.
        lengths : array-like of int of shape (N,), optional
            With (N, T, ..., in_features): valid steps of each sequence. Steps beyond
            are never read and give zeros. Not used with two axes, which have no steps.

        Returns
        -------
        y : ndarray of shape (..., out_features)
            The same bits for a row whatever the others are.

        Raises
        ------
        ValueError
            Another shape, bad lengths.
        TypeError
            Another dtype, a masked array.
        """
        return self._outputs(*self._checked(x, lengths))

    def forward(
        self,
        x: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, LinearCache]:
        """Run for training: as a call, with a cache for :meth:`backward`.

        ``mask_seed`` and ``row_ids`` are not used. Leave x unchanged until backward.
        """
        x2d, shape, valid = self._checked(x, lengths)
        y = self._outputs(x2d, shape, valid)
        return y, Cache(self, self._core.version, (x2d, shape, valid))

    @overload
    def backward(
        self,
        dy: npt.ArrayLike,
        cache: LinearCache,
        *,
        grads: Gradients | None = None,
        need_dx: Literal[True] = True,
    ) -> Array: ...

    @overload
    def backward(
        self,
        dy: npt.ArrayLike,
        cache: LinearCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool,
    ) -> Array | None: ...

    def backward(
        self,
        dy: npt.ArrayLike,
        cache: LinearCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        """Add the parameters' gradients into ``grads``; return that of x.

        Parameters
        ----------
        dy : ndarray of shape (..., out_features)
            Gradient of y; not read at padded steps.
        cache : Cache
            From this layer's :meth:`forward`, not used yet, weights unchanged since.
        grads : Gradients, optional
            What to add into, :attr:`grads` by default.
        need_dx : bool, default=True
            Whether to compute the gradient of x.

        Returns
        -------
        dx : ndarray of shape (..., in_features) or None
            Gradient of x, zero at padded steps.

        Raises
        ------
        ValueError, TypeError
            Another layer's cache, a used or an outdated one, another shape or dtype.
        """
        x2d, shape, valid = cache.open(self, self.params.version)
        expected = (*shape[:-1], self.out_features)
        dy = check_like("dy", as_dtype("dy", dy, self.dtype), expected, "y")
        flat = flat_grads(self.params, grads)
        dx2d = np.empty(x2d.shape, self.dtype) if need_dx else None
        self._core.compiled.backward(_rows(dy, valid), x2d, flat, dx2d)
        cache.close()
        return None if dx2d is None else _spread(dx2d, valid, shape)

    def _outputs(self, x2d: Array, shape: tuple[int, ...], valid: Mask | None) -> Array:
        y2d = np.empty((x2d.shape[0], self.out_features), self.dtype)
        self.compiled.forward(x2d, y2d)
        return _spread(y2d, valid, (*shape[:-1], self.out_features))

    def _checked(
        self, x: npt.ArrayLike, lengths: npt.ArrayLike | None
    ) -> tuple[Array, tuple[int, ...], Mask | None]:
        """Return the valid rows, the shape of x, and where padding leaves some out."""
        x = as_dtype("x", x, self.dtype)
        if x.ndim < 2 or x.shape[-1] != self.in_features or not x.size:
            raise ValueError(
                f"x must have shape (..., {self.in_features}), at least two axes and "
                f"none empty, got {x.shape}"
            )
        valid = None
        if lengths is not None and x.ndim > 2:
            counts = check_lengths(lengths, *x.shape[:2])
            # Where nothing is padded no row needs to be picked, hence copied.
            if counts.min() < x.shape[1]:
                valid = np.arange(x.shape[1]) < counts[:, None]
        return _rows(x, valid), x.shape, valid


def _rows(array: Array, valid: Mask | None) -> Array:
    """Return the rows (M, F) of ``array`` (..., F), at ``valid`` (N, T) steps only.

    A padded step left in would count in dW = dy^T x even with dy = 0: 0 NaN = NaN.
    """
    rows = as_rows(array if valid is None else array[valid])
    return rows if rows.ndim == 2 else rows.reshape(-1, rows.shape[-1])


def _spread(rows: Array, valid: Mask | None, shape: tuple[int, ...]) -> Array:
    """Undo `_rows`: an array of ``shape`` with zeros where not ``valid``."""
    if valid is None:
        return rows.reshape(shape)
    full: Array = np.zeros(shape, rows.dtype)
    full[valid] = rows.reshape(-1, *shape[2:])
    return full
