"""BatchNorm: torch's values, gradients and averages, on the valid rows of a batch."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastlstm.losses import SquaredError
from fastlstm.nn import LSTM, BatchNorm, Linear, Sequential
from fastlstm.optim import OPTIMIZERS, Adam

from ..cases import DTYPES
from ..cases import OPTIMIZERS as OPTIMIZER_CASES
from ..compare import (
    Arrays,
    assert_all_close,
    assert_close,
    assert_gradients,
    assert_same_bits,
)
from ..reference.layers import batch_norm
from ..tolerances import GRADIENT, PAIR_GRADIENT, PAIR_VALUE, VALUE

STATISTICS = ["running_mean", "running_var"]
# Rows of one run, of several and of a rest; fewer features than a vector, and many.
SHAPES = [(2, 3), (37, 7), (9, 5, 1), (11, 19, 67), (3, 131, 33)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
either = pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])


def make(F: int, rng: np.random.Generator, **options: Any) -> BatchNorm:
    """A layer with random weights and averages."""
    layer = BatchNorm(F, **{"dtype": "float64", **options})
    with layer.writable() as params:
        for name, value in params.items():
            value[...] = rng.standard_normal(value.shape)
            if name == "running_var":
                value[...] = 0.5 + value**2
    return layer


def draw(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Features of means and scales of their own."""
    scale, mean = 0.5 + rng.random(shape[-1]), 3.0 * rng.standard_normal(shape[-1])
    return (scale * rng.standard_normal(shape) + mean).astype(dtype)


