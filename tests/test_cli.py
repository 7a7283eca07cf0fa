"""The command line, and the demo behind it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import fastlstm
import numpy as np
import pytest
from fastlstm import demo
from fastlstm.cli import main
from fastlstm.demo import methods
from fastlstm.demo.problem import TASKS, TEST_DAYS, Series

from .compare import assert_close
from .tolerances import VALUE


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo of seconds: fewer epochs to choose from, a smaller network."""
    monkeypatch.setattr(methods, "MAX_EPOCHS", 3)
    monkeypatch.setitem(methods.NETWORK, "hidden_size", 4)


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    assert "isa" in capsys.readouterr().out


def test_command() -> None:
    code = "import sys; from fastlstm.cli import main; sys.exit(main(['--version']))"
    text = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert text.strip() == fastlstm.__version__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: command"),
        (["train"], "invalid choice: 'train'"),
        (
            ["demo", "--seeds", "0"],
            "argument --seeds: expected an integer from 1, got 0",
        ),
    ],
)
def test_bad_arguments(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("short")
def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], threads: Any) -> None:
    path = tmp_path / "plot.png"
    assert main(["demo", "--seeds", "1", "--threads", "1", "--output", str(path)]) == 0
    text = capsys.readouterr().out
    for words in (
        "persistence",
        "smoothed day-of-year mean",
        "ridge regression",
        "1 day ahead",
        "7 days ahead",
        "sequences a second",
        "Newey and West, 14 lags",
        str(path),
    ):
        assert words in text
    # Known figures of the series' last year, whatever the network does.
    assert "3.74" in text  # persistence, seven days ahead
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("short")
def test_demo_without_matplotlib(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / "plot.png"
    assert main(["demo", "--seeds", "1", "--output", str(path)]) == 0
    assert 'pip install "fastlstm[plot]"' in capsys.readouterr().out
    assert not path.exists()


@pytest.mark.usefixtures("short")
def test_demo_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nowhere" / "plot.png"
    assert main(["demo", "--seeds", "1", "--output", str(path)]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_demo_without_scikit_learn() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None; from fastlstm.cli import main;"
        "sys.exit(main(['demo']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'pip install "fastlstm[sklearn]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_the_test_year_is_used() -> None:
    """Other weather in the test year changes no choice, and no forecast before it."""
    real = Series.load()
    target = real.target.copy()
    target[real.test_start :] = 99.0
    inputs = real.inputs.copy()
    inputs[real.test_start :, 0] = 99.0
    spoiled = Series(real.weather, inputs, target, real.test_start)
    for task in TASKS:
        for make, choices in (
            (methods.day_mean, methods.SMOOTHINGS),
            (methods.ridge, methods.RIDGE_ALPHAS[::4]),
        ):
            best = [
                methods.best_on_validation(make, choices, series, task)
                for series in (real, spoiled)
            ]
            assert best[0] == best[1]
        for begin, end in ((0, real.validation_start), (0, real.test_start)):
            pairs = zip(
                real.windows(task, begin, end),
                spoiled.windows(task, begin, end),
                strict=True,
            )
            for one, other in pairs:
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_forecasts_of_the_test_days_see_the_past_only(task: Any) -> None:
    series = Series.load()
    begin, end = series.test_start, len(series.target)
    past, future = series.windows(task, begin, end)
    assert len(past) == len(future) == TEST_DAYS
    days = np.arange(begin, end)
    np.testing.assert_array_equal(past[:, -1, 0], series.target[days - task.horizon])
    np.testing.assert_array_equal(
        past[:, 0, 0], series.target[days - task.horizon - task.window + 1]
    )
    assert_close(
        future + series.last(task, past), series.target[days], VALUE["float64"]
    )


def test_day_mean() -> None:
    series = Series.load()
    begin, end = series.test_start, len(series.target)
    plain = methods.day_mean(0)(series, TASKS[0], begin, end)
    dates = series.weather.dates.astype(str)
    july = {day: i for i, day in enumerate(dates)}
    # Day 0 is 1 January in every year.
    first = [july[f"{year}-01-01"] for year in (2012, 2013, 2014)]
    assert_close(plain[0], series.target[first].mean(), VALUE["float64"])
    smooth = methods.day_mean(20)(series, TASKS[0], begin, end)
    assert np.abs(np.diff(smooth)).max() < np.abs(np.diff(plain)).max()


def test_standard_error_knows_autocorrelation(rng: np.random.Generator) -> None:
    noise = rng.standard_normal((400, 365 + 6))
    means = noise[:, 6:].mean(axis=1)
    ratio = means.std() / np.mean([demo.standard_error(row[6:]) for row in noise])
    assert 0.85 < ratio < 1.2
    # Sums over a week, as the errors of forecasts that overlap: three times as unsure.
    weeks = np.stack([np.convolve(row, np.ones(7) / 7**0.5, "valid") for row in noise])
    naive = weeks.std() / 365**0.5
    estimate = np.mean([demo.standard_error(row) for row in weeks])
    assert weeks.mean(axis=1).std() > 2 * naive
    assert 0.85 < weeks.mean(axis=1).std() / estimate < 1.3


def test_verdicts_are_plain(rng: np.random.Generator) -> None:
    task = TASKS[0]
    report = demo.Report(Series.load())
    noise = rng.standard_normal(TEST_DAYS)
    report.errors[task] = {
        "worse": 5 + 0.1 * noise,
        "better": 1 + 0.1 * noise,
        "same": 3 + noise,
        "LSTM": np.full(TEST_DAYS, 3.0),
    }
    assert "the LSTM beats worse by" in report.verdict(task, "worse")
    assert "the LSTM LOSES to better by" in report.verdict(task, "better")
    assert "no real difference" in report.verdict(task, "same")
