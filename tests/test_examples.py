"""Every example runs to its end, and what it is to show is there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from fastlstm.data import load_seattle_weather

from .subprocesses import ROOT, run_python


def test_every_example_is_run() -> None:
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert names == {
        "forecast_csv.py",
        "forecast_weather.py",
        "inside_the_cell.py",
        "tune_with_optuna.py",
    }


def test_inside_the_cell(tmp_path: Path) -> None:
    picture = tmp_path / "gates.png"
    done = run_python(
        *("examples/inside_the_cell.py", "--updates", "800", "--plot", str(picture)),
        MPLBACKEND="agg",
    )
    assert done.returncode == 0, done.stderr
    error, naive = map(
        float, re.findall(r"new sequences: .* ([\d.]+), naive ([\d.]+)", done.stdout)[0]
    )
    assert error < naive / 10  # the worst of ten seeds: a two-hundredth
    at_mark, otherwise = map(
        float, re.findall(r"lets in ([\d.]+) at a mark and ([\d.]+)", done.stdout)[0]
    )
    assert at_mark > 3 * otherwise
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_tune_with_optuna() -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    done = run_python("-W", "error", "examples/tune_with_optuna.py", "--trials", "12")
    assert done.returncode == 0, done.stderr
    pruned, trials = re.findall(r"(\d+) of (\d+) trials pruned", done.stdout)[0]
    assert trials == "12"
    assert 0 < int(pruned) < 8  # the first four never are
    lines = re.findall(r"trial +\d+: (\w+) +after +(\d+) epochs", done.stdout)
    assert [state for state, _ in lines].count("pruned") == int(pruned)
    lasted = {state: [int(n) for s, n in lines if s == state] for state, _ in lines}
    assert max(lasted["pruned"]) < np.mean(lasted["complete"])
    best, again = re.findall(r"R\^2: ([\d.]+), fitted again ([\d.]+)", done.stdout)[0]
    assert best == again
    error, naive = re.findall(r"([\d.]+) degrees C, .* ([\d.]+)", done.stdout)[0]
    last_year = load_seattle_weather().temp_max[-366:]
    assert naive == f"{np.abs(np.diff(last_year)).mean():.3f}"
    assert float(error) < 0.97 * float(naive)


def scores(report: str) -> dict[str, list[float]]:
    """Read the rows of a report: MAE, RMSE, sMAPE and so on."""
    rows = re.findall(r"^(\S[^\n]*?)  +([\d. ]+)$", report, re.M)
    return {name: [float(number) for number in row.split()] for name, row in rows}


def test_forecast_weather(tmp_path: Path) -> None:
    picture = tmp_path / "weather.png"
    done = run_python(
        *("examples/forecast_weather.py", "--epochs", "15", "--plot", str(picture)),
        MPLBACKEND="agg",
    )
    assert done.returncode == 0, done.stderr
    rows = scores(done.stdout)
    # All seeds are at 2.7 to 2.9 degrees, the last value at 3.17.
    assert rows["LSTMForecaster"][0] < rows["naive"][0] - 0.1
    within_80 = rows["LSTMForecaster"][-2]
    assert 0.7 < within_80 < 0.9
    assert re.search(r"2015-12-31( +-?[\d.]+){6}\n", done.stdout)  # five levels, truth
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_forecast_csv(tmp_path: Path) -> None:
    rng, months = np.random.default_rng(0), np.arange(160)
    sales = (100 + months) * (1 + 0.2 * np.sin(months * np.pi / 6))
    sales *= np.exp(0.03 * rng.standard_normal(160))
    dates = np.arange("2010-01", "2023-05", dtype="M8[M]")
    lines = [f"{date}-01,{value}" for date, value in zip(dates, sales, strict=True)]
    (tmp_path / "sales.csv").write_text("\n".join(["month,sales", *lines]) + "\n")
    done = run_python(
        *("examples/forecast_csv.py", str(tmp_path / "sales.csv"), "--horizon", "6"),
        *("--transform", "log", "difference", "--epochs", "60"),
        *("--plot", str(tmp_path / "sales.png")),
        MPLBACKEND="agg",
    )
    assert done.returncode == 0, done.stderr
    rows = scores(done.stdout)
    assert rows["LSTMForecaster"][0] < rows["naive"][0]
    last = re.findall(r"^2023-10-01 +([\d.]+) +([\d.]+) +([\d.]+)$", done.stdout, re.M)
    low, middle, high = map(float, last[0])
    assert 150 < low < middle < high < 400
    assert (tmp_path / "sales.png").read_bytes().startswith(b"\x89PNG")
