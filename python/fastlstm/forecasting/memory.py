"""Where a network is in each of many series: what a forecast goes on from."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .._validate import Array, IntArray
from ..files import storable
from ..models.states import put_state, take_state
from ..models.stream import ModelStream
from ..nn.lstm import State
from .draws import Draw
from .encoding import EncodedPanel
from .heads import Head
from .predictions import Prediction
from .strategies import STRATEGIES
from .tail import Tail
from .windows import WindowSet

__all__ = ["Memory"]

# Steps, of all series together, that are gathered to be read at once.
_STEPS_AT_ONCE: Final = 1 << 18


@storable
class Memory:
    """States of a network after some steps of N series, and its last outputs.

    A new observation costs one step. The state is that of the whole series, from its
    first step on, not of a window.

    Parameters
    ----------
    strategy : {"direct", "recursive", "encoder_decoder"}

    Attributes
    ----------
    state : (h, c) or None before `read`
    last : (N, ...) array or None
    ends : (N,) int64 array or None
        Steps read of each series.
    tail : Tail or None
        What new steps are read behind; for whoever keeps it up to date.
    """

    def __init__(self, strategy: str = "direct") -> None:
        self.strategy = strategy
        self.state: State | None = None
        self.last: Array | None = None
        self.ends: IntArray | None = None
        self.tail: Tail | None = None

    def read(
        self,
        model: Any,
        encoded: EncodedPanel,
        ends: IntArray,
        first: IntArray | int = 0,
    ) -> None:
        """Read each series up to step ``ends[n]``, from where it was read to before.

        Parameters
        ----------
        model : SequenceModel or EncoderDecoder
        encoded : EncodedPanel
            Of all the N series.
        ends : (N,) int64 array
        first : (N,) int64 array, default=0
            Steps of each series that lie before ``encoded``.
        """
        n, at = len(encoded), ends - first
        if self.ends is None:
            self._read(model, encoded, np.arange(n), at, at.max())
        else:
            for count in np.unique(ends - self.ends):
                if count > 0:
                    rows = np.flatnonzero(ends - self.ends == count)
                    self._read(model, encoded, rows, at[rows], count)
        self.ends = ends.copy()

    def predict(
        self,
        model: Any,
        head: Head,
        encoded: EncodedPanel,
        rows: IntArray,
        draw: Draw,
        first: IntArray | int = 0,
    ) -> Prediction:
        """Predict the horizons of some series from where they have been read to."""
        assert self.ends is not None
        assert self.last is not None
        windows = self._windows(encoded, rows, (self.ends - first)[rows], 1)
        return STRATEGIES[self.strategy].go_on(
            model, head, windows, draw, self._stream(model, rows), self.last[rows]
        )

    def _windows(
        self, encoded: EncodedPanel, rows: IntArray, ends: IntArray, steps: int
    ) -> WindowSet:
        """Return the ``steps`` last of each series before ``ends``, or all."""
        return WindowSet(
            encoded,
            rows,
            ends,
            window=int(steps),
            strategy=self.strategy,
            center="series",
        )

    def _stream(self, model: Any, rows: IntArray) -> ModelStream:
        stream = STRATEGIES[self.strategy].stream(model, len(rows))
        if self.state is not None:
            stream.state = take_state(self.state, rows)
        return stream

    def _read(
        self,
        model: Any,
        encoded: EncodedPanel,
        rows: IntArray,
        ends: IntArray,
        steps: int,
    ) -> None:
        """Read the ``steps`` last of some series before ``ends``, or all, in parts."""
        size = max(1, _STEPS_AT_ONCE // max(1, int(steps)))
        for at in range(0, len(rows), size):
            part = slice(at, at + size)
            self._read_at_once(
                model,
                len(encoded),
                self._windows(encoded, rows[part], ends[part], steps),
            )

    def _read_at_once(self, model: Any, n: int, windows: WindowSet) -> None:
        stream = self._stream(model, windows.series)
        last = stream.read(STRATEGIES[self.strategy].history(windows))
        if self.state is None or self.last is None:
            state = STRATEGIES[self.strategy].stream(model, n).state
            self.state, self.last = state, np.zeros((n, *last.shape[1:]), last.dtype)
        put_state(self.state, windows.series, stream.state)
        self.last[windows.series] = last
