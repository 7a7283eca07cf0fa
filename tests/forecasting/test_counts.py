"""Windows of counts: targets as they are, inputs divided by a scale, scales beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequencePair
from fastlstm.forecasting import (
    EncodedPanel,
    Panel,
    PanelEncoder,
    WindowSet,
    read_panel,
)
from fastlstm.losses import NegativeBinomialLikelihood, PoissonLikelihood
from fastlstm.models import EncoderDecoder, SequenceModel
from fastlstm.optim import Adam
from fastlstm.training import Trainer
from scipy import stats

from ..compare import assert_close, assert_same_bits
from ..tolerances import LIKELIHOOD_PEER

STRATEGIES = ["direct", "recursive", "encoder_decoder"]
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)
H, WINDOW = 3, 6


def make_panel(rng: np.random.Generator, k: int = 2, missing: bool = True) -> Panel:
    """Counts of series of very different size."""
    series = {}
    for n, (length, mean) in enumerate([(30, 0.5), (4, 40.0), (17, 3000.0)]):
        y = rng.negative_binomial(2, 2 / (2 + mean), (length, k)).astype(float)
        if missing:
            y[1:][rng.random((length - 1, k)) < 0.2] = np.nan
        series[f"s{n}"] = y
    return read_panel(series)


def encode(panel: Panel, dtype: str = "float32") -> EncodedPanel:
    return PanelEncoder("mean").fit(panel).encode(panel, H, dtype=dtype)


def windows_of(encoded: EncodedPanel, strategy: str) -> WindowSet:
    return WindowSet.over(encoded, window=WINDOW, strategy=strategy, counts=True)


@every_strategy
@pytest.mark.parametrize("k", [1, 2])
def test_counts_are_as_they_were(
    rng: np.random.Generator, strategy: str, k: int
) -> None:
    panel = make_panel(rng, k)
    windows = windows_of(encode(panel), strategy)
    numbers = rng.permutation(len(windows))
    part = windows.subset(numbers[:9])
    batch, whole = part.take(np.arange(9)), part.gather(np.arange(9))
    assert batch.targets.dtype == np.float64
    assert batch.scales is not None
    for at, number in enumerate(numbers[:9]):
        y = panel[int(windows.series[number])].y
        origin = int(windows.origins[number])
        begin = max(0, origin - WINDOW)
        padded = np.pad(y, ((0, H), (0, 0)), constant_values=np.nan)
        ahead, scale = padded[origin : origin + H], 1.0 + np.nanmean(y, axis=0)
        np.testing.assert_array_equal(whole.targets[at], ahead)
        np.testing.assert_allclose(whole.scale[at], scale, rtol=1e-12)
        assert not whole.center.any()
        size = origin - begin
        first_is_there = ~np.isnan(y[begin:origin])
        read = whole.past.x[at, :size, :k] * scale
        np.testing.assert_allclose(
            read[first_is_there], y[begin:origin][first_is_there], rtol=1e-6
        )
        if strategy == "direct":
            np.testing.assert_array_equal(batch.targets[at], ahead.reshape(-1))
            scale = np.concatenate([scale] * H)
        elif strategy == "encoder_decoder":
            np.testing.assert_array_equal(batch.targets[at], ahead)
        else:
            steps = padded[begin : origin + H]
            np.testing.assert_array_equal(batch.targets[at, : len(steps)], steps)
        np.testing.assert_allclose(batch.scales[at], scale, rtol=1e-12)


def make_model(strategy: str, outputs: int) -> Any:
    """A model of two counts with indicators a step."""
    if strategy == "encoder_decoder":
        return EncoderDecoder(4, 1, 2 * outputs, hidden_size=5, random_state=0)
    if strategy == "direct":
        return SequenceModel(4, 2 * H * outputs, hidden_size=5, random_state=0)
    return SequenceModel(
        4, 2 * outputs, output="sequence", hidden_size=5, random_state=0
    )


@every_strategy
@pytest.mark.parametrize("loss_class", [NegativeBinomialLikelihood, PoissonLikelihood])
def test_a_fit_of_counts(
    rng: np.random.Generator, strategy: str, loss_class: Any
) -> None:
    """Trained as on a set of all windows; the loss is scipy's, window by window."""
    loss = loss_class(missing="ignore")
    outputs = len(loss.distribution.parameters)
    windows = windows_of(encode(make_panel(rng)), strategy)
    everything = windows.take(np.arange(len(windows)))
    results = []
    for data in (windows, everything):
        model = make_model(strategy, outputs)
        trainer = Trainer(model, loss, Adam(model.params), batch_size=8, max_epochs=3)
        trainer.fit(data)
        curve = np.array(trainer.loss_curve)
        results.append({"weights": model.params.flat, "loss": curve})
    assert_same_bits(*results)
    assert curve[-1] < curve[0]

    pred, _ = model.forward(
        everything.inputs, mask_seed=0, row_ids=np.arange(len(windows))
    )
    value, _ = loss(pred, everything.targets, **everything.loss_options)
    shape = (len(windows), -1, 2)
    y = everything.targets.reshape(shape)
    raw = np.logaddexp(0.0, pred.astype(float)).reshape(*y.shape, outputs) + 1e-6
    scale = np.array([encode_scale(windows, n) for n in range(len(windows))])[:, None]
    mean = scale * raw[..., 0]
    if outputs == 1:
        terms = -stats.poisson.logpmf(y, mean)
    else:
        alpha = raw[..., 1] / np.sqrt(scale)
        terms = -stats.nbinom.logpmf(y, 1 / alpha, 1 / (1 + alpha * mean))
    assert_close(np.array(value), np.array(np.nanmean(terms)), LIKELIHOOD_PEER)


