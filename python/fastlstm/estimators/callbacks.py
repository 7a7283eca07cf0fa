"""scikit-learn's callbacks, which it has from 1.9 on: each epoch of a fit is a task.

Design: scikit-learn's are set by ``set_callbacks`` and see estimators, X and y; our
own are an argument and see the trainer. `EpochTasks` is one of ours that calls theirs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..models import SequenceModel
from ..training import Callback, Trainer

if TYPE_CHECKING:
    from .base import SequenceEstimator
    from .validation import UserData

    Method = TypeVar("Method", bound=Callable[..., Any])

__all__ = ["EpochTasks", "begin_tasks", "own_callbacks", "with_callbacks"]

try:
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:  # scikit-learn before 1.9
    _with_callbacks = None


def with_callbacks(method: Method) -> Method:
    """Have callbacks torn down after ``method``, however it ends."""
    if _with_callbacks is None:
        return method
    decorated: Method = _with_callbacks(method)
    return decorated


def begin_tasks(estimator: SequenceEstimator) -> Any:
    """Set up scikit-learn's callbacks for a fit; None where it has none."""
    if _with_callbacks is None:
        return None
    return estimator._init_callback_context(max_subtasks=estimator.max_iter)


def own_callbacks(estimator: Any) -> list[Any]:
    """Return the callbacks that an estimator was given as an argument.

    Raises
    ------
    TypeError
        A class; one of scikit-learn's, which has another place, if any.
    """
    callbacks = list(estimator.callbacks or ())
    for callback in callbacks:
        if isinstance(callback, type):
            raise TypeError(
                f"callbacks: {callback.__name__} is a class; expected an object, "
                f"{callback.__name__}()"
            )
        if hasattr(callback, "on_fit_task_end"):
            where = "go to set_callbacks"
            if not hasattr(estimator, "set_callbacks"):
                name = type(estimator).__name__
                where = f"{name} does not take: expected a fastlstm.training.Callback"
            raise TypeError(
                f"callbacks: {callback!r} is one of scikit-learn's, which {where}"
            )
    return callbacks


class EpochTasks(Callback):
    """Tells scikit-learn's callbacks how a fit goes.

    Parameters
    ----------
    estimator : SequenceEstimator
        The one in `fit`.
    context : CallbackContext
        What `begin_tasks` gave.
    data : UserData
        What is trained on.
    model : SequenceModel
        The one under training.
    """

    def __init__(
        self,
        estimator: SequenceEstimator,
        context: Any,
        data: UserData,
        model: SequenceModel,
    ) -> None:
        self._estimator = estimator
        self._context = context
        # The context calls what callbacks ask for.
        self._data: dict[str, Any] = {
            "X": data.take_X,
            "y": data.take_y,
            "metadata": data.metadata,
        }
        self._model = model
        self._epoch: Any = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Begin the task of the whole fit."""
        self._context.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Begin the task of an epoch."""
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """End it; stop the fit where a callback wants that."""

        def fitted() -> dict[str, Any]:
            # A copy: who keeps it sees the model of this epoch.
            return {"model_": copy.deepcopy(self._model), "n_iter_": trainer.epoch}

        if self._epoch.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=fitted, **self._data
        ):
            trainer.stop("callback")

    def on_fitted(self) -> None:
        """End the task of the whole fit; the estimator is fitted."""
        self._context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes={}, **self._data
        )
