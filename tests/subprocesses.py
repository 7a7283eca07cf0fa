"""Python in a process of its own, under an ISA of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run_python(
    *arguments: str, timeout: float = 300.0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """``python *arguments`` at the repository's root, with more environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
