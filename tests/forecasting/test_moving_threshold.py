"""A threshold that moves, beside the rules of the paper's code by sets of steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastlstm.forecasting.anomalies import (
    AnomalySpan,
    dynamic_threshold,
    find_spans,
    smooth_errors,
)
from fastlstm.forecasting.moving_threshold import (
    average_errors,
    moving_anomalies,
    moving_spans,
)

SMALL: dict[str, Any] = {"history": 120, "batch": 20, "buffer": 4, "pruning": 0.13}


def steps_of(spans: list[AnomalySpan]) -> set[int]:
    return {t for span in spans for t in range(span.start, span.stop)}


def troubled(rng: np.random.Generator, steps: int = 500) -> np.ndarray:
    """Make errors around 1 with peaks of all sizes, close and apart, and dips."""
    errors = 0.7 + 0.3 * smooth_errors(rng.gamma(2.0, 0.5, size=steps), 40, 1.0)
    for _ in range(rng.integers(0, 8)):
        at, width = rng.integers(steps), rng.integers(1, 25)
        errors[at : at + width] += rng.choice([0.3, 1.0, 1.1, 1.2, 4.0])
    for _ in range(rng.integers(0, 5)):
        at, width = rng.integers(steps), rng.integers(1, 25)
        errors[at : at + width] *= rng.choice([0.02, 0.2, 0.3])
    return np.asarray(errors)


# ------------------------------------------------- the rules once more, step by step


def near(steps: list[int], reach: int, within: range) -> set[int]:
    return {t + d for t in steps for d in range(-reach, reach + 1) if t + d in within}


def in_a_row(steps: set[int]) -> list[list[int]]:
    rows: list[list[int]] = []
    for t in sorted(steps):
        if rows and rows[-1][-1] == t - 1:
            rows[-1].append(t)
        else:
            rows.append([t])
    return rows


def best_threshold(s: dict[int, float], window: range, reach: int) -> float:
    every = np.array([s[t] for t in window])
    best, best_score = every.mean() + 12 * every.std(), -np.inf
    for z in np.arange(2.5, 12, 0.5):
        epsilon = every.mean() + z * every.std()
        taken = near([t for t in window if s[t] >= epsilon], reach, window)
        rows = in_a_row(taken)
        if not rows or len(rows) > 5 or len(taken) >= len(window) / 2:
            continue
        rest = every[every < epsilon]
        gain = 1 - rest.mean() / every.mean() + 1 - rest.std() / every.std()
        if gain / (len(taken) + len(rows) ** 2) >= best_score:
            best, best_score = epsilon, gain / (len(taken) + len(rows) ** 2)
    return float(best)


def the_codes_rules(
    errors: np.ndarray,
    values: np.ndarray | None,
    *,
    history: int,
    batch: int,
    buffer: int,
    pruning: float,
    probation: int = 0,
    min_error: float = 0.0,
    low_errors: bool = True,
) -> tuple[dict[int, float], list[str]]:
    """Return severities of the steps that are flagged, and which rules had a say."""
    flagged: dict[int, float] = {}
    said = []
    total = len(errors)
    ends = [0, *range(min(history, total), total, batch), total]
    for begin, end in pairwise(ends):
        window = range(max(0, end - history), end)
        judged = range(max(begin, probation), end)
        now = errors[window.start : window.stop]
        reach = spread = 0.0
        if values is not None:
            part = values[window.start : window.stop]
            reach = float(np.percentile(part, 95) - np.percentile(part, 5))
            spread = float(part.std())
        if now.max() <= min_error or (
            now.std() <= 0.05 * spread and now.max() <= 0.05 * reach
        ):
            said.append("least")
            continue
        found: dict[int, float] = {}
        for low in (False, True)[: 1 + low_errors]:
            s = {t: 2 * now.mean() - errors[t] if low else errors[t] for t in window}
            epsilon = best_threshold(s, window, max(0, buffer - 1))
            high = [t for t in window if s[t] >= epsilon and s[t] > 0.05 * reach]
            taken = near(high, buffer, window) & set(judged)
            rest = set(window) - set(flagged) - taken
            normal = max([s[t] for t in rest], default=0.0)
            rows = sorted(in_a_row(taken), key=lambda row: max(s[t] for t in row))
            below = max(normal, 0.0)
            while rows and max(s[t] for t in rows[0]) * (1 - pruning) < below:
                below = max(s[t] for t in rows.pop(0))
                said.append("pruned")
            while rows:  # those above a step down are safe, however close
                row = rows.pop(0)
                above = max(s[t] for t in row) - epsilon
                severity = max(0.0, above / (now.mean() + now.std()))
                found |= {t: max(severity, found.get(t, 0.0)) for t in row}
                said.append("low" if low else "high")
        flagged |= found
    return flagged, said


@pytest.mark.parametrize("low_errors", [False, True])
@pytest.mark.parametrize("with_values", [False, True])
def test_spans_are_those_of_the_codes_rules(
    rng: np.random.Generator, with_values: bool, low_errors: bool
) -> None:
    seen: set[str] = set()
    for buffer in (0, 1, 4) * 4:
        for steps in (80, 300, 507):
            errors = troubled(rng, steps)
            values = None
            if with_values:
                values = np.cumsum(rng.normal(size=steps)) * rng.choice([1.0, 4.0])
            options = {**SMALL, "buffer": buffer, "low_errors": low_errors}
            options["probation"] = int(rng.choice([0, 30, 150]))
            options["min_error"] = float(rng.choice([0.0, 1.1]))
            expected, said = the_codes_rules(errors, values, **options)
            actual = moving_spans(errors, values, **options)
            rows = in_a_row(set(expected))
            assert [s[:2] for s in actual] == [(row[0], row[-1] + 1) for row in rows]
            worst = [max(expected[t] for t in row) for row in rows]
            assert [s.severity for s in actual] == pytest.approx(worst, rel=1e-9)
            seen |= set(said)
    assert seen >= {"high", "pruned", "least"}  # each has had a say
    assert ("low" in seen) == low_errors


def test_one_history_is_one_threshold(rng: np.random.Generator) -> None:
    errors = rng.gamma(2.0, 0.1, size=400)
    errors[100:120] += 3.0
    threshold = dynamic_threshold(errors, buffer=4)
    scale = float(errors.mean() + errors.std())
    expected = find_spans(errors, threshold, buffer=5, pruning=0.1, scale=scale)
    assert expected
    assert moving_spans(errors, history=400, buffer=5, pruning=0.1) == expected
    assert moving_spans(errors, history=400, buffer=5, min_error=errors.max()) == []
    assert moving_spans(errors, history=400, buffer=5, probation=125) == []
    (span,) = moving_spans(errors, history=400, buffer=5, probation=110, pruning=0)
    assert (span.start, span.stop) == (110, 125)


def test_defaults_are_the_codes_constants(rng: np.random.Generator) -> None:
    errors = smooth_errors(rng.gamma(2.0, 0.1, size=3000), 105, 0.2)
    errors[[500, 2500]] += 1.0
    expected = moving_spans(errors, history=2100, batch=70, buffer=100, pruning=0.13)
    # The second is of the batch from 2450 to 2520, and what follows does not stand out.
    assert [(s.start, s.stop) for s in expected] == [(400, 601), (2450, 2520)]
    assert moving_spans(errors) == expected


def test_what_is_flagged_by_the_end_of_a_batch_stays(rng: np.random.Generator) -> None:
    flagged = 0
    for _ in range(5):
        errors, later = troubled(rng), 100.0 * troubled(rng)
        values = rng.normal(size=500)
        for end in (120, 140, 300, 480):
            changed = np.r_[errors[:end], later[end:]]
            parts = [
                steps_of(moving_spans(series, values[: len(series)], **SMALL))
                for series in (errors[:end], errors, changed)
            ]
            flagged += len(parts[0])
            for part in parts[1:]:
                assert {t for t in part if t < end} == parts[0]
    assert flagged > 100


def test_units_are_of_no_account(rng: np.random.Generator) -> None:
    found = 0
    for scale in (2.0**-12, 8.0):  # powers of two, so to the same bits
        errors, values = troubled(rng), 5.0 * rng.normal(size=500)
        expected = moving_spans(errors, values, min_error=1.0, **SMALL)
        actual = moving_spans(scale * errors, scale * values, min_error=scale, **SMALL)
        assert actual == expected
        found += len(expected)
        assert moving_spans(errors, values + 64.0, min_error=1.0, **SMALL) == expected
        twice = np.stack([values, values], axis=1)
        assert moving_spans(errors, twice, min_error=1.0, **SMALL) == expected
    assert found > 3


def test_a_new_level_is_normal_after_a_while(rng: np.random.Generator) -> None:
    errors = rng.uniform(0.0, 0.1, size=1500)
    errors[600:] += 1.0
    fixed = find_spans(errors, dynamic_threshold(errors[:600]))
    assert [(s.start, s.stop) for s in fixed] == [(600, 1500)]
    (span,) = moving_spans(errors, history=300, buffer=0)
    assert span.start == 600
    assert span.stop < 650
    errors[1200:1210] += 5.0  # and an anomaly is one on the new level
    spans = moving_spans(errors, history=300, buffer=0)
    assert (spans[-1].start, spans[-1].stop) == (1200, 1210)


def test_what_stands_still_has_low_errors(rng: np.random.Generator) -> None:
    errors = 1.0 + 0.05 * rng.uniform(size=900)
    errors[600:620] = 0.1
    assert moving_spans(errors, history=300, buffer=0, low_errors=False) == []
    (span,) = moving_spans(errors, history=300, buffer=0)
    assert (span.start, span.stop) == (600, 620)
    severities = []
    for end in (610, 620):  # of the two batches that see it
        window = errors[end - 300 : end]
        mirrored = 2 * window.mean() - window
        threshold = dynamic_threshold(mirrored)
        assert dynamic_threshold(window, low=True) == pytest.approx(threshold)
        scale = window.mean() + window.std()
        severities.append((mirrored.max() - threshold) / scale)
    assert span.severity == pytest.approx(max(severities))


def test_the_larger_severity_of_both_sides_counts(rng: np.random.Generator) -> None:
    errors = 1.0 + 0.01 * rng.uniform(size=300)
    errors[[96, 105]] = 0.2
    errors[100:102] = 3.0
    (high,) = moving_spans(errors, history=300, buffer=10, low_errors=False)
    (span,) = moving_spans(errors, history=300, buffer=10)
    assert (span.start, span.stop) == (86, 116)
    assert (high.start, high.stop) == (90, 112)
    assert span.severity == high.severity > 0.0


def test_errors_are_compared_with_the_series(rng: np.random.Generator) -> None:
    errors = rng.uniform(0.0, 0.1, size=900)
    errors[600:620] += 1.0
    options: dict[str, Any] = {"history": 300, "buffer": 0, "low_errors": False}
    moves = rng.uniform(-1.0, 1.0, size=900)  # range 1.8, so the least error 0.09
    assert len(moving_spans(errors, moves, **options)) == 1
    assert moving_spans(errors, 20.0 * moves, **options) == []
    # A peak of a twentieth of the range at most: 6 % of the values on either side are
    # its ends, 4 % are not.
    for share, found in ((0.06, 0), (0.04, 1)):
        ends = np.zeros(300)
        ends[: int(300 * share)], ends[-int(300 * share) :] = 20.0, -20.0
        assert len(moving_spans(errors, np.tile(ends, 3), **options)) == found
    still = np.zeros((900, 3))  # the root mean square is half of the one that moves
    assert len(moving_spans(errors, np.c_[15.0 * moves, still], **options)) == 1


def test_small_errors_that_deviate_may_be_too_low() -> None:
    errors = np.full(300, 0.95)
    errors[100:112] = 0.0
    for tail, found in ((18, 1), (36, 0)):  # the more, the larger is the deviation
        values = np.zeros(300)
        values[:tail], values[-tail:] = 10.0, -10.0  # no error is above 5 % of 20
        assert errors.std() > 0.05 * np.std(values) or not found
        assert len(moving_spans(errors, values, history=300, buffer=0)) == found


@pytest.mark.parametrize("level", [0.0, 0.3, 0.5])
def test_constant_errors_have_no_spans(level: float) -> None:
    assert moving_spans(np.full(300, level), history=50, buffer=3) == []
    assert moving_spans([], history=50) == []


@pytest.mark.parametrize("span", [1, 2.5, 30])
def test_averages_are_those_of_pandas(rng: np.random.Generator, span: float) -> None:
    errors = rng.gamma(2.0, 0.1, size=60)
    expected = pd.Series(errors).ewm(span=span).mean().to_numpy()
    np.testing.assert_allclose(average_errors(errors, span), expected, rtol=1e-13)
    led = average_errors(errors, span, lead_in=7)
    np.testing.assert_allclose(led[:7], expected[:14].mean(), rtol=1e-13)
    np.testing.assert_allclose(led[7:], expected[7:], rtol=1e-13)
    short = average_errors(errors[:5], span, lead_in=7)
    np.testing.assert_allclose(short, expected[:5].mean(), rtol=1e-13)
    assert average_errors([], span, lead_in=7).size == 0


def test_errors_of_a_series(rng: np.random.Generator) -> None:
    errors, values = rng.gamma(2.0, 0.1, size=600), rng.normal(size=(600, 2))
    errors[:50] = np.nan  # not looked at
    for start in (80, 400):
        errors[start : start + 20] += 9.0
    options: dict[str, Any] = {"history": 200, "min_error": 0.1, "pruning": 0.0}
    options["buffer"] = 5
    smoothed = average_errors(errors[50:], 9, lead_in=50)
    for probation, behind in ((0, 0), (30, 0), (410, 360)):
        spans = moving_spans(smoothed, values[50:], probation=behind, **options)
        expected = [(s.start + 50, s.stop + 50, s.severity) for s in spans]
        assert expected[-1][0] < 420 <= expected[-1][1]
        actual = moving_anomalies(
            errors, values, warm_up=50, smoothing=9, probation=probation, **options
        )
        assert actual == expected
        assert min(s.start for s in actual) >= probation
    assert moving_anomalies(errors[:40], values[:40], warm_up=50, smoothing=9) == []


BAD: list[tuple[Any, str]] = [
    (lambda: moving_spans([1.0], history=1), "history must be at least 2, got 1"),
    (
        lambda: moving_spans([1.0], batch=0),
        "batch must be at least 1 and at most 2100, got 0",
    ),
    (
        lambda: moving_spans([1.0], history=50, batch=51),  # of which 1 is not seen
        "batch must be at least 1 and at most 50, got 51",
    ),
    (lambda: moving_spans([1.0], probation=-1), "probation must be at least 0"),
    (lambda: moving_spans([1.0], min_error=-1), "min_error must be"),
    (lambda: moving_spans([1.0], pruning=1.0), r"pruning must .* got 1.0"),
    (lambda: moving_spans([1.0], buffer=-1), "buffer must be at least 0, got -1"),
    (lambda: moving_spans([1.0, np.nan]), "error 1 is nan"),
    (lambda: moving_spans([1.0], [1.0, 2.0]), r"values have shape \(2,\), expected"),
    (lambda: moving_spans([1.0], [[[1.0]]]), r"expected \(1,\) or \(1, K\)"),
    (lambda: moving_spans([1.0], np.ones((1, 0))), r"values have shape \(1, 0\)"),
    (lambda: moving_spans([1.0], [np.inf]), "values have NaN or inf"),
    (lambda: average_errors([1.0], 0.5), r"span must be .* in \[1, inf\), got 0.5"),
    (lambda: average_errors([1.0], 2, lead_in=-1), "lead_in must be at least 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
    with pytest.raises(TypeError, match="low_errors must be True or False, got 1"):
        moving_spans([1.0], low_errors=1)  # type: ignore[arg-type]
