"""Scores of forecasts, how sure differences are, and the tables of docs/forecasting.md.

Errors of neighbouring steps are alike, so intervals and standard errors are those of a
circular block bootstrap (Politis & Romano 1992), and methods are compared on the same
steps. A difference counts where the 95 % interval of the ratio leaves out 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from forecast_methods import Run
from forecast_problems import Problem
from forecast_settings import INTERVALS
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LSTM = "LSTMForecaster"
RESAMPLES = 2000


def losses(problem: Problem, forecasts: Floats, metric: str) -> Floats:
    """Absolute or squared error of each origin; of each step where there is one."""
    truth = problem.truth
    if forecasts.shape != truth.shape:  # NumPy would repeat them
        raise ValueError(f"forecasts are {forecasts.shape}, expected {truth.shape}")
    error = truth - forecasts
    each = np.abs(error) if metric == "MAE" else error**2
    return over_time(each)


def over_time(each: Floats) -> Floats:
    """Average (M, H, K) over all but time, and leave out what is not scored."""
    rows = each[0] if len(each) == 1 else each.reshape(len(each), -1)
    rows = rows[~np.isnan(rows).all(axis=1)]
    return np.nanmean(rows, axis=1)


def score(metric: str, values: Floats) -> Floats:
    """Average losses, over the last axis."""
    mean = values.mean(axis=-1)
    return np.sqrt(mean) if metric == "RMSE" else mean


def resamples(n: int, block: int) -> NDArray[np.int64]:
    """Places of bootstrap samples, (RESAMPLES, n), in blocks that begin anywhere."""
    rng = np.random.default_rng(0)
    starts = rng.integers(n, size=(RESAMPLES, -(-n // block), 1))
    return ((starts + np.arange(block)) % n).reshape(RESAMPLES, -1)[:, :n]


def compare(metric: str, ours: Floats, theirs: Floats, block: int) -> dict[str, float]:
    """The ratio of two scores with its interval, and by how much losses differ."""
    at = resamples(len(ours), block)
    ratios = score(metric, ours[at]) / score(metric, theirs[at])
    low, high = np.quantile(ratios, [0.025, 0.975])
    gain = theirs - ours
    return {
        "ratio": float(score(metric, ours) / score(metric, theirs)),
        "low": float(low),
        "high": float(high),
        "gain": float(gain.mean()),
        "error": float(gain[at].mean(axis=1).std(ddof=1)),
    }


def coverage(problem: Problem, runs: list[Run]) -> dict[str, list[float]]:
    """Share of what was observed that intervals held, and its standard error."""
    result = {}
    for name, (low, high) in INTERVALS.items():
        inside = np.mean([held(problem, run.quantiles, low, high) for run in runs], 0)
        at = resamples(len(inside), problem.block)
        error = inside[at].mean(axis=1).std(ddof=1)
        result[name] = [float(inside.mean()), float(error)]
    return result


def held(problem: Problem, quantiles: Floats, low: int, high: int) -> Floats:
    y = problem.truth
    inside = (quantiles[..., low] <= y) & (y <= quantiles[..., high])
    return over_time(np.where(np.isnan(y), np.nan, inside))


def row(problem: Problem, runs: list[Run]) -> dict[str, Any]:
    scores = {
        metric: [
            float(score(metric, losses(problem, run.forecasts, metric))) for run in runs
        ]
        for metric in problem.metrics
    }
    epochs = [run.epochs for run in runs if run.epochs]
    more = {"epochs": epochs} if epochs else {}
    return {"scores": scores, "seconds": [run.seconds for run in runs], **more}


def judge(problem: Problem, naive: dict[str, Run], lstm: list[Run]) -> dict[str, Any]:
    """Make the record of a problem: rows, and LSTM against each naive method."""
    rows = {name: row(problem, [run]) for name, run in naive.items()}
    result = {
        "words": problem.words,
        "metrics": problem.metrics,
        "origins": len(problem.origins),
        "block": problem.block,
        "floors": problem.floors,
        "rows": rows,
    }
    if not lstm:
        return result
    metric = problem.metrics[0]
    ours = np.mean([losses(problem, run.forecasts, metric) for run in lstm], axis=0)
    rows[LSTM] = row(problem, lstm)
    if len(lstm) > 1:
        together = Run(
            np.mean([run.forecasts for run in lstm], axis=0),
            sum(run.seconds for run in lstm),
        )
        rows[f"{LSTM}, mean of {len(lstm)} forecasts"] = row(problem, [together])
    result["against"] = {
        name: compare(
            metric, ours, losses(problem, run.forecasts, metric), problem.block
        )
        for name, run in naive.items()
    }
    if lstm[0].quantiles is not None:
        result["coverage"] = coverage(problem, lstm)
    return result


def number(value: float) -> str:
    """Four digits that count, and never fewer before the point."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.4g}"


