"""Without a toolkit, its faces say which command installs it."""

from __future__ import annotations

import pytest

from ..subprocesses import run_python


@pytest.mark.parametrize("toolkit", ["aeon", "sktime"])
def test_error_names_the_command(toolkit: str) -> None:
    code = (
        f"import sys; sys.modules[{toolkit!r}] = None; import fastlstm.interop\n"
        f"try:\n import fastlstm.interop.{toolkit}\n"
        "except ImportError as error:\n print(error)"
    )
    done = run_python("-c", code)
    assert f'pip install "fastlstm[{toolkit}]"' in done.stdout, done.stderr
