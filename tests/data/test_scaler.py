"""Scalers: statistics of valid steps, beside scikit-learn's, and what they refuse."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequenceScaler
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from ..compare import assert_close, assert_same_bits
from ..tolerances import VALUE

# How a scaler is made, and the one of scikit-learn that does the same to rows.
METHODS: dict[str, tuple[dict[str, Any], Any]] = {
    "standard": ({}, StandardScaler()),
    "minmax": ({"method": "minmax"}, MinMaxScaler()),
    "minmax to (-1, 1)": (
        {"method": "minmax", "feature_range": (-1.0, 1.0)},
        MinMaxScaler((-1, 1)),
    ),
    "minmax to (2, 5)": (
        {"method": "minmax", "feature_range": [2, 5]},
        MinMaxScaler((2, 5)),
    ),
    "robust": ({"method": "robust"}, RobustScaler()),
    "robust from 10 to 95": (
        {"method": "robust", "quantile_range": (10, 95)},
        RobustScaler(quantile_range=(10.0, 95.0)),
    ),
}
methods = pytest.mark.parametrize("method", METHODS)


def make(method: str) -> SequenceScaler:
    return SequenceScaler(**METHODS[method][0])


def ragged(rng: np.random.Generator) -> tuple[list[np.ndarray], SequenceBatch]:
    parts = [5.0 + 3.0 * rng.standard_normal((steps, 3)) for steps in (4, 9, 1, 6)]
    for part in parts:
        part[:, 1] *= 1e5
        part[:, 2] = 7.0  # constant
    return parts, SequenceBatch.from_sequences(parts)


@methods
def test_as_scikit_learn_does_it_to_valid_steps(
    rng: np.random.Generator, method: str
) -> None:
    parts, batch = ragged(rng)
    batch.x[~batch.mask] = np.nan  # never read
    scaler = make(method).fit(batch.x, lengths=batch.lengths)
    rows = np.concatenate(parts)
    theirs = METHODS[method][1].fit(rows)
    scaled = scaler.transform(rows)
    expected = theirs.transform(rows)
    for feature in range(3):  # each for itself: theirs are of different sizes
        assert_close(scaled[:, feature], expected[:, feature], VALUE["float64"])
    assert_close(scaler.inverse_transform(scaled), rows, VALUE["float64"])
    np.testing.assert_array_equal(scaler.transform(batch.x)[0, :4], scaled[:4])
    assert scaler.scale is not None
    assert scaled[:, 2] == pytest.approx(expected[0, 2], abs=VALUE["float64"].limit)


@methods
@pytest.mark.parametrize(
    "times", [[2, 0, 1, 3, 0, 4, 1, 1, 2], [2, 0, 2, 3, 0, 4, 2, 5, 2]]
)
def test_weights_count_as_repetitions(
    rng: np.random.Generator, method: str, times: Any
) -> None:
    x = rng.standard_normal((9, 3, 2))
    x[1, 0] = 99.0
    lengths = np.array([3, 1, 2, 3, 1, 1, 2, 3, 1])
    times = np.array(times)
    weights = times.astype(np.float64)
    weighted = make(method).fit(x, lengths=lengths, sample_weight=weights)
    repeated = make(method).fit(x.repeat(times, axis=0), lengths=lengths.repeat(times))
    for name, value in repeated.state_dict().items():
        assert_close(weighted.state_dict()[name], value, VALUE["float64"], name)
    without = make(method).fit(x, lengths=lengths)
    assert (without.state_dict()["scale"] != weighted.state_dict()["scale"]).any()


@methods
@pytest.mark.parametrize("size", [1.0, 1.0 / 6.0, 1e-9])
def test_equal_weights_are_none(
    rng: np.random.Generator, method: str, size: float
) -> None:
    x = rng.standard_normal((6, 3, 2))
    none = make(method).fit(x).state_dict()
    equal = make(method).fit(x, sample_weight=np.full(6, size)).state_dict()
    for name in none:
        assert_close(equal[name], none[name], VALUE["float64"], name)


def test_quantiles_by_fractions_of_a_weight() -> None:
    # In units of 0.5 the values are there once, three times and twice.
    x = np.array([[3.0], [1.0], [2.0]])
    scaler = SequenceScaler("robust", quantile_range=(0, 60))
    scaler.fit(x, sample_weight=np.array([1.0, 0.5, 1.5]))
    repeated = np.array([1.0, 2.0, 2.0, 2.0, 3.0, 3.0])
    assert scaler.center == np.median(repeated)
    assert scaler.scale == np.percentile(repeated, 60) - 1.0


@methods
def test_constant_features_keep_their_scale(method: str) -> None:
    x = np.full((50, 7, 3), 0.1)
    x[::2, :, 0] += 1e-17  # nothing, beside 0.1
    x[:, :4, 1] = 3.0
    x[:, :, 2] = 0.0
    scaler = make(method).fit(x)
    low = scaler.feature_range[0] if scaler.method == "minmax" else 0.0
    width = np.ptp(scaler.feature_range) if scaler.method == "minmax" else 1.0
    assert scaler.scale is not None
    assert scaler.scale[0] == scaler.scale[2] == 1.0 / width
    assert scaler.scale[1] != 1.0 / width
    scaled = scaler.transform(x)
    limit = VALUE["float64"].limit
    assert np.abs(scaled[..., [0, 2]] - low).max() <= limit * max(1.0, abs(low))


@methods
@pytest.mark.parametrize("unit", [1e-20, 1e-200, 1e-300])
def test_small_units_are_no_constants(
    rng: np.random.Generator, method: str, unit: float
) -> None:
    # scikit-learn's own threshold is absolute and would leave these as they are.
    x = 1.0 + rng.standard_normal((40, 1))
    scaled, expected = (make(method).fit(v).transform(v) for v in (unit * x, x))
    assert_close(scaled, expected, VALUE["float64"])


@pytest.mark.parametrize("weighted", [False, True])
def test_powers_of_two_change_no_bit(rng: np.random.Generator, weighted: bool) -> None:
    x = np.stack([rng.standard_normal(40), 7.0 + rng.random(40)], axis=1)
    weights = rng.random(40) if weighted else None
    expected = SequenceScaler().fit(x, sample_weight=weights)
    for power in (-3, -700, -960):
        scaler = SequenceScaler().fit(np.ldexp(x, power), sample_weight=weights)
        np.testing.assert_array_equal(scaler.center, np.ldexp(expected.center, power))
        np.testing.assert_array_equal(scaler.scale, np.ldexp(expected.scale, power))


def test_what_no_number_can_tell_apart() -> None:
    # Below the smallest normal number digits are lost; and what moves by rounding.
    tiny = np.array([[0.0], [5e-324], [1e-310]])
    small = 1e-200 * np.array([[1.0], [1.0 + 1e-16], [1.0 + 3e-16]])
    for x in (tiny, small):
        np.testing.assert_array_equal(SequenceScaler().fit(x).scale, [1.0])


def test_range_is_exact(rng: np.random.Generator) -> None:
    x = 1e3 + rng.standard_normal((40, 5, 3))
    scaled = SequenceScaler("minmax").fit(x).transform(x)
    assert (scaled.min(axis=(0, 1)) == 0.0).all()
    assert (scaled.max(axis=(0, 1)) == 1.0).all()


def test_outliers_do_not_move_robust_statistics(rng: np.random.Generator) -> None:
    x = rng.standard_normal((101, 1))
    before = SequenceScaler("robust").fit(x).state_dict()
    x[x.argmax()] = 1e9
    for name, value in SequenceScaler("robust").fit(x).state_dict().items():
        assert value == before[name]


@methods
def test_float32_data_is_summed_in_float64(method: str) -> None:
    x = (1e4 + np.arange(1000) % 2).astype(np.float32).reshape(-1, 1)
    narrow, wide = (make(method).fit(v).state_dict() for v in (x, x.astype(np.float64)))
    assert_same_bits(narrow, wide)
    assert SequenceScaler().fit(x).state_dict()["scale"][0] == 0.5


@methods
def test_order_in_memory_does_not_matter(rng: np.random.Generator, method: str) -> None:
    _, batch = ragged(rng)
    plain = make(method).fit(batch.x, lengths=batch.lengths)
    channels_first = np.ascontiguousarray(batch.x.transpose(0, 2, 1))
    view = channels_first.transpose(0, 2, 1)
    strided = make(method).fit(view, lengths=batch.lengths)
    assert_same_bits(strided.state_dict(), plain.state_dict())
    assert_same_bits({"x": strided.transform(view)}, {"x": plain.transform(batch.x)})
    long = rng.standard_normal((1, 1001, 3))
    plain, strided = (make(method).fit(x) for x in (long, np.asfortranarray(long)))
    assert_same_bits(strided.state_dict(), plain.state_dict())


@methods
def test_state(rng: np.random.Generator, method: str) -> None:
    scaler = make(method).fit(rng.standard_normal((5, 3)))
    x = rng.standard_normal((2, 3))
    expected = scaler.transform(x)
    state = scaler.state_dict()
    others = [SequenceScaler(), scaler, copy.deepcopy(scaler)]
    others += [pickle.loads(pickle.dumps(scaler))]
    others[0].load_state_dict(state)
    state["center"][...] = 0.0  # copies both ways
    for other in others:
        np.testing.assert_array_equal(other.transform(x), expected)
    for other in others[1:]:
        assert vars(other).keys() == vars(scaler).keys()
        assert other.method == scaler.method


def test_old_states(rng: np.random.Generator) -> None:
    """What was written while there was one method, with a mean and a scale."""
    mean, scale = rng.standard_normal(3), 1.0 + rng.random(3)
    x = rng.standard_normal((2, 3))
    loaded = SequenceScaler()
    loaded.load_state_dict({"mean": mean, "scale": scale})
    unpickled = SequenceScaler.__new__(SequenceScaler)
    unpickled.__setstate__({"mean": mean, "scale": scale})
    for scaler in (loaded, unpickled):
        assert_same_bits({"x": scaler.transform(x)}, {"x": (x - mean) / scale})
        assert scaler.method == "standard"
        assert set(vars(scaler)) == set(vars(SequenceScaler()))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "max"}, ValueError, r"method must be one of .*'robust'.*got 'max'"),
        ({"feature_range": (1, 1)}, ValueError, r"feature_range must rise, got \(1, 1"),
        ({"feature_range": 3}, ValueError, "feature_range must be two numbers, got 3"),
        ({"feature_range": (0, np.inf)}, ValueError, "feature_range must be finite"),
        ({"feature_range": ("a", 1)}, TypeError, "feature_range must be a real num"),
        ({"quantile_range": (75, 25)}, ValueError, "quantile_range must rise"),
        ({"quantile_range": (-1, 25)}, ValueError, r"quantile_range .* \[0, 100\]"),
    ],
)
def test_bad_options(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SequenceScaler(**options)


def test_errors() -> None:
    with pytest.raises(ValueError, match="call fit first"):
        SequenceScaler().transform(np.ones((1, 1)))
    huge = np.array([[1.0, 1e308], [2.0, -1e308]])
    with pytest.raises(ValueError, match=r"variance of feature 1 overflows .* 1e\+308"):
        SequenceScaler().fit(huge)
    for method in ("minmax", "robust"):
        scaler = SequenceScaler(method).fit(np.ones((3, 2)))
        before = scaler.state_dict()
        with pytest.raises(ValueError, match="range of feature 1 overflows float64"):
            scaler.fit(np.repeat(huge, 9, axis=0))
        assert_same_bits(scaler.state_dict(), before)
    with pytest.raises(ValueError, match="range of feature 0 overflows float64"):
        SequenceScaler("minmax", feature_range=(10, 11)).fit(np.array([[0.0], [1e308]]))
    with pytest.raises(ValueError, match=r"center has shape \(2,\) and scale \(3,\)"):
        SequenceScaler().load_state_dict({"center": np.ones(2), "scale": np.ones(3)})
