"""Embedding, LSTM, pooling, dropout, head: a pass forward and back, below all checks.

Design: between two batches of a small model the kernels wait for Python. So a pass is
the core's calls and the arrays that they fill, and nothing else: no check (whole data
sets go through `SequenceNetwork.check_inputs` once) and no state that nobody reads.
Dtypes and shapes the core checks again, whatever the caller did, and so do the layers
around the LSTM.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._validate import Array, IntArray
from ..losses import ActivationPenalty, TemporalActivationPenalty
from ..nn import (
    LSTM,
    AttentionPooling,
    Dropout,
    Embedding,
    Linear,
    MaxPooling,
    MeanPooling,
)
from ..nn.base import derive_seed
from ..params import Gradients

__all__ = ["NetworkCache", "Penalty", "Pooling", "SequenceNetwork"]

# The compiled LSTM and head, the LSTM's cache, those of what stands around it (the
# embedding's, with the vectors that it gave, pooling's, dropout's), what the head has
# read as rows, the shape of that before, the LSTM's outputs and lengths where penalties
# read them. A plain tuple: one is made for every batch.
NetworkCache: TypeAlias = tuple[
    Any, Any, Any, tuple[Any, Any, Any, Any], Array, tuple[int, ...], Any
]
Pooling: TypeAlias = MeanPooling | MaxPooling | AttentionPooling
Penalty: TypeAlias = ActivationPenalty | TemporalActivationPenalty


class SequenceNetwork:
    """What a `SequenceModel` computes, on arrays of its dtype.

    Parameters
    ----------
    lstm : LSTM
    dropout : Dropout or None
        Between LSTM, or pooling, and head.
    head : Linear
    last : bool
        Whether the head reads one row a sequence, or every step.
    embedding : Embedding, optional
        Below the LSTM: x are tokens then.
    pooling : MeanPooling, MaxPooling or AttentionPooling, optional
        With ``last``: what makes that row of the LSTM's outputs; without, it is the
        final hidden state.
    penalties : tuple of Penalty
        Of the LSTM's outputs; they only show in gradients.
    """

    def __init__(
        self,
        lstm: LSTM,
        dropout: Dropout | None,
        head: Linear,
        *,
        last: bool,
        embedding: Embedding | None = None,
        pooling: Pooling | None = None,
        penalties: tuple[Penalty, ...] = (),
    ) -> None:
        self.lstm = lstm
        self.lstms = (lstm,)
        self.dropout = dropout
        self.head = head
        self.last = last
        self.embedding = embedding
        self.pooling = pooling
        self.penalties = penalties
        self.check_inputs: Any = (lstm if embedding is None else embedding).check_inputs
        self._width = lstm.output_size
        self._state_size = lstm.h_layout.row_size
        self._reads_state = last and pooling is None
        # What inference holds of a step, for whoever cuts a batch.
        words = 0 if embedding is None else embedding.embedding_dim
        self.step_size = self._width + words

    def infer(self, x: NDArray[Any], lengths: IntArray | None) -> Array:
        """Compute (N, K) or (N, T, K) outputs, zeros at padded steps."""
        if self.embedding is not None:
            x = self.embedding(x, lengths=lengths)
        y, h = self._new(x)
        with self.lstm.reading():
            self.lstm.compiled.infer(x, y, None, None, h, None, lengths)
        z = y if h is None else self.lstm.h_layout.top(h, len(x))
        if self.pooling is not None:
            z = self.pooling(y, lengths=lengths)
        rows, outputs = self._read(z)
        self.head.compiled.forward(rows, outputs)
        return self._spread(outputs, z.shape, lengths)

    def forward(
        self,
        x: NDArray[Any],
        lengths: IntArray | None,
        mask_seed: int,
        row_ids: IntArray,
    ) -> tuple[Array, NetworkCache]:
        """Compute outputs with dropout, and a cache for one ``backward``.

        The cache refers to ``x`` and ``row_ids``: they must stay as they are.
        """
        lstm = self.lstm
        words: Any = None
        vectors: Array | None = None
        pooled: Any = None
        masks: Any = None
        call_seed = mask_seed
        if lstm.regularizers.weight_dropout or self.embedding is not None:
            # One mask a call. The batches of an epoch have one seed and share no row.
            call_seed = derive_seed(mask_seed, 2 + int(row_ids.min()))
        if self.embedding is not None:
            vectors, words = self.embedding.forward(
                x, lengths=lengths, mask_seed=call_seed
            )
            x = vectors
        y, h = self._new(x)
        core, head = lstm.compiled, self.head.compiled
        ids = row_ids if lstm.regularizers.active else None
        kept = core.forward(
            x,
            y,
            None,
            None,
            h,
            None,
            lengths,
            True,
            call_seed if lstm.regularizers.weight_dropout else mask_seed,
            ids,
            lstm.memory,
        )
        lstm.learn(kept)
        z = y if h is None else lstm.h_layout.top(h, len(x))
        if self.pooling is not None:
            z, pooled = self.pooling.forward(y, lengths=lengths)
        if self.dropout is not None:
            # A seed of its own, or it would draw the masks of a layer below.
            seed = derive_seed(mask_seed, 1)
            z, masks = self.dropout.forward(z, mask_seed=seed, row_ids=row_ids)
        rows, outputs = self._read(z)
        head.forward(rows, outputs)
        read = (y, lengths) if self.penalties else None
        around = (words, vectors, pooled, masks)
        cache = (core, head, kept, around, rows, z.shape, read)
        return self._spread(outputs, z.shape, lengths), cache

    @staticmethod
    def held_bytes(cache: NetworkCache) -> int:
        """Count what the LSTM keeps in ``cache`` for its backward."""
        return int(cache[2].bytes)

    def backward(self, doutputs: Array, cache: NetworkCache, grads: Gradients) -> None:
        """Add the weights' gradients into ``grads``, given those of the outputs.

        NaN and inf pass through, into the gradients of the LSTM.
        """
        core, head, kept, around, rows, shape, read = cache
        words, vectors, pooled, masks = around
        dz = np.empty(rows.shape, rows.dtype)
        drows = doutputs.reshape(len(rows), -1)
        head.backward(drows, rows, grads.part("head").flat, dz)
        if not self.last:
            dz = dz.reshape(shape)
        if self.dropout is not None:
            dz = self.dropout.backward(dz, masks)
        if self.pooling is not None:
            dz = self.pooling.backward(dz, pooled, grads=grads.part("pooling"))
        dy = None if self._reads_state else dz
        dh = self.lstm.h_layout.only_top(dz) if self._reads_state else None
        for penalty in self.penalties:
            y, lengths = read
            _, slope = penalty(y, lengths=lengths)
            dy = slope if dy is None else dy + slope
        dx = None if vectors is None else np.empty_like(vectors)
        core.backward(kept, dy, dh, None, grads.part("lstm").flat, dx, None, None)
        if self.embedding is not None and dx is not None:
            self.embedding.backward(dx, words, grads=grads.part("embedding"))

    def _new(self, x: Array) -> tuple[Array, Array | None]:
        """Make the hidden states of every step and, where read, the final ones."""
        n, t, _ = x.shape
        y = np.empty((n, t, self._width), x.dtype)
        return y, np.empty(n * self._state_size, x.dtype) if self._reads_state else None

    def _read(self, z: Array) -> tuple[Array, Array]:
        """Return ``z`` as the rows that the head reads, and its outputs to fill."""
        rows = z if self.last else z.reshape(-1, self._width)
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
