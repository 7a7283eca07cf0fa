"""tanh and sigmoid within 4 ULP on every ISA.

The suite looks at every 257th float32; ``FASTLSTM_FULL_SWEEP=1`` looks at all 2^32 of
them (minutes for each ISA and function).
"""

from __future__ import annotations

import functools
import json
import os
from typing import Any

import numpy as np
import pytest
from fastlstm import _core

from .cases import DTYPES
from .subprocesses import run_python
from .tolerances import ACTIVATION_TINY, ACTIVATION_ULP

FULL = bool(os.environ.get("FASTLSTM_FULL_SWEEP"))
STRIDE = 1 if FULL else 257  # a prime: no pattern of low bits is left out
NAMES = ["tanh", "sigmoid"]


@functools.cache
def report(isa: str) -> Any:
    done = run_python(
        "-m",
        "tests.activation_worker",
        str(STRIDE),
        FASTLSTM_ISA=isa,
        timeout=7200.0 if FULL else 300.0,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("isa", _core.available_isas())
def test_error(isa: str, name: str, dtype: str) -> None:
    assert report(isa)["isa"] == isa
    worst = report(isa)[f"{name}-{dtype}"]
    assert worst["ulp"] <= ACTIVATION_ULP.limit, worst
    assert worst["tiny"] <= ACTIVATION_TINY[dtype].limit, worst


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], dtype)
    tanh, sigmoid = np.empty_like(x), np.empty_like(x)
    _core.tanh(x, tanh)
    _core.sigmoid(x, sigmoid)
    np.testing.assert_array_equal(tanh, [np.nan, 1.0, -1.0, 0.0, -0.0])
    assert np.isnan(sigmoid[0])
    assert sigmoid[1] == 1.0
    assert 0.0 <= sigmoid[2] <= ACTIVATION_TINY[dtype].limit
    np.testing.assert_array_equal(sigmoid[3:], [0.5, 0.5])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_same_bits_at_any_place(
    name: str, dtype: str, rng: np.random.Generator
) -> None:
    # What a vector computes and what its remainder computes must not differ.
    function = getattr(_core, name)
    x = (4.0 * rng.standard_normal(97)).astype(dtype)
    whole = np.empty_like(x)
    function(x, whole)
    for n in range(1, 98):
        out = np.full(n + 1, 7.0, dtype)
        function(x[-n:], out[:n])
        assert out[:n].tobytes() == whole[-n:].tobytes()
        assert out[n] == 7.0, "written beyond the end"
