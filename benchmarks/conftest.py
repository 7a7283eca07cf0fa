"""Benchmarks import their shapes by plain name, run from anywhere."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