def ragged(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Lengths with at least one full and one short sequence, and their mask."""
    lengths = rng.integers(1, shape[1], shape[0])
    lengths[rng.integers(shape[0])] = shape[1]
    return lengths, np.arange(shape[1]) < lengths[:, None]


def run(layer: BatchNorm, x: np.ndarray, dy: np.ndarray, **options: Any) -> Arrays:
    """Results of a training pass by name; the averages have no gradient."""
    y, cache = layer.forward(x, **options)
    grads = layer.params.new_grads()
    dx = layer.backward(dy, cache, grads=grads)
    assert not any(grads[name].any() for name in STATISTICS)
    named = {name: grads[name] for name in grads if name not in STATISTICS}
    return {"y": y, "dx": dx, **named}


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


def test_inference_reads_the_averages_of_the_moment(rng: np.random.Generator) -> None:
    layer = make(3, rng, momentum=1.0)
    x = draw((41, 3), "float64", rng)
    version = layer.params.version
    before = layer.state_dict()
    assert_same_bits({"y": layer(x)}, {"y": layer(x)})
    assert_same_bits(layer.params, before)
    trained, _ = layer.forward(x)
    assert layer.params.version == version
    variance = x.var(axis=0, ddof=1)
    z = (x - x.mean(axis=0)) / np.sqrt(variance + layer.epsilon)
    expected = {"running_mean": x.mean(axis=0), "running_var": variance}
    for name, value in expected.items():
        assert_close(layer.params[name], value, VALUE["float64"], name)
    y = layer(x)
    assert (y != trained).any()
    assert_close(y, z * layer.params["weight"] + layer.params["bias"], VALUE["float64"])
    # momentum 0 leaves them as they are
    kept = make(3, rng, momentum=0.0)
    before = kept.state_dict()
    kept.forward(x)
    assert_same_bits(kept.params, before)


def test_a_forward_does_not_outdate_other_caches(rng: np.random.Generator) -> None:
    layer = make(3, rng)
    x, dy = draw((2, 17, 3), "float64", rng)
    expected = run(copy.deepcopy(layer), x, dy)["dx"]
    _, cache = layer.forward(x)
    layer.forward(dy)
    assert_same_bits({"dx": layer.backward(dy, cache)}, {"dx": expected})
    _, cache = layer.forward(x)
    with layer.writable() as params:
        params["weight"] += 1.0
    with pytest.raises(ValueError, match="cache is outdated"):
        layer.backward(dy, cache)


def test_caches_are_used_once(rng: np.random.Generator) -> None:
    layer, other = make(3, rng), make(3, rng)
    x = draw((5, 7, 3), "float64", rng)
    y, cache = layer.forward(x)
    with pytest.raises(ValueError, match="dy must have shape"):
        layer.backward(y[:1], cache)
    with pytest.raises(TypeError, match="dy must be float64"):
        layer.backward(y.astype("f4"), cache)
    with pytest.raises(ValueError, match="cache is of another layer"):
        other.backward(y, cache)
    with pytest.raises(ValueError, match="grads must have the names"):
        layer.backward(y, cache, grads=make(5, rng).grads)
    assert not layer.grads.flat.any()
    layer.backward(y, cache)
    once = layer.grads.flat.copy()
    with pytest.raises(ValueError, match="cache was used already"):
        layer.backward(y, cache)
    _, cache = layer.forward(x)
    layer.backward(y, cache)
    np.testing.assert_array_equal(layer.grads.flat, 2.0 * once)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"num_features": 0}, ValueError, "num_features must be at least 1, got 0"),
        ({"num_features": 2**61}, ValueError, "too large to address"),
        ({"momentum": 1.5}, ValueError, r"momentum must be finite and in \[0, 1\]"),
        ({"momentum": None}, TypeError, "momentum must be a real number"),
        ({"epsilon": 0.0}, ValueError, r"epsilon must be finite and in \(0, inf\)"),
        ({"affine": 1}, TypeError, "affine must be True or False, got 1"),
        ({"dtype": "float16"}, ValueError, "dtype must be 'float32' or 'float64'"),
    ],
)
def test_constructor(options: dict[str, Any], error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        BatchNorm(**{"num_features": 3, **options})


BAD_VALUE = np.zeros((2, 4, 3))
BAD_VALUE[1, 2, 0] = np.nan
HUGE = np.array([[1e300, 0.0, 0.0], [-1e300, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("x", "lengths", "error", "match"),
    [
        (np.zeros(3), None, ValueError, r"\(N, 3\) or \(N, T, 3\), .* got \(3,\)"),
        (np.zeros((2, 4)), None, ValueError, r"got \(2, 4\)"),
        (np.zeros((1, 1, 2, 3)), None, ValueError, r"got \(1, 1, 2, 3\)"),
        (np.zeros((2, 0, 3)), None, ValueError, r"no axis empty, got \(2, 0, 3\)"),
        (np.zeros((2, 3), "f4"), None, TypeError, "x must be float64 .* got float32"),
        (np.ma.ones((2, 3)), None, TypeError, "x is a masked array"),
        (np.zeros((2, 4, 3)), [4], ValueError, r"lengths must have shape \(2,\)"),
        (np.zeros((2, 4, 3)), [4, 5], ValueError, "lengths must be from 1 to 4"),
        (np.zeros((1, 3)), None, ValueError, r"at least 2 valid rows .* got 1 in .*"),
        (np.zeros((1, 4, 3)), [1], ValueError, r"got 1 in x of shape \(1, 4, 3\)"),
        (BAD_VALUE, None, ValueError, "nan at sample 1, step 2, feature 0"),
        (BAD_VALUE, [1, 3], ValueError, "nan at sample 1, step 2, feature 0"),
        (BAD_VALUE[1], None, ValueError, "nan at sample 2, feature 0"),
        (HUGE, None, ValueError, "mean or variance beyond float64"),
    ],
)
def test_forward_refuses(
    x: np.ndarray, lengths: Any, error: type, match: str, rng: np.random.Generator
) -> None:
    layer = make(3, rng)
    before = layer.state_dict()
    with pytest.raises(error, match=match):
        layer.forward(x, lengths=lengths)
    assert_same_bits(layer.params, before)


def test_inference_of_one_row_and_of_nan(rng: np.random.Generator) -> None:
    layer = make(3, rng)
    x = BAD_VALUE.copy()
    bad = np.isnan(layer(x))
    assert bad[1, 2, 0]
    assert bad.sum() == 1
    assert layer(x[0, :1]).shape == (1, 3)
    with layer.writable() as params:
        params["running_var"][1] = -0.5
    with pytest.raises(ValueError, match=r"variance of feature 1 is -0\.5"):
        layer(x)


def test_a_variance_beyond_float32_is_refused() -> None:
    layer = BatchNorm(1)
    with pytest.raises(ValueError, match="mean or variance beyond float32"):
        layer.forward(np.array([[1e30], [-1e30]], "f4"))
    assert layer.params["running_var"] == 1.0


@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=str)
def test_optimizers_leave_the_averages_alone(
    case: Any, rng: np.random.Generator
) -> None:
    model = Sequential(Linear(3, 5, random_state=0), BatchNorm(5))
    options = {"learning_rate": 0.1, **case.options}
    optimizer = OPTIMIZERS[case.name](model.params, **options)
    for _ in range(4):
        y, cache = model.forward(rng.standard_normal((7, 3)).astype("f4"))
        model.zero_grad()
        model.backward(rng.standard_normal(y.shape).astype("f4"), cache)
        before = model.state_dict()
        optimizer.step(model.grads, max_norm=1.0)
        averages = {k: v for k, v in model.params.items() if "running" in k}
        assert len(averages) == 2
        assert_same_bits(averages, {k: before[k] for k in averages})
        assert (model.params["1.weight"] != before["1.weight"]).all()


def test_weight_decay_spares_weight_and_bias() -> None:
    assert BatchNorm(3).params.decay_ranges == [(0, 12, False)]
    assert BatchNorm(3, affine=False).params.decay_ranges == [(0, 6, False)]


def test_threads_share_a_layer(rng: np.random.Generator) -> None:
    # Without the lock an update would be lost now and then; the averages of equal
    # batches do not depend on the order.
    layer = BatchNorm(2001, dtype="float64")
    x = draw((3, 2001), "float64", rng)
    alone = copy.deepcopy(layer)
    for _ in range(200):
        alone.forward(x)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: layer.forward(x), range(200)))
    assert_same_bits(layer.params, alone.params)


def recurrent() -> Sequential:
    return Sequential(
        LSTM(3, 9, random_state=0),
        BatchNorm(9),
        LSTM(9, 7, random_state=1),
        BatchNorm(7),
        Linear(7, 1, random_state=2),
    )


def test_trains_between_layers(rng: np.random.Generator) -> None:
    model = recurrent()
    lengths, valid = ragged((8, 11), rng)
    x = rng.standard_normal((8, 11, 3)).astype("f4")
    target = np.cumsum(x[..., :1], axis=1)
    x[~valid], target[~valid] = np.nan, 0.0
    loss = SquaredError()
    optimizer = Adam(model.params, 0.02)
    values = []
    for _ in range(60):
        y, cache = model.forward(x, lengths=lengths)
        value, dy = loss(y, target, lengths=lengths)
        model.zero_grad()
        model.backward(dy, cache, need_dx=False)
        optimizer.step(model.grads)
        values.append(value)
    assert values[-1] < 0.2 * values[0]
    inferred, _ = loss(model(x, lengths=lengths), target, lengths=lengths)
    assert inferred < 0.5 * values[0]
    assert (model.params["1.running_var"] != 1.0).all()


def test_the_averages_are_saved_and_copied(rng: np.random.Generator) -> None:
    model = recurrent()
    x = rng.standard_normal((8, 11, 3)).astype("f4")
    model.forward(x)
    expected = model(x)
    fresh = recurrent()
    assert (fresh(x) != expected).any()
    fresh.load_state_dict(model.state_dict())
    copies = [fresh, copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for other in copies:
        assert_same_bits({"y": other(x)}, {"y": expected})
        other.forward(x)
        assert (other(x) != expected).any(), "an average of its own"
    assert_same_bits({"y": model(x)}, {"y": expected})
    layer = model[1]
    assert repr(layer) == (
        "BatchNorm(9, momentum=0.1, epsilon=1e-05, affine=True, dtype='float32')"
    )
    alone = pickle.loads(pickle.dumps(layer))
    assert_same_bits(alone.params, layer.params)
