"""Where the time of LSTM calls goes, by the core's own timers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import _core

__all__ = ["profile"]


@contextmanager
def profile() -> Iterator[dict[str, float]]:
    """Time the phases of every LSTM call inside the ``with`` block.

    The timers are the process's own: calls of other threads count too, and blocks do
    not nest (an inner one starts from zero and ends both).

    Yields
    ------
    phases : dict
        Empty inside the block. Behind it seconds by phase, summed over threads: "pack"
        (weights that changed, into the kernels' order), "prepare" (workspace, row
        addresses, states), "input" (W_ih x merged over time), "step" (recurrent product
        and cell), "wait" (barriers), "cell" and "hidden" (backward through the cell
        and W_hh), "weights" (their gradients), "dx", "dropout". Phases that did not
        run are left out.

    Examples
    --------
    >>> import numpy as np
    >>> import fastlstm
    >>> lstm = fastlstm.nn.LSTM(8, 16, random_state=0)
    >>> with fastlstm.profile() as phases:
    ...     y, state = lstm(np.zeros((4, 20, 8), np.float32))
    >>> phases["step"] > 0, "dx" in phases
    (True, False)
    """
    phases: dict[str, float] = {}
    _core.profile_start()
    try:
        yield phases
    finally:
        phases.update({k: v for k, v in _core.profile_stop().items() if v > 0})
