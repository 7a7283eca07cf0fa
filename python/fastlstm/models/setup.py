"""What a model is made of: its checked arguments, its network, its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from .._validate import (
    RandomState,
    as_generator,
    check_choice,
    check_float,
    check_int,
)
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
from ..nn.combinations import check_combinations
from ..params import Parameters
from .base import TrainableModel
from .network import Penalty, Pooling, SequenceNetwork
from .reader import Reader
from .skip import Skip

__all__ = [
    "POOLINGS",
    "ModelSetup",
    "Output",
    "before_head",
    "check_quantiles",
    "config_of",
    "make_lstm",
    "make_penalties",
]

_OF_LSTM: Final = frozenset(signature(LSTM).parameters)
Output: TypeAlias = Literal["last", "sequence"]
POOLINGS: Final = ("last", "mean", "max", "attention")


class ModelSetup(TrainableModel):
    """What `SequenceModel` is made of; its arguments are told there."""

    _network: SequenceNetwork

    def __init__(
        self,
        input_size: int | None,
        output_size: int,
        *,
        hidden_size: int | Sequence[int] = 64,
        num_layers: int = 1,
        bidirectional: bool = False,
        projection_size: int = 0,
        pooling: str = "last",
        vocabulary_size: int | None = None,
        embedding_dim: int = 64,
        embedding_dropout: float = 0.0,
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
        output: Output = "last",
        skip_steps: int = 0,
        skip_features: int | None = None,
        quantiles: int = 1,
        memory: str = "store",
        dtype: str = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.config = config_of(locals())
        rng = as_generator(random_state)
        self._quantiles = check_quantiles(output_size, quantiles)
        self.output = check_choice("output", output, ("last", "sequence"))
        check_choice("pooling", pooling, POOLINGS)
        if pooling != "last" and output == "sequence":
            raise ValueError(
                f"pooling={pooling!r} does not go with output='sequence': it makes one "
                "row of all steps, and that output is one of each; use pooling='last'"
            )
        embedding = _embedding(
            input_size, vocabulary_size, embedding_dim, embedding_dropout, dtype, rng
        )
        inputs = input_size if embedding is None else embedding_dim
        lstm = make_lstm(inputs, self.config, rng)
        pool = _pooling(pooling, lstm.output_size, dtype, rng)
        head = Linear(lstm.output_size, output_size, dtype=dtype, random_state=rng)
        reads_state = output == "last" and pool is None
        skip = _skip(self.config)
        self._network = SequenceNetwork(
            Reader(lstm, embedding),
            before_head(dropout, variational_dropout, reads_state=reads_state),
            head,
            last=output == "last",
            pooling=pool,
            penalties=make_penalties(activation_penalty, temporal_activation_penalty),
            skip=skip,
        )
        parts = {"embedding": embedding, "lstm": lstm, "pooling": pool, "head": head}
        if skip is not None:
            parts["skip"] = skip.linear
        self.params = Parameters.join(
            {name: part.params for name, part in parts.items() if part is not None}
        )


def check_quantiles(output_size: int, quantiles: int) -> int:
    """Return ``quantiles``, of which ``output_size`` has to be a multiple."""
    check_int("output_size", output_size, 1)
    if output_size % check_int("quantiles", quantiles, 1):
        raise ValueError(
            f"output_size must be a multiple of quantiles={quantiles}, got "
            f"{output_size}"
        )
    return quantiles


def config_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a constructor, its ``locals()``, that make the model."""
    return {k: v for k, v in arguments.items() if k not in ("self", "random_state")}


def make_lstm(
    input_size: int | None, config: Mapping[str, Any], rng: np.random.Generator
) -> LSTM:
    """Return the LSTM of a model, whose arguments have the names of the LSTM's.

    Its ``dropout`` is that between layers, where there are several.
    """
    several = max(config["num_layers"], np.size(config["hidden_size"])) > 1
    between = check_float("dropout", config["dropout"], "[0, 1)")
    options: dict[str, Any] = {k: config[k] for k in _OF_LSTM & config.keys()}
    options.update(input_size=input_size, dropout=between if several else 0.0)
    return LSTM(**options, random_state=rng)


def _embedding(
    input_size: int | None,
    vocabulary_size: int | None,
    embedding_dim: int,
    dropout: float,
    dtype: str,
    rng: np.random.Generator,
) -> Embedding | None:
    """Return what turns tokens into the LSTM's inputs; None where x has features."""
    check_int("embedding_dim", embedding_dim, 1)
    check_float("embedding_dropout", dropout, "[0, 1)")
    if vocabulary_size is None:
        if input_size is None:
            raise ValueError(
                "input_size=None needs vocabulary_size: expected one of the two, got "
                "neither"
            )
        if dropout:
            raise ValueError(
                f"embedding_dropout={dropout!r} needs vocabulary_size, got None: "
                "without tokens there is no embedding"
            )
        return None
    if input_size is not None:
        raise ValueError(
            f"input_size={input_size!r} does not go with vocabulary_size="
            f"{vocabulary_size!r}: a step is a token, so use input_size=None"
        )
    check_int("vocabulary_size", vocabulary_size, 1)
    return Embedding(
        vocabulary_size, embedding_dim, dropout=dropout, dtype=dtype, random_state=rng
    )


def _pooling(
    name: str, features: int, dtype: str, rng: np.random.Generator
) -> Pooling | None:
    """Return the layer of that name; None for "last", which the LSTM has itself."""
    if name == "attention":
        return AttentionPooling(features, dtype=dtype, random_state=rng)
    if name == "last":
        return None
    return MeanPooling() if name == "mean" else MaxPooling()


def _skip(config: Mapping[str, Any]) -> Skip | None:
    """Return what reads the inputs beside the LSTM, if there is such a thing."""
    steps, inputs = (
        check_int("skip_steps", config["skip_steps"], 0),
        config["input_size"],
    )
    features = config["skip_features"]
    if not steps:
        if features is not None:
            raise ValueError(f"skip_features={features!r} needs skip_steps, got 0")
        return None
    if inputs is None or config["output"] != "last":
        raise ValueError(
            f"skip_steps={steps} reads the features of the last steps for one output a "
            "sequence: it goes neither with vocabulary_size nor with output='sequence'"
        )
    if features is None:
        features = inputs
    check_int("skip_features", features, 1, inputs)
    return Skip(steps, features, config["output_size"], config["dtype"])


def before_head(
    dropout: float, variational: float, *, reads_state: bool
) -> Dropout | None:
    """Return what masks the head's inputs, where the LSTM has not done so.

    Variational dropout masks the outputs of every step inside the LSTM. Final states
    come from there as they are: one row a sequence, so that any mask is the sequence's.
    """
    rates = {"dropout": dropout, "variational_dropout": variational}
    used = {name: rate for name, rate in rates.items() if rate}
    check_combinations(used)  # of one layer, the LSTM is not told of dropout
    rate = dropout or (variational if reads_state else 0.0)
    return Dropout(rate) if rate else None


def make_penalties(activation: float, temporal: float) -> tuple[Penalty, ...]:
    """Return those whose strength is above zero."""
    check_float("activation_penalty", activation, "[0, inf)")
    check_float("temporal_activation_penalty", temporal, "[0, inf)")
    return (
        *([ActivationPenalty(activation)] if activation else ()),
        *([TemporalActivationPenalty(temporal)] if temporal else ()),
    )
