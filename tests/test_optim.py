"""Optimizers beyond their formulas: clipping, ranges, state, bad input, divergence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from fastlstm.nn import Linear
from fastlstm.optim import OPTIMIZERS, SGD, Adam, AdamW
from fastlstm.params import Parameters, ParameterSpec

from .cases import OPTIMIZERS as CASES
from .cases import OptimizerCase
from .compare import assert_close, assert_same_bits
from .tolerances import OPTIMIZER

SPECS = [ParameterSpec("weight", (7, 5)), ParameterSpec("bias", (7,), decay=False)]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def make(rng: np.random.Generator) -> Parameters:
    params = Parameters(SPECS, "float64")
    with params.update() as flat:
        flat[:] = rng.standard_normal(flat.size)
    return params


def build(case: OptimizerCase, params: Parameters) -> Any:
    return OPTIMIZERS[case.name](params, learning_rate=0.01, **case.options)


def gradients(params: Parameters, rng: np.random.Generator) -> Any:
    grads = params.new_grads()
    grads.flat[:] = rng.standard_normal(grads.flat.size)
    return grads


def test_names() -> None:
    expected = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
    assert expected == OPTIMIZERS


@every_case
def test_resumed_is_uninterrupted(
    case: OptimizerCase, rng: np.random.Generator
) -> None:
    params = make(rng)
    steps = [gradients(params, rng) for _ in range(6)]
    start = params.state_dict()
    optimizer = build(case, params)
    for grads in steps:
        optimizer.step(grads)
    expected = params.flat.copy()

    params.load_state_dict(start)
    first = build(case, params)
    for grads in steps[:3]:
        first.step(grads)
    state = first.state_dict()
    for grads in steps[3:]:
        first.step(grads)  # what state_dict gave is a copy
    params.load_state_dict(start)
    second = build(case, params)
    for grads in steps[:3]:
        second.step(grads)
    third = OPTIMIZERS[case.name](params, learning_rate=5.0)
    third.load_state_dict(state)
    for grads in steps[3:]:
        third.step(grads)
    assert_same_bits({"params": params.flat}, {"params": expected})
    assert third.learning_rate == 0.01
    assert third.steps == 6
    assert repr(third) == repr(optimizer)


@every_case
def test_clipping_scales_and_leaves_the_gradients_alone(
    case: OptimizerCase, rng: np.random.Generator
) -> None:
    params, other = make(rng), Parameters(SPECS, "float64")
    other.load_state_dict(params.state_dict())
    grads = gradients(params, rng)
    before = grads.flat.copy()
    norm = build(case, params).step(grads, max_norm=0.5)
    assert_same_bits({"grads": grads.flat}, {"grads": before})
    assert_close(norm, np.linalg.norm(before), OPTIMIZER["float64"])
    scaled = other.new_grads()
    scaled.flat[:] = before * 0.5 / norm
    build(case, other).step(scaled)
    assert_close(params.flat, other.flat, OPTIMIZER["float64"])
    untouched = build(case, params).step(grads, max_norm=100.0)
    assert untouched == norm


@every_case
def test_zero_gradients_with_clipping(
    case: OptimizerCase, rng: np.random.Generator
) -> None:
    params = make(rng)
    assert build(case, params).step(params.new_grads(), max_norm=1.0) == 0.0
    assert np.isfinite(params.flat).all()


@every_case
def test_decay_spares_biases(case: OptimizerCase, rng: np.random.Generator) -> None:
    params = make(rng)
    before = params.state_dict()
    build(case, params).step(params.new_grads())
    decays = any(case.options.get(name) for name in ("weight_decay", "l1"))
    np.testing.assert_array_equal(params["bias"], before["bias"])
    assert (params["weight"] != before["weight"]).any() == decays


@every_case
def test_penalties_leave_zeros_alone(
    case: OptimizerCase, rng: np.random.Generator
) -> None:
    params = make(rng)
    with params.update() as flat:
        flat[::3] = 0.0
        flat[1::3] = -0.0
    build(case, params).step(params.new_grads())
    assert not params.flat[::3].any()
    assert not params.flat[1::3].any()


def test_l1_drives_what_has_no_gradient_to_zero(rng: np.random.Generator) -> None:
    for kind, options in ((SGD, {"learning_rate": 0.01}), (AdamW, {})):
        params = make(rng)
        before, bias = np.abs(params["weight"]).max(), params["bias"].copy()
        optimizer = kind(params, **options, l1=0.5)
        reach = optimizer.learning_rate * optimizer.l1  # of one step
        for _ in range(int(np.ceil(before / reach)) + 1):
            optimizer.step(params.new_grads())
        assert np.abs(params["weight"]).max() <= reach < before
        np.testing.assert_array_equal(params["bias"], bias)


@every_case
def test_a_part_is_updated_alone(case: OptimizerCase, rng: np.random.Generator) -> None:
    a, b, alone = make(rng), make(rng), Parameters(SPECS, "float64")
    alone.load_state_dict(b.state_dict())
    optimizer = build(case, b)
    whole = Parameters.join({"a": a, "b": b})
    before = a.flat.copy()
    grads = gradients(alone, rng)
    version = whole.version
    optimizer.step(grads)
    build(case, alone).step(grads)
    np.testing.assert_array_equal(a.flat, before)
    assert_same_bits({"b": b.flat}, {"b": alone.flat})
    assert whole.version != version


@pytest.mark.parametrize("value", [np.nan, np.inf])
@every_case
def test_divergence_changes_nothing(
    case: OptimizerCase, value: float, rng: np.random.Generator
) -> None:
    params = make(rng)
    optimizer, grads = build(case, params), gradients(params, rng)
    optimizer.step(grads)
    before, version, state = params.flat.copy(), params.version, optimizer.state_dict()
    grads.flat[3] = value
    with pytest.raises(FloatingPointError, match=f"gradients is {value}: nothing was"):
        optimizer.step(grads)
    np.testing.assert_array_equal(params.flat, before)
    assert params.version == version
    for name, entry in optimizer.state_dict().items():
        np.testing.assert_array_equal(entry, state[name])


def test_learning_rate_is_settable(rng: np.random.Generator) -> None:
    params = make(rng)
    sgd, grads = SGD(params, 0.1), gradients(params, rng)
    before = params.flat.copy()
    sgd.learning_rate = 0.0
    sgd.step(grads)
    np.testing.assert_array_equal(params.flat, before)
    with pytest.raises(ValueError, match="learning_rate must be finite"):
        sgd.learning_rate = np.nan
    assert sgd.learning_rate == 0.0


@pytest.mark.parametrize(
    ("build", "error", "match"),
    [
        (lambda p: SGD(p, -0.1), ValueError, r"learning_rate .* in \[0, inf\), got -0"),
        (lambda p: SGD(p, "fast"), TypeError, "learning_rate must be a real number"),
        (lambda p: SGD(p, 0.1, momentum=1.0), ValueError, r"momentum .* \[0, 1\)"),
        (lambda p: SGD(p, 0.1, nesterov=True), ValueError, "nesterov needs momentum"),
        (lambda p: SGD(p, 0.1, nesterov=1), TypeError, "nesterov must be True"),
        (lambda p: SGD(p, 0.1, weight_decay=-1), ValueError, "weight_decay must be"),
        (lambda p: Adam(p, l1=-0.1), ValueError, r"l1 .* in \[0, inf\), got -0\.1"),
        (lambda p: AdamW(p, l1=np.nan), ValueError, "l1 must be finite"),
        (lambda p: Adam(p, beta_1=1.0), ValueError, r"beta_1 .* \[0, 1\), got 1\.0"),
        (lambda p: Adam(p, beta_2=-0.1), ValueError, "beta_2 must be"),
        (lambda p: AdamW(p, epsilon=0.0), ValueError, r"epsilon .* \(0, inf\)"),
        (
            lambda p: Adam(Linear(2, 2)),
            TypeError,
            r"params must be Parameters .*Linear",
        ),
        (lambda p: Adam(p.flat), TypeError, "params must be Parameters"),
    ],
)
def test_constructors(
    build: Any, error: type, match: str, rng: np.random.Generator
) -> None:
    with pytest.raises(error, match=match):
        build(make(rng))


@every_case
def test_steps_refuse(case: OptimizerCase, rng: np.random.Generator) -> None:
    params = make(rng)
    optimizer, grads = build(case, params), gradients(params, rng)
    before = params.flat.copy()
    for bad, options, error, match in (
        (
            Parameters(SPECS[:1], "float64").grads,
            {},
            ValueError,
            "grads must belong to",
        ),
        (Parameters(SPECS, "float32").grads, {}, TypeError, "grads must be float64"),
        (grads, {"max_norm": 0.0}, ValueError, r"max_norm .* \(0, inf\), got 0"),
        (grads, {"max_norm": np.nan}, ValueError, "max_norm must be finite"),
        (grads, {"max_norm": math.inf}, ValueError, "max_norm must be finite"),
        (grads, {"max_norm": True}, TypeError, "max_norm must be a real number"),
    ):
        with pytest.raises(error, match=match):
            optimizer.step(bad, **options)
    np.testing.assert_array_equal(params.flat, before)


@every_case
def test_states_refuse(case: OptimizerCase, rng: np.random.Generator) -> None:
    params = make(rng)
    optimizer = build(case, params)
    optimizer.step(gradients(params, rng))
    good = optimizer.state_dict()
    spoilt: list[Any] = [
        ({**good, "optimizer": "other"}, "state must be of optimizer"),
        ({}, "got None"),
        ({**good, "more": 1}, "state must hold"),
        ({k: v for k, v in good.items() if k != "learning_rate"}, "state must hold"),
        ({**good, "learning_rate": np.inf}, "learning_rate must be finite"),
        ({**good, "steps": -1}, "steps must be at least 0"),
    ]
    slots = [k for k, v in good.items() if isinstance(v, np.ndarray)]
    for slot in slots:
        spoilt.append(({**good, slot: good[slot][1:]}, f"{slot} must have shape"))
        spoilt.append(({**good, slot: good[slot].astype("f4")}, "dtype float64, got"))
    for state, match in spoilt:
        with pytest.raises(ValueError, match=match):
            optimizer.load_state_dict(state)
        for name, entry in optimizer.state_dict().items():
            np.testing.assert_array_equal(entry, good[name])
