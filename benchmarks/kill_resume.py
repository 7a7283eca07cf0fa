"""Fits that are killed and resumed: ``python benchmarks/kill_resume.py --kills 100``.

A process fits an estimator with a checkpoint every few steps, is killed by SIGKILL at a
random moment, and another one resumes, until the fit is done: then weights, curves and
predictions are compared, to the bit, with those of a fit without checkpoints in a
process that nobody disturbed. After one kill in four the newest file is cut at a random
place as well, where there is a second one. Fits of different kinds take turns.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

# A fit is half a second or so of steps and writing: kills within this many seconds.
LATEST_KILL = 0.5
EVERY_STEPS = 5
CASES: dict[str, dict[str, Any]] = {
    "early stopping on a split": {
        "early_stopping": True,
        "dropout": 0.2,
        "n_iter_no_change": 100,
    },
    "batch normalisation": {"normalization": "batch", "normalization_steps": 9},
    "labels, lists, weights, SGD": {"solver": "sgd", "zoneout_h": 0.1},
}


def fit(case: str, folder: str | None) -> str:
    """Fit one of CASES, with checkpoints in ``folder``; a sum of all that it found."""
    from fastlstm import LSTMClassifier, LSTMRegressor
    from fastlstm.training import Checkpoint

    rng = np.random.default_rng(0)
    X = rng.standard_normal((70, 9, 2))
    y = X[:, -4:, 0].sum(axis=1)
    settings = {"hidden_size": 8, "batch_size": 8, "max_iter": 60, "random_state": 0}
    settings |= CASES[case]
    extra: dict[str, Any] = {}
    if folder is not None:
        extra["checkpoint"] = Checkpoint(folder, every_steps=EVERY_STEPS)
        extra["resume"] = True
    print("begins", flush=True)
    warnings.simplefilter("ignore")  # not converged; a torn file
    if case.startswith("labels"):
        sequences = [row[: 3 + k % 7] for k, row in enumerate(X)]
        labels, weights = np.where(y > 0, "up", "down"), rng.random(len(X))
        model = LSTMClassifier(**settings).fit(sequences, labels, weights, **extra)
    else:
        model = LSTMRegressor(**settings).fit(X, y, **extra)
    curves = [model.loss_curve_, model.validation_scores_ or []]
    parts = [model.model_.params.flat, *curves, model.predict(X)]
    total = hashlib.sha256()
    for part in parts:
        total.update(np.ascontiguousarray(part).tobytes())
    return total.hexdigest()


def start(case: str, folder: str | None) -> subprocess.Popen[str]:
    """Start a process that fits, and wait until it does."""
    command = [sys.executable, __file__, "--case", case]
    command += [] if folder is None else ["--folder", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline() != "begins\n":
        raise SystemExit(f"{case}: the process failed before its fit")
    return process


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the sum that a process prints in the end."""
    output, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"the process ended with {process.returncode}")
    return output.strip()


def tear(folder: str, draw: random.Random) -> bool:
    """Cut the newest checkpoint, if it is not the only one."""
    files = sorted(Path(folder).glob("step-*.safetensors"))
    if len(files) < 2:
        return False
    os.truncate(files[-1], draw.randrange(files[-1].stat().st_size))
    return True


def run(case: str, folder: str, most: int, draw: random.Random) -> tuple[str, int, int]:
    """Fit to the end, killed up to ``most`` times: the sum, kills, torn files."""
    kills = torn = 0
    while True:
        process = start(case, folder)
        if kills < most:
            time.sleep(draw.uniform(0.0, LATEST_KILL))
            if process.poll() is None:
                process.kill()
                process.wait()
                kills += process.returncode == -9
                if draw.random() < 0.25:
                    torn += tear(folder, draw)
                continue
        return finish(process), kills, torn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(fit(options.case, options.folder))
        return
    draw = random.Random(options.seed)
    rows = {case: [0, 0, 0, 0] for case in CASES}
    expected: dict[str, str] = {}
    left, began = options.kills, time.monotonic()
    while left > 0:
        case = min(CASES, key=lambda name: rows[name][1])
        if case not in expected:
            expected[case] = finish(start(case, None))
        with tempfile.TemporaryDirectory() as folder:
            total, kills, torn = run(case, folder, left, draw)
        same = total == expected[case]
        counts = (1, kills, torn, same)
        rows[case] = [a + b for a, b in zip(rows[case], counts, strict=True)]
        left -= kills
    print("| fit | runs | kills | files torn besides | the same bits |")
    print("|---|---|---|---|---|")
    for case, (runs, kills, torn, same) in rows.items():
        if runs:
            print(f"| {case} | {runs} | {kills} | {torn} | {same} of {runs} |")
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    if any(runs != same for runs, _, _, same in rows.values()):
        raise SystemExit("a resumed fit has other bits")


if __name__ == "__main__":
    main()
