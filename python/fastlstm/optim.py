"""Optimizers: one fused pass over one flat buffer a step.

Design: an optimizer holds the parameters that it updates and its own flat state, and
nothing else; it never decides when to stop. What differs between two of them is one
method that calls the core for a range. Both penalties on weights are part of that pass:
weight decay, which is L2 (the gradient of ``weight_decay / 2 * sum(p^2)``), and ``l1``
(that of ``l1 * sum(|p|)``, zero at zero). They spare biases: a step is one pass for
each range of parameters with the same penalties (one for all without any). Clipping is
of the loss's gradient alone.
Running statistics lie in the buffer too; their gradient is zero and they have no
penalty, so an update has to leave a parameter alone that never had either.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from . import _core
from ._validate import Array, check_bool, check_float, check_int
from .params import Gradients, Parameters


class Optimizer(ABC):
    """What all have in common: the step, the clipping and the state.

    Parameters
    ----------
    params : Parameters
        What to update; a whole model's, or a part's.
    learning_rate : float
        At least 0. Settable between steps.
    weight_decay, l1 : float
        At least 0.
    """

    name: ClassVar[str]
    slots: ClassVar[tuple[str, ...]]
    hyperparameters: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        params: Parameters,
        learning_rate: float,
        weight_decay: float,
        l1: float,
    ) -> None:
        if not isinstance(params, Parameters):
            raise TypeError(
                f"params must be Parameters (a layer's .params), got {params!r}"
            )
        self.params = params
        self.learning_rate = learning_rate
        self.weight_decay = check_float("weight_decay", weight_decay, "[0, inf)")
        self.l1 = check_float("l1", l1, "[0, inf)")
        self.steps = 0
        self._slots = {
            slot: np.zeros(params.size, params.dtype) for slot in type(self).slots
        }

    @property
    def learning_rate(self) -> float:
        """Step size; a schedule may set it at any time."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = check_float("learning_rate", value, "[0, inf)")

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={getattr(self, k)!r}" for k in self._settings())
        return f"{type(self).__name__}({inside})"

    def step(self, grads: Gradients, *, max_norm: float | None = None) -> float:
        """Update the parameters once.

        Parameters
        ----------
        grads : Gradients
            Of ``params``.
        max_norm : float, optional
            Gradients whose global norm is larger are scaled down to it (Pascanu et al.
            2013); ``grads`` itself is left as it is.

        Returns
        -------
        norm : float
            Global norm before the clipping.

        Raises
        ------
        FloatingPointError
            NaN or inf in the gradients: the step diverged. Nothing is changed.
        ValueError, TypeError
            Gradients of other parameters, ``max_norm`` not above 0.
        """
        params = self.params
        if not grads.layout.matches(params.layout):
            raise ValueError(f"grads must belong to {params}, got {grads}")
        if grads.flat.dtype != params.dtype:
            raise TypeError(f"grads must be {params.dtype}, got {grads.flat.dtype}")
        # A float in range needs no words: this is once a batch.
        if max_norm is not None and not (
            type(max_norm) is float and 0.0 < max_norm < math.inf
        ):
            max_norm = check_float("max_norm", max_norm, "(0, inf)")
        flat = grads.flat
        norm = math.sqrt(_core.squared_norm(flat))
        if not math.isfinite(norm):
            raise FloatingPointError(
                f"the norm of the gradients is {norm}: nothing was updated; try a "
                "lower learning rate, max_norm, or scaled inputs"
            )
        scale = max_norm / norm if max_norm is not None and norm > max_norm else 1.0
        with params.update() as values:
            self.steps += 1
            if self.weight_decay == 0.0 == self.l1:
                self._apply(values, flat, 0, params.size, 0.0, 0.0, scale)
            else:
                for begin, end, decay in params.decay_ranges:
                    penalties = (self.weight_decay, self.l1) if decay else (0.0, 0.0)
                    self._apply(values, flat, begin, end, *penalties, scale)
        return norm

    @abstractmethod
    def _apply(
        self,
        values: Array,
        grads: Array,
        begin: int,
        end: int,
        weight_decay: float,
        l1: float,
        scale: float,
    ) -> None:
        """Let the core pass over ``values[begin:end]``."""

    def _settings(self) -> dict[str, Any]:
        own = type(self).hyperparameters
        names = ("learning_rate", *own, "weight_decay", "l1")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Any]:
        """Return name, hyper-parameters, steps done and copies of the state arrays."""
        arrays = {slot: array.copy() for slot, array in self._slots.items()}
        return {
            "optimizer": self.name,
            "steps": self.steps,
            **self._settings(),
            **arrays,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; all or nothing.

        Raises
        ------
        ValueError, TypeError
            The state of another kind of optimizer, missing or unknown entries, arrays
            of another size or dtype, values out of range.
        """
        if state.get("optimizer") != self.name:
            raise ValueError(
                f"state must be of optimizer {self.name!r}, got "
                f"{state.get('optimizer')!r}"
            )
        settings = {name: state[name] for name in self._settings() if name in state}
        # Built first: what else must be there depends on them (no momentum, no slot).
        fresh = type(self)(self.params, **{"learning_rate": 0.0, **settings})
        expected = {"optimizer", "steps", *self._settings(), *fresh._slots}
        if set(state) != expected:
            raise ValueError(f"state must hold {sorted(expected)}, got {sorted(state)}")
        fresh.steps = check_int("steps", state["steps"], 0)
        for slot, array in fresh._slots.items():
            value = np.asarray(state[slot])
            if value.shape != array.shape or value.dtype != array.dtype:
                raise ValueError(
                    f"{slot} must have shape {array.shape} and dtype {array.dtype}, "
                    f"got {value.shape} and {value.dtype}"
                )
            array[...] = value
        self.__dict__.update(fresh.__dict__)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    ``v = momentum v + g; p -= learning_rate v``; with ``nesterov``,
    ``p -= learning_rate (g + momentum v)`` (Sutskever et al. 2013), where
    g = gradient + weight_decay p + l1 sign(p).

    Parameters
    ----------
    params : Parameters
    learning_rate : float
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False
        Needs momentum.
    weight_decay, l1 : float, default=0.0
        Strength of L2 and L1; not for biases.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import Linear
    >>> from fastlstm.optim import SGD
    >>> layer = Linear(2, 1, dtype="float64", random_state=0)
    >>> sgd = SGD(layer.params, learning_rate=0.1)
    >>> layer.grads["bias"][:] = 2.0
    >>> sgd.step(layer.grads), layer.params["bias"]
    (2.0, array([-0.2]))
    """

    name = "sgd"
    slots = ("velocity",)
    hyperparameters = ("momentum", "nesterov")

    def __init__(
        self,
        params: Parameters,
        learning_rate: float,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(params, learning_rate, weight_decay, l1)
        self.momentum = check_float("momentum", momentum, "[0, 1)")
        self.nesterov = check_bool("nesterov", nesterov)
        if self.nesterov and not self.momentum:
            raise ValueError(f"nesterov needs momentum above 0, got {momentum!r}")
        if not self.momentum:
            self._slots = {}

    def _apply(
        self,
        values: Array,
        grads: Array,
        begin: int,
        end: int,
        weight_decay: float,
        l1: float,
        scale: float,
    ) -> None:
        _core.sgd_step(
            values,
            grads,
            self._slots.get("velocity"),
            begin,
            end,
            self._learning_rate,
            self.momentum,
            self.nesterov,
            weight_decay,
            l1,
            scale,
        )


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1); penalties are added to the gradient g.

    ``m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2``;
    ``p -= learning_rate m_hat / (sqrt(v_hat) + epsilon)`` with m_hat = m / (1 -
    beta_1^t), v_hat = v / (1 - beta_2^t).

    Parameters
    ----------
    params : Parameters
    learning_rate : float, default=1e-3
    beta_1, beta_2 : float, default=0.9, 0.999
        In [0, 1).
    epsilon : float, default=1e-8
        Above 0.
    weight_decay, l1 : float, default=0.0
        Strength of L2 and L1; not for biases.
    """

    name = "adam"
    slots = ("m", "v")
    hyperparameters = ("beta_1", "beta_2", "epsilon")
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        params: Parameters,
        learning_rate: float = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(params, learning_rate, weight_decay, l1)
        self.beta_1 = check_float("beta_1", beta_1, "[0, 1)")
        self.beta_2 = check_float("beta_2", beta_2, "[0, 1)")
        self.epsilon = check_float("epsilon", epsilon, "(0, inf)")

    def _apply(
        self,
        values: Array,
        grads: Array,
        begin: int,
        end: int,
        weight_decay: float,
        l1: float,
        scale: float,
    ) -> None:
        _core.adam_step(
            values,
            grads,
            self._slots["m"],
            self._slots["v"],
            begin,
            end,
            self._learning_rate,
            self.beta_1,
            self.beta_2,
            self.epsilon,
            weight_decay,
            l1,
            self.decoupled,
            self.steps,
            scale,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    ``p -= learning_rate (weight_decay p + l1 sign(p))`` before Adam's step, which then
    knows neither: L1 is decoupled as the decay is, for the same reason. In the gradient
    it would be divided by sqrt(v_hat), and so be weak just where gradients are large.
    Parameters as for :class:`Adam`.
    """

    name = "adamw"
    decoupled = True


OPTIMIZERS: Final[dict[str, type[Optimizer]]] = {
    kind.name: kind for kind in (SGD, Adam, AdamW)
}
