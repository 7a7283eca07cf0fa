"""The top of the package: what an import costs, lazy names, configuration, threads."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import fastlstm
import pytest


def run(code: str) -> str:
    return subprocess.check_output([sys.executable, "-c", code], text=True)


def test_import_is_numpy_only() -> None:
    code = (
        "import numpy, sys; before = set(sys.modules); import fastlstm;"
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before}"
        " - set(sys.stdlib_module_names)))"
    )
    assert run(code).strip() == "['fastlstm']"


@pytest.mark.parametrize(
    "name", ["distributions", "losses", "nn", "optim", "params", "schedules"]
)
def test_modules_come_when_asked_for(name: str) -> None:
    assert run(f"import fastlstm; print(fastlstm.{name}.__name__)") == (
        f"fastlstm.{name}\n"
    )


def test_layers_do_not_need_scikit_learn() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None; import fastlstm;"
        "fastlstm.nn.LSTM(3, 5)\n"
        "try:\n fastlstm.LSTMRegressor\n"
        "except ImportError as error:\n print(error)"
    )
    assert 'pip install "fastlstm[sklearn]"' in run(code)


def test_names() -> None:
    assert set(fastlstm.__all__) <= set(dir(fastlstm))
    with pytest.raises(AttributeError, match="no attribute 'lstm'"):
        fastlstm.lstm  # noqa: B018
    assert fastlstm.__version__.count(".") >= 2


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert fastlstm.show_config() is None
    printed = capsys.readouterr().out
    config = fastlstm.show_config("dicts")
    assert config["isa"] in config["available_isas"]
    assert config["version"] == fastlstm.__version__
    assert config["threads"] == fastlstm.get_num_threads()
    for key in config:
        assert f"\n{key} " in "\n" + printed
    with pytest.raises(ValueError, match=r"one of \('stdout', 'dicts'\), got 'json'"):
        fastlstm.show_config("json")  # type: ignore[call-overload]


def test_threads(threads: Any) -> None:
    threads(3)
    assert fastlstm.get_num_threads() == 3
    for value, error in ((0, ValueError), (-1, ValueError), (2.0, TypeError)):
        with pytest.raises(error, match="n must be"):
            threads(value)
    assert fastlstm.get_num_threads() == 3
