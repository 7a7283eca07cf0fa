"""Fixtures, the header, and the rule that a skip needs a known reason."""

from __future__ import annotations

import os

# Else scikit-learn skips one of its checks; SciPy reads it when it is imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

# The same examples in every run: what fails in CI fails at home.
settings.register_profile("fastlstm", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("fastlstm")

# A skip is a hole in the ladder: each has its reason here, or the session fails.
KNOWN_SKIPS = (
    "torch is not installed",
    "onnxruntime is not installed",
    "openvino is not installed",
    "jax is not installed",
    "optuna is not installed",
    "sktime is not installed",  # sktime and aeon have an environment of their own:
    "aeon is not installed",  # .ci/toolkits
    "this platform cannot fork",
    "no object files: built elsewhere",
    "scikit-learn has callbacks from 1.9 on",
    "rich is not installed",
    "mypy is not installed",  # .ci/run has it when it comes to its second suite
)

_skips: dict[str, str] = {}


def pytest_report_header(config: pytest.Config) -> list[str]:
    from fastlstm import _core

    return [
        f"fastlstm: ISA {_core.isa()} of {', '.join(_core.available_isas())}; "
        f"{_core.get_num_threads()} threads"
    ]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skip(report)


def _note_skip(report: Any) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr
        _skips[report.nodeid] = reason[2] if isinstance(reason, tuple) else str(reason)


def _unknown_skips() -> dict[str, str]:
    return {
        nodeid: reason
        for nodeid, reason in _skips.items()
        if not any(known in reason for known in KNOWN_SKIPS)
    }


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _unknown_skips() and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    unknown = _unknown_skips()
    if _skips:
        terminalreporter.section("skips")
    for nodeid, reason in _skips.items():
        mark = "UNKNOWN REASON, fails the session: " if nodeid in unknown else ""
        terminalreporter.write_line(f"{mark}{nodeid}: {reason}")


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """NumPy's own threads would only fight with fastlstm's for the CPUs."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator of the test's own: the same whatever runs before it."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture
def threads() -> Iterator[Any]:
    """`fastlstm.set_num_threads`, undone after the test."""
    import fastlstm
    from fastlstm import _core

    before = _core.requested_threads()
    yield fastlstm.set_num_threads
    _core.set_num_threads(before)
