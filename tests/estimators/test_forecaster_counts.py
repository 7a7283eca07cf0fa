"""Counts: whole numbers in, whole numbers out, each series by its own scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from ..compare import assert_close
from ..tolerances import LIKELIHOOD
from .forecasters import forecaster, quiet, strategies

pytestmark = [
    quiet,
    pytest.mark.parametrize("loss", ["poisson", "negative_binomial"]),
]

LEVELS = [0.05, 0.1, 0.5, 0.9, 0.95]


def sales(mean: float, n: int = 120, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, n).astype(float)


@strategies
@pytest.mark.parametrize("conformal", [None, "split", "adaptive"])
def test_quantiles_are_counts(loss: str, strategy: str, conformal: str | None) -> None:
    # Of 0.4 most are 0: what conformal intervals subtract from that is no count.
    X = [sales(0.4), sales(6.0), 1000.0 + sales(900.0)]
    options = {"quantiles": LEVELS, "conformal": conformal, "strategy": strategy}
    model = forecaster(loss=loss, **options).fit(X)
    if conformal == "adaptive":
        # Misses until intervals are infinite, which counts may be too.
        conformal_ = model.forecast_model_.calibration.conformal
        conformal_.alpha[...] = -1.0
    forecasts = np.stack(model.predict(quantiles=LEVELS))
    assert (forecasts == np.floor(forecasts)).all()
    assert (forecasts >= 0.0).all()
    assert (forecasts[..., :-1] <= forecasts[..., 1:]).all()
    assert (np.isinf(forecasts) == (conformal == "adaptive"))[..., [3, 4]].all()
    paths = np.stack(model.predict(samples=5))
    assert ((paths >= 0.0) & (paths == np.floor(paths))).all()


def test_calibration_holds_the_same_counts(loss: str) -> None:
    """Rounding inwards leaves no count out that the interval held."""
    model = forecaster(loss=loss, conformal="split", quantiles=[0.1, 0.9])
    model.fit([sales(6.0), sales(900.0)])
    fitted = model.forecast_model_
    panel = model.panel_
    encoded = fitted.encode(panel, 4)
    prediction = fitted.predict(encoded, panel.lengths)
    low, high = fitted.calibration.issue(prediction)
    low[np.abs(low - np.rint(low)) < 1e-6] += 1e-6  # what rounding may have taken
    given = np.stack(model.predict(quantiles=[0.1, 0.9]))
    for n, h in np.ndindex(2, 4):
        counts = np.arange(0.0, 1100.0)
        held = (counts >= low[n, h, 0, 0] - 1e-5) & (counts <= high[n, h, 0, 0] + 1e-5)
        given_holds = (counts >= given[n, h, 0]) & (counts <= given[n, h, 1])
        np.testing.assert_array_equal(held, given_holds)


def test_likelihood_is_scaled_by_series(loss: str) -> None:
    """Mean of counts: 1 + mean of the training part, times what the network says."""
    X = [sales(3.0), sales(500.0, seed=1)]
    model = forecaster(loss=loss, early_stopping=False).fit(X)
    scale = np.array([1.0 + y.mean() for y in X])
    fitted = model.forecast_model_
    outputs = _outputs(model, X, scale)  # (2, H, P)
    # A mean of 0 would make all counts but 0 impossible: 1e-6 is added.
    mean = (1e-6 + np.logaddexp(0.0, outputs[..., 0])) * scale[:, None]
    assert_close(np.stack(model.predict()), mean, LIKELIHOOD["float32"])
    if loss == "poisson":
        peer: Any = stats.poisson(mean)
    else:
        alpha = np.logaddexp(0.0, outputs[..., 1]) / np.sqrt(scale[:, None])
        peer = stats.nbinom(1.0 / alpha, 1.0 / (1.0 + alpha * mean))
    for level in (0.1, 0.5, 0.97):
        quantiles = np.stack(model.predict(quantiles=level))[..., 0]
        np.testing.assert_array_equal(quantiles, peer.ppf(level))
    assert fitted.center == "series"


def _outputs(model: Any, X: list[np.ndarray], scale: np.ndarray) -> np.ndarray:
    from fastlstm.data import SequenceBatch

    windows = np.stack([y[-8:] / s for y, s in zip(X, scale, strict=True)])
    batch = SequenceBatch(windows[:, :, None].astype(np.float32))
    return model.model_.infer(batch).astype(np.float64).reshape(2, 4, -1)


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (sales(5.0) - 9.0, {}, "series 0 has -9 at step .* for counts, of at least 0"),
        (sales(5.0) + 0.5, {}, r"series 0 has \S+5 at step 0.* expected counts, whole"),
        (
            sales(5.0),
            {"transforms": "log"},
            "which transforms='log' does not leave",
        ),
        (sales(5.0), {"center": "last"}, "center='last' .* counts are never shifted"),
    ],
)
def test_refuses(loss: str, y: np.ndarray, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        forecaster(loss=loss, **options).fit(y)


def test_new_rows_have_to_be_counts(loss: str) -> None:
    model = forecaster(loss=loss).fit(sales(5.0))
    with pytest.raises(ValueError, match=r"at least 0, for loss='negative_binomial'"):
        model.predict(sales(5.0) + 0.25)
    before = model.predict()
    for y in (-3.0, 0.5):
        with pytest.raises(ValueError, match="whole numbers of at least 0"):
            model.update([y])
        np.testing.assert_array_equal(model.predict(), before)
