"""Smoothing, thresholds and spans, beside pandas and the paper's own words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting.anomalies import (
    AnomalySpan,
    dynamic_threshold,
    find_spans,
    prune_spans,
    quantile_threshold,
    smooth_errors,
)


def noisy(rng: np.random.Generator, steps: int = 600) -> np.ndarray:
    return np.asarray(rng.gamma(2.0, 0.1, size=steps))


@pytest.mark.parametrize("span", [1, 2.5, 30])
def test_smoothing_is_that_of_pandas(rng: np.random.Generator, span: float) -> None:
    errors = noisy(rng, 50)
    behind = pd.Series(np.r_[0.7, errors]).ewm(span=span, adjust=False).mean()
    actual = smooth_errors(errors, span, 0.7)
    np.testing.assert_allclose(actual, behind.to_numpy()[1:], rtol=1e-13)
    if span == 1:
        np.testing.assert_allclose(actual, errors, rtol=1e-12)


def test_quantiles(rng: np.random.Generator) -> None:
    errors = noisy(rng)
    threshold = quantile_threshold(errors, 0.05)
    assert (errors > threshold).mean() == pytest.approx(0.05)
    assert quantile_threshold(errors, 0.0) == errors.max()


def the_papers_argmax(errors: np.ndarray, buffer: int) -> float:
    """Section 3.2 once more, by sets of steps."""
    best, best_score = errors.mean() + 12 * errors.std(), -np.inf
    for z in np.arange(2.5, 12, 0.5):
        epsilon = errors.mean() + z * errors.std()
        e_a = {t for t, e in enumerate(errors) if e >= epsilon}
        wide = {t + d for t in e_a for d in range(-buffer, buffer + 1)}
        near = sorted(t for t in wide if 0 <= t < len(errors))
        if not e_a:
            continue
        e_seq = [t for t in near if t - 1 not in wide or t == 0]  # where one begins
        below = np.array([e for e in errors if e < epsilon])
        if len(e_seq) > 5 or len(near) >= len(errors) / 2:
            continue
        delta_mean = (errors.mean() - below.mean()) / errors.mean()
        delta_std = (errors.std() - below.std()) / errors.std()
        score = (delta_mean + delta_std) / (len(near) + len(e_seq) ** 2)
        if score >= best_score:
            best, best_score = epsilon, score
    return float(best)


@pytest.mark.parametrize("buffer", [0, 3])
@pytest.mark.parametrize("anomalies", [0, 1, 2, 8])
def test_dynamic_threshold_is_the_papers(
    rng: np.random.Generator, buffer: int, anomalies: int
) -> None:
    for _ in range(30):
        errors = noisy(rng, 200)
        for at in rng.choice(195, size=anomalies, replace=False):
            errors[at : at + 3] += rng.uniform(0.3, 3.0)
        actual = dynamic_threshold(errors, buffer=buffer)
        assert actual == pytest.approx(the_papers_argmax(errors, buffer), rel=1e-14)


def test_dynamic_threshold_parts_anomalies_from_the_rest(
    rng: np.random.Generator,
) -> None:
    errors = rng.uniform(0.0, 0.2, size=1000)
    errors[400:430] = rng.uniform(0.8, 1.0, size=30)
    assert 0.2 < dynamic_threshold(errors) < 0.8
    scaled = dynamic_threshold(1e-3 * errors)
    assert scaled == pytest.approx(1e-3 * dynamic_threshold(errors))


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_constant_errors_have_nothing_above(level: float) -> None:
    threshold = dynamic_threshold(np.full(50, level))
    assert threshold == pytest.approx(level)
    assert find_spans(np.full(50, level), threshold + 1e-9) == []


def test_spans() -> None:
    errors = np.array([0.0, 2, 0, 0, 3, 4, 0, 0, 0, 0, 5])
    starts = [(s.start, s.stop) for s in find_spans(errors, 1.0)]
    assert starts == [(1, 2), (4, 6), (10, 11)]
    # Buffers of 1 make the first two touch, and end with the series.
    assert find_spans(errors, 1.0, buffer=1, scale=2.0) == [
        AnomalySpan(0, 7, 1.5),
        AnomalySpan(9, 11, 2.0),
    ]
    assert find_spans(errors, 5.0) == []  # at the threshold is not above
    assert find_spans([], 1.0) == []
    assert find_spans([3.0, 2.0], 1.0, pruning=0.9) == [AnomalySpan(0, 2, 2.0)]


def test_first_steps_are_taken_for_normal() -> None:
    errors = [0.0, 2, 0, 0, 3, 4, 0, 0, 0, 0, 2]
    starts = [(s.start, s.stop) for s in find_spans(errors, 1.0, probation=2)]
    assert starts == [(4, 6)]  # what is no larger than theirs is normal as well
    # The buffer does not reach back into them.
    assert find_spans(errors, 1.0, probation=4, buffer=3) == [AnomalySpan(4, 9, 2.0)]
    assert find_spans(errors, 3.0, probation=4)[0].severity == 1.0
    for probation in (11, 50):
        assert find_spans(errors, 1.0, probation=probation) == []
    # They are what spans have to stand out from, too.
    assert len(find_spans(errors, 1.0, probation=5, pruning=0.2)) == 1
    assert find_spans(errors, 1.0, probation=5, pruning=0.3) == []


def test_pruning_is_that_of_the_papers_example() -> None:
    # Figure 3 there: with p = 0.1 the first drop is 23 %, the second 7 %.
    assert prune_spans([0.01396, 0.01072], 0.00994, 0.1).tolist() == [True, False]
    assert prune_spans([0.01396, 0.01072], 0.00994, 0.05).tolist() == [True, True]
    assert prune_spans([0.01396, 0.01072], 0.00994, 0.3).tolist() == [False, False]
    # A small step is no end where a large one follows.
    assert prune_spans([1.0, 0.99], 0.1, 0.5).tolist() == [True, True]
    assert prune_spans([0.0, 0.0], 0.0, 0.0).tolist() == [True, True]


def test_spans_are_pruned_by_what_lies_outside(rng: np.random.Generator) -> None:
    errors = np.r_[0.9, 0.2, 1.1, 0.2, 3.0, 0.2]
    assert len(find_spans(errors, 1.0)) == 2
    assert find_spans(errors, 1.0, pruning=0.3) == [AnomalySpan(4, 5, 2.0)]


BAD: list[tuple[Any, str]] = [
    (lambda: smooth_errors([1.0], 0.5, 0.0), r"span must be .* in \[1, inf\), got 0.5"),
    (lambda: smooth_errors([1.0], 2, np.nan), "start must be finite"),
    (lambda: smooth_errors([-1.0], 2, 0.0), "error 0 is -1.0: expected finite numbers"),
    (lambda: quantile_threshold([1.0], 1.5), r"contamination must .* got 1.5"),
    (lambda: quantile_threshold([], 0.1), r"errors have shape \(0,\)"),
    (lambda: dynamic_threshold([[1.0]]), r"errors have shape \(1, 1\)"),
    (lambda: dynamic_threshold([1.0, np.nan]), "error 1 is nan"),
    (lambda: dynamic_threshold([1.0], buffer=-1), "buffer must be at least 0, got -1"),
    (lambda: find_spans([1.0], np.inf), "threshold must be finite"),
    (lambda: find_spans([1.0], 1.0, scale=0.0), "scale must be"),
    (lambda: find_spans([1.0], 1.0, pruning=1.0), r"pruning must .* got 1.0"),
    (lambda: find_spans([1.0], 1.0, probation=-1), "probation must .* got -1"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
