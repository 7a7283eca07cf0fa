"""LSTMForecaster on public series, beside what costs nothing: docs/forecasting.md.

``python benchmarks/forecasting.py etth1 etth1_OT retail classic weather sp500 panel
--seeds 5 --threads 2 --out docs/forecasting.json --page docs/forecasting.md`` fits each
series with each seed and puts tables into the page; ``report FILE`` prints them again.
``--baselines`` leaves the model out. ``--choose retail`` fits the combinations of
forecast_settings.py on what lies before the test part, and prints how they forecast the
last of that.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import forecast_judge
import forecast_panel
import numpy as np
from fastlstm.bench.machine import describe_machine, keep_to_cpus
from forecast_methods import Run, run_lstm, run_naive
from forecast_problems import STUDIES, Problem
from forecast_settings import GRIDS, SETTINGS, Setting

PANEL = "panel"
NAMES = [*STUDIES, PANEL]
BEGIN, END = "<!-- begin of results -->\n", "<!-- end of results -->\n"


def with_options(setting: Setting, options: dict[str, Any]) -> Setting:
    """Put ``options`` into the setting where it has them, else into the estimator."""
    own = {key: value for key, value in options.items() if hasattr(setting, key)}
    rest = {key: value for key, value in options.items() if key not in own}
    return replace(setting, estimator={**setting.estimator, **rest}, **own)


def shorter(setting: Setting, epochs: int | None) -> Setting:
    return with_options(setting, {} if epochs is None else {"max_iter": epochs})


def run_problem(
    problem: Problem, setting: Setting | None, seeds: int, threads: int
) -> dict[str, Any]:
    """Judge naive methods, and networks of ``setting`` if there is one."""
    naive = run_naive(problem)
    if setting is None:
        return forecast_judge.judge(problem, naive, [])
    runs = [run_lstm(problem, setting, seed, threads) for seed in range(seeds)]
    return forecast_judge.judge(problem, naive, runs) | {"setting": asdict(setting)}


def combinations(grid: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def choose(study: str, args: argparse.Namespace) -> None:
    """Print how combinations forecast what lies before the test part."""
    for make in STUDIES[study]:
        periods = make().validation_periods(args.periods)  # where one says little
        name, metric = periods[0].name, periods[0].metrics[0]
        print(f"\n{name}: {metric} on {len(periods)} validation period(s)")
        found: dict[str, list[float]] = {}
        for period in periods:
            for method, forecast in run_naive(period).items():
                found.setdefault(method, []).append(one_score(period, forecast, metric))
        for options in combinations(GRIDS[study]):
            setting = shorter(with_options(SETTINGS[name], options), args.epochs)
            words = ", ".join(f"{key}={value}" for key, value in options.items())
            try:
                found[words] = [
                    one_score(
                        period, run_lstm(period, setting, seed, args.threads), metric
                    )
                    for period in periods
                    for seed in range(args.seeds)
                ]
            except ValueError as error:  # as a logarithm of 0
                print(f"  {words}: {error}", flush=True)
                continue
            print(f"  {show(found[words])}  {words}", flush=True)
        print("in order:")
        for words in sorted(found, key=lambda words: float(np.mean(found[words]))):
            print(f"  {show(found[words])}  {words}")


def one_score(problem: Problem, forecast: Run, metric: str) -> float:
    return forecast_judge.row(problem, [forecast])["scores"][metric][0]


def show(scores: list[float]) -> str:
    low, high = (forecast_judge.number(x) for x in (min(scores), max(scores)))
    return f"{forecast_judge.number(float(np.mean(scores)))} ({low} to {high})"


def run(study: str, args: argparse.Namespace) -> dict[str, Any]:
    """Judge all problems of a study."""
    if study == PANEL:
        return forecast_panel.run(args.threads, args.epochs, args.sizes)
    results = {}
    for make in STUDIES[study]:
        problem = make()
        setting = None
        if not args.baselines:
            setting = shorter(SETTINGS[problem.name], args.epochs)
        results[problem.name] = run_problem(problem, setting, args.seeds, args.threads)
        forecast_judge.report({study: {problem.name: results[problem.name]}})
    return results


def report(results: dict[str, Any]) -> None:
    studies = dict(results["studies"])
    panel = studies.pop(PANEL, None)
    forecast_judge.report(studies)
    if panel is not None:
        forecast_panel.report(panel)


def into_page(results: dict[str, Any], page: Path) -> None:
    """Put the tables between the marks of a page."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{page} has no lines {BEGIN.strip()} and {END.strip()}")
    out = StringIO()
    with redirect_stdout(out):
        report(results)
    before, rest = text.split(BEGIN)
    page.write_text(
        f"{before}{BEGIN}{out.getvalue()}{END}{rest.split(END)[1]}", encoding="utf-8"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help=f"{', '.join(NAMES)}; or report FILE")
    parser.add_argument("--choose", choices=GRIDS)
    parser.add_argument("--periods", type=int, default=1, help="of --choose")
    parser.add_argument("--baselines", action="store_true", help="without the model")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="instead of each series' own")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=forecast_panel.SIZES, help="of panel"
    )
    parser.add_argument("--out", type=Path, help="keeps other studies of that file")
    parser.add_argument("--page", type=Path, help="with marks for the tables")
    args = parser.parse_args()
    known = args.what[:1] == ["report"] or set(args.what) <= set(NAMES)
    if not known:
        unknown = next(name for name in args.what if name not in NAMES)
        parser.error(f"no study {unknown!r}: there are {', '.join(NAMES)}")
    if not args.what and args.choose is None:
        parser.error(f"name what to run: {', '.join(NAMES)}")
    return args


def main() -> None:
    args = parse()
    if args.choose is not None:
        keep_to_cpus(args.threads)
        choose(args.choose, args)
        return
    if args.what[0] == "report":
        results = json.loads(Path(args.what[1]).read_text(encoding="utf-8"))
        report(results)
    else:
        keep_to_cpus(args.threads)
        results = {"studies": {}}
        if args.out is not None and args.out.exists():
            results = json.loads(args.out.read_text(encoding="utf-8"))
        results["machine"] = describe_machine()
        for name in args.what:
            results["studies"][name] = run(name, args)
            if args.out is not None:  # what is there by now, should a later one fail
                text = json.dumps(results, indent=1, default=repr) + "\n"
                args.out.write_text(text, encoding="utf-8")
    if args.page is not None:
        into_page(results, args.page)


if __name__ == "__main__":
    main()
