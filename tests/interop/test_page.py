"""The examples of docs/toolkits.md run and learn."""

from __future__ import annotations

import re

import pytest

from ..subprocesses import ROOT


@pytest.mark.parametrize(
    ("toolkit", "words"),
    [
        ("aeon", "LSTMClassifier"),
        ("sktime", "LSTMClassifier"),
        ("sktime", "LSTMForecaster"),
    ],
)
def test_example(toolkit: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(toolkit, reason=f"{toolkit} is not installed")
    page = (ROOT / "docs" / "toolkits.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    (code,) = [b for b in blocks if f"interop.{toolkit} import {words}" in b]
    exec(compile(code, "toolkits.md", "exec"), {})
    printed = float(capsys.readouterr().out)
    if words == "LSTMForecaster":
        assert printed < 0.13  # MAPE; the worst of eight seeds: 0.11
    else:
        assert printed > 0.9  # accuracy
