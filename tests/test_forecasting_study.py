"""The study of forecasts keeps to its protocols, and judges rightly."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from .subprocesses import ROOT, run_python

SCRIPT = "benchmarks/forecasting.py"
MONTHS = np.arange(144)
SALES = (200 + 3 * MONTHS) * (1 + 0.2 * np.sin(MONTHS * np.pi / 6))


@pytest.fixture(scope="module")
def study() -> Iterator[SimpleNamespace]:
    """The modules of the study."""
    names = ["forecast_problems", "forecast_methods", "forecast_judge", "forecasting"]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        modules = {
            name.removeprefix("forecast_"): importlib.import_module(name)
            for name in names
        }
        yield SimpleNamespace(**modules)


def problem(study: Any, y: np.ndarray, **changes: Any) -> Any:
    index = pd.date_range("2001-01-01", periods=len(y), freq="D")
    plain = study.problems.Problem(
        "made up",
        "made up",
        pd.DataFrame({"y": y}, index),
        test=len(y) - 6,
        horizon=3,
        season=4,
        metrics=("MAE",),
        origins_are="every step",
        block=2,
        validation=5,
    )
    return replace(plain, **changes)


def write_series(folder: Path) -> None:
    """Small series in the files of the small series, and sales."""
    (folder / "classic_series").mkdir()
    rng = np.random.default_rng(0)
    days = pd.date_range("1981-01-01", "1984-12-31")
    days = days[(days.month != 2) | (days.day != 29)]
    files = {
        "airline-passengers": ("1949-01", SALES[:96]),
        "monthly-car-sales": ("1960-01", SALES),
        "monthly-shampoo-sales": (None, SALES[:36]),
        "daily-min-temperatures": (days, 10 + rng.normal(size=len(days))),
    }
    for name, (times, values) in files.items():
        if times is None:  # years and months without a century
            times = [f"{1 + n // 12}-{1 + n % 12:02}" for n in range(len(values))]
        elif isinstance(times, str):
            times = pd.period_range(times, periods=len(values), freq="M")
        frame = pd.DataFrame({"Sales": values}, index=pd.Index(times, name="Month"))
        frame.to_csv(folder / "classic_series" / f"{name}.csv")
    (folder / "us_retail_sales").mkdir()
    times = pd.date_range("1992-01-01", periods=len(SALES), freq="MS")
    path = folder / "us_retail_sales" / "example_retail_sales.csv"
    pd.DataFrame({"y": SALES}, pd.Index(times, name="ds")).to_csv(path)


def test_command(tmp_path: Path) -> None:
    write_series(tmp_path)
    out, page = tmp_path / "out.json", tmp_path / "page.md"
    page.write_text(
        "before\n<!-- begin of results -->\nold\n<!-- end of results -->\nafter\n"
    )
    done = run_python(
        *(SCRIPT, "retail", "--seeds", "2", "--threads", "1", "--epochs", "4"),
        *("--out", str(out), "--page", str(page)),
        FASTLSTM_DATA=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())["studies"]["retail"]["retail"]
    rows = found["rows"]
    for name, expected in (
        ("last value", SALES[-25] - SALES[-24:]),
        ("season before", np.tile(SALES[-36:-24], 2) - SALES[-24:]),
    ):
        (rmse,) = rows[name]["scores"]["RMSE"]
        assert rmse == pytest.approx(np.sqrt(np.mean(expected**2)))
    assert "drift" in rows
    assert "season before, with growth" in rows
    assert len(rows["LSTMForecaster"]["scores"]["RMSE"]) == 2
    assert len(rows["LSTMForecaster, mean of 2 forecasts"]["scores"]["RMSE"]) == 1
    assert all(1 <= n <= 4 for (n,) in rows["LSTMForecaster"]["epochs"])
    assert found["setting"]["estimator"]["max_iter"] == 4
    # These are other sales than those that the floors are of.
    assert "RMSE of the season before 23298, NOT" in done.stdout
    text = page.read_text()
    assert text.startswith("before\n<!-- begin of results -->\n")
    assert text.endswith("<!-- end of results -->\nafter\n")
    assert "old" not in text
    assert "| retail | LSTMForecaster | " in text
    again = run_python(SCRIPT, "report", str(out))
    assert again.stdout in text


def test_baselines_alone_and_further_studies(tmp_path: Path) -> None:
    write_series(tmp_path)
    out = tmp_path / "out.json"
    for names in (["retail"], ["classic"]):
        done = run_python(
            *(SCRIPT, *names, "--baselines", "--out", str(out)),
            FASTLSTM_DATA=str(tmp_path),
        )
        assert done.returncode == 0, done.stderr
        assert "LSTMForecaster |" not in done.stdout
    studies = json.loads(out.read_text())["studies"]
    assert list(studies) == ["retail", "classic"]
    assert list(studies["classic"]) == ["airline", "temperatures", "shampoo", "cars"]
    assert studies["classic"]["temperatures"]["origins"] == 365
    (rmse,) = studies["classic"]["cars"]["rows"]["season before"]["scores"]["RMSE"]
    assert rmse == pytest.approx(np.sqrt(np.mean((SALES[-12:] - SALES[-24:-12]) ** 2)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["milk"], "no study 'milk': there are etth1"),
        ([], "name what to run: etth1"),
        (["--choose", "milk"], "invalid choice: 'milk'"),
    ],
)
def test_arguments_that_are_refused(arguments: list[str], message: str) -> None:
    done = run_python(SCRIPT, *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_choices_see_nothing_of_the_test_part(tmp_path: Path) -> None:
    write_series(tmp_path)
    outputs = []
    for spoil in (False, True):
        if spoil:
            path = tmp_path / "us_retail_sales" / "example_retail_sales.csv"
            table = pd.read_csv(path)
            table.loc[table.index[-24:], "y"] = 1e6
            table.to_csv(path, index=False)
        done = run_python(
            *(SCRIPT, "--choose", "retail", "--seeds", "1", "--threads", "1"),
            *("--epochs", "1"),
            FASTLSTM_DATA=str(tmp_path),
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert "season before, with growth" in outputs[0]
    tried = [line for line in outputs[0].splitlines() if "transforms=" in line]
    assert len(tried) > 2


def test_origins_and_what_is_scored(study: Any) -> None:
    y = np.arange(20.0)
    ahead = problem(study, y)  # steps 14 to 19, each from three steps before
    np.testing.assert_array_equal(ahead.origins, np.arange(12, 18))
    np.testing.assert_array_equal(ahead.truth[:, 2, 0], y[14:])
    assert np.isnan(ahead.truth[:, :2]).all()
    windows = problem(study, y, origins_are="whole windows")
    np.testing.assert_array_equal(windows.origins, [14, 15, 16, 17])
    np.testing.assert_array_equal(windows.truth[-1, :, 0], [17, 18, 19])
    one = problem(study, y, origins_are="one", horizon=6)
    np.testing.assert_array_equal(one.truth[..., 0], [y[14:]])
    earlier = ahead.before_test()
    assert len(earlier.series) == 14
    assert earlier.test == 9
    runs = problem(study, y, refit_every=4).refits
    assert [list(run) for run in runs] == [[0, 1, 2, 3], [4, 5]]


def test_methods_know_only_what_is_before_an_origin(study: Any) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=800).cumsum()
    plain = problem(study, y, test=780, validation=100)
    other = problem(study, np.r_[y[:778], 1e3 + y[778:]], test=780, validation=100)
    methods = {
        **study.methods.naive_methods(replace(plain, name="sp500_1")),
        "day": study.methods.day_of_year_mean,
        "ridge": study.methods.RidgeOnLags(5, seasons=True),
    }
    for name, method in methods.items():
        forecasts = method(plain)
        assert forecasts.shape == (20, 3, 1), name
        np.testing.assert_array_equal(forecasts[0], method(other)[0], err_msg=name)
    late = np.r_[y[:790], np.full(10, 1e3)]
    ridge = methods["ridge"](problem(study, late, test=780, validation=100))
    np.testing.assert_allclose(ridge[:12], methods["ridge"](plain)[:12])


@pytest.mark.parametrize("horizon", [1, 3])
def test_ridge_finds_a_linear_rule(study: Any, horizon: int) -> None:
    y = np.sin(np.arange(400) * 0.3) + 0.02 * np.arange(400)
    plain = problem(study, y, horizon=horizon, test=360, validation=60)
    forecasts = study.methods.RidgeOnLags(8)(plain)
    np.testing.assert_allclose(forecasts[:, -1], plain.truth[:, -1], atol=0.02)


def test_a_quarter_of_the_last_change(study: Any) -> None:
    """Means of a walk over many days have changes that are correlated by 1/4."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(4000, 20)).cumsum().reshape(4000, 20).mean(axis=1)
    plain = problem(study, y, horizon=1, test=2000)
    last = plain.values[plain.origins - 1][:, None]
    quarter = study.methods.quarter_of_last_change(plain)
    ratio = np.mean((plain.truth - quarter) ** 2) / np.mean((plain.truth - last) ** 2)
    assert ratio == pytest.approx(1 - 0.25**2, abs=0.02)


