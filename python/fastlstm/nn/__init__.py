"""Layers on flat parameter buffers: NumPy arrays in and out, the core in between."""

from .attention import AttentionPooling
from .base import Cache, Layer
from .batch_norm import BatchNorm
from .container import Sequential
from .dropout import Dropout
from .embedding import Embedding
from .linear import Linear
from .lstm import LSTM
from .pooling import MaxPooling, MeanPooling
from .trace import GateTrace

__all__ = [
    "LSTM",
    "AttentionPooling",
    "BatchNorm",
    "Cache",
    "Dropout",
    "Embedding",
    "GateTrace",
    "Layer",
    "Linear",
    "MaxPooling",
    "MeanPooling",
    "Sequential",
]
