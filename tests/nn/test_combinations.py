"""Every pair of arguments: as the reference computes it, or refused by the table."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM
from fastlstm.nn.combinations import REFUSED

from ..cases import CellCase, Shape, Stack, normal_weights
from ..compare import Arrays, assert_all_close, assert_gradients
from ..reference import cell
from ..reference.masks import draw
from ..runs import Problem, make_layer, make_problem, run_layer, run_reference
from ..tolerances import BATCH_NORM_GRADIENT, BATCH_NORM_VALUE, GRADIENT, VALUE

SEED = 0xB7E151628AED2A6A
SHAPE = Shape(5, 7, 3, 21, 9)
STACKS = {"one": Stack("1", (0,)), "three": Stack("3-both", (0, 4, 2), True)}
# Each argument off and on, in every way in which it may be on.
FACTORS: dict[str, list[Any]] = {
    "stack": ["one", "three"],
    "projection_size": [0, SHAPE.P],
    "bias": [True, False],
    "peephole": [False, True],
    "coupled_gates": [False, True],
    "cell_clip": [None, 0.7],
    "gate_activation": ["sigmoid", "hard_sigmoid", "tanh"],
    "cell_activation": ["tanh", "relu", "sigmoid", "hard_sigmoid"],
    "normalization": [None, "layer", "batch"],
    "dropout": [0.0, 0.2],
    "variational_dropout": [0.0, 0.3],
    "recurrent_dropout": ["none", "candidate", "hidden"],
    "weight_dropout": [0.0, 0.4],
    "zoneout_h": [0.0, 0.2],
    "zoneout_c": [0.0, 0.3],
    "memory": ["store", "recompute", "checkpoint"],
    "dtype": ["float64", "float32"],
}
OFF = {name: values[0] for name, values in FACTORS.items()}


def options_of(row: dict[str, Any]) -> dict[str, Any]:
    """The LSTM's own arguments."""
    options = {k: v for k, v in row.items() if k not in ("stack", "dtype")}
    kind = options.pop("recurrent_dropout")
    if kind != "none":
        options |= {"recurrent_dropout": 0.25, "recurrent_dropout_kind": kind}
    return options


def used(row: dict[str, Any]) -> set[str]:
    """Names as the table of refusals has them."""
    names = {name for name, value in row.items() if value != OFF[name]}
    if row.get("recurrent_dropout") == "hidden":
        names.add("recurrent_dropout_kind")
    return names


def accepted(row: dict[str, Any]) -> bool:
    if row.get("dropout") and row.get("stack", "three") == "one":
        return False
    pairs = combinations(sorted(used(row)), 2)
    return not any(frozenset(pair) in REFUSED for pair in pairs)


def cover() -> list[dict[str, Any]]:
    """Rows that have every accepted pair of values, as many as fit into each row."""
    left = [
        {a: x, b: y}
        for a, b in combinations(FACTORS, 2)
        for x in FACTORS[a]
        for y in FACTORS[b]
        if accepted({a: x, b: y})
    ]
    rows = []
    while left:
        row: dict[str, Any] = {}
        for pair in left:
            if all(row.get(k, v) == v for k, v in pair.items()) and accepted(
                row | pair
            ):
                row |= pair
        row = OFF | {"stack": "three"} | row
        left = [pair for pair in left if not pair.items() <= row.items()]
        rows.append(row)
    return rows


ROWS = cover()


def case_of(row: dict[str, Any]) -> CellCase:
    coupled, norm = row["coupled_gates"], row["normalization"]
    gates = 3 if coupled else 4

    def weights(H: int) -> dict[str, tuple[int, ...]]:
        own = normal_weights(H, gates * H) if norm else {"bias": (gates * H,)}
        if row["peephole"]:
            own["weight_ch"] = ((gates - 1) * H,)
        biases = () if row["bias"] else ("bias", "bias_c")
        return {name: shape for name, shape in own.items() if name not in biases}

    reference = cell.variant(
        coupled=coupled,
        clip=row["cell_clip"] or np.inf,
        gate=row["gate_activation"],
        cell=row["cell_activation"],
        norm=norm,
    )
    return CellCase(
        "row", {}, reference, weights, projection=bool(row["projection_size"])
    )


