"""What the cell of an LSTM may do differently: the arguments, checked."""

from __future__ import annotations

from typing import Final, NamedTuple

from .._validate import check_bool, check_choice, check_float

__all__ = ["ACTIVATIONS", "PLAIN_CELL", "CellOptions", "check_cell"]

ACTIVATIONS: Final = ("sigmoid", "hard_sigmoid", "tanh", "relu")


class CellOptions(NamedTuple):
    """In the order in which the core takes them; ``cell_clip`` 0 is none."""

    peephole: bool
    coupled_gates: bool
    gate_activation: str
    cell_activation: str
    cell_clip: float


PLAIN_CELL: Final = CellOptions(False, False, "sigmoid", "tanh", 0.0)


def check_cell(
    peephole: bool,
    coupled_gates: bool,
    gate_activation: str,
    cell_activation: str,
    cell_clip: float | None,
) -> CellOptions:
    """Return the options of `fastlstm.nn.LSTM` as the core takes them."""
    clip = 0.0
    if cell_clip is not None:
        clip = check_float("cell_clip", cell_clip, "(0, inf)")
    return CellOptions(
        check_bool("peephole", peephole),
        check_bool("coupled_gates", coupled_gates),
        check_choice("gate_activation", gate_activation, ACTIVATIONS),
        check_choice("cell_activation", cell_activation, ACTIVATIONS),
        clip,
    )
