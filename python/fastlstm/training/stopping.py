"""When to stop: the rule of scikit-learn's multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from .._validate import check_choice, check_float, check_int
from ..params import Parameters

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Stop once a number has not got better for more than ``patience`` epochs.

    Parameters
    ----------
    monitor : {"score", "loss"}, default="score"
        "score" is the validation score, higher is better; "loss" the training loss.
    patience : int, default=10
    tol : float, default=1e-4
        A smaller gain than this is none.
    restore_best : bool, default=True
        Give the model back the weights of its best epoch at the end.
    """

    def __init__(
        self,
        *,
        monitor: Literal["score", "loss"] = "score",
        patience: int = 10,
        tol: float = 1e-4,
        restore_best: bool = True,
    ) -> None:
        self.monitor = check_choice("monitor", monitor, ("score", "loss"))
        self.patience = check_int("patience", patience, 1)
        self.tol = check_float("tol", tol, "[0, inf)")
        self.restore_best = restore_best
        self.best: float | None = None
        self.epochs_without_gain = 0
        self.best_weights: Any = None

    def update(self, value: float, params: Parameters) -> bool:
        """Take note of an epoch's ``value``; whether to stop now."""
        sign = 1.0 if self.monitor == "score" else -1.0
        gain = np.inf if self.best is None else sign * (value - self.best)
        if not np.isfinite(value):
            gain = -np.inf
        # A gain below tol counts as none, yet its weights are the best so far.
        enough = gain >= self.tol and gain > 0.0
        self.epochs_without_gain = 0 if enough else self.epochs_without_gain + 1
        if gain > 0.0:
            self.best = value
            if self.restore_best:
                self.best_weights = params.flat.copy()
        return self.over

    @property
    def over(self) -> bool:
        """Whether patience is at its end."""
        return self.epochs_without_gain > self.patience

    def restore(self, params: Parameters) -> None:
        """Give ``params`` the weights of the best epoch, where they were kept."""
        if self.best_weights is not None:
            with params.update() as flat:
                flat[:] = self.best_weights

    def state_dict(self) -> dict[str, Any]:
        """Copy the state: plain scalars and one array."""
        weights = self.best_weights
        return {
            "monitor": self.monitor,
            "best": self.best,
            "epochs_without_gain": self.epochs_without_gain,
            "best_weights": None if weights is None else weights.copy(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what ``state_dict`` gave.

        Raises
        ------
        ValueError
            If that watched another number.
        """
        if state["monitor"] != self.monitor:
            raise ValueError(
                f"the state watched the {state['monitor']}, this the {self.monitor}"
            )
        weights = state["best_weights"]
        self.best = state["best"]
        self.epochs_without_gain = state["epochs_without_gain"]
        self.best_weights = None if weights is None else weights.copy()
