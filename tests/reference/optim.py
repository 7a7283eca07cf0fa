"""Optimizers: one function a step, plain state, one equation a line.

Each takes ``params`` (a flat float64 array), ``grads``, a state (a dict, empty at
first) and hyper-parameters, and returns the new params. ``decay`` (same shape, of zeros
and ones) says where weight decay and L1 apply: to weights, not to biases.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


def clip_by_global_norm(grads: Array, max_norm: float) -> tuple[Array, float]:
    """grads * min(1, max_norm / norm), and the norm before (Pascanu et al. 2013)."""
    norm = float(np.sqrt(np.sum(grads * grads)))
    return grads * min(1.0, max_norm / norm) if norm > 0.0 else grads, norm


def sgd(
    params: Array,
    grads: Array,
    state: dict[str, Any],
    *,
    decay: Array | float = 1.0,
    learning_rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    l1: float = 0.0,
) -> Array:
    """Sutskever et al. 2013; penalties are added to the gradient."""
    g = grads + decay * (weight_decay * params + l1 * np.sign(params))
    v = momentum * state.get("velocity", 0.0) + g
    state["velocity"] = v
    step = g + momentum * v if nesterov else v
    return params - learning_rate * step


def adam(
    params: Array,
    grads: Array,
    state: dict[str, Any],
    *,
    decay: Array | float = 1.0,
    learning_rate: float = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    l1: float = 0.0,
) -> Array:
    """Kingma & Ba 2015, algorithm 1; penalties are added to the gradient."""
    t = state["step"] = state.get("step", 0) + 1
    g = grads + decay * (weight_decay * params + l1 * np.sign(params))
    m = state["m"] = beta_1 * state.get("m", 0.0) + (1.0 - beta_1) * g
    v = state["v"] = beta_2 * state.get("v", 0.0) + (1.0 - beta_2) * g * g
    m_hat = m / (1.0 - beta_1**t)
    v_hat = v / (1.0 - beta_2**t)
    return params - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)


def adamw(
    params: Array,
    grads: Array,
    state: dict[str, Any],
    *,
    decay: Array | float = 1.0,
    learning_rate: float = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    l1: float = 0.0,
) -> Array:
    """Loshchilov & Hutter 2019, algorithm 2: penalties shrink the params themselves."""
    penalty = decay * (weight_decay * params + l1 * np.sign(params))
    shrunk = params - learning_rate * penalty
    hyper = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
    return adam(shrunk, grads, state, learning_rate=learning_rate, **hyper)
