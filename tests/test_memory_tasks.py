"""The memory tasks are what they say, and their command runs to its end."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from .subprocesses import ROOT, run_python

SCRIPT = "benchmarks/memory_tasks.py"


@pytest.fixture(scope="module")
def tasks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("memory_tasks", ROOT / SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_adding_problem(tasks: ModuleType) -> None:
    task = tasks.Adding(21)
    x, target = task.draw(4000, np.random.default_rng(0))
    numbers, marks = x[:, :, 0], x[:, :, 1]
    assert set(np.unique(marks)) == {0.0, 1.0}
    np.testing.assert_array_equal(marks[:, :10].sum(axis=1), 1)
    np.testing.assert_array_equal(marks[:, 11:].sum(axis=1), 1)
    assert (marks.sum(axis=0) > 0).sum() == 20  # every step but the middle one
    marked = numbers[marks == 1].reshape(-1, 2)
    np.testing.assert_allclose(target[:, 0], marked.sum(axis=1), rtol=1e-6)
    # 0.008: three standard errors of the mean of 4000 squares.
    assert task.score(np.ones_like(target), target) == pytest.approx(
        task.naive, abs=0.008
    )


def test_copy_task(tasks: ModuleType) -> None:
    task = tasks.Copy(30)
    x, target = task.draw(50, np.random.default_rng(0))
    tokens = x.argmax(axis=-1)
    np.testing.assert_array_equal(x.sum(axis=-1), task.scale)
    assert tokens.shape == target.shape == (50, 50)
    np.testing.assert_array_equal(tokens[:, :10], target[:, -10:])
    assert set(np.unique(tokens[:, :10])) == set(range(8))
    assert (tokens == 9).sum() == 50
    assert (tokens[:, 39] == 9).all()
    assert (np.delete(tokens[:, 10:], 29, axis=1) == 8).all()
    assert (target[:, :-10] == 8).all()
    # Sure of the blanks, and of one of the eight symbols after the mark.
    guess = np.full((*target.shape, 9), -100.0, np.float32)
    guess[:, :-10, 8] = guess[:, -10:, :8] = 0.0
    assert task.loss(guess, target)[0] == pytest.approx(task.naive, rel=1e-6)
    answer = target.copy()
    answer[:, :20], answer[:, -1] = 0, 8  # blanks do not count, one symbol is wrong
    assert task.score(np.eye(9)[answer], target) == 0.9


def test_command(tmp_path: Path) -> None:
    paths = [tmp_path / "adding.json", tmp_path / "copy.json"]
    small = ["--steps", "20", "--updates", "60", "--hidden", "8", "--seeds", "3", "4"]
    for path in paths:
        done = run_python(SCRIPT, path.stem, *small, "--out", str(path))
        assert done.returncode == 0, done.stderr
        runs = json.loads(path.read_text())
        assert len(runs) == 6  # three initialisations, two seeds
        for entry in runs:
            assert len(entry["loss_curve"]) == len(entry["score_curve"]) == 2
            assert all(map(math.isfinite, entry["loss_curve"]))
            assert math.isfinite(entry["test_loss"])
        assert len({tuple(entry["loss_curve"]) for entry in runs}) == 6
    picture, together = tmp_path / "curves.png", tmp_path / "all.json"
    done = run_python(
        *(SCRIPT, "report", *map(str, paths)),
        *("--figure", str(picture), "--out", str(together)),
        MPLBACKEND="agg",
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2 + 6
    assert "| copy, T = 20 | chrono | 0 of 2 |" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(json.loads(together.read_text())) == 12


def test_docs_show_the_saved_runs() -> None:
    done = run_python(SCRIPT, "report", "docs/memory.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout in (ROOT / "docs" / "memory.md").read_text()
