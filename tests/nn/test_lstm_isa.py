"""Each ISA against generic and generic against the reference, at sizes 1 to 97."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastlstm import _core

from ..cases import DTYPES
from ..compare import assert_all_close
from ..runs import Arrays, run_reference
from ..subprocesses import run_python
from ..tolerances import GRADIENT, PAIR_GRADIENT, PAIR_VALUE, VALUE
from .isa_worker import SIZES, case

ISAS = _core.available_isas()
Results = Callable[[str], dict[str, dict[int, Arrays]]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Results of a whole worker by dtype and size; each ISA runs once."""

    @functools.cache
    def of(isa: str) -> dict[str, dict[int, Arrays]]:
        path: Path = tmp_path_factory.mktemp("isa") / f"{isa}.npz"
        done = run_python("-m", "tests.nn.isa_worker", str(path), FASTLSTM_ISA=isa)
        assert done.returncode == 0, done.stderr
        out: dict[str, dict[int, Arrays]] = {dtype: {} for dtype in DTYPES}
        with np.load(path) as archive:
            for key in archive:
                dtype, k, name = key.split("/")
                out[dtype].setdefault(int(k), {})[name] = archive[key]
        return out

    return of


def test_generic_is_there() -> None:
    assert ISAS[0] == "generic"
    assert _core.isa() in ISAS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_against_generic(isa: str, dtype: str, results: Results) -> None:
    if isa == "generic":
        cases = {k: case(k, dtype) for k in SIZES}
        expected = {
            k: run_reference(problem, cell.reference)
            for k, (cell, problem, _) in cases.items()
        }
        value, gradient = VALUE[dtype], GRADIENT[dtype]
    else:
        expected = results("generic")[dtype]
        value, gradient = PAIR_VALUE[dtype], PAIR_GRADIENT[dtype]
    actual = results(isa)[dtype]
    for k in SIZES:
        assert_all_close(actual[k], expected[k], value, gradient)


@pytest.mark.parametrize("isa", ISAS)
def test_override(isa: str) -> None:
    code = (
        "import numpy as np; from fastlstm import _core; from fastlstm.nn import LSTM;"
        "layer = LSTM(3, 5); layer(np.ones((3, 7, 3), np.float32));"
        "print(_core.isa(), layer.path)"
    )
    done = run_python("-c", code, FASTLSTM_ISA=isa)
    assert done.returncode == 0, done.stderr
    chosen, path = done.stdout.split(maxsplit=1)
    assert chosen == isa
    assert isa in path


@pytest.mark.parametrize("isa", ["nonsense", "AVX2", "neon"])
def test_unusable_isa_is_an_error(isa: str) -> None:
    if isa in ISAS:
        isa = "avx2"  # what an AArch64 machine lacks
    code = (
        "import numpy as np; from fastlstm.nn import LSTM;"
        "LSTM(3, 5)(np.ones((3, 7, 3), np.float32))"
    )
    done = run_python("-c", code, FASTLSTM_ISA=isa)
    assert done.returncode == 1, "an exception, neither success nor a crash"
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError")
    assert isa in last
    assert "generic" in last, "the message lists what this machine has"
