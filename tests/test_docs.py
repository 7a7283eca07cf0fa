"""Examples are true: docstrings and the README's twenty lines run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import fastlstm
import pytest

ROOT = Path(__file__).parent.parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages(fastlstm.__path__, "fastlstm.")
    if not module.name.endswith("_core")
]
# What a module cannot be imported without, beyond what the suite installs.
NEEDS = {"fastlstm.interop.aeon": "aeon", "fastlstm.interop.sktime": "sktime"}


@pytest.mark.parametrize("name", ["fastlstm", *MODULES])
def test_docstring_examples(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")
    module = importlib.import_module(name)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(module, optionflags=options).failed == 0


def test_examples_exist() -> None:
    finder = doctest.DocTestFinder()
    count = sum(
        bool(test.examples)
        for name in set(MODULES) - set(NEEDS)
        for test in finder.find(importlib.import_module(name))
    )
    assert count >= 10


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_readme_example(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "README.md").read_text()
    names: dict[str, object] = {}  # a later example may go on from an earlier one
    for code in re.findall(r"```python\n(.*?)```", readme, re.S):
        exec(compile(code, "README.md", "exec"), names)
    score, shape, *forecasts = capsys.readouterr().out.splitlines()
    assert float(score.rsplit(" ", 1)[1]) > 0.9
    assert shape == "(1, 32)"
    # Twelve steps, and a report whose last line says who is better.
    assert forecasts[0].startswith("[[")
    assert forecasts[11].endswith("]]")
    assert forecasts[-1].startswith("LSTMForecaster ")
