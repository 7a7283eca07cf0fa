"""docs/guide.md is true: its blocks run and print what it says, its names exist."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import fastlstm
import numpy as np
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor

from .subprocesses import ROOT, run_python

GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
SECTIONS = {
    section.split("\n", 1)[0]: section
    for section in re.split(r"^## ", GUIDE, flags=re.M)[1:]
}
NUMPY_ALONE = "# where only NumPy and fastlstm are installed\n"
WITHOUT = """
import os, sys
sys.modules.update(dict.fromkeys(("sklearn", "scipy", "joblib", "pandas")))
os.chdir({folder!r})
"""


def blocks(section: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", section, re.S)


# A fit of a few epochs shows what is to be shown.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("title", [t for t in SECTIONS if blocks(SECTIONS[t])])
def test_blocks(
    title: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)  # where blocks save
    monkeypatch.setenv("MPLBACKEND", "agg")
    # A block goes on from those before it in its section.
    names: dict[str, object] = {"__name__": "guide"}
    for code in blocks(SECTIONS[title]):
        if code.startswith(NUMPY_ALONE):
            alone = WITHOUT.format(folder=str(tmp_path)) + code
            done = run_python("-W", "error", "-c", alone)
            assert done.returncode == 0, done.stderr
            printed = done.stdout
        else:
            exec(compile(code, "guide.md", "exec"), names)
            printed = capsys.readouterr().out
        expected = re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
        assert len(expected) == code.count("print(")  # each says what comes out
        wanted = "".join(f"{line}\n" for line in expected)
        same = doctest.OutputChecker().check_output(wanted, printed, doctest.ELLIPSIS)
        assert same, f"said {wanted!r}, printed {printed!r}"


def test_links() -> None:
    anchors = {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in SECTIONS}
    links = set(re.findall(r"\]\((.*?)\)", GUIDE))
    assert {link[1:] for link in links if link.startswith("#")} == anchors
    for link in links:
        assert link.startswith("#") or (ROOT / "docs" / link).is_file(), link


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_names(rng: np.random.Generator) -> None:
    X = rng.standard_normal((20, 3))
    known = (fastlstm, LSTMRegressor(2, max_iter=1).fit(X, X[:, 0]), LSTMClassifier())
    rows = re.findall(r"^\|.*\| (.*) \|$", SECTIONS["Names"], re.M)
    names = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert len(names) > 40
    unknown = {n for n in names if not any(hasattr(one, n) for one in known)}
    assert not unknown
