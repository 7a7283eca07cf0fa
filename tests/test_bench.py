"""``fastlstm bench``: who is asked computes the right thing, and what is made of it.

No test asserts a time: a machine under test is a busy machine.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import fastlstm
import numpy as np
import pytest
from fastlstm.bench.contestants import CONTESTANTS, PEERS, base
from fastlstm.bench.problem import Problem
from fastlstm.bench.processes import ContestantError, Process
from fastlstm.bench.report import as_text
from fastlstm.bench.results import OURS, Results, Row, Timing
from fastlstm.bench.runner import run
from fastlstm.bench.shapes import MODES, TABLES, Job, Shape, jobs, parse_shapes
from fastlstm.cli import main

from .compare import assert_close
from .reference import lstm as reference
from .subprocesses import run_python
from .tolerances import GRADIENT, VALUE

SMALL = Shape(3, 7, 5, 9)
DTYPES = {name: ["float32", "float64"] for name in CONTESTANTS}
DTYPES["onnxruntime"] = DTYPES["openvino"] = ["float32"]


class Silent:
    """A watcher that does something of its own when the first round is over."""

    def __init__(self, then: Any = None) -> None:
        self.then = then

    def begin(self, total: float) -> None:
        assert total > 0

    def advance(self, amount: float, what: str) -> None:
        if amount and self.then is not None:
            self.then()


@pytest.fixture(autouse=True)
def nobody_lingers() -> Iterator[None]:
    yield
    assert not multiprocessing.active_children()


def need(name: str) -> None:
    if CONTESTANTS[name].missing():
        pytest.skip(f"{name} is not installed")


def bench(
    chosen: list[Job], *peers: str, rounds: int = 1, watcher: Any = None
) -> Results:
    return run(
        chosen,
        peers,
        threads=1,
        dtype="float32",
        rounds=rounds,
        memory=False,
        watcher=watcher or Silent(),
    )


def expected(job: Job, dtype: str) -> tuple[list[np.ndarray], Any]:
    """What every way of a mode has to compute, by the reference, and how exactly."""
    problem = Problem(job, dtype)
    params = {
        "weight_ih_l0": problem.weight_ih,
        "weight_hh_l0": problem.weight_hh,
        "bias_l0": problem.bias,
    }
    if job.mode == "stream":  # the second step of two
        twice = np.repeat(problem.x, 2, axis=1)
        return [reference.forward(params, twice)[1][0]], VALUE[dtype]
    y, h, c, cache = reference.forward(params, problem.x, lengths=problem.lengths)
    if job.mode == "infer":
        return [y, h[0], c[0]], VALUE[dtype]
    dx, _, _, grads = reference.backward(cache, problem.dy)
    return [dx, *(grads[name] for name in params)], GRADIENT[dtype]


@pytest.mark.parametrize("name", CONTESTANTS)
def test_contestants_compute_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(name)
    # What JAX compiles is used twice.
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    with ExitStack() as stack:
        processes = {  # all of them start before the first is waited for
            dtype: stack.enter_context(closing(Process(name, 1, dtype)))
            for dtype in DTYPES[name]
        }
        for dtype, process in processes.items():
            assert process.version()[0].isdigit()
            for mode in MODES if dtype == "float32" else ["infer"]:
                check(name, process, dtype, mode)


def check(name: str, process: Process, dtype: str, mode: str) -> None:
    job = Job(mode, SMALL._replace(steps=1) if mode == "stream" else SMALL)
    results, tolerance = expected(job, dtype)
    for way, computed in process.ask("compute", job).items():
        for index, (a, b) in enumerate(zip(computed, results, strict=True)):
            assert_close(a, b, tolerance, f"{name}, {way}, {mode}, result {index}")


@pytest.mark.parametrize("name", [n for n in PEERS if "float64" not in DTYPES[n]])
def test_contestants_say_what_they_lack(name: str) -> None:
    need(name)
    with (
        closing(Process(name, 1, "float64")) as process,
        pytest.raises(ContestantError, match="float64"),
    ):
        process.version()


def test_problem() -> None:
    one, other = (Problem(Job("ragged", SMALL), "float32") for _ in range(2))
    for name in ("weight_ih", "weight_hh", "bias", "x", "dy", "lengths"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.lengths.min() >= 1
    assert one.lengths.max() == SMALL.steps
    assert not one.dy[np.arange(SMALL.steps) >= one.lengths[:, None]].any()
    # A step: 4 H (I + H) multiply-adds; backward takes two forwards more.
    assert one.flops == one.lengths.sum() * 8 * 9 * (5 + 9) * 3


def test_shapes() -> None:
    chosen = jobs(parse_shapes("3x7x5x9, quick,3x7x5x9"), ["infer", "stream"])
    assert chosen[0] == Job("infer", SMALL)
    assert Job("stream", SMALL._replace(steps=1)) in chosen
    assert len(set(chosen)) == len(chosen)
    assert {job.mode for job in chosen} == {"infer", "stream"}
    everything = jobs([TABLES["all"]], MODES)
    for table in TABLES.values():
        assert set(jobs([table], MODES)) <= set(everything)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shapes", "3x7x5"], "expected BATCHxSTEPSxINPUTSxHIDDEN"),
        (["--shapes", "3x0x5x9"], "got '3x0x5x9'"),
        (["--shapes", "odd,strange"], "got 'strange'"),
        (["--modes", "infer,predict"], "ragged; got 'predict'"),
        (["--against", "keras"], "jax; got 'keras'"),
        (["--rounds", "0"], "expected an integer from 1, got 0"),
        (["--threads", "two"], "expected an integer from 1, got two"),
    ],
)
def test_bad_arguments(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["bench", *arguments])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--shapes", "stream", "--modes", "train"], 2, "none of these shapes"),
        (["--json", "nowhere/a.json"], 1, "nowhere is not a directory"),
        (["--shapes", "9999999x9999x9x9999"], 1, "choose a smaller shape"),
    ],
)
def test_refused_at_once(
    arguments: list[str],
    status: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench", *arguments]) == status
    assert message in capsys.readouterr().err


def test_command_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All peers absent, every mode, memory: a table, a file, a line for each peer."""
    monkeypatch.setattr(base, "find_spec", lambda module: None)
    path = tmp_path / "bench.json"
    command = "bench --shapes 3x7x5x9 --rounds 1 --threads 1 --memory --json"
    assert main([*command.split(), str(path)]) == 0
    out, err = capsys.readouterr()
    for name in PEERS:
        assert f"{name} is left out: " in err
        assert CONTESTANTS[name].install in err
    assert f"fastlstm {fastlstm.__version__}" in out
    assert "3x7, 5->9" in out
    assert "peak memory" in out
    assert [line for line in err.splitlines() if "s left: train" in line]
    results = json.loads(path.read_text())
    assert results["versions"] == {OURS: fastlstm.__version__}
    assert [row["mode"] for row in results["rows"]] == list(MODES)
    assert results["summaries"] == {}
    assert not list(tmp_path.glob("*.part"))


