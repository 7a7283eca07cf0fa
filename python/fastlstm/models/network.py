"""LSTM, dropout and head: one pass forward and one back, below all checks.

Design: between two batches of a small model the kernels wait for Python. So a pass is
the core's calls and the arrays that they fill, and nothing else: no check (whole data
sets go through `SequenceNetwork.check_inputs` once) and no state that nobody reads.
Dtypes and shapes the core checks again, whatever the caller did.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .._validate import Array, IntArray
from ..losses import ActivationPenalty, TemporalActivationPenalty
from ..nn import LSTM, Dropout, Linear
from ..nn.base import derive_seed
from ..params import Gradients

__all__ = ["NetworkCache", "Penalty", "SequenceNetwork"]

# The compiled LSTM and head, the LSTM's cache, dropout's, what the head has read as
# rows, the shape of that before, the LSTM's outputs and lengths where penalties read
# them. A plain tuple: one is made for every batch.
NetworkCache: TypeAlias = tuple[Any, Any, Any, Any, Array, tuple[int, ...], Any]
Penalty: TypeAlias = ActivationPenalty | TemporalActivationPenalty


class SequenceNetwork:
    """What a `SequenceModel` computes, on arrays of its dtype.

    Parameters
    ----------
    lstm : LSTM
    dropout : Dropout or None
        Between LSTM and head.
    head : Linear
    last : bool
        Whether the head reads the final hidden state, or that of every step.
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
        penalties: tuple[Penalty, ...] = (),
    ) -> None:
        self.lstm = lstm
        self.dropout = dropout
        self.head = head
        self.last = last
        self.penalties = penalties
        self.check_inputs = lstm.check_inputs
        self._width = lstm.output_size
        self._state_size = lstm.h_layout.row_size

    def infer(self, x: Array, lengths: IntArray | None) -> Array:
        """Compute (N, K) or (N, T, K) outputs, zeros at padded steps."""
        y, h = self._new(x)
        with self.lstm.reading():
            self.lstm.compiled.infer(x, y, None, None, h, None, lengths)
        z = y if h is None else self.lstm.h_layout.top(h, len(x))
        rows, outputs = self._read(z)
        self.head.compiled.forward(rows, outputs)
        return self._spread(outputs, z.shape, lengths)

    def forward(
        self, x: Array, lengths: IntArray | None, mask_seed: int, row_ids: IntArray
    ) -> tuple[Array, NetworkCache]:
        """Compute outputs with dropout, and a cache for one ``backward``.

        The cache refers to ``x`` and ``row_ids``: they must stay as they are.
        """
        lstm = self.lstm
        y, h = self._new(x)
        core, head = lstm.compiled, self.head.compiled
        ids = row_ids if lstm.regularizers.active else None
        seed = mask_seed
        if lstm.regularizers.weight_dropout:
            # One mask a call. The batches of an epoch have one seed and share no row.
            seed = derive_seed(mask_seed, 2 + int(row_ids.min()))
        kept = core.forward(
            x,
            y,
            None,
            None,
            h,
            None,
            lengths,
            True,
            seed,
            ids,
            lstm.memory,
        )
        lstm.learn(kept)
        z = y if h is None else lstm.h_layout.top(h, len(x))
        masks = None
        if self.dropout is not None:
            # A seed of its own, or it would draw the masks of a layer below.
            seed = derive_seed(mask_seed, 1)
            z, masks = self.dropout.forward(z, mask_seed=seed, row_ids=row_ids)
        rows, outputs = self._read(z)
        head.forward(rows, outputs)
        read = (y, lengths) if self.penalties else None
        cache = (core, head, kept, masks, rows, z.shape, read)
        return self._spread(outputs, z.shape, lengths), cache

    @staticmethod
    def held_bytes(cache: NetworkCache) -> int:
        """Count what the LSTM keeps in ``cache`` for its backward."""
        return int(cache[2].bytes)

    def backward(self, doutputs: Array, cache: NetworkCache, grads: Gradients) -> None:
        """Add the weights' gradients into ``grads``, given those of the outputs.

        NaN and inf pass through, into the gradients of the LSTM.
        """
        core, head, kept, masks, rows, shape, read = cache
        dz = np.empty(rows.shape, rows.dtype)
        drows = doutputs.reshape(len(rows), -1)
        head.backward(drows, rows, grads.part("head").flat, dz)
        if not self.last:
            dz = dz.reshape(shape)
        if self.dropout is not None:
            dz = self.dropout.backward(dz, masks)
        dy = None if self.last else dz
        dh = self.lstm.h_layout.only_top(dz) if self.last else None
        for penalty in self.penalties:
            y, lengths = read
            _, slope = penalty(y, lengths=lengths)
            dy = slope if dy is None else dy + slope
        core.backward(kept, dy, dh, None, grads.part("lstm").flat, None, None, None)

    def _new(self, x: Array) -> tuple[Array, Array | None]:
        """Make the hidden states of every step and, where read, the final ones."""
        n, t, _ = x.shape
        y = np.empty((n, t, self._width), x.dtype)
        return y, np.empty(n * self._state_size, x.dtype) if self.last else None

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
