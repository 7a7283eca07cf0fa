"""Layers on flat parameter buffers: NumPy arrays in and out, the core in between."""

from .base import Cache, Layer
from .batch_norm import BatchNorm
from .container import Sequential
from .dropout import Dropout
from .embedding import Embedding
from .linear import Linear
from .lstm import LSTM
from .trace import GateTrace

__all__ = [
    "LSTM",
    "BatchNorm",
    "Cache",
    "Dropout",
    "Embedding",
    "GateTrace",
    "Layer",
    "Linear",
    "Sequential",
]
