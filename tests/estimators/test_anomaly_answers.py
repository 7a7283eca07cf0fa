"""What LSTMAnomalyDetector says of series, whole and step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.forecasting.anomalies import (
    dynamic_threshold,
    find_spans,
    quantile_threshold,
    smooth_errors,
)
from fastlstm.forecasting.moving_threshold import average_errors, moving_spans
from fastlstm.forecasting.prediction_errors import prediction_errors, target_values
from sklearn.base import clone

from ..compare import assert_same_bits
from .test_anomaly import LEARNT, detector, waves

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("contamination", ["auto", 0.05])
@pytest.mark.parametrize("horizon", [1, 3])
def test_answers_follow_from_errors(
    rng: np.random.Generator, contamination: Any, horizon: int
) -> None:
    X = waves(rng)
    options = {"horizon": horizon, "warm_up": 7, "smoothing": 9, "buffer": 4}
    model = detector(contamination=contamination, **options).fit(X)
    targets = np.arange(3)

    def smoothed(series: np.ndarray) -> np.ndarray:
        errors = prediction_errors(
            model.model_, series, targets=targets, horizon=horizon
        )
        errors[:7] = model.error_mean_
        return smooth_errors(errors, 9, model.error_mean_)

    errors = prediction_errors(model.model_, X, targets=targets, horizon=horizon)
    assert model.error_mean_ == pytest.approx(errors[7:].mean())
    train = smoothed(X)
    if contamination == "auto":
        assert model.offset_ == -dynamic_threshold(train, buffer=4)
    else:
        assert model.offset_ == -quantile_threshold(train, 0.05)
        assert (model.predict(X) == -1).mean() == 0.05
    scores = model.score_samples(X)
    assert_same_bits({"s": scores}, {"s": -train})
    np.testing.assert_array_equal(scores[:7], -model.error_mean_)
    margins = model.decision_function(X)
    assert_same_bits({"s": margins}, {"s": scores - model.offset_})
    np.testing.assert_array_equal(model.predict(X), np.where(margins < 0, -1, 1))
    np.testing.assert_array_equal(clone(model).fit_predict(X), model.predict(X))
    scale = model.smoothed_mean_ + model.smoothed_deviation_
    options = {"buffer": 4, "pruning": 0.13}
    X[200:210] += 9.0
    scores = model.score_samples(X)
    expected = find_spans(-scores, -model.offset_, scale=scale, **options)
    assert expected
    assert model.anomaly_spans(X) == expected
    # A restless start is normal if it is said to be.
    X[30:40] += 3.0
    scores = model.score_samples(X)
    level, top = -model.offset_, float(-scores[:60].min())
    assert level < top
    expected = find_spans(-scores, top, scale=scale, **options)
    assert expected[0].start >= 60
    assert model.anomaly_spans([X, X[:60]], probation=60) == [expected, []]
    with pytest.raises(ValueError, match="probation must be at least 0, got -1"):
        model.anomaly_spans(X, probation=-1)


@pytest.mark.parametrize("options", [{}, {"standardize": False}, {"horizon": 3}])
def test_spans_by_a_threshold_that_moves(
    rng: np.random.Generator, options: dict[str, Any]
) -> None:
    targets, horizon = np.array([2, 0]), options.get("horizon", 1)
    model = detector(
        targets=[2, 0], warm_up=7, smoothing=9, buffer=4, min_error=0.01, **options
    ).fit(waves(rng))
    X = waves(rng)
    X[60:64] += 9.0
    X[200:210] += 9.0
    errors = prediction_errors(model.model_, X, targets=targets, horizon=horizon)
    values = X[:, targets]  # in the units of the errors
    if "standardize" not in options:
        scaler = model.model_.target_scaler
        values = (values - scaler.center[:2]) / scaler.scale[:2]
    actual = target_values(model.model_, X, targets, horizon)
    np.testing.assert_allclose(actual, values, rtol=1e-6)
    smoothed = average_errors(errors[7:], 9, lead_in=7)
    rule = {"history": 100, "buffer": 4, "pruning": 0.13, "min_error": 0.01}
    answers = []
    for probation, low_errors in ((0, True), (5, False), (100, True)):
        more = {"probation": max(0, probation - 7), "low_errors": low_errors}
        spans = moving_spans(smoothed, values[7:], **rule, **more)
        expected = [(s.start + 7, s.stop + 7) for s in spans]
        assert any(start <= 205 < stop for start, stop in expected)
        more["probation"] = probation
        actual = model.anomaly_spans(X, history=100, **more)
        assert [(s.start, s.stop) for s in actual] == expected
        severities = [s.severity for s in spans]
        np.testing.assert_allclose([s.severity for s in actual], severities, rtol=1e-6)
        assert model.anomaly_spans([X[:5], X], history=100, **more) == [[], actual]
        answers.append(actual)
    assert answers[0][0].start < 64 <= 100 <= answers[2][0].start
    with pytest.raises(ValueError, match="probation must be at least 0, got -1"):
        model.anomaly_spans(X, history=100, probation=-1)
    with pytest.raises(ValueError, match="history must be at least 2, got 1"):
        model.anomaly_spans(X, history=1)


def test_what_stands_still_is_predicted_better_than_ever(
    rng: np.random.Generator,
) -> None:
    model = detector(smoothing=5, buffer=0).fit(rng.choice([-1.0, 1.0], size=600))
    X = rng.choice([-1.0, 1.0], size=600)  # of which nothing can be predicted
    X[450:500] = 0.0
    plain = model.anomaly_spans(X, history=300, low_errors=False)
    spans = model.anomaly_spans(X, history=300)
    assert not any(s.start < 500 and s.stop > 450 for s in plain)
    assert any(450 <= s.start < 470 for s in spans)


def test_errors_beside_what_the_series_does(rng: np.random.Generator) -> None:
    # The last value is nearly right: only a jump of the series itself is no small one.
    steps = np.arange(1200)
    X = np.sin(steps / 100) + 1e-4 * rng.normal(size=1200)
    model = detector(**LEARNT).fit(X)
    X[700:720] += 1e-2
    small = model.anomaly_spans(X, history=300)
    X[700:720] += 1.0
    (span,) = model.anomaly_spans(X, history=300)
    assert small == []
    assert span.start <= 700 < span.stop


def test_finds_what_is_abnormal(rng: np.random.Generator) -> None:
    model = detector(hidden_size=16, targets=0, **LEARNT).fit(waves(rng, 1000))
    normal = waves(rng, 600)
    assert (model.predict(normal) == 1).mean() > 0.9
    still, lying = normal.copy(), normal.copy()
    still[300:330, 0] = 0.3
    # A switch that lies is seen in the wave alone, which does not do as it says.
    lying[300:330, 1] = 1 - lying[300:330, 1]
    for series in (still, lying):
        span = max(model.anomaly_spans(series), key=lambda span: span.severity)
        assert span.start <= 300 < 330 <= span.stop
        assert span.severity > 2
        assert (model.predict(series)[310:330] == -1).mean() > 0.4
    spans = model.anomaly_spans(normal)
    assert max((span.severity for span in spans), default=0.0) < 1


def test_buffer_is_counted_in_the_threshold(rng: np.random.Generator) -> None:
    X = waves(rng)
    for at, size in ((60, 3.0), (150, 4.0), (250, 6.0), (330, 9.0)):
        X[at : at + 3] += size
    offsets = []
    for buffer in (0, 40):
        model = detector(buffer=buffer, smoothing=2).fit(X)
        threshold = dynamic_threshold(-model.score_samples(X), buffer=buffer)
        assert model.offset_ == -threshold
        offsets.append(model.offset_)
    assert offsets[0] != offsets[1]


def test_min_error(rng: np.random.Generator) -> None:
    X = waves(rng)
    X[200:210] += 9.0
    spans = [
        detector(min_error=least).fit(X).anomaly_spans(X, history=100)
        for least in (0.0, 90.0)
    ]
    assert spans[0]
    assert not spans[1]
    low = detector().fit(X).offset_
    assert detector(min_error=9.0).fit(X).offset_ == -9.0
    assert detector(min_error=1e-9).fit(X).offset_ == low


def test_errors_are_in_deviations_or_units(rng: np.random.Generator) -> None:
    X = 100.0 * waves(rng)
    assert detector(standardize=False).fit(X).error_mean_ > 10
    assert detector().fit(X).error_mean_ < 2


# -------------------------------------------------------------------- streaming


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"targets": 0, "horizon": 3, "warm_up": 1},
        {"num_layers": 2, "smoothing": 1, "standardize": False},
        {"normalization": "layer", "dtype": "float64"},
        {"peephole": True, "projection_size": 3, "targets": [2, 0]},
    ],
)
def test_stream_has_the_scores_of_the_whole(
    rng: np.random.Generator, options: dict[str, Any]
) -> None:
    X = waves(rng, 120)
    model = detector(**options).fit(X)
    series = waves(rng, 60)
    stream = model.stream()
    for _ in range(2):
        scores = np.array([stream.update(row) for row in series])
        assert_same_bits({"s": scores}, {"s": model.score_samples(series)})
        stream.reset()
    half = model.score_samples(series[:31])
    assert_same_bits({"s": half}, {"s": scores[:31]})


def test_stream_refuses_and_goes_on(rng: np.random.Generator) -> None:
    X = waves(rng, 120)
    model = detector(horizon=2).fit(X)
    stream, expected = model.stream(), model.score_samples(X[:20])
    for step, row in enumerate(X[:20]):
        for bad, message in (
            (row[:2], r"x_t has shape \(2,\), expected \(3,\)"),
            ([np.nan, 0, 0], "x_t contains NaN at feature 0"),
            (np.full(3, 1e300), "too large for float32"),
        ):
            with pytest.raises(ValueError, match=message):
                stream.update(bad)
        assert stream.update(row) == expected[step]
        if step == 10:
            model.set_params(horizon=1, smoothing=3).fit(X[:50])  # another detector


def test_stream_of_one_feature() -> None:
    X = np.sin(np.arange(60.0))
    model = detector().fit(X)
    stream = model.stream()
    assert [stream.update(value) for value in X] == model.score_samples(X).tolist()
