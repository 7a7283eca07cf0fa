"""The compiled core, as csrc/bindings define it.

"flat" is a one-dimensional C-contiguous array of the layer's dtype. Arrays named like
x, y, dy, dx have any strides, as long as their last axis is contiguous.
"""

from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

_Floats: TypeAlias = npt.NDArray[np.floating[Any]]
_Ints: TypeAlias = npt.NDArray[np.int64]
_Layout: TypeAlias = list[tuple[str, tuple[int, ...], int]]

__version__: str

@final
class Cache:
    @property
    def bytes(self) -> int: ...
    # to: flat i, f, g, o, c (N T H) and h (N T K) of one layer and direction.
    def trace(self, layer: int, direction: int, to: list[_Floats]) -> None: ...
    # running: flat means and variances of x, h (S gates H) and c (S H), and steps seen.
    def learn(
        self, layer: int, direction: int, running: list[_Floats], momentum: float
    ) -> None: ...

@final
class Stream:
    def step(self, x_t: _Floats, out: _Floats | None = None) -> _Floats: ...
    def reset(self) -> None: ...
    # (h, c) as LSTM's states: arrays (L, N, size), or lists with unequal sizes.
    @property
    def state(self) -> tuple[Any, Any]: ...
    @state.setter
    def state(self, state: tuple[Any, Any]) -> None: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def path(self) -> str: ...

@final
class LSTM:
    def __init__(
        self,
        input_size: int,
        hidden_sizes: list[int],
        bidirectional: bool,
        bias: bool,
        projection_size: int,
        dtype: str,
        peephole: bool = False,
        coupled: bool = False,
        gate_activation: str = "sigmoid",
        cell_activation: str = "tanh",
        cell_clip: float = 0.0,
        rates: tuple[float, ...] = ...,
        normalization: str = "none",
        normalization_steps: int = 1,
    ) -> None: ...
    @property
    def layout(self) -> _Layout: ...
    @property
    def parameter_count(self) -> int: ...
    @property
    def path(self) -> str: ...
    def set_parameters(self, flat: _Floats, version: int) -> None: ...
    def infer(
        self,
        x: _Floats,
        y: _Floats,
        h0: _Floats | None,
        c0: _Floats | None,
        hn: _Floats | None,
        cn: _Floats | None,
        lengths: _Ints | None,
    ) -> None: ...
    def forward(
        self,
        x: _Floats,
        y: _Floats,
        h0: _Floats | None,
        c0: _Floats | None,
        hn: _Floats | None,
        cn: _Floats | None,
        lengths: _Ints | None,
        learns: bool,
        seed: int,
        row_ids: _Ints | None,
        memory: str = "store",
    ) -> Cache: ...
    def backward(
        self,
        cache: Cache,
        dy: _Floats | None,
        dhn: _Floats | None,
        dcn: _Floats | None,
        grads_flat: _Floats,
        dx: _Floats | None,
        dh0: _Floats | None,
        dc0: _Floats | None,
    ) -> None: ...
    def stream(self, batch_size: int = 1) -> Stream: ...

@final
class Linear:
    def __init__(
        self, in_features: int, out_features: int, bias: bool, dtype: str
    ) -> None: ...
    @property
    def layout(self) -> _Layout: ...
    @property
    def parameter_count(self) -> int: ...
    def set_parameters(self, flat: _Floats, version: int) -> None: ...
    def forward(self, x2d: _Floats, y2d: _Floats) -> None: ...
    def backward(
        self,
        dy2d: _Floats,
        x2d: _Floats,
        grads_flat: _Floats,
        dx2d: _Floats | None,
    ) -> None: ...

def embedding_forward(
    table: _Floats, tokens: _Ints, scale: _Floats | None, out: _Floats
) -> None: ...
def embedding_backward(
    dy: _Floats, tokens: _Ints, scale: _Floats | None, dtable: _Floats
) -> None: ...
def dropout(
    x: _Floats,
    out: _Floats,
    p: float,
    locked: bool,
    seed: int,
    stream: int,
    row_ids: _Ints | None,
) -> None: ...

# Arrays (N, F) or (N, T, F); padded steps are neither read nor written. moments (2, F)
# float64: mean and biased variance of each feature.
def batch_moments(x: _Floats, lengths: _Ints | None, moments: _Floats) -> None: ...
def batch_norm_forward(
    x: _Floats,
    lengths: _Ints | None,
    moments: _Floats,
    epsilon: float,
    weight: _Floats | None,
    bias: _Floats | None,
    y: _Floats,
) -> None: ...
def batch_norm_backward(
    dy: _Floats,
    x: _Floats,
    lengths: _Ints | None,
    moments: _Floats,
    epsilon: float,
    weight: _Floats | None,
    dweight: _Floats | None,
    dbias: _Floats | None,
    dx: _Floats | None,
) -> None: ...
def softmax(logits2d: _Floats, out2d: _Floats) -> None: ...
def squared_error(
    pred2d: _Floats, target2d: _Floats, weight1d: _Floats | None, dpred2d: _Floats
) -> float: ...
def softmax_cross_entropy(
    logits2d: _Floats, labels: _Ints, weight1d: _Floats | None, dlogits2d: _Floats
) -> float: ...
def squared_activation(y2d: _Floats, weight1d: _Floats, dy2d: _Floats) -> float: ...
def squared_change(y2d: _Floats, weight1d: _Floats, dy2d: _Floats) -> float: ...
def stirling_error(z1d: _Floats, out1d: _Floats) -> None: ...
def digamma_change(x1d: _Floats, y1d: _Floats, out1d: _Floats) -> None: ...
def sgd_step(
    params: _Floats,
    grads: _Floats,
    velocity: _Floats | None,
    begin: int,
    end: int,
    lr: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
    l1: float,
    grad_scale: float,
) -> None: ...
def adam_step(
    params: _Floats,
    grads: _Floats,
    m: _Floats,
    v: _Floats,
    begin: int,
    end: int,
    lr: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    l1: float,
    decoupled: bool,
    step: int,
    grad_scale: float,
) -> None: ...
def squared_norm(flat: _Floats) -> float: ...
def isa() -> str: ...
def available_isas() -> list[str]: ...
def get_num_threads() -> int: ...
def requested_threads() -> int: ...  # 0: nothing requested
def set_num_threads(n: int) -> None: ...  # 0: back to the default
def fma_rate(threads: int, seconds: float, dtype: str = "float32") -> float: ...
def read_rate(threads: int, seconds: float, bytes: int) -> float: ...
def cell_rate(
    threads: int, seconds: float, dtype: str = "float32", backward: bool = False
) -> float: ...
def profile_start() -> None: ...
def profile_stop() -> dict[str, float]: ...  # seconds of each phase, over all threads
def build_info() -> dict[str, str]: ...
def tanh(x: _Floats, out: _Floats) -> None: ...
def sigmoid(x: _Floats, out: _Floats) -> None: ...
def exp(x: _Floats, out: _Floats) -> None: ...
