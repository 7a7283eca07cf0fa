"""Many series in one model: time, memory and errors as their number grows.

Made-up series are days with a week, a trend, noise and a level of their own, 150 to 300
of them; real ones are ETTh1's seven columns, cut into 20 stretches of 30 days. The last
horizon of each series is not fitted on. Each size has a process of its own.
"""

from __future__ import annotations

import multiprocessing
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from fastlstm.bench.machine import keep_to_cpus
from fastlstm.bench.memory import peak_bytes, start_peak
from fastlstm.forecasting import SeasonalNaive, mase
from forecast_judge import LSTM, number
from forecast_settings import PANEL_OF_DAYS, PANEL_OF_HOURS
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SIZES = [100, 1000, 10_000]
REAL = "140 stretches of ETTh1"
NAIVE = "season before"


def made_up(n: int) -> list[Floats]:
    rng = np.random.default_rng(0)
    series = []
    for length in rng.integers(150, 301, size=n):
        days = np.arange(length)
        week = rng.normal(size=7)[(days + rng.integers(7)) % 7]
        trend = rng.normal() * days / 100.0
        noise = 0.5 * rng.normal(size=length)
        series.append(np.exp(rng.normal(3.0, 2.0)) * (10.0 + week + trend + noise))
    return series


def stretches() -> list[Floats]:
    from forecast_problems import etth1

    hours = etth1(24, None).values
    return [part for column in hours.T for part in np.split(column, 20)]


def work(size: int | None, threads: int, epochs: int | None) -> dict[str, Any]:
    """Fit and judge one panel; runs in a process of its own."""
    keep_to_cpus(threads)
    from fastlstm import LSTMForecaster
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)
    series = stretches() if size is None else made_up(size)
    horizon, season, options = PANEL_OF_HOURS if size is None else PANEL_OF_DAYS
    if epochs is not None:
        options = {**options, "max_iter": epochs}
    known = [y[:-horizon] for y in series]
    truth = np.array([y[-horizon:] for y in series])
    model = LSTMForecaster(
        horizon, **options, season_length=season, n_jobs=threads, random_state=0
    )
    before = start_peak() or 0
    begin = time.perf_counter()
    model.fit(known)
    middle = time.perf_counter()
    forecasts = np.array(model.predict())
    end = time.perf_counter()
    peak = (peak_bytes() or 0) - before
    naive = np.array([SeasonalNaive(season).forecast(y, horizon) for y in known])
    return {
        "series": len(series),
        "steps": int(sum(map(len, known))),
        "epochs": model.n_iter_,
        "fit": middle - begin,
        "predict": end - middle,
        "peak": peak,
        "errors": {
            LSTM: mase(truth, forecasts, known, season=season),
            NAIVE: mase(truth, naive, known, season=season),
        },
    }


def run(threads: int, epochs: int | None, sizes: list[int]) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    results = {}
    for size in [None, *sizes]:
        with ProcessPoolExecutor(1, mp_context=context) as process:
            name = REAL if size is None else f"{size} made up"
            results[name] = process.submit(work, size, threads, epochs).result()
        report(results)
    return results


def report(results: dict[str, Any]) -> None:
    print("\n### panel\n")
    head = ["series", "steps", "epochs", "s of fit", "us of a step and epoch"]
    head += ["s of predict", "MB on top at most", f"MASE, {LSTM}", f"MASE, {NAIVE}"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name, result in results.items():
        each = result["fit"] / result["steps"] / result["epochs"] * 1e6
        cells = [name, str(result["steps"]), str(result["epochs"])]
        cells += [f"{result['fit']:.2f}", f"{each:.2f}", f"{result['predict']:.2f}"]
        cells += [f"{result['peak'] / 1e6:.0f}"]
        cells += [number(result["errors"][method]) for method in (LSTM, NAIVE)]
        print(f"| {' | '.join(cells)} |", flush=True)
    worse = [
        name
        for name, result in results.items()
        if result["errors"][LSTM] > result["errors"][NAIVE]
    ]
    if worse:
        print(f"\n**The baseline wins** on {', '.join(worse)}.")
