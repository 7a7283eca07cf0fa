"""What the faces of the estimators for time-series toolkits have in common.

A toolkit checks X, brings it into one of its own forms and calls `_fit`, `_predict` and
`_predict_proba`; those hand it on to one of fastlstm's estimators. Its constructor has
that estimator's arguments, read from there, so that they are written once.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any, ClassVar

from numpy.typing import NDArray

__all__ = ["TEST_PARAMETERS", "ClassifierFace", "ToolkitFace", "constructor"]

# Arguments of the estimators that mean nothing here: toolkits have their own order of
# dimensions, series of numbers and one target for each, and forget what was fitted
# before they call `_fit`.
LEFT_OUT = frozenset(
    {
        "embedding_dim",
        "embedding_dropout",
        "layout",
        "output",
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

    def _fit(self: Any, X: Any, y: NDArray[Any]) -> Any:
        # X is (case, channel, time), a list of (channel, time), or of frames.
        estimator = self._estimator_class(**self._estimator_arguments(), layout="nft")
        self.estimator_ = estimator.fit(X, y)
        return self

    def _predict(self: Any, X: Any) -> NDArray[Any]:
        values: NDArray[Any] = self.estimator_.predict(X)
        return values

    def _estimator_arguments(self: Any) -> dict[str, Any]:
        """Give the arguments of the estimator to fit."""
        arguments: dict[str, Any] = self.get_params(deep=False)
        return arguments


class ClassifierFace(ToolkitFace):
    """A `ToolkitFace` of a classifier."""

    def _predict_proba(self: Any, X: Any) -> NDArray[Any]:
        probabilities: NDArray[Any] = self.estimator_.predict_proba(X)
        return probabilities
