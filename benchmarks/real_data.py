"""What the estimators reach on real data, beside obvious baselines.

``python benchmarks/real_data.py vowels digits snips tags oil --seeds 10 --out
real_data.json`` fits each on several seeds; ``report real_data.json`` prints the table
of docs/real_data.md. Settings were chosen on validation data, which is then joined to
the training data where no early stopping needs it.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import baselines
import datasets
import numpy as np
from datasets import Split, joined
from fastlstm import LSTMClassifier, LSTMRegressor, LSTMTagger
from sklearn.exceptions import ConvergenceWarning

Score = Callable[[Any, Any], float]


def accuracy(predicted: Any, y: Any) -> float:
    pairs = zip(predicted, y, strict=True)
    right = [np.atleast_1d(np.asarray(guess) == label) for guess, label in pairs]
    return float(np.concatenate(right).mean())


def absolute_error(predicted: Any, y: Any) -> float:
    return float(np.abs(predicted - y).mean())


@dataclass
class Task:
    """Data, our estimator, what it is compared with, and what has to be reached."""

    load: Callable[[int], Split]
    estimator: type
    options: dict[str, Any]
    baselines: list[Callable[[Split], Any]]
    floor: float | None = None
    score: Score = accuracy
    join: bool = True  # validation data trains too


TASKS = {
    "vowels": Task(
        lambda _: datasets.japanese_vowels(),
        LSTMClassifier,
        {
            "hidden_size": 100,
            "bidirectional": True,
            "dropout": 0.3,
            "learning_rate_init": 3e-3,
            "batch_size": 32,
            "max_iter": 60,
        },
        [baselines.majority, baselines.mean_and_logistic],
        floor=0.975,
    ),
    "digits": Task(
        datasets.digits,
        LSTMClassifier,
        {
            "hidden_size": 128,
            "bidirectional": True,
            "dropout": 0.4,
            "learning_rate_init": 3e-3,
            "batch_size": 32,
            "max_iter": 60,
        },
        [baselines.majority, baselines.flat_logistic, baselines.boosted_classes],
        floor=0.97,
    ),
    "snips": Task(
        lambda _: datasets.snips(),
        LSTMClassifier,
        {
            "hidden_size": 100,
            "bidirectional": True,
            "pooling": "max",
            "embedding_dim": 100,
            "embedding_dropout": 0.3,
            "dropout": 0.5,
            "learning_rate_init": 2e-3,
            "batch_size": 32,
            "max_iter": 8,
        },
        [baselines.majority, baselines.words_and_logistic],
        floor=0.97,
    ),
    "tags": Task(
        lambda _: datasets.danish_tags(),
        LSTMTagger,
        {
            "hidden_size": 100,
            "embedding_dim": 100,
            "embedding_dropout": 0.3,
            "dropout": 0.5,
            "learning_rate_init": 3e-3,
            "batch_size": 32,
            "max_iter": 20,
        },
        [baselines.majority_tag],
        floor=0.905,
    ),
    "oil": Task(
        lambda _: datasets.oil_temperature(),
        LSTMRegressor,
        {
            "hidden_size": 64,
            "variational_dropout": 0.3,
            "learning_rate_init": 5e-4,
            "batch_size": 64,
            "max_iter": 30,
            "early_stopping": True,
            "n_iter_no_change": 5,
        },
        [baselines.no_change, baselines.ridge, baselines.boosted_numbers],
        score=absolute_error,
        join=False,
    ),
}


def fit_and_score(task: Task, seed: int) -> tuple[float, float]:
    """Score on test data, and seconds that the fit took."""
    split = task.load(seed)
    options = dict(task.options)
    if split.vocabulary_size is not None:
        options["vocabulary_size"] = split.vocabulary_size
    model = task.estimator(**options, random_state=seed)
    begin = time.perf_counter()
    if task.join:
        model.fit(*joined(split))
    else:
        x, y = split.validation
        model.fit(*split.train, X_val=x, y_val=y)
    seconds = time.perf_counter() - begin
    x, y = split.test
    return task.score(model.predict(x), y), seconds


def run(name: str, seeds: int) -> dict[str, Any]:
    task = TASKS[name]
    rows = {task.estimator.__name__: [fit_and_score(task, s) for s in range(seeds)]}
    for baseline in task.baselines:
        results = []
        for seed in range(seeds if name == "digits" else 1):
            split = task.load(seed)
            begin = time.perf_counter()
            predicted = baseline(split)
            seconds = time.perf_counter() - begin
            results.append((task.score(predicted, split.test[1]), seconds))
        rows[baseline.__doc__ or baseline.__name__] = results
    return {"floor": task.floor, "score": task.score.__name__, "rows": rows}


def report(results: dict[str, Any]) -> None:
    print("| data | method | score | spread | seconds of fit |\n|---|---|---|---|---|")
    for name, result in results.items():
        for method, runs in result["rows"].items():
            scores, seconds = np.array(runs).T
            spread = f"{scores.std(ddof=1):.4f}" if len(scores) > 1 else "-"
            print(
                f"| {name}, {result['score'].replace('_', ' ')} | {method} | "
                f"{scores.mean():.4f} | {spread} | {np.median(seconds):.2f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="+", help=f"{', '.join(TASKS)}; or report FILE")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.what[0] == "report":
        report(json.loads(Path(args.what[1]).read_text(encoding="utf-8")))
        return
    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are the choice
    results = {}
    for name in args.what:
        results[name] = run(name, args.seeds)
        report({name: results[name]})
    if args.out is not None:
        args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
