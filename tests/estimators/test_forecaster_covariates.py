"""LSTMForecaster reads what stands beside series: a target made of it is learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from .forecasters import forecaster, quiet, wave

LEARNS = {
    "hidden_size": 8,
    "max_iter": 80,
    "learning_rate_init": 0.03,
    "batch_size": 32,
    "early_stopping": False,
    "center": "series",
}


def error(forecast: Any, truth: np.ndarray) -> float:
    """Root mean square, in standard deviations of the truth."""
    return float(np.sqrt(np.mean((np.asarray(forecast) - truth) ** 2)) / truth.std())


@quiet
def test_past_covariates_are_read() -> None:
    """The series says nothing of itself: it follows a covariate by two steps."""
    rng = np.random.default_rng(0)
    lead = rng.standard_normal((402, 1))
    y = np.r_[0.0, 0.0, lead[:-2, 0]]
    model = forecaster(2, 4, **LEARNS).fit(y[:300], past=lead[:300])
    panel = model._read(y[:400], past=lead[:400])
    found = model._forecast_at(panel, [np.arange(300, 400)])[0][:, :, 0]
    truth = np.stack([y[origin : origin + 2] for origin in range(300, 400)])
    assert error(found, truth) < 0.3


@quiet
@pytest.mark.parametrize("strategy", ["recursive", "encoder_decoder"])
def test_future_covariates_are_read(strategy: str) -> None:
    """Each step is what is known ahead of it, and nothing else."""
    rng = np.random.default_rng(0)
    known = rng.standard_normal((404, 1))
    y = 5.0 + 3.0 * known[:400, 0]
    model = forecaster(4, 4, strategy=strategy, **LEARNS)
    model.fit(y[:300], future=known[:304])
    truth = 5.0 + 3.0 * known[300:304, 0]
    assert error(model.predict(), truth) < 0.3
    np.testing.assert_array_equal(model.predict(future=known[300:304]), model.predict())
    other = -known[300:304]
    assert error(model.predict(future=other), 5.0 + 3.0 * other[:, 0]) < 0.3
    model.update(y[300:400], future=known[300:])
    assert error(model.predict(), 5.0 + 3.0 * known[400:404, 0]) < 0.3


@quiet
@pytest.mark.parametrize("features", ["numbers", "categories"])
def test_static_features_are_read(features: str) -> None:
    """Values in pairs, the second like the first or its negative: they say which."""
    rng = np.random.default_rng(0)
    kinds = np.arange(12) % 2
    first = rng.standard_normal((12, 40))
    second = np.where(kinds[:, None] == 1, -first, first)
    X = list(np.stack([first, second], axis=2).reshape(12, 80))
    words = {"numbers": [[1.5], [7.0]], "categories": [["stays"], ["turns"]]}[features]
    model = forecaster(1, 1, min_window=1, **{**LEARNS, "stride": 2})
    model.fit(X, static=[words[kind] for kind in kinds])
    histories = [y[:-1] for y in X]
    for told, sign in ((kinds, 1.0), (1 - kinds, -1.0)):
        found = model.predict(histories, static=[words[kind] for kind in told])
        assert error(np.concatenate(found), sign * second[:, -1]) < 0.3


@quiet
def test_the_calendar_is_read() -> None:
    """Shut on Sundays: of a window of one day the date alone says which is next."""
    days = pd.date_range("2024-01-01", periods=210, freq="D")
    y = pd.Series(np.where(days.day_of_week == 6, 0.0, 10.0), index=days)
    for strategy in ("direct", "recursive", "encoder_decoder"):
        options = {"strategy": strategy, **LEARNS, "max_iter": 60}
        model = forecaster(7, 1, min_window=1, **options).fit(y[:196])
        assert "day_of_week" in model.forecast_model_.calendar
        assert error(model.predict(), y[196:203].to_numpy()) < 0.4
        blind = forecaster(7, 1, min_window=1, calendar=None, **options).fit(y[:195])
        assert error(blind.predict(), y[195:202].to_numpy()) > 0.8


@quiet
def test_dated_covariates_known_ahead_are_found_by_their_dates() -> None:
    days = pd.date_range("2024-01-01", periods=70, freq="D")
    data = pd.DataFrame({"y": np.arange(70.0), "promo": np.arange(70) % 3}, days)
    roles: dict[str, Any] = {"target": "y", "future_covariates": ["promo"]}
    model = forecaster(strategy="encoder_decoder", **roles).fit(data[:60])
    ahead = data[["promo"]]
    words = "pass future= with the 4 rows that follow its end, 2024-03-01 to 2024-03-04"
    for future in (None, ahead[60:63], ahead[40:63]):
        with pytest.raises(ValueError, match=f"{words}, of \\['promo'\\]$"):
            model.predict(future=future)
    forecast = model.predict(future=ahead[60:64])
    for begin in (0, 58):
        pd.testing.assert_frame_equal(model.predict(future=ahead[begin:64]), forecast)
    with pytest.raises(ValueError, match=r"ends at 2024-02-29.* from 2024-03-01 on"):
        model.predict(future=ahead[:60])
    with pytest.raises(
        ValueError, match=r"begins at 2024-03-02.*, expected 2024-03-01"
    ):
        model.predict(future=ahead[61:64])
    numbered = ahead[60:61].set_axis([0])
    with pytest.raises(ValueError, match="begins at 0, expected 2024-03-01"):
        model.predict(future=numbered)


@quiet
def test_covariates_of_new_rows_that_begin_anew() -> None:
    """As those of all rows do that scikit-learn hands to `score` as they are."""
    y, known = wave(60), np.random.default_rng(0).standard_normal((80, 1))
    model = forecaster(strategy="encoder_decoder").fit(y, future=known[:60])
    for call in (model.score, model.update):
        with pytest.raises(ValueError, match=r"has 80 rows, which begin as .*, 6 rows"):
            call(y[:6], future=known)
    assert model.score(y[:6], future=known[60:66]) < 0.0
    assert len(model.update(y[:6], future=known[60:]).panel_[0].future) == 80
    # Those that are not given are known since then.
    assert len(model.update(y[:6]).panel_[0]) == 72
