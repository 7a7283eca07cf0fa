"""The token embedding: a table with one row a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import (
    Array,
    IntArray,
    RandomState,
    as_array,
    as_floats,
    as_generator,
    check_choice,
    check_dtype,
    check_float,
    check_int,
    check_lengths,
    check_size,
)
from ..params import Gradients, Parameters, ParameterSpec
from .base import Cache, ParameterLayer, check_like, flat_grads, resolve_seed

if TYPE_CHECKING:
    Mask: TypeAlias = npt.NDArray[np.bool_]
    EmbeddingCache: TypeAlias = Cache[tuple[IntArray, Mask | None, int]]

INITIALIZERS: Final = ("normal", "uniform")
# Of the 2^16 streams of a seed Dropout has the last, an LSTM's layers the first ones.
_STREAM: Final = 2**16 - 2


class Embedding(ParameterLayer):
    """Row ``x[n, t]`` of a table, for each token.

    Parameters
    ----------
    num_embeddings : int
        Tokens V; they are 0 to V - 1.
    embedding_dim : int
        Features E of a token's vector.
    initializer : {"normal", "uniform"}, default="normal"
        N(0, 1) as torch, or U(-0.05, 0.05) as Keras.
    dropout : float, default=0.0
        Probability in [0, 1) with which :meth:`forward` drops a token of the table: all
        its occurrences in the call are zero, those of the others scaled by 1 / (1 - p)
        (Gal & Ghahramani 2016, section 4.2; Merity et al. 2018, section 4.3).
    dtype : {"float32", "float64"}, default="float32"
        Storage and outputs.
    random_state : None, int, numpy.random.Generator or RandomState
        Source of the table, and of the seeds of forwards without ``mask_seed``.

    Attributes
    ----------
    params : Parameters
        ``weight`` (V, E).
    grads : Gradients
        Under the same name.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import Embedding
    >>> Embedding(100, 8, random_state=0)(np.array([[3, 1, 4], [1, 5, 9]])).shape
    (2, 3, 8)

    Dropout in training takes whole words, here 1 wherever it stands:

    >>> words = Embedding(100, 8, dropout=0.4, random_state=0)
    >>> y, cache = words.forward(np.array([[3, 1, 4], [1, 5, 9]]), mask_seed=8)
    >>> y.any(axis=2)
    array([[ True, False,  True],
           [False,  True,  True]])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        initializer: str = "normal",
        dropout: float = 0.0,
        dtype: npt.DTypeLike = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.num_embeddings = check_int("num_embeddings", num_embeddings, 1)
        self.embedding_dim = check_int("embedding_dim", embedding_dim, 1)
        self.initializer = check_choice("initializer", initializer, INITIALIZERS)
        self.dropout = check_float("dropout", dropout, "[0, 1)")
        shape = (self.num_embeddings, self.embedding_dim)
        storage = check_dtype(dtype)
        check_size("the table", shape[0] * shape[1], storage)
        self.params = Parameters([ParameterSpec("weight", shape)], storage)
        self._rng = rng = as_generator(random_state)
        with self.params.writable() as values:
            values["weight"][...] = (
                rng.standard_normal(shape)
                if self.initializer == "normal"
                else rng.uniform(-0.05, 0.05, shape)
            )

    def __repr__(self) -> str:
        return (
            f"Embedding({self.num_embeddings}, {self.embedding_dim}, "
            f"dropout={self.dropout}, dtype={self.dtype.name!r})"
        )

    def __call__(
        self, x: npt.ArrayLike, *, lengths: npt.ArrayLike | None = None
    ) -> Array:
        """Infer; nothing is dropped.

        Parameters
        ----------
        x : array-like of int of shape (N,) or (N, T)
            Tokens, 0 to V - 1.
        lengths : array-like of int of shape (N,), optional
            With (N, T): valid steps of each sequence. Tokens beyond are never looked
            up, whatever stands there, and give zeros.

        Returns
        -------
        y : ndarray of shape (N, E) or (N, T, E)
            The tokens' rows.

        Raises
        ------
        ValueError
            Another rank, an empty array, a valid token outside the table, bad lengths.
        TypeError
            Tokens that are not integers, a masked array.
        """
        return self._outputs(*self._checked(x, lengths), None)

    def forward(
        self,
        x: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, EmbeddingCache]:
        """Run for training: as a call, with dropout and a cache.

        Parameters
        ----------
        x, lengths
            As for a call.
        mask_seed : int, optional
            Which tokens are dropped is a function of this seed and the token; by
            default the next seed of ``random_state``.
        row_ids : optional
            Not used: a token is dropped in every row.

        Returns
        -------
        y : ndarray of shape (N, E) or (N, T, E)
            The tokens' rows, or zeros.
        cache : Cache
            For one :meth:`backward`; the mask is drawn again there, not kept.

        Raises
        ------
        ValueError, TypeError
            As a call, and a bad ``mask_seed``.
        """
        tokens, padded = self._checked(x, lengths)
        drops = self.dropout or mask_seed is not None
        seed = resolve_seed(mask_seed, self._rng) if drops else 0
        y = self._outputs(tokens, padded, self._scale(seed))
        # A copy: backward needs the tokens again, and may find the caller's refilled.
        return y, Cache(self, self.params.version, (tokens.copy(), padded, seed))

    def backward(
        self,
        dy: npt.ArrayLike,
        cache: EmbeddingCache,
        *,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> None:
        """Add the table's gradient into ``grads``; tokens have none, so None returns.

        Parameters
        ----------
        dy : ndarray of shape (N, E) or (N, T, E)
            Gradient of y; not read at padded steps.
        cache : Cache
            From this layer's :meth:`forward`, not used yet, weights unchanged since.
        grads : Gradients, optional
            What to add into, :attr:`grads` by default.
        need_dx : bool
            Not used.

        Raises
        ------
        ValueError, TypeError
            Another layer's cache, a used or an outdated one, another shape or dtype.
        """
        tokens, padded, seed = cache.open(self, self.params.version)
        expected = (*tokens.shape, self.embedding_dim)
        dy = check_like("dy", as_floats("dy", dy, self.dtype), expected, "y")
        table = flat_grads(self.params, grads).reshape(-1, self.embedding_dim)
        rows, picked = dy.reshape(-1, self.embedding_dim), tokens.reshape(-1)
        if padded is not None:
            valid = ~padded.reshape(-1)
            rows, picked = rows[valid], picked[valid]
        _core.embedding_backward(rows, picked, self._scale(seed), table)
        cache.close()

    def check_inputs(
        self, x: npt.ArrayLike, lengths: npt.ArrayLike | None
    ) -> tuple[IntArray, IntArray | None]:
        """Return tokens, zeros where padded, and lengths; raise as a call does."""
        tokens, _ = self._checked(x, lengths)
        return tokens, None if lengths is None else check_lengths(
            lengths, *tokens.shape
        )

    def _scale(self, seed: int) -> Array | None:
        """Return a factor for each token (V,): 0 or 1 / (1 - p); None for all 1."""
        if not self.dropout:
            return None
        scale: Array = np.ones(self.num_embeddings, self.dtype)
        row = scale[None]
        _core.dropout(row, row, self.dropout, False, seed, _STREAM, None)
        return scale

    def _outputs(
        self, tokens: IntArray, padded: Mask | None, scale: Array | None
    ) -> Array:
        y = np.empty((*tokens.shape, self.embedding_dim), self.dtype)
        rows = y.reshape(-1, self.embedding_dim)
        table = self.params["weight"]
        _core.embedding_forward(table, tokens.reshape(-1), scale, rows)
        if padded is not None:
            y[padded] = 0.0
        return y

    def _checked(
        self, x: npt.ArrayLike, lengths: npt.ArrayLike | None
    ) -> tuple[IntArray, Mask | None]:
        """Return tokens as int64 with zeros where padded, and where that is."""
        array = as_array("x", x)
        if array.dtype.kind not in "iu":
            raise TypeError(f"x must hold integer tokens, got {array.dtype}")
        if array.ndim not in (1, 2) or not array.size:
            raise ValueError(
                f"x must have shape (N,) or (N, T), no axis empty, got {array.shape}"
            )
        padded = None
        if lengths is not None:
            if array.ndim == 1:
                raise ValueError(f"lengths need x of shape (N, T), got {array.shape}")
            valid = check_lengths(lengths, *array.shape)
            padded = np.arange(array.shape[1]) >= valid[:, None]
            array = np.where(padded, 0, array)
        if array.min() < 0 or array.max() >= self.num_embeddings:
            bad = (array < 0) | (array >= self.num_embeddings)
            at = tuple(int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
            place = f"sample {at[0]}" + (f", step {at[1]}" if len(at) == 2 else "")
            raise ValueError(
                f"x must hold tokens from 0 to {self.num_embeddings - 1}, got "
                f"{array[at]} at {place}"
            )
        return np.ascontiguousarray(array, dtype=np.int64), padded
