"""scikit-learn's displays draw curves of our estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.model_selection import (
    LearningCurveDisplay,
    ValidationCurveDisplay,
    learning_curve,
    validation_curve,
)

from .test_fit import problem, quiet, regressor
from .test_validation import classifier

pytestmark = quiet
DISPLAYS: list[tuple[Any, Any, dict[str, Any]]] = [
    (LearningCurveDisplay, learning_curve, {"train_sizes": [0.5, 0.75, 1.0]}),
    (
        ValidationCurveDisplay,
        validation_curve,
        {"param_name": "hidden_size", "param_range": [2, 4, 6]},
    ),
]


@pytest.mark.parametrize(("display", "curve", "options"), DISPLAYS)
@pytest.mark.parametrize("make", [regressor, classifier])
@pytest.mark.parametrize("ragged", [False, True])
def test_curves(
    rng: np.random.Generator,
    make: Any,
    display: Any,
    curve: Any,
    options: dict[str, Any],
    ragged: bool,
) -> None:
    X, y = problem(rng)
    if make is classifier:
        y = np.where(y > 0, "up", "down")
    sequences = [x[: 3 + i % 4] for i, x in enumerate(X)] if ragged else X
    model = make(max_iter=2)
    ax = Figure().subplots()
    display.from_estimator(
        model, sequences, y, cv=2, ax=ax, score_type="both", **options
    )
    expected = curve(model, sequences, y, cv=2, **options)[-2:]
    assert len(ax.lines) == 2
    for line, scores in zip(ax.lines, expected, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), scores.mean(axis=1))
        assert len(line.get_xdata()) == 3
