"""The command ``fastlstm``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, _core, set_num_threads, show_config
from .bench.command import add_arguments as add_bench_arguments
from .bench.command import positive

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _core.isa()  # an instruction set that this CPU lacks, say it in one line
    except ValueError as error:
        print(f"fastlstm: {error}", file=sys.stderr)
        return 1
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastlstm", description="Fast LSTMs for NumPy and scikit-learn."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser(
        "demo",
        help="forecast the weather in Seattle beside simple baselines",
        description="Forecast the maximum temperature in Seattle one and seven days "
        "ahead, with an LSTM and with simple baselines, on a year held out.",
    )
    demo.add_argument(
        "--seeds", type=positive, default=5, help="networks to average (default: 5)"
    )
    demo.add_argument("--threads", type=positive, help="threads to use")
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("forecast.png"),
        help="where to draw forecast and truth (default: forecast.png)",
    )
    demo.set_defaults(run=_demo)

    bench = commands.add_parser(
        "bench",
        help="time this package beside other frameworks, on this machine",
        description="Time one LSTM layer beside those of other frameworks, each in a "
        "process of its own and in turn.",
    )
    add_bench_arguments(bench)

    info = commands.add_parser(
        "info", help="version, ISA, threads and compiler", description="Show the build."
    )
    info.set_defaults(run=_info)
    return parser


def _info(options: argparse.Namespace) -> int:
    show_config()
    return 0


def _demo(options: argparse.Namespace) -> int:
    try:
        from . import demo
    except ImportError as error:
        print(f"fastlstm demo: {error}", file=sys.stderr)
        return 1

    if options.threads is not None:
        set_num_threads(options.threads)
    report = demo.run(seeds=options.seeds)
    print(f"\n{report.table()}\n")
    singles = ", ".join(f"{e:.2f} {task.name}" for task, e in report.single.items())
    print(
        f"LSTM: the mean of {options.seeds} networks; one alone errs by {singles}.\n"
        f"Standard errors: Newey and West, {demo.LAGS} lags.\n"
        f"Training took {report.seconds:.1f} s, "
        f"{report.sequences / report.seconds:,.0f} sequences a second."
    )
    try:
        report.save_plot(options.output)
    except ImportError:
        print('No plot, matplotlib is not installed: pip install "fastlstm[plot]".')
    except OSError as error:
        print(f"No plot: {error}", file=sys.stderr)
        return 1
    else:
        print(f"Forecast and truth are drawn in {options.output}.")
    return 0
