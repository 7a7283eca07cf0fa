"""Transforms of whole series, and back from forecasts of what they became.

Design: a transform knows one series, (T,) or (T, K) with K outputs, each by itself. NaN
is missing and stays. ``fit`` learns what it has to, ``transform`` and
``inverse_transform`` keep the length of the series. ``inverse_forecast`` is the inverse
beyond its end: of a forecast (H,) or (H, K), or of sample paths, with one more axis in
front. ``inverse_quantiles`` takes quantiles, with one more axis at the end. ``update``
goes on with newly observed steps, ``following`` from another history, both without
another fit.

A map of single values that increases carries quantiles and medians over exactly, but
not means: the inverse of a forecast mean is no mean (it is a median where the
transformed errors are symmetric).
"""

from .base import Transform
from .chain import Chain
from .differences import Difference
from .fourier import FourierSeason
from .powers import BoxCox, Log

__all__ = ["BoxCox", "Chain", "Difference", "FourierSeason", "Log", "Transform"]
