"""Threads that were promised and did not come, limits, forks, streams' states."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fastlstm
import numpy as np
import pytest
from fastlstm import _core, get_num_threads
from fastlstm.nn import LSTM
from threadpoolctl import threadpool_limits

from .subprocesses import run_python

# One thread, then five: a merged input product (64 features), two layers, training.
FEWER = """
import numpy as np, fastlstm
from fastlstm.nn import LSTM
x = np.random.default_rng(0).standard_normal((32, 60, 64), dtype=np.float32)
kept = x.copy()
lstm = LSTM(64, 37, 2, random_state=0)
def run(threads):
    fastlstm.set_num_threads(threads)
    y, _ = lstm(x)
    z, _, cache = lstm.forward(x)
    lstm.zero_grad()
    dx, _ = lstm.backward(z, cache)
    return y, z, dx, lstm.grads.flat.copy()
for one, many in zip(run(1), run(5)):
    assert np.array_equal(one, many)
assert np.array_equal(x, kept)
"""


@pytest.mark.parametrize(
    "variable", ["OMP_THREAD_LIMIT=1", "OMP_THREAD_LIMIT=2", "OMP_DYNAMIC=true"]
)
def test_fewer_threads_than_planned(variable: str) -> None:
    name, value = variable.split("=")
    done = run_python("-c", FEWER, **{name: value})
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_cache_from_before_a_fork() -> None:
    code = (
        "import os, numpy as np, fastlstm\n"
        "from fastlstm.nn import LSTM\n"
        "fastlstm.set_num_threads(2)\n"
        "lstm = LSTM(5, 64, random_state=0)\n"
        "y, _, cache = lstm.forward(np.ones((32, 50, 5), np.float32))\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    lstm.backward(y, cache)\n"
        "    os._exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
    )
    done = run_python("-c", code, timeout=60)
    assert done.returncode == 0, done.stderr


def test_limits_of_others_hold_for_a_while(threads: Any) -> None:
    threads(8)
    with threadpool_limits(4):
        assert get_num_threads() == 4
    assert get_num_threads() == 8


def test_back_to_the_default(threads: Any) -> None:
    _core.set_num_threads(0)
    default = get_num_threads()
    threads(default + 3)
    assert _core.requested_threads() == get_num_threads() == default + 3
    fastlstm.set_num_threads(None)
    assert get_num_threads() == default


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ((np.ones((3, 2, 5), "f4"),) * 2, ValueError, r"\(3, 2, 5\); expected \(2, 3"),
        ((np.full((2, 3, 5), np.nan, "f4"),) * 2, ValueError, "NaN or inf"),
        ((np.ones((2, 3, 5)),) * 2, TypeError, "float64; expected float32"),
        ((1.0, 2.0), TypeError, "not an array"),
        ((np.ones((2, 3, 5), "f4"),), ValueError, "pair"),
        (np.ones((2, 3, 5), "f4"), TypeError, "pair .* got numpy.ndarray"),
    ],
    ids=["shape", "NaN", "dtype", "number", "one", "array"],
)
def test_stream_refuses_states(state: Any, error: Any, message: str) -> None:
    stream = LSTM(4, 5, 2, random_state=0).stream(3)
    stream.step(np.ones((3, 4), np.float32))
    before = stream.state
    with pytest.raises(error, match=message):
        stream.state = state
    for old, new in zip(before, stream.state, strict=True):
        np.testing.assert_array_equal(old, new)


STEPS: Any = [
    ([[0.0] * 4] * 3, TypeError, r"float32 of shape \(3, 4\), got list"),
    (None, TypeError, "got NoneType"),
    (np.ones((3, 4)), TypeError, r"got float64: .*asarray\(x_t, dtype=np.float32\)"),
    (np.ma.ones((3, 4), "f4"), TypeError, "masked"),
    (np.ones((3, 5), "f4"), ValueError, r"\(3, 5\); expected \(3, 4\)"),
    (np.full((3, 4), np.nan, "f4"), ValueError, "nan at row 0, feature 0"),
]


@pytest.mark.parametrize(("x_t", "error", "message"), STEPS)
def test_stream_refuses_steps(x_t: Any, error: Any, message: str) -> None:
    stream = LSTM(4, 5, random_state=0).stream(3)
    with pytest.raises(error, match=message):
        stream.step(x_t)
    good = np.ones((3, 4), np.float32)
    for out in ([0.0] * 5, np.ones((3, 5)), np.ones((3, 4), "f4")):
        with pytest.raises((TypeError, ValueError), match="out"):
            stream.step(good, out)
    assert not stream.state[0].any(), "a refused step changes nothing"
    assert repr(stream).startswith("Stream(batch_size=3, path='")


def test_streams_of_two_threads(threads: Any) -> None:
    """Each has the bits that it has alone; one team at a time."""
    threads(2)
    lstm = LSTM(8, 200, random_state=0)
    x = np.random.default_rng(0).standard_normal((300, 1, 8), dtype=np.float32)

    def walk(seed: int) -> np.ndarray:
        stream = lstm.stream()
        return np.stack([stream.step(x[(t + seed) % 300]) for t in range(300)])

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(walk, range(2)))
    for seed, ys in enumerate(both):
        np.testing.assert_array_equal(ys, walk(seed))


@pytest.mark.parametrize("sizes", [5, (5, 7)], ids=["equal", "unequal"])
def test_stream_goes_on_from_a_state(sizes: Any) -> None:
    lstm = LSTM(4, sizes, 2, random_state=0)
    x = np.random.default_rng(0).standard_normal((6, 3, 4), dtype=np.float32)
    whole, half = lstm.stream(3), lstm.stream(3)
    for t in range(3):
        whole.step(x[t])
    half.state = whole.state
    for t in range(3, 6):
        np.testing.assert_array_equal(half.step(x[t]), whole.step(x[t]))
