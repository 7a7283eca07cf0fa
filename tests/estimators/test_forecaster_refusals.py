"""What LSTMForecaster refuses, in words with the value and what was expected.

Or answers, where an answer is as it is documented: a constant series, a new series.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from ..compare import assert_same_bits
from .forecasters import forecaster, quiet, strategies, wave

pytestmark = quiet

DAYS = pd.date_range("2024-01-01", periods=60, freq="D")
Y = wave(60)


def dated(index: Any) -> pd.Series:
    return pd.Series(Y, index=index)


# --------------------------------------------------------------------------- series


def _moved() -> pd.DatetimeIndex:
    times = DAYS.to_numpy().copy()
    times[7] += np.timedelta64(5, "h")
    return pd.DatetimeIndex(times)


BAD_SERIES: dict[str, tuple[Callable[[], Any], str]] = {
    "horizon": (
        lambda: Y[:3],
        "horizon=4 and windows of at least min_window=1 steps need a series of 5 "
        "steps, the longest has 3",
    ),
    "validation": (lambda: Y[:8], "long enough for validation: .* early_stopping=Fals"),
    "duplicate": (
        lambda: dated(DAYS[[0, 0, *range(2, 60)]]),
        "X has the time 2024-01-01 twice, at rows 0 and 1",
    ),
    "unsorted": (lambda: dated(DAYS[::-1]), "2024-02-29 before 2024-02-28, at rows 0"),
    "irregular": (
        lambda: dated(_moved()),
        "X is irregular: 2024-01-07 and 2024-01-08T05:00 .* a step of 1 day",
    ),
    "all missing": (lambda: np.full(60, np.nan), "X has no observed value"),
    "one missing": (lambda: {"a": Y, "b": np.full(60, np.nan)}, "'b' has no observed"),
    "missing in training": (
        lambda: np.r_[np.full(54, np.nan), Y[:6]],
        "series 0 has no observed value of 0 to scale it by",
    ),
    "inf": (lambda: np.r_[Y, -np.inf], "X holds -inf at row 60, column 0"),
    "empty": (list, "X is empty"),
    "four axes": (lambda: np.ones((2, 3, 4, 5)), "X must .* got 4|shape"),
    "other columns": (lambda: [Y, np.stack([Y, Y], 1)], "variables"),
    "huge": (lambda: Y * 1e307, "overflow"),
}


@pytest.mark.parametrize("bad", BAD_SERIES)
def test_series(bad: str) -> None:
    make, words = BAD_SERIES[bad]
    with pytest.raises(ValueError, match=words):
        forecaster().fit(make())


@pytest.mark.parametrize("X", [[["a", "b"]], "text", [object()], 3.0, None])
def test_what_is_no_series(X: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"X|series 0"):
        forecaster().fit(X)


@pytest.mark.parametrize("bad", ["duplicate", "unsorted", "irregular", "inf"])
def test_histories_are_checked_alike(bad: str) -> None:
    make, words = BAD_SERIES[bad]
    model = forecaster().fit(dated(DAYS) if bad != "inf" else Y)
    with pytest.raises(ValueError, match=words):
        model.predict(make())


def test_histories_are_like_those_of_the_fit() -> None:
    model = forecaster().fit(dated(DAYS))
    with pytest.raises(ValueError, match="have 2 variables"):
        model.predict(np.stack([Y, Y], axis=1))
    with pytest.raises(ValueError, match="12 hours apart, with a step of 1 day"):
        model.predict(dated(pd.date_range("2024-01-01", periods=60, freq="12h")))
    weekly = "a step of 7 days, but that of the fit is 1 day"
    with pytest.raises(ValueError, match=weekly):
        model.predict(dated(pd.date_range("2024-01-01", periods=60, freq="7D")))
    with pytest.raises(ValueError, match=weekly):
        model.update(dated(pd.date_range("2024-03-07", periods=60, freq="7D"))[:4])
    with pytest.raises(ValueError, match="calendar features need times"):
        model.predict(Y)


def test_a_new_series_is_scaled_by_its_own_history() -> None:
    model = forecaster().fit({"a": Y, "b": 2.0 * Y})
    new = model.predict({"c": 1000.0 * Y, "a": Y})
    assert 4000.0 < new["c"].mean() < 12000.0
    np.testing.assert_array_equal(new["a"], model.predict()["a"])
    with pytest.raises(ValueError, match="series 'c' has no observed value"):
        model.predict({"c": np.full(9, np.nan)})
    with pytest.raises(ValueError, match="new rows of series 'c', which is none"):
        model.update({"c": [1.0]})


@strategies
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "quantile", "student_t"])
def test_constant_series_go_on(strategy: str, warm: bool, loss: str) -> None:
    if strategy == "recursive" and loss == "quantile":
        loss = "gaussian"
    model = forecaster(strategy=strategy, warm=warm, loss=loss, max_iter=30)
    X = [np.full(60, 7e3), np.full(50, -0.25), Y]
    forecast = np.stack(model.fit(X).predict())
    assert np.isfinite(forecast).all()
    # Their scale is 1, as no other is known.
    np.testing.assert_allclose(forecast[0], 7e3, atol=1.0)
    np.testing.assert_allclose(forecast[1], -0.25, atol=1.0)


@strategies
def test_missing_at_the_end_and_in_the_middle(strategy: str) -> None:
    y = Y.copy()
    y[[3, 4, 5, 30, 59]] = np.nan
    y[40:52] = np.nan  # longer than the window
    model = forecaster(strategy=strategy).fit(y)
    assert np.isfinite(model.predict()).all()
    with pytest.warns(UserWarning, match="The last 8 steps of series 0 have no obs"):
        found = model.predict(np.r_[Y[:20], np.full(20, np.nan)])
    assert np.isfinite(found).all()


# ----------------------------------------------------------------------- covariates


def test_covariates_that_are_missing() -> None:
    future, past = np.random.default_rng(0).random((2, 64, 1))
    model = forecaster(strategy="encoder_decoder").fit(Y, future=future[:60])
    with pytest.raises(ValueError, match="have 0 rows after its end, expected 4, the"):
        model.predict()
    with pytest.raises(ValueError, match="have 3 rows after its end, expected 4"):
        model.predict(future=future[60:63])
    with pytest.raises(ValueError, match=r"0 future covariates, .* of the fit 1"):
        model.predict(Y)
    with pytest.raises(ValueError, match="have 2 rows after"):
        model.predict(Y, future=future[:62])
    with pytest.raises(ValueError, match=r"known for 0 rows .* pass them with these"):
        model.update([5.0])
    assert model.predict(future=future[60:62], steps=2).shape == (2,)
    some = np.array([[1.0], [np.nan], [1.0], [1.0]])
    with pytest.raises(ValueError, match="future of series 0 has missing values"):
        model.predict(future=some)
    with pytest.raises(ValueError, match="future: X has no observed value"):
        model.predict(future=np.full((4, 1), np.nan))
    with pytest.raises(ValueError, match="future: X holds inf at row 1, column 0"):
        model.predict(future=np.where(np.isnan(some), np.inf, some))
    with pytest.raises(TypeError, match="future: X must hold numbers"):
        model.predict(future=some.astype(str))

    model = forecaster().fit(Y, past=past[:60])
    for X, more in ((Y, {}), (Y, {"past": np.ones((60, 2))})):
        with pytest.raises(ValueError, match=r"past covariates, .* of the fit 1"):
            model.predict(X, **more)
    with pytest.raises(ValueError, match="past"):
        model.predict(Y, past=past[:30])
    with pytest.raises(ValueError, match=r"0 past covariates, .* of the fit 1"):
        model.update([5.0])


def test_kinds_that_a_strategy_has_no_use_for() -> None:
    future, past = np.ones((2, 64, 1))
    with pytest.raises(
        ValueError, match=r"^1 covariate is .*'direct' does not read: use"
    ):
        forecaster().fit(Y, future=future)
    with pytest.raises(ValueError, match=r"^2 covariates are known ahead"):
        forecaster().fit(Y, future=np.hstack([future, future]))
    with pytest.raises(ValueError, match="strategy='recursive' would need of steps to"):
        forecaster(strategy="recursive").fit(Y, past=past[:60])


def test_static_features() -> None:
    model = forecaster().fit([Y, Y], static=[["north"], ["south"]])
    with pytest.raises(ValueError, match="is 'east', expected one of 'north', 'south'"):
        model.predict([Y], static=[["east"]])
    with pytest.raises(ValueError, match="have 0 static features"):
        model.predict([Y])
    model = forecaster().fit([Y, Y], static=[[1.0], [2.0]])
    with pytest.raises(ValueError, match="is 'east', expected a number"):
        model.predict([Y], static=[["east"]])


# ----------------------------------------------------------------------- parameters

SEASONAL = {"transforms": "seasonal_difference"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizon": 0}, "'horizon' parameter .* Got 0"),
        ({"horizon": 2.5}, "'horizon' parameter"),
        ({"window": 0}, "'window' parameter"),
        ({"strategy": "both"}, "'strategy' parameter"),
        ({"loss": "mse"}, "'loss' parameter"),
        ({"quantiles": "0.5"}, "'quantiles' parameter"),
        ({"conformal": "yes"}, "'conformal' parameter"),
        ({"center": "none"}, "'center' parameter"),
        ({"scaling": "minmax"}, "'scaling' parameter"),
        ({"transforms": 3}, "'transforms' parameter"),
        ({"season_length": 0}, "'season_length' parameter"),
        ({"stride": 0}, "'stride' parameter"),
        ({"n_samples": 0}, "'n_samples' parameter"),
        ({"huber_delta": 0.0}, "'huber_delta' parameter"),
        ({"min_window": 0}, "'min_window' parameter"),
        ({"columns": "both"}, "'columns' parameter"),
        ({"dtype": "auto"}, "'dtype' parameter"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
    ],
    ids=repr,
)
def test_parameters_out_of_range(options: dict[str, Any], words: str) -> None:
    horizon = options.pop("horizon", 4)
    with pytest.raises(InvalidParameterError, match=words):
        forecaster(horizon, **options).fit(Y)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantiles": [0.9, 0.1]}, r"must increase, got \[0.9, 0.1\]"),
        ({"quantiles": [0.1, 0.1]}, "must increase"),
        ({"quantiles": []}, "must increase"),
        ({"quantiles": [0.1, 1.0]}, r"quantiles must .*\(0, 1\), got 1.0"),
        ({"min_window": 9}, "min_window=9 is longer than window=8"),
        ({"transforms": "logs"}, "got 'logs'"),
        ({"transforms": [3]}, "got 3"),
        (
            {"transforms": "seasonal_difference", "season_length": 1},
            "set season_length",
        ),
        (
            {"transforms": "seasonal_difference", "season_length": None},
            "needs a season",
        ),
        ({"calendar": ["day_of_week"]}, r"calendar=\['day_of_week'\] needs dates"),
        ({"calendar": "day_of_week"}, "needs dates"),
        (
            {"strategy": "recursive", "loss": "quantile"},
            "quantiles are no distribution",
        ),
        ({"strategy": "recursive", "bidirectional": True}, "bidirectional=True needs"),
        (
            {"strategy": "encoder_decoder", "pooling": "mean"},
            "pooling='mean' needs the",
        ),
        ({"warm": True, "bidirectional": True}, "warm=True does not have"),
        ({"warm": True, "pooling": "mean"}, "warm=True does not have"),
        ({"warm": True, "normalization": "batch"}, "use warm=False"),
        ({"warm": True, "center": "last"}, "one state goes on through all windows"),
        ({"loss": "poisson", "center": "mean"}, "counts are never shifted"),
        ({"conformal": "split", "quantiles": [0.1, 0.5]}, "quantiles in pairs"),
        ({"conformal": "split", "quantiles": [0.5]}, "quantiles in pairs"),
        ({"conformal": "split", "quantiles": [0.1, 0.8]}, "quantiles in pairs"),
        ({"conformal": "split", "quantiles": [0.001, 0.999]}, "each of 499 origins"),
        ({"past_covariates": ["x"]}, r"past_covariates=\['x'\] are columns of frames"),
        ({"id_column": "a"}, "frame"),
        ({"time_column": "a"}, "column of a frame"),
        ({"target": 3}, "'target' parameter"),
        ({"normalization": "batch", "batch_size": 1}, "at least 2 sequences"),
    ],
    ids=repr,
)
def test_parameters_that_do_not_go_together(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        forecaster(**options).fit(Y)


def test_transforms_name_the_series() -> None:
    X = {"a": Y, "b": Y - 10.0}
    for transform in ("log", "box_cox"):
        with pytest.raises(
            ValueError, match=r"series 'b': y\[0, 0\] = -\d.* not above .*Log\(shift='a"
        ):
            forecaster(transforms=transform).fit(X)
    with pytest.raises(
        ValueError, match=r"series 'c': .* needs a series of at least 6"
    ):
        forecaster(transforms="seasonal_difference").fit({"a": Y, "c": Y[:4]})


def test_quantiles_of_sums_say_what_knows_them() -> None:
    model = forecaster(transforms="difference", loss="gaussian").fit(Y)
    words = r"quantiles of 4 steps of .*: use conformal='split' or strategy='recursive'"
    with pytest.raises(ValueError, match=words):
        model.predict(quantiles=[0.1, 0.9])
    assert model.predict(quantiles=[0.1, 0.9], steps=1).shape == (1, 2)


@pytest.mark.parametrize("steps", [3, np.int64(3)])
def test_a_number_of_steps_in_place_of_series(steps: Any) -> None:
    with pytest.raises(TypeError, match=r"number, 3, and no series: expected steps=3$"):
        forecaster().fit(Y).predict(steps)


def test_some_series_of_several() -> None:
    fitted = {"a": Y, "b": Y}
    known = np.arange(64.0)[:, None]
    options = {"strategy": "encoder_decoder"}
    model = forecaster(**options).fit(fitted, future=dict.fromkeys("ab", known[:60]))
    words = r"pass their histories, as predict\(X, future=\)"
    with pytest.raises(ValueError, match=f"no rows of series 'b'.*{words}"):
        model.predict(future={"a": known[60:]})
    with pytest.raises(ValueError, match=f"rows of 1 series, but there are 2.*{words}"):
        model.predict(future=known[60:])
    assert model.predict({"a": Y}, future={"a": known})["a"].shape == (4,)
    with pytest.raises(ValueError, match=r"with names, as \{'a': rows\}, they may"):
        model.update([1.0], future=known[60:])


def test_a_diverged_fit_says_so() -> None:
    options = {"learning_rate_init": 1e30, "max_grad_norm": None, "solver": "sgd"}
    with pytest.raises(
        FloatingPointError, match="the gradient overflowed in epoch 1: a"
    ):
        forecaster(**options, max_iter=20).fit(Y)


# ---------------------------------------------------------------------- unfitted


def test_before_a_fit() -> None:
    model = forecaster()
    for ask in (
        model.predict,
        lambda: model.update([1.0]),
        lambda: model.score([1.0]),
        lambda: model.save("nowhere"),
    ):
        with pytest.raises(
            NotFittedError, match="LSTMForecaster instance is not fitted"
        ):
            ask()
    assert not hasattr(model, "model_")
    assert not hasattr(model, "window_")


@pytest.mark.parametrize("bad", ["horizon", "all missing", "inf", "huge"])
def test_a_failed_fit_leaves_the_earlier_one(bad: str) -> None:
    model = forecaster(loss="gaussian", warm=True, conformal="adaptive").fit(Y)
    model.update([6.0])
    before, kept = model.predict(quantiles=[0.1, 0.9]), dict(vars(model))
    make, words = BAD_SERIES[bad]
    with pytest.raises(ValueError, match=words):
        model.fit(make())
    with pytest.raises(InvalidParameterError):
        model.set_params(window=0).fit(Y)
    model.set_params(window=8)
    assert vars(model) == kept
    assert_same_bits({"y": model.predict(quantiles=[0.1, 0.9])}, {"y": before})


@pytest.mark.parametrize("transform", [None, "box_cox"])
def test_another_series_without_a_name_is_scaled_by_its_own_history(
    transform: str | None,
) -> None:
    """One that begins as that in its place in ``fit`` is scaled as that was."""
    y, other = wave(60), 1000.0 * wave(60, seed=3)
    model = forecaster(loss="gaussian", transforms=transform).fit([y[:50], y[:40]])
    asked = {"quantiles": [0.1, 0.9]}
    found = model.predict([y[:30], other], **asked)
    alone = model.predict({"new": other}, **asked)["new"]
    np.testing.assert_array_equal(found[1], alone)
    np.testing.assert_array_equal(found[0], model.predict([y[:30], y], **asked)[0])
    panel = model.panel_.until([30, 30])
    np.testing.assert_array_equal(
        found[0],
        model._forecast_at(panel, [np.array([30])] * 2, [0.1, 0.9])[0][0, :, 0],
    )
    # What came later in an update is of the same series.
    model.update([[7.0], [7.0]])
    longer = [np.r_[y[:50], 7.0, 8.0], np.r_[y[:40], 7.0, 8.0]]
    then = model.predict(longer, **asked)
    model.update([[8.0], [8.0]])
    np.testing.assert_array_equal(then, model.predict(**asked))


def test_covariates_ahead_that_begin_anew() -> None:
    known = np.random.default_rng(0).standard_normal((66, 1))
    model = forecaster(strategy="encoder_decoder").fit(Y, future=known[:60])
    for rows in (known, known[:60], known[:5]):
        with pytest.raises(ValueError, match=f"has {len(rows)} rows, which begin as"):
            model.predict(future=rows)
    expected = model.predict(future=known[60:64])
    np.testing.assert_array_equal(model.predict(future=known[60:]), expected)
    model.predict(future=known[:4])  # as many as are asked for
    # Where either reading is the same, nothing is wrong.
    week = np.arange(70.0)[:, None] % 6
    for rows in (week, np.ones((70, 1))):
        model.fit(Y, future=rows[:60])
        for count in (4, 70):
            model.predict(future=rows[:count])
    model.predict(future=np.ones((9, 1)))
    # A season that begins anew where the fit ends begins as the fit did.
    for steps in (4, 9, 60):
        model.fit(Y, future=week[:60]).predict(future=week[60:][:steps])
        model.predict(future=week[:steps])
