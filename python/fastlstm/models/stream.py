"""A model one step at a time, its state kept: what a live series or a sampler needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._validate import Array, IntArray, check_choice, check_int
from ..data import SequenceBatch
from ..nn import Linear
from ..nn.lstm import State
from ..params import Parameters
from .reader import Reader
from .states import take_state

__all__ = ["ModelStream"]


class ModelStream:
    """Steps through B sequences at once; `SequenceModel.stream` makes one.

    Inputs and outputs are in the network's units, as those of ``infer``, whose bits the
    outputs have, however a sequence is cut into steps and reads. The weights are those
    of the moment at which the stream was made: after an update it refuses to go on. One
    caller at a time.

    Parameters
    ----------
    reader : Reader
        The LSTM, in one direction, with an embedding below it where a step is a token.
    head : Linear or None
        Maps the last layer's hidden state to the outputs; without, that is the output.
    params : Parameters
        The model's, whose version is watched.
    batch_size : int, default=1
        B.

    Raises
    ------
    ValueError
        A bidirectional LSTM, which would have to know the future; ``batch_size`` < 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.data import SequenceBatch
    >>> from fastlstm.models import SequenceModel
    >>> model = SequenceModel(3, 1, hidden_size=5, random_state=0)
    >>> x = np.random.default_rng(0).standard_normal((2, 9, 3)).astype(np.float32)
    >>> stream = model.stream(batch_size=2)
    >>> y = stream.read(SequenceBatch(x[:, :8]))  # the past at once
    >>> y = stream.step(x[:, 8])
    >>> bool((y == model.infer(SequenceBatch(x))).all())
    True

    Three paths go on from each of the two sequences:

    >>> paths = stream.take(np.repeat([0, 1], 3))
    >>> paths.step(np.zeros((6, 3), np.float32)).shape
    (6, 1)
    """

    def __init__(
        self,
        reader: Reader,
        head: Linear | None,
        params: Parameters,
        *,
        batch_size: int = 1,
    ) -> None:
        lstm = reader.lstm
        self._stream = lstm.stream(batch_size)
        self.batch_size = self._stream.batch_size
        self._reader = reader
        self._lstm = lstm
        self._embedding = reader.embedding
        self._head = head
        self._params = params
        self._version = params.version
        self._steps = 0  # since the beginning: batch normalisation tells them apart
        # What a step would otherwise look up or allocate.
        self._dtype = params.dtype
        self._hidden: Array = np.empty((self.batch_size, lstm.output_size), self._dtype)
        self._advance = self._stream.step
        if head is not None:
            self._map = head.compiled.forward
            self._shape = (self.batch_size, head.out_features)

    def __repr__(self) -> str:
        return f"ModelStream(batch_size={self.batch_size})"

    # --------------------------------------------------------------------- steps

    def step(self, x_t: npt.NDArray[Any]) -> Array:
        """Take the next step of every sequence.

        Parameters
        ----------
        x_t : (B, F) array, or (B,) array of integer tokens
            F features of the model's dtype.

        Returns
        -------
        (B, K) array
            The outputs after this step.

        Raises
        ------
        ValueError
            Another shape, NaN or inf, a token outside the vocabulary, weights that have
            changed. The state is then what it was.
        TypeError
            Another dtype, something else than an array.
        """
        if self._params.version != self._version:
            self._refuse_version()
        if self._embedding is not None:
            x_t = self._embedding(self._tokens(x_t))
        try:
            self._advance(x_t, self._hidden)
        except ValueError:
            self._check_shape(x_t)
            raise
        self._steps += 1
        if self._head is None:
            return self._hidden.copy()
        outputs = np.empty(self._shape, self._dtype)
        self._map(self._hidden, outputs)
        return outputs

    def read(self, batch: SequenceBatch, *, output: str = "last") -> Array:
        """Take many steps at once, as fast as ``infer`` does.

        With batch normalisation, whose statistics are those of a step, one by one.

        Parameters
        ----------
        batch : SequenceBatch
            The next steps of the B sequences, of the model's dtype or tokens. Where
            they have lengths, each sequence goes on from its own last valid step.
        output : {"last", "sequence"}, default="last"
            Which outputs to compute.

        Returns
        -------
        (B, K) or (B, T, K) array
            The outputs after the last step of each sequence, or after every one, with
            zeros at padded steps.

        Raises
        ------
        ValueError
            Another number of sequences, what ``infer`` refuses, weights that have
            changed; different lengths with batch normalisation, for which all sequences
            have to be at the same step. The state is then what it was.
        TypeError
            Another dtype.
        """
        every = check_choice("output", output, ("last", "sequence")) == "sequence"
        if self._params.version != self._version:
            self._refuse_version()
        if len(batch) != self.batch_size:
            raise ValueError(
                f"batch has {len(batch)} sequences, but the stream steps "
                f"batch_size={self.batch_size} of them"
            )
        batch = SequenceBatch(*self._reader.check_inputs(batch.x, batch.lengths))
        if self._lstm.normalization.kind == "batch":
            return self._read_by_steps(batch, every)
        hidden, after = self._reader.read(batch, self._stream.state, every=every)
        outputs = self._outputs(hidden, batch)
        self._stream.state = after
        self._steps += batch.n_steps
        return outputs

    def _read_by_steps(self, batch: SequenceBatch, every: bool) -> Array:
        lengths = batch.row_lengths
        if lengths.min() < lengths.max():
            raise ValueError(
                "normalization='batch' has statistics of each step, so all sequences "
                f"of a stream are at the same one: got lengths from {lengths.min()} to "
                f"{lengths.max()}"
            )
        n, t = len(batch), int(lengths[0])
        z: Array = np.zeros((n, batch.n_steps, self._lstm.output_size), self._dtype)
        vectors = self._reader.vectors(batch.x, batch.lengths)
        for step in range(t):
            self._advance(vectors[:, step], z[:, step])
        self._steps += t
        return self._outputs(z if every else z[:, t - 1], batch)

    # --------------------------------------------------------------------- state

    @property
    def state(self) -> State:
        """Copies of (h, c), as `fastlstm.nn.LSTM` has its states; may be set.

        h is (L, B, H or P) and c (L, B, H); with unequal hidden sizes each is a list of
        L arrays (1, B, .). With batch normalisation a state that is set counts as one
        of the step at which the stream is.
        """
        return self._stream.state

    @state.setter
    def state(self, state: State) -> None:
        self._stream.state = state

    def reset(self) -> None:
        """Begin new sequences: zero states."""
        self._stream.reset()
        self._steps = 0

    def take(self, rows: npt.ArrayLike) -> ModelStream:
        """Make a stream that goes on from the states of some of the sequences.

        Parameters
        ----------
        rows : array-like of int of shape (B',)
            From 0 to B - 1; they may repeat, as for many sample paths of one sequence.

        Returns
        -------
        ModelStream
            Of B' sequences, each at the step where its row of this one is. This stream
            stays as it is.

        Raises
        ------
        ValueError
            Rows out of range or none, weights that have changed.
        TypeError
            Rows that are not integers.
        """
        if self._params.version != self._version:
            self._refuse_version()
        at = self._checked_rows(rows)
        other = ModelStream(self._reader, self._head, self._params, batch_size=len(at))
        norm = self._lstm.normalization
        if norm.kind == "batch":
            # The core counts steps by itself; beyond the last one that has statistics
            # of its own the number makes no difference.
            nothing = np.zeros((len(at), self._lstm.input_size), self._dtype)
            for _ in range(min(self._steps, norm.steps)):
                other._advance(nothing, other._hidden)
        other._stream.state = take_state(self._stream.state, at)
        other._steps = self._steps
        return other

    # -------------------------------------------------------------------- inside

    def _outputs(self, hidden: Array, batch: SequenceBatch) -> Array:
        """Map (B, ...) hidden states; zeros at padded steps of (B, T, ...) ones."""
        if self._head is None:
            return np.ascontiguousarray(hidden)
        lengths = batch.lengths if hidden.ndim == 3 else None
        return self._head(hidden, lengths=lengths)

    def _refuse_version(self) -> None:
        raise ValueError(
            "the weights have changed since this stream was made: make a new one, and "
            "set its state where the sequences are to go on"
        )

    def _tokens(self, x_t: Any) -> IntArray:
        tokens: IntArray = np.asarray(x_t)
        if tokens.shape != (self.batch_size,):
            raise ValueError(
                f"x_t must have shape ({self.batch_size},), one token a sequence, got "
                f"{tokens.shape}"
            )
        return tokens

    def _check_shape(self, x_t: Any) -> None:
        expected = (self.batch_size, self._lstm.input_size)
        if np.shape(x_t) != expected:
            raise ValueError(
                f"x_t must have shape {expected} (sequences, features), got "
                f"{np.shape(x_t)}"
            ) from None

    def _checked_rows(self, rows: npt.ArrayLike) -> IntArray:
        at = np.asarray(rows)
        if at.dtype.kind not in "iu":
            raise TypeError(f"rows must be integers, got {at.dtype}")
        if at.ndim != 1 or not at.size:
            raise ValueError(f"rows must be a list of at least one, got {at.shape}")
        for row in (at.min(), at.max()):
            check_int("rows", row, 0, self.batch_size - 1)
        return at.astype(np.int64)
