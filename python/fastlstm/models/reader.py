"""An LSTM, and below it the embedding where steps are tokens: from state to state.

Design: between two batches of a small model the kernels wait for Python. So a pass is
the core's calls and the arrays that they fill, and nothing else: no check (whole data
sets go through `Reader.check_inputs` once) and no state that nobody reads. Dtypes and
shapes the core checks again, whatever the caller did, and so does the embedding.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._validate import Array, IntArray
from ..data import SequenceBatch
from ..nn import LSTM, Embedding
from ..nn.base import derive_seed
from ..nn.lstm import State
from ..nn.lstm_inputs import split_pair
from ..params import Gradients
from .parts import cut
from .states import put_state, take_state, top_hidden

__all__ = ["NO_STATE", "FlatState", "Reader", "ReaderCache"]

# h and c of all layers as the core has them, see `nn.states.StateLayout`; None for zero
# at the beginning, and at the end for what nobody reads.
FlatState: TypeAlias = tuple[Array | None, Array | None]
NO_STATE: Final[FlatState] = (None, None)

# The compiled LSTM and its cache, the embedding's and the vectors that it gave.
ReaderCache: TypeAlias = tuple[Any, Any, Any, Any]


class Reader:
    """Reads sequences, on arrays of the model's dtype.

    Parameters
    ----------
    lstm : LSTM
    embedding : Embedding, optional
        x are tokens then.
    names : (str, str)
        What the gradients of the LSTM and of the embedding are called in the model's.
    """

    def __init__(
        self,
        lstm: LSTM,
        embedding: Embedding | None = None,
        *,
        names: tuple[str, str] = ("lstm", "embedding"),
    ) -> None:
        self.lstm = lstm
        self.embedding = embedding
        self.names = names
        self.check_inputs: Any = (lstm if embedding is None else embedding).check_inputs
        self.width = lstm.output_size
        # What inference holds of a step, for whoever cuts a batch.
        words = 0 if embedding is None else embedding.embedding_dim
        self.step_size = self.width + words

    def infer(
        self, x: NDArray[Any], lengths: IntArray | None, h: Array | None = None
    ) -> Array:
        """Compute the hidden states of every step, (N, T, D H or D P).

        Those at the end, of all layers, are written into the flat ``h``.
        """
        x = self.vectors(x, lengths)
        n, t, _ = x.shape
        y = np.empty((n, t, self.width), x.dtype)
        with self.lstm.reading():
            self.lstm.compiled.infer(x, y, None, None, h, None, lengths)
        return y

    def vectors(self, x: NDArray[Any], lengths: IntArray | None) -> Array:
        """Return what the LSTM reads of x."""
        return x if self.embedding is None else self.embedding(x, lengths=lengths)

    def read(
        self, batch: SequenceBatch, state: State | None = None, *, every: bool = False
    ) -> tuple[Array, State]:
        """Compute hidden states and those at the end, from checked sequences.

        Parameters
        ----------
        batch : SequenceBatch
            Passed by ``check_inputs``.
        state : tuple (h, c), optional
            Where to begin, as `fastlstm.nn.LSTM` has it; zero by default.
        every : bool, default=False
            Whether to return those of every step, (N, T, H or P) with zeros at padded
            steps, and not of the last valid one, (N, H or P).

        Returns
        -------
        hidden : array
            Of the last layer.
        (h, c) : tuple
            After the last valid step of each sequence.
        """
        n, t = batch.x.shape[:2]
        lstm = self.lstm
        parts = cut(n, t, batch.lengths, self.step_size)
        if len(parts) == 1:
            x = self.vectors(batch.x, batch.lengths)
            y, after = lstm(x, state, batch.lengths)
            return (y if every else top_hidden(after)), after
        if state is not None:  # as a whole, or a message would tell of a part
            h, c = split_pair("state", state)
            lstm.h_layout.pack("state[0]", h, n)
            lstm.c_layout.pack("state[1]", c, n)
        shape = (n, t, self.width) if every else (n, self.width)
        hidden: Array = np.zeros(shape, lstm.dtype)
        after = lstm.h_layout.new(n)[0], lstm.c_layout.new(n)[0]
        for at in parts:
            part = batch.take(at)
            y, end = lstm(
                self.vectors(part.x, part.lengths),
                None if state is None else take_state(state, at),
                part.lengths,
            )
            put_state(after, at, end)
            if every:
                hidden[at, : part.n_steps] = y
            else:
                hidden[at] = top_hidden(end)
        return hidden, after

    def forward(
        self,
        x: NDArray[Any],
        lengths: IntArray | None,
        mask_seed: int,
        row_ids: IntArray,
        start: FlatState = NO_STATE,
        end: FlatState = NO_STATE,
    ) -> tuple[Array, ReaderCache]:
        """Compute as ``infer`` with masks, and a cache for one ``backward``.

        The cache refers to ``x`` and ``row_ids``: they must stay as they are.
        """
        lstm, embedding = self.lstm, self.embedding
        weight_dropout = lstm.regularizers.weight_dropout
        words: Any = None
        vectors: Array | None = None
        if weight_dropout or embedding is not None:
            # One mask a call. The batches of an epoch have one seed and share no row.
            call_seed = derive_seed(mask_seed, 2 + int(row_ids.min()))
            if embedding is not None:
                vectors, words = embedding.forward(
                    x, lengths=lengths, mask_seed=call_seed
                )
                x = vectors
            if weight_dropout:
                mask_seed = call_seed
        n, t, _ = x.shape
        y = np.empty((n, t, self.width), x.dtype)
        core = lstm.compiled
        ids = row_ids if lstm.regularizers.active else None
        h0, c0 = start  # a call with stars takes longer
        h, c = end
        kept = core.forward(
            x, y, h0, c0, h, c, lengths, True, mask_seed, ids, lstm.memory
        )
        lstm.learn(kept)
        return y, (core, kept, words, vectors)

    @staticmethod
    def held_bytes(cache: ReaderCache) -> int:
        """Count what the LSTM keeps in ``cache`` for its backward."""
        return int(cache[1].bytes)

    def backward(
        self,
        dy: Array | None,
        dend: FlatState,
        cache: ReaderCache,
        grads: Gradients,
        dstart: FlatState = NO_STATE,
    ) -> None:
        """Add the weights' gradients into ``grads``, and write those of the start.

        Parameters
        ----------
        dy : array or None
            Gradient of the hidden states of every step.
        dend : FlatState
            Gradients of the states at the end.
        cache : ReaderCache
        grads : Gradients
            The model's.
        dstart : FlatState
            What to write gradients of the states at the beginning into.
        """
        core, kept, words, vectors = cache
        own, table = self.names
        dx = None if vectors is None else np.empty_like(vectors)
        dh, dc = dend
        dh0, dc0 = dstart
        core.backward(kept, dy, dh, dc, grads.part(own).flat, dx, dh0, dc0)
        if self.embedding is not None and dx is not None:
            self.embedding.backward(dx, words, grads=grads.part(table))
