"""Every example runs to its end, and what it is to show is there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from fastlstm.data import load_seattle_weather

from .subprocesses import ROOT, run_python


def test_every_example_is_run() -> None:
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert names == {"inside_the_cell.py", "tune_with_optuna.py"}


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


def test_tune_with_optuna() -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    done = run_python("-W", "error", "examples/tune_with_optuna.py", "--trials", "12")
    assert done.returncode == 0, done.stderr
    pruned, trials = re.findall(r"(\d+) of (\d+) trials pruned", done.stdout)[0]
    assert trials == "12"
    assert 0 < int(pruned) < 8  # the first four never are
    lines = re.findall(r"trial +\d+: (\w+) +after +(\d+) epochs", done.stdout)
    assert [state for state, _ in lines].count("pruned") == int(pruned)
    lasted = {state: [int(n) for s, n in lines if s == state] for state, _ in lines}
    assert max(lasted["pruned"]) < np.mean(lasted["complete"])
    best, again = re.findall(r"R\^2: ([\d.]+), fitted again ([\d.]+)", done.stdout)[0]
    assert best == again
    error, naive = re.findall(r"([\d.]+) degrees C, .* ([\d.]+)", done.stdout)[0]
    last_year = load_seattle_weather().temp_max[-366:]
    assert naive == f"{np.abs(np.diff(last_year)).mean():.3f}"
    assert float(error) < 0.97 * float(naive)
