"""Calls in threads, after forks, and with caches that do not belong."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastlstm import _core
from fastlstm.nn import LSTM
from numpy.lib.stride_tricks import as_strided

from .compare import assert_same_bits
from .subprocesses import run_python

N, T, I, H = 3, 5, 7, 11  # noqa: E741


def make() -> LSTM:
    return LSTM(I, H, random_state=0)


def test_threads_on_one_layer(rng: np.random.Generator) -> None:
    layer = LSTM(21, 65, 2, dropout=0.5, random_state=0)
    xs = rng.standard_normal((4, 9, 15, 21)).astype(np.float32)

    def train(x: np.ndarray) -> np.ndarray:
        grads = layer.params.new_grads()
        for seed in range(20):
            y, _, cache = layer.forward(x, mask_seed=seed)
            layer.backward(y, cache, grads=grads)
        return grads.flat

    expected = [train(x) for x in xs]
    with ThreadPoolExecutor(4) as pool:
        actual = list(pool.map(train, xs))
    for a, b in zip(actual, expected, strict=True):
        assert a.tobytes() == b.tobytes()


def test_inference_beside_training(rng: np.random.Generator) -> None:
    layer = LSTM(21, 65, random_state=0)
    x = rng.standard_normal((9, 15, 21)).astype(np.float32)
    expected, _ = layer(x)
    with ThreadPoolExecutor(4) as pool:
        calls = [layer, layer.forward] * 40
        for result in pool.map(lambda call: call(x)[0], calls):
            assert result.tobytes() == expected.tobytes()


FORK = """
import os, sys, threading
import numpy as np
import fastlstm
from fastlstm.nn import LSTM

fastlstm.set_num_threads(2)
layer = LSTM(33, 129, random_state=0)
x = np.random.default_rng(0).standard_normal((33, 15, 33)).astype("float32")

def run():
    y, _, cache = layer.forward(x)
    grads = layer.params.new_grads()
    layer.backward(y, cache, grads=grads)
    return y.tobytes() + grads.flat.tobytes()

expected = run()
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0 if run() == expected and fastlstm.get_num_threads() == 1 else 3)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    assert run() == expected  # and the parent still works
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_fork_after_a_parallel_region() -> None:
    done = run_python("-W", "ignore::DeprecationWarning", "-c", FORK, timeout=120.0)
    assert done.returncode == 0, done.stderr


def test_caches_are_used_once_by_their_own_layer(rng: np.random.Generator) -> None:
    layer, other = make(), make()
    x = rng.standard_normal((N, T, I)).astype(np.float32)
    dy = np.ones((N, T, H), np.float32)
    _, _, cache = layer.forward(x)
    before = layer.grads.flat.copy()
    with pytest.raises(ValueError, match="another layer"):
        other.backward(dy, cache)
    with pytest.raises(ValueError, match=r"\(3, 5, 11\)"):
        layer.backward(dy[:, 1:], cache)
    assert_same_bits({"g": layer.grads.flat}, {"g": before})
    layer.backward(dy, cache)
    before = layer.grads.flat.copy()
    with pytest.raises(ValueError, match="used"):
        layer.backward(dy, cache)
    _, _, cache = layer.forward(x)
    layer.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="outdated"):
        layer.backward(dy, cache)
    assert_same_bits({"g": layer.grads.flat}, {"g": before})


def core_pass() -> tuple[Any, dict[str, Any]]:
    """A `_core.LSTM` after a forward, and the arguments of its backward."""
    core = _core.LSTM(I, [H], False, True, 0, "float32")
    flat = np.full(core.parameter_count, 0.1, np.float32)
    core.set_parameters(flat, 1)
    x = np.ones((N, T, I), np.float32)
    y = np.empty((N, T, H), np.float32)
    hn, cn = np.empty(N * H, np.float32), np.empty(N * H, np.float32)
    return core, {
        "cache": core.forward(x, y, None, None, hn, cn, None, False, 0, None),
        "dy": np.ones_like(y),
        "dhn": np.ones_like(hn),
        "dcn": np.ones_like(cn),
        "grads": np.zeros_like(flat),
        "dx": np.zeros_like(x),
        "dh0": np.zeros_like(hn),
        "dc0": np.zeros_like(cn),
        "x": x,
    }


