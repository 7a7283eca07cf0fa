"""Checks at the edge of the package: a message shows the value and what was expected.

Design: everything here is on the path of every layer call, and at small sizes a call
lasts a few microseconds. So the good case is a few comparisons and one pass over the
data; places and words are looked for only once something is known to be wrong.
"""

from __future__ import annotations

import contextlib
import math
import operator
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.int64]
FloatDtype: TypeAlias = np.dtype[np.floating[Any]]
RandomState: TypeAlias = int | np.random.Generator | np.random.RandomState | None

FLOAT_DTYPES: Final[tuple[FloatDtype, ...]] = (
    np.dtype(np.float32),
    np.dtype(np.float64),
)

# np.vdot is the fastest single pass that NumPy has and raises no floating-point
# warning, but BLAS wakes its own threads for longer vectors, which would then spin
# beside ours.
_VDOT_LIMIT: Final = 8192


def check_int(
    name: str, value: object, minimum: int, maximum: int | None = None
) -> int:
    """Return an integer of at least ``minimum``; refuse bools and floats."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < minimum or (maximum is not None and number > maximum):
        upper = "" if maximum is None else f" and at most {maximum}"
        raise ValueError(f"{name} must be at least {minimum}{upper}, got {number}")
    return number


def check_float(name: str, value: object, interval: str = "(-inf, inf)") -> float:
    """Return a finite real number inside ``interval``, as in ``"[0, 1)"``."""
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {value!r}") from None
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    above = operator.ge if interval[0] == "[" else operator.gt
    below = operator.le if interval[-1] == "]" else operator.lt
    if not (math.isfinite(number) and above(number, low) and below(number, high)):
        raise ValueError(f"{name} must be finite and in {interval}, got {value!r}")
    return number


def check_bool(name: str, value: object) -> bool:
    """Return True or False; refuse what merely counts as such."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Return one of the named ``choices``."""
    names = tuple(choices)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} must be one of {names}, got {value!r}")
    return value


def check_dtype(value: npt.DTypeLike) -> FloatDtype:
    """Return float32 or float64, native, from a name, a type or a dtype."""
    for dtype in FLOAT_DTYPES:
        # None would mean float64 to NumPy; a name that it does not know raises.
        with contextlib.suppress(TypeError):
            if value is not None and np.dtype(value) == dtype:
                return dtype
    raise ValueError(f"dtype must be 'float32' or 'float64', got {value!r}")


def check_size(what: str, elements: int, dtype: FloatDtype) -> None:
    """Refuse sizes whose bytes no pointer can count, before anything is allocated."""
    if elements > sys.maxsize // dtype.itemsize:
        raise ValueError(
            f"{what} would need {elements} elements of {dtype}: too large to address"
        )


def as_generator(random_state: RandomState) -> np.random.Generator:
    """Return a generator: a Generator is shared, a RandomState is drawn from."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        words = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.default_rng(words)
    if random_state is None:
        return np.random.default_rng()
    try:
        return np.random.default_rng(check_int("random_state", random_state, 0))
    except TypeError:
        raise TypeError(
            "random_state must be None, an integer, a numpy.random.Generator or a "
            f"RandomState, got {random_state!r}"
        ) from None


def as_array(name: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return an array, never a copy of one; refuse a mask, which nothing here reads."""
    if type(value) is np.ndarray:
        return value
    # NumPy imports np.ma when it is first named: not for every list.
    if isinstance(value, np.ndarray) and isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost: fill it, as by its "
            "method .filled(value)"
        )
    return np.asarray(value)


def as_dtype(name: str, value: npt.ArrayLike, dtype: FloatDtype) -> Array:
    """Return an array of ``dtype``, never a copy of one.

    Another dtype is an error, not a cast: a silent float64 to float32 conversion
    would cost a pass over the data at every call and hide a loss of digits.
    """
    # NumPy has one object for each native dtype, and `is` takes a third of `==`.
    if type(value) is np.ndarray and value.dtype is dtype:
        return value
    array: Array = as_array(name, value)
    if array.dtype != dtype:
        raise TypeError(
            f"{name} must be {dtype} to match the layer, got {array.dtype}: pass "
            f"np.asarray({name}, dtype=np.{dtype}), or choose another dtype= for the "
            "layer"
        )
    return array


def as_rows(array: Array) -> Array:
    """Return ``array``, or a copy if its last axis has strides or it is not aligned."""
    flags = array.flags
    if flags.c_contiguous and flags.aligned:
        return array
    if not flags.aligned or (
        array.ndim and array.strides[-1] != array.itemsize and array.shape[-1] != 1
    ):
        return np.require(array, requirements=["C", "ALIGNED"])
    return array


def as_floats(name: str, value: npt.ArrayLike, dtype: FloatDtype) -> Array:
    """Return ``value`` as kernels read it: `as_dtype` and `as_rows`."""
    return as_rows(as_dtype(name, value, dtype))


def all_finite(array: Array) -> bool:
    """Tell whether no element is NaN or infinite; no temporary array."""
    # A sum of squares may overflow where every element is finite: then look again.
    if array.size <= _VDOT_LIMIT and math.isfinite(np.vdot(array, array)):
        return True
    return math.isfinite(array.max()) and math.isfinite(array.min())


def check_finite(
    name: str, array: Array, describe: Callable[[tuple[int, ...]], str]
) -> None:
    """Raise for NaN or inf; ``describe`` turns the first bad index into words."""
    if not all_finite(array):
        bad = ~np.isfinite(array)
        index = tuple(int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
        raise ValueError(f"{name} holds {array[index]} at {describe(index)}")


def check_lengths(lengths: npt.ArrayLike, samples: int, steps: int) -> IntArray:
    """Return ``lengths`` (N,) as int64, each from 1 to T."""
    array = as_array("lengths", lengths)
    if array.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, got {array.dtype}")
    if array.shape != (samples,):
        raise ValueError(
            f"lengths must have shape ({samples},), one a sample, got {array.shape}"
        )
    # argmin takes a third of the time of min.
    if samples and (array[array.argmin()] < 1 or array[array.argmax()] > steps):
        row = int(np.flatnonzero((array < 1) | (array > steps))[0])
        raise ValueError(
            f"lengths must be from 1 to {steps} (the steps of x), got "
            f"{array[row]} for sample {row}"
        )
    return np.ascontiguousarray(array, dtype=np.int64)


def check_row_ids(row_ids: npt.ArrayLike, samples: int) -> IntArray:
    """Return a copy of ``row_ids`` (N,): what a sample's dropout mask depends on.

    Backward draws the masks again, and a caller may have refilled his array by then.
    """
    array = as_array("row_ids", row_ids)
    if array.dtype.kind not in "iu" or array.shape != (samples,):
        raise ValueError(
            f"row_ids must be ({samples},) integers, one a sample, got shape "
            f"{array.shape} of {array.dtype}"
        )
    return np.array(array, dtype=np.int64, order="C")


def check_steps_finite(name: str, x: Array, lengths: IntArray | None) -> None:
    """Refuse NaN and inf in valid steps of ``x`` (N, T, F); padding may hold both."""
    if all_finite(x):
        return
    bad = ~np.isfinite(x)
    if lengths is not None:
        bad &= (np.arange(x.shape[1]) < lengths[:, None])[:, :, None]
        if not bad.any():
            return
    n, t, f = (int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
    raise ValueError(
        f"{name} holds {x[n, t, f]} at sample {n}, step {t}, feature {f}: every valid "
        "step must be finite"
    )