def test_command_with_a_peer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("torch")
    path, picture = tmp_path / "bench.json", tmp_path / "bench.png"
    command = "bench --against torch --shapes 3x7x5x9 --modes infer,ragged --rounds 2"
    files = ["--json", str(path), "--plot", str(picture)]
    assert main([*command.split(), *files]) == 0
    assert "torch ms" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    results = json.loads(path.read_text())
    assert set(results) == {
        *("build", "date", "dtype", "interrupted", "isa", "machine", "notes", "rows"),
        *("summaries", "threads", "versions"),
    }
    assert not results["interrupted"]
    assert not results["notes"]
    assert {"processor", "cpus", "system"} <= set(results["machine"])
    for row in results["rows"]:
        assert row["shape"] == SMALL._asdict()
        assert row["best_peer"] == "torch"
        assert list(row["contestants"]) == [OURS, "torch"]
        for found in row["contestants"].values():
            spread = found["seconds"]
            assert 0 < spread["low"] <= spread["median"] <= spread["high"]
            assert len(found["rounds"]) == 2
            assert found["flops"] == row["operations"] / spread["median"]
        ratio = row["contestants"]["torch"]["ratio"]
        assert ratio["low"] <= ratio["median"] <= ratio["high"]
        summary = results["summaries"][row["group"]]
        assert summary["torch"] == summary["best peer"]
        assert summary["torch"]["worst"] == ratio["median"]
    assert results["rows"][1]["contestants"]["torch"]["way"] in ("padded", "packed")


