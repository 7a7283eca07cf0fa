"""The house keeps its shape: imports, file sizes, stubs, symbols, versions."""

import ast
import inspect
import re
import subprocess
import tomllib
from pathlib import Path

import fastlstm
import pytest
from fastlstm import _core

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "python" / "fastlstm"
MOST_LINES = 420  # habit: about 100, seldom over 300

# Each part of the package, and the parts it may import.
BELOW = {
    "_core": set(),
    "_validate": set(),
    "_layout": {"_validate"},
    "_gradients": {"_layout", "_validate"},
    "params": {"_gradients", "_layout", "_validate"},
    "nn": {"_core", "_validate", "params"},
    "distributions": {"_core", "_validate"},
    "losses": {"_core", "_validate", "distributions"},
    "optim": {"_core", "_validate", "params"},
    "files": {"_core"},
    "schedules": {"_validate", "files"},
    "data": {"_validate", "files"},
    "models": {"_validate", "data", "files", "losses", "nn", "params"},
    "training": {
        "_validate",
        "data",
        "files",
        "losses",
        "models",
        "nn",
        "optim",
        "params",
        "schedules",
    },
    "forecasting": {
        "_validate",
        "data",
        "distributions",
        "files",
        "losses",
        "models",
        "nn",
        "training",
    },
    "profiling": {"_core"},
    "plotting": {"_validate", "data", "forecasting", "training"},
    "bench": {"_core", "nn"},
    "interop": set(),
}
# The top floor may import everything below it and each other.
TOP = {"__init__", "__main__", "estimators", "demo", "cli", "loading"}
# Faces for toolkits stand on the estimators, whatever else lies in their folder.
TOP |= {"interop.toolkits", "interop.instances", "interop.sktime", "interop.aeon"}
# Who may include whom in the core.
INCLUDES = {
    "base": {"base"},
    "kernels": {"kernels"},
    "nn": {"nn", "kernels", "base"},
    "bindings": {"bindings", "nn", "kernels", "base"},
}


def _python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _part(module: str) -> str:
    return module.split(".")[0]


def _imports(path: Path) -> set[str]:
    """Parts of this package that a file imports, at any depth of its code."""
    inside = path.relative_to(PACKAGE).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        package = list(inside[: len(inside) - node.level])
        names = [node.module] if node.module else [a.name for a in node.names]
        found |= {_part(".".join([*package, name])) for name in names}
    return found - {inside[0]}


def test_python_arrows_point_down():
    wrong = []
    for path in _python_files():
        inside = path.relative_to(PACKAGE).with_suffix("").parts
        part = inside[0]
        if part in TOP or ".".join(inside) in TOP:
            continue
        assert part in BELOW, f"{part} has no floor in BELOW"
        for other in _imports(path) - BELOW[part]:
            wrong.append(f"{path.relative_to(ROOT)} imports {other}")
    assert not wrong


def test_core_is_called_from_few_places():
    callers = {
        _part(str(path.relative_to(PACKAGE).with_suffix("")).replace("/", "."))
        for path in _python_files()
        if "_core" in _imports(path)
    }
    above = {"__init__", "bench", "cli", "estimators"}
    below = {"distributions", "files", "losses", "nn", "optim", "profiling"}
    assert callers <= above | below


def test_models_and_below_know_no_scikit_learn():
    for path in _python_files():
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part not in {"estimators", "demo"}:
            assert not re.search(
                r"^\s*(from|import) sklearn", path.read_text(), re.M
            ), path


@pytest.mark.parametrize("folder", INCLUDES)
def test_includes_point_down(folder):
    wrong = []
    for path in sorted((ROOT / "csrc" / folder).iterdir()):
        text = path.read_text()
        for other in re.findall(r'#include "([^"/]+)/', text):
            if other not in INCLUDES[folder]:
                wrong.append(f"{path.name} includes {other}/")
        if folder != "bindings" and "pybind11" in text:
            wrong.append(f"{path.name} mentions pybind11")
    assert not wrong


def test_kernels_are_pure():
    # No allocation, threads, exceptions or standard containers in what is compiled
    # once for each instruction set.
    banned = re.compile(r"\b(new|malloc|throw|std::(vector|string|thread)|omp)\b")
    for path in (ROOT / "csrc" / "kernels").glob("*.inl"):
        code = re.sub(r"//.*", "", path.read_text())
        assert not banned.search(code), path.name


def test_files_are_short():
    files = [
        *_python_files(),
        *(ROOT / "csrc").rglob("*.*"),
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "tests").rglob("*.cpp"),
        *(ROOT / "benchmarks").glob("*.py"),
    ]
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files
        if (lines := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert not long


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert fastlstm.__version__ == _core.__version__ == project["version"]
    assert project["version"] in (ROOT / "CHANGELOG.md").read_text()


def _stub_names(body: list[ast.stmt]) -> set[str]:
    names = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_stub_is_complete():
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    stub = {
        n for n in _stub_names(tree.body) if not n.startswith("_") or n == "__version__"
    }
    real = {n for n in dir(_core) if not n.startswith("_")} | {"__version__"}
    assert stub == real
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            real_class = getattr(_core, node.name)
            own = {n for n in vars(real_class) if not n.startswith("_")}
            assert {n for n in _stub_names(node.body) if not n.startswith("_")} == own
            assert inspect.isclass(real_class)


def test_instruction_sets_share_no_symbols():
    # A function that two instruction sets define is merged by the linker, and the copy
    # that stays may use instructions that the CPU lacks.
    objects = sorted(ROOT.glob("build/**/isa.cpp.o"))
    if not objects:
        pytest.skip("no object files: built elsewhere")
    for path in objects:
        text = subprocess.run(
            ["nm", "-C", "--defined-only", str(path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        shared = [line for line in text.splitlines() if re.search(r" [WVu] ", line)]
        assert not shared, path
        public = [
            line.split()[-1]
            for line in text.splitlines()
            if re.search(r" [TDRB] ", line)
        ]
        assert all("kernels_" in name for name in public), public
