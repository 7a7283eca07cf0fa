"""Distributions that a network predicts, one for each target.

Design: a distribution is a table of parameters, each with its link to an output of the
network, and formulas of these. The likelihood losses (`fastlstm.losses`) are the same
formulas: ``log_prob`` of what ``from_outputs`` gives. All in float64.
"""

from .base import Distribution
from .continuous import Gaussian, StudentT
from .counts import NegativeBinomial, Poisson

__all__ = ["Distribution", "Gaussian", "NegativeBinomial", "Poisson", "StudentT"]
