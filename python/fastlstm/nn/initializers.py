"""Starting values of the weights, drawn in float64 and then stored in the dtype.

Design: a matrix is drawn by a function ``(shape, rng) -> array``, whole or gate by
gate; what is particular to the LSTM (which block, which bias) is one function below.
The order of drawing is that of the parameters and, within one, of the gates, so one
``random_state`` gives the same values, up to rounding, in float32 and float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .._validate import check_choice
from ..params import Parameters

LSTM_INITIALIZERS: Final = ("glorot_orthogonal", "uniform")
GATE_INITIALIZERS: Final = ("glorot_orthogonal", "glorot", "orthogonal", "uniform")

Floats: TypeAlias = npt.NDArray[np.float64]


def glorot_uniform(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Draw from U(-a, a), a = sqrt(6 / (rows + columns)) (Glorot & Bengio 2010)."""
    bound = math.sqrt(6.0 / sum(shape))
    return rng.uniform(-bound, bound, shape)


def orthogonal(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Draw orthonormal columns, or rows if these are fewer (Saxe et al. 2014).

    The Q of a Gaussian matrix, with signs such that it is uniformly distributed
    (Mezzadri 2007, section 5).
    """
    tall = (max(shape), min(shape))
    q, r = np.linalg.qr(rng.standard_normal(tall))
    q *= np.where(np.diag(r) < 0.0, -1.0, 1.0)
    return q if shape == tall else q.T


def check_initializer(
    initializer: str | Mapping[str, str], *, coupled: bool
) -> str | dict[str, str]:
    """Return the name, or one name for each gate, in the order of the gates.

    Raises
    ------
    ValueError
        An unknown name, a gate that is missing, or one that the cell does not have.
    """
    if initializer in GATE_INITIALIZERS and initializer not in LSTM_INITIALIZERS:
        raise ValueError(
            f"initializer must be one of {LSTM_INITIALIZERS}, or one for each gate "
            f"as {dict.fromkeys('ifgo', initializer)}: got {initializer!r} alone"
        )
    if not isinstance(initializer, Mapping):
        return check_choice("initializer", initializer, LSTM_INITIALIZERS)
    gates = "igo" if coupled else "ifgo"
    if set(initializer) != set(gates):
        why = ": coupled gates have no weights of their own for f" if coupled else ""
        raise ValueError(
            f"initializer must name the gates {tuple(gates)}, got "
            f"{tuple(initializer)}{why}"
        )
    return {
        gate: check_choice(
            f"initializer[{gate!r}]", initializer[gate], GATE_INITIALIZERS
        )
        for gate in gates
    }


def initialize_lstm(
    params: Parameters,
    initializer: str | Mapping[str, str],
    forget_bias: float,
    rng: np.random.Generator,
    *,
    coupled: bool = False,
    chrono_steps: int | None = None,
    gain: float = 1.0,
) -> None:
    """Fill the parameters of an LSTM, of every layer and direction.

    "glorot_orthogonal", as Keras: `glorot_uniform` over the whole input matrix
    (4H, I), `orthogonal` over the whole recurrent matrix (4H, H or P), zero bias.

    "uniform", as torch: U(-k, k), k = 1 / sqrt(H), everywhere; the bias is the sum of
    two such draws, since torch has two biases that only ever appear added.

    A mapping from each gate to a name draws each gate's blocks of the input matrix
    (H, I) and of the recurrent one (H, H or P) by themselves: both with "glorot" or
    both with "orthogonal", or the one and the other with "glorot_orthogonal", always
    with zero bias; "uniform" as above. What that changes: an orthogonal block (H, H)
    keeps the norm of h in its gate, a quarter of an orthogonal matrix (4H, H) halves
    it; and Glorot's bound is larger for a block.

    A projection (P, H) is Glorot-uniform, unless ``initializer`` is "uniform".
    Peepholes are zero, or U(-k, k) for gates that are "uniform".

    In any case ``forget_bias`` is then added to the forget gate's block of the bias
    (Jozefowicz et al. 2015), if there is a bias. Keras adds 1, torch adds nothing. With
    ``coupled`` gates, f = 1 - i, it is taken from the input gate's.

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
            if name.startswith(("gain", "bias_c", "running")):
                ones = 1.0 if name.startswith("running_var") else 0.0
                value[...] = gain if name.startswith("gain") else ones
                continue
            ways = _ways(name, initializer)
            drawn = [
                _block(
                    name, way, (len(value) // len(ways), *value.shape[1:]), hidden, rng
                )
                for way in ways
            ]
            whole = drawn[0] if len(drawn) == 1 else np.concatenate(drawn)
            if name.startswith("bias"):
                i, f = slice(0, hidden), slice(hidden, 2 * hidden)
                if chrono_steps is not None:
                    lag = np.log(rng.uniform(1.0, chrono_steps - 1.0, hidden))
                    whole[i] = -lag
                    if not coupled:
                        whole[f] = lag
                elif coupled:
                    whole[i] -= forget_bias
                else:
                    whole[f] += forget_bias
            value[...] = whole


def _ways(name: str, initializer: str | Mapping[str, str]) -> list[str]:
    """Return how each block of a parameter is drawn: one, or one for each gate."""
    if isinstance(initializer, str):
        return [initializer]
    if name.startswith("weight_hr"):
        return ["glorot"]
    sees_cell = name.startswith("weight_ch")
    return [w for gate, w in initializer.items() if not (sees_cell and gate == "g")]


def _block(
    name: str, way: str, shape: tuple[int, ...], hidden: int, rng: np.random.Generator
) -> Floats:
    k = 1.0 / math.sqrt(hidden)
    if len(shape) == 1:
        if way != "uniform":
            return np.zeros(shape)
        if name.startswith("weight_ch"):
            return rng.uniform(-k, k, shape)
        both: Floats = rng.uniform(-k, k, (2, *shape)).sum(axis=0)
        return both
    if way == "uniform":
        return rng.uniform(-k, k, shape)
    recurrent = name.startswith("weight_hh")
    if way == "orthogonal" or (recurrent and way == "glorot_orthogonal"):
        return orthogonal((shape[0], shape[1]), rng)
    return glorot_uniform((shape[0], shape[1]), rng)
