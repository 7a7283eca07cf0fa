"""scikit-learn's own checks of an estimator, all of them.

In float64 for both estimators; once more as they come (float32), where one check asks
for more digits than float32 has.
"""

from __future__ import annotations

from typing import Any

import pytest
from fastlstm.estimators import LSTMClassifier, LSTMRegressor, SequenceScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

# Enough to learn the checks' small problems. A batch holds all of the problem on which
# weights and repetitions are compared: the batches of weighted and of repeated data
# cannot be the same otherwise.
FAST = {"hidden_size": 8, "learning_rate_init": 0.03, "max_iter": 50, "batch_size": 64}

DIGITS = (
    "compares fits on weighted and on repeated rows to 1e-7, and float32 sums differ "
    "in their last digits; passes in float64"
)


def expected_failures(estimator: Any) -> dict[str, str]:
    if estimator.dtype == "float64":
        return {}
    return {"check_sample_weight_equivalence_on_dense_data": DIGITS}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        estimator(**FAST, dtype=dtype)
        for estimator in (LSTMRegressor, LSTMClassifier)
        for dtype in ("float64", "float32")
    ],
    expected_failed_checks=expected_failures,
)
def test_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@parametrize_with_checks(
    [SequenceScaler(method) for method in ("standard", "minmax", "robust")]
)
def test_checks_of_the_scaler(estimator: Any, check: Any) -> None:
    check(estimator)
