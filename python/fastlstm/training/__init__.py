"""The one fit loop, early stopping, callbacks and the progress bar."""

from .callbacks import Callback
from .dataset import TrainingSet
from .loop import Trainer
from .progress import Progress
from .stopping import EarlyStopping

__all__ = ["Callback", "EarlyStopping", "Progress", "Trainer", "TrainingSet"]
