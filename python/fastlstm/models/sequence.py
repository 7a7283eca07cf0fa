"""One LSTM stack with a linear head: one output a sequence, or one a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._validate import Array, IntArray, check_int, check_row_ids
from ..data import SequenceBatch
from ..files import storable
from ..nn.base import Cache
from .base import in_order
from .parts import cut
from .setup import ModelSetup, Output
from .stream import ModelStream

if TYPE_CHECKING:
    from .base import ModelCache

__all__ = ["Output", "SequenceModel", "in_order"]


@storable
class SequenceModel(ModelSetup):
    """LSTM layers, dropout, and a linear map of one row a sequence or of every step.

    Parameters
    ----------
    input_size : int or None
        Features F of a step; None with ``vocabulary_size``.
    output_size : int
        Numbers K that are predicted.
    hidden_size : int or sequence of int, default=64
        Units H of each layer; a sequence has one number a layer.
    num_layers : int, default=1
    bidirectional : bool, default=False
        Read every sequence in both directions.
    projection_size : int, default=0
        Size P to which the hidden state is projected; 0 for none.
    pooling : {"last", "mean", "max", "attention"}, default="last"
        What ``output="last"`` predicts from: the final hidden state, or the last
        layer's outputs at all valid steps, their mean, largest values, or mean with
        learnt weights (`fastlstm.nn.AttentionPooling`).
    vocabulary_size : int or None, default=None
        Tokens V. A step is then one of 0 to V - 1, which `fastlstm.nn.Embedding` turns
        into a vector for the LSTM.
    embedding_dim : int, default=64
        Size E of that vector.
    embedding_dropout : float in [0, 1), default=0.0
        Probability with which a training batch drops a token wherever it stands.
    peephole, coupled_gates, gate_activation, cell_activation, cell_clip,
    normalization, normalization_steps, normalization_momentum,
    initializer, forget_bias, chrono_steps
        The cell and the start of the LSTM layers, as `fastlstm.nn.LSTM` has them.
    dropout : float in [0, 1), default=0.0
        Share of values that training sets to zero between layers and before the head.
    variational_dropout : float in [0, 1), default=0.0
        The same for the inputs of the first layer, between layers and before the head,
        with one mask a sequence (Gal & Ghahramani 2016).
    recurrent_dropout, recurrent_dropout_kind, weight_dropout, zoneout_h, zoneout_c
        Inside the LSTM layers, see there.
    activation_penalty, temporal_activation_penalty : float, default=0.0
        Strengths alpha of ``alpha mean(y_t^2)`` and beta of
        ``beta mean((y_t - y_{t-1})^2)`` over valid steps and units of the last layer's
        outputs y (`fastlstm.losses.ActivationPenalty`, `TemporalActivationPenalty`).
        `backward` adds their gradients. They are no part of a loss of the outputs, so
        of no training loss that is told, and every sequence counts the same.
    output : {"last", "sequence"}, default="last"
        "last" predicts once a sequence, see ``pooling``. Its final hidden state is,
        forwards, the state after the last valid step, backwards the one after the
        first. "sequence" predicts at every step.
    skip_steps : int, default=0
        With a number p, a linear map of the last p steps is added to the outputs, the
        autoregressive component of Lai et al. (2018, "LSTNet", section 3.6): it follows
        the scale of the inputs, which bounded units do not. It begins with zeros. For
        features, with ``output="last"``; a stream does not have it.
    skip_features : int or None, default=None
        How many features of a step that map reads, the first ones; None is all.
    quantiles : int, default=1
        Predictions that each target has, side by side as `fastlstm.losses.Quantile`
        has them; ``predict`` brings them into order.
    memory : {"store", "recompute", "checkpoint"}, default="store"
        What a training step keeps of the LSTM's gates and cells, see
        `fastlstm.nn.LSTM`: less memory for longer sequences, a third more time, the
        same bits.
    dtype : {"float32", "float64"}, default="float32"
    random_state : int, Generator, RandomState or None
        Draws the initial weights.

    Attributes
    ----------
    params, grads : Parameters, Gradients
        All weights in one flat buffer: ``lstm.*`` and ``head.*``, and where there are
        such ``embedding.*`` and ``pooling.*``.
    input_scaler, target_scaler : SequenceScaler or None
    classes : (K,) array or None
        What ``predict`` needs to go from a user's units to the network's and back;
        ``infer``, ``forward`` and ``backward`` work in the network's.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.data import SequenceBatch
    >>> from fastlstm.models import SequenceModel
    >>> model = SequenceModel(3, 2, hidden_size=5, random_state=0)
    >>> model.infer(SequenceBatch(np.ones((4, 6, 3), np.float32))).shape
    (4, 2)

    Of tokens:

    >>> model = SequenceModel(None, 2, vocabulary_size=50, pooling="mean")
    >>> words = [np.array([7, 2]), np.array([1, 0, 49])]
    >>> model.infer(SequenceBatch.from_sequences(words)).shape
    (2, 2)
    """

    # ---------------------------------------------------------------- prediction

    def scale_inputs(self, batch: SequenceBatch) -> SequenceBatch:
        """Copy ``batch`` into the network's units and dtype."""
        return batch.with_x(self._inputs(batch.x))

    def infer(self, batch: SequenceBatch) -> Array:
        """Compute (N, K) or (N, T, K) outputs, zeros at padded steps.

        The output of a sequence has the same bits whatever batch it is in.
        """
        return self._infer(batch.x, batch.lengths)

    def predict(self, batch: SequenceBatch) -> NDArray[Any]:
        """Predict in the user's units, from inputs in the user's units.

        Returns
        -------
        (N, K) or (N, T, K) float64 array
            Values in the units of the training targets, the ``quantiles`` of a target
            never crossing; with ``classes``, their probabilities. Zeros at padded
            steps.
        """
        outputs = self._in_units(self._infer(self._inputs(batch.x), batch.lengths))
        if batch.lengths is not None and not self._network.last:
            outputs[~batch.mask] = 0.0
        return outputs

    def _inputs(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return ``x`` as the network reads it."""
        if self._network.embedding is not None:
            return x  # tokens have no unit
        return self._scaled(x, self.input_scaler)

    def _infer(self, x: NDArray[Any], lengths: IntArray | None) -> Array:
        network = self._network
        x, lengths = network.check_inputs(x, lengths)
        parts = cut(len(x), x.shape[1], lengths, network.step_size)
        if len(parts) == 1:
            return network.infer(x, lengths)
        batch = SequenceBatch(x, lengths)
        shape = (len(x),) if network.last else x.shape[:2]
        result: Array = np.zeros((*shape, network.head.out_features), self.dtype)
        for at in parts:
            part = batch.take(at)
            outputs = network.infer(part.x, part.lengths)
            if network.last:
                result[at] = outputs
            else:
                result[at, : part.n_steps] = outputs
        return result

    def stream(self, batch_size: int = 1) -> ModelStream:
        """Return a stepper that keeps the state of ``batch_size`` sequences.

        It works as ``infer`` in the network's units, and its outputs have the bits of
        ``infer`` of all steps so far: those of the last one, also where the model has
        an output a step.

        Parameters
        ----------
        batch_size : int, default=1
            Sequences B that are stepped together.

        Returns
        -------
        ModelStream
            At zero state. ``step`` takes (B, F) features or (B,) tokens to (B, K)
            outputs, ``read`` many steps at once; ``state``, ``reset`` and ``take``.

        Raises
        ------
        ValueError
            A bidirectional model, which would have to know the future; a pooling over
            all steps, of which a state knows only the last; ``skip_steps``.
        """
        network, pooling = self._network, self.config["pooling"]
        if pooling != "last":
            raise ValueError(
                f"a model with pooling={pooling!r} cannot stream: it reads all steps "
                "of a sequence, and a state is that of the last one; use pooling='last'"
            )
        if network.skip is not None:
            raise ValueError(
                f"a model with skip_steps={self.config['skip_steps']} cannot stream: "
                "it reads the last steps once more beside the state"
            )
        return ModelStream(
            network.reader, network.head, self.params, batch_size=batch_size
        )

    # ------------------------------------------------------------------ training

    def check(self, batch: SequenceBatch) -> None:
        """Check what ``forward`` would, on a whole data set before its first batch.

        Raises
        ------
        ValueError
            Another number of features than the model's, NaN or inf in a valid step, a
            token outside the vocabulary there.
        TypeError
            Another dtype.
        """
        self._network.check_inputs(batch.x, batch.lengths)

    def forward(
        self,
        batch: SequenceBatch,
        *,
        mask_seed: int,
        row_ids: IntArray,
        checked: bool = False,
    ) -> tuple[Array, ModelCache]:
        """Compute outputs as ``infer`` does but with dropout, and keep a cache.

        Parameters
        ----------
        batch : SequenceBatch
        mask_seed : int
            From 0 to 2**64 - 1; gives the dropout masks. With ``weight_dropout`` and
            ``embedding_dropout``, which have one mask for all of the batch, the
            smallest row id does too: the batches of an epoch share a seed.
        row_ids : (N,) array of int
            Name the sequences, so that a sequence's masks do not depend on its place in
            the batch.
        checked : bool, default=False
            Whether ``batch`` was taken from one that `check` has passed, and is as
            `SequenceBatch.take` leaves it. It and ``row_ids`` are not copied then:
            leave them unchanged until ``backward``.

        Returns
        -------
        outputs : (N, K) or (N, T, K) array
        cache : Cache
            For one `backward`, before the weights change.
        """
        x, lengths = batch.x, batch.lengths
        if not checked:
            x, lengths = self._network.check_inputs(x, lengths)
            row_ids = check_row_ids(row_ids, len(x))
            check_int("mask_seed", mask_seed, 0, 2**64 - 1)
        outputs, kept = self._network.forward(x, lengths, mask_seed, row_ids)
        saved = (kept, outputs.shape)
        held = self._network.held_bytes(kept)
        return outputs, Cache(self, self.params.version, saved, held)
