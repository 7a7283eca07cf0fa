"""The core's own timers: what ran shows, what did not is left out, nothing lingers."""

import time

import fastlstm
import numpy as np
import pytest
from fastlstm import _core
from fastlstm.nn import LSTM


def test_phases_of_inference_and_training():
    lstm = LSTM(40, 24, 2, dropout=0.5, random_state=0)
    x = np.ones((5, 30, 40), np.float32)
    with fastlstm.profile() as inference:
        assert inference == {}
        lstm(x)
    assert {"pack", "prepare", "input", "step"} <= set(inference)
    assert not {"cell", "hidden", "weights", "dx", "dropout"} & set(inference)
    with fastlstm.profile() as training:
        y, _, cache = lstm.forward(x)
        lstm.backward(y, cache)
    assert {"step", "cell", "hidden", "weights", "dx", "dropout"} <= set(training)


def test_time_is_within_the_block():
    lstm = LSTM(8, 64, random_state=0)
    x = np.ones((16, 50, 8), np.float32)
    begin = time.perf_counter()
    with fastlstm.profile() as phases:
        for _ in range(5):
            lstm(x)
    passed = time.perf_counter() - begin
    assert 0 < sum(phases.values()) <= passed * fastlstm.get_num_threads()


def test_an_error_ends_it():
    try:
        with fastlstm.profile() as phases:
            raise KeyError
    except KeyError:
        pass
    LSTM(2, 3)(np.ones((1, 2, 2), np.float32))  # not counted any more
    assert phases == {}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rate_of_multiply_adds(dtype):
    assert _core.fma_rate(1, 0.01, dtype) > 1e8  # a slow CPU of the nineties


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backward", [False, True])
def test_rate_of_cells(dtype, backward):
    assert _core.cell_rate(1, 0.01, dtype, backward) > 1e5


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_rate_of_reads(size):
    assert _core.read_rate(2, 0.01, size) > 1e7
    with pytest.raises(ValueError, match="bytes is 0"):
        _core.read_rate(1, 0.01, 0)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((0, 0.1), "threads"), ((1, -1.0), "seconds"), ((1, 0.1, "float16"), "dtype")],
)
def test_rate_of_nothing(arguments, named):
    with pytest.raises(ValueError, match=named):
        _core.fma_rate(*arguments)
