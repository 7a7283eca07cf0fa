"""How good forecasts are: points, quantiles, sample paths and intervals.

Design: one convention for all. ``y`` is (H,), (N, H) or (N, H, K), and NaN in it is
missing: that place is left out. Point forecasts have the shape of y. Quantiles and
intervals of several levels have one more axis at the end, sample paths one more in
front. ``axis`` is NumPy's, of the axes of y: ``axis=0`` of (N, H) gives one number a
step of the horizon, ``axis=1`` one a series, None a single one. Where nothing was
observed, a score is NaN. A forecast may be infinite (its error is, too), not NaN.
"""

from .distributions import crps, crps_from_quantiles, pinball, wql
from .intervals import coverage, interval_score, width
from .points import mae, mase, rmse, smape

__all__ = [
    "coverage",
    "crps",
    "crps_from_quantiles",
    "interval_score",
    "mae",
    "mase",
    "pinball",
    "rmse",
    "smape",
    "width",
    "wql",
]
