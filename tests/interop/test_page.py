"""The examples of docs/toolkits.md run and learn."""

from __future__ import annotations

import re

import pytest

from ..subprocesses import ROOT


@pytest.mark.parametrize("toolkit", ["aeon", "sktime"])
def test_example(toolkit: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(toolkit, reason=f"{toolkit} is not installed")
    page = (ROOT / "docs" / "toolkits.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    (code,) = [block for block in blocks if f"interop.{toolkit}" in block]
    exec(compile(code, "toolkits.md", "exec"), {})
    assert float(capsys.readouterr().out) > 0.9
