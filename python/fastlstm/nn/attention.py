"""Attention pooling: a weighted mean over time whose weights are learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import Array, RandomState, as_dtype, as_generator, check_int
from ..params import Gradients, Parameters
from .base import Cache, ParameterLayer, flat_grads
from .linear import Linear
from .pooling import check_row_gradient, check_steps, sum_steps, without_padding

if TYPE_CHECKING:
    from .linear import LinearCache
    from .pooling import Mask

    # x with zeros where padded, a, u and what the gradients of both maps need.
    AttentionCache: TypeAlias = Cache[
        tuple[Array, Array, Array, LinearCache, LinearCache]
    ]


class AttentionPooling(ParameterLayer):
    """Weighted mean over the valid steps, with weights that depend on them.

    ::

        u_t = tanh(W x_t + b)      e_t = v . u_t
        a_t = exp(e_t) / sum_s exp(e_s)
        y = sum_t a_t x_t

    The attention of Yang et al. 2016, "Hierarchical attention networks for document
    classification", equations 5 to 7; scored as in Bahdanau et al. 2015, appendix
    A.1.2, with nothing but the step to ask about. One head.

    Values are not checked: NaN in a valid step of a sequence is NaN in its row of y and
    in no other.

    Parameters
    ----------
    features : int
        Size F of the last axis of x and of y.
    hidden_size : int or None, default=None
        Size A of u; None is F.
    dtype : {"float32", "float64"}, default="float32"
        Storage and arithmetic. Inputs must have it.
    random_state : None, int, numpy.random.Generator or RandomState
        Source of the weights, Glorot uniform; b starts at zero.

    Attributes
    ----------
    params : Parameters
        ``projection.weight`` W (A, F), ``projection.bias`` b (A,) and
        ``context.weight`` v (1, A).
    grads : Gradients
        Under the same names.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import AttentionPooling
    >>> pooling = AttentionPooling(3, random_state=0)
    >>> x = np.ones((2, 4, 3), np.float32)
    >>> pooling(x).shape
    (2, 3)
    >>> pooling.weights(x, lengths=[4, 2])
    array([[0.25, 0.25, 0.25, 0.25],
           [0.5 , 0.5 , 0.  , 0.  ]], dtype=float32)
    """

    def __init__(
        self,
        features: int,
        hidden_size: int | None = None,
        *,
        dtype: npt.DTypeLike = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.features = check_int("features", features, 1)
        self.hidden_size = check_int(
            "hidden_size", features if hidden_size is None else hidden_size, 1
        )
        rng = as_generator(random_state)
        self._projection = Linear(
            self.features, self.hidden_size, dtype=dtype, random_state=rng
        )
        self._context = Linear(
            self.hidden_size, 1, bias=False, dtype=dtype, random_state=rng
        )
        self.params = Parameters.join(
            {"projection": self._projection.params, "context": self._context.params}
        )

    def __repr__(self) -> str:
        return (
            f"AttentionPooling({self.features}, hidden_size={self.hidden_size}, "
            f"dtype={self.dtype.name!r})"
        )

    def __call__(
        self, x: npt.ArrayLike, *, lengths: npt.ArrayLike | None = None
    ) -> Array:
        """Infer.

        Parameters
        ----------
        x : ndarray of shape (N, T, F)
            Of the layer's dtype, none of the axes empty.
        lengths : array-like of int of shape (N,), optional
            Valid steps of each sequence, by default all T. Steps beyond are never read.

        Returns
        -------
        y : ndarray of shape (N, F)
            The same bits for a sequence whatever the others are.

        Raises
        ------
        ValueError
            Another shape, bad lengths.
        TypeError
            Another dtype, a masked array.
        """
        return self.forward(x, lengths=lengths)[0]

    def weights(
        self, x: npt.ArrayLike, *, lengths: npt.ArrayLike | None = None
    ) -> Array:
        """Return how much each step counts, a_t (N, T): rows sum to 1.

        Parameters and errors as for a call; zero at padded steps.
        """
        x, valid = self._checked(x, lengths)
        return self._attend(x, valid)[0]

    def forward(
        self,
        x: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, AttentionCache]:
        """Run for training: as a call, with a cache for :meth:`backward`.

        ``mask_seed`` and ``row_ids`` are not used. Leave x unchanged until backward.
        """
        x, valid = self._checked(x, lengths)
        a, u, projected, scored = self._attend(x, valid)
        x = without_padding(x, valid, 0.0)
        with np.errstate(over="ignore", invalid="ignore"):
            y = sum_steps(a[:, :, None] * x)
        return y, Cache(self, self.params.version, (x, a, u, projected, scored))

    @overload
    def backward(
        self,
        dy: npt.ArrayLike,
        cache: AttentionCache,
        *,
        grads: Gradients | None = None,
        need_dx: Literal[True] = True,
    ) -> Array: ...

    @overload
    def backward(
        self,
        dy: npt.ArrayLike,
        cache: AttentionCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool,
    ) -> Array | None: ...

    def backward(
        self,
        dy: npt.ArrayLike,
        cache: AttentionCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        """Add the parameters' gradients into ``grads``; return that of x.

        Parameters
        ----------
        dy : ndarray of shape (N, F)
            Gradient of y.
        cache : Cache
            From this layer's :meth:`forward`, not used yet, weights unchanged since.
        grads : Gradients, optional
            What to add into, :attr:`grads` by default.
        need_dx : bool, default=True
            Whether to compute the gradient of x.

        Returns
        -------
        dx : ndarray of shape (N, T, F) or None
            Gradient of x, zero at padded steps.

        Raises
        ------
        ValueError, TypeError
            Another layer's cache, a used or an outdated one, another shape or dtype.
        """
        x, a, u, projected, scored = cache.open(self, self.params.version)
        dy = check_row_gradient(dy, (len(x), self.features), self.dtype)
        if grads is None:
            grads = self.grads
        else:
            flat_grads(self.params, grads)  # raises where they are of other parameters
        with np.errstate(over="ignore", invalid="ignore"):
            da = np.einsum("nf,ntf->nt", dy, x)
            # Of the softmax: padded steps have a = 0, hence no part in anything.
            de = a * (da - np.einsum("nt,nt->n", a, da)[:, None])
            du = self._context.backward(
                de[:, :, None], scored, grads=grads.part("context")
            )
            du *= 1.0 - u * u
            dx = self._projection.backward(
                du, projected, grads=grads.part("projection"), need_dx=need_dx
            )
            if dx is not None:
                dx += a[:, :, None] * dy[:, None]
        cache.close()
        return dx

    def _checked(
        self, x: npt.ArrayLike, lengths: npt.ArrayLike | None
    ) -> tuple[Array, Mask | None]:
        return check_steps(as_dtype("x", x, self.dtype), lengths, self.features)

    def _attend(
        self, x: Array, valid: Mask | None
    ) -> tuple[Array, Array, LinearCache, LinearCache]:
        """Return a (N, T), u (N, T, A) and what the gradients of both maps need."""
        lengths = None if valid is None else valid.sum(axis=1)
        u, projected = self._projection.forward(x, lengths=lengths)
        flat = u.reshape(-1)
        _core.tanh(flat, flat)
        scores, scored = self._context.forward(u, lengths=lengths)
        highest = without_padding(scores, valid, -np.inf).max(axis=1, keepdims=True)
        with np.errstate(over="ignore", invalid="ignore"):
            scores -= highest
            flat = scores.reshape(-1)
            _core.exp(flat, flat)
            powers = without_padding(scores, valid, 0.0)
            # Summed step after step: the bits must not depend on T.
            powers /= sum_steps(powers)[:, None]
        return powers[:, :, 0], u, projected, scored
