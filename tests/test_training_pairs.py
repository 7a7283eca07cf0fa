"""What a fit reads where a model has two sides: targets are of the second one."""

from __future__ import annotations

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequencePair
from fastlstm.training import TrainingSet

SOURCES = np.array([5, 7, 2, 3])
STEPS = np.array([4, 1, 5, 2])


def make_pair(rng: np.random.Generator, ragged: bool = True) -> SequencePair:
    return SequencePair(
        SequenceBatch(rng.standard_normal((4, 7, 3)), SOURCES),
        SequenceBatch(rng.standard_normal((4, 5, 2)), STEPS if ragged else None),
    )


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_targets_of_steps(
    rng: np.random.Generator, ragged: bool, weighted: bool
) -> None:
    pair, targets = make_pair(rng, ragged), rng.standard_normal((4, 5, 1))
    weights = np.array([0.5, 1.0, 2.0, 3.0]) if weighted else None
    data = TrainingSet(pair, targets, weights, per_step=True)
    rows = np.array([3, 1, 3])
    batch = data.take(rows)
    steps = 2 if ragged else 5
    lengths = STEPS[rows] if ragged else np.full(3, 5)
    assert batch.inputs.source.n_steps == 7
    assert batch.inputs.target.n_steps == steps
    np.testing.assert_array_equal(batch.targets, targets[rows, :steps])
    flat = [targets[row, :length] for row, length in zip(rows, lengths, strict=True)]
    np.testing.assert_array_equal(batch.flat_targets, np.concatenate(flat))
    if ragged:
        np.testing.assert_array_equal(batch.loss_lengths, lengths)
    else:
        assert batch.loss_lengths is None
    if weights is None:
        assert batch.flat_weights is None
    else:
        np.testing.assert_array_equal(
            batch.flat_weights, np.repeat(weights[rows], lengths)
        )


def test_targets_of_pairs(rng: np.random.Generator) -> None:
    labels = np.arange(4)
    batch = TrainingSet(make_pair(rng), labels).take(np.array([2, 0]))
    np.testing.assert_array_equal(batch.flat_targets, [2, 0])
    assert batch.loss_lengths is None


def test_targets_have_to_fit(rng: np.random.Generator) -> None:
    pair = make_pair(rng)
    with pytest.raises(ValueError, match=r"shape \(4, 7, 1\), expected \(4, 5\)"):
        TrainingSet(pair, np.zeros((4, 7, 1)), per_step=True)
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(4,\)"):
        TrainingSet(pair, np.zeros(3))