def setting(row: dict[str, Any], rng: Any, dtype: str) -> tuple[Any, CellCase, Problem]:
    options, stack = options_of(row), STACKS[row["stack"]]
    options.pop("projection_size")
    case = case_of(row)
    layer = make_layer(SHAPE, stack, case, dtype, **options)
    return layer, case, make_problem(rng, SHAPE, stack, case, dtype=dtype)


def run(layer: Any, problem: Problem) -> Arrays:
    dtype = str(layer.dtype)
    state = layer.state_dict() | {k: v.astype(dtype) for k, v in problem.params.items()}
    layer.load_state_dict(state)
    results = run_layer(layer, problem, load=False, mask_seed=SEED)
    return {k: v for k, v in results.items() if not k.startswith("running")}


def show(row: dict[str, Any]) -> str:
    return "-".join(f"{k}={v}" for k, v in row.items() if v != OFF[k]) or "plain"


@pytest.mark.parametrize("row", ROWS, ids=show)
def test_against_reference(row: dict[str, Any], rng: Any, threads: Any) -> None:
    dtype = row["dtype"]
    layer, case, problem = setting(row, rng, dtype)
    stack = STACKS[row["stack"]]
    sizes, width = [], SHAPE.I
    for H in stack.hidden_sizes(SHAPE.H):
        outputs = SHAPE.P if case.projection else H
        sizes.append((width, H, outputs))
        width = outputs * (1 + stack.bidirectional)
    masks = draw(
        options_of(row),
        sizes,
        SEED,
        np.arange(SHAPE.N),
        SHAPE.T,
        directions=1 + stack.bidirectional,
        gates=case.reference.gates,
    )
    wanted = run_reference(problem, case.reference, masks=masks)
    batch = row["normalization"] == "batch"
    value = (BATCH_NORM_VALUE if batch else VALUE)[dtype]
    gradient = (BATCH_NORM_GRADIENT if batch else GRADIENT)[dtype]
    for n in (1, 3):
        threads(n)
        assert_all_close(run(layer, problem), wanted, value, gradient)


@pytest.mark.parametrize("row", ROWS, ids=show)
def test_against_differences(row: dict[str, Any], rng: Any) -> None:
    # Smooth activations: among thousands of values some are near a kink. Those with
    # kinks have differences of their own (CELLS), and the reference above.
    smooth = {"hard_sigmoid": "sigmoid", "relu": "tanh"}
    row = row | {k: smooth.get(row[k], row[k]) for k in row if k.endswith("activation")}
    layer, _, problem = setting(row, rng, "float64")

    def loss(arrays: Arrays) -> float:
        moved = problem.with_arrays(arrays)
        return moved.loss(run(layer, moved))

    results = run(layer, problem)
    gradients = {name: results[name] for name in problem.arrays()}
    assert_gradients(loss, problem.arrays(), gradients, rng)


@pytest.mark.parametrize("pair", REFUSED, ids=lambda pair: "-".join(sorted(pair)))
def test_refused(pair: frozenset[str]) -> None:
    values: dict[str, Any] = {
        "dropout": 0.1,
        "variational_dropout": 0.2,
        "zoneout_h": 0.1,
        "zoneout_c": 0.1,
        "peephole": True,
        "projection_size": 3,
        "recurrent_dropout_kind": "hidden",
        "normalization": "layer",
        "memory": "recompute",
    }
    options = {name: values[name] for name in pair}
    if "recurrent_dropout_kind" in pair:
        options["recurrent_dropout"] = 0.1
    with pytest.raises(ValueError, match="does not go with") as error:
        LSTM(4, 5, 2, **options)
    assert REFUSED[pair] in str(error.value)
    for name in pair:
        assert f"{name}={values[name]!r}" in str(error.value)
