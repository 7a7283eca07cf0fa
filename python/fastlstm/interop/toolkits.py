"""What the faces of the estimators for time-series toolkits have in common.

A toolkit checks its data, brings them into one of its own forms and calls `_fit`,
`_predict` and the like; those hand them on to one of fastlstm's estimators. A face's
constructor has that estimator's arguments, read from there, so that they are written
once.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any, ClassVar

from numpy.typing import NDArray

__all__ = [
    "TEST_PARAMETERS",
    "ClassifierFace",
    "SequenceFace",
    "ToolkitFace",
    "constructor",
]

# Arguments of the estimators that mean nothing here: toolkits have their own order of
# dimensions, series of numbers and one target for each, and forget what was fitted
# before they call `_fit`. What to forecast, and what is known beside it, are arguments
# of their own, of which no columns have to be named.
LEFT_OUT = frozenset(
    {
        "columns",
        "embedding_dim",
        "embedding_dropout",
        "future_covariates",
        "id_column",
        "layout",
        "output",
        "past_covariates",
        "static_features",
        "target",
        "time_column",
        "vocabulary_size",
        "warm_start",
    }
)

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

    def _estimator_arguments(self: Any) -> dict[str, Any]:
        """Give the arguments of the estimator to fit."""
        arguments: dict[str, Any] = self.get_params(deep=False)
        return arguments


class SequenceFace(ToolkitFace):
    """A `ToolkitFace` of an estimator that predicts something of each whole series."""

    def _fit(self: Any, X: Any, y: NDArray[Any]) -> Any:
        # X is (case, channel, time), a list of (channel, time), or of frames.
        estimator = self._estimator_class(**self._estimator_arguments(), layout="nft")
        self.estimator_ = estimator.fit(X, y)
        return self

    def _predict(self: Any, X: Any) -> NDArray[Any]:
        values: NDArray[Any] = self.estimator_.predict(X)
        return values


class ClassifierFace(SequenceFace):
    """A `SequenceFace` of a classifier."""

    def _predict_proba(self: Any, X: Any) -> NDArray[Any]:
        probabilities: NDArray[Any] = self.estimator_.predict_proba(X)
        return probabilities
