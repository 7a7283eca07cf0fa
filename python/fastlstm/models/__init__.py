"""Layers composed into models that can be trained; nothing here knows scikit-learn."""

from .encoder_decoder import EncoderDecoder
from .sequence import SequenceModel
from .stream import ModelStream

__all__ = ["EncoderDecoder", "ModelStream", "SequenceModel"]
