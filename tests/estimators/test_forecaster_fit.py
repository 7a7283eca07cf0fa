"""How a fit of LSTMForecaster goes: curves, stopping, callbacks, Ctrl-C, refit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fastlstm import LSTMForecaster
from fastlstm.forecasting.forecast_model import ForecastModel
from fastlstm.training import Callback, Trainer
from sklearn.exceptions import ConvergenceWarning

from ..compare import assert_same_bits
from .forecasters import forecaster, quiet, strategies, wave


@quiet
@strategies
def test_attributes(strategy: str) -> None:
    model = forecaster(strategy=strategy, max_iter=5).fit(wave())
    assert model.n_iter_ == len(model.loss_curve_) == 5
    assert len(model.learning_rates_) == len(model.validation_scores_) == 5
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.stop_reason_ == "max_epochs"
    assert (model.window_, model.season_length_, model.quantiles_) == (8, 6, None)
    assert len(model.panel_) == 1

    model = forecaster(strategy=strategy, early_stopping=False).fit(wave())
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None


@quiet
def test_a_short_series_has_small_batches() -> None:
    """With more an epoch of few windows has hardly a step; 493 of them have 15."""
    for n, batch in ((60, 8), (500, 15)):
        curves = [
            forecaster(batch_size=size, early_stopping=False).fit(wave(n)).loss_curve_
            for size in ("auto", batch, batch + 1)
        ]
        assert curves[0] == curves[1]
        assert curves[0] != curves[2]


@quiet
def test_seasons_that_times_suggest() -> None:
    """None is longer than the series, and a window is not made longer by one."""
    y = wave(300)
    for freq, n, season, window in (
        ("s", 300, 1, 24),  # a day has 86,400
        ("min", 300, 1, 24),
        ("h", 300, 24, 48),
        ("h", 70, 24, 35),
        ("h", 24, 1, 24),
        ("h", 25, 24, 24),
    ):
        dated = pd.Series(y[:n], pd.date_range("2024", periods=n, freq=freq))
        options = {"season_length": None, "window": None, "early_stopping": False}
        model = forecaster(2, **options).fit(dated)
        assert (model.season_length_, model.window_) == (season, window)
    seconds = pd.Series(y, pd.date_range("2024", periods=300, freq="s"))
    model = forecaster(2, season_length=None).fit(seconds[:280])
    assert np.isfinite(model.score(seconds[280:]))


@quiet
def test_the_loss_goes_down() -> None:
    options = {"max_iter": 60, "learning_rate_init": 0.02, "early_stopping": False}
    model = forecaster(**options).fit(wave(120))
    first, last = np.mean(model.loss_curve_[:5]), np.mean(model.loss_curve_[-5:])
    assert last < 0.6 * first


def test_warns_where_epochs_ran_out() -> None:
    with pytest.warns(ConvergenceWarning, match="maximum of max_iter=3 epochs") as note:
        forecaster().fit(wave())
    assert note[0].filename == __file__


def test_stops_early_with_the_best_weights() -> None:
    """No warning; the network is that of the epoch with the best score."""
    options = {"learning_rate_init": 0.3, "n_iter_no_change": 3, "tol": 0.0}
    model = forecaster(**options, max_iter=200).fit(wave())
    assert model.stop_reason_ == "converged"
    best = int(np.argmax(model.validation_scores_)) + 1
    assert model.n_iter_ == best + 4  # one more, as scikit-learn counts
    with pytest.warns(ConvergenceWarning):
        short = forecaster(**options, max_iter=best).fit(wave())
    assert_same_bits({"w": model.model_.params.flat}, {"w": short.model_.params.flat})


@quiet
@pytest.mark.parametrize("conformal", [None, "split"])
def test_refit_trains_on_all_for_the_best_number_of_epochs(
    conformal: str | None,
) -> None:
    y = wave(100)
    options = {"learning_rate_init": 0.6, "max_iter": 8, "conformal": conformal}
    plain = forecaster(**options).fit(y)
    model = forecaster(refit=True, **options).fit(y)
    assert model.validation_scores_ == plain.validation_scores_
    assert model.loss_curve_ == plain.loss_curve_
    best = int(np.argmax(plain.validation_scores_)) + 1
    assert best < 8
    whole = forecaster(
        learning_rate_init=0.6, max_iter=best, early_stopping=False, n_iter_no_change=99
    ).fit(y)
    assert_same_bits({"y": model.predict()}, {"y": whole.predict()})
    scalers = [m.forecast_model_.encoder.scaler.center for m in (model, whole)]
    np.testing.assert_array_equal(*scalers)
    assert (model.predict() != plain.predict()).all()
    if conformal is not None:
        scores = [
            m.forecast_model_.calibration.conformal.scores for m in (model, plain)
        ]
        np.testing.assert_array_equal(*scores)


# ------------------------------------------------------------------------ callbacks


class Watch(Callback):
    def __init__(self, interrupt: int = 0, stop: int = 0) -> None:
        self.epochs: list[float] = []
        self.interrupt, self.stop = interrupt, stop

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.epochs.append(trainer.loss_curve[-1])
        if trainer.epoch == self.interrupt:
            raise KeyboardInterrupt
        if trainer.epoch == self.stop:
            trainer.stop("enough")


@quiet
def test_callbacks_see_every_epoch() -> None:
    watch = Watch()
    model = forecaster(callbacks=[watch]).fit(wave())
    assert watch.epochs == model.loss_curve_
    model = forecaster(callbacks=[Watch(stop=2)], max_iter=9).fit(wave())
    assert (model.n_iter_, model.stop_reason_) == (2, "enough")
    with pytest.raises(TypeError, match="callbacks: Watch is a class; expected an obj"):
        forecaster(callbacks=[Watch]).fit(wave())


@pytest.mark.parametrize("warm", [False, True])
def test_ctrl_c_leaves_a_usable_forecaster(warm: bool) -> None:
    options = {"max_iter": 9, "loss": "gaussian", "conformal": "adaptive"}
    model = forecaster(warm=warm, callbacks=[Watch(interrupt=3)], **options)
    with pytest.warns(UserWarning, match=r"interrupted in epoch 4 of 9; .* usable"):
        model.fit(wave())
    assert (model.n_iter_, model.stop_reason_) == (3, "interrupted")
    model.update([9.0])
    assert np.isfinite(model.predict(quantiles=[0.1, 0.9])).all()


@quiet
def test_ctrl_c_before_the_first_epoch_has_ended() -> None:
    class Now(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted in epoch 1"):
        model = forecaster(callbacks=[Now()]).fit(wave())
    assert model.n_iter_ == 0
    assert np.isfinite(model.predict()).all()


@quiet
def test_an_error_of_a_callback_leaves_the_earlier_fit() -> None:
    class Fail(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            raise RuntimeError("mine")

    model = forecaster(warm=True).fit(wave())
    before = model.predict()
    with pytest.raises(RuntimeError, match="mine"):
        model.set_params(callbacks=[Fail()]).fit(wave(seed=1))
    assert_same_bits({"y": model.predict()}, {"y": before})


@quiet
def test_no_memory_at_the_end_leaves_the_earlier_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError

    model = forecaster(warm=True).fit(wave())
    kept = dict(vars(model))
    monkeypatch.setattr(ForecastModel, "remember", fail)
    with pytest.raises(MemoryError):
        model.fit(wave(seed=1))
    assert vars(model) == kept


@quiet
@pytest.mark.parametrize("refit", [False, True])
def test_verbose(refit: bool, capsys: pytest.CaptureFixture[str]) -> None:
    forecaster(verbose=1, refit=refit).fit(wave())
    shown = capsys.readouterr().err
    assert "loss" in shown
    assert "validation score" in shown
    forecaster().fit(wave())
    assert capsys.readouterr() == ("", "")


# ------------------------------------------------------------------- what it learns


@quiet
@strategies
def test_float64(strategy: str) -> None:
    """The same training, to the digits that float32 has."""
    both = [
        forecaster(strategy=strategy, dtype=dtype, max_iter=2).fit(wave())
        for dtype in ("float32", "float64")
    ]
    assert [str(m.model_.params.flat.dtype) for m in both] == ["float32", "float64"]
    single, double = (m.predict() for m in both)
    assert single.dtype == double.dtype == np.float64
    assert (single != double).any()
    # Some tens of steps of Adam: each divides by the root of a mean square, which
    # carries a rounding of a gradient on.
    assert np.abs(single - double).max() < 1e-3 * np.abs(double).max()


@quiet
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_losses_of_points_are_minimised(loss: str) -> None:
    """A series of two values: its mean, its median, and between them."""
    y = np.where(np.random.default_rng(0).random(400) < 0.3, 10.0, 0.0)
    options = {"center": "series", "early_stopping": False, "learning_rate_init": 0.02}
    model = LSTMForecaster(
        1, 2, loss=loss, hidden_size=2, max_iter=60, random_state=0, **options
    )
    forecast = float(model.fit(y).predict()[0])
    if loss == "squared_error":
        assert 1.5 < forecast < 4.5
    elif loss == "absolute_error":
        assert abs(forecast) < 0.5
    else:
        assert 0.2 < forecast < 3.5


@quiet
def test_a_series_that_grows_is_not_flattened() -> None:
    """Far above all that the fit has seen, forecasts go on growing."""
    y = np.arange(200.0) + np.sin(np.arange(200) * np.pi / 3)
    options = {"max_iter": 100, "learning_rate_init": 0.02, "hidden_size": 8}
    model = forecaster(6, 12, **options).fit(y[:150])
    forecast = model.predict(y + 5000.0)
    expected = 5000.0 + np.arange(200.0, 206.0)
    assert np.abs(forecast - expected).max() < 3.0


@quiet
def test_stride_takes_every_other_window() -> None:
    """Of 80 steps 8 are validated on; 4 to 68 lie before an origin of the others."""
    counts = {}
    for stride in (1, 4):
        watch = _Count()
        forecaster(stride=stride, callbacks=[watch], batch_size=1).fit(wave())
        counts[stride] = watch.batches
    assert counts == {1: 3 * 65, 4: 3 * 17}


class _Count(Callback):
    def __init__(self) -> None:
        self.batches = 0

    def on_batch_end(self, trainer: Trainer) -> None:
        self.batches += 1
