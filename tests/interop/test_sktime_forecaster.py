"""sktime's face of the forecaster gives the forecaster's own numbers, in any form."""

from __future__ import annotations

import inspect
from typing import Any

import fastlstm
import numpy as np
import pytest

from .problems import LEFT_OUT

pytest.importorskip("sktime", reason="sktime is not installed")

import pandas as pd
from fastlstm.interop.sktime import LSTMForecaster
from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.model_evaluation import evaluate
from sktime.split import ExpandingWindowSplitter
from sktime.transformations.series.detrend import Detrender

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL: dict[str, Any] = {
    "hidden_size": 5,
    "window": 8,
    "max_iter": 2,
    "random_state": 3,
}
ALL, END = 60, 50  # steps of all series, and of their fit
INDEXES = {
    "range": pd.RangeIndex(ALL),
    "every other": pd.Index(np.arange(2000, 2000 + 2 * ALL, 2)),
    "hours": pd.date_range("2024-03-01", periods=ALL, freq="h"),
    "no freq": pd.DatetimeIndex(pd.date_range("2024-03-01", periods=ALL).tolist()),
    "business days": pd.date_range("2024-03-01", periods=ALL, freq="B"),
    "quarters": pd.period_range("2010Q1", periods=ALL, freq="Q"),
    "weeks": pd.period_range("2020-01-01", periods=ALL, freq="W"),
}


def series(rng: np.random.Generator, index: Any = INDEXES["hours"]) -> pd.Series:
    wave = np.sin(np.arange(ALL) / 4)
    return pd.Series(wave + 0.1 * rng.normal(size=ALL), index, name="wave")


def frame(rng: np.random.Generator, index: Any = INDEXES["hours"]) -> pd.DataFrame:
    return pd.DataFrame(rng.normal(size=(ALL, 2)), index, columns=["one", "two"])


def panel(frames: dict[Any, pd.DataFrame]) -> pd.DataFrame:
    """sktime's "pd-multiindex", or with tuples for keys "pd_multiindex_hier"."""
    first = next(iter(frames))
    levels = len(first) if isinstance(first, tuple) else 1
    names = [*(f"level {n}" for n in range(levels)), "time"]
    return pd.concat(frames.values(), keys=list(frames), names=names)


def own(horizon: int, **arguments: Any) -> Any:
    return fastlstm.LSTMForecaster(horizon, **{**SMALL, **arguments})


# --------------------------------------------------------------------- numbers, times


@pytest.mark.parametrize("index", INDEXES.values(), ids=list(INDEXES))
def test_one_series(index: Any, rng: np.random.Generator) -> None:
    y = series(rng, index)
    # sktime adds relative steps to integer times, which are two apart in one of these.
    fh = [4, 10] if index is INDEXES["every other"] else [2, 5]
    face = LSTMForecaster(loss="gaussian", **SMALL).fit(y[:END], fh=fh)
    plain = own(5, loss="gaussian").fit(y[:END].to_frame())
    forecast = face.predict()
    assert (forecast == plain.predict().iloc[[1, 4], 0]).all()
    assert forecast.name == "wave"
    assert list(forecast.index) == list(index[[END + 1, END + 4]])
    assert type(forecast.index.dtype) is type(index.dtype)

    alpha = [0.9, 0.25]
    quantiles = face.predict_quantiles(alpha=alpha)
    expected = plain.predict(quantiles=alpha).iloc[[1, 4]]
    assert (quantiles.to_numpy() == expected.to_numpy()).all()
    assert list(quantiles.columns) == [("wave", 0.9), ("wave", 0.25)]
    assert list(quantiles.index) == list(forecast.index)


@pytest.mark.parametrize("keys", [["b", "a", "c"], [("x", 1), ("x", 0), ("y", 0)]])
def test_panel_is_one_network(keys: list[Any], rng: np.random.Generator) -> None:
    lengths = dict(zip(keys, (50, 44, 47), strict=True))
    frames = {key: frame(rng).iloc[:length] for key, length in lengths.items()}
    face = LSTMForecaster(loss="gaussian", **SMALL).fit(panel(frames), fh=[1, 3])
    plain = own(3, loss="gaussian").fit(frames)
    expected = {key: f.iloc[[0, 2]] for key, f in plain.predict().items()}
    pd.testing.assert_frame_equal(face.predict(), panel(expected), check_freq=False)
    intervals = face.predict_interval(coverage=[0.8, 0.5])
    each = plain.predict(quantiles=[0.1, 0.9, 0.25, 0.75])
    rows = panel({key: values.iloc[[0, 2]] for key, values in each.items()})
    assert (intervals.to_numpy() == rows.to_numpy()).all()
    tops = ["one"] * 4 + ["two"] * 4
    assert list(intervals.columns.get_level_values(0)) == tops
    assert list(intervals.columns.get_level_values(2)) == ["lower", "upper"] * 4


