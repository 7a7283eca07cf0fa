"""The one fit loop, early stopping, callbacks, checkpoints and the progress bar."""

from .callbacks import Callback
from .checkpoint import Checkpoint
from .dataset import TrainingSet
from .loop import Trainer
from .progress import Progress
from .protocols import TrainingData
from .stopping import EarlyStopping

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "Progress",
    "Trainer",
    "TrainingData",
    "TrainingSet",
]
