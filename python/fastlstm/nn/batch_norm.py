"""Batch normalisation over the valid steps of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import (
    Array,
    FloatDtype,
    IntArray,
    all_finite,
    as_floats,
    check_bool,
    check_dtype,
    check_finite,
    check_float,
    check_int,
    check_lengths,
    check_size,
    check_steps_finite,
)
from ..params import Gradients, Parameters, ParameterSpec
from .base import Cache, ParameterLayer, check_like, flat_grads

if TYPE_CHECKING:
    # x, its lengths where any step is padded, mean and variance of its features (2, F).
    BatchNormCache: TypeAlias = Cache[tuple[Array, IntArray | None, Array]]


class BatchNorm(ParameterLayer):
    """Normalise each feature over all valid steps of the batch, then scale and shift.

    ``y = (x - mean) / sqrt(variance + epsilon) * weight + bias`` (Ioffe & Szegedy 2015,
    algorithm 1). Training takes mean and variance (divided by the number of rows M)
    from the batch, and moves running averages towards them::

        running_mean = (1 - momentum) running_mean + momentum mean
        running_var  = (1 - momentum) running_var  + momentum variance M / (M - 1)

    A call, which infers, takes mean and variance from these, so an output does not
    depend on the rest of the batch then. All is as in torch.nn.BatchNorm1d on the valid
    rows, for batch-first arrays.

    Sums are of float64 and cut by the number of valid rows alone: the results have the
    same bits for any number of threads and whatever stands in padded steps.

    Parameters
    ----------
    num_features : int
        Size F of the last axis.
    momentum : float, default=0.1
        Weight in [0, 1] of a batch in the running averages; torch's meaning, which is
        one minus Keras's.
    epsilon : float, default=1e-5
        Above 0.
    affine : bool, default=True
        Whether there are weight and bias.
    dtype : {"float32", "float64"}, default="float32"
        Storage. Inputs must have it.

    Attributes
    ----------
    params : Parameters
        ``weight`` (F,), from ones, and ``bias`` (F,), from zeros, where affine, both
        spared from weight decay; ``running_mean`` (F,), from zeros, and
        ``running_var`` (F,), from ones. The running averages are statistics: each
        training forward writes them without a new version (see
        :meth:`fastlstm.params.Parameters.statistics`), and no optimizer moves them.
    grads : Gradients
        Under the same names; those of the running averages stay zero.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import BatchNorm
    >>> layer = BatchNorm(1, momentum=0.5, dtype="float64")
    >>> y, cache = layer.forward(np.array([[1.0], [3.0]]))
    >>> y.round(3).tolist()
    [[-1.0], [1.0]]
    >>> layer.params["running_mean"], layer.params["running_var"]
    (array([1.]), array([1.5]))
    """

    def __init__(
        self,
        num_features: int,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        affine: bool = True,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.num_features = check_int("num_features", num_features, 1)
        self.momentum = check_float("momentum", momentum, "[0, 1]")
        self.epsilon = check_float("epsilon", epsilon, "(0, inf)")
        self.affine = check_bool("affine", affine)
        storage: FloatDtype = check_dtype(dtype)
        check_size("the parameters", 4 * self.num_features, storage)
        shape = (self.num_features,)
        specs = [ParameterSpec(n, shape, decay=False) for n in ("weight", "bias")]
        self.params = Parameters(
            [
                *(specs if self.affine else ()),
                ParameterSpec("running_mean", shape, decay=False, statistic=True),
                ParameterSpec("running_var", shape, decay=False, statistic=True),
            ],
            storage,
        )
        with self.params.writable() as values:
            for name in {"weight", "running_var"} & values.keys():
                values[name][...] = 1.0

    def __repr__(self) -> str:
        return (
            f"BatchNorm({self.num_features}, momentum={self.momentum}, "
            f"epsilon={self.epsilon}, affine={self.affine}, dtype={self.dtype.name!r})"
        )

    def __call__(
        self, x: npt.ArrayLike, *, lengths: npt.ArrayLike | None = None
    ) -> Array:
        """Infer, with the running averages of the moment.

        Parameters
        ----------
        x : ndarray of shape (N, F) or (N, T, F)
            Of the layer's dtype, no axis empty. Values are not checked: NaN is NaN in
            that element of y and in no other.
        lengths : array-like of int of shape (N,), optional
            With (N, T, F): valid steps of each sequence. Steps beyond are never read
            and give zeros. Not used with two axes, which have no steps.

        Returns
        -------
        y : ndarray of the shape of x
            The same bits for a row whatever the others are.

        Raises
        ------
        ValueError
            Another shape, bad lengths, a negative running variance.
        TypeError
            Another dtype, a masked array.
        """
        x, counts = self._checked(x, lengths)
        names = ("running_mean", "running_var")
        with self.params.statistics_lock:
            moments = np.array([self.params[name] for name in names], np.float64)
        return self._outputs(x, counts, moments)

    def forward(
        self,
        x: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, BatchNormCache]:
        """Run for training: the batch's own statistics, which move the running ones.

        Parameters
        ----------
        x, lengths
            As for a call, with finite values and two valid rows at least. Leave x
            unchanged until :meth:`backward`.
        mask_seed, row_ids : optional
            Not used.

        Returns
        -------
        y : ndarray of the shape of x
            Zeros at padded steps.
        cache : Cache
            For one :meth:`backward`.

        Raises
        ------
        ValueError
            As for a call; one valid row alone, which has no variance; NaN or inf in a
            valid step, statistics beyond the dtype's range. The running averages are
            left as they were then.
        TypeError
            Another dtype, a masked array.
        """
        x, counts = self._checked(x, lengths)
        rows = x.size // self.num_features if counts is None else int(counts.sum())
        if rows < 2:
            raise ValueError(
                f"training needs at least 2 valid rows to have a variance, got {rows} "
                f"in x of shape {x.shape}: use larger batches, or call the layer, "
                "which takes the running averages"
            )
        moments = np.empty((2, self.num_features))
        _core.batch_moments(x, counts, moments)
        observed = self._observed(x, counts, moments, rows / (rows - 1))
        y = self._outputs(x, counts, moments)
        with self.params.statistics_lock:
            for name, value in observed.items():
                running = self.params.statistics(name)
                running *= 1.0 - self.momentum
                running += self.momentum * value
        return y, Cache(self, self.params.version, (x, counts, moments))

    @overload
    def backward(
        self,
        dy: npt.ArrayLike,
        cache: BatchNormCache,
        *,
        grads: Gradients | None = None,
        need_dx: Literal[True] = True,
    ) -> Array: ...

    @overload
    def backward(
        self,
        dy: npt.ArrayLike,
        cache: BatchNormCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool,
    ) -> Array | None: ...

    def backward(
        self,
        dy: npt.ArrayLike,
        cache: BatchNormCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        """Add the gradients of weight and bias into ``grads``; return that of x.

        Parameters
        ----------
        dy : ndarray of the shape of y
            Gradient of y; not read at padded steps.
        cache : Cache
            From this layer's :meth:`forward`, not used yet, weights unchanged since.
        grads : Gradients, optional
            What to add into, :attr:`grads` by default.
        need_dx : bool, default=True
            Whether to compute the gradient of x.

        Returns
        -------
        dx : ndarray of the shape of x, or None
            Gradient of x, also by way of mean and variance; zero at padded steps.

        Raises
        ------
        ValueError, TypeError
            Another layer's cache, a used or an outdated one, another shape or dtype.
        """
        x, counts, moments = cache.open(self, self.params.version)
        dy = check_like("dy", as_floats("dy", dy, self.dtype), x.shape, "y")
        flat = flat_grads(self.params, grads)
        F = self.num_features
        _core.batch_norm_backward(
            dy,
            x,
            counts,
            moments,
            self.epsilon,
            self.params.get("weight"),
            flat[:F] if self.affine else None,
            flat[F : 2 * F] if self.affine else None,
            dx := _new(x, counts) if need_dx else None,
        )
        cache.close()
        return dx

    def _outputs(self, x: Array, counts: IntArray | None, moments: Array) -> Array:
        y = _new(x, counts)
        weight, bias = self.params.get("weight"), self.params.get("bias")
        _core.batch_norm_forward(x, counts, moments, self.epsilon, weight, bias, y)
        return y

    def _observed(
        self, x: Array, counts: IntArray | None, moments: Array, unbiased: float
    ) -> dict[str, Array]:
        """Return what moves the running averages, in their dtype and finite."""
        with np.errstate(over="ignore"):
            observed = moments * [[1.0], [unbiased]]
            observed = observed.astype(self.dtype, copy=False)
        if not all_finite(observed):
            if x.ndim == 3:
                check_steps_finite("x", x, counts)
            else:
                check_finite("x", x, lambda at: f"sample {at[0]}, feature {at[1]}")
            raise ValueError(
                f"x has a mean or variance beyond {self.dtype}: expected scaled inputs"
            )
        return {"running_mean": observed[0], "running_var": observed[1]}

    def _checked(
        self, x: npt.ArrayLike, lengths: npt.ArrayLike | None
    ) -> tuple[Array, IntArray | None]:
        """Return x as the core reads it, and a copy of lengths that pad any step."""
        x = as_floats("x", x, self.dtype)
        F = self.num_features
        if x.ndim not in (2, 3) or x.shape[-1] != F or not x.size:
            raise ValueError(
                f"x must have shape (N, {F}) or (N, T, {F}), no axis empty, "
                f"got {x.shape}"
            )
        if lengths is None or x.ndim == 2:
            return x, None
        counts = check_lengths(lengths, *x.shape[:2])
        return x, counts.copy() if counts.min() < x.shape[1] else None


def _new(x: Array, counts: IntArray | None) -> Array:
    """Return an array like x to fill; zeros where steps are padded."""
    return np.empty(x.shape, x.dtype) if counts is None else np.zeros(x.shape, x.dtype)
