"""What crosses into C++: strides, dtypes, aliases and sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastlstm import _core
from fastlstm.nn import LSTM
from numpy.lib.stride_tricks import as_strided

from .cases import CELLS, DTYPES, SHAPES, Stack
from .compare import assert_same_bits
from .runs import make_layer, make_problem, run_layer

N, T, I, H = 3, 5, 7, 11  # noqa: E741


def make(dtype: str = "float32", **options: Any) -> LSTM:
    return LSTM(I, H, dtype=dtype, random_state=0, **options)


def make_x(rng: np.random.Generator, dtype: str = "float32") -> np.ndarray:
    return rng.standard_normal((N, T, I)).astype(dtype)


VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    # Each gives an array equal to its argument that lies otherwise in memory.
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every other step": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "every other feature": lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
    "rows backwards": lambda x: x[::-1].copy()[::-1],
    "steps backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
    "features backwards": lambda x: x[:, :, ::-1].copy()[:, :, ::-1],
    "time first": lambda x: x.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    "features first": lambda x: x.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "Fortran order": np.asfortranarray,
    "inner slice": lambda x: np.pad(x, 1)[1:-1, 1:-1, 1:-1],
    "unaligned": lambda x: unaligned(x),
}


def unaligned(x: np.ndarray) -> np.ndarray:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("view", VIEWS)
def test_any_strides(view: str, dtype: str, rng: np.random.Generator) -> None:
    layer, x = make(dtype), make_x(rng, dtype)
    dy = rng.standard_normal((N, T, H)).astype(dtype)
    moved_x, moved_dy = VIEWS[view](x), VIEWS[view](dy)
    np.testing.assert_array_equal(moved_x, x)

    def run(x: np.ndarray, dy: np.ndarray) -> dict[str, np.ndarray]:
        inferred, _ = layer(x)
        y, (h, c), cache = layer.forward(x)
        grads = layer.params.new_grads()
        dx, (dh0, dc0) = layer.backward(dy, cache, grads=grads)
        out = {"inferred": inferred, "y": y, "h": h, "c": c}
        return out | {"dx": dx, "dh0": dh0, "dc0": dc0, **grads}

    assert_same_bits(run(moved_x, moved_dy), run(x, dy))


@pytest.mark.parametrize("view", VIEWS)
def test_strided_states(view: str, rng: np.random.Generator) -> None:
    layer, x = make(bidirectional=True), make_x(rng)
    h, c = rng.standard_normal((2, 2, N, H)).astype(np.float32)
    expected, _ = layer(x, (h, c))
    actual, _ = layer(x, (VIEWS[view](h), VIEWS[view](c)))
    assert_same_bits({"y": actual}, {"y": expected})


def test_read_only_arrays_are_read(rng: np.random.Generator) -> None:
    problem = make_problem(rng, SHAPES[0], Stack("2", (0, 0)), CELLS[0])
    layer = make_layer(SHAPES[0], Stack("2", (0, 0)), CELLS[0], "float64")
    expected = run_layer(layer, problem)
    inputs = [problem.x, problem.dy, problem.lengths, *problem.h0, *problem.c0]
    for array in inputs:
        array.flags.writeable = False
    assert_same_bits(run_layer(layer, problem), expected)


def core_call(**changes: Any) -> dict[str, np.ndarray]:
    """`_core.LSTM.infer` with one argument after another changed."""
    core = _core.LSTM(I, [H], False, True, 0, "float32")
    flat = np.full(core.parameter_count, 0.1, np.float32)
    core.set_parameters(flat, 1)
    arrays = {
        "x": np.ones((N, T, I), np.float32),
        "y": np.full((N, T, H), 7.0, np.float32),
        "h0": np.zeros(N * H, np.float32),
        "c0": np.zeros(N * H, np.float32),
        "hn": np.full(N * H, 7.0, np.float32),
        "cn": np.full(N * H, 7.0, np.float32),
        "lengths": np.full(N, T),
    }
    arrays |= {k: v(arrays) if callable(v) else v for k, v in changes.items()}
    order = ("x", "y", "h0", "c0", "hn", "cn", "lengths")
    try:
        core.infer(*(arrays[name] for name in order))
    except (ValueError, TypeError):
        for name in ("y", "hn", "cn"):
            if name not in changes:
                assert (arrays[name] == 7.0).all(), f"{name} was written"
        raise
    return arrays


def test_core_takes_strided_outputs() -> None:
    expected = core_call()["y"]
    for make_y in (
        lambda a: np.full((T, N, H), 7.0, np.float32).transpose(1, 0, 2),
        lambda a: np.full((2 * N, T, 2 * H), 7.0, np.float32)[::-2, ::-1, 3 : H + 3],
    ):
        arrays = core_call(y=make_y)
        np.testing.assert_array_equal(arrays["y"], expected)
        outside = arrays["y"].base
        assert (outside == 7.0).sum() == outside.size - expected.size


WRONG: dict[str, dict[str, Any]] = {
    "x of rank 2": {"x": lambda a: a["x"][0]},
    "x of other features": {"x": lambda a: np.ones((N, T, I + 2), np.float32)},
    "x float64": {"x": lambda a: a["x"].astype(np.float64)},
    "x integers": {"x": lambda a: a["x"].astype(np.int32)},
    "x byte-swapped": {"x": lambda a: a["x"].astype(">f4")},
    "x with features apart": {"x": lambda a: np.ones((N, T, 2 * I), "f4")[..., ::2]},
    "x unaligned": {"x": lambda a: unaligned(a["x"])},
    "x a list": {"x": [[[0.0] * I] * T] * N},
    "x None": {"x": None},
    "x empty": {"x": lambda a: a["x"][:0]},
    "x without steps": {"x": lambda a: a["x"][:, :0], "y": lambda a: a["y"][:, :0]},
    "y of other steps": {"y": lambda a: a["y"][:, 1:]},
    "y byte-swapped": {"y": lambda a: a["y"].astype(">f4")},
    "y read-only": {"y": lambda a: np.broadcast_to(a["y"], a["y"].shape)},
    "y one row for all": {"y": lambda a: as_strided(a["y"], (N, T, H), (0, 0, 4))},
    "y with steps that overlap": {
        "y": lambda a: as_strided(a["y"], (N, T, H), (4 * T * H, 4, 4))
    },
    "x inside y": {"x": lambda a: a["y"][:, :, :I]},
    "hn inside x": {"hn": lambda a: a["x"].reshape(-1)[: N * H]},
    "cn inside y": {"cn": lambda a: a["y"].reshape(-1)[: N * H]},
    "hn is cn": {"hn": lambda a: a["cn"]},
    "h0 too short": {"h0": lambda a: a["h0"][:-1]},
    "h0 strided": {"h0": lambda a: np.zeros(2 * N * H, np.float32)[::2]},
    "h0 float64": {"h0": lambda a: a["h0"].astype(np.float64)},
    "lengths of another batch": {"lengths": np.full(N + 1, T)},
    "lengths int32": {"lengths": np.full(N, T, np.int32)},
    "length 0": {"lengths": np.array([T, 0, T])},
    "length beyond T": {"lengths": np.array([T, T, T + 1])},
    "length huge": {"lengths": np.array([T, T, 2**62])},
}


@pytest.mark.parametrize("what", WRONG)
def test_core_refuses(what: str) -> None:
    core_call()
    (name, *_) = WRONG[what]
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        core_call(**WRONG[what])


@pytest.mark.parametrize(
    ("input_size", "hidden_size", "options"),
    [
        (I, 2**62, {}),
        (2**62, H, {}),
        (2**31, 2**31, {}),
        (I, 2**30, {"bidirectional": True, "num_layers": 3}),
        (I, 2**100, {}),
        (2**100, H, {}),
        (I, 2**40, {"projection_size": 2**39}),
        (0, H, {}),
        (I, 0, {}),
        (-I, H, {}),
        (I, -H, {}),
        (I, [H, 0], {}),
        (I, H, {"projection_size": -1}),
    ],
    ids=str,
)
def test_sizes_that_cannot_be(
    input_size: int, hidden_size: Any, options: dict[str, Any]
) -> None:
    with pytest.raises((ValueError, MemoryError), match=r"\d"):
        LSTM(input_size, hidden_size, **options)


@pytest.mark.parametrize(
    ("input_size", "hidden_sizes", "projection_size"),
    [(2**62, [3], 0), (3, [2**62], 0), (2**31, [2**31], 0), (0, [3], 0), (3, [], 0)],
    ids=str,
)
def test_core_sizes_that_cannot_be(
    input_size: int, hidden_sizes: list[int], projection_size: int
) -> None:
    with pytest.raises((ValueError, MemoryError, OverflowError), match=r"size|\d"):
        _core.LSTM(input_size, hidden_sizes, False, True, projection_size, "float32")


@pytest.mark.parametrize("n", [2**20, 2**24, 2**28])
def test_workspace_that_cannot_be(n: int) -> None:
    # One element of memory behind an array that says it has up to 2^58.
    x = np.broadcast_to(np.zeros((1, 1, I), np.float32), (n, n, I))
    for call in (make(), make().forward):
        with pytest.raises((ValueError, MemoryError), match=r"\d"):
            call(x)
