"""Penalties on activations against their definition, differences and torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastlstm.losses import ActivationPenalty, TemporalActivationPenalty
from fastlstm.nn import LSTM

from .cases import DTYPES
from .compare import Arrays, assert_close, assert_gradients, assert_same_bits
from .reference import losses
from .tolerances import LOSS

STRENGTH = 1.7
N, T, F = 5, 13, 11

PENALTIES = [
    pytest.param(ActivationPenalty, losses.activation_penalty, id="AR"),
    pytest.param(TemporalActivationPenalty, losses.temporal_penalty, id="TAR"),
]
every_penalty = pytest.mark.parametrize(("kind", "reference"), PENALTIES)
Reference = Callable[..., tuple[float, np.ndarray]]

OPTIONS = {
    "plain": {},
    "ragged": {"lengths": np.array([13, 1, 2, 7, 12])},
    "weighted": {"sample_weight": np.array([0.5, 0.0, 2.0, 1.0, 0.3])},
    "both": {
        "lengths": np.array([1, 13, 2, 7, 12]),
        "sample_weight": np.array([0.5, 0.0, 2.0, 1.0, 0.3]),
    },
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def valid_steps(options: dict[str, Any]) -> np.ndarray:
    lengths = options.get("lengths", np.full(N, T))
    weight = options.get("sample_weight", np.ones(N))
    return (np.arange(T) < lengths[:, None]) & (weight > 0.0)[:, None]


@every_option
@every_penalty
def test_reference_against_differences(
    kind: Any, reference: Reference, options: Any, rng: np.random.Generator
) -> None:
    y = rng.standard_normal((N, T, F))

    def loss(arrays: Arrays) -> float:
        return reference(arrays["y"], STRENGTH, **options)[0]

    _, gradient = reference(y, STRENGTH, **options)
    assert_gradients(loss, {"y": y}, {"y": gradient}, rng)


@pytest.mark.parametrize("name", ["plain", "ragged"])
@every_penalty
def test_against_torch(
    kind: Any, reference: Reference, name: str, rng: np.random.Generator
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    y = rng.standard_normal((N, T, F))
    leaf = torch.tensor(y, requires_grad=True)
    lengths = OPTIONS[name].get("lengths", np.full(N, T))
    rows = [row[:length] for row, length in zip(leaf, lengths, strict=True)]
    if kind is TemporalActivationPenalty:
        rows = [row[1:] - row[:-1] for row in rows]
    expected = STRENGTH * torch.cat(rows).pow(2).mean()
    expected.backward()
    value, gradient = kind(STRENGTH)(y, **OPTIONS[name])
    assert_close(value, expected.item(), LOSS["float64"], "value")
    assert_close(gradient, leaf.grad.numpy(), LOSS["float64"], "gradient")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(N, T, F), (9, 61, 67), (1, 2, 1)], ids=str)
@pytest.mark.parametrize("name", OPTIONS)
@every_penalty
def test_against_reference(
    kind: Any,
    reference: Reference,
    name: str,
    shape: tuple[int, int, int],
    dtype: str,
    rng: np.random.Generator,
    threads: Any,
) -> None:
    n, t, _ = shape
    options = {}
    if "lengths" in OPTIONS[name]:
        options["lengths"] = rng.integers(2, t + 1, n)
    if "sample_weight" in OPTIONS[name]:
        options["sample_weight"] = rng.random(n)
    y = rng.standard_normal(shape).astype(dtype)
    results = []
    for n_threads in (1, 3):
        threads(n_threads)
        value, gradient = kind(STRENGTH)(y, **options)
        results.append({"value": np.float64(value), "gradient": gradient})
    assert_same_bits(*results)
    expected, slope = reference(y.astype(np.float64), STRENGTH, **options)
    assert gradient.dtype == dtype
    assert_close(value, expected, LOSS[dtype], "value")
    assert_close(gradient, slope, LOSS[dtype], "gradient")


@every_option
@every_penalty
def test_what_is_absent_is_never_read(
    kind: Any, reference: Reference, options: Any, rng: np.random.Generator
) -> None:
    y = rng.standard_normal((N, T, F))
    absent = ~valid_steps(options)
    value, gradient = kind(STRENGTH)(y, **options)
    assert not gradient[absent].any()
    y[absent] = np.nan
    again, same = kind(STRENGTH)(y, **options)
    assert again == value > 0.0
    assert_same_bits({"gradient": same}, {"gradient": gradient})


def test_rows_without_steps(rng: np.random.Generator) -> None:
    y = rng.standard_normal((N, F))
    value, gradient = ActivationPenalty(STRENGTH)(y)
    steps, slopes = ActivationPenalty(STRENGTH)(y[:, None])
    assert value == steps
    assert_same_bits({"gradient": gradient}, {"gradient": slopes[:, 0]})


def test_no_pair_of_steps_is_no_penalty(rng: np.random.Generator) -> None:
    y, penalty = rng.standard_normal((N, T, F)), TemporalActivationPenalty(STRENGTH)
    for steps, options in ((y[:, :1], {}), (y, {"lengths": np.ones(N, int)})):
        value, gradient = penalty(steps, **options)
        assert value == 0.0
        assert gradient.shape == steps.shape
        assert not gradient.any()
    only = {"lengths": [T, 1, 1, 1, 1], "sample_weight": [1e-300, 1, 1, 1, 1]}
    value, _ = penalty(y, **only)
    assert_close(value, penalty(y[:1])[0], LOSS["float64"])


def test_strided_outputs(rng: np.random.Generator) -> None:
    y = rng.standard_normal((N, T, F))
    for kind in (ActivationPenalty, TemporalActivationPenalty):
        expected = kind(STRENGTH)(y)
        value, gradient = kind(STRENGTH)(np.asfortranarray(y))
        assert value == expected[0]
        assert_same_bits({"gradient": gradient}, {"gradient": expected[1]})


def test_gradients_reach_the_weights_of_an_lstm(rng: np.random.Generator) -> None:
    lstm = LSTM(3, F, dtype="float64", random_state=0)
    x, lengths = rng.standard_normal((N, T, 3)), OPTIONS["ragged"]["lengths"]
    penalties = ActivationPenalty(2.0), TemporalActivationPenalty(1.0)

    def loss(arrays: Arrays) -> float:
        other = LSTM(3, F, dtype="float64", random_state=0)
        other.load_state_dict(arrays)
        y = other(x, lengths=lengths)[0]
        return sum(penalty(y, lengths=lengths)[0] for penalty in penalties)

    y, _, cache = lstm.forward(x, lengths=lengths)
    dy = sum(penalty(y, lengths=lengths)[1] for penalty in penalties)
    lstm.backward(dy, cache)
    assert_gradients(loss, lstm.state_dict(), lstm.grads, rng)


@every_penalty
def test_refuses(kind: Any, reference: Reference) -> None:
    y = np.zeros((N, T, F))
    for strength in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"in \[0, inf\)"):
            kind(strength)
    for bad, error, match in (
        (y.astype(int), TypeError, "y must be float32 or float64, got int64"),
        (y[0, 0], ValueError, r"y must have shape .*\(N, T, K\), .* got \(11,\)"),
        (y[:, :0], ValueError, r"no axis empty, got \(5, 0, 11\)"),
        (np.ma.masked_array(y), TypeError, "y is a masked array"),
    ):
        with pytest.raises(error, match=match):
            kind(1.0)(bad)
    with pytest.raises(ValueError, match="lengths must be from 1 to 13"):
        kind(1.0)(y, lengths=[14, 1, 1, 1, 1])
    assert kind(0.0)(y + 1.0)[0] == 0.0
    assert repr(kind(2.0)) == f"{kind.__name__}(2.0)"


def test_pairs_need_steps() -> None:
    with pytest.raises(ValueError, match=r"shape \(N, T, K\), .* got \(5, 11\)"):
        TemporalActivationPenalty(1.0)(np.zeros((N, F)))
