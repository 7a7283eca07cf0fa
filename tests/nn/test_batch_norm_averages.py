"""BatchNorm's running averages, what it refuses, and its place in a model."""

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

from ..cases import OPTIMIZERS as OPTIMIZER_CASES
from ..compare import assert_close, assert_same_bits
from ..tolerances import VALUE
from .batch_norms import draw, make, ragged, run


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
