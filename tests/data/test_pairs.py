from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequencePair


def make(rng: np.random.Generator) -> SequencePair:
    return SequencePair(
        SequenceBatch(rng.standard_normal((4, 7, 3)), np.array([5, 7, 2, 3])),
        SequenceBatch(rng.standard_normal((4, 5, 2)), np.array([4, 1, 5, 2])),
    )


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([3, 3, 1]), slice(2, 4)])
def test_take_cuts_each_side(rng: np.random.Generator, rows: Any) -> None:
    pair = make(rng)
    taken = pair.take(rows)
    assert type(taken) is SequencePair
    assert len(taken) == len(pair.source.x[rows])
    for side in ("source", "target"):
        batch, expected = getattr(taken, side), getattr(pair, side).take(rows)
        np.testing.assert_array_equal(batch.x, expected.x)
        np.testing.assert_array_equal(batch.row_lengths, expected.row_lengths)
    assert taken.source.n_steps == pair.source.row_lengths[rows].max()
    assert taken.target.n_steps == pair.target.row_lengths[rows].max()


def test_lengths_are_the_sources(rng: np.random.Generator) -> None:
    pair = make(rng)
    assert len(pair) == 4
    np.testing.assert_array_equal(pair.lengths, [5, 7, 2, 3])
    assert SequencePair(SequenceBatch(pair.source.x), pair.target).lengths is None


def test_the_sides_have_as_many(rng: np.random.Generator) -> None:
    pair = make(rng)
    with pytest.raises(ValueError, match="source has 4 sequences and target 3: exp"):
        SequencePair(pair.source, pair.target.take(slice(3)))
    with pytest.raises(TypeError, match="target must be a SequenceBatch, got ndarray"):
        SequencePair(pair.source, pair.target.x)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="source must be a SequenceBatch, got list"):
        SequencePair([], pair.target)  # type: ignore[arg-type]
