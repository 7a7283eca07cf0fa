"""What a type checker says of code that uses the estimators."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from fastlstm import LSTMClassifier
from fastlstm.estimators import callbacks, sklearn_types

from ..subprocesses import ROOT, run_python
from .contract import Case, cases

# Lines that end with a comment are wrong, and the comment is in what mypy says.
CODE = """
import numpy as np
from fastlstm import LSTMClassifier, LSTMForecaster, LSTMRegressor, LSTMTagger
from fastlstm.schedules import Cosine

classifier = LSTMClassifier(8, 2, class_weight={0: 2.0}, learning_rate=Cosine())
LSTMClassifier(hiden=3)  # Unexpected keyword argument "hiden" for "LSTMClassifier"
LSTMClassifier(8, 2, True)  # Too many positional arguments for "LSTMClassifier"
LSTMClassifier(hidden_size="8")  # Argument "hidden_size" to "LSTMClassifier" has
regressor = LSTMRegressor([8, 4], loss="quantile", quantile=np.array([0.1, 0.9]))
LSTMRegressor(loss="quantile", quantile=(0.1, 0.9), output="sequence")
LSTMRegressor(output="all")  # Argument "output" to "LSTMRegressor" has
LSTMRegressor(class_weight="balanced")  # Unexpected keyword argument "class_weight"
tagger = LSTMTagger((8, 4), bidirectional=False, random_state=0)
LSTMTagger(bidirectional=None)  # Argument "bidirectional" to "LSTMTagger" has
LSTMTagger(model_=None)  # Unexpected keyword argument "model_" for "LSTMTagger"
forecaster = LSTMForecaster(7, 28, quantiles=(0.1, 0.9), transforms=["log"], warm=True)
LSTMForecaster(7, 28, 3)  # Too many positional arguments for "LSTMForecaster"
LSTMForecaster(horizn=7)  # Unexpected keyword argument "horizn" for "LSTMForecaster"
LSTMForecaster("7")  # Argument 1 to "LSTMForecaster" has

X, y = np.ones((9, 5, 2)), np.arange(9)
score: float = classifier.set_params(max_iter=3).fit(X, y).score(X, y)
rows: int = len(regressor.fit(X, y, X_val=X, y_val=y).predict(X)) + regressor.n_iter_
losses: list[float] = tagger.fit(X, np.ones((9, 5))).loss_curve_
classes = [classifier.classes_, tagger.classes_, classifier.class_weight_]
classifier.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
classifier.partial_fit(X, y, classes=[0, 1]).model_.params.flat.sum()
classifier.set_callbacks().get_params()["dropout"]
levels: list[float] | None = forecaster.fit(y).update(y[:1]).quantiles_
days: int = forecaster.season_length_ + forecaster.window_ + len(forecaster.panel_)
forecaster.windows_  # "LSTMForecaster" has no attribute "windows_"
classifier.dropuot = 0.5  # "LSTMClassifier" has no attribute "dropuot"
regressor.n_iter  # "LSTMRegressor" has no attribute "n_iter"
"""


def test_mypy_checks_what_users_write(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    path = tmp_path / "code.py"
    path.write_text(CODE)
    options = ["--config-file", "pyproject.toml", "--strict", "--no-pretty"]
    options += ["--cache-dir", str(tmp_path / "cache"), "--hide-error-context"]
    done = run_python("-m", "mypy", *options, str(path), MYPYPATH=str(ROOT / "python"))
    said: dict[int, str] = {}
    for line in done.stdout.splitlines()[:-1]:
        found = re.match(r".*code\.py:(\d+): error: (.*)", line)
        assert found, line
        assert said.setdefault(int(found[1]), found[2]) == found[2], line
    wanted = {
        number: line.split("  # ")[1]
        for number, line in enumerate(CODE.splitlines(), 1)
        if "  # " in line
    }
    assert said.keys() == wanted.keys(), done.stdout + done.stderr
    assert len(wanted) == 13
    for number, text in wanted.items():
        assert text in said[number]


@cases
def test_annotated_attributes_are_no_arguments(case: Case) -> None:
    cls: type[Any] = type(case.make())
    arguments = inspect.signature(cls).parameters
    assert not [name for name in arguments if name.endswith("_") or name[0] == "_"]
    assert not hasattr(cls, "model_")


def test_stubs_name_what_scikit_learn_has() -> None:
    branch = next(
        node
        for node in ast.parse(inspect.getsource(sklearn_types)).body
        if isinstance(node, ast.If)
    )
    promised = {
        method.name
        for stub in branch.body
        if isinstance(stub, ast.ClassDef)
        and (stub.name != "CallbackSupport" or callbacks._with_callbacks is not None)
        for method in stub.body
        if isinstance(method, ast.FunctionDef)
    }
    assert {"get_params", "score"} <= promised
    assert not [name for name in promised if not hasattr(LSTMClassifier, name)]
