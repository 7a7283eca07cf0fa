"""Comparisons: normwise errors, named arrays with named arrays, 4-point gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .tolerances import FINITE_DIFFERENCE, Tolerance

Arrays = Mapping[str, np.ndarray]


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    """||actual - expected|| / ||expected||; inf for NaN, for a wrong shape or dtype."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape or not np.all(np.isfinite(actual)):
        return np.inf
    difference = np.linalg.norm(actual.astype(np.float64) - expected)
    norm = np.linalg.norm(expected.astype(np.float64))
    if difference == 0.0:
        return 0.0
    return float(difference / norm) if norm > 0.0 else np.inf


def assert_close(
    actual: np.ndarray, expected: np.ndarray, tolerance: Tolerance, what: str = "result"
) -> None:
    """`error` within the tolerance; the message gives its reason."""
    e = error(actual, expected)
    assert e <= tolerance.limit, (
        f"{what}: normwise error {e:.3g} > {tolerance.limit:.3g} ({tolerance.reason}); "
        f"shapes {np.shape(actual)}, {np.shape(expected)}"
    )


def is_value(name: str) -> bool:
    """Whether a name of `runs` is a value of the forward pass, and not a gradient."""
    return name == "y" or name.startswith(("hn", "cn"))


def assert_all_close(
    actual: Arrays, expected: Arrays, value: Tolerance, gradient: Tolerance
) -> None:
    """The same names, and every array close: values and gradients as `is_value`."""
    assert set(actual) == set(expected)
    for name in expected:
        tolerance = value if is_value(name) else gradient
        assert_close(actual[name], expected[name], tolerance, name)


def assert_same_bits(actual: Arrays, expected: Arrays) -> None:
    """Every array the same to the bit (so 0.0 and -0.0 differ)."""
    assert set(actual) == set(expected)
    for name in expected:
        a, b = (np.ascontiguousarray(d[name]) for d in (actual, expected))
        assert (a.dtype, a.shape) == (b.dtype, b.shape), name
        differ = a.view(np.uint8) != b.view(np.uint8)
        assert not differ.any(), f"{name}: not the same bits, {error(a, b):.3g} apart"


def gradient_error(
    loss: Callable[[Arrays], float],
    arrays: Arrays,
    gradients: Arrays,
    rng: np.random.Generator,
    directions: int = 2,
    step: float = 1e-5,
) -> tuple[float, str]:
    """Largest error of the gradients against 4-point differences, and in which array.

    For each array, the derivative of ``loss(arrays)`` along one coordinate and a few
    dense random unit vectors (which no wrong entry escapes), by
    ``(8 (f(s) - f(-s)) - (f(2s) - f(-2s))) / 12s``, relative to the gradient's norm.
    """
    worst, where = 0.0, ""
    for name, value in arrays.items():
        gradient = np.asarray(gradients[name], np.float64)
        norm = np.linalg.norm(gradient)
        dense = rng.standard_normal((directions, value.size))
        single = np.arange(value.size) == rng.integers(value.size)
        for v in [*dense, single]:
            v = (v / np.linalg.norm(v)).reshape(value.shape)

            def f(s: float, name: str = name, v: np.ndarray = v) -> float:
                return loss({**arrays, name: arrays[name] + s * v})

            near = f(step) - f(-step)
            far = f(2 * step) - f(-2 * step)
            numeric = (8.0 * near - far) / (12.0 * step)
            e = abs(numeric - np.sum(gradient * v)) / max(norm, 1e-3)
            if not e <= worst:
                worst, where = e, name
    return worst, where


def assert_gradients(
    loss: Callable[[Arrays], float],
    arrays: Arrays,
    gradients: Arrays,
    rng: np.random.Generator,
) -> None:
    """`gradient_error` within FINITE_DIFFERENCE."""
    e, where = gradient_error(loss, arrays, gradients, rng)
    assert e <= FINITE_DIFFERENCE.limit, (
        f"{where}: {e:.3g} from 4-point differences, {FINITE_DIFFERENCE}"
    )