def encode_scale(windows: WindowSet, n: int) -> Any:
    return windows.encoded.scale[windows.series[n]]


@every_strategy
def test_the_mean_weight_of_counts(
    rng: np.random.Generator, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastlstm.forecasting.windows._WINDOWS_AT_ONCE", 7)
    loss = NegativeBinomialLikelihood(missing="ignore")
    windows = windows_of(encode(make_panel(rng)), strategy)
    everything = windows.take(np.arange(len(windows)))
    # Of valid steps, the share of targets that were observed.
    seen = np.isfinite(everything.targets)
    inputs: Any = everything.inputs
    predicted = inputs.target if isinstance(inputs, SequencePair) else inputs
    steps = predicted.row_lengths.sum() * 2
    if strategy == "direct":
        steps = seen.size
    mean = windows.mean_weight(loss)
    assert mean == pytest.approx(seen.sum() / steps, rel=1e-12)
    assert mean < 1.0
    assert mean == pytest.approx(everything.mean_weight(loss), rel=1e-12)


def test_counts_that_float32_has_not() -> None:
    y = 2.0**24 + np.arange(6.0)
    panel = read_panel(y)
    batch = windows_of(encode(panel), "direct").take(np.array([1]))
    np.testing.assert_array_equal(batch.targets, y[None, 2:5])


def test_what_are_no_counts(rng: np.random.Generator) -> None:
    panel = make_panel(rng)
    encoded = encode(panel)
    for center in ("last", "mean"):
        with pytest.raises(ValueError, match=f"never shifted, got center='{center}'"):
            WindowSet.over(encoded, window=WINDOW, center=center, counts=True)
    shifted = PanelEncoder().fit(panel).encode(panel, H)
    with pytest.raises(ValueError, match="a PanelEncoder with method='mean'"):
        WindowSet.over(shifted, window=WINDOW, counts=True)
    for value in (2.5, -1.0):
        other = panel[2].y.copy()
        other[7, 1] = value
        later = read_panel({"s0": panel[0].y, "s2": other})
        encoded = PanelEncoder("mean").fit(panel).encode(later, H)
        WindowSet.at(encoded, window=WINDOW)  # other likelihoods may read it
        with pytest.raises(
            ValueError, match=f"'s2' has {value:g} at step 7, variable 1: expected cou"
        ):
            WindowSet.at(encoded, window=WINDOW, counts=True)
