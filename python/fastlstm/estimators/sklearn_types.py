"""scikit-learn's base classes, with types where a type checker reads them.

Design: scikit-learn has none, so its classes would be Any, and for a class with such a
base a type checker takes any arguments and attributes as right, misspelt ones too.
"""
# ruff: noqa: D102 (scikit-learn documents them)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

__all__ = ["BaseEstimator", "CallbackSupport", "ClassifierMixin", "RegressorMixin"]

if TYPE_CHECKING:

    class BaseEstimator:
        """What `sklearn.base.BaseEstimator` gives these estimators."""

        # The check of X finds them, and whose columns have names.
        n_features_in_: int
        feature_names_in_: Any

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def get_metadata_routing(self) -> Any: ...
        def set_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_partial_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_score_request(self, **requests: bool | str | None) -> Self: ...
        def _validate_params(self) -> None: ...
        def __sklearn_tags__(self) -> Any: ...
        def __sklearn_clone__(self) -> Self: ...

    class _Scored:
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...
        def __sklearn_tags__(self) -> Any: ...

    class ClassifierMixin(_Scored):
        """What `sklearn.base.ClassifierMixin` gives."""

    class RegressorMixin(_Scored):
        """What `sklearn.base.RegressorMixin` gives."""

    class CallbackSupport:
        """What `sklearn.callback.CallbackSupportMixin` gives."""

        def set_callbacks(self, *callbacks: Any) -> Self: ...
        def _init_callback_context(self, **options: Any) -> Any: ...

else:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    try:
        from sklearn.callback import CallbackSupportMixin as CallbackSupport
    except ImportError:  # scikit-learn before 1.9

        class CallbackSupport:
            """Nothing: scikit-learn has no callbacks."""
