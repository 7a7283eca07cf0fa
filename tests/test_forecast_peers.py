"""The command that fits one forecaster in several libraries runs and judges rightly."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from .subprocesses import run_python

SCRIPT = "benchmarks/forecast_peers.py"
NEEDS = {
    "fastlstm": (),
    "darts": ("darts", "torch", "pytorch_lightning"),
    "neuralforecast": ("neuralforecast", "torch"),
}


def write_hours(folder: Path) -> None:
    """A day in seven columns, in the form of ETTh1."""
    rng = np.random.default_rng(0)
    times = pd.date_range("2016-07-01", periods=14400, freq="h", name="date")
    names = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    day = np.sin(2 * np.pi * (times.hour.to_numpy()[:, None] + np.arange(7)) / 24)
    values = day + 0.1 * rng.normal(size=day.shape)
    folder.mkdir()
    pd.DataFrame(values, times, names).round(4).to_csv(folder / "ETTh1.csv")


def test_command(tmp_path: Path) -> None:
    write_hours(tmp_path / "etth1")
    path = tmp_path / "peers.json"
    there = {n for n, needs in NEEDS.items() if all(map(find_spec, needs))}
    names = ["multivariate", "recursive"]
    if "neuralforecast" in there:  # which has no other task but "columns"
        names.append("load")
    done = run_python(
        *(SCRIPT, *names, "--epochs", "1", "--hidden-size", "8", "--seeds", "2"),
        *("--threads", "1", "--out", str(path)),
        FASTLSTM_DATA=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    if "darts" not in there:
        assert "darts is left out: pip install " in done.stdout
    assert "neuralforecast is left out: its LSTM has no such form" in done.stdout

    tasks = json.loads(path.read_text())["tasks"]
    sizes = {"multivariate": (7, 24 * 7), "recursive": (1, 1), "load": (1, 24)}
    for task in names:
        columns, outputs = sizes[task]
        result = tasks[task]
        rows = result["contestants"]
        assert set(rows) == (there if task == "load" else there - {"neuralforecast"})
        for name, row in rows.items():
            # The same weights that learn, in every library.
            assert row["weights"] == 4 * 8 * (columns + 8 + 1) + (8 + 1) * outputs
            assert all(len(row[key]) == 2 for key in ("fit", "MSE", "MAE"))
            # Forecasts are those of the hours that they are compared with: the mean
            # has 1, the noise 0.02.
            assert max(row["MSE"]) < 0.3, (task, name)
        assert f"- **{task}**: " in done.stdout
        assert f"{8640 - 96 - 23} windows of 96 hours" in done.stdout
    again = run_python(SCRIPT, "report", str(path))
    assert again.returncode == 0, again.stderr
    lines = [line for line in again.stdout.splitlines() if line.startswith("| ")]
    assert len(lines) == 1 + sum(len(task["contestants"]) for task in tasks.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["oil"], "no task 'oil': there are load"),
        (["load", "--seeds", "1"], "--seeds 1: a spread needs 2 or more"),
        (["load", "--contestants", "gluonts"], "invalid choice: 'gluonts'"),
    ],
)
def test_arguments_that_are_refused(arguments: list[str], message: str) -> None:
    done = run_python(SCRIPT, *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def contestant(fit: list[float], mse: list[float]) -> dict[str, Any]:
    numbers = {"fit": fit, "MSE": mse, "MAE": mse}
    return {"version": "1.0", "weights": 7, "first": 9.0, **numbers}


@pytest.mark.parametrize(
    ("darts", "floor", "goal"),
    [(1.99, "MISSED", "MISSED"), (2.0, "reached", "MISSED"), (4.0, *2 * ["reached"])],
)
def test_verdict(tmp_path: Path, darts: float, floor: str, goal: str) -> None:
    rows = {
        "fastlstm": contestant([1.0, 2.0, 4.0], [0.40, 0.41, 0.42]),
        # Ratios of the rounds 1, 8 and `darts`: the median of ratios is between.
        "darts": contestant([1.0, 16.0, 4 * darts], [0.44, 0.45, 0.46]),
        "neuralforecast": contestant([5.0, 10.0, 20.0], [0.40, 0.43, 0.46]),
    }
    settings = {
        "hidden_size": 5,
        "num_layers": 1,
        "window": 6,
        "horizon": 3,
        "strategy": "direct",
        "epochs": 2,
        "batch_size": 32,
        "learning_rate": 0.01,
    }
    parts = {"data": "few", "settings": settings, "threads": 2, "contestants": rows}
    path = tmp_path / "peers.json"
    path.write_text(json.dumps({"tasks": {"made up": parts}}))
    done = run_python(SCRIPT, "report", str(path))
    assert done.returncode == 0, done.stderr
    *table, empty, text = done.stdout.splitlines()
    assert len(table) == 2 + 3
    assert not empty
    assert f"| {darts:.2f} | 9.00 | 7 |" in table[3]
    assert f"The faster peer, darts, takes {darts:.2f} times as long" in text
    assert f"floor 2 {floor}, goal 4 {goal}." in text
    # darts is 0.04 apart where both spread by 0.01, the other 0.02 where it has 0.03.
    assert "MSE within the seeds' spread: NOT equal to darts." in text
