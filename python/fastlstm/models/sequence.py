"""One LSTM stack with a linear head: one output a sequence, or one a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._validate import (
    Array,
    IntArray,
    RandomState,
    all_finite,
    as_generator,
    check_choice,
    check_float,
    check_int,
)
from ..data import SequenceBatch, SequenceScaler
from ..nn import LSTM, Dropout, Linear
from ..nn.base import derive_seed
from ..params import Gradients, Parameters

__all__ = ["Output", "SequenceModel"]

Output: TypeAlias = Literal["last", "sequence"]

# Inference keeps the hidden states of every step of the rows at work; this many numbers
# of them (128 MB in float32) are enough to keep all cores busy.
_NUMBERS_AT_WORK = 2**25


class _Cache(NamedTuple):
    """What ``backward`` needs from ``forward``."""

    lstm: Any
    dropout: Any
    head: Any
    batch: SequenceBatch
    state_shapes: list[tuple[int, ...]]


class SequenceModel:
    """LSTM layers, dropout, and a linear map of the last state or of every step.

    Parameters
    ----------
    input_size, output_size : int
        Features F of a step; numbers K that are predicted.
    hidden_size : int or sequence of int, default=64
        Units H of each layer; a sequence has one number a layer.
    num_layers : int, default=1
    bidirectional : bool, default=False
        Read every sequence in both directions.
    projection_size : int, default=0
        Size P to which the hidden state is projected; 0 for none.
    dropout : float in [0, 1), default=0.0
        Share of values that training sets to zero between layers and before the head.
    output : {"last", "sequence"}, default="last"
        "last" predicts from the final hidden state: forwards that is the state after
        the last valid step, backwards the one after the first. "sequence" predicts at
        every step.
    dtype : {"float32", "float64"}, default="float32"
    random_state : int, Generator, RandomState or None
        Draws the initial weights.

    Attributes
    ----------
    params, grads : Parameters, Gradients
        All weights in one flat buffer: ``lstm.*`` and ``head.*``.
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
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        hidden_size: int | Sequence[int] = 64,
        num_layers: int = 1,
        bidirectional: bool = False,
        projection_size: int = 0,
        dropout: float = 0.0,
        output: Output = "last",
        dtype: str = "float32",
        random_state: RandomState = None,
    ) -> None:
        rng = as_generator(random_state)
        layers = max(num_layers, np.size(hidden_size))
        check_int("output_size", output_size, 1)
        check_float("dropout", dropout, "[0, 1)")
        self.output = check_choice("output", output, ("last", "sequence"))
        self.config: dict[str, Any] = {
            "input_size": input_size,
            "output_size": output_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "bidirectional": bidirectional,
            "projection_size": projection_size,
            "dropout": dropout,
            "output": output,
            "dtype": dtype,
        }
        self._lstm = LSTM(
            input_size,
            hidden_size,
            num_layers,
            bidirectional=bidirectional,
            projection_size=projection_size,
            dropout=dropout if layers > 1 else 0.0,
            dtype=dtype,
            random_state=rng,
        )
        self._directions = 2 if bidirectional else 1
        self._width = width = self._lstm.output_size
        self._dropout = Dropout(dropout) if dropout else None
        self._head = Linear(width, output_size, dtype=dtype, random_state=rng)
        self.params = Parameters.join(
            {"lstm": self._lstm.params, "head": self._head.params}
        )
        self.input_scaler: SequenceScaler | None = None
        self.target_scaler: SequenceScaler | None = None
        self.classes: NDArray[Any] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of weights, inputs and outputs of ``infer``."""
        return self.params.dtype

    @property
    def grads(self) -> Gradients:
        """Gradients that ``backward`` adds into where it is given no others."""
        return self.params.grads

    # ---------------------------------------------------------------- prediction

    def scale_inputs(self, batch: SequenceBatch) -> SequenceBatch:
        """Copy ``batch`` into the network's units and dtype."""
        x = batch.x
        if self.input_scaler is not None:
            x = self.input_scaler.transform(x)
        try:
            with np.errstate(over="raise"):
                return batch.with_x(np.ascontiguousarray(x, self.dtype))
        except FloatingPointError:
            raise ValueError(
                f"inputs reach {np.abs(x).max():.3g}, too large for {self.dtype}: "
                "expected data on the scale of the fit, or dtype='float64'"
            ) from None

    def infer(self, batch: SequenceBatch) -> Array:
        """Compute (N, K) or (N, T, K) outputs, zeros at padded steps.

        The output of a sequence has the same bits whatever batch it is in.
        """
        size = batch.n_steps * self._width
        rows = max(1, _NUMBERS_AT_WORK // max(1, size))
        shape = (len(batch),) if self.output == "last" else batch.x.shape[:2]
        result: Array = np.zeros((*shape, self.config["output_size"]), self.dtype)
        for begin in range(0, len(batch), rows):
            at = slice(begin, begin + rows)
            part = batch.take(at) if len(batch) > rows else batch
            y, (h, _) = self._lstm(part.x, lengths=part.lengths)
            if self.output == "last":
                result[at] = self._head(self._final(h))
            else:
                result[at, : part.n_steps] = self._steps(self._head(y), part)
        return result

    def predict(self, batch: SequenceBatch) -> NDArray[Any]:
        """Predict in the user's units, from inputs in the user's units.

        Returns
        -------
        (N, K) or (N, T, K) float64 array
            Values in the units of the training targets; with ``classes``, their
            probabilities.
        """
        outputs: NDArray[Any] = self.infer(self.scale_inputs(batch)).astype(np.float64)
        if self.classes is not None:
            outputs -= outputs.max(axis=-1, keepdims=True)
            np.exp(outputs, out=outputs)
            outputs /= outputs.sum(axis=-1, keepdims=True)
            return outputs
        if self.target_scaler is not None:
            outputs = self.target_scaler.inverse_transform(outputs)
            if self.output == "sequence":
                outputs = self._steps(outputs, batch)
        return outputs

    # ------------------------------------------------------------------ training

    def forward(
        self, batch: SequenceBatch, *, mask_seed: int, row_ids: IntArray
    ) -> tuple[Array, _Cache]:
        """Compute outputs as ``infer`` does but with dropout, and keep a cache.

        ``row_ids`` (N,) name the sequences, so that a sequence's dropout masks do not
        depend on its place in the batch.
        """
        y, (h, _), lstm_cache = self._lstm.forward(
            batch.x, lengths=batch.lengths, mask_seed=mask_seed, row_ids=row_ids
        )
        z = self._final(h) if self.output == "last" else y
        dropout_cache = None
        if self._dropout is not None:
            # A seed of its own, or it would draw the masks of a layer below.
            z, dropout_cache = self._dropout.forward(
                z, mask_seed=derive_seed(mask_seed, 1), row_ids=row_ids
            )
        outputs, head_cache = self._head.forward(z)
        if self.output == "sequence":
            outputs = self._steps(outputs, batch)
        blocks = h if isinstance(h, list) else [h]
        shapes = [block.shape for block in blocks]
        return outputs, _Cache(lstm_cache, dropout_cache, head_cache, batch, shapes)

    def backward(
        self, doutputs: Array, cache: _Cache, grads: Gradients | None = None
    ) -> None:
        """Add the gradients of the weights, given those of the outputs.

        ``doutputs`` has to be zero at padded steps, as a loss with lengths leaves it.
        """
        grads = self.grads if grads is None else grads
        dz = self._head.backward(doutputs, cache.head, grads=grads.part("head"))
        if self._dropout is not None:
            dz = self._dropout.backward(dz, cache.dropout)
        if not all_finite(dz):
            raise FloatingPointError(
                "the gradient overflowed: a smaller learning rate or a max_grad_norm "
                "may help"
            )
        into = grads.part("lstm")
        if self.output == "last":
            dh = self._final_gradient(dz, cache.state_shapes)
            self._lstm.backward(
                None, cache.lstm, dstate=(dh, None), grads=into, need_dx=False
            )
        else:
            self._lstm.backward(dz, cache.lstm, grads=into, need_dx=False)

    def _final(self, h: Array | list[Array]) -> Array:
        """Join the top layer's final states to (N, D * R), forward then backward."""
        top = h[-1] if isinstance(h, list) else h[-self._directions :]
        return np.ascontiguousarray(top.transpose(1, 0, 2)).reshape(-1, self._width)

    def _final_gradient(
        self, dz: Array, shapes: list[tuple[int, ...]]
    ) -> Array | list[Array]:
        """Hand the gradient of ``_final`` to the states: zero below the top layer."""
        blocks: list[Array] = [np.zeros(shape, self.dtype) for shape in shapes]
        top = blocks[-1][-self._directions :]
        top[...] = dz.reshape(len(dz), self._directions, -1).transpose(1, 0, 2)
        return blocks if len(blocks) > 1 else blocks[0]

    @staticmethod
    def _steps(outputs: Array, batch: SequenceBatch) -> Array:
        """Put zeros where a sequence has ended, instead of the head's bias."""
        if batch.lengths is not None:
            outputs[~batch.mask] = 0.0
        return outputs

    # --------------------------------------------------------------------- state

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copy all that prediction needs beside ``config`` and ``classes``."""
        state: dict[str, NDArray[Any]] = dict(self.params.state_dict())
        for name in ("input_scaler", "target_scaler"):
            scaler = getattr(self, name)
            if scaler is not None:
                items = scaler.state_dict().items()
                state.update({f"{name}.{key}": value for key, value in items})
        return state

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take what ``state_dict`` of a model with the same ``config`` gave."""
        scalers: dict[str, SequenceScaler | None] = {}
        rest = dict(state)
        for name in ("input_scaler", "target_scaler"):
            keys = [f"{name}.{key}" for key in ("mean", "scale")]
            scalers[name] = None
            if keys[0] in rest:
                scaler = scalers[name] = SequenceScaler()
                scaler.load_state_dict(
                    {key.rpartition(".")[2]: rest.pop(key) for key in keys}
                )
        self.params.load_state_dict(rest)
        self.input_scaler = scalers["input_scaler"]
        self.target_scaler = scalers["target_scaler"]

    def __getstate__(self) -> dict[str, Any]:
        # Weights alone, no buffer, layer or packed copy: a pickle stays small, may be
        # memory-mapped read-only, and does not depend on how layers are built inside.
        return {
            "config": self.config,
            "state": self.state_dict(),
            "classes": self.classes,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        SequenceModel.__init__(self, **state["config"], random_state=0)
        self.load_state_dict(state["state"])
        self.classes = state["classes"]
