"""fastlstm: the LSTM for people who work in NumPy and scikit-learn.

Importing this imports NumPy and nothing else; submodules and estimators come when they
are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import numpy as np

if TYPE_CHECKING:
    from . import (
        data,
        distributions,
        estimators,
        forecasting,
        losses,
        models,
        nn,
        optim,
        params,
        schedules,
        training,
    )
    from .estimators import (
        LSTMAnomalyDetector,
        LSTMClassifier,
        LSTMForecaster,
        LSTMRegressor,
        LSTMTagger,
    )
    from .loading import load
    from .profiling import profile

    __version__: str

_MODULES: Final = (
    "data",
    "distributions",
    "estimators",
    "forecasting",
    "losses",
    "models",
    "nn",
    "optim",
    "params",
    "schedules",
    "training",
)
_ESTIMATORS: Final = (
    "LSTMAnomalyDetector",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMRegressor",
    "LSTMTagger",
)

__all__ = [
    "LSTMAnomalyDetector",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMRegressor",
    "LSTMTagger",
    "__version__",
    "data",
    "distributions",
    "estimators",
    "forecasting",
    "get_num_threads",
    "load",
    "losses",
    "models",
    "nn",
    "optim",
    "params",
    "profile",
    "schedules",
    "set_num_threads",
    "show_config",
    "training",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name == "__version__":
        from . import _core

        return _core.__version__
    if name == "load":
        return importlib.import_module(".loading", __name__).load
    if name == "profile":
        return importlib.import_module(".profiling", __name__).profile
    if name in _ESTIMATORS:
        return getattr(importlib.import_module(".estimators", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def set_num_threads(n: int | None) -> None:
    """Let calls use up to ``n`` threads; results do not depend on it, to the bit.

    Parameters
    ----------
    n : int or None
        At least 1. A number is used as it is, also where other processes hold the CPUs;
        None, as at first, is what the machine grants, and then short calls run on one
        thread for a while where others are in the way.

    Raises
    ------
    ValueError, TypeError
        ``n`` below 1 or not an integer.
    """
    from . import _core
    from ._validate import check_int

    _core.set_num_threads(0 if n is None else check_int("n", n, 1, 2**31 - 1))


def get_num_threads() -> int:
    """Return the number of threads that calls may use.

    At first the smallest of the CPUs of this process, its cgroup's quota and
    ``OMP_NUM_THREADS``.
    """
    from . import _core

    return _core.get_num_threads()


@overload
def show_config(mode: Literal["stdout"] = ...) -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Show version, ISA chosen and available, precisions, threads and compiler.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default="stdout"
        Print, or return a dict, as :func:`numpy.show_config`.

    Returns
    -------
    config : dict or None

    Raises
    ------
    ValueError
        Another ``mode``.
    """
    import platform

    from . import _core
    from ._validate import check_choice

    check_choice("mode", mode, ("stdout", "dicts"))
    config: dict[str, Any] = {
        "version": _core.__version__,
        "isa": _core.isa(),
        "available_isas": _core.available_isas(),
        "precisions": ["float32", "float64"],
        "threads": _core.get_num_threads(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        **_core.build_info(),
    }
    if mode == "dicts":
        return config
    width = max(map(len, config))
    for key, value in config.items():
        text = ", ".join(value) if isinstance(value, list) else value
        print(f"{key:<{width}}  {text}")
    return None
