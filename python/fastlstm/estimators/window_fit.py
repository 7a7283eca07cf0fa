"""A model that predicts the next steps, fitted on windows of series."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..forecasting.prediction_errors import cut_windows, future_values
from .callbacks import own_callbacks
from .regressor import LSTMRegressor

if TYPE_CHECKING:
    from .anomaly import LSTMAnomalyDetector

__all__ = ["fit_on_windows"]

_FOUND = (
    "model_",
    "n_iter_",
    "loss_curve_",
    "learning_rates_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "stop_reason_",
)


def fit_on_windows(estimator: LSTMAnomalyDetector, series: list[NDArray[Any]]) -> None:
    """Fit a model of ``series``, and give ``estimator`` what the fit has found.

    The fit is that of `LSTMRegressor` with an output a step: the next ``horizon`` steps
    of the targets. With ``early_stopping`` the last of each series validate, which no
    window of training has seen.

    Raises
    ------
    ValueError
        A series, or its share to validate on, with less than ``horizon`` + 1 steps.
    """
    shared = signature(LSTMRegressor).parameters.keys() & estimator.get_params().keys()
    own_callbacks(estimator)  # whose words are of this estimator
    regressor = LSTMRegressor(
        output="sequence",
        scoring="loss",
        **{name: getattr(estimator, name) for name in shared},
    )
    validation: dict[str, Any] = {}
    if estimator.early_stopping:
        share = estimator.validation_fraction
        cuts = [len(one) - round(share * len(one)) for one in series]
        rest = [one[cut:] for one, cut in zip(series, cuts, strict=True)]
        series = [one[:cut] for one, cut in zip(series, cuts, strict=True)]
        X_val, y_val = _windows(estimator, rest, f"validation_fraction={share} of X")
        validation = {"X_val": X_val, "y_val": y_val}
    regressor.fit(*_windows(estimator, series, "X"), **validation)
    for name in _FOUND:
        setattr(estimator, name, getattr(regressor, name))


def _windows(
    estimator: LSTMAnomalyDetector, series: list[NDArray[Any]], name: str
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Cut series into sequences and what is to be predicted at their steps."""
    horizon, inputs, targets = estimator.horizon, [], []
    for row, one in enumerate(series):
        if len(one) <= horizon:
            raise ValueError(
                f"{name}, series {row} has n_samples = {len(one)} steps: expected at "
                f"least horizon + 1 = {horizon + 1}"
            )
        ahead = future_values(one[:, estimator.targets_], horizon)
        inputs += cut_windows(one[:-horizon], estimator.window)
        targets += cut_windows(ahead, estimator.window)
    return inputs, targets
