"""The examples of docs/anomalies.md run and find what they say."""

from __future__ import annotations

import ast
import re

import pytest

from ..subprocesses import ROOT


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_examples(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "anomalies.md").read_text()
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(compile(code, "anomalies.md", "exec"), names)
    printed = capsys.readouterr().out
    assert re.findall(r"print\(.*\)  # (.*)$", page, re.M) == printed.splitlines()
    lines = printed.splitlines()
    spans = [tuple(map(int, line.split()[:2])) for line in lines[:-2]]
    assert any(start <= 1200 < 1230 <= stop for start, stop in spans)
    share = float(lines[-2])
    assert 0.0 < share < 0.2
    [(start, stop)] = ast.literal_eval(lines[-1])  # by two networks
    assert start <= 1200 < 1230 <= stop