@pytest.mark.parametrize("strategy", ["direct", "recursive", "encoder_decoder"])
def test_covariates(strategy: str, rng: np.random.Generator) -> None:
    y, X = series(rng).to_frame(), frame(rng)
    face = LSTMForecaster(strategy=strategy, **SMALL)
    face.fit(y[:END], X[:END], fh=[1, 2, 3])
    if strategy == "direct":  # known up to now: what comes is not read
        plain = own(3).fit(y[:END], past=X[:END])
        forecast = plain.predict()
        assert (face.predict() == forecast).all(axis=None)
    else:
        plain = own(3, strategy=strategy).fit(y[:END], future=X[:END])
        forecast = plain.predict(future=X[END : END + 3])
        with pytest.raises(ValueError, match="0 rows after its end, expected 3"):
            face.predict()
        with pytest.raises(ValueError, match="0 rows after its end, expected 3"):
            face.predict(X=X[:END])
    for rows in (X, X[END:]):  # all of X, or what comes
        assert (face.predict(X=rows) == forecast).all(axis=None)

    without = LSTMForecaster(strategy=strategy, **SMALL).fit(y[:END], fh=[1, 2, 3])
    if strategy != "direct":
        assert (without.predict() != forecast).any(axis=None)
        with pytest.raises(ValueError, match="the fit had no such covariates"):
            without.predict(X=X)


@pytest.mark.parametrize("strategy", ["direct", "encoder_decoder"])
def test_covariates_of_a_panel(strategy: str, rng: np.random.Generator) -> None:
    y = {key: frame(rng).iloc[:END] for key in "ab"}
    X = {key: frame(rng)[["one"]] for key in "ba"}  # in another order
    face = LSTMForecaster(strategy=strategy, **SMALL).fit(panel(y), panel(X), fh=[1, 2])
    if strategy == "direct":
        past = {key: rows[:END] for key, rows in X.items()}
        forecast = own(2).fit(y, past=past).predict()
    else:
        forecast = own(2, strategy=strategy).fit(y, future=X).predict()
    assert (face.predict(X=panel(X)) == panel(forecast)).all(axis=None)


def test_missing_values_and_rows(rng: np.random.Generator) -> None:
    y = series(rng)
    y.iloc[[7, 20]] = np.nan
    fewer = y.drop(y.index[[7, 20]])  # gaps, and so no freq
    face = LSTMForecaster(**SMALL).fit(y[:END], fh=[1, 2])
    again = LSTMForecaster(**SMALL).fit(fewer[: y.index[END - 1]], fh=[1, 2])
    assert (face.predict() == again.predict()).all()
    assert np.isfinite(face.predict()).all()
    X = frame(rng)
    X.iloc[3, 1] = np.nan
    LSTMForecaster(**SMALL).fit(y, X, fh=1)
    with pytest.raises(ValueError, match="what is known ahead is known everywhere"):
        LSTMForecaster(strategy="encoder_decoder", **SMALL).fit(y, X, fh=1)


# ------------------------------------------------------------------------- updates


@pytest.mark.parametrize("warm", [False, True])
def test_update(warm: bool, rng: np.random.Generator) -> None:
    y, X = series(rng).to_frame(), frame(rng)
    arguments = {"strategy": "encoder_decoder", "warm": warm}
    plain = own(2, **arguments).fit(y[:40], future=X)
    face = LSTMForecaster(**arguments, **SMALL).fit(y[:40], X, fh=[1, 2])
    first = face.predict()
    # Windows of a backtest hold rows that were seen already.
    face.update(y[30:45], X[30:], update_params=False)
    face.update(y[:END], X, update_params=False)
    plain.update(y[40:END])
    assert (face.predict() == plain.predict()).all(axis=None)
    assert face.predict().index[0] == y.index[END]
    assert (face.predict().to_numpy() != first.to_numpy()).any()
    face.update(y[40:END], X, update_params=False)  # nothing new
    assert (face.predict() == plain.predict()).all(axis=None)

    face.update(y[END:55], X[END:], update_params=True)
    anew = own(2, **arguments).fit(y[:55], future=X)
    assert (face.predict() == anew.predict()).all(axis=None)


