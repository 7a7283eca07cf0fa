"""Validation data: which sequences are set aside, and what judges a fit on them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import check_scoring
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.utils import _safe_indexing, check_consistent_length, column_or_1d

from .._validate import IntArray
from ..models import SequenceModel
from ..training import TrainingSet

if TYPE_CHECKING:
    from .base import SequenceEstimator

__all__ = ["UserData", "check_groups", "make_score", "set_aside"]


class UserData(NamedTuple):
    """Some sequences as the user has them: ``rows`` of X and y, and their weights."""

    X: Any
    y: Any
    rows: IntArray
    weights: NDArray[np.float64] | None

    def take_X(self) -> Any:  # noqa: N802 - what X is called
        """Copy those of X, in its own type."""
        return _safe_indexing(self.X, self.rows)

    def take_y(self) -> Any:
        """Copy those of y."""
        return _safe_indexing(self.y, self.rows)

    @property
    def metadata(self) -> dict[str, Any]:
        """What a scorer is given beside: ``sample_weight``, where there is one."""
        return {} if self.weights is None else {"sample_weight": self.weights}


def check_groups(
    estimator: SequenceEstimator, groups: Any, X: Any
) -> NDArray[Any] | None:
    """Check (N,) groups, one a sequence; None stays None.

    Raises
    ------
    ValueError
        Another shape, or ``validation_split="last"``, which splits by order.
    """
    if groups is None:
        return None
    if estimator.validation_split != "random":
        raise ValueError(
            "groups are drawn as a whole, which validation_split="
            f"{estimator.validation_split!r} does not do: expected 'random'"
        )
    groups = column_or_1d(groups)
    check_consistent_length(X, groups)
    checked: NDArray[Any] = groups
    return checked


def set_aside(
    estimator: SequenceEstimator,
    n: int,
    groups: NDArray[Any] | None,
    classes: NDArray[Any] | None,
    seed: int,
) -> tuple[IntArray, IntArray]:
    """Choose ``validation_fraction`` of ``n`` sequences: whole groups, where given.

    Returns
    -------
    stay, leave : arrays of int
        Sequences to train and to validate on.

    Raises
    ------
    ValueError
        If there are too few sequences, groups or members of a class.
    """
    size, last = estimator.validation_fraction, estimator.validation_split == "last"
    try:
        if groups is not None:
            shuffle = GroupShuffleSplit(1, test_size=size, random_state=seed)
            stay, leave = next(shuffle.split(np.arange(n), groups=groups))
        else:
            stay, leave = train_test_split(
                np.arange(n),
                test_size=size,
                shuffle=not last,
                random_state=None if last else seed,
                stratify=None if last else classes,
            )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot split off validation_fraction={size}: "
            f"{str(error).rstrip('.')}. Pass X_val and y_val, or set "
            "early_stopping=False."
        ) from error
    return stay, leave


def make_score(
    estimator: SequenceEstimator,
    model: SequenceModel,
    held_out: TrainingSet,
    data: UserData,
) -> Callable[[], float]:
    """Make what judges ``model`` after each epoch, higher is better.

    Parameters
    ----------
    estimator : SequenceEstimator
        All but its model is fitted.
    model : SequenceModel
        The one under training.
    held_out : TrainingSet
        Validation data in the network's units.
    data : UserData
        The same as the user has them.

    Raises
    ------
    ValueError
        If the scorer cannot judge them.
    """
    if callable(estimator.scoring) or estimator.scoring not in (None, "loss"):
        return _scorer_score(estimator, model, data)

    if estimator.scoring is None:

        def default() -> float:
            return estimator._score_outputs(model.infer(held_out.inputs), held_out)

        return default
    loss = estimator._make_loss()

    def negative_loss() -> float:
        outputs = model.infer(held_out.inputs)
        value, _ = loss(outputs, held_out.targets, **held_out.loss_options)
        return -value

    return negative_loss


def _scorer_score(
    estimator: SequenceEstimator,
    model: SequenceModel,
    data: UserData,
) -> Callable[[], float]:
    """Let a scorer judge an estimator that predicts with ``model`` as it is."""
    name = f"scoring={estimator.scoring!r}"
    scorer = check_scoring(estimator, estimator.scoring)
    judged = copy.copy(estimator)
    judged.model_ = model
    X, y, options = data.take_X(), data.take_y(), data.metadata

    def score() -> float:
        try:
            value = scorer(judged, X, y, **options)
        except Exception as error:
            raise ValueError(
                f"{name} cannot judge the validation data: {error}"
            ) from error
        if not isinstance(value, Real):
            raise ValueError(f"{name} must give one number, got {value!r}")
        return float(value)

    # Before hours of training: what it makes of a model that has learnt nothing.
    first = score()
    if not math.isfinite(first):
        raise ValueError(f"{name} gives {first} on the validation data")
    return score
