"""Transforms: exact inverses beyond the end, beside SciPy, and what they refuse."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastlstm.files import read_record, write_record
from fastlstm.forecasting import BoxCox, Chain, Difference, FourierSeason, Log
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from ..compare import assert_close, assert_same_bits
from ..tolerances import BOX_COX, VALUE

TRANSFORMS: dict[str, Any] = {
    "log": lambda: Log(),
    "log, shifted": lambda: Log(3.5),
    "log, auto": lambda: Log("auto"),
    "Box-Cox": lambda: BoxCox(),
    "Box-Cox, 0": lambda: BoxCox(0.0),
    "Box-Cox, -2": lambda: BoxCox(-2.0),
    "Box-Cox, 1e-9": lambda: BoxCox(1e-9),
    "differences": lambda: Difference(),
    "seasonal": lambda: Difference(5),
    "none": lambda: Chain(),
    "log, differences": lambda: Chain([Log(), Difference()]),
    "Box-Cox, seasonal, first": lambda: Chain([BoxCox(), Difference(5), Difference()]),
    "differences twice": lambda: Chain([Difference(2)] * 2),
    "waves": lambda: FourierSeason(11.5),
    "log, waves, differences": lambda: Chain(
        [Log(), FourierSeason(7, order=3), Difference()]
    ),
}
transforms = pytest.mark.parametrize("name", TRANSFORMS)
several = pytest.mark.parametrize("outputs", [(), (3,)])


def series(
    rng: np.random.Generator, outputs: tuple[int, ...], gaps: bool = True
) -> np.ndarray:
    """A growing series of 60 steps, some of them missing, each output in its units."""
    units = np.array([1e-2, 1.0, 1e2]) if outputs else np.array(30.0)
    steps = 0.05 * np.arange(60.0).reshape(-1, *(1 for _ in outputs))
    y = units * np.exp(steps + 0.3 * rng.normal(size=(60, *outputs)))
    if gaps:
        y[[7, 20, 21]] = np.nan
    return y


@transforms
@several
def test_exact_beyond_the_end(
    rng: np.random.Generator, name: str, outputs: tuple[int, ...]
) -> None:
    y = series(rng, outputs)
    transform = TRANSFORMS[name]().fit(y[:48])
    future = y[48:]
    z = transform.transform(y)[48:]
    back = transform.inverse_forecast(z)
    np.testing.assert_allclose(back, future, rtol=VALUE["float64"].limit)
    # Sample paths, each by itself.
    paths = np.stack([z, 0.5 * z, z + 0.01])
    inverted = transform.inverse_forecast(paths)
    assert inverted.shape == (3, 12, *outputs)
    for path, alone in zip(paths, inverted, strict=True):
        np.testing.assert_array_equal(transform.inverse_forecast(path), alone)
    np.testing.assert_array_equal(inverted[0], back)
    for k in range(outputs[0] if outputs else 0):  # each output by itself
        one = TRANSFORMS[name]().fit(y[:48, k])
        alone = one.inverse_forecast(one.transform(y[:, k])[48:])
        np.testing.assert_allclose(alone, back[:, k], rtol=VALUE["float64"].limit)


@transforms
@several
def test_the_series_comes_back(
    rng: np.random.Generator, name: str, outputs: tuple[int, ...]
) -> None:
    y = series(rng, outputs)
    transform = TRANSFORMS[name]().fit(y)
    z = transform.transform(y)
    assert z.shape == y.shape
    assert np.isnan(z[np.isnan(y)]).all()
    assert z is not y
    back = transform.inverse_transform(z)
    np.testing.assert_allclose(back, y, rtol=VALUE["float64"].limit)


@transforms
@several
def test_update_is_the_transform_of_all(
    rng: np.random.Generator, name: str, outputs: tuple[int, ...]
) -> None:
    y = series(rng, outputs)
    y[[45, 53, 54]] = np.nan
    transform = TRANSFORMS[name]().fit(y[:40])
    expected = transform.transform(y)
    parts = [transform.update(y[a:b]) for a, b in ((40, 41), (41, 43), (43, 52))]
    np.testing.assert_array_equal(np.concatenate(parts), expected[40:52])
    # What follows is what another transform would say that had seen all.
    whole = TRANSFORMS[name]().fit(y[:40])
    whole.update(y[40:52])
    z = rng.normal(size=(2, 7, *outputs)) * 0.01
    np.testing.assert_array_equal(
        transform.inverse_forecast(z), whole.inverse_forecast(z)
    )
    if not any(word in name for word in ("Box", "auto", "waves")):
        fitted = TRANSFORMS[name]().fit(y[:52])
        forecasts = fitted.inverse_forecast(z), transform.inverse_forecast(z)
        np.testing.assert_array_equal(*forecasts)


@transforms
@several
def test_another_history(
    rng: np.random.Generator, name: str, outputs: tuple[int, ...]
) -> None:
    y = series(rng, outputs)
    transform = TRANSFORMS[name]().fit(y[:40])
    before = copy.deepcopy(transform)
    # A longer one: as if its end had come by updates.
    longer, updated = transform.following(y[:52]), copy.deepcopy(transform)
    updated.update(y[40:52])
    z = rng.normal(scale=0.1, size=(3, 7, *outputs))
    whole = transform.transform(y)
    assert_same_bits(
        {"z": longer.transform(y), "paths": longer.inverse_forecast(z)},
        {"z": whole, "paths": updated.inverse_forecast(z)},
    )
    # Another one: its own steps come back, in it and beyond its end.
    other = 3.0 * y[9:]
    own = transform.following(other[:30])
    ahead = own.transform(other)[30:]
    missing = np.isnan(ahead)
    back = own.inverse_forecast(np.where(missing, 0.0, ahead))
    untouched = ~np.maximum.accumulate(missing, axis=0)
    assert untouched.any()
    assert_close(back[untouched], other[30:][untouched], VALUE["float64"])
    again = own.inverse_transform(own.transform(other[:30]))
    known = ~np.isnan(again)
    assert known.sum() > 0.8 * known.size
    assert_close(again[known], other[:30][known], VALUE["float64"])
    # The first one has not changed.
    assert_same_bits(
        {"paths": transform.inverse_forecast(z)}, {"paths": before.inverse_forecast(z)}
    )


def test_another_history_has_the_parameters_of_the_fit(
    rng: np.random.Generator,
) -> None:
    y = series(rng, (), gaps=False)
    fitted = BoxCox().fit(y)
    other = fitted.following(y[:9] ** 2)
    assert (other.lambdas, other.scale) == (fitted.lambdas, fitted.scale)
    chain = Chain([Log("auto"), Difference()]).fit([0.0, 1.0, 5.0])
    below = [-1.0, 2.0]
    with pytest.raises(ValueError, match=r"y\[0\] = -1.0 is not above -1, as all val"):
        chain.following(below)
    assert chain.inverse_forecast([0.0]) == pytest.approx(5.0)
    later = chain.following([7.0, -0.5, 2.0])
    assert later.inverse_forecast([0.0]) == pytest.approx(2.0)
    with pytest.raises(ValueError, match=r"is not above 0, as all values must be"):
        fitted.following([0.0, 1.0])
    with pytest.raises(ValueError, match="y has no observed value"):
        fitted.following([np.nan])
    with pytest.raises(ValueError, match="needs a series of at least 5 steps, got 4"):
        Difference(5).fit(y).following(y[:4])
    with pytest.raises(ValueError, match=r"y must be a series \(T,\), as in fit, got"):
        fitted.following(y[:, None])
    with pytest.raises(ValueError, match="knows no series yet: call fit first"):
        BoxCox().following(y)


@pytest.mark.parametrize("lag", [1, 2, 5])
def test_forecasts_start_from_what_was_observed_last(lag: int) -> None:
    y = np.arange(1.0, 21.0) ** 2
    y[[13, 18, 19]] = np.nan
    difference = Difference(lag).fit(y)
    forecast = difference.inverse_forecast(np.zeros(7))
    for h in range(7):
        phase = y[(20 + h) % lag :: lag]
        assert forecast[h] == phase[~np.isnan(phase)][-1]


@given(
    lag=st.integers(1, 7),
    steps=st.integers(0, 30),
    horizon=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_differences_of_any_length(
    lag: int, steps: int, horizon: int, seed: int
) -> None:
    # Whole numbers, whose sums are exact.
    rng = np.random.default_rng(seed)
    y = rng.integers(-99, 99, size=(lag + steps + horizon, 2)).astype(np.float64)
    known = y[: lag + steps]
    y[lag + 1 :][rng.random((steps + horizon - 1, 2)) < 0.2] = np.nan
    difference = Difference(lag).fit(known)
    z = difference.transform(y)
    np.testing.assert_array_equal(difference.inverse_transform(z[: len(known)]), known)
    np.testing.assert_array_equal(difference.update(y[len(known) :]), z[len(known) :])


@several
def test_quantiles(rng: np.random.Generator, outputs: tuple[int, ...]) -> None:
    y = series(rng, outputs, gaps=False)
    for name in TRANSFORMS:
        transform = TRANSFORMS[name]().fit(y[:48])
        z = transform.transform(y)[48:]
        most = 12
        if "seasonal" in name or "differences" in name:
            most = {"seasonal": 5, "differences twice": 2}.get(name, 1)
        offsets = np.array([-0.1, 0.0, 0.1]) * 10.0 ** (-3 * ("-2" in name))
        quantiles = z[:most][..., None] + offsets
        inverted = transform.inverse_quantiles(quantiles)
        assert inverted.shape == (most, *outputs, 3)
        assert (np.diff(inverted, axis=-1) > 0.0).all()
        for j in range(3):
            alone = transform.inverse_forecast(quantiles[..., j])
            np.testing.assert_array_equal(inverted[..., j], alone)
        if most < 12:
            more = z[: most + 1][..., None] + offsets
            words = f"quantiles of {most + 1} steps of Difference.* or sample paths"
            with pytest.raises(ValueError, match=words):
                transform.inverse_quantiles(more)


@pytest.mark.parametrize("power", [-0.8, 0.0, 0.3, 1.2])
def test_lambda_as_scipy(rng: np.random.Generator, power: float) -> None:
    y = special.inv_boxcox(rng.normal(scale=0.4, size=(200, 3)), power)
    y *= [1e-3, 1.0, 1e4]
    y[::9] = np.nan
    transform = BoxCox().fit(y)
    z = transform.transform(y)
    for k in range(3):
        seen = ~np.isnan(y[:, k])
        theirs, lmbda = stats.boxcox(y[seen, k])
        ours = np.asarray(transform.lambdas)[k]
        assert abs(ours - lmbda) <= BOX_COX.limit
        # Theirs with our lambda is ours up to a scale and a shift.
        theirs = special.boxcox(y[seen, k] / stats.gmean(y[seen, k]), ours)
        assert_close(z[seen, k], theirs, VALUE["float64"])
        assert np.asarray(transform.scale)[k] == pytest.approx(
            stats.gmean(y[seen, k]), rel=VALUE["float64"].limit
        )


@pytest.mark.parametrize("lmbda", [-2.0, -0.5, 0.0, 1e-12, 0.5, 1.0, 2.0])
def test_given_lambda_as_scipy(rng: np.random.Generator, lmbda: float) -> None:
    y = np.exp(rng.normal(size=50))
    transform = BoxCox(lmbda).fit(y)
    expected = special.boxcox(y / stats.gmean(y), lmbda)
    assert_close(transform.transform(y), expected, VALUE["float64"])
    inverted = special.inv_boxcox(expected, lmbda) * stats.gmean(y)
    assert_close(transform.inverse_forecast(expected), inverted, VALUE["float64"])


def test_digits_stay_whatever_the_units(rng: np.random.Generator) -> None:
    for unit in (1e-200, 1e-6, 1e9, 1e200):
        y = unit * np.exp(0.3 * rng.normal(size=60))
        for lmbda in (None, -2.0, 2.0):
            transform = BoxCox(lmbda).fit(y[:40])
            back = transform.inverse_forecast(transform.transform(y[40:]))
            np.testing.assert_allclose(back, y[40:], rtol=VALUE["float64"].limit)


def test_box_cox_beyond_its_range() -> None:
    y = np.array([1.0, 2.0, 4.0])
    assert BoxCox(0.5).fit(y).inverse_forecast([-2.0, -9.0]).tolist() == [0.0, 0.0]
    assert BoxCox(-0.5).fit(y).inverse_forecast([2.0, 9.0]).tolist() == [np.inf] * 2
    assert BoxCox(0.0).fit(y).inverse_forecast([1e4]).tolist() == [np.inf]
    assert Log().fit(y).inverse_forecast([1e4, -1e4]).tolist() == [np.inf, 0.0]


def test_box_cox_of_what_tells_nothing() -> None:
    transform = BoxCox().fit([[3.0, 5.0], [3.0, np.nan], [3.0, np.nan]])
    assert np.asarray(transform.lambdas).tolist() == [1.0, 1.0]
    # Nothing within -2 and 2 is likely enough.
    steep = stats.norm.ppf(np.linspace(0.01, 0.99, 50), loc=10.0) ** (1.0 / 6.0)
    assert BoxCox().fit(steep).lambdas == pytest.approx(2.0, abs=BOX_COX.limit)


def test_log_shifts() -> None:
    y = np.array([[1.0, 0.0, -4.0], [2.0, np.nan, 8.0]])
    log = Log("auto").fit(y)
    assert np.asarray(log.offset).tolist() == [0.0, 1.0, 5.0]
    np.testing.assert_array_equal(
        log.transform(y), np.log(y + np.array([0.0, 1.0, 5.0]))
    )


@transforms
@several
def test_state_in_files(
    rng: np.random.Generator, tmp_path: Path, name: str, outputs: tuple[int, ...]
) -> None:
    y = series(rng, outputs)
    transform = TRANSFORMS[name]()
    write_record(tmp_path / "new", "test", {"it": transform})
    unfitted = read_record(tmp_path / "new", ["test"])[1]["it"]
    with pytest.raises(ValueError, match="knows no series yet: call fit first"):
        unfitted.inverse_forecast(y)
    transform.fit(y[:50])
    write_record(tmp_path / "file", "test", {"it": transform})
    loaded = read_record(tmp_path / "file", ["test"])[1]["it"]
    z = 0.01 * rng.normal(size=(4, 6, *outputs))
    expected = copy.deepcopy(transform)
    for other in (loaded, unfitted.fit(y[:50])):
        assert repr(other) == repr(transform)
        transform = copy.deepcopy(expected)
        for after in (False, True):
            assert_same_bits(
                {"z": other.inverse_forecast(z), "t": other.transform(y)},
                {"z": transform.inverse_forecast(z), "t": transform.transform(y)},
            )
            fitted = transform.inverse_transform(transform.transform(y[:50]))
            back = other.inverse_transform(other.transform(y[:50]))
            assert_same_bits({"y": back}, {"y": fitted})
            if not after:
                assert_same_bits(
                    {"u": other.update(y[50:])}, {"u": transform.update(y[50:])}
                )


def test_repr() -> None:
    chain = Chain([Log("auto"), BoxCox(), BoxCox(0.5), Difference(12)])
    assert repr(chain) == (
        "Chain([Log(shift='auto'), BoxCox(lmbda=None), BoxCox(lmbda=0.5), "
        "Difference(lag=12)])"
    )


NAN = np.nan
FIT_ERRORS: list[tuple[Any, Any, str]] = [
    (Log(), [[[1.0]]], r"y must be a series, .* got shape \(1, 1, 1\)"),
    (Log(), [1.0, np.inf], r"y is infinite at \[1\]"),
    (Log(), [[1.0, NAN]], "y of output 1 has no observed value"),
    (Log(), [1.0, 0.0], r"y\[1\] = 0.0 is not above 0, .*shift='auto'"),
    (Log(2.0), [[1.0, -3.0]], r"y\[0, 1\] = -3.0 is not above -2"),
    (BoxCox(), [1.0, -1.0], r"y\[1\] = -1.0 is not above 0, .* Log\(shift='auto'\)"),
    (Difference(3), [1.0, 2.0], "lag=3.* at least 3 steps, got 2"),
    (Difference(2), [1.0, NAN, 2.0, NAN], "no observed value 1 steps"),
    (Chain([Difference(), Log()]), [1.0, 2.0, 1.0], r"y\[2\] = -1.0 is not above 0"),
    (Chain([Difference(2)] * 2), [1.0, 2.0], "y has no observed value"),
    (FourierSeason(4.5, 1), [1.0] * 4, r"at least 5 steps, a whole season, got 4"),
    (FourierSeason(5, 1), [[NAN] * 2, *[[1.0] * 2] * 4], "a whole season, got 4"),
    (FourierSeason(4), [1.0, 2.0, NAN, 3.0, 4.0, NAN], "at least 6 observed .*, got 4"),
]


@pytest.mark.parametrize(("transform", "y", "message"), FIT_ERRORS, ids=str)
def test_errors_in_fit_change_nothing(transform: Any, y: Any, message: str) -> None:
    transform.fit([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    before = copy.deepcopy(transform)
    with pytest.raises(ValueError, match=message):
        transform.fit(y)
    z = [0.1, 0.2]
    np.testing.assert_array_equal(
        transform.inverse_forecast(z), before.inverse_forecast(z)
    )


def test_errors() -> None:
    log = Log().fit(np.ones((4, 2)))
    one = Difference().fit([1.0, 2.0])
    for call, message in (
        (lambda: log.transform(np.ones(4)), r"y must be a series \(T, 2\), as in fit"),
        (lambda: log.transform([[1.0, -1.0]]), r"y\[0, 1\] = -1.0 is not above 0"),
        (lambda: log.inverse_forecast(np.ones(3)), r"shape \(H, 2\) or \(S, H, 2\)"),
        (lambda: log.inverse_forecast(np.ones((3, 3))), r"got \(3, 3\)"),
        (lambda: log.inverse_quantiles(np.ones((3, 2))), r"shape \(H, 2, Q\) for"),
        (lambda: one.inverse_forecast(np.ones((1, 1, 1))), r"shape \(H,\) or \(S, H\)"),
        (
            lambda: one.inverse_quantiles(np.ones(1)),
            r"shape \(H, Q\) for a series \(T,",
        ),
        (lambda: one.inverse_transform(np.ones(3)), "the 2 steps of the series of fit"),
        (lambda: one.update([1.0, np.inf]), r"y is infinite at \[1\]"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for options, error, message in (
        ({"lmbda": 3.0}, ValueError, r"lmbda must be .* in \[-2, 2\], got 3.0"),
        ({"lmbda": "auto"}, TypeError, "lmbda must be a real number"),
    ):
        with pytest.raises(error, match=message):
            BoxCox(**options)
    with pytest.raises(TypeError, match="shift must be a real number, got 'none'"):
        Log("none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lag must be at least 1, got 0"):
        Difference(0)
    with pytest.raises(TypeError, match=r"transforms\[1\] must be a Transform, got 12"):
        Chain([Log(), 12])  # type: ignore[list-item]


def test_a_failed_update_changes_nothing() -> None:
    chain = Chain([Difference(), Log()]).fit([1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match=r"y\[0\] = -3.0 is not above 0"):
        chain.update([1.0])
    assert chain.inverse_forecast([0.0]).tolist() == [5.0]
    assert chain.transforms[0] is not Chain([Difference()]).transforms[0]


def test_what_is_given_to_a_chain_stays_unfitted() -> None:
    log = Log()
    Chain([log]).fit([1.0, 2.0])
    assert log.offset is None