def test_interrupted() -> None:
    """Ctrl-C in the second round: the first one is reported."""
    turns = iter([None, KeyboardInterrupt])

    def then() -> None:
        if error := next(turns):
            raise error

    chosen = [Job("infer", SMALL), Job("train", SMALL)]
    results = bench(chosen, rounds=1, watcher=Silent(then))
    assert results.interrupted
    assert [row.job for row in results.rows] == chosen
    assert "3x7, 5->9" in as_text(results)


def test_interrupted_before_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Process) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Process, "version", interrupt)
    results = bench([Job("infer", SMALL)])
    assert results.interrupted
    assert not results.rows
    assert as_text(results)


def test_a_peer_that_dies() -> None:
    quick = ("openvino", "onnxruntime")  # to import
    peer = next((n for n in quick if not CONTESTANTS[n].missing()), "torch")
    need(peer)

    def kill() -> None:
        for child in multiprocessing.active_children():
            if child.name == peer:
                child.kill()

    chosen = [Job("infer", SMALL), Job("train", SMALL)]
    results = bench(chosen, peer, watcher=Silent(kill))
    assert [list(row.timings) for row in results.rows] == [[OURS, peer], [OURS]]
    (note,) = results.notes
    assert note.startswith(f"{peer} failed at train 3x7, 5->9: its process ended with")
    assert note.endswith("left out from there on")


def test_worker_survives_an_error() -> None:
    with closing(Process(OURS, 1, "float32")) as process:
        process.version()
        with pytest.raises(ContestantError, match=r"^KeyError: 'sleep'$"):
            process.ask("peak", Job("sleep", SMALL), "layer")
        assert process.ask("prepare", Job("ragged", SMALL)) == "lengths"
        assert process.ask("prepare", Job("sleep", SMALL)) is None


def test_peak_memory() -> None:
    job = Job("train", Shape(16, 64, 32, 64))
    with closing(Process(OURS, 1, "float32")) as process:
        process.version()
        peak = process.ask("peak", job, "layer")
    if peak is None:
        assert not Path("/proc/self/status").exists()
        return
    kept = 4 * 16 * 64 * (5 * 64)  # i, f, g, o and c of every step
    assert kept < peak < 20 * kept


def test_keep_to_cpus() -> None:
    code = (
        "import os; from fastlstm.bench.machine import keep_to_cpus; keep_to_cpus(1);"
        "print(len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 1)"
    )
    assert run_python("-c", code).stdout.strip() == "1"


def test_results() -> None:
    """Ratios are of pairs, means are geometric, the best peer is that of each row."""
    results = Results(2, "float32", 3, dict.fromkeys([OURS, "a", "b"], "1"))
    for shape, theirs in (
        (SMALL, {"a": [2, 8, 8], "b": [3, 12, 12]}),
        (SMALL._replace(batch=2), {"a": [9, 36, 36], "b": [4.5, 18, 18]}),
        (SMALL._replace(batch=1), {"b": [1, 2, 8]}),
    ):
        row = Row(Job("infer", shape), 1e9, fma_rates=[5e8, 1e9])
        row.timings[OURS] = Timing("way", [1, 4, 4])
        row.timings |= {name: Timing("way", times) for name, times in theirs.items()}
        results.rows.append(row)
    first, _, third = results.rows
    assert first.ratio("a") == (2, 2, 2)
    assert third.ratio("b") == (1, 0.75, 1.5)
    assert [row.best_peer for row in results.rows] == ["a", "b", "b"]
    assert first.gflops == 0.25
    assert first.fma_fraction == 0.25 / 0.75
    summaries = results.summaries()
    assert set(summaries) == {"infer, batched", "infer, B = 1"}
    batched = summaries["infer, batched"]
    assert batched["a"].mean == pytest.approx((2 * 9) ** 0.5)
    assert batched["a"][1:] == (2, first.job, 2)
    assert batched["best peer"].mean == pytest.approx((2 * 4.5) ** 0.5)
    assert batched["best peer"][1:] == (2, first.job, 2)
    text = as_text(results)
    assert "4.24 (2.00)" in text  # a, batched
    assert "3.00 (2.00)" in text  # the best of both
    assert "33%" in text
