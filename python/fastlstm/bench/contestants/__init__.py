"""Who takes part: one file a framework, in the order of the table's columns."""

from .base import Call, Contestant, UnsupportedError
from .fastlstm import FastLSTM
from .jax import Jax
from .onnxruntime import OnnxRuntime
from .openvino import OpenVino
from .torch import Torch

__all__ = ["CONTESTANTS", "PEERS", "Call", "Contestant", "UnsupportedError"]

CONTESTANTS: dict[str, type[Contestant]] = {
    kind.name: kind for kind in (FastLSTM, Torch, OnnxRuntime, OpenVino, Jax)
}
PEERS = [name for name in CONTESTANTS if name != FastLSTM.name]
