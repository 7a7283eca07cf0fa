"""The checks at the edge: what passes, and what the messages say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm import _validate as v


@pytest.mark.parametrize("value", [3, np.int32(3), np.uint8(3), np.array(3)])
def test_integers(value: Any) -> None:
    number = v.check_int("n", value, 1)
    assert number == 3
    assert type(number) is int


@pytest.mark.parametrize("value", [3.0, "3", None, True, np.True_, [3], 3 + 0j])
def test_not_integers(value: Any) -> None:
    with pytest.raises(TypeError, match="n must be an integer, got"):
        v.check_int("n", value, 1)


def test_integers_out_of_range() -> None:
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        v.check_int("n", 0, 1)
    with pytest.raises(ValueError, match="at least 1 and at most 5, got 6"):
        v.check_int("n", 6, 1, 5)


@pytest.mark.parametrize(
    ("value", "interval", "ok"),
    [
        (0.0, "[0, 1)", True),
        (0, "(0, 1)", False),
        (1.0, "[0, 1)", False),
        (1, "[0, 1]", True),
        (np.float32(0.5), "[0, 1)", True),
        (np.nan, "[0, 1)", False),
        (np.inf, "[0, inf)", False),
        (-np.inf, "(-inf, inf)", False),
        (1e308, "[0, inf)", True),
    ],
)
def test_floats(value: float, interval: str, ok: bool) -> None:
    if ok:
        assert v.check_float("p", value, interval) == value
    else:
        with pytest.raises(ValueError, match="p must be finite and in"):
            v.check_float("p", value, interval)


@pytest.mark.parametrize("value", ["0.5", None, True, [0.5], 1j])
def test_not_floats(value: Any) -> None:
    with pytest.raises(TypeError, match="p must be a real number, got"):
        v.check_float("p", value)


def test_bools_and_choices() -> None:
    assert v.check_bool("b", np.True_) is True
    for value in (1, "yes", None):
        with pytest.raises(TypeError, match="b must be True or False"):
            v.check_bool("b", value)
    for value in ("c", None, ["a"]):
        with pytest.raises(ValueError, match=r"must be one of \('a', 'b'\), got"):
            v.check_choice("c", value, ["a", "b"])


@pytest.mark.parametrize("value", ["float32", np.float32, "f4", np.dtype("f4")])
def test_dtypes(value: Any) -> None:
    assert v.check_dtype(value) == np.float32


def test_generators() -> None:
    rng = np.random.default_rng(0)
    assert v.as_generator(rng) is rng
    assert v.as_generator(5).random() == v.as_generator(np.int64(5)).random()
    legacy = [np.random.RandomState(5) for _ in range(2)]
    first, again = (v.as_generator(state).random() for state in legacy)
    assert first == again
    assert v.as_generator(legacy[0]).random() != first, "drawn from, so it moves on"
    assert v.as_generator(None).random() != v.as_generator(None).random()
    for value, error in (("seed", TypeError), (-1, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="random_state must be"):
            v.as_generator(value)  # type: ignore[arg-type]


def unaligned(shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape))
    raw = np.zeros(8 * size + 1, np.uint8)[1:]
    array = raw.view(np.float64).reshape(shape)
    assert not array.flags.aligned
    return array


@pytest.mark.parametrize(
    ("array", "same"),
    [
        (np.zeros((3, 5)), True),
        (np.zeros((3, 10))[:, :5], True),
        (np.zeros((6, 5))[::-2], True),
        (np.zeros((3, 5, 1)).transpose(1, 0, 2), True),
        (np.zeros((5, 3)).T, False),
        (np.zeros((3, 10))[:, ::2], False),
        (unaligned((3, 5)), False),
    ],
)
def test_floats_are_copied_only_where_kernels_cannot_stride(
    array: np.ndarray, same: bool
) -> None:
    result = v.as_floats("x", array, np.dtype(np.float64))
    assert (result is array) == same
    assert result.flags.aligned
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize(
    "array", [np.zeros(3, "f4"), np.zeros(3, ">f8"), [1, 2], ["a"]]
)
def test_another_dtype_is_an_error_that_says_what_to_do(array: Any) -> None:
    with pytest.raises(TypeError, match=r"pass np.asarray\(x, dtype=np.float64\)"):
        v.as_floats("x", array, np.dtype(np.float64))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 5, 8192, 8193, 20011])
def test_all_finite(dtype: str, size: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal(size).astype(dtype)
    assert v.all_finite(x)
    assert v.all_finite(x[::-1])
    huge = np.full(size, np.finfo(dtype).max, dtype)
    huge[::2] *= -1
    assert v.all_finite(huge), "sums overflow, elements do not"
    for bad in (np.nan, np.inf, -np.inf):
        for at in (0, size // 2, size - 1):
            spoilt = x.copy()
            spoilt[at] = bad
            assert not v.all_finite(spoilt)
    both = x.copy()
    both[[0, -1]] = np.inf, -np.inf
    assert not v.all_finite(both)


def test_all_finite_of_nothing() -> None:
    assert v.all_finite(np.zeros((0, 3)))


@pytest.mark.parametrize("steps", [3, 1001])
def test_steps_finite_names_the_place(steps: int) -> None:
    x = np.zeros((5, steps, 3), np.float32)
    lengths = np.full(5, steps)
    lengths[3] = 2
    x[3, 2:] = np.nan
    v.check_steps_finite("x", x, lengths)
    x[3, 1, 2] = -np.inf
    with pytest.raises(ValueError, match="x holds -inf at sample 3, step 1, feature 2"):
        v.check_steps_finite("x", x, lengths)
    with pytest.raises(ValueError, match="x holds"):
        v.check_steps_finite("x", x, None)


@pytest.mark.parametrize("lengths", [[1, 5, 3], (1, 5, 3), np.array([1, 5, 3], "u1")])
def test_lengths(lengths: Any) -> None:
    result = v.check_lengths(lengths, 3, 5)
    assert result.dtype == np.int64
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, [1, 5, 3])


@pytest.mark.parametrize(
    ("lengths", "error", "match"),
    [
        ([1, 0, 3], ValueError, "from 1 to 5 .* got 0 for sample 1"),
        ([1, 2, 6], ValueError, "from 1 to 5 .* got 6 for sample 2"),
        ([-1, 2, 3], ValueError, "got -1 for sample 0"),
        ([1, 2], ValueError, r"shape \(3,\), one a sample, got \(2,\)"),
        ([[1, 2, 3]], ValueError, r"got \(1, 3\)"),
        (3, ValueError, r"got \(\)"),
        ([1.0, 2.0, 3.0], TypeError, "lengths must be integers, got float64"),
        ([True, True, True], TypeError, "lengths must be integers, got bool"),
        (["a", "b", "c"], TypeError, "lengths must be integers"),
    ],
)
def test_bad_lengths(lengths: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        v.check_lengths(lengths, 3, 5)


def test_row_ids() -> None:
    assert v.check_row_ids([5, 2**62], 2).dtype == np.int64
    for ids in ([1], [1.0, 2.0], [[1, 2]]):
        with pytest.raises(ValueError, match=r"row_ids must be \(2,\) integers"):
            v.check_row_ids(ids, 2)


def test_sizes() -> None:
    v.check_size("x", 2**60 - 1, np.dtype(np.float64))
    with pytest.raises(ValueError, match=r"x would need .* too large"):
        v.check_size("x", 2**60, np.dtype(np.float64))
