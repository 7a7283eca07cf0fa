"""What an LSTM is: its checked arguments, its parameters, its layer in the core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import numpy.typing as npt

from .. import _core
from .._validate import (
    RandomState,
    as_generator,
    check_bool,
    check_choice,
    check_dtype,
    check_float,
    check_int,
    check_size,
)
from ..params import Parameters
from .base import Core, ParameterLayer
from .cell import PLAIN_CELL, check_cell
from .combinations import check_combinations
from .initializers import check_initializer, initialize_lstm
from .lstm_inputs import InputCheck, check_projection, layer_sizes
from .normalization import check_normalization, learn_statistics, specs
from .regularizers import Regularizers, check_regularizers
from .states import StateLayout

__all__ = ["MEMORY", "LSTMSetup"]

_NOTHING: Final = nullcontext()
MEMORY = ("store", "recompute", "checkpoint")


class LSTMSetup(ParameterLayer):
    """What `LSTM` is made of; what it does stands there, and what its arguments are."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int | Sequence[int],
        num_layers: int = 1,
        *,
        bias: bool = True,
        bidirectional: bool = False,
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
        memory: str = "store",
        dtype: npt.DTypeLike = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.input_size = check_int("input_size", input_size, 1)
        self.hidden_sizes = layer_sizes(hidden_size, num_layers)
        self.hidden_size = hidden_size
        self.num_layers = len(self.hidden_sizes)
        self.bias = check_bool("bias", bias)
        self.bidirectional = check_bool("bidirectional", bidirectional)
        self.projection_size = check_projection(projection_size, self.hidden_sizes)
        self.cell = check_cell(
            peephole, coupled_gates, gate_activation, cell_activation, cell_clip
        )
        self.initializer = check_initializer(
            initializer, coupled=self.cell.coupled_gates
        )
        self.forget_bias = check_float("forget_bias", forget_bias)
        self.chrono_steps = None
        if chrono_steps is not None:
            self.chrono_steps = check_int("chrono_steps", chrono_steps, 3)
            if not self.bias:
                raise ValueError(
                    f"chrono_steps={chrono_steps!r} draws biases: got bias=False"
                )
        self.normalization = check_normalization(
            normalization, normalization_steps, normalization_momentum
        )
        self.regularizers = check_regularizers(
            dropout,
            variational_dropout,
            recurrent_dropout,
            recurrent_dropout_kind,
            weight_dropout,
            zoneout_h,
            zoneout_c,
            num_layers=self.num_layers,
        )
        self.memory = memory
        storage = check_dtype(dtype)
        largest = max(self.hidden_sizes)
        widest = max(self.input_size, 2 * largest)
        check_size("a layer's weights", 4 * largest * (widest + largest), storage)
        self._rng = as_generator(random_state)
        self._core = Core(
            _core.LSTM,
            self.input_size,
            list(self.hidden_sizes),
            self.bidirectional,
            self.bias,
            self.projection_size,
            storage.name,
            *self.cell,
            self.regularizers.rates,
            *self.normalization.core,
        )
        self.params = Parameters(specs(self._core.compiled.layout), storage)
        initialize_lstm(
            self.params,
            self.initializer,
            self.forget_bias,
            self._rng,
            coupled=self.cell.coupled_gates,
            chrono_steps=self.chrono_steps,
            gain=self.normalization.gain,
        )
        # What calls would otherwise work out again and again.
        outputs = [self.projection_size or size for size in self.hidden_sizes]
        stacked = len(set(self.hidden_sizes)) == 1
        directions = 2 if self.bidirectional else 1
        self.h_layout = StateLayout(outputs, directions, stacked, storage)
        self.c_layout = StateLayout(self.hidden_sizes, directions, stacked, storage)
        self._output_size = directions * outputs[-1]
        # Gates and cells of every layer are what training keeps of a step.
        step_size = 6 * self.c_layout.row_size + 2 * self.input_size
        self.check_inputs = InputCheck(self.input_size, step_size, storage)

    def _used(self) -> dict[str, object]:
        """Return the arguments that make this another layer than the plain LSTM."""
        options = {**self.cell._asdict(), **self.regularizers._asdict()}
        plain = {**PLAIN_CELL._asdict(), **Regularizers()._asdict()}
        if not self.regularizers.recurrent_dropout:
            options["recurrent_dropout_kind"] = plain["recurrent_dropout_kind"]
        options["projection_size"], plain["projection_size"] = self.projection_size, 0
        options["normalization"], plain["normalization"] = self.normalization.kind, None
        return {name: v for name, v in options.items() if v != plain[name]}

    def __repr__(self) -> str:
        shown: dict[str, object] = {
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
        }
        if not self.bias:
            shown["bias"] = False
        if self.initializer != "glorot_orthogonal":
            shown["initializer"] = self.initializer
        if self.chrono_steps is not None:
            shown["chrono_steps"] = self.chrono_steps
        elif self.forget_bias != 1.0:
            shown["forget_bias"] = self.forget_bias
        shown |= self._used() | {"memory": self.memory, "dtype": self.dtype.name}
        arguments = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"LSTM({self.input_size}, {self.hidden_size}, {arguments})"

    @property
    def memory(self) -> str:
        """What :meth:`forward` keeps; may be changed at any time."""
        return self._memory

    @memory.setter
    def memory(self, memory: str) -> None:
        check_choice("memory", memory, MEMORY)
        used = self._used() | ({} if memory == "store" else {"memory": memory})
        check_combinations(used)
        self._memory = memory

    def reading(self) -> AbstractContextManager[object]:
        """Hold what inference reads live: running statistics, if there are any."""
        if self.normalization.kind == "batch":
            return self.params.statistics_lock
        return _NOTHING

    def learn(self, kept: _core.Cache) -> None:
        """Take what a training call learned that is no gradient."""
        if self.normalization.kind == "batch":
            learn_statistics(self.params, kept, self.normalization)

    @property
    def output_size(self) -> int:
        """Features of a step of y: D H of the last layer, or D P."""
        return self._output_size

    @property
    def compiled(self) -> _core.LSTM:
        """The core's own layer with the newest weights, for callers that checked."""
        return self._core.synced(self.params)

    @property
    def path(self) -> str:
        """ISA, dtype and plan of the last call or forward."""
        return self._core.compiled.path


# What Python calls it in the message about an argument that it does not know.
LSTMSetup.__init__.__qualname__ = "LSTM.__init__"
