"""Faces of the models for scikit-learn: they check, encode and call; no mathematics."""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "fastlstm's estimators need scikit-learn, which is not installed: "
        'pip install "fastlstm[sklearn]"'
    ) from error

from .anomaly import LSTMAnomalyDetector
from .anomaly_stream import AnomalyStream
from .classifier import LSTMClassifier
from .forecaster import LSTMForecaster
from .regressor import LSTMRegressor
from .scaler import SequenceScaler
from .tagger import LSTMTagger

__all__ = [
    "AnomalyStream",
    "LSTMAnomalyDetector",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMRegressor",
    "LSTMTagger",
    "SequenceScaler",
]
