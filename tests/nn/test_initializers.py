"""Starting weights: distributions, biases, and one random_state giving one result."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM, Embedding, Linear
from fastlstm.nn.initializers import glorot_uniform, orthogonal

from ..compare import assert_close
from ..tolerances import VALUE

I, H, P = 35, 67, 33  # noqa: E741
MIXED = {"i": "glorot", "f": "uniform", "g": "orthogonal", "o": "glorot_orthogonal"}


@pytest.mark.parametrize("shape", [(29, 7), (7, 29), (13, 13), (5, 1)])
def test_orthogonal(shape: tuple[int, int], rng: np.random.Generator) -> None:
    q = orthogonal(shape, rng)
    assert q.shape == shape
    product = q.T @ q if shape[0] >= shape[1] else q @ q.T
    assert_close(product, np.eye(min(shape)), VALUE["float64"])


def test_orthogonal_signs_are_uniform(rng: np.random.Generator) -> None:
    # Without the signs of R, LAPACK's Q has a diagonal of one sign.
    diagonals = np.concatenate([np.diag(orthogonal((5, 5), rng)) for _ in range(50)])
    assert 80 < np.sum(diagonals > 0) < 170


def test_glorot_bound(rng: np.random.Generator) -> None:
    w = glorot_uniform((40, 60), rng)
    bound = np.sqrt(6.0 / 100.0)
    assert 0.99 * bound < np.abs(w).max() <= bound


@pytest.mark.parametrize("suffix", ["l0", "l0_reverse", "l1", "l1_reverse"])
def test_glorot_orthogonal(suffix: str) -> None:
    lstm = LSTM(
        I,
        [H, H + 2],
        bidirectional=True,
        projection_size=P,
        forget_bias=1.5,
        dtype="float64",
        random_state=0,
    )
    params = {name: lstm.params[f"{name}_{suffix}"] for name in ("weight_ih", "bias")}
    hidden = H + 2 * suffix.startswith("l1")
    bias = params["bias"].reshape(4, hidden)
    np.testing.assert_array_equal(bias, np.outer([0.0, 1.5, 0.0, 0.0], np.ones(hidden)))
    w = lstm.params[f"weight_hh_{suffix}"]
    assert_close(w.T @ w, np.eye(P), VALUE["float64"])
    for name in ("weight_ih", "weight_hr"):
        w = lstm.params[f"{name}_{suffix}"]
        bound = np.sqrt(6.0 / sum(w.shape))
        assert 0.97 * bound < np.abs(w).max() <= bound


def test_uniform_is_torchs() -> None:
    plain = LSTM(I, H, initializer="uniform", forget_bias=0.0, random_state=0)
    k = 1.0 / np.sqrt(H)
    for name in ("weight_ih_l0", "weight_hh_l0"):
        assert 0.99 * k < np.abs(plain.params[name]).max() <= k
    bias = plain.params["bias_l0"]
    assert k < np.abs(bias).max() <= 2 * k, "the sum of torch's two"
    shifted = LSTM(I, H, initializer="uniform", forget_bias=2.0, random_state=0)
    difference = (shifted.params["bias_l0"] - bias).reshape(4, H)
    assert_close(difference[1], np.full(H, 2.0), VALUE["float32"])
    assert not difference[[0, 2, 3]].any()


def test_without_bias() -> None:
    lstm = LSTM(I, H, bias=False, random_state=0)
    assert list(lstm.params) == ["weight_ih_l0", "weight_hh_l0"]


LAYERS = [
    lambda **options: LSTM(5, 7, 2, **options),
    lambda **options: LSTM(5, 7, 2, initializer="uniform", **options),
    lambda **options: LSTM(5, 7, 2, peephole=True, initializer=MIXED, **options),
    lambda **options: Linear(5, 7, **options),
    lambda **options: Linear(5, 7, initializer="uniform", **options),
    lambda **options: Embedding(5, 7, **options),
    lambda **options: Embedding(5, 7, initializer="uniform", **options),
]


@pytest.mark.parametrize("build", LAYERS)
def test_random_state(build: Any) -> None:
    first = build(random_state=3).params.flat
    np.testing.assert_array_equal(build(random_state=3).params.flat, first)
    assert (build(random_state=4).params.flat != first).any()
    wide = build(random_state=3, dtype="float64").params.flat
    np.testing.assert_array_equal(wide.astype(np.float32), first)
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(build(random_state=rng).params.flat, first)
    assert (build(random_state=rng).params.flat != first).any(), "it moves on"
    build(random_state=np.random.RandomState(3))
    assert (build().params.flat != build().params.flat).any()


def test_weights_do_not_depend_on_the_threads_of_blas() -> None:
    code = (
        "import hashlib; from fastlstm.nn import LSTM;"
        "flat = LSTM(35, 257, random_state=0).params.flat;"
        "print(hashlib.sha256(flat.tobytes()).hexdigest())"
    )
    digests = set()
    for threads in ("1", "2", "3"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", code]
        digests.add(subprocess.check_output(command, env=environment))
    assert len(digests) == 1


@pytest.mark.parametrize("initializer", ["glorot_orthogonal", "uniform"])
def test_chrono(initializer: str) -> None:
    lstm = LSTM(I, H, initializer=initializer, chrono_steps=400, random_state=0)
    i, f, g, o = lstm.params["bias_l0"].reshape(4, H)
    np.testing.assert_array_equal(i, -f)
    lag = np.exp(f.astype(np.float64))
    assert 1.0 <= lag.min() < 50.0 < 350.0 < lag.max() <= 399.01
    assert np.all(np.abs([g, o]) <= (0.0 if initializer[0] == "g" else 2 / np.sqrt(H)))
    coupled = LSTM(I, H, coupled_gates=True, chrono_steps=400, random_state=0)
    i, g, o = coupled.params["bias_l0"].reshape(3, H)
    assert -np.log(399.01) <= i.min() < i.max() <= 0.0
    assert not np.any([g, o])
    with pytest.raises(ValueError, match="chrono_steps must be at least 3, got 2"):
        LSTM(I, H, chrono_steps=2)
    with pytest.raises(ValueError, match="bias=False"):
        LSTM(I, H, bias=False, chrono_steps=10)


def test_coupled_gates_remember_at_the_start() -> None:
    lstm = LSTM(I, H, coupled_gates=True, forget_bias=1.5, random_state=0)
    i, g, o = lstm.params["bias_l0"].reshape(3, H)
    np.testing.assert_array_equal(i, np.float32(-1.5))  # f = 1 - sigmoid(-1.5)
    assert not np.any([g, o])


def test_peepholes() -> None:
    zero = LSTM(I, H, peephole=True, random_state=0).params["weight_ch_l0"]
    assert zero.shape == (3 * H,)
    assert not zero.any()
    drawn = LSTM(I, H, peephole=True, initializer="uniform", random_state=0)
    spread = np.abs(drawn.params["weight_ch_l0"]).max()
    assert 0.9 / np.sqrt(H) < spread <= 1.0 / np.sqrt(H)


def assert_uniform(block: np.ndarray, bound: float) -> None:
    assert 0.99 * bound < np.abs(block).max() <= bound
    spread = np.sqrt(3.0 * np.mean(np.square(block, dtype=np.float64)))
    assert 0.93 * bound < spread < 1.07 * bound


def assert_orthogonal(block: np.ndarray) -> None:
    assert_close(block.T @ block, np.eye(block.shape[1]), VALUE["float64"])


@pytest.mark.parametrize("suffix", ["l0", "l0_reverse", "l1", "l1_reverse"])
def test_each_gate_alone(suffix: str) -> None:
    lstm = LSTM(
        I,
        H,
        2,
        bidirectional=True,
        projection_size=P,
        peephole=True,
        initializer=dict(reversed(MIXED.items())),
        forget_bias=1.5,
        dtype="float64",
        random_state=0,
    )
    assert [*lstm.initializer] == ["i", "f", "g", "o"]
    inputs = 2 * P if suffix.startswith("l1") else I
    blocks = {
        gate: (w_ih, w_hh)
        for gate, w_ih, w_hh in zip(
            "ifgo",
            lstm.params[f"weight_ih_{suffix}"].reshape(4, H, inputs),
            lstm.params[f"weight_hh_{suffix}"].reshape(4, H, P),
            strict=True,
        )
    }
    k = 1.0 / np.sqrt(H)
    for block in blocks["i"]:
        assert_uniform(block, np.sqrt(6.0 / sum(block.shape)))
    for block in blocks["f"]:
        assert_uniform(block, k)
    for block in blocks["g"]:
        assert_orthogonal(block)
    assert_uniform(blocks["o"][0], np.sqrt(6.0 / (H + inputs)))
    assert_orthogonal(blocks["o"][1])
    assert_uniform(lstm.params[f"weight_hr_{suffix}"], np.sqrt(6.0 / (P + H)))
    i, f, g, o = lstm.params[f"bias_{suffix}"].reshape(4, H)
    assert not np.any([i, g, o])
    assert k < np.abs(f - 1.5).max() <= 2 * k, "the sum of torch's two"
    i, f, o = lstm.params[f"weight_ch_{suffix}"].reshape(3, H)
    assert not np.any([i, o])
    assert 0.9 * k < np.abs(f).max() <= k


def test_orthogonal_by_gate_is_not_orthogonal_as_a_whole() -> None:
    lstm = LSTM(
        I,
        H,
        initializer=dict.fromkeys("ifgo", "glorot_orthogonal"),
        dtype="float64",
        random_state=0,
    )
    whole = LSTM(I, H, dtype="float64", random_state=0)
    for gate in lstm.params["weight_hh_l0"].reshape(4, H, H):
        assert_orthogonal(gate)
    gates = lstm.params["weight_hh_l0"].reshape(4, -1)
    cosines = np.corrcoef(gates)[~np.eye(4, dtype=bool)]
    assert np.abs(cosines).max() < 5.0 / H, "each gate has draws of its own"
    assert_orthogonal(whole.params["weight_hh_l0"])
    for lone, quarter in ((lstm, 1.0), (whole, 0.5)):
        norms = np.linalg.norm(
            lone.params["weight_hh_l0"].reshape(4, H, H), axis=(1, 2)
        )
        assert np.abs(norms / np.sqrt(H) - quarter).max() < 0.05


def test_gates_of_a_coupled_cell() -> None:
    ways = {"i": "glorot", "g": "orthogonal", "o": "uniform"}
    lstm = LSTM(
        I,
        H,
        coupled_gates=True,
        peephole=True,
        initializer=ways,
        forget_bias=1.5,
        dtype="float64",
        random_state=0,
    )
    i, g, o = lstm.params["weight_hh_l0"].reshape(3, H, H)
    k = 1.0 / np.sqrt(H)
    assert_uniform(i, np.sqrt(6.0 / (2 * H)))
    assert_orthogonal(g)
    assert_uniform(o, k)
    i, g, o = lstm.params["bias_l0"].reshape(3, H)
    np.testing.assert_array_equal(i, -1.5)
    assert not g.any()
    assert k < np.abs(o).max() <= 2 * k
    i, o = lstm.params["weight_ch_l0"].reshape(2, H)
    assert not i.any()
    assert o.any()


@pytest.mark.parametrize(
    ("initializer", "options", "match"),
    [
        ({"i": "glorot"}, {}, r"gates \('i', 'f', 'g', 'o'\), got \('i',\)"),
        (dict.fromkeys("ifgox", "glorot"), {}, r"got \('i', 'f', 'g', 'o', 'x'\)"),
        (dict.fromkeys("ifgo", "ones"), {}, r"initializer\['i'\] .* got 'ones'"),
        (dict.fromkeys("ifgo"), {}, r"initializer\['i'\] must be one of .* got None"),
        (MIXED, {"coupled_gates": True}, r"coupled gates have no weights .* for f"),
        ("orthogonal", {}, "initializer must be one of .* got 'orthogonal'"),
        (["glorot"] * 4, {}, "initializer must be one of .* got"),
    ],
)
def test_refuses(initializer: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        LSTM(I, H, initializer=initializer, **options)
