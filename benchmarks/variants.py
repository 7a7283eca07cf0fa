"""What a cell variant costs: ``python benchmarks/variants.py [--threads N]``.

Forward and backward of each variant over the plain cell's, from weights that have just
changed; they take turns in one process, medians of the ratios of all rounds. With
``--torch`` instead torch's time over fastlstm's, each variant written with torch's own
modules (`tests.peers.torch_variants`): as it is, with its loop scripted and, where
torch has the variant, by ``torch.nn.LSTM``; ``--torch compile`` compiles a minute or
more for each number. On several threads only an idle machine gives such numbers: where
another job has a core, torch's threads wait for each other a hundred times as long.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastlstm
import numpy as np
from fastlstm.bench.shapes import Shape
from fastlstm.nn import LSTM

SHAPES = [Shape(64, 50, 16, 64), Shape(32, 50, 8, 128), Shape(16, 100, 80, 256)]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "peephole": {"peephole": True},
    "coupled gates": {"coupled_gates": True},
    "cell clip": {"cell_clip": 3.0},
    "hard sigmoid": {"gate_activation": "hard_sigmoid"},
    "relu": {"cell_activation": "relu"},
    "projection to H/2": {"projection_size": 1},
    "zoneout of h": {"zoneout_h": 0.1},
    "zoneout of c": {"zoneout_c": 0.1},
    "zoneout of both": {"zoneout_h": 0.1, "zoneout_c": 0.1},
    "variational dropout": {"variational_dropout": 0.3},
    "recurrent dropout on g": {"recurrent_dropout": 0.3},
    "recurrent dropout on h": {
        "recurrent_dropout": 0.3,
        "recurrent_dropout_kind": "hidden",
    },
    "weight drop": {"weight_dropout": 0.5},
    "layer norm": {"normalization": "layer"},
    "batch norm": {"normalization": "batch"},
}
ROUNDS = 25
TORCH_FORMS = ["LSTM", "eager", "script"]
Step = Callable[[], object]


def sized(options: dict[str, Any], shape: Shape) -> dict[str, Any]:
    if "projection_size" in options:
        return {"projection_size": shape.hidden // 2}
    return options


def arrays(shape: Shape, options: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    size = (shape.batch, shape.steps)
    outputs = options.get("projection_size", shape.hidden)
    x = rng.standard_normal((*size, shape.inputs), dtype=np.float32)
    return x, rng.standard_normal((*size, outputs), dtype=np.float32)


def training_step(shape: Shape, options: dict[str, Any]) -> Step:
    lstm = LSTM(shape.inputs, shape.hidden, random_state=0, **options)
    x, dy = arrays(shape, options)

    def step() -> object:
        with lstm.params.writable():
            pass
        _, _, cache = lstm.forward(x)
        lstm.zero_grad()
        return lstm.backward(dy, cache)

    return step


def torch_step(shape: Shape, options: dict[str, Any], form: str) -> Step:
    import torch

    from tests.peers.torch_variants import FORMS, TorchVariant

    if form == "LSTM":
        projection = options.get("projection_size", 0)
        lstm = torch.nn.LSTM(
            shape.inputs, shape.hidden, batch_first=True, proj_size=projection
        )
    else:
        lstm = FORMS[form](TorchVariant(shape.inputs, shape.hidden, **options))
    x, dy = map(torch.from_numpy, arrays(shape, options))
    x.requires_grad_()

    def step() -> object:
        lstm.zero_grad()
        x.grad = None
        y, _ = lstm(x)
        return y.backward(dy)

    return step


def seconds(step: Step) -> float:
    step()  # the one before has left its own data in the caches
    begin = time.perf_counter()
    for _ in range(3):
        step()
    return time.perf_counter() - begin


def ratios(steps: dict[str, Step], over: str, rounds: int) -> dict[str, float]:
    """Median of each one's time over that of the one named ``over``."""
    for step in steps.values():
        for _ in range(4):  # a script is optimised in its second and third run
            step()
    taken = []
    for number in range(rounds):
        order = list(steps) if number % 2 else list(steps)[::-1]
        taken.append({name: seconds(steps[name]) for name in order})
    return {name: statistics.median(r[name] / r[over] for r in taken) for name in steps}


def table(head: str, columns: list[dict[str, float]]) -> None:
    print(f"| {head} | {' | '.join(map(str, SHAPES))} |")
    print("|---" * (1 + len(SHAPES)) + "|")
    for name in columns[0]:
        print(f"| {name} | {' | '.join(f'{c[name]:.2f}' for c in columns)} |")


def over_plain(names: list[str], rounds: int) -> None:
    columns = []
    for shape in SHAPES:
        steps = {n: training_step(shape, sized(VARIANTS[n], shape)) for n in names}
        columns.append(ratios(steps, "plain", rounds))
    table("time over the plain cell's", columns)


def torch_over_fastlstm(names: list[str], forms: list[str], rounds: int) -> None:
    columns = []
    for shape in SHAPES:
        column = {}
        for name in names:
            options = sized(VARIANTS[name], shape)
            steps = {"fastlstm": training_step(shape, options)}
            for form in forms:
                if form != "LSTM" or set(options) <= {"projection_size"}:
                    steps[form] = torch_step(shape, options, form)
            result = ratios(steps, "fastlstm", rounds)
            del result["fastlstm"]
            column |= {f"{name}: {form}": value for form, value in result.items()}
        columns.append(column)
    table("torch's time over fastlstm's", columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=fastlstm.get_num_threads())
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument(
        "--torch", nargs="*", choices=[*TORCH_FORMS, "compile"], metavar="FORM"
    )
    args = parser.parse_args()
    fastlstm.set_num_threads(args.threads)
    if args.torch is None:
        over_plain(list(dict.fromkeys(["plain", *args.only])), args.rounds)
        return
    sys.path.insert(0, str(Path(__file__).parent.parent))  # for tests.peers
    import torch

    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {args.threads} threads each\n")
    torch_over_fastlstm(args.only, args.torch or TORCH_FORMS, args.rounds)


if __name__ == "__main__":
    main()