def table(results: dict[str, Any]) -> None:
    """Print the problems of a study, which have their metrics in common."""
    metrics = next(iter(results.values()))["metrics"]
    head = ["series", "method"]
    for metric in metrics:
        head += [metric, "spread"]
    head += ["seconds", f"{metrics[0]} of the LSTM / its own (95 %)"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name, result in results.items():
        for method, row in result["rows"].items():
            cells = [name, method]
            for metric in metrics:
                scores = np.array(row["scores"][metric])
                cells.append(number(scores.mean()))
                several = len(scores) > 1
                cells.append(number(scores.std(ddof=1)) if several else "-")
            cells.append(f"{np.median(row['seconds']):.1f}")
            ratio = result.get("against", {}).get(method)
            words = "{ratio:.3f} ({low:.3f} to {high:.3f})"
            cells.append(words.format(**ratio) if ratio else "-")
            print(f"| {' | '.join(cells)} |", flush=True)


def floors_in_words(result: dict[str, Any]) -> str:
    words = []
    for method, floors in result["floors"].items():
        for metric, text in floors.items():
            digits = len(text.partition(".")[2])
            here = f"{result['rows'][method]['scores'][metric][0]:.{digits}f}"
            agrees = "as here" if here == text else f"NOT {here} AS HERE"
            words.append(f"{metric} of the {method} {text}, {agrees}")
    return f" Published floor: {'; '.join(words)}." if words else ""


def against_in_words(method: str, ratio: dict[str, float]) -> str:
    """Say who is better, where that is sure."""
    apart = abs(ratio["gain"]) / ratio["error"] if ratio["error"] else np.inf
    by = f"{apart:.1f} standard errors"
    if ratio["high"] < 1.0:
        return f"better than *{method}* ({by})"
    if ratio["low"] > 1.0:
        return f"**WORSE than {method}** ({by})"
    return f"no sure difference from *{method}* ({by})"


def verdict(name: str, result: dict[str, Any]) -> str:
    text = f"- **{name}**: {result['words']}; {result['origins']} origins."
    text += floors_in_words(result)
    if "against" not in result:
        return text
    metric = result["metrics"][0]
    means = {
        method: float(np.mean(row["scores"][metric]))
        for method, row in result["rows"].items()
        if method == LSTM or method in result["against"]
    }
    best = min(means, key=lambda method: means[method])
    if best != LSTM:
        sure = result["against"][best]["low"] > 1.0
        text += f" **The baseline wins: {best}**" if sure else f" {best} is no worse"
        text += f", {metric} {number(means[best])} against {number(means[LSTM])}."
    ratios = result["against"].items()
    parts = [against_in_words(method, ratio) for method, ratio in ratios]
    text += f" One network is {'; '.join(parts)}."
    if "coverage" in result:
        parts = [
            f"{100 * share:.1f} % (+- {100 * error:.1f}) for {promised}"
            for promised, (share, error) in result["coverage"].items()
        ]
        text += f" Intervals held {' and '.join(parts)}."
    return text


def report(studies: dict[str, dict[str, Any]]) -> None:
    """Print tables and verdicts."""
    for name, results in studies.items():
        print(f"\n### {name}\n")
        table(results)
        print()
        for problem, result in results.items():
            print(verdict(problem, result))
