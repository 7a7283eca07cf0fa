"""Starting values of the weights, drawn in float64 and then stored in the dtype.

Design: a table of functions ``(shape, fan, rng) -> array`` for matrices; what is
particular to the LSTM (which block, which bias) is one function below. The order of
drawing is that of the parameters, so one ``random_state`` gives the same values, up to
rounding, in float32 and float64.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from ..params import Parameters

LSTM_INITIALIZERS: Final = ("glorot_orthogonal", "uniform")


def glorot_uniform(
    shape: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw from U(-a, a), a = sqrt(6 / (rows + columns)) (Glorot & Bengio 2010)."""
    bound = math.sqrt(6.0 / sum(shape))
    return rng.uniform(-bound, bound, shape)


def orthogonal(
    shape: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw orthonormal columns, or rows if these are fewer (Saxe et al. 2014).

    The Q of a Gaussian matrix, with signs such that it is uniformly distributed
    (Mezzadri 2007, section 5).
    """
    tall = (max(shape), min(shape))
    q, r = np.linalg.qr(rng.standard_normal(tall))
    q *= np.where(np.diag(r) < 0.0, -1.0, 1.0)
    return q if shape == tall else q.T


def initialize_lstm(
    params: Parameters,
    initializer: str,
    forget_bias: float,
    rng: np.random.Generator,
    *,
    coupled: bool = False,
    chrono_steps: int | None = None,
    gain: float = 1.0,
) -> None:
    """Fill the parameters of an LSTM, of every layer and direction.

    "glorot_orthogonal", as Keras: `glorot_uniform` over the whole input matrix
    (4H, I), `orthogonal` over the whole recurrent matrix (4H, H or P), zero bias; a
    projection (P, H) is Glorot-uniform.

    "uniform", as torch: U(-k, k), k = 1 / sqrt(H), everywhere; the bias is the sum of
    two such draws, since torch has two biases that only ever appear added.

    Either way ``forget_bias`` is then added to the forget gate's block of the bias
    (Jozefowicz et al. 2015), if there is a bias. Keras adds 1, torch adds nothing. With
    ``coupled`` gates, f = 1 - i, it is taken from the input gate's. Peepholes are zero,
    or with "uniform" U(-k, k).

    With ``chrono_steps`` T instead (Tallec & Ollivier 2018, equation 16) the forget
    gate's bias is log(u) with u from U(1, T - 1), and the input gate's its negative:
    units forget after 1 to T steps.
    """
    with params.writable() as values:
        hidden = 0
        for name, value in values.items():
            # A layer's weight_ih (4H, I) comes first and tells H to those after it.
            if name.startswith("weight_ih"):
                hidden = value.shape[0] // (3 if coupled else 4)
            k = 1.0 / math.sqrt(hidden)
            uniform = initializer == "uniform"
            if name.startswith(("gain", "running_var")):
                value[...] = gain if name.startswith("gain") else 1.0
            elif name.startswith(("bias_c", "running")):
                value[...] = 0.0
            elif name.startswith("weight_ch"):
                value[...] = rng.uniform(-k, k, value.shape) if uniform else 0.0
            elif value.ndim == 1:
                bias = np.zeros(value.shape)
                if uniform:
                    bias += rng.uniform(-k, k, (2, *value.shape)).sum(axis=0)
                i, f = slice(0, hidden), slice(hidden, 2 * hidden)
                if chrono_steps is not None:
                    lag = np.log(rng.uniform(1.0, chrono_steps - 1.0, hidden))
                    bias[i] = -lag
                    if not coupled:
                        bias[f] = lag
                elif coupled:
                    bias[i] -= forget_bias
                else:
                    bias[f] += forget_bias
                value[...] = bias
            elif uniform:
                value[...] = rng.uniform(-k, k, value.shape)
            else:
                draw = orthogonal if name.startswith("weight_hh") else glorot_uniform
                value[...] = draw((value.shape[0], value.shape[1]), rng)
