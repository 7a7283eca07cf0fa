"""ESTIMATORS: each with a small problem. A row here buys all of test_contract.py."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor, LSTMTagger

FORMS = ("array", "list", "frame")  # (N, T, F), ragged list of (T_i, F), (N, T)


class Case(NamedTuple):
    """What makes an estimator, and the target of a sequence or those of its steps."""

    estimator: Callable[..., Any]
    target: Callable[[np.ndarray], Any]
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    methods: tuple[str, ...] = ("predict",)
    estimator_type: str | None = None

    def make(self, **options: Any) -> Any:
        settings = {"hidden_size": 5, "max_iter": 3, "batch_size": 8, "random_state": 0}
        return self.estimator(**{**settings, **self.options, **options})

    def problem(
        self, rng: np.random.Generator, form: str = "array", n: int = 24
    ) -> tuple[Any, Any]:
        """Draw sequences and make their targets."""
        X = rng.standard_normal((n, 6, 1 if form == "frame" else 3))
        parts = list(X)
        if form == "list":
            parts = [part[: 2 + k % 5] for k, part in enumerate(parts)]
        y = [self.target(part) for part in parts]
        if form == "list":
            return parts, y
        return X[:, :, 0] if form == "frame" else X, np.array(y)

    def answers(self, model: Any, X: Any) -> dict[str, np.ndarray]:
        """All that a fitted model says of X, by method and sequence."""
        return {
            f"{method} {row}": np.asarray(answer)
            for method in self.methods
            for row, answer in enumerate(getattr(model, method)(X))
        }


def _direction(x: np.ndarray) -> str:
    return "up" if x[-1, 0] > x[0, 0] else "down"


def _directions(x: np.ndarray) -> np.ndarray:
    ahead = np.r_[x[1:, 0], 0.0]
    return np.where(ahead > x[:, 0], "up", np.where(ahead < -1.0, "low", "down"))


ESTIMATORS = {
    "LSTMRegressor": Case(
        LSTMRegressor, lambda x: float(x[:, 0].mean()), estimator_type="regressor"
    ),
    "LSTMRegressor of steps": Case(
        LSTMRegressor,
        lambda x: x[:, 0].cumsum(),
        {"output": "sequence"},
        estimator_type="regressor",
    ),
    "LSTMClassifier": Case(
        LSTMClassifier,
        _direction,
        methods=("predict", "predict_proba"),
        estimator_type="classifier",
    ),
    "LSTMTagger": Case(LSTMTagger, _directions, methods=("predict", "predict_proba")),
}

cases = pytest.mark.parametrize("case", ESTIMATORS.values(), ids=ESTIMATORS)
forms = pytest.mark.parametrize("form", FORMS)


def assert_attributes_are_documented(model: Any) -> None:
    """Whether the docstring tells of all that the fit has found, and once."""
    words = inspect.cleandoc(type(model).__doc__ or "").partition("\nAttributes\n")[2]
    told = re.findall(r"^(\w+(?:, \w+)*) : ", words, re.M)
    names = [name for entry in told for name in entry.split(", ")]
    assert len(names) == len(set(names))
    assert {name for name in vars(model) if name.endswith("_")} <= set(names)
