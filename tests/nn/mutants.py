"""Deliberately wrong references: each must make the checks fail.

A mutant is the reference's own source with one fragment replaced, so that it stays
wrong in one place only, whatever the reference becomes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

REFERENCE = Path(__file__).parent.parent / "reference"


@dataclass(frozen=True)
class Mutant:
    """A mistake: the file of tests/reference, the right text and the wrong one."""

    name: str
    file: str
    right: str
    wrong: str

    def __str__(self) -> str:
        return self.name

    def module(self) -> ModuleType:
        """The wrong module, compiled."""
        source = (REFERENCE / f"{self.file}.py").read_text()
        assert source.count(self.right) == 1, f"{self.name}: fragment not found once"
        module = ModuleType(f"tests.reference.wrong_{self.file}")
        module.__package__ = "tests.reference"
        sys.modules[module.__name__] = module  # dataclasses look their module up
        exec(source.replace(self.right, self.wrong), module.__dict__)
        return module


MUTANTS = [
    Mutant(
        "input and forget gate swapped", "cell", "zi, zf, zg, zo =", "zf, zi, zg, zo ="
    ),
    Mutant(
        "cell and output gate swapped", "cell", "zi, zf, zg, zo =", "zi, zf, zo, zg ="
    ),
    Mutant("no forget term in dc", "cell", "dc_new * f, dweights", "dc_new, dweights"),
    Mutant("upstream dc ignored", "cell", "dc_new = dc + dm", "dc_new = dm"),
    Mutant(
        "new cell state in df", "cell", "df = dc_new * c\n", "df = dc_new * c_new\n"
    ),
    Mutant("tanh' of the cell", "cell", "(1.0 - t * t)", "(1.0 - t)"),
    Mutant("mean for a bias's sum", "cell", "dz.sum(axis=0)", "dz.mean(axis=0)"),
    Mutant(
        "reverse direction starts in the padding",
        "lstm",
        "out[n, :length] = a[n, :length][::-1]",
        "out[n] = a[n][::-1]",
    ),
    Mutant(
        "padded steps advance h",
        "lstm",
        "h = np.where(valid, h_new, h)",
        "h = h_new",
    ),
    Mutant(
        "padded steps lose dh",
        "lstm",
        'dh = np.where(valid, dzh @ w["weight_hh"], dh)',
        'dh = dzh @ w["weight_hh"]',
    ),
    Mutant(
        "padded steps lose dc",
        "lstm",
        "dc = np.where(valid, dc_old, dc)",
        "dc = dc_old",
    ),
    Mutant(
        "dx of the reverse direction not turned back",
        "lstm",
        "da = da + (reverse(dx, lengths) if backwards else dx)",
        "da = da + dx",
    ),
    Mutant(
        "dh not taken through the projection",
        "lstm",
        'w["weight_hr"] += dh_new.T @ m',
        'w["weight_hr"] += (dh + dy[:, t]).T @ m',
    ),
]
