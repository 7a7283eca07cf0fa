"""Normalised cells: arguments, and the running statistics of batch normalisation."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from .. import _core
from .._validate import Array, check_choice, check_float, check_int
from ..params import Parameters, ParameterSpec

__all__ = ["NORMALIZATIONS", "Normalization", "check_normalization", "learn_statistics"]

NORMALIZATIONS: Final = ("layer", "batch")
# Where a gain starts: Cooijmans et al. 2017, section 4, found 0.1 to keep tanh from
# saturating; layer normalisation starts with the identity.
_GAIN: Final = {"layer": 1.0, "batch": 0.1}
_PARTS: Final = tuple(
    f"running_{moment}_{what}"
    for what in ("ih", "hh", "c")
    for moment in ("mean", "var")
)


class Normalization(NamedTuple):
    """Kind, None for none; steps with statistics of their own; weight of a batch."""

    kind: str | None
    steps: int
    momentum: float

    @property
    def gain(self) -> float:
        """What gains start with."""
        return _GAIN[self.kind] if self.kind else 1.0

    @property
    def core(self) -> tuple[str, int]:
        """As the core takes them."""
        return self.kind or "none", self.steps


def check_normalization(kind: str | None, steps: int, momentum: float) -> Normalization:
    """Return the arguments of `fastlstm.nn.LSTM` as one record."""
    if kind is not None:
        kind = check_choice("normalization", kind, NORMALIZATIONS)
    return Normalization(
        kind,
        check_int("normalization_steps", steps, 1),
        check_float("normalization_momentum", momentum, "(0, 1]"),
    )


def specs(layout: list[tuple[str, tuple[int, ...], int]]) -> list[ParameterSpec]:
    """Return the parameters of an LSTM; weight decay spares all but matrices."""
    return [
        ParameterSpec(
            name,
            tuple(shape),
            decay=name.startswith("weight"),
            statistic=name.startswith("running"),
        )
        for name, shape, _ in layout
    ]


def learn_statistics(
    params: Parameters, kept: _core.Cache, normalization: Normalization
) -> None:
    """Take the statistics of a training call into the running ones.

    As `torch.nn.BatchNorm1d`, for each step by itself: the share ``momentum`` of the
    batch's, with the unbiased variance. A step with one row says nothing about a
    variance and is left out, with all that follow it.
    """
    rows = np.asarray(kept.active_rows)[: normalization.steps]
    steps = int((rows > 1).sum())  # rows never become more
    if not steps:
        return
    unbiased = (rows / np.maximum(rows - 1, 1))[:steps, None]
    suffixes = [
        name.removeprefix("gain_c") for name in params if name.startswith("gain_c")
    ]
    two = any(suffix.endswith("_reverse") for suffix in suffixes)
    for number, suffix in enumerate(suffixes):
        running = [params.statistics(part + suffix) for part in _PARTS]
        batch = [
            np.empty((len(kept.active_rows), r.shape[1]), r.dtype) for r in running
        ]
        kept.statistics(
            number // (1 + two), number % (1 + two), [b.reshape(-1) for b in batch]
        )
        seen = params.statistics("running_steps" + suffix)
        with params.statistics_lock:
            for k, (old, new) in enumerate(zip(running, batch, strict=True)):
                _follow(
                    old[:steps],
                    new[:steps] * (unbiased if k % 2 else 1.0),
                    normalization.momentum,
                )
            seen[0] = max(seen[0], steps)


def _follow(running: Array, batch: Array, momentum: float) -> None:
    running += momentum * (batch - running)