class Remembers:
    """Forecasts the last value, and notes what it was fitted on."""

    fits: list[tuple[int, dict[str, Any]]]

    def __init__(self, horizon: int, **options: Any) -> None:
        self.horizon, self.options = horizon, options

    def fit(self, series: pd.DataFrame, *, past: Any = None) -> Remembers:
        assert past is None or len(past) == len(series)
        self.fits.append((len(series), self.options))
        self.validation_scores_ = [-3.0, -1.0, -2.0]
        return self

    def _read(self, series: pd.DataFrame, *, past: Any = None) -> list[np.ndarray]:
        return [series.to_numpy()]

    def _forecast_at(
        self, panel: list[np.ndarray], origins: Any, quantiles: Any = None
    ) -> list[np.ndarray]:
        (y,), (at,) = panel, origins
        points = np.repeat(y[at - 1][:, None], self.horizon, axis=1)
        if quantiles is None:
            return [points]
        return [points[..., None] + np.array(quantiles) - 0.5]


def test_fits_are_where_the_protocol_has_them(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fastlstm

    Remembers.fits = []
    monkeypatch.setattr(fastlstm, "LSTMForecaster", Remembers)
    y = np.arange(20.0) ** 2
    plain = problem(study, y, refit_every=4)
    setting = study.methods.Setting({"max_iter": 9}, quantiles=True)
    run = study.methods.run_lstm(plain, setting, 7, 1)
    assert [length for length, _ in Remembers.fits] == [12, 16]
    _, options = Remembers.fits[0]
    assert options == {
        "season_length": 4,
        "validation_fraction": 5 / 12,
        "random_state": 7,
        "n_jobs": 1,
        "max_iter": 9,
    }
    assert run.epochs == [2, 2]  # the best ones
    np.testing.assert_array_equal(run.forecasts[:, -1, 0], y[11:17])
    found = study.judge.judge(plain, study.methods.run_naive(plain), [run, run])
    assert found["against"]["last value"]["ratio"] == 1.0
    # In three steps it grows by more than intervals are wide.
    assert found["coverage"] == {"80 %": [0.0, 0.0], "95 %": [0.0, 0.0]}


def test_coverage_counts_what_is_scored(study: Any) -> None:
    plain = problem(study, np.arange(20.0))
    quantiles = np.zeros((*plain.truth.shape, 5))
    quantiles[..., 3], quantiles[..., 4] = 16.0, 99.0  # steps 14 to 16, and all
    run = study.methods.Run(plain.truth, 0.0, quantiles)
    flat = replace(run, forecasts=run.forecasts[..., 0])
    with pytest.raises(ValueError, match=r"forecasts are \(.*\), expected \(.*, 1\)"):
        study.judge.judge(plain, {"flat": flat}, [])
    found = study.judge.coverage(plain, [run])
    assert found["80 %"][0] == 0.5
    assert found["95 %"] == [1.0, 0.0]


def test_bootstrap_knows_what_neighbours_have_in_common(study: Any) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=3000)
    zero = np.zeros(3000)
    plain = study.judge.compare("MAE", 5 + zero, 5 + noise, 1)
    # 5 %: three standard errors of a deviation of 2000 resamples.
    assert plain["error"] == pytest.approx(noise.std() / np.sqrt(3000), rel=0.05)
    walk = np.empty(3000)
    walk[0] = noise[0]
    for t in range(1, 3000):
        walk[t] = 0.8 * walk[t - 1] + noise[t]
    # An AR(1) process has the long-run deviation s / (1 - 0.8).
    blocks = study.judge.compare("MAE", 50 + zero, 50 + walk, 60)
    assert blocks["error"] == pytest.approx(5 / np.sqrt(3000), rel=0.15)


@pytest.mark.parametrize(
    ("factor", "spread", "expected"),
    [
        (0.5, 0.0, "better than *last value*"),
        (2.0, 0.0, "**WORSE than last value**"),
        (1.02, 1.0, "no sure difference from *last value*"),
    ],
)
def test_words(study: Any, factor: float, spread: float, expected: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=46)
    plain = problem(study, np.r_[np.zeros(60), y], test=60, horizon=1)
    noise = 1 + spread * rng.normal(size=(46, 1, 1))
    run, last = study.methods.Run, np.r_[0.0, y[:-1]].reshape(46, 1, 1)
    error = plain.truth - last
    ours = run(plain.truth - factor * error * noise, 1.0)
    found = study.judge.judge(plain, {"last value": run(last, 0.0)}, [ours])
    text = study.judge.verdict("made up", found)
    assert expected in text
    assert ("**The baseline wins: last value**" in text) == (factor == 2.0)
    assert ("last value is no worse" in text) == (spread > 0)
