"""Run by test_activations.py once an ISA: the errors of tanh and sigmoid, as JSON.

``python -m tests.activation_worker STRIDE`` looks at every STRIDE-th of the 2^32
float32 bit patterns (1: all of them), at the neighbourhood of every power of two, and
at random and special float64 numbers against 100-bit arithmetic.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import mpmath
import numpy as np
from fastlstm import _core

CHUNK = 1 << 22
FUNCTIONS = {"tanh": _core.tanh, "sigmoid": _core.sigmoid}
EXACT32: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
}
EXACT64: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
}


def evaluate(name: str, x: np.ndarray) -> np.ndarray:
    out = np.full_like(x, np.nan)
    FUNCTIONS[name](x, out)
    return out


class Worst:
    """The largest errors so far, and where."""

    def __init__(self) -> None:
        self.ulp, self.ulp_at, self.tiny = 0.0, 0.0, 0.0

    def add(self, x: np.ndarray, ulp: np.ndarray, tiny: np.ndarray) -> None:
        """Errors in ULP where the result is normal, else absolute; NaN is inf."""
        ulp = np.where(np.isnan(ulp), np.inf, ulp)
        if len(ulp) and ulp.max() > self.ulp:
            self.ulp, self.ulp_at = float(ulp.max()), float(x[ulp.argmax()])
        if len(tiny):
            self.tiny = max(
                self.tiny, float(np.where(np.isnan(tiny), np.inf, tiny).max())
            )


def check32(name: str, bits: np.ndarray, worst: Worst) -> None:
    """float32 against float64, whose own error is 2^-28 of a ULP."""
    x = bits.astype(np.uint32).view(np.float32)
    x = x[~np.isnan(x)]
    with np.errstate(over="ignore"):
        exact = EXACT32[name](x.astype(np.float64))
    difference = np.abs(evaluate(name, x) - exact)
    normal = np.abs(exact) >= 2.0**-126
    ulp = np.ldexp(1.0, np.frexp(exact)[1] - 24)
    worst.add(x[normal], (difference / ulp)[normal], difference[~normal])


def sweep32(name: str, stride: int) -> Worst:
    worst = Worst()
    for start in range(0, 1 << 32, CHUNK * stride):
        stop = min(start + CHUNK * stride, 1 << 32)
        check32(name, np.arange(start, stop, stride, dtype=np.int64), worst)
    powers = np.arange(512, dtype=np.int64) << 23  # every exponent, both signs
    edges = (powers[:, None] + np.arange(-64, 65)).ravel() % (1 << 32)
    check32(name, edges, worst)
    limits = np.arange(0.0, 120.0, 0.01, dtype=np.float32).view(np.uint32)
    check32(name, np.concatenate([limits, limits | 0x80000000]), worst)
    return worst


def points64(rng: np.random.Generator) -> np.ndarray:
    wide = np.ldexp(rng.uniform(-1, 1, 3000), rng.integers(-1070, 12, 3000))
    usual = rng.uniform(-40.0, 40.0, 3000)
    halves = np.arange(-1100, 1101) * (np.log(2.0) / 2)  # where exp changes its power
    limits = np.array(
        [0.0, 5e-324, 2.0**-1022, 19.06, 20.0, 708.0, 709.8, 745.2, 1e308]
    )
    edges = np.concatenate([halves, limits, -limits])
    near = [np.nextafter(edges, -np.inf), edges, np.nextafter(edges, np.inf)]
    return np.concatenate([wide, usual, *near])


def sweep64(name: str) -> Worst:
    mpmath.mp.prec = 100
    x = points64(np.random.default_rng(0))
    actual = evaluate(name, x)
    exact = [EXACT64[name](mpmath.mpf(float(v))) for v in x]
    rounded = np.array([float(e) for e in exact])
    difference = np.array(
        [
            float(abs(mpmath.mpf(float(a)) - e))
            for a, e in zip(actual, exact, strict=True)
        ]
    )
    normal = np.abs(rounded) >= 2.0**-1022
    ulp = np.ldexp(1.0, np.maximum(np.frexp(rounded)[1] - 53, -1074))
    worst = Worst()
    worst.add(x[normal], (difference / ulp)[normal], difference[~normal])
    return worst


if __name__ == "__main__":
    report = {
        f"{name}-{dtype}": vars(
            sweep32(name, int(sys.argv[1])) if dtype == "float32" else sweep64(name)
        )
        for name in FUNCTIONS
        for dtype in ("float32", "float64")
    }
    print(json.dumps({"isa": _core.isa(), **report}))
