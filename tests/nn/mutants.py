"""Deliberately wrong references: each must make the checks fail.

A mutant is the reference's own source with one fragment replaced, so that it stays
wrong in one place only, whatever the reference becomes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ..cases import CellCase, normal_weights
from ..reference import cell

REFERENCE = Path(__file__).parent.parent / "reference"


@dataclass(frozen=True)
class Mutant:
    """A mistake: the file of tests/reference, the right text and the wrong one.

    ``variant`` are the options of the cell in which it shows, by default the plain one.
    """

    name: str
    file: str
    right: str
    wrong: str
    variant: dict[str, Any] | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def case(self) -> CellCase:
        """A cell in which the mistake shows."""
        if self.variant is None:
            return CellCase("p", projection=True)
        gates = 3 if self.variant.get("coupled") else 4
        norm = self.variant.get("norm")

        def weights(H: int) -> dict[str, tuple[int, ...]]:
            own = normal_weights(H, gates * H) if norm else {"bias": (gates * H,)}
            return own | {"weight_ch": ((gates - 1) * H,)}

        return CellCase(
            "v",
            {
                "peephole": True,
                "coupled_gates": self.variant.get("coupled", False),
                "cell_clip": self.variant.get("clip"),
                "gate_activation": self.variant.get("gate", "sigmoid"),
                "normalization": norm,
            },
            cell.variant(**self.variant),
            weights,
            projection=True,
        )

    def wrong_reference(self) -> dict[str, Any]:
        """What `run_reference` takes to be wrong in this way."""
        module = self.module()
        if hasattr(module, "forward"):
            return {"lstm": module, "cell": self.case.reference}
        if self.variant is None:
            return {"cell": module.PLAIN}
        return {"cell": module.variant(**self.variant)}

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
        "dh = np.where(valid, dh_old, dh)",
        "dh = dh_old",
    ),
    Mutant(
        "padded steps lose dc",
        "lstm",
        "dc = np.where(valid, dc_old + dc_past, dc)",
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
    Mutant("o sees the old cell", "cell", "p[-1] * c_new)", "p[-1] * c)", {}),
    Mutant(
        "no peephole of f in dc", "cell", "dc_old += dzf * p[1]", "dc_old += 0.0", {}
    ),
    Mutant(
        "a clipped cell passes its gradient",
        "cell",
        "dcell = np.where(np.abs(c_new) < clip, dcell, 0.0)",
        "dcell = 1.0 * dcell",
        {"clip": 0.5},
    ),
    Mutant(
        "coupled forget gate of the wrong sign",
        "cell",
        "dcell * g * factor - dforget if",
        "dcell * g * factor + dforget if",
        {"coupled": True},
    ),
    Mutant(
        "no mean in the gradient of what is normalised",
        "cell",
        "self.scale * (dz - mean - self.z * along)",
        "self.scale * (dz - self.z * along)",
        {"norm": "layer"},
    ),
    Mutant(
        "gain of h at x",
        "cell",
        'zx = weights["gain_ih"] * normals[0].z',
        'zx = weights["gain_hh"] * normals[0].z',
        {"norm": "layer"},
    ),
    Mutant(
        "slope of the hard sigmoid",
        "cell",
        "(y < 1.0)) / 6.0",
        "(y < 1.0)) / 5.0",
        {"gate": "hard_sigmoid"},
    ),
]
