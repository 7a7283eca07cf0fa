"""What an import costs beyond NumPy's own, and how large the package is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fastlstm
import pytest
from fastlstm import _core

LARGEST_WHEEL = 4_000_000
DIST = Path(__file__).parent.parent / "dist"


@pytest.mark.parametrize("module", ["numpy", "fastlstm", "fastlstm.nn"])
def test_import(benchmark, module):
    command = [sys.executable, "-c", f"import {module}"]
    benchmark.pedantic(
        subprocess.check_call, (command,), warmup_rounds=1, rounds=10, iterations=1
    )


def test_installed_size(record_property):
    """The wheel unpacked: Python files and the core, which strip has shortened."""
    package = Path(fastlstm.__file__).parent
    files = [Path(_core.__file__), *package.rglob("*.py"), *package.rglob("*.csv")]
    size = sum(path.stat().st_size for path in files)
    record_property("installed bytes", size)
    print(f"installed: {size / 1e6:.1f} MB")
    assert size < 4 * LARGEST_WHEEL


def test_wheel_size(record_property):
    wheels = sorted(DIST.glob("fastlstm-*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        pytest.skip("no wheel in dist/: python -m build")
    size = wheels[-1].stat().st_size
    record_property("wheel bytes", size)
    print(f"{wheels[-1].name}: {size / 1e6:.1f} MB")
    assert size < LARGEST_WHEEL
