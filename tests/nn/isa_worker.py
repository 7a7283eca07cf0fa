"""Run by test_lstm_isa.py once an ISA: ``python -m tests.nn.isa_worker OUT.npz``.

Solves one problem for each hidden size from 1 to 97, with every input size from 1 to 97
once, and writes all results.
"""

from __future__ import annotations

import sys
from typing import Any

import fastlstm
import numpy as np

from ..cases import CELLS, DTYPES, CellCase, Shape, Stack
from ..runs import Arrays, Problem, make_layer, make_problem, run_layer

SIZES = range(1, 98)


def case(k: int, dtype: str) -> tuple[CellCase, Problem, Any]:
    """Cell, problem and layer of hidden size k, under whatever ISA is on.

    97 is prime, so that I runs over all of 1..97 as k does.
    """
    shape = Shape(N=1 + k % 13, T=3, I=1 + 37 * k % 97, H=k, P=k // 2)
    stack = Stack("1", (0,), bidirectional=k % 3 == 0)
    cells = [cell for cell in CELLS if shape.P > 0 or not cell.projection]
    cell = cells[k % len(cells)]
    rng = np.random.default_rng(k)
    problem = make_problem(rng, shape, stack, cell, ragged=k % 2 == 0, dtype=dtype)
    return cell, problem, make_layer(shape, stack, cell, dtype)


def solve(k: int, dtype: str) -> Arrays:
    """fastlstm's results."""
    _, problem, layer = case(k, dtype)
    return run_layer(layer, problem)


if __name__ == "__main__":
    fastlstm.set_num_threads(1)  # test_lstm_bits shows that more change nothing
    results = {
        f"{dtype}/{k}/{name}": value
        for dtype in DTYPES
        for k in SIZES
        for name, value in solve(k, dtype).items()
    }
    np.savez(sys.argv[1], **results)