def core_backward(core: Any, arguments: dict[str, Any]) -> None:
    core.backward(*(value for name, value in arguments.items() if name != "x"))


def read_only(a: np.ndarray) -> np.ndarray:
    return np.broadcast_to(a, a.shape)


WRONG: dict[str, dict[str, Any]] = {
    "dy of other steps": {"dy": lambda a: a["dy"][:, 1:]},
    "dy byte-swapped": {"dy": lambda a: a["dy"].astype(">f4")},
    "dhn too short": {"dhn": lambda a: a["dhn"][1:]},
    "dcn float64": {"dcn": lambda a: a["dcn"].astype(np.float64)},
    "grads too short": {"grads": lambda a: a["grads"][1:]},
    "grads strided": {"grads": lambda a: np.repeat(a["grads"], 2)[::2]},
    "grads read-only": {"grads": lambda a: read_only(a["grads"])},
    "dx of other features": {"dx": lambda a: a["dx"][:, :, 1:]},
    "dx is x": {"dx": lambda a: a["x"]},
    "dx inside dy": {"dx": lambda a: a["dy"][:, :, :I]},
    "dx one row for all": {"dx": lambda a: as_strided(a["dx"], (N, T, I), (0, 0, 4))},
    "dh0 is dc0": {"dh0": lambda a: a["dc0"]},
    "dh0 inside grads": {"dh0": lambda a: a["grads"][: N * H]},
    "dc0 inside dy": {"dc0": lambda a: a["dy"].reshape(-1)[: N * H]},
}


@pytest.mark.parametrize("what", WRONG)
def test_core_backward_refuses(what: str) -> None:
    core, arguments = core_pass()
    right = dict(arguments)
    for name, change in WRONG[what].items():
        arguments[name] = change(right)
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
            core_backward(core, arguments)
    assert not right["grads"].any(), "nothing half-changed"
    core_backward(core, right)  # and the cache still serves
    assert right["grads"].any()


def test_core_caches_are_used_once_by_their_own_layer() -> None:
    (core, arguments), (other, _) = core_pass(), core_pass()
    with pytest.raises(ValueError, match="cache"):
        core_backward(other, arguments)
    core_backward(core, arguments)
    with pytest.raises(ValueError, match="cache"):
        core_backward(core, arguments)
    core, arguments = core_pass()
    core.set_parameters(np.full(core.parameter_count, 0.1, np.float32), 2)
    with pytest.raises(ValueError, match="cache"):
        core_backward(core, arguments)


def test_core_cache_of_running_statistics() -> None:
    """As trace has it: the statistics are not this batch's, backward needs those."""
    layer = LSTM(I, H, normalization="batch", random_state=0)
    x, y = np.ones((N, T, I), np.float32), np.empty((N, T, H), np.float32)
    grads = np.zeros_like(layer.params.flat)
    core = layer.compiled
    cache = core.forward(x, y, None, None, None, None, None, False, 0, None, "store")
    with pytest.raises(ValueError, match="running statistics"):
        core.backward(cache, np.ones_like(y), None, None, grads, None, None, None)
    assert not grads.any()
    before = layer.state_dict()
    with pytest.raises(ValueError, match="batch statistics"):
        layer.learn(cache)
    assert_same_bits(layer.state_dict(), before)


def test_long_calls_release_the_gil(rng: np.random.Generator) -> None:
    layer = LSTM(129, 257, random_state=0)
    x = rng.standard_normal((33, 129, 129)).astype(np.float32)
    running = threading.Event()
    running.set()
    ticks = []

    def tick() -> None:
        while running.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    y, _, cache = layer.forward(x)
    middle = time.perf_counter()
    layer.backward(y, cache)
    end = time.perf_counter()
    running.clear()
    thread.join()
    for start, stop in ((begin, middle), (middle, end)):
        # Python checks the GIL between calls too: only what lies inside counts.
        inside = [t for t in ticks if start + 0.002 < t < stop - 0.002]
        assert len(inside) > 1, f"held for {stop - start:.3f} s"
