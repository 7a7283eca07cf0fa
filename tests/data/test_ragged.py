from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch


def sequences(rng: np.random.Generator, lengths: list[int]) -> list[np.ndarray]:
    return [rng.standard_normal((steps, 3)) for steps in lengths]


def test_padding_and_taking(rng: np.random.Generator) -> None:
    parts = sequences(rng, [4, 1, 7, 5])
    batch = SequenceBatch.from_sequences(parts)
    assert len(batch) == 4
    assert (batch.n_steps, batch.n_features) == (7, 3)
    for row, part in enumerate(parts):
        np.testing.assert_array_equal(batch.x[row, : len(part)], part)
        assert not batch.x[row, len(part) :].any()
    assert batch.mask.sum(axis=1).tolist() == [4, 1, 7, 5]

    short = batch.take(np.array([3, 0, 0]))
    assert short.x.shape == (3, 5, 3)  # cut to the longest of its own
    assert short.row_lengths.tolist() == [5, 4, 4]
    np.testing.assert_array_equal(short.x[1, :4], parts[0])


def test_equal_lengths_need_no_lengths(rng: np.random.Generator) -> None:
    batch = SequenceBatch.from_sequences(sequences(rng, [4, 6, 4]))
    taken = batch.take(np.array([0, 2]))
    assert taken.lengths is None
    assert taken.x.shape == (2, 4, 3)
    assert taken.x.flags.c_contiguous
    whole = SequenceBatch(batch.x)
    assert whole.row_lengths.tolist() == [6, 6, 6]
    assert whole.mask.all()


def test_take_copies(rng: np.random.Generator) -> None:
    batch = SequenceBatch(rng.standard_normal((4, 5, 2)))
    taken = batch.take(np.array([1]))
    taken.x[...] = 0.0
    assert batch.x[1].all()


@pytest.mark.parametrize("lengths", [None, np.array([4, 1, 5, 3, 5])])
@pytest.mark.parametrize("order", ["C", "F", "every second", "steps reversed"])
@pytest.mark.parametrize(
    "rows",
    [
        np.array([3, 0, 3]),
        np.array([3, 1], np.int32),
        np.array([True, False, False, True, False]),  # a mask is no numbers
        slice(1, 4),
        slice(None, None, -2),
    ],
    ids=["rows", "int32", "mask", "slice", "backwards"],
)
def test_any_rows_of_any_array(
    rng: np.random.Generator, rows: Any, order: str, lengths: np.ndarray | None
) -> None:
    x = rng.standard_normal((5, 5, 2))
    forms = {
        "C": x,
        "F": np.asfortranarray(x),
        "every second": np.repeat(x, 2, axis=0)[::2],
        "steps reversed": x[:, ::-1].copy()[:, ::-1],
    }
    batch = SequenceBatch(forms[order], lengths).take(rows)
    steps = 5 if lengths is None else lengths[rows].max()
    np.testing.assert_array_equal(batch.x, x[rows, :steps])
    assert batch.x.flags.c_contiguous
    expected = np.full(5, 5) if lengths is None else lengths
    np.testing.assert_array_equal(batch.row_lengths, expected[rows])


def test_dtype() -> None:
    parts = [np.ones((2, 1), np.float32), np.ones((3, 1), np.float64)]
    assert SequenceBatch.from_sequences(parts).x.dtype == np.float64
    assert SequenceBatch.from_sequences(parts[:1]).x.dtype == np.float32
    assert SequenceBatch.from_sequences(parts, np.float32).x.dtype == np.float32


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "at least one sequence, got an empty list"),
        ([np.ones((2, 3)), np.ones(2)], r"sequence 1 has shape \(2,\), expected"),
        ([np.ones((2, 3)), np.ones((0, 3))], "sequence 1 is empty"),
        (
            [np.ones((2, 3)), np.ones((2, 4))],
            "sequence 1 has 4 features, but",
        ),
    ],
)
def test_bad_sequences(parts: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SequenceBatch.from_sequences(parts)


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([2, 0], ValueError, "from 1 to 5 .* got 0 for sample 1"),
        ([6, 2], ValueError, "from 1 to 5 .* got 6 for sample 0"),
        ([2, 2, 2], ValueError, r"shape \(2,\), one a sample, got \(3,\)"),
        ([2.0, 2.0], TypeError, "integers, got float64"),
    ],
)
def test_bad_lengths(
    lengths: list[float], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SequenceBatch(np.ones((2, 5, 3)), np.array(lengths))


@pytest.mark.parametrize("x", [np.ones((2, 5)), np.ones((2, 5), bool), np.arange(5)])
def test_bad_rank(x: np.ndarray) -> None:
    message = (
        rf"expected 3 dimensions, got shape .* of {x.dtype}; tokens are a \(N, T\)"
    )
    with pytest.raises(ValueError, match=message):
        SequenceBatch(x)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_tokens(dtype: type) -> None:
    parts = [np.array(row, dtype) for row in ([3, 1], [4, 1, 5, 9], [2])]
    batch = SequenceBatch.from_sequences(parts)
    assert batch.x.tolist() == [[3, 1, 0, 0], [4, 1, 5, 9], [2, 0, 0, 0]]
    assert batch.x.dtype == np.int64
    assert batch.is_tokens
    assert (len(batch), batch.n_steps, batch.n_features) == (3, 4, 1)
    assert batch.mask.sum(axis=1).tolist() == [2, 4, 1]
    short = batch.take(np.array([2, 0]))
    assert short.x.tolist() == [[2, 0], [3, 1]]
    assert short.lengths is not None
    assert short.lengths.tolist() == [1, 2]
    assert batch.with_x(np.ones((3, 4, 7))).n_features == 7
    assert not SequenceBatch(np.ones((3, 4, 1), dtype)).is_tokens
    array = SequenceBatch(np.ones((3, 4), dtype))
    assert array.is_tokens
    assert array.take(slice(1, 3)).x.shape == (2, 4)


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([[1, 2], []], ValueError, "sequence 1 is empty"),
        ([[1, 2], [[1]]], ValueError, r"sequence 1 has shape \(1, 1\), expected \(ste"),
        ([[1, 2], [1.5]], TypeError, "sequence 1 holds float64, but sequence 0 integ"),
        (
            [[1.5], [1]],
            ValueError,
            r"sequence 0 has shape \(1,\), expected \(steps, fe",
        ),
    ],
)
def test_bad_tokens(parts: list[Any], error: type[Exception], message: str) -> None:
    arrays = [np.array(p) if len(p) else np.array(p, int) for p in parts]
    with pytest.raises(error, match=message):
        SequenceBatch.from_sequences(arrays)


def test_tokens_of_any_integers_stay_integers() -> None:
    parts = [np.array([1, 2], np.uint64), np.array([3], np.int64)]
    assert SequenceBatch.from_sequences(parts).x.dtype == np.int64
