"""The tables that drive the tests: one new row buys all of them.

Design: a row says how to build the thing in fastlstm and which function of
tests/reference defines it. The tests loop over rows and know no name in them.
All dimensions are different and odd, so that no swapped pair of axes and no forgotten
remainder of a vector goes unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .reference import cell, layers, optim

DTYPES = ["float32", "float64"]


@dataclass(frozen=True)
class Shape:
    """N sequences, T steps, I inputs, H units, P outputs of a projection."""

    N: int
    T: int
    I: int  # noqa: E741
    H: int
    P: int

    def __str__(self) -> str:
        return f"N{self.N}T{self.T}I{self.I}H{self.H}P{self.P}"


# Below one AVX2 vector and its row block; around one AVX-512 vector; several of them.
SHAPES = [Shape(3, 5, 7, 11, 9), Shape(5, 13, 1, 17, 7), Shape(9, 7, 35, 67, 33)]


@dataclass(frozen=True)
class CellCase:
    """A cell: the LSTM's arguments, its definition, its own weights for H units."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    reference: cell.Cell = cell.PLAIN
    weights: Callable[[int], dict[str, tuple[int, ...]]] = lambda H: {"bias": (4 * H,)}
    projection: bool = False

    def __str__(self) -> str:
        return self.name


CELLS = [
    CellCase("plain"),
    CellCase("projection", projection=True),
    CellCase("no-bias", {"bias": False}, weights=lambda H: {}),
    CellCase(
        "no-bias-projection", {"bias": False}, weights=lambda H: {}, projection=True
    ),
    CellCase(
        "peephole",
        {"peephole": True},
        cell.variant(),
        lambda H: {"bias": (4 * H,), "weight_ch": (3 * H,)},
    ),
    CellCase(
        "coupled",
        {"coupled_gates": True},
        cell.variant(coupled=True),
        lambda H: {"bias": (3 * H,)},
    ),
    CellCase(
        "clip-projection", {"cell_clip": 0.5}, cell.variant(clip=0.5), projection=True
    ),
    CellCase(
        "hard-relu",
        {"gate_activation": "hard_sigmoid", "cell_activation": "relu"},
        cell.variant(gate="hard_sigmoid", cell="relu"),
    ),
    CellCase(
        "all-at-once",
        {
            "peephole": True,
            "coupled_gates": True,
            "cell_clip": 0.7,
            "gate_activation": "hard_sigmoid",
        },
        cell.variant(coupled=True, clip=0.7, gate="hard_sigmoid"),
        lambda H: {"bias": (3 * H,), "weight_ch": (2 * H,)},
        projection=True,
    ),
]


def normal_weights(H: int, rows: int) -> dict[str, tuple[int, ...]]:
    """The weights of a normalised cell beside its matrices."""
    return {
        "bias": (rows,),
        "gain_ih": (rows,),
        "gain_hh": (rows,),
        "gain_c": (H,),
        "bias_c": (H,),
    }


LAYER_NORM = [
    CellCase(
        "layer-norm",
        {"normalization": "layer"},
        cell.variant(norm="layer"),
        lambda H: normal_weights(H, 4 * H),
    ),
    CellCase(
        "layer-norm-no-bias-projection",
        {"normalization": "layer", "bias": False},
        cell.variant(norm="layer"),
        lambda H: {"gain_ih": (4 * H,), "gain_hh": (4 * H,), "gain_c": (H,)},
        projection=True,
    ),
    CellCase(
        "layer-norm-peephole-coupled-clip",
        {
            "normalization": "layer",
            "peephole": True,
            "coupled_gates": True,
            "cell_clip": 0.7,
        },
        cell.variant(norm="layer", coupled=True, clip=0.7),
        lambda H: {
            "bias": (3 * H,),
            "weight_ch": (2 * H,),
            **normal_weights(H, 3 * H),
        },
    ),
]
CELLS += LAYER_NORM
BATCH_NORM = [
    CellCase(
        "batch-norm",
        {"normalization": "batch"},
        cell.variant(norm="batch"),
        lambda H: normal_weights(H, 4 * H),
    ),
    CellCase(
        "batch-norm-projection-relu",
        {"normalization": "batch", "cell_activation": "relu"},
        cell.variant(norm="batch", cell="relu"),
        lambda H: normal_weights(H, 4 * H),
        projection=True,
    ),
    CellCase(
        "batch-norm-peephole-coupled",
        {"normalization": "batch", "peephole": True, "coupled_gates": True},
        cell.variant(norm="batch", coupled=True),
        lambda H: {
            "bias": (3 * H,),
            "weight_ch": (2 * H,),
            **normal_weights(H, 3 * H),
        },
    ),
]


@dataclass(frozen=True)
class RegularizerCase:
    """Masks that training draws: the LSTM's arguments, and a cell to draw them in."""

    name: str
    options: dict[str, Any]
    cell: CellCase = CellCase("variant", reference=cell.variant())

    def __str__(self) -> str:
        return self.name


