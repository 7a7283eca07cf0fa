"""``refit`` of `LSTMForecaster`: all of the series, and Ctrl-C at any time."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from fastlstm.training import Callback, Trainer

from ..compare import assert_same_bits
from .forecasters import forecaster, quiet, wave

pytestmark = quiet


class _Interrupt(Callback):
    """Ctrl-C at the end of an epoch, counted over all trainings of a fit."""

    def __init__(self, epoch: int) -> None:
        self.left = epoch

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_learns_from_the_last_values_too() -> None:
    """As without validation, for as many epochs as were best."""
    y = wave()
    plain = forecaster(max_iter=5).fit(y)
    refit = forecaster(max_iter=5, refit=True).fit(y)
    assert refit.validation_scores_ == plain.validation_scores_
    epochs = int(np.argmax(plain.validation_scores_)) + 1
    whole = forecaster(max_iter=epochs, early_stopping=False).fit(y)
    assert_same_bits({"y": refit.predict()}, {"y": whole.predict()})
    assert (refit.predict() != plain.predict()).any()


def test_an_interrupted_training_is_the_end() -> None:
    callback = _Interrupt(2)
    model = forecaster(max_iter=5, refit=True, callbacks=[callback])
    with pytest.warns(UserWarning, match="interrupted in epoch 3 of 5"):
        model.fit(wave())
    assert callback.left == 0  # nothing was trained after it
    assert model.stop_reason_ == "interrupted"


def test_an_interrupted_refit_leaves_the_first_model() -> None:
    y = wave()
    first = forecaster(max_iter=5).fit(y)
    model = forecaster(max_iter=5, refit=True, callbacks=[_Interrupt(6)])
    with pytest.warns(UserWarning, match=r"refit was interrupted in epoch 2 of \d; "):
        model.fit(y)
    assert_same_bits({"y": model.predict()}, {"y": first.predict()})


def test_progress_says_each_epoch_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    # Its best epoch is not the last one, whose refit would say as much.
    options = {"max_iter": 5, "learning_rate_init": 0.3, "batch_size": 32}
    model = forecaster(refit=True, verbose=True, **options).fit(wave())
    epochs = int(np.argmax(model.validation_scores_)) + 1
    assert epochs < 5
    expected = [f"epoch {n}/5" for n in (*range(1, 6), *range(1, epochs + 1))]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == expected
    assert lines[4].endswith("(max_epochs)")
    assert lines[-1].endswith("(refit)")