def test_update_of_some_series(rng: np.random.Generator) -> None:
    frames = {key: frame(rng) for key in "abc"}
    face = LSTMForecaster(**SMALL)
    face.fit(panel({key: f[:40] for key, f in frames.items()}), fh=[1])
    plain = own(1).fit({key: f[:40] for key, f in frames.items()})
    new = {"c": frames["c"][35:44], "a": frames["a"][40:42], "b": frames["b"][30:40]}
    face.update(panel(new), update_params=False)
    plain.update({"c": frames["c"][40:44], "a": frames["a"][40:42]})
    assert (face.predict() == panel(plain.predict())).all(axis=None)
    with pytest.raises(ValueError, match="'d', which is none of the 3 series"):
        face.update(panel({"d": frames["a"]}), update_params=False)


def test_update_with_rows_before_the_end(rng: np.random.Generator) -> None:
    y = series(rng)
    face = LSTMForecaster(**SMALL).fit(y[:END], fh=1)
    with pytest.raises(
        ValueError, match="until 2024-03-02T15:00, but rows until 2024-03-03T01:00"
    ):
        face.update(y[:40])


# ------------------------------------------------------------------------- horizons


@pytest.mark.parametrize("index", INDEXES.values(), ids=list(INDEXES))
def test_absolute_times(index: Any, rng: np.random.Generator) -> None:
    y = series(rng, index)
    fh = ForecastingHorizon(index[[END + 1, END + 2]], is_relative=False)
    face = LSTMForecaster(**SMALL).fit(y[:END], fh=fh)
    assert face.estimator_.horizon == 3
    forecast = own(3).fit(y[:END]).predict().iloc[1:]
    assert (face.predict() == forecast).all()
    assert list(face.predict().index) == list(index[[END + 1, END + 2]])
    # The same times, a row later: one step less.
    face.update(y[END : END + 1], update_params=False)
    later = own(3).fit(y[:END]).update(y[END : END + 1]).predict().iloc[:2]
    assert (face.predict() == later).all()


def test_absolute_times_of_series_that_end_apart(rng: np.random.Generator) -> None:
    frames = {"a": frame(rng).iloc[:40], "b": frame(rng).iloc[:38]}
    # sktime finds no freq in a panel's index.
    fh = ForecastingHorizon(INDEXES["hours"][40:42], is_relative=False, freq="h")
    face = LSTMForecaster(**SMALL).fit(panel(frames), fh=fh)
    assert face.estimator_.horizon == 4
    forecast = own(4).fit(frames).predict()
    expected = {"a": forecast["a"].iloc[:2], "b": forecast["b"].iloc[2:]}
    assert (face.predict() == panel(expected)).all(axis=None)


def test_steps_between(rng: np.random.Generator) -> None:
    y = series(rng, INDEXES["every other"])
    for fh in (1, 3):
        message = f"fh asks for {2118 + fh} of a series that ends at 2118: expected st"
        with pytest.raises(ValueError, match=message):
            LSTMForecaster(**SMALL).fit(y, fh=[fh])


def test_time_that_one_series_has_passed(rng: np.random.Generator) -> None:
    frames = {"a": frame(rng).iloc[:40], "b": frame(rng).iloc[:38]}
    face = LSTMForecaster(4, **SMALL).fit(panel(frames))
    face.update(panel({"b": frame(rng).iloc[38:39]}), update_params=False)
    fh = ForecastingHorizon(INDEXES["hours"][39:40], is_relative=False, freq="h")
    with pytest.raises(
        ValueError, match=r"ends at 2024-03-02T15:00: expected .* after"
    ):
        face.predict(fh=fh)


