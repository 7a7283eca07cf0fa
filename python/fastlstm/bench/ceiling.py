"""What the machine could do at most: its rate of fused multiply-adds."""

from __future__ import annotations

from .. import _core

__all__ = ["fma_rate"]


def fma_rate(threads: int, seconds: float, dtype: str = "float32") -> float | None:
    """Measure a loop of multiply-adds on registers alone.

    Machines are shared and change their clock, so every round measures anew.

    Parameters
    ----------
    threads : int
        As many as what it is compared with.
    seconds : float
        How long to measure.
    dtype : {"float32", "float64"}
        A vector has half as many float64.

    Returns
    -------
    float or None
        Operations a second, two a multiply-add.
    """
    measure = getattr(_core, "fma_rate", None)
    if measure is None:
        return None
    rate = float(measure(threads, seconds))
    return rate if dtype == "float32" else rate / 2
