"""Every example runs to its end, and what it is to show is there."""

from __future__ import annotations

import re
from pathlib import Path

from .subprocesses import ROOT, run_python


def test_every_example_is_run() -> None:
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert names == {"inside_the_cell.py"}


def test_inside_the_cell(tmp_path: Path) -> None:
    picture = tmp_path / "gates.png"
    done = run_python(
        *("examples/inside_the_cell.py", "--updates", "800", "--plot", str(picture)),
        MPLBACKEND="agg",
    )
    assert done.returncode == 0, done.stderr
    error, naive = map(
        float, re.findall(r"new sequences: .* ([\d.]+), naive ([\d.]+)", done.stdout)[0]
    )
    assert error < naive / 10  # the worst of ten seeds: a two-hundredth
    at_mark, otherwise = map(
        float, re.findall(r"lets in ([\d.]+) at a mark and ([\d.]+)", done.stdout)[0]
    )
    assert at_mark > 3 * otherwise
    assert picture.read_bytes().startswith(b"\x89PNG")
