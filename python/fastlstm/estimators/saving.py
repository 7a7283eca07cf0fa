"""A fitted estimator as plain data, and back."""

from __future__ import annotations

import inspect
import os
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

from sklearn.utils.validation import check_is_fitted

from .. import estimators
from ..files import digest, write_record
from ..files.whole import PathType

if TYPE_CHECKING:
    from .anomaly import LSTMAnomalyDetector
    from .base import SequenceEstimator
    from .forecaster_engine import ForecastEngine

    Saved: TypeAlias = SequenceEstimator | LSTMAnomalyDetector | ForecastEngine

__all__ = ["restore", "save"]

# What scikit-learn keeps in an estimator for its own machinery.
_MACHINERY = ("_metadata_request", "_skl_callbacks")


def save(estimator: Saved, path: PathType) -> None:
    """Write a fitted ``estimator``; `SequenceEstimator.save` says what is kept."""
    check_is_fitted(estimator, "model_")
    cls = type(estimator)
    if _known(cls.__name__) is not cls:
        raise TypeError(
            f"a {cls.__module__}.{cls.__qualname__} cannot be saved, as nothing could "
            "load it: expected an estimator of fastlstm itself"
        )
    parameters = estimator.get_params(deep=False)
    left_out = {
        name: repr(value) for name, value in parameters.items() if not is_plain(value)
    }
    # What fit noted of such a parameter: only that it was another than those to come.
    notes = {id(parameters[name]): text for name, text in left_out.items()}
    attributes = {
        name: notes.get(id(value), value)
        for name, value in vars(estimator).items()
        if name not in parameters and name not in _MACHINERY
    }
    content = {
        "class": cls.__name__,
        "parameters": {k: v for k, v in parameters.items() if k not in left_out},
        "left_out": left_out,
        "attributes": attributes,
    }
    left_out |= {name: "" for name in _MACHINERY if name in vars(estimator)}
    write_record(path, "estimator", content)
    if left_out:
        warnings.warn(
            f"{os.fspath(path)} does not keep {', '.join(left_out)}: only numbers, "
            "strings, lists and dicts are kept. What is loaded has their defaults, and "
            "predicts the same.",
            stacklevel=3,
        )


def restore(path: PathType, content: dict[str, Any]) -> Saved:
    """Make the estimator that `save` wrote ``content`` of.

    Raises
    ------
    ValueError
        A class or a parameter that this version does not have.
    """
    cls = _known(content["class"])
    if cls is None:
        raise ValueError(
            f"{os.fspath(path)} cannot be read: it holds an estimator "
            f"{content['class']!r}, which this version does not know"
        )
    unknown = set(content["parameters"]) - set(inspect.signature(cls).parameters)
    # A name of a method is no attribute's: it would stand before the method.
    unknown |= {
        name for name in content["attributes"] if callable(getattr(cls, name, 0))
    }
    if unknown:
        raise ValueError(
            f"{os.fspath(path)} cannot be read: a {cls.__name__} of this version has "
            f"no {', '.join(sorted(unknown))}"
        )
    estimator: Saved = cls(**content["parameters"])
    estimator.__dict__.update(content["attributes"])
    return estimator


def is_plain(value: Any) -> bool:
    """Tell whether a file can keep ``value``."""
    try:
        digest(value)
    except TypeError:
        return False
    return True


def _known(name: str) -> type[Saved] | None:
    return getattr(estimators, name) if name in estimators.__all__ else None