def test_horizon_says_whether_fit_needs_fh(rng: np.random.Generator) -> None:
    y = series(rng)
    with pytest.raises(ValueError, match="must be passed to `fit`"):
        LSTMForecaster(**SMALL).fit(y)
    face = LSTMForecaster(3, **SMALL).fit(y)
    assert (face.predict(fh=[3]) == own(3).fit(y).predict().iloc[2:]).all()
    assert len(face.predict(fh=[1, 2])) == 2
    with pytest.raises(ValueError, match="steps=4 is more than the horizon=3"):
        face.predict(fh=4)
    with pytest.raises(ValueError, match="fh goes 4 steps ahead, but horizon=3"):
        LSTMForecaster(3, **SMALL).fit(y, fh=4)
    on = LSTMForecaster(3, strategy="recursive", **SMALL).fit(y, fh=[9])
    forecast = own(3, strategy="recursive").fit(y).predict(steps=9)
    assert (on.predict() == forecast.iloc[8:]).all()
    with pytest.raises(ValueError, match="The 'horizon' parameter of LSTMForecaster"):
        LSTMForecaster("far", **SMALL).fit(y, fh=1)
    with pytest.raises(NotImplementedError, match="in-sample"):
        face.predict(fh=[-1, 1])


# ------------------------------------------------------------------------ arguments


def test_arguments_are_the_estimators() -> None:
    words = inspect.signature(LSTMForecaster).parameters
    expected = dict(inspect.signature(fastlstm.LSTMForecaster).parameters)
    for name in LEFT_OUT & set(expected):
        del expected[name]
    expected["horizon"] = expected["horizon"].replace(default=None)
    assert list(words.values()) == list(expected.values())
    model = LSTMForecaster(4, 9, loss="poisson", hidden_size=7)
    assert model.clone().get_params() == model.get_params()
    assert model.get_params()["loss"] == "poisson"
    with pytest.raises(TypeError, match="unexpected keyword argument 'id_column'"):
        LSTMForecaster(id_column="id")


@pytest.mark.parametrize("loss", ["squared_error", "quantile", "gaussian"])
@pytest.mark.parametrize("conformal", [None, "split"])
def test_tags_follow_arguments(
    loss: str, conformal: str | None, rng: np.random.Generator
) -> None:
    y = series(rng)
    face = LSTMForecaster(2, loss=loss, conformal=conformal, **SMALL)
    assert not face.get_tag("requires-fh-in-fit")
    assert face.set_params(horizon=None).get_tag("requires-fh-in-fit")
    face.fit(y, fh=[1, 2])
    if loss == "squared_error" and conformal is None:
        assert not face.get_tag("capability:pred_int")
        with pytest.raises(NotImplementedError, match="prediction intervals"):
            face.predict_interval()
        return
    assert face.get_tag("capability:pred_int")
    # sktime asks for 0.5 - 0.8 / 2 = 0.09999999999999998, not for 0.1.
    interval = face.predict_interval(coverage=0.8)
    plain = own(2, loss=loss, conformal=conformal).fit(y)
    values = plain.predict(quantiles=[0.1, 0.9]).to_numpy()
    assert (interval.to_numpy() == values).all()
    assert list(interval.columns) == [
        ("wave", 0.8, "lower"),
        ("wave", 0.8, "upper"),
    ]


def test_tags_of_differences(rng: np.random.Generator) -> None:
    y = series(rng)
    face = LSTMForecaster(transforms="difference", loss="gaussian", **SMALL)
    face.fit(y, fh=[1])
    assert face.predict_interval().shape == (1, 2)
    face.fit(y, fh=[1, 2])  # quantiles of differences do not add up
    assert not face.get_tag("capability:pred_int")
    with pytest.raises(NotImplementedError, match="prediction intervals"):
        face.predict_interval()
    face.set_params(conformal="split").fit(y, fh=[1, 2])
    assert face.predict_interval(coverage=0.8).shape == (2, 2)


# -------------------------------------------------------------------- sktime's tools


def test_evaluate_with_updates(rng: np.random.Generator) -> None:
    y = series(rng)
    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=40, step_length=6)
    found = evaluate(
        LSTMForecaster(**SMALL),
        cv,
        y,
        strategy="no-update_params",
        return_data=True,
        error_score="raise",
    )
    plain = own(2).fit(y[:40])
    for end, forecast in zip(range(40, 59, 6), found["y_pred"], strict=True):
        if end > 40:
            plain.update(y[end - 6 : end])
        assert (forecast == plain.predict()).all()


@pytest.mark.filterwarnings("ignore:The default of config ``remember_data``")
def test_in_a_pipeline(rng: np.random.Generator) -> None:
    y = series(rng)
    pipeline = Detrender() * LSTMForecaster(**SMALL)
    forecast = pipeline.fit(y[:END], fh=[1, 2, 3]).predict()
    trend = Detrender().fit(y[:END])
    rest = own(3).fit(trend.transform(y[:END])).predict()
    assert np.allclose(forecast, trend.inverse_transform(rest), rtol=1e-12)
