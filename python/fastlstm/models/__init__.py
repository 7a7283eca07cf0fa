"""Layers composed into models that can be trained; nothing here knows scikit-learn."""

from .sequence import SequenceModel

__all__ = ["SequenceModel"]
