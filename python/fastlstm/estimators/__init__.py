"""Faces of the models for scikit-learn: they check, encode and call; no mathematics."""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "fastlstm's estimators need scikit-learn, which is not installed: "
        'pip install "fastlstm[sklearn]"'
    ) from error

from .classifier import LSTMClassifier
from .regressor import LSTMRegressor
from .scaler import SequenceScaler
from .tagger import LSTMTagger

__all__ = ["LSTMClassifier", "LSTMRegressor", "LSTMTagger", "SequenceScaler"]
