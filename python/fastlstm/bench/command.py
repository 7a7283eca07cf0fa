"""The arguments of ``fastlstm bench`` and what happens with them."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path

from .. import _core
from .contestants import PEERS
from .export import as_json
from .machine import total_memory
from .plot import save_plot
from .processes import ContestantError
from .progress import Progress
from .report import as_text
from .results import Results
from .runner import run
from .shapes import MODES, TABLES, Job, Selection, jobs, parse_shapes

__all__ = ["add_arguments", "positive"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, and what runs it."""
    parser.add_argument(
        "--against",
        type=_peers,
        default=PEERS,
        metavar="PEERS",
        help=f"of {','.join(PEERS)}, or none (default: all that are installed)",
    )
    parser.add_argument(
        "--shapes",
        type=_shapes,
        default="quick",
        help=f"of {','.join(TABLES)}, or BATCHxSTEPSxINPUTSxHIDDEN (default: quick)",
    )
    parser.add_argument(
        "--modes",
        type=_modes,
        default=list(MODES),
        help=f"of {','.join(MODES)} (default: all)",
    )
    parser.add_argument(
        "--dtype", choices=["float32", "float64"], default="float32", help="precision"
    )
    parser.add_argument("--threads", type=positive, help="threads to use")
    parser.add_argument(
        "--rounds", type=positive, default=5, help="turns of each (default: 5)"
    )
    parser.add_argument(
        "--memory", action="store_true", help="measure peak memory too (slow)"
    )
    parser.add_argument("--json", type=Path, help="write every number to this file")
    parser.add_argument("--plot", type=Path, help="draw the ratios into this file")
    parser.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> int:
    chosen = jobs(options.shapes, options.modes)
    if not chosen:
        modes = ", ".join(options.modes)
        return _fail(f"none of these shapes is for the modes asked for: {modes}", 2)
    if problem := _too_large(chosen, options.dtype) or _cannot_write(options):
        return _fail(problem)
    progress = Progress()
    try:
        results = run(
            chosen,
            options.against,
            threads=options.threads or _core.get_num_threads(),
            dtype=options.dtype,
            rounds=options.rounds,
            memory=options.memory,
            watcher=progress,
        )
    except ContestantError as error:
        return _fail(str(error))
    finally:
        progress.close()
    for note in results.notes:
        print(note, file=sys.stderr)
    if results.rows:
        print(as_text(results))
    status = _write(results, options)
    if results.interrupted:
        print("interrupted: the last row may have fewer rounds", file=sys.stderr)
        return 130
    return status


def _too_large(chosen: list[Job], dtype: str) -> str:
    """Say which job needs more memory than the machine has, or nothing."""
    has = total_memory()
    for job in chosen:
        needs = job.numbers * (4 if dtype == "float32" else 8)
        if has and needs > has:
            return (
                f"{job.mode} {job.shape} needs about {needs / 2**30:.3g} GB and this "
                f"machine has {has / 2**30:.3g}: choose a smaller shape"
            )
    return ""


def _cannot_write(options: argparse.Namespace) -> str | None:
    """Say now what would otherwise be said after minutes."""
    for path in (options.json, options.plot):
        if path and not path.parent.is_dir():
            return f"cannot write {path}: {path.parent} is not a directory"
    if options.plot and find_spec("matplotlib") is None:
        return '--plot needs matplotlib: pip install "fastlstm[plot]"'
    return None


def _write(results: Results, options: argparse.Namespace) -> int:
    try:
        if options.json:
            _write_whole(options.json, json.dumps(as_json(results), indent=1))
        if options.plot:
            save_plot(results, options.plot)
    except (OSError, ValueError) as error:
        return _fail(str(error))
    return 0


def _write_whole(path: Path, text: str) -> None:
    """Write to a temporary name first: a reader finds the old file or the new one."""
    temporary = path.with_name(f"{path.name}.part")
    temporary.write_text(text)
    temporary.replace(path)


def _fail(message: str, status: int = 1) -> int:
    print(f"fastlstm bench: {message}", file=sys.stderr)
    return status


def _peers(text: str) -> list[str]:
    return [] if text == "none" else _names(text, PEERS)


def _modes(text: str) -> list[str]:
    return _names(text, list(MODES))


def _names(text: str, known: list[str]) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(
                f"expected some of {', '.join(known)}; got {name!r}"
            )
    return list(dict.fromkeys(names))


def _shapes(text: str) -> list[Selection]:
    try:
        return parse_shapes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> int:
    """Read an integer from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer from 1, got {text}")
    return int(text)
