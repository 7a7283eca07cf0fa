"""What the machine could do at most: its rate of fused multiply-adds."""

from __future__ import annotations

from .. import _core

__all__ = ["fma_rate"]


def fma_rate(threads: int, seconds: float, dtype: str = "float32") -> float:
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
    float
        Operations a second, two a multiply-add.
    """
    return _core.fma_rate(threads, seconds, dtype)
