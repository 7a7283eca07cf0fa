"""Conformal intervals: their finite-sample guarantees, and whatever comes for ACI."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastlstm.files import read_record, write_record
from fastlstm.forecasting import AdaptiveConformal, SplitConformal, coverage
from scipy.stats import betabinom

from ..compare import assert_close, assert_same_bits
from ..tolerances import CHANCE, VALUE

CLASSES = [SplitConformal, AdaptiveConformal]
classes = pytest.mark.parametrize("cls", CLASSES)


def distance_of_distributions(counts: np.ndarray, expected: Any, most: int) -> float:
    """Largest difference of two distribution functions over 0..most."""
    at = np.arange(most + 1)
    empirical = (counts.reshape(-1, 1) <= at).mean(axis=0)
    return float(np.abs(empirical - expected.cdf(at)).max())


@classes
@pytest.mark.parametrize("around", ["points", "intervals"])
@pytest.mark.parametrize(
    ("n", "level"), [(9, 0.9), (10, 0.9), (19, 0.5), (40, 0.8), (99, 0.95)]
)
def test_finite_sample_coverage(
    rng: np.random.Generator, cls: Any, around: str, n: int, level: float
) -> None:
    # 800 steps are 800 independent calibrations. Of m truths each, as many are inside
    # as a beta-binomial variable says: exactly, if scores have no ties.
    repeats, m = 800, 30
    errors = rng.standard_t(3, size=(n + m, repeats))
    forecasts = 100.0 * rng.random((n + m, repeats))
    y = forecasts + errors
    ends = [forecasts]
    if around == "intervals":
        half = np.exp(rng.normal(size=(n + m, repeats)))  # knows nothing
        ends = [forecasts - half, forecasts + 0.5 * half]
    conformal = cls(level).fit(y[:n], *(end[:n] for end in ends))
    lower, upper = conformal.interval(*(end[n:] for end in ends))
    inside = np.round(m * coverage(y[n:], lower, upper, axis=0))
    rank = round(np.ceil(round((n + 1) * level, 9)))
    expected = betabinom(m, rank, n + 1 - rank)
    # Dvoretzky, Kiefer & Wolfowitz (1956), with Massart's constant (1990).
    bound = np.sqrt(np.log(2.0 / CHANCE.limit) / (2.0 * repeats))
    if around == "points":
        assert distance_of_distributions(inside, expected, m) <= bound
        off_by_one = betabinom(m, rank - 1, n + 2 - rank)
        if n == 9:  # the check can fail
            assert distance_of_distributions(inside, off_by_one, m) > bound
    else:  # an interval turned inside out becomes a point: never less
        at = np.arange(m + 1)
        empirical = (inside.reshape(-1, 1) <= at).mean(axis=0)
        assert (empirical - expected.cdf(at)).max() <= bound
    assert inside.mean() / m >= level - 5.0 * expected.std() / m / np.sqrt(repeats)


@pytest.mark.parametrize("level", [0.5, 0.55, 0.57, 0.8, 0.9, 0.95, 0.99])
def test_ranks_are_exact(level: float) -> None:
    # Where (n + 1) level is whole, its float may lie above.
    for n in (99, 199, 999):
        scores = np.arange(1.0, n + 1.0)[:, None]
        upper = SplitConformal(level).fit(scores, np.zeros((n, 1))).interval([0.0])[1]
        percent = round(100.0 * level)
        assert upper == -(-(n + 1) * percent // 100)  # ceil, in integers


@pytest.mark.parametrize(("level", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19)])
@classes
def test_too_few_scores(cls: Any, level: float, least: int) -> None:
    y = np.arange(2.0 * least).reshape(least, 2)
    assert np.isfinite(cls(level).fit(y, 0 * y).interval([0.0, 0.0])[1]).all()
    y[0, 1] = np.nan
    words = f"level {level:g} need at least {least} .* got {least - 1} at \\[1\\]"
    with pytest.raises(ValueError, match=words):
        cls([0.3, level]).fit(y, 0 * y)


def test_intervals_around_intervals() -> None:
    # Romano, Patterson & Candes (2019): y lies 2, -1, 0.5 and -3 beyond its interval.
    y = np.array([[12.0], [9.0], [-0.5], [3.0]])
    lower, upper = np.zeros((4, 1)), np.full((4, 1), 10.0)
    conformal = SplitConformal(0.6).fit(y, lower, upper)  # rank 3
    assert [end.tolist() for end in conformal.interval([1.0], [3.0])] == [[0.5], [3.5]]
    conformal = SplitConformal(0.2).fit(y, lower, upper)  # rank 1: -3
    assert [end.tolist() for end in conformal.interval([1.0], [9.0])] == [[4.0], [6.0]]
    # Not inside out, but the point in the middle.
    assert [end.tolist() for end in conformal.interval([1.0], [3.0])] == [[2.0], [2.0]]


@classes
@pytest.mark.parametrize("around", ["points", "intervals"])
@pytest.mark.parametrize("outputs", [(), (3,)])
def test_levels_are_nested(
    rng: np.random.Generator, cls: Any, around: str, outputs: tuple[int, ...]
) -> None:
    levels = [0.5, 0.6, 0.8, 0.9]
    y = rng.normal(size=(30, 5, *outputs))
    y[rng.random(y.shape) < 0.2] = np.nan
    point = rng.normal(size=y.shape)
    ends = [point]
    if around == "intervals":  # which cross one another
        half = rng.random((*y.shape, 4))
        ends = [point[..., None] - half, point[..., None] + half]
    conformal = cls(levels).fit(y, *ends)
    lower, upper = conformal.interval(*ends)
    assert lower.shape == upper.shape == (*y.shape, 4)
    assert (np.diff(lower, axis=-1) <= 0.0).all()
    assert (np.diff(upper, axis=-1) >= 0.0).all()
    shares = coverage(y, lower, upper)
    assert (shares >= levels).all()  # on what it was calibrated with
    for j, level in enumerate(levels):
        mine = ends if around == "points" else [end[..., j] for end in ends]
        low, high = cls(level).fit(y, *mine).interval(*mine)
        assert low.shape == y.shape
        if around == "points" or j == 0:
            np.testing.assert_array_equal(low, lower[..., j])
            np.testing.assert_array_equal(high, upper[..., j])
        assert (lower[..., j] <= low).all()
        assert (high <= upper[..., j]).all()
    # Forecasts of one origin, and of many series.
    one = conformal.interval(*(end[7] for end in ends))
    np.testing.assert_array_equal(one[0], lower[7])
    many = conformal.interval(*(end.reshape(2, 15, *end.shape[1:]) for end in ends))
    np.testing.assert_array_equal(many[1].reshape(upper.shape), upper)


def test_each_step_by_itself(rng: np.random.Generator) -> None:
    y = rng.normal(size=(40, 3, 2)) * [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
    y[:20, 1, 1] = np.nan
    lower, upper = (
        SplitConformal(0.8).fit(y, np.zeros_like(y)).interval(np.zeros((3, 2)))
    )
    for h, k in np.ndindex(3, 2):
        scores = np.abs(y[:, h, k])
        scores = np.sort(scores[~np.isnan(scores)])
        expected = scores[int(np.ceil((len(scores) + 1) * 0.8)) - 1]
        assert upper[h, k] == -lower[h, k] == expected


@classes
def test_extend(rng: np.random.Generator, cls: Any) -> None:
    y, forecast = rng.normal(size=(2, 60, 3))
    whole = cls([0.5, 0.9]).fit(y, forecast)
    parts = cls([0.5, 0.9]).fit(y[:30], forecast[:30])
    parts.extend(y[30:], forecast[30:])
    np.testing.assert_array_equal(
        whole.interval(forecast), parts.interval(forecast), strict=True
    )
    last = cls([0.5, 0.9]).fit(y[40:], forecast[40:])
    parts.extend(y[:0], forecast[:0], keep=20)
    np.testing.assert_array_equal(last.interval(forecast), parts.interval(forecast))
    with pytest.raises(ValueError, match=r"need at least 9 .* got 8"):
        parts.extend(y[:5], forecast[:5], keep=8)
    with pytest.raises(ValueError, match=r"scores have shape .*'N', 3.*have \(60, 2\)"):
        parts.extend(y[:, :2], forecast[:, :2])
    np.testing.assert_array_equal(last.interval(forecast), parts.interval(forecast))


# What comes next, given the interval, the time and chance.
ADVERSARIES: dict[str, Any] = {
    "always outside": lambda low, high, t, rng: high + 1.0,
    "always inside": lambda low, high, t, rng: (low + high) / 2.0,
    "outside of wide ones": lambda low, high, t, rng: (
        high + (1.0 if high > 1 else -0.01)
    ),
    "in runs": lambda low, high, t, rng: high + (1.0 if t // 200 % 2 else -0.01),
    "swelling": lambda low, high, t, rng: rng.normal() * 1.01**t,
    "chance": lambda low, high, t, rng: rng.normal(),
}


@pytest.mark.parametrize("adversary", ADVERSARIES)
@pytest.mark.parametrize("gamma", [0.005, 0.1])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_long_run_coverage_whatever_comes(
    rng: np.random.Generator, adversary: str, gamma: float, level: float
) -> None:
    # Gibbs & Candes (2021, prop. 4.1), at every T, not only in the limit.
    steps = 1000
    errors = rng.normal(size=(100, 1))
    conformal = AdaptiveConformal(level, gamma=gamma).fit(errors, 0.0 * errors)
    misses = np.zeros(steps)
    for t in range(steps):
        lower, upper = conformal.interval([0.0])
        ends = np.clip([lower[0], upper[0]], -1e300, 1e300)  # of what is infinite
        y = ADVERSARIES[adversary](*ends, t, rng)
        misses[t] = not lower[0] <= y <= upper[0]
        conformal.update([y], lower, upper)
    count = np.arange(1.0, steps + 1.0)
    share = misses.cumsum() / count
    bound = (max(level, 1.0 - level) + gamma) / (count * gamma)
    assert (share - (1.0 - level) <= bound).all()
    if adversary == "always inside":
        assert misses.sum() == 0.0  # even where the interval is a point
        moved = steps * gamma * (1.0 - level)
        highest = min(1.0 - level + moved, 1.0 + gamma)
        assert conformal.alpha == pytest.approx(highest, rel=1e-9)  # 1000 sums
    else:
        assert (share - (1.0 - level) >= -bound).all()
    frozen = SplitConformal(level).fit(errors, 0.0 * errors)
    assert np.isfinite(frozen.interval([0.0])[1])
    if adversary == "always outside":
        assert 0.0 < misses.sum() < steps  # an infinite interval came in between


def test_delayed_truths_and_several_levels(rng: np.random.Generator) -> None:
    # Step h of the horizon is judged h - 1 updates late; adversary: always outside.
    levels, gamma, horizon, steps = np.array([0.5, 0.9]), 0.1, 4, 600
    errors = rng.normal(size=(50, horizon))
    conformal = AdaptiveConformal(levels, gamma=gamma).fit(errors, 0.0 * errors)
    issued, misses = [], []
    for t in range(steps + horizon):
        issued.append(conformal.interval(np.zeros(horizon)))
        if t < horizon - 1:
            continue
        # The truth at time t, as each step of the horizon had forecast it.
        origins = [t - h for h in range(horizon)]
        lower, upper = (
            np.stack([issued[origins[h]][end][h] for h in range(horizon)])
            for end in (0, 1)
        )
        y = np.where(np.isinf(upper), 0.0, upper + 1.0).max(axis=-1)
        misses.append(~((lower <= y[:, None]) & (y[:, None] <= upper)))
        conformal.update(y, lower, upper)
    count = np.arange(1.0, len(misses) + 1.0)[:, None, None]
    share = np.cumsum(misses, axis=0) / count
    late = gamma * np.arange(1.0, horizon + 1.0)[:, None]
    bound = (np.maximum(levels, 1.0 - levels) + late) / (gamma * count)
    assert (share - (1.0 - levels) <= bound).all()


def test_update_by_the_equation() -> None:
    y = np.arange(1.0, 20.0)[:, None] * [1.0, 2.0]
    conformal = AdaptiveConformal([0.5, 0.9], gamma=0.1).fit(y, 0.0 * y)
    assert conformal.alpha is not None
    assert_close(conformal.alpha, np.array([[0.5, 0.1]] * 2), VALUE["float64"])
    lower, upper = conformal.interval([0.0, 0.0])
    assert upper.tolist() == [[10.0, 18.0], [20.0, 36.0]]
    conformal.update([12.0, np.nan], lower, upper)  # outside one, unknown
    expected = [[0.5 + 0.1 * (0.5 - 1.0), 0.1 + 0.1 * 0.1], [0.5, 0.1]]
    assert_close(conformal.alpha, np.array(expected), VALUE["float64"])
    assert conformal.interval([0.0, 0.0])[1].tolist() == [[11.0, 18.0], [20.0, 36.0]]
    conformal.extend(y, 0.0 * y)
    assert_close(conformal.alpha, np.array(expected), VALUE["float64"])
    conformal.fit(y, 0.0 * y)
    assert_close(conformal.alpha, np.array([[0.5, 0.1]] * 2), VALUE["float64"])


@pytest.mark.parametrize("level", [0.8, [0.5, 0.8]], ids=str)
@pytest.mark.parametrize("outputs", [(), (2,)])
def test_update_by_the_mean_of_series(
    rng: np.random.Generator, level: Any, outputs: tuple[int, ...]
) -> None:
    calibration, y = (
        rng.normal(size=(30, 3, *outputs)),
        rng.normal(size=(5, 3, *outputs)),
    )
    y[:, 1] = np.nan  # known of no series
    y[2:, 2] = np.nan  # of two
    y[0] += 9.0  # a miss in all that is known
    make = AdaptiveConformal(level, gamma=0.3).fit(calibration, 0.0 * calibration)
    lower, upper = make.interval(0.0 * np.nan_to_num(y))
    start, moves = make.alpha, []
    assert start is not None
    for n in range(5):
        one = copy.deepcopy(make)
        one.update(y[n], lower[n], upper[n])
        assert one.alpha is not None
        moves.append(np.where(one.alpha == start, np.nan, one.alpha - start))
        # A panel of one series is that series.
        alone = copy.deepcopy(make)
        alone.update(y[n : n + 1], lower[n : n + 1], upper[n : n + 1])
        np.testing.assert_array_equal(alone.alpha, one.alpha)
    expected = start.copy()
    for at in (0, 2):
        expected[at] += np.nanmean(np.stack(moves)[:, at], axis=0)
    make.update(y, lower, upper)
    assert_close(make.alpha, expected, VALUE["float64"])
    np.testing.assert_array_equal(make.alpha[1], start[1])


def test_infinite_where_misses_were_too_many() -> None:
    y = np.arange(1.0, 20.0)[:, None]
    conformal = AdaptiveConformal([0.5, 0.9], gamma=0.2).fit(y, 0.0 * y)
    conformal.update([99.0], *conformal.interval([5.0]))
    lower, upper = conformal.interval([5.0])
    assert lower[0, 1] == -np.inf
    assert upper[0, 1] == np.inf
    assert np.isfinite([lower[0, 0], upper[0, 0]]).all()


@pytest.mark.parametrize(
    "conformal",
    [
        SplitConformal(0.8),
        SplitConformal([0.5, 0.8]),
        AdaptiveConformal(0.8, gamma=0.02),
        AdaptiveConformal([0.5, 0.8]),
    ],
)
def test_state_in_files(
    rng: np.random.Generator, tmp_path: Path, conformal: Any
) -> None:
    y, forecast = rng.normal(size=(2, 30, 3, 2))
    write_record(tmp_path / "empty", "test", {"it": conformal})
    empty = read_record(tmp_path / "empty", ["test"])[1]["it"]
    with pytest.raises(ValueError, match="no scores: call fit first"):
        empty.interval(forecast)
    conformal.fit(y, forecast)
    if isinstance(conformal, AdaptiveConformal):
        conformal.update(y[0], *conformal.interval(forecast[0]))
    write_record(tmp_path / "file", "test", {"it": conformal})
    copies = [
        copy.deepcopy(conformal),
        read_record(tmp_path / "file", ["test"])[1]["it"],
    ]
    for other in copies:
        assert type(other) is type(conformal)
        assert vars(other).keys() == vars(conformal).keys()
        assert_same_bits(
            dict(zip("lu", other.interval(forecast), strict=True)),
            dict(zip("lu", conformal.interval(forecast), strict=True)),
        )


FLAT = np.zeros((20, 2))
ERRORS: list[tuple[tuple[Any, ...], str]] = [
    ((FLAT[0], FLAT[0]), r"y must have shape \(N, H\) or \(N, H, K\), got \(2,\)"),
    ((FLAT, FLAT[:, :1]), r"forecast must have shape \(20, 2\).* got \(20, 1\)"),
    ((FLAT, FLAT, FLAT[..., None]), r"upper must have shape \(20, 2\)"),
    ((FLAT, FLAT, FLAT - 1), r"lower = 0.0 is above upper = -1.0 at \[0, 0\]"),
    ((FLAT, FLAT, FLAT + np.inf), r"upper is inf at \[0, 0\]"),
    ((FLAT, FLAT + np.nan), r"forecast is NaN at \[0, 0\], where y is observed"),
    ((FLAT - np.inf, FLAT), r"y is infinite at \[0, 0\]"),
    ((FLAT + np.nan, FLAT), r"need at least 9 .* got 0 at \[0\]"),
    ((FLAT[:0], FLAT[:0]), r"need at least 9 .* got 0 at \[0\]"),
]


@classes
@pytest.mark.parametrize(("arguments", "message"), ERRORS)
def test_errors(cls: Any, arguments: tuple[Any, ...], message: str) -> None:
    conformal = cls().fit(FLAT + 3.0, FLAT)
    with pytest.raises(ValueError, match=message):
        conformal.fit(*arguments)
    assert conformal.interval([1.0, 1.0])[1].tolist() == [4.0, 4.0]


def test_errors_of_what_follows() -> None:
    points = SplitConformal().fit(FLAT, FLAT)
    with pytest.raises(ValueError, match="fit was given point forecasts, interval int"):
        points.interval(FLAT, FLAT)
    with pytest.raises(ValueError, match=r"end with shape \(2,\), as in fit, got \(3"):
        points.interval(np.zeros(3))
    with pytest.raises(ValueError, match=r"forecast is nan at \[1\]"):
        points.interval([0.0, np.nan])
    intervals = SplitConformal().fit(FLAT, FLAT, FLAT)
    with pytest.raises(ValueError, match="given intervals, extend point forecasts"):
        intervals.extend(FLAT, FLAT)
    with pytest.raises(ValueError, match=r"upper must have the shape of lower, \(2,\)"):
        intervals.interval(FLAT[0], FLAT)
    for levels, message in (
        (1.0, r"level must be .* in \(0, 1\)"),
        ([0.9, 0.8], "inc"),
    ):
        with pytest.raises(ValueError, match=message):
            AdaptiveConformal(levels)
    with pytest.raises(ValueError, match=r"gamma must be finite and in \(0, inf\)"):
        AdaptiveConformal(gamma=0.0)


def test_errors_of_updates() -> None:
    adaptive = AdaptiveConformal()
    with pytest.raises(ValueError, match="call fit first"):
        adaptive.update([0.0], [0.0], [0.0])
    adaptive.fit(FLAT, FLAT)
    for arguments, message in (
        ((FLAT[:, :1],) * 3, r"y must have shape \(2,\), .*\('N', 2\), got \(20, 1\)"),
        ((FLAT[None],) * 3, r"y must have shape \(2,\), .* got \(1, 20, 2\)"),
        ((FLAT[0], FLAT[0], FLAT), r"upper must have shape \(2,\)"),
        ((FLAT[0], FLAT[0], FLAT[0] + np.nan), r"upper is NaN at \[0\]"),
    ):
        with pytest.raises(ValueError, match=message):
            adaptive.update(*arguments)
    assert adaptive.alpha is not None
    assert_close(adaptive.alpha, np.array([0.1, 0.1]), VALUE["float64"])
