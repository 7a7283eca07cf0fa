"""Encoder, decoder, head: a pass forward and back, below all checks."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from .._validate import Array, IntArray
from ..data import SequencePair
from ..nn.base import derive_seed
from ..params import Gradients
from .network import NetworkCache, SequenceNetwork
from .reader import Reader, ReaderCache

__all__ = ["PairCache", "PairNetwork"]

PairCache: TypeAlias = tuple[ReaderCache, NetworkCache]


class PairNetwork:
    """What an `EncoderDecoder` computes in training, on arrays of its dtype.

    Parameters
    ----------
    encoder : Reader
    decoder : SequenceNetwork
        With an output a step; its states have the sizes of the encoder's.
    """

    def __init__(self, encoder: Reader, decoder: SequenceNetwork) -> None:
        self.encoder = encoder
        self.decoder = decoder
        self.lstms = (encoder.lstm, decoder.lstm)

    def forward(
        self, pair: SequencePair, mask_seed: int, row_ids: IntArray
    ) -> tuple[Array, PairCache]:
        """Compute (N, T, K) outputs with dropout, and a cache for one ``backward``.

        The cache refers to the arrays of ``pair`` and to ``row_ids``: they must stay as
        they are.
        """
        source, target = pair.source, pair.target
        state = self._new_state(len(source))
        _, read = self.encoder.forward(
            source.x, source.lengths, mask_seed, row_ids, end=state
        )
        # A seed of its own, or the decoder would draw the encoder's masks; 0 is one
        # that nothing below derives.
        seed = derive_seed(mask_seed, 0)
        outputs, kept = self.decoder.forward(
            target.x, target.lengths, seed, row_ids, state
        )
        return outputs, (read, kept)

    @staticmethod
    def held_bytes(cache: PairCache) -> int:
        """Count what both LSTMs keep in ``cache`` for their backward."""
        return Reader.held_bytes(cache[0]) + SequenceNetwork.held_bytes(cache[1])

    def backward(self, doutputs: Array, cache: PairCache, grads: Gradients) -> None:
        """Add the weights' gradients into ``grads``, given those of the outputs."""
        read, kept = cache
        dstate = self._new_state(len(doutputs))
        self.decoder.backward(doutputs, kept, grads, dstate)
        self.encoder.backward(None, dstate, read, grads)

    def _new_state(self, n: int) -> tuple[Array, Array]:
        """Make flat h and c of all layers to fill."""
        lstm = self.encoder.lstm
        sizes = lstm.h_layout.row_size, lstm.c_layout.row_size
        h, c = (np.empty(n * size, lstm.dtype) for size in sizes)
        return h, c
