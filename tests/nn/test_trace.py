"""What an LSTM shows of its inside: the definition at every valid step, else zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM

from ..cases import CELLS, DTYPES, SHAPES, CellCase, Shape, Stack
from ..compare import assert_close, assert_same_bits
from ..reference.cell import sigmoid
from ..runs import make_layer, make_problem, pack
from ..tolerances import VALUE

STACK = Stack("2-unequal-both", (2, 0), True)


def walk(trace: Any, w: Any, x: Any, h: Any, c: Any) -> dict[str, list[np.ndarray]]:
    """One sequence again by the equations, on the hidden states that are shown."""
    seen: dict[str, list[np.ndarray]] = {name: [] for name in "ifgoc"}
    for t in range(len(x)):
        z = w["weight_ih"] @ x[t] + w["weight_hh"] @ h + w.get("bias", 0.0)
        zi, zf, zg, zo = np.split(z, 4)
        i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
        c = f * c + i * g
        for name, value in zip("ifgoc", (i, f, g, o, c), strict=True):
            seen[name].append(value)
        h = trace.h[t]
    return seen


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS[:2], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_trace(shape: Shape, cell: CellCase, dtype: str, rng: Any) -> None:
    layer = make_layer(shape, STACK, cell, dtype)
    problem = make_problem(rng, shape, STACK, cell, dtype=dtype)
    params = {name: value.astype(dtype) for name, value in problem.params.items()}
    layer.load_state_dict(params)
    x = problem.x.astype(dtype)
    state = (pack(layer, problem.h0, dtype), pack(layer, problem.c0, dtype))
    traces = layer.trace(x, state, problem.lengths)
    assert list(traces) == ["l0", "l0_reverse", "l1", "l1_reverse"]
    y, _ = layer(x, state, problem.lengths)
    top = np.concatenate([traces["l1"].h, traces["l1_reverse"].h], axis=2)
    assert_same_bits({"y": top}, {"y": y})
    inputs = {
        "l0": x,
        "l1": np.concatenate([traces["l0"].h, traces["l0_reverse"].h], axis=2),
    }
    for block, (suffix, trace) in enumerate(traces.items()):
        w = {
            name.removesuffix(f"_{suffix}"): np.asarray(value, np.float64)
            for name, value in problem.params.items()
            if name.endswith(f"_{suffix}")
        }
        backwards = -1 if suffix.endswith("reverse") else 1
        for n, length in enumerate(problem.lengths):
            steps = slice(0, length)
            one = type(trace)(*(a[n, steps][::backwards] for a in trace))
            seen = walk(
                one,
                w,
                inputs[suffix.partition("_")[0]][n, steps][::backwards],
                problem.h0[block][n],
                problem.c0[block][n],
            )
            for name, values in seen.items():
                assert_close(getattr(one, name), np.stack(values), VALUE[dtype])
            assert not any(a[n, length:].any() for a in trace), "padding is zero"


def test_dropout_is_not_traced(rng: Any) -> None:
    lstm = LSTM(3, 5, 2, dropout=0.5, random_state=0)
    x = rng.standard_normal((2, 4, 3)).astype(np.float32)
    assert_same_bits({"y": lstm.trace(x)["l1"].h}, {"y": lstm(x)[0]})