PROJECTED = CellCase("projected", reference=cell.variant(), projection=True)
REGULARIZERS = [
    RegularizerCase("variational", {"variational_dropout": 0.3}),
    RegularizerCase("candidate", {"recurrent_dropout": 0.4}),
    RegularizerCase(
        "hidden", {"recurrent_dropout": 0.4, "recurrent_dropout_kind": "hidden"}
    ),
    RegularizerCase(
        "hidden-projection",
        {"recurrent_dropout": 0.3, "recurrent_dropout_kind": "hidden"},
        PROJECTED,
    ),
    RegularizerCase("weight", {"weight_dropout": 0.5}),
    RegularizerCase("zoneout-h", {"zoneout_h": 0.3}),
    RegularizerCase("zoneout-c", {"zoneout_c": 0.4}),
    RegularizerCase(
        "zoneout-candidate",
        {"zoneout_h": 0.1, "zoneout_c": 0.2, "recurrent_dropout": 0.3},
    ),
    RegularizerCase(
        "weight-zoneout-projection",
        {"weight_dropout": 0.2, "zoneout_c": 0.3},
        PROJECTED,
    ),
]


@dataclass(frozen=True)
class Stack:
    """Layers and directions; ``extra_units[k]`` makes layer k's H differ."""

    name: str
    extra_units: tuple[int, ...]
    bidirectional: bool = False

    def hidden_sizes(self, H: int) -> list[int]:
        return [H + extra for extra in self.extra_units]

    def __str__(self) -> str:
        return self.name


STACKS = [
    Stack("1", (0,)),
    Stack("1-both", (0,), True),
    Stack("2", (0, 0)),
    Stack("3-both", (0, 0, 0), True),
    Stack("2-unequal", (2, 0)),
    Stack("3-unequal-both", (0, 4, 2), True),
]


@dataclass(frozen=True)
class LayerCase:
    """A layer: how to build it from fastlstm.nn, its definition, and an input."""

    name: str
    build: Callable[[Any, str], Any]  # fastlstm.nn, dtype
    reference: Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]
    x: Callable[[np.random.Generator], np.ndarray]

    def __str__(self) -> str:
        return self.name


LAYERS = [
    LayerCase(
        "linear",
        lambda nn, dtype: nn.Linear(7, 11, dtype=dtype),
        layers.linear,
        lambda rng: rng.standard_normal((5, 7)),
    ),
    LayerCase(
        "linear-no-bias",
        lambda nn, dtype: nn.Linear(67, 33, bias=False, dtype=dtype),
        layers.linear,
        lambda rng: rng.standard_normal((3, 5, 67)),
    ),
    LayerCase(
        "linear-1",
        lambda nn, dtype: nn.Linear(131, 1, dtype=dtype),
        layers.linear,
        lambda rng: rng.standard_normal((301, 131)),
    ),
    LayerCase(
        "embedding",
        lambda nn, dtype: nn.Embedding(13, 5, dtype=dtype),
        layers.embedding,
        lambda rng: rng.integers(0, 13, (3, 17)),
    ),
    LayerCase(
        "sequential",
        lambda nn, dtype: nn.Sequential(
            nn.Embedding(13, 5, dtype=dtype),
            nn.LSTM(5, 9, dtype=dtype),
            nn.Linear(9, 7, dtype=dtype),
        ),
        layers.tagger,
        lambda rng: rng.integers(0, 13, (3, 11)),
    ),
    LayerCase(
        "mean-pooling",
        lambda nn, dtype: nn.MeanPooling(),
        layers.mean_pooling,
        lambda rng: rng.standard_normal((5, 67, 7)),
    ),
    LayerCase(
        "max-pooling",
        lambda nn, dtype: nn.MaxPooling(),
        layers.max_pooling,
        lambda rng: rng.standard_normal((5, 67, 7)),
    ),
    LayerCase(
        "attention-pooling",
        lambda nn, dtype: nn.AttentionPooling(7, 5, dtype=dtype),
        layers.attention_pooling,
        lambda rng: rng.standard_normal((5, 67, 7)),
    ),
    LayerCase(
        "attention-pooling-1",
        lambda nn, dtype: nn.AttentionPooling(1, dtype=dtype),
        layers.attention_pooling,
        lambda rng: rng.standard_normal((5, 67, 1)),
    ),
]


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer: its name in fastlstm.optim.OPTIMIZERS, definition, arguments."""

    name: str
    reference: Callable[..., np.ndarray]
    peer: str  # class in torch.optim
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.name, *self.options])


OPTIMIZERS = [
    OptimizerCase("sgd", optim.sgd, "SGD"),
    OptimizerCase("sgd", optim.sgd, "SGD", {"momentum": 0.9}),
    OptimizerCase("sgd", optim.sgd, "SGD", {"momentum": 0.9, "nesterov": True}),
    OptimizerCase("sgd", optim.sgd, "SGD", {"momentum": 0.5, "weight_decay": 0.1}),
    OptimizerCase("sgd", optim.sgd, "SGD", {"l1": 0.3}),
    OptimizerCase(
        "sgd", optim.sgd, "SGD", {"momentum": 0.5, "weight_decay": 0.1, "l1": 0.2}
    ),
    OptimizerCase("adam", optim.adam, "Adam"),
    OptimizerCase("adam", optim.adam, "Adam", {"beta_1": 0.8, "beta_2": 0.9}),
    OptimizerCase("adam", optim.adam, "Adam", {"weight_decay": 0.1, "epsilon": 1e-4}),
    OptimizerCase("adam", optim.adam, "Adam", {"weight_decay": 0.1, "l1": 0.2}),
    OptimizerCase("adamw", optim.adamw, "AdamW"),
    OptimizerCase("adamw", optim.adamw, "AdamW", {"weight_decay": 0.1, "beta_1": 0.7}),
    OptimizerCase("adamw", optim.adamw, "AdamW", {"weight_decay": 0.1, "l1": 0.2}),
]
