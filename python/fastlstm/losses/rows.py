"""What all losses do first: outputs as rows, and a weight for each."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .._validate import FLOAT_DTYPES, Array, IntArray, as_array, check_lengths

__all__ = ["place", "prepare", "refuse", "rows_of", "sum_weights", "weights_of"]


def sum_weights(
    rows: tuple[int, ...], lengths: IntArray | None, sample_weight: Array | None
) -> float:
    """Sum the weights of ``rows``, (N,) samples or their steps (N, T)."""
    if lengths is None:
        counts = math.prod(rows[1:])
        if sample_weight is None:
            return float(rows[0] * counts)
        return float(np.sum(sample_weight, dtype=np.float64) * counts)
    if sample_weight is None:
        return float(lengths.sum())
    return float(np.dot(lengths, sample_weight))


def weights_of(
    rows: tuple[int, ...], lengths: IntArray | None, sample_weight: Array | None
) -> npt.NDArray[np.float64]:
    """Return those that `sum_weights` sums: (N,), or (N, T) with zeros at padding."""
    weights = np.ones(rows)
    if sample_weight is not None:
        weights *= sample_weight.reshape(-1, *[1] * (len(rows) - 1))
    if lengths is not None:
        weights *= np.arange(rows[1]) < lengths[:, None]
    return weights


def prepare(
    name: str,
    outputs: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    sample_weight: npt.ArrayLike | None,
    *,
    pairs: bool = False,
) -> tuple[Array, Array]:
    """Return the checked ``outputs``, C-contiguous, and flat weights that sum to one.

    With ``pairs`` a weight is that of a step and the one before it, of the same sample;
    all are zero where there is none.
    """
    array = as_array(name, outputs)
    if array.dtype not in FLOAT_DTYPES:
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    if array.ndim not in ((3,) if pairs else (2, 3)) or not array.size:
        shapes = "(N, T, K)" if pairs else "(N, K) or (N, T, K)"
        raise ValueError(
            f"{name} must have shape {shapes}, no axis empty, got {array.shape}"
        )
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    rows = array.shape[:-1]
    if lengths is None and sample_weight is None and not pairs:
        count = math.prod(rows)
        uniform: Array = np.empty(count, array.dtype)
        uniform.fill(1.0 / count)  # a third of the time of np.full
        return array, uniform
    checked = None if sample_weight is None else _sample_weight(sample_weight, rows[0])
    valid = None
    if lengths is not None:
        if len(rows) == 1:
            raise ValueError(
                f"lengths need {name} of shape (N, T, K), got {array.shape}"
            )
        valid = check_lengths(lengths, *rows)
    weights = weights_of(rows, valid, checked)
    if pairs:
        weights[:, 0] = 0.0
    # No pair at all leaves zeros; one of a tiny weight must not.
    total = weights.sum()
    weights /= total if total else 1.0
    return array, weights.astype(array.dtype).reshape(-1)


def rows_of(array: Array) -> Array:
    """Return (N, K) or (N, T, K) as rows of K."""
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


def _sample_weight(sample_weight: npt.ArrayLike, samples: int) -> Array:
    weights = as_array("sample_weight", sample_weight)
    if weights.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight must hold real numbers, got {weights.dtype}")
    if weights.shape != (samples,):
        raise ValueError(
            f"sample_weight must have shape ({samples},), one a sample, got "
            f"{weights.shape}"
        )
    weights = weights.astype(np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0.0))
    if bad.any():
        n = int(bad.argmax())
        raise ValueError(
            f"sample_weight must be finite and not negative, got {weights[n]} for "
            f"sample {n}"
        )
    largest = float(weights.max())
    if largest == 0.0:
        raise ValueError("sample_weight must not be zero for every sample")
    # Only ratios matter; so the sum can neither overflow nor vanish.
    scaled: Array = weights / largest
    return scaled


def refuse(target: Array, bad: npt.NDArray[np.bool_], expected: str = "") -> None:
    """Raise for the first target that is ``bad``, if any, and name its place."""
    if bad.any():
        at = np.argwhere(bad)[0]
        raise ValueError(
            f"target holds {target[tuple(at)]} at {place(at[:-1])}, output {at[-1]}"
            f"{expected}"
        )


def place(at: npt.NDArray[np.intp]) -> str:
    """Name a row in words."""
    return f"sample {at[0]}" + (f", step {at[1]}" if len(at) == 2 else "")
