"""What an LSTM refuses, what it says then, and that nothing is changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM

N, T, I, H = 3, 5, 7, 11  # noqa: E741


@pytest.mark.parametrize(
    ("arguments", "options", "error", "match"),
    [
        ((0, H), {}, ValueError, "input_size must be at least 1, got 0"),
        ((-2, H), {}, ValueError, "input_size must be at least 1, got -2"),
        ((7.0, H), {}, TypeError, r"input_size must be an integer, got 7\.0"),
        ((I, 0), {}, ValueError, "hidden_size must be at least 1, got 0"),
        ((I, -3), {}, ValueError, "hidden_size must be at least 1, got -3"),
        ((I, 11.0), {}, TypeError, r"hidden_size must be an integer, got 11\.0"),
        ((I, "11"), {}, TypeError, "hidden_size must be an integer, got '11'"),
        ((I, True), {}, TypeError, "hidden_size must be an integer, got True"),
        ((I, []), {}, ValueError, r"one size a layer: got \[\]"),
        ((I, [H, 0]), {}, ValueError, "hidden_size must be at least 1, got 0"),
        ((I, [H, 9], 3), {}, ValueError, r"got \[11, 9\] with num_layers=3"),
        ((I, H, 0), {}, ValueError, "num_layers must be at least 1, got 0"),
        ((I, H), {"bias": 1}, TypeError, "bias must be True or False, got 1"),
        ((I, H), {"bidirectional": "no"}, TypeError, "bidirectional must be True"),
        ((I, H), {"projection_size": 11}, ValueError, r"below .*\[11\], got 11"),
        ((I, [H, 5]), {"projection_size": 5}, ValueError, r"\[11, 5\], got 5"),
        ((I, H), {"projection_size": -1}, ValueError, "at least 0, got -1"),
        ((I, H), {"initializer": "zeros"}, ValueError, "'uniform'.*, got 'zeros'"),
        ((I, H), {"forget_bias": np.nan}, ValueError, "forget_bias must be finite"),
        ((I, H), {"peephole": 1}, TypeError, "peephole must be True or False, got 1"),
        ((I, H), {"coupled_gates": None}, TypeError, "coupled_gates must be True"),
        ((I, H), {"cell_clip": 0}, ValueError, r"cell_clip .* in \(0, inf\), got 0"),
        ((I, H), {"cell_clip": np.inf}, ValueError, "cell_clip must be finite"),
        ((I, H), {"gate_activation": "elu"}, ValueError, "'hard_sigmoid'.*got 'elu'"),
        ((I, H), {"cell_activation": None}, ValueError, "cell_activation .* got None"),
        ((I, H), {"dropout": 0.5}, ValueError, "dropout=0.5 with num_layers=1"),
        ((I, H, 2), {"dropout": 1.0}, ValueError, r"in \[0, 1\), got 1\.0"),
        ((I, H, 2), {"dropout": -0.1}, ValueError, r"in \[0, 1\), got -0\.1"),
        ((I, H, 2), {"dropout": np.nan}, ValueError, "got nan"),
        ((I, H), {"dtype": "float16"}, ValueError, "'float64', got 'float16'"),
        ((I, H), {"dtype": None}, ValueError, "'float64', got None"),
        ((I, H), {"random_state": "x"}, TypeError, "random_state must be None"),
        ((I, 2**31), {}, ValueError, "too large to address"),
        ((2**62, H), {}, ValueError, "too large to address"),
        ((I, 2**100), {}, ValueError, "too large to address"),
    ],
)
def test_constructor(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type, match: str
) -> None:
    with pytest.raises(error, match=match):
        LSTM(*arguments, **options)


def with_nan(n: int, t: int, i: int, value: float = np.nan) -> np.ndarray:
    x = np.zeros((N, T, I), np.float32)
    x[n, t, i] = value
    return x


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


BAD_X = [
    (zeros(T, I), ValueError, r"\(samples, steps, 7\), got \(5, 7\); .* x\[None\]"),
    (zeros(I), ValueError, r"\(samples, steps, 7\), got \(7,\)"),
    (zeros(1, N, T, I), ValueError, r"got \(1, 3, 5, 7\)"),
    (np.float32(1.0), ValueError, r"got \(\)"),
    (zeros(N, T, 8), ValueError, r"\(samples, steps, 7\), got \(3, 5, 8\)"),
    (zeros(0, T, I), ValueError, r"got an empty array, \(0, 5, 7\)"),
    (zeros(N, 0, I), ValueError, r"got an empty array, \(3, 0, 7\)"),
    (zeros(N, T, I, dtype="float64"), TypeError, r"float64: .*dtype=np.float32"),
    (zeros(N, T, I, dtype="int64"), TypeError, "must be float32 .* got int64"),
    (zeros(N, T, I, dtype=">f4"), TypeError, "must be float32 .* got >f4"),
    (zeros(N, T, I, dtype="complex64"), TypeError, "got complex64"),
    (zeros(N, T, I).tolist(), TypeError, "got float64"),
    (None, TypeError, "got object"),
    (with_nan(1, 2, 3), ValueError, "nan at sample 1, step 2, feature 3"),
    (with_nan(2, 4, 6, np.inf), ValueError, "inf at sample 2, step 4, feature 6"),
    (with_nan(0, 0, 0, -np.inf), ValueError, "-inf at sample 0, step 0, feature 0"),
    (
        np.broadcast_to(np.float32(0.0), (2**40, 2**18, I)),
        ValueError,
        "workspace would need .* too large to address",
    ),
]


@pytest.mark.parametrize(("x", "error", "match"), BAD_X)
@pytest.mark.parametrize("method", ["__call__", "forward"])
def test_x(method: str, x: Any, error: type, match: str) -> None:
    lstm = LSTM(I, H, random_state=0)
    with pytest.raises(error, match=match):
        getattr(lstm, method)(x)


@pytest.mark.parametrize(
    ("lengths", "match"),
    [
        ([5, 0, 5], "from 1 to 5 .* got 0 for sample 1"),
        ([5, 5, 6], "from 1 to 5 .* got 6 for sample 2"),
        ([5, -1, 5], "got -1 for sample 1"),
        ([5, 5], r"shape \(3,\), one a sample, got \(2,\)"),
    ],
)
def test_lengths(lengths: list[int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        LSTM(I, H)(zeros(N, T, I), lengths=lengths)


def test_nan_counts_in_valid_steps_only() -> None:
    lstm = LSTM(I, H, random_state=0)
    lstm(with_nan(1, 2, 3), lengths=[5, 2, 5])
    with pytest.raises(ValueError, match="sample 1, step 2, feature 3"):
        lstm(with_nan(1, 2, 3), lengths=[5, 3, 5])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_huge_is_not_infinite(dtype: str, order: str) -> None:
    lstm = LSTM(I, H, dtype=dtype, random_state=0)
    x = np.full((N, T, I), np.finfo(dtype).max, dtype)  # squares of it overflow
    if order == "F":
        x = np.asfortranarray(x)
    elif order == "strided":
        x = np.repeat(x, 2, axis=2)[:, :, ::2]
    lstm(x)
    x[2, 3, 4] = np.nan
    lstm(x, lengths=[5, 5, 3])
    with pytest.raises(ValueError, match="nan at sample 2, step 3, feature 4"):
        lstm(x)


BAD_STATES = [
    (zeros(1, N, H), "state must be a pair"),
    ((zeros(1, N, H),), "state must be a pair"),
    ((zeros(1, N + 1, H), zeros(1, N, H)), r"state\[0\] .*\(1, 3, 11\).* \(1, 4, 11\)"),
    ((zeros(1, N, H), zeros(1, N + 1, H)), r"state\[1\] .*\(1, 3, 11\).* \(1, 4, 11\)"),
    ((zeros(N, H), zeros(N, H)), r"state\[0\] must have shape \(1, 3, 11\)"),
    ((zeros(2, N, H), zeros(2, N, H)), r"got \(2, 3, 11\)"),
    (([zeros(1, N, H)] * 2, zeros(1, N, H)), r"got \(2, 1, 3, 11\)"),
    ((zeros(1, N, H) + np.nan, zeros(1, N, H)), r"state\[0\] holds nan at block 0"),
    ((zeros(1, N, H), zeros(1, N, H) - np.inf), r"state\[1\] holds -inf at block 0"),
]


@pytest.mark.parametrize(("state", "match"), BAD_STATES)
def test_states(state: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        LSTM(I, H)(zeros(N, T, I), state)


@pytest.mark.parametrize("dtype", ["float64", "int32", ">f4"])
def test_dtype_of_states(dtype: str) -> None:
    for k in range(2):
        state = [zeros(1, N, H), zeros(1, N, H)]
        state[k] = state[k].astype(dtype)
        with pytest.raises(TypeError, match=rf"state\[{k}\] must be float32"):
            LSTM(I, H)(zeros(N, T, I), tuple(state))


@pytest.mark.parametrize(
    ("h", "match"),
    [
        (zeros(2, N, H), "must be a list of 2 arrays, .* got ndarray"),
        ([zeros(1, N, H)], "must be a list of 2 arrays, .* got list of 1"),
        ([zeros(1, N, H)] * 2, r"state\[0\]\[1\] must have shape \(1, 3, 9\)"),
    ],
)
def test_states_of_unequal_layers(h: Any, match: str) -> None:
    lstm = LSTM(I, [H, 9])
    good = [zeros(1, N, H), zeros(1, N, 9)]
    with pytest.raises(ValueError, match=match):
        lstm(zeros(N, T, I), (h, good))
    lstm(zeros(N, T, I), (good, good))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"mask_seed": -1}, ValueError, "mask_seed must be at least 0"),
        ({"mask_seed": 2**64}, ValueError, "mask_seed must be .* at most"),
        ({"mask_seed": 1.5}, TypeError, r"mask_seed must be an integer, got 1\.5"),
        ({"row_ids": [1, 2]}, ValueError, r"row_ids must be \(3,\) integers"),
    ],
)
def test_masks(options: dict[str, Any], error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        LSTM(I, H, 2, dropout=0.5).forward(zeros(N, T, I), **options)


@pytest.fixture
def trained() -> tuple[LSTM, np.ndarray, Any]:
    lstm = LSTM(I, H, random_state=0)
    y, _, cache = lstm.forward(zeros(N, T, I) + np.float32(0.5))
    return lstm, y, cache


BAD_GRADIENTS = [
    ({"dy": None}, ValueError, "backward needs dy, dstate or both"),
    ({"dy": None, "dstate": (None, None)}, ValueError, "needs dy, dstate or both"),
    ({"dy": zeros(N, T, H + 1)}, ValueError, r"dy .*\(3, 5, 11\), as y, got"),
    ({"dy": zeros(N, 1, H)}, ValueError, r"dy .*\(3, 5, 11\), as y, got"),
    ({"dy": zeros(N, T, H, dtype="float64")}, TypeError, "dy must be float32"),
    ({"dstate": zeros(1, N, H)}, ValueError, "dstate must be a pair"),
    ({"dstate": (zeros(1, 1, H), None)}, ValueError, r"dstate\[0\] must have shape"),
    ({"dstate": (None, zeros(2, N, H))}, ValueError, r"dstate\[1\] must have shape"),
    (
        {"dstate": (None, zeros(1, N, H, dtype="float64"))},
        TypeError,
        r"dstate\[1\] must be float32",
    ),
    ({"grads": LSTM(I, H + 1).grads}, ValueError, "grads must have the names and"),
    ({"grads": LSTM(I, H, dtype="float64").grads}, TypeError, "grads must be float32"),
]


@pytest.mark.parametrize(("options", "error", "match"), BAD_GRADIENTS)
def test_backward_refuses_and_stays_usable(
    trained: tuple[LSTM, np.ndarray, Any],
    options: dict[str, Any],
    error: type,
    match: str,
) -> None:
    lstm, y, cache = trained
    with pytest.raises(error, match=match):
        lstm.backward(**{"dy": y, "cache": cache, **options})
    assert not lstm.grads.flat.any(), "nothing half-done"
    lstm.backward(y, cache)
    assert lstm.grads.flat.any()


def test_a_used_cache(trained: tuple[LSTM, np.ndarray, Any]) -> None:
    lstm, y, cache = trained
    lstm.backward(y, cache)
    once = lstm.grads.flat.copy()
    with pytest.raises(ValueError, match="cache was used already: call forward again"):
        lstm.backward(y, cache)
    np.testing.assert_array_equal(lstm.grads.flat, once)


def test_an_outdated_cache(trained: tuple[LSTM, np.ndarray, Any]) -> None:
    lstm, y, cache = trained
    with lstm.writable() as params:
        params["bias_l0"] += 1.0
    with pytest.raises(ValueError, match=r"cache is outdated: .* version"):
        lstm.backward(y, cache)
    assert not lstm.grads.flat.any()


def test_another_layers_cache(trained: tuple[LSTM, np.ndarray, Any]) -> None:
    lstm, y, cache = trained
    other = LSTM(I, H, random_state=0)
    with pytest.raises(ValueError, match="cache is of another layer, LSTM"):
        other.backward(y, cache)
    assert not other.grads.flat.any()
    lstm.backward(y, cache)


def test_streams() -> None:
    with pytest.raises(ValueError, match="bidirectional LSTM cannot stream"):
        LSTM(I, H, bidirectional=True).stream()
    for batch_size, error in ((0, ValueError), (-1, ValueError), (1.0, TypeError)):
        with pytest.raises(error, match="batch_size must be"):
            LSTM(I, H).stream(batch_size)  # type: ignore[arg-type]


def test_masked_arrays() -> None:
    lstm = LSTM(I, H)
    x, state = np.zeros((N, T, I), np.float32), np.zeros((1, N, H), np.float32)
    ones = np.ones(N, np.int64)
    y, _, cache = lstm.forward(x)
    masked = np.ma.masked_array
    calls: list[tuple[str, Any]] = [
        ("x", lambda: lstm(masked(x))),
        (r"state\[1\]", lambda: lstm(x, (state, masked(state)))),
        ("lengths", lambda: lstm(x, lengths=masked(ones))),
        ("row_ids", lambda: lstm.forward(x, row_ids=masked(ones))),
        ("dy", lambda: lstm.backward(masked(y), cache)),
    ]
    for name, call in calls:
        with pytest.raises(TypeError, match=rf"{name} is a masked array.*\.filled"):
            call()
