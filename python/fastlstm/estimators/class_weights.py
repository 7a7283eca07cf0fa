"""``class_weight``: one weight a label."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .inputs import relative

__all__ = ["weigh_classes"]

_LARGEST = sys.float_info.max
_SMALLEST_RATIO = 1e-30  # below it a label has no part in any float32 sum


def weigh_classes(
    class_weight: str | Mapping[Any, float] | None,
    classes: NDArray[Any],
    labels: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Weigh each of ``classes`` as scikit-learn's ``compute_class_weight`` does.

    Not by it: with a warm start ``labels`` may lack a class, which there has no
    "balanced" weight (here 1); and keys of a dict may be labels of any type.

    Raises
    ------
    ValueError
        A dict has a key that is no label while a label has no weight; a weight that is
        not finite and above 0.
    TypeError
        A weight that is no number.
    """
    weights = np.ones(len(classes))
    if class_weight is None:
        return weights
    if isinstance(class_weight, str):  # "balanced", after King & Zeng (2001)
        codes = np.searchsorted(classes, labels)
        counts = np.bincount(codes, relative(sample_weight), minlength=len(classes))
        there = counts > 0.0
        weights[there] = counts.sum() / (there.sum() * counts[there])
        return weights
    names = classes.tolist()
    if classes.dtype.kind in "mM":  # which tolist turns into other types
        names = list(classes)
    for label, weight in class_weight.items():
        if not isinstance(weight, Real):
            raise TypeError(
                f"class_weight must hold numbers, got {weight!r} for label {label!r}"
            )
        if not 0.0 < weight <= _LARGEST:
            raise ValueError(
                f"class_weight must be finite and above 0, got {weight!r} for label "
                f"{label!r}; sample_weight=0 leaves sequences out"
            )
    left = [label for label in names if label not in class_weight]
    unknown = [label for label in class_weight if label not in names]
    # A fold may lack a label; but not both, which is a label in other words.
    if unknown and left:
        raise ValueError(
            f"class_weight has a weight for {unknown[0]!r}, which is no label of y, "
            f"and none for {left[0]!r}: the labels are {names}"
        )
    for k, label in enumerate(names):
        weights[k] = class_weight.get(label, 1.0)
    if weights.min() < _SMALLEST_RATIO * weights.max():
        raise ValueError(
            f"class_weight must not differ by more than {1 / _SMALLEST_RATIO:.0e} "
            f"times, got {weights.tolist()} for {names}"
        )
    return weights
