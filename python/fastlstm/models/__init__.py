"""Layers composed into models that can be trained; nothing here knows scikit-learn."""

from .sequence import SequenceModel
from .stream import ModelStream

__all__ = ["ModelStream", "SequenceModel"]
