"""Losses and penalties: a weighted mean over valid rows or steps, and its gradient.

Design: ``value = sum(w l) / sum(w)`` with l the loss of a row (or step) and w its
sample's weight, 1 by default; padded steps have weight 0, and what has weight 0 is as
good as absent: its target is not read and its gradient is zero. Losses of numbers may
miss single targets as well (`targets.py`). The core gets weights
that are divided by their sum already, so value and gradient are one pass. A penalty has
no target: it is a loss of a layer's outputs, and its gradient is added to theirs.
"""

from typing import Final

from .classification import SoftmaxCrossEntropy
from .likelihoods import (
    GaussianLikelihood,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    StudentTLikelihood,
)
from .penalties import ActivationPenalty, TemporalActivationPenalty
from .regression import SquaredError
from .residuals import AbsoluteError, Huber, Quantile

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "ActivationPenalty",
    "GaussianLikelihood",
    "Huber",
    "NegativeBinomialLikelihood",
    "PoissonLikelihood",
    "Quantile",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "StudentTLikelihood",
    "TemporalActivationPenalty",
]

LOSSES: Final = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "gaussian": GaussianLikelihood,
    "student_t": StudentTLikelihood,
    "negative_binomial": NegativeBinomialLikelihood,
    "poisson": PoissonLikelihood,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
}
