from __future__ import annotations

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequenceScaler

from ..compare import assert_close
from ..tolerances import VALUE


def test_statistics_are_those_of_valid_steps(rng: np.random.Generator) -> None:
    parts = [5.0 + 3.0 * rng.standard_normal((steps, 2)) for steps in (4, 9, 1)]
    batch = SequenceBatch.from_sequences(parts)
    batch.x[~batch.mask] = np.nan  # never read
    scaler = SequenceScaler().fit(batch.x, lengths=batch.lengths)
    rows = np.concatenate(parts)
    assert scaler.mean is not None
    assert scaler.scale is not None
    assert_close(scaler.mean, rows.mean(axis=0), VALUE["float64"])
    assert_close(scaler.scale, rows.std(axis=0), VALUE["float64"])

    scaled = scaler.transform(rows)
    assert_close(scaler.inverse_transform(scaled), rows, VALUE["float64"])
    np.testing.assert_array_equal(scaler.transform(batch.x)[0, 2], scaled[2])


def test_weights_count_as_repetitions(rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 3, 2))
    lengths = np.array([3, 1, 2, 3])
    times = np.array([2, 0, 1, 3])
    weights = times.astype(np.float64)
    weighted = SequenceScaler().fit(x, lengths=lengths, sample_weight=weights)
    repeated = SequenceScaler().fit(
        x.repeat(times, axis=0), lengths=lengths.repeat(times)
    )
    for name, value in repeated.state_dict().items():
        assert_close(weighted.state_dict()[name], value, VALUE["float64"], name)


def test_constant_features_keep_their_scale() -> None:
    x = np.full((50, 7, 2), 0.1)
    x[:, 0, 1] = 3.0
    scaler = SequenceScaler().fit(x)
    assert scaler.scale is not None
    assert scaler.scale[0] == 1.0
    assert scaler.scale[1] != 1.0
    assert np.abs(scaler.transform(x)[..., 0]).max() <= VALUE["float64"].limit


def test_float32_data_is_summed_in_float64() -> None:
    x = (1e4 + np.arange(1000) % 2).astype(np.float32).reshape(-1, 1)
    scaler = SequenceScaler().fit(x)
    assert scaler.state_dict()["scale"][0] == 0.5


def test_state(rng: np.random.Generator) -> None:
    scaler = SequenceScaler().fit(rng.standard_normal((5, 3)))
    state = scaler.state_dict()
    other = SequenceScaler()
    other.load_state_dict(state)
    state["mean"][...] = 0.0  # copies both ways
    x = rng.standard_normal((2, 3))
    np.testing.assert_array_equal(other.transform(x), scaler.transform(x))


def test_errors() -> None:
    with pytest.raises(ValueError, match="call fit first"):
        SequenceScaler().transform(np.ones((1, 1)))
    with pytest.raises(ValueError, match="variance of feature 1 overflows"):
        SequenceScaler().fit(np.array([[1.0, 1e300], [2.0, -1e300]]))
    with pytest.raises(ValueError, match=r"mean has shape \(2,\) and scale \(3,\)"):
        SequenceScaler().load_state_dict({"mean": np.ones(2), "scale": np.ones(3)})
