"""Embedding, LSTM, pooling, dropout, head: a pass forward and back, below all checks.

Design: as that of `models/reader.py`; so do the layers around the LSTM check again.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._validate import Array, IntArray
from ..losses import ActivationPenalty, TemporalActivationPenalty
from ..nn import AttentionPooling, Dropout, Linear, MaxPooling, MeanPooling
from ..nn.base import derive_seed
from ..params import Gradients
from .reader import NO_STATE, FlatState, Reader, ReaderCache
from .skip import Skip

__all__ = ["NetworkCache", "Penalty", "Pooling", "SequenceNetwork"]

# The reader's cache, the compiled head, caches of pooling and dropout, what the head
# has read as rows, the shape of that before, the LSTM's outputs and lengths where
# penalties read them, what the skip keeps. A plain tuple: one is made for every batch.
NetworkCache: TypeAlias = tuple[
    ReaderCache, Any, Any, Any, Array, tuple[int, ...], Any, Any
]
Pooling: TypeAlias = MeanPooling | MaxPooling | AttentionPooling
Penalty: TypeAlias = ActivationPenalty | TemporalActivationPenalty


class SequenceNetwork:
    """What a `SequenceModel` computes, on arrays of its dtype.

    Parameters
    ----------
    reader : Reader
        The LSTM, with an embedding below it where x are tokens.
    dropout : Dropout or None
        Between LSTM, or pooling, and head.
    head : Linear
    last : bool
        Whether the head reads one row a sequence, or every step.
    pooling : MeanPooling, MaxPooling or AttentionPooling, optional
        With ``last``: what makes that row of the LSTM's outputs; without, it is the
        final hidden state.
    penalties : tuple of Penalty
        Of the LSTM's outputs; they only show in gradients.
    skip : Skip, optional
        With ``last``: what reads the inputs beside the LSTM.
    """

    def __init__(
        self,
        reader: Reader,
        dropout: Dropout | None,
        head: Linear,
        *,
        last: bool,
        pooling: Pooling | None = None,
        penalties: tuple[Penalty, ...] = (),
        skip: Skip | None = None,
    ) -> None:
        self.reader = reader
        self.lstm = reader.lstm
        self.lstms = (reader.lstm,)
        self.embedding = reader.embedding
        self.check_inputs = reader.check_inputs
        self.step_size = reader.step_size
        self.dropout = dropout
        self.head = head
        self.last = last
        self.pooling = pooling
        self.penalties = penalties
        self.skip = skip
        # Whether the head reads the states at the end, and how many numbers they are.
        self._ends = last and pooling is None
        self._state_size = self.lstm.h_layout.row_size
        self._dtype = self.lstm.dtype

    def infer(self, x: NDArray[Any], lengths: IntArray | None) -> Array:
        """Compute (N, K) or (N, T, K) outputs, zeros at padded steps."""
        h = np.empty(len(x) * self._state_size, self._dtype) if self._ends else None
        y = self.reader.infer(x, lengths, h)
        z = y if h is None else self.lstm.h_layout.top(h, len(x))
        if self.pooling is not None:
            z = self.pooling(y, lengths=lengths)
        rows, outputs = self._rows(z)
        self.head.compiled.forward(rows, outputs)
        if self.skip is not None:
            self.skip.add(self.skip.rows(x, lengths), outputs)
        return self._spread(outputs, z.shape, lengths)

    def forward(
        self,
        x: NDArray[Any],
        lengths: IntArray | None,
        mask_seed: int,
        row_ids: IntArray,
        start: FlatState = NO_STATE,
    ) -> tuple[Array, NetworkCache]:
        """Compute outputs with dropout, and a cache for one ``backward``.

        The cache refers to ``x`` and ``row_ids``: they must stay as they are.
        """
        pooled: Any = None
        masks: Any = None
        beside: Any = None
        head = self.head.compiled
        h = np.empty(len(x) * self._state_size, self._dtype) if self._ends else None
        y, kept = self.reader.forward(x, lengths, mask_seed, row_ids, start, (h, None))
        z = y if h is None else self.lstm.h_layout.top(h, len(x))
        if self.pooling is not None:
            z, pooled = self.pooling.forward(y, lengths=lengths)
        if self.dropout is not None:
            # A seed of its own, or it would draw the masks of a layer below.
            seed = derive_seed(mask_seed, 1)
            z, masks = self.dropout.forward(z, mask_seed=seed, row_ids=row_ids)
        rows, outputs = self._rows(z)
        head.forward(rows, outputs)
        if self.skip is not None:
            beside = self.skip.add(self.skip.rows(x, lengths), outputs)
        read = (y, lengths) if self.penalties else None
        cache = (kept, head, pooled, masks, rows, z.shape, read, beside)
        return self._spread(outputs, z.shape, lengths), cache

    @staticmethod
    def held_bytes(cache: NetworkCache) -> int:
        """Count what the LSTM keeps in ``cache`` for its backward."""
        return Reader.held_bytes(cache[0])

    def backward(
        self,
        doutputs: Array,
        cache: NetworkCache,
        grads: Gradients,
        dstart: FlatState = NO_STATE,
    ) -> None:
        """Add the weights' gradients into ``grads``, given those of the outputs.

        Those of the states at the beginning are written into ``dstart``. NaN and inf
        pass through, into the gradients of the LSTM.
        """
        kept, head, pooled, masks, rows, shape, read, beside = cache
        dz = np.empty(rows.shape, rows.dtype)
        drows = doutputs.reshape(len(rows), -1)
        head.backward(drows, rows, grads.part("head").flat, dz)
        if self.skip is not None:
            self.skip.backward(drows, beside, grads.part("skip"))
        if not self.last:
            dz = dz.reshape(shape)
        if self.dropout is not None:
            dz = self.dropout.backward(dz, masks)
        if self.pooling is not None:
            dz = self.pooling.backward(dz, pooled, grads=grads.part("pooling"))
        dy = None if self._ends else dz
        dh = self.lstm.h_layout.only_top(dz) if self._ends else None
        for penalty in self.penalties:
            y, lengths = read
            _, slope = penalty(y, lengths=lengths)
            dy = slope if dy is None else dy + slope
        self.reader.backward(dy, (dh, None), kept, grads, dstart)

    def _rows(self, z: Array) -> tuple[Array, Array]:
        """Return ``z`` as the rows that the head reads, and its outputs to fill."""
        rows = z if self.last else z.reshape(-1, self.reader.width)
        return rows, np.empty((len(rows), self.head.out_features), rows.dtype)

    def _spread(
        self, outputs: Array, shape: tuple[int, ...], lengths: IntArray | None
    ) -> Array:
        """Return the head's outputs in their final shape."""
        if self.last:
            return outputs
        n, t, _ = shape
        outputs = outputs.reshape(n, t, -1)
        if lengths is not None:
            # Where a sequence has ended, instead of the head's bias.
            outputs[np.arange(t) >= lengths[:, None]] = 0.0
        return outputs
