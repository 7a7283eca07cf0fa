"""`LSTMForecaster` goes through a backtest, and looks at nothing that lies ahead."""

from __future__ import annotations

from typing import Any

import fastlstm
import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMForecaster
from fastlstm.forecasting import backtest
from fastlstm.forecasting.forecast_model import ForecastModel
from numpy.testing import assert_array_equal

NAME = "LSTMForecaster"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"loss": "quantile"},
        {"conformal": "split", "quantiles": (0.3, 0.7)},
        {"strategy": "recursive", "loss": "gaussian", "n_samples": 10},
        {"strategy": "encoder_decoder", "loss": "gaussian"},
        {"transforms": ["log", "seasonal_difference"], "loss": "quantile"},
        {"warm": True, "loss": "gaussian"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
@pytest.mark.parametrize("refit", [False, 2, "never"])
def test_nothing_ahead_is_looked_at(
    rng: np.random.Generator, options: dict[str, Any], refit: Any
) -> None:
    series = [
        pd.DataFrame(
            50.0 + rng.normal(size=(length, 1)).cumsum(axis=0),
            pd.date_range("2024-03-01", periods=80, freq="D")[80 - length :],
        )
        for length in (80, 60)
    ]
    model = LSTMForecaster(
        3, 8, hidden_size=3, max_iter=1, season_length=4, random_state=0, **options
    )
    if refit == "never":
        model.fit([series[0][:60], series[1][:40]])
    before = backtest(model, series, start=60, stride=4, refit=refit)
    assert before.models == (NAME,)
    assert before.season_length == 4
    assert before.levels == tuple(options.get("quantiles", (0.1, 0.5, 0.9)))
    changed = [series[0].copy(), series[1].copy()]
    changed[0].iloc[70:] += 5.0
    after = backtest(model, changed, start=60, stride=4, refit=refit)
    for n, cut in ((0, 70), (1, 50)):
        at = before.origins[n]
        assert len(at) == 5
        for kind in ("forecasts", "quantiles"):
            pair = [getattr(b, kind)[NAME][n] for b in (before, after)]
            assert_array_equal(pair[0][at <= cut], pair[1][at <= cut])
            if n == 0:
                late = pair[0][at > cut] != pair[1][at > cut]
                assert late.any()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_points_alone(rng: np.random.Generator) -> None:
    y = rng.normal(size=80).cumsum()
    model = LSTMForecaster(3, 8, hidden_size=3, max_iter=1, random_state=0)
    result = backtest(model, y)
    assert result.levels == ()
    # As it would have been asked then.
    history = y[: result.origins[0][0]]
    expected = model.fit(history).predict()
    assert_array_equal(result.forecasts[NAME][0][0, :, 0], expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_series_too_short_to_be_judged(rng: np.random.Generator) -> None:
    series = [rng.normal(size=length).cumsum() for length in (60, 3, 40)]
    model = LSTMForecaster(3, 8, hidden_size=3, max_iter=1, random_state=0)
    result = backtest(model, series)
    assert [at.tolist() for at in result.origins] == [
        [48, 51, 54, 57],
        [],
        [31, 34, 37],
    ]
    assert [len(own) for own in result.forecasts[NAME]] == [4, 0, 3]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_unseen_series_is_scaled_by_what_was_known(rng: np.random.Generator) -> None:
    old, new = rng.normal(size=(2, 60)).cumsum(axis=1)
    model = LSTMForecaster(
        3, 8, hidden_size=3, center="series", max_iter=1, random_state=0
    ).fit({"old": old})
    before = backtest(model, {"new": new}, start=30, refit="never")
    new[40:] += 9.0
    after = backtest(model, {"new": new}, start=30, refit="never")
    at = before.origins[0]
    same = [
        np.array_equal(*pair)
        for pair in zip(
            before.forecasts[NAME][0], after.forecasts[NAME][0], strict=True
        )
    ]
    assert same == (at <= 40).tolist()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_unseen_series_needs_no_name(rng: np.random.Generator) -> None:
    old, new = rng.normal(size=(2, 60)).cumsum(axis=1)
    model = LSTMForecaster(
        3, 8, hidden_size=3, center="series", max_iter=1, random_state=0
    )
    found = [
        backtest(model.fit(a), b, start=30, refit="never").forecasts[NAME][0]
        for a, b in ((old, 100.0 * new), ({"old": old}, {"new": 100.0 * new}))
    ]
    assert_array_equal(*found)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("refit", [False, 2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "gaussian", "warm": True},
        {"transforms": ["log", "difference"]},
        {"loss": "gaussian", "strategy": "recursive", "n_samples": 20},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_adaptive_intervals_learn_between_origins(
    rng: np.random.Generator, options: dict[str, Any], refit: Any
) -> None:
    """As by updates, row by row, and not as those that stay."""
    series = [50.0 + rng.normal(size=90).cumsum() for _ in range(2)]
    for one in series:
        one[60:] += 9.0 * rng.normal(size=30)
    levels = [0.2, 0.5, 0.8]
    settings = {"hidden_size": 3, "max_iter": 1, "random_state": 0, **options}
    adaptive = LSTMForecaster(3, 8, conformal="adaptive", quantiles=levels, **settings)
    result = backtest(adaptive, series, start=60, stride=4, refit=refit)
    for i, at in enumerate(result.origins[0]):
        if i == 0 or (refit and i % refit == 0):
            adaptive.fit([one[:at] for one in series])
        else:
            adaptive.update([one[at - 4 : at] for one in series])
        for n, quantiles in enumerate(adaptive.predict(quantiles=levels)):
            assert_array_equal(result.quantiles[NAME][n][i, :, 0], quantiles)
    if "loss" in options:  # too few misses to move them, or other draws
        return
    split = LSTMForecaster(3, 8, conformal="split", quantiles=levels, **settings)
    other = backtest(split, series, start=60, stride=4, refit=refit)
    same = [
        np.array_equal(*pair)
        for pair in zip(
            result.quantiles[NAME][0], other.quantiles[NAME][0], strict=True
        )
    ]
    assert same[0]
    assert not all(same)
    assert_array_equal(result.forecasts[NAME][0], other.forecasts[NAME][0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_adaptive_intervals_of_series_of_their_own_lengths(
    rng: np.random.Generator,
) -> None:
    """One that has ended teaches no more, and nothing ahead is looked at."""
    series = [rng.normal(size=length).cumsum() for length in (90, 60)]
    model = LSTMForecaster(
        3, 8, hidden_size=3, max_iter=1, random_state=0, conformal="adaptive"
    )
    before = backtest(model, series, start=0.5, stride=2)
    assert [len(own) for own in before.quantiles[NAME]] == [22, 14]
    series[0][70:] += 9.0
    after = backtest(model, series, start=0.5, stride=2)
    early = before.origins[0] <= 70
    pair = [one.quantiles[NAME][0] for one in (before, after)]
    assert_array_equal(pair[0][early], pair[1][early])
    assert (pair[0][~early] != pair[1][~early]).any()
    pair = [one.quantiles[NAME][1] for one in (before, after)]
    assert_array_equal(pair[0][:13], pair[1][:13])  # 26 rows on, as step 71 of 0 is
    model.fit([own[:45] for own in series])
    with pytest.raises(ValueError, match="adaptive' learn between them: pass quant"):
        backtest(model, series, start=45, refit="never")
    points = backtest(model, series, start=45, refit="never", quantiles=[])
    assert points.levels == ()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_n_jobs_holds(monkeypatch: pytest.MonkeyPatch, threads: Any) -> None:
    threads(2)
    seen = []
    forecast = ForecastModel.forecast

    def look(*args: Any) -> Any:
        seen.append(fastlstm.get_num_threads())
        return forecast(*args)

    monkeypatch.setattr(ForecastModel, "forecast", look)
    model = LSTMForecaster(2, 4, hidden_size=2, max_iter=1, random_state=0, n_jobs=1)
    backtest(model, np.arange(40.0))
    assert seen == [1]
    assert fastlstm.get_num_threads() == 2
