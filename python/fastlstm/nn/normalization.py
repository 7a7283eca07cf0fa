"""Normalised cells: arguments, and the running statistics of batch normalisation."""

from __future__ import annotations

from typing import Final, NamedTuple

from .. import _core
from .._validate import check_choice, check_float, check_int
from ..params import Parameters, ParameterSpec

__all__ = ["NORMALIZATIONS", "Normalization", "check_normalization", "learn_statistics"]

NORMALIZATIONS: Final = ("layer", "batch")
# Where a gain starts: Cooijmans et al. 2017, section 4, found 0.1 to keep tanh from
# saturating; layer normalisation starts with the identity.
_GAIN: Final = {"layer": 1.0, "batch": 0.1}
_PARTS: Final = (
    *(f"running_{m}_{what}" for what in ("ih", "hh", "c") for m in ("mean", "var")),
    "running_steps",
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
    suffixes = [
        name.removeprefix("gain_c") for name in params if name.startswith("gain_c")
    ]
    directions = 1 + any(suffix.endswith("_reverse") for suffix in suffixes)
    with params.statistics_lock:
        for number, suffix in enumerate(suffixes):
            running = [params.statistics(p + suffix).reshape(-1) for p in _PARTS]
            layer, direction = divmod(number, directions)
            kept.learn(layer, direction, running, normalization.momentum)
