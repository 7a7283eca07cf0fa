"""What the faces of the estimators for time-series toolkits have in common.

A toolkit checks X, brings it into one of its own forms and calls `_fit`, `_predict` and
`_predict_proba`; those hand it on to one of fastlstm's estimators. Its constructor has
that estimator's arguments, read from there, so that they are written once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Signature, signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["TEST_PARAMETERS", "ClassifierFace", "ToolkitFace", "constructor"]

# Arguments of the estimators that mean nothing here: toolkits know one target a series,
# and forget what was fitted before they call `_fit`.
LEFT_OUT = frozenset({"output", "warm_start"})

# What the toolkits' own checks fit: small, and two different paths.
TEST_PARAMETERS: list[dict[str, Any]] = [
    {"hidden_size": 4, "max_iter": 2, "batch_size": 8},
    {
        "hidden_size": [3, 2],
        "bidirectional": True,
        "solver": "sgd",
        "dropout": 0.2,
        "max_iter": 2,
        "dtype": "float64",
    },
]


def constructor(estimator: type[Any], **defaults: Any) -> Callable[..., None]:
    """Make an ``__init__`` that stores the arguments of ``estimator``.

    Toolkits and scikit-learn read its signature, as `help` does.

    Parameters
    ----------
    estimator : class
        Whose arguments to take, but those that a toolkit has no use for.
    **defaults
        Defaults that differ from those of ``estimator``.
    """
    arguments = [
        argument.replace(default=defaults.get(argument.name, argument.default))
        for argument in signature(estimator.__init__).parameters.values()
        if argument.name not in LEFT_OUT
    ]
    words = Signature(arguments)

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = words.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if name != "self":
                setattr(self, name, value)
        super(ToolkitFace, self).__init__()  # the toolkit's base class

    init.__signature__ = words  # type: ignore[attr-defined]
    return init


class ToolkitFace:
    """Comes before a toolkit's base class: what that asks for, done by an estimator.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one of fastlstm.
    """

    _estimator_class: ClassVar[type[Any]]

    def _fit(self: Any, X: Any, y: NDArray[Any]) -> Any:
        estimator = self._estimator_class(**self._estimator_arguments())
        self.estimator_ = estimator.fit(steps_first(X), y)
        return self

    def _predict(self: Any, X: Any) -> NDArray[Any]:
        values: NDArray[Any] = self.estimator_.predict(steps_first(X))
        return values

    def _estimator_arguments(self: Any) -> dict[str, Any]:
        """Give the arguments of the estimator to fit."""
        arguments: dict[str, Any] = self.get_params(deep=False)
        return arguments


class ClassifierFace(ToolkitFace):
    """A `ToolkitFace` of a classifier."""

    def _predict_proba(self: Any, X: Any) -> NDArray[Any]:
        probabilities: NDArray[Any] = self.estimator_.predict_proba(steps_first(X))
        return probabilities


def steps_first(X: NDArray[Any] | Sequence[Any]) -> Any:
    """Bring a toolkit's series into fastlstm's order: views, no copy.

    Parameters
    ----------
    X : (case, channel, time) array, or list
        Of arrays (channel, time), or of frames, which have a row a step already.

    Returns
    -------
    (case, time, channel) array, or list of arrays (time, channel)
    """
    if isinstance(X, np.ndarray):
        return X.swapaxes(1, 2)
    return [s.T if isinstance(s, np.ndarray) else s.to_numpy() for s in X]
