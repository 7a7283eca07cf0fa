"""What a fit leaves behind: fitted attributes, and a warning where it matters."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..models import SequenceModel
from ..training import Trainer

if TYPE_CHECKING:
    from .base import SequenceEstimator
    from .forecaster_engine import ForecastEngine

__all__ = ["tell", "tell_curves", "warn"]


def _best(scores: list[float]) -> float:
    """Return the highest that is a number."""
    return max((score for score in scores if score == score), default=math.nan)


def tell(
    estimator: SequenceEstimator,
    model: SequenceModel,
    trainer: Trainer,
    *,
    keep_state: bool,
) -> None:
    """Set what the fit has found; with ``keep_state`` also what goes on from it."""
    estimator.model_ = model
    tell_curves(estimator, trainer)
    estimator._trainer_state = trainer.state_dict() if keep_state else None
    estimator._scored_by = estimator.scoring


def tell_curves(
    estimator: SequenceEstimator | ForecastEngine, trainer: Trainer
) -> None:
    """Set how the fit went."""
    scores = trainer.score_curve or None
    estimator.n_iter_ = trainer.epoch
    estimator.loss_curve_ = trainer.loss_curve
    estimator.learning_rates_ = trainer.rate_curve
    estimator.best_loss_ = min(trainer.loss_curve, default=np.inf)
    estimator.validation_scores_ = scores
    estimator.best_validation_score_ = None if scores is None else _best(scores)
    assert trainer.stop_reason is not None  # it has ended
    estimator.stop_reason_ = trainer.stop_reason


def warn(
    estimator: SequenceEstimator | ForecastEngine,
    trainer: Trainer,
    stacklevel: int = 3,
) -> None:
    """Say how the fit ended; ``stacklevel`` 3 is who called what calls this."""
    if trainer.stop_reason == "interrupted":
        warnings.warn(
            f"Training was interrupted in epoch {trainer.epoch + 1} of "
            f"{trainer.max_epochs}; the model is usable as it is.",
            stacklevel=stacklevel,
        )
    elif trainer.stop_reason == "max_epochs":
        advice = "Raise it or learning_rate_init"
        if not trainer.score_curve:
            advice += ", or stop on validation data by early_stopping=True"
        warnings.warn(
            f"Stochastic optimizer: the maximum of max_iter={estimator.max_iter} "
            f"epochs was reached and the optimization has not converged yet. {advice}.",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
