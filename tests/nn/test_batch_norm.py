"""BatchNorm in training: torch's values, gradients and averages, padding, threads."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from fastlstm.nn import BatchNorm

from ..cases import DTYPES
from ..compare import (
    Arrays,
    assert_all_close,
    assert_close,
    assert_gradients,
    assert_same_bits,
)
from ..reference.layers import batch_norm
from ..tolerances import GRADIENT, PAIR_GRADIENT, PAIR_VALUE, VALUE
from .batch_norms import STATISTICS, draw, make, ragged, run

# Rows of one run, of several and of a rest; fewer features than a vector, and many.
SHAPES = [(2, 3), (37, 7), (9, 5, 1), (11, 19, 67), (3, 131, 33)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
either = pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])


@every_shape
@every_dtype
@either
def test_torch(
    shape: tuple[int, ...], dtype: str, affine: bool, rng: np.random.Generator
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    layer = make(shape[-1], rng, dtype=dtype, affine=affine, momentum=0.3, epsilon=1e-2)
    peer = torch.nn.BatchNorm1d(
        shape[-1], momentum=0.3, eps=1e-2, affine=affine, dtype=getattr(torch, dtype)
    )
    state = {name: torch.tensor(value) for name, value in layer.params.items()}
    peer.load_state_dict(state | {"num_batches_tracked": torch.tensor(0)})
    for _ in range(3):  # averages of averages
        x, dy = draw(shape, dtype, rng), rng.standard_normal(shape).astype(dtype)
        x_torch = torch.tensor(x.reshape(-1, shape[-1]), requires_grad=True)
        y_torch = peer(x_torch)
        peer.zero_grad()
        y_torch.backward(torch.tensor(dy.reshape(-1, shape[-1])))
        expected = {"y": y_torch, "dx": x_torch.grad} | {
            name: p.grad for name, p in peer.named_parameters()
        }
        actual = run(layer, x, dy)
        assert_all_close(
            {k: v.reshape(-1, shape[-1]).squeeze() for k, v in actual.items()},
            {k: v.detach().numpy().squeeze() for k, v in expected.items()},
            PAIR_VALUE[dtype],
            PAIR_GRADIENT[dtype],
        )
        averages = {name: getattr(peer, name).numpy() for name in STATISTICS}
        ours = {name: layer.params[name] for name in STATISTICS}
        assert_all_close(ours, averages, PAIR_VALUE[dtype], PAIR_VALUE[dtype])
    inferred = peer.eval()(x_torch).detach().numpy().reshape(shape)
    assert_all_close(
        {"y": layer(x)}, {"y": inferred}, PAIR_VALUE[dtype], PAIR_VALUE[dtype]
    )


@every_shape
@either
def test_gradients(
    shape: tuple[int, ...], affine: bool, rng: np.random.Generator
) -> None:
    layer = make(shape[-1], rng, affine=affine, epsilon=0.1)
    x, dy = draw(shape, "float64", rng), rng.standard_normal(shape)
    params = {k: np.array(v) for k, v in layer.params.items() if k not in STATISTICS}

    def output(arrays: Arrays) -> np.ndarray:
        rows = np.reshape(arrays["dx"], (-1, shape[-1]))
        return batch_norm(arrays, rows, 0.1).reshape(shape)

    actual = run(layer, x, dy)
    arrays = {**params, "dx": x}
    assert_all_close(
        {"y": actual.pop("y")},
        {"y": output(arrays)},
        VALUE["float64"],
        VALUE["float64"],
    )
    assert_gradients(lambda a: float(np.sum(dy * output(a))), arrays, actual, rng)


@every_shape
def test_float32(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    layer = make(shape[-1], rng, dtype="float32")
    exact = BatchNorm(shape[-1], dtype="float64")
    exact.load_state_dict({k: v.astype("f8") for k, v in layer.params.items()})
    x, dy = draw(shape, "float32", rng), rng.standard_normal(shape).astype("f4")
    assert_all_close(
        run(layer, x, dy),
        run(exact, x.astype("f8"), dy.astype("f8")),
        VALUE["float32"],
        GRADIENT["float32"],
    )


def test_features_far_from_zero(rng: np.random.Generator) -> None:
    # E[x^2] - E[x]^2 would leave four digits of this variance, even in float64.
    x = (2.0**20 + np.round(8.0 * rng.standard_normal((301, 3))) / 8.0).astype("f4")
    y, _ = BatchNorm(3).forward(x)
    expected = batch_norm({}, x.astype("f8") - 2.0**20, 1e-5)
    assert_close(y, expected, VALUE["float32"])


@every_dtype
@pytest.mark.parametrize("need_dx", [True, False])
@pytest.mark.parametrize("shape", SHAPES[2:], ids=str)
def test_padding_is_as_good_as_absent(
    shape: tuple[int, ...], dtype: str, need_dx: bool, rng: np.random.Generator
) -> None:
    lengths, valid = ragged(shape, rng)
    x, dy = draw(shape, dtype, rng), rng.standard_normal(shape).astype(dtype)
    packed = make(shape[-1], rng, dtype=dtype)
    layer = copy.deepcopy(packed)
    expected = run(packed, x[valid], dy[valid])
    inferred = packed(x[valid])
    x[~valid] = np.nan
    dy[~valid] = np.nan
    given = lengths.copy()
    y, cache = layer.forward(x, lengths=given)
    given[:] = 1  # the cache has its own
    dx = layer.backward(dy, cache, need_dx=need_dx)
    actual = {"y": y[valid], **{name: layer.grads[name] for name in layer.grads}}
    if need_dx:
        actual["dx"] = dx[valid]
        assert not dx[~valid].any()
    else:
        assert dx is None
        del expected["dx"]
    assert not y[~valid].any()
    expected |= {name: np.zeros(shape[-1], dtype) for name in STATISTICS}
    assert_same_bits(actual, expected)
    assert_same_bits(layer.params, packed.params)
    y = layer(x, lengths=lengths)
    assert_same_bits({"y": y[valid]}, {"y": inferred})
    assert not y[~valid].any()


@every_dtype
@every_shape
def test_same_bits_at_any_number_of_threads(
    shape: tuple[int, ...], dtype: str, rng: np.random.Generator, threads: Any
) -> None:
    shape = (8 * shape[0], *shape[1:])  # enough for several threads
    first = make(shape[-1], rng, dtype=dtype)
    x, dy = draw(shape, dtype, rng), rng.standard_normal(shape).astype(dtype)
    options = {"lengths": ragged(shape, rng)[0]} if len(shape) == 3 else {}
    results = []
    for n in (1, 2, 3, 5):
        threads(n)
        layer = copy.deepcopy(first)
        trained = run(layer, x, dy, **options)
        inferred = layer(x, **options)
        results.append({**trained, **layer.params, "inferred": inferred})
    for other in results[1:]:
        assert_same_bits(other, results[0])
    some = rng.permutation(len(x))[: len(x) // 2]
    part = {"lengths": options["lengths"][some]} if options else {}
    assert_same_bits({"y": layer(x[some], **part)}, {"y": inferred[some]})


def test_strided_inputs(rng: np.random.Generator) -> None:
    layer = make(5, rng)
    x, dy = rng.standard_normal((2, 6, 7, 11))[:, ::2, ::-1, 3:8]
    for turned in (x, np.asfortranarray(x)):
        other = copy.deepcopy(layer)
        assert_same_bits(
            run(other, turned, dy), run(copy.deepcopy(layer), x.copy(), dy.copy())
        )
