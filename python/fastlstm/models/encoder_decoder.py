"""One LSTM reads, another goes on from its state: outputs of steps not yet seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from .._validate import (
    Array,
    IntArray,
    RandomState,
    as_generator,
    check_int,
    check_row_ids,
)
from ..data import SequenceBatch, SequencePair, SequenceScaler
from ..files import storable
from ..nn import Linear
from ..nn.base import Cache
from ..nn.lstm import State
from ..params import Parameters
from .base import TrainableModel
from .network import SequenceNetwork
from .pair_network import PairNetwork
from .reader import Reader
from .setup import (
    before_head,
    check_quantiles,
    config_of,
    make_lstm,
    make_penalties,
)
from .states import samples_of
from .stream import ModelStream

if TYPE_CHECKING:
    from .base import ModelCache

__all__ = ["EncoderDecoder"]


@storable
class EncoderDecoder(TrainableModel):
    """Encoder LSTM layers, decoder LSTM layers that go on from their states, a head.

    The decoder has the encoder's sizes: layer k begins with the h and c that layer k of
    the encoder has after the last valid step of the source (Sutskever, Vinyals & Le
    2014, "Sequence to sequence learning with neural networks"). A linear map of the
    decoder's hidden state is the output of each of its steps. What the decoder reads is
    up to the caller: covariates of the steps to come, outputs of the step before
    (teacher forcing in training), or both. Both read forwards: there is no
    ``bidirectional``, whose two final states no one layer can begin with.

    Parameters
    ----------
    source_size : int
        Features F of a step of the source.
    target_size : int
        Features D of a step of the decoder's inputs.
    output_size : int
        Numbers K that are predicted at each step of the decoder.
    hidden_size, num_layers, projection_size
        Of the encoder, and of the decoder.
    peephole, coupled_gates, gate_activation, cell_activation, cell_clip,
    normalization, normalization_steps, normalization_momentum,
    initializer, forget_bias, chrono_steps
        The cell and the start of the LSTM layers of both, as `fastlstm.nn.LSTM` has
        them.
    dropout : float in [0, 1), default=0.0
        Share of values that training sets to zero between layers and before the head.
    variational_dropout : float in [0, 1), default=0.0
        The same for the inputs of both LSTMs, between layers and before the head, with
        one mask a sequence and LSTM.
    recurrent_dropout, recurrent_dropout_kind, weight_dropout, zoneout_h, zoneout_c
        Inside the LSTM layers of both, see there.
    activation_penalty, temporal_activation_penalty : float, default=0.0
        Of the decoder's outputs, as `SequenceModel` has them.
    quantiles : int, default=1
        Predictions that each target has, side by side as `fastlstm.losses.Quantile`
        has them; ``predict`` brings them into order.
    memory : {"store", "recompute", "checkpoint"}, default="store"
        What a training step keeps of gates and cells, see `fastlstm.nn.LSTM`.
    dtype : {"float32", "float64"}, default="float32"
    random_state : int, Generator, RandomState or None
        Draws the initial weights.

    Attributes
    ----------
    params, grads : Parameters, Gradients
        All weights in one flat buffer: ``encoder.*``, ``decoder.*`` and ``head.*``.
    input_scaler, decoder_scaler, target_scaler : SequenceScaler or None
        What ``predict`` needs to go from a user's units to the network's, of the source
        and of the decoder's inputs, and back, of the outputs. All else works in the
        network's.
    classes : (K,) array or None
        With them ``predict`` gives their probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.data import SequenceBatch, SequencePair
    >>> from fastlstm.models import EncoderDecoder
    >>> model = EncoderDecoder(3, 2, 1, hidden_size=5, random_state=0)
    >>> past = SequenceBatch(np.ones((4, 9, 3), np.float32))
    >>> to_come = SequenceBatch(np.ones((4, 6, 2), np.float32))
    >>> model.infer(SequencePair(past, to_come)).shape
    (4, 6, 1)

    The same in parts:

    >>> state = model.encode(past)
    >>> outputs, state = model.decode(state, to_come)
    >>> outputs.shape
    (4, 6, 1)
    """

    _scalers: ClassVar = ("input_scaler", "decoder_scaler", "target_scaler")
    _network: PairNetwork
    decoder_scaler: SequenceScaler | None = None

    def __init__(
        self,
        source_size: int,
        target_size: int,
        output_size: int,
        *,
        hidden_size: int | Sequence[int] = 64,
        num_layers: int = 1,
        projection_size: int = 0,
        peephole: bool = False,
        coupled_gates: bool = False,
        gate_activation: str = "sigmoid",
        cell_activation: str = "tanh",
        cell_clip: float | None = None,
        normalization: str | None = None,
        normalization_steps: int = 100,
        normalization_momentum: float = 0.1,
        initializer: str | Mapping[str, str] = "glorot_orthogonal",
        forget_bias: float = 1.0,
        chrono_steps: int | None = None,
        dropout: float = 0.0,
        variational_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        recurrent_dropout_kind: str = "candidate",
        weight_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        activation_penalty: float = 0.0,
        temporal_activation_penalty: float = 0.0,
        quantiles: int = 1,
        memory: str = "store",
        dtype: str = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.config = config_of(locals())
        rng = as_generator(random_state)
        check_int("source_size", source_size, 1)
        check_int("target_size", target_size, 1)
        self._quantiles = check_quantiles(output_size, quantiles)
        encoder = make_lstm(source_size, self.config, rng)
        decoder = make_lstm(target_size, self.config, rng)
        head = Linear(decoder.output_size, output_size, dtype=dtype, random_state=rng)
        self._network = PairNetwork(
            Reader(encoder, names=("encoder", "source_embedding")),
            SequenceNetwork(
                Reader(decoder, names=("decoder", "target_embedding")),
                before_head(dropout, variational_dropout, reads_state=False),
                head,
                last=False,
                penalties=make_penalties(
                    activation_penalty, temporal_activation_penalty
                ),
            ),
        )
        parts = {"encoder": encoder, "decoder": decoder, "head": head}
        self.params = Parameters.join({n: part.params for n, part in parts.items()})

    # ---------------------------------------------------------------- prediction

    def scale_inputs(self, pair: SequencePair) -> SequencePair:
        """Copy both sides of ``pair`` into the network's units and dtype."""
        source, target = pair.source, pair.target
        return SequencePair(
            source.with_x(self._scaled(source.x, self.input_scaler)),
            target.with_x(self._scaled(target.x, self.decoder_scaler)),
        )

    def infer(self, pair: SequencePair) -> Array:
        """Compute (N, T, K) outputs, zeros at padded steps of the decoder.

        The output of a pair has the same bits whatever batch it is in.
        """
        pair = self._checked(pair)
        return self.decode(self.encode(pair.source), pair.target)[0]

    def predict(self, pair: SequencePair) -> NDArray[Any]:
        """Predict in the user's units, from inputs in the user's units.

        Returns
        -------
        (N, T, K) float64 array
            Values in the units of the training targets, the ``quantiles`` of a target
            never crossing; with ``classes``, their probabilities. Zeros at padded
            steps.
        """
        outputs = self._in_units(self.infer(self.scale_inputs(pair)))
        if pair.target.lengths is not None:
            outputs[~pair.target.mask] = 0.0
        return outputs

    def encode(self, source: SequenceBatch) -> State:
        """Read sources, in the network's units.

        Parameters
        ----------
        source : SequenceBatch
            (N, S, F), of the model's dtype.

        Returns
        -------
        (h, c) : tuple
            After the last valid step of each, as `fastlstm.nn.LSTM` has its states:
            (L, N, H or P) and (L, N, H), or lists where hidden sizes differ.

        Raises
        ------
        ValueError, TypeError
            As for `check`, of a source.
        """
        reader = self._network.encoder
        return reader.read(_checked_side("source", reader, source))[1]

    def decode(self, state: State, target: SequenceBatch) -> tuple[Array, State]:
        """Go on from a state, in the network's units.

        With batch normalisation, the first step takes the statistics of a first step.

        Parameters
        ----------
        state : tuple (h, c)
            Of N sequences, from `encode`, from here or from a stream.
        target : SequenceBatch
            (N, T, D) inputs of the decoder, of the model's dtype.

        Returns
        -------
        outputs : (N, T, K) array
            Zeros at padded steps.
        (h, c) : tuple
            After the last valid step of each.

        Raises
        ------
        ValueError, TypeError
            As for `check`, of a target; states of another shape or dtype, NaN or inf.
        """
        decoder = self._network.decoder
        batch = _checked_side("target", decoder.reader, target)
        hidden, after = decoder.reader.read(batch, state, every=True)
        return decoder.head(hidden, lengths=batch.lengths), after

    def encoder_stream(self, batch_size: int = 1) -> ModelStream:
        """Return a stepper of the encoder, whose outputs are its hidden states.

        Its ``state``, after any steps and reads, is what `encode` of them all gives:
        one more observation costs one step.

        Parameters
        ----------
        batch_size : int, default=1
            Sequences that are stepped together.
        """
        encoder = self._network.encoder
        return ModelStream(encoder, None, self.params, batch_size=batch_size)

    def decoder_stream(self, state: State) -> ModelStream:
        """Return a stepper of decoder and head that goes on from a state of B rows.

        Its ``step`` takes (B, D) inputs to (B, K) outputs, in the network's units: for
        outputs that are the next step's inputs. `ModelStream.take` has many paths go on
        from each row.

        Raises
        ------
        ValueError, TypeError
            A state of another shape or dtype, NaN or inf.
        """
        decoder = self._network.decoder
        stream = ModelStream(
            decoder.reader, decoder.head, self.params, batch_size=samples_of(state)
        )
        stream.state = state
        return stream

    # ------------------------------------------------------------------ training

    def check(self, batch: SequencePair) -> None:
        """Check what ``forward`` would, on a whole data set before its first batch.

        Raises
        ------
        ValueError
            On either side, which is named, another number of features than the model's
            or NaN or inf in a valid step.
        TypeError
            Another dtype, something else than a pair.
        """
        self._checked(batch)

    def forward(
        self,
        batch: SequencePair,
        *,
        mask_seed: int,
        row_ids: IntArray,
        checked: bool = False,
    ) -> tuple[Array, ModelCache]:
        """Compute outputs as ``infer`` does but with dropout, and keep a cache.

        Parameters
        ----------
        batch : SequencePair
        mask_seed : int
            From 0 to 2**64 - 1; gives the dropout masks, other ones to the encoder than
            to the decoder. With ``weight_dropout``, which has one mask for all of the
            batch, the smallest row id does too: the batches of an epoch share a seed.
        row_ids : (N,) array of int
            Name the pairs, so that a pair's masks do not depend on its place in the
            batch.
        checked : bool, default=False
            Whether ``batch`` was taken from one that `check` has passed, and is as
            `SequencePair.take` leaves it. It and ``row_ids`` are not copied then: leave
            them unchanged until ``backward``.

        Returns
        -------
        outputs : (N, T, K) array
        cache : Cache
            For one `backward`, before the weights change.
        """
        if not checked:
            batch = self._checked(batch)
            row_ids = check_row_ids(row_ids, len(batch))
            check_int("mask_seed", mask_seed, 0, 2**64 - 1)
        outputs, kept = self._network.forward(batch, mask_seed, row_ids)
        saved = (kept, outputs.shape)
        held = self._network.held_bytes(kept)
        return outputs, Cache(self, self.params.version, saved, held)

    def _checked(self, pair: SequencePair) -> SequencePair:
        """Return ``pair`` as kernels read it, or raise."""
        if not isinstance(pair, SequencePair):
            raise TypeError(
                "an encoder-decoder reads a SequencePair (a source beside the inputs "
                f"of the decoder), got {type(pair).__name__}"
            )
        network = self._network
        return SequencePair(
            _checked_side("source", network.encoder, pair.source),
            _checked_side("target", network.decoder.reader, pair.target),
        )


def _checked_side(name: str, reader: Reader, batch: SequenceBatch) -> SequenceBatch:
    """Return one side of a pair as kernels read it; the message names it."""
    try:
        return SequenceBatch(*reader.check_inputs(batch.x, batch.lengths))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
