"""Every tolerance of the suite, by name, with its reason; no test has one of its own.

A `Tolerance` bounds the normwise error ||actual - expected|| / ||expected|| (Frobenius
norms over a whole array), unless its reason says otherwise. Normwise, because a
rounding error is relative to the terms of a sum and not to what is left of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """An upper bound and why it is this one."""

    limit: float
    reason: str


FINITE_DIFFERENCE = Tolerance(
    1e-8,
    "4-point central differences with step 1e-5 along a unit direction, so short that "
    "hardly any unit crosses a kink (a clip, relu): cancellation 2^-52 |f| / step = "
    "2e-11 |f|, the rest is margin for |f| over the norm of its gradient",
)

VALUE = {
    "float32": Tolerance(
        1e-6,
        "DESIGN section 3: 17 roundings of 2^-24; the gates' saturation damps errors "
        "over time, so that it holds for T up to 1000",
    ),
    "float64": Tolerance(
        1e-12,
        "DESIGN section 3: 2^-52 times the terms of one sum, with margin for another "
        "order of summation",
    ),
}
GRADIENT = {
    "float32": Tolerance(
        1e-5,
        "DESIGN section 3: a gradient sums over steps and rows what each carries as "
        "an error of a value, and the terms cancel",
    ),
    "float64": Tolerance(1e-12, VALUE["float64"].reason),
}

# Two results that each keep VALUE or GRADIENT may differ by the sum of both.
PAIR_VALUE = {
    dtype: Tolerance(2 * t.limit, "two results, each: " + t.reason)
    for dtype, t in VALUE.items()
}
PAIR_GRADIENT = {
    dtype: Tolerance(2 * t.limit, "two results, each: " + t.reason)
    for dtype, t in GRADIENT.items()
}

ACTIVATION_ULP = Tolerance(
    4.0,
    "DESIGN section 3: units in the last place of the exact result's dtype, where the "
    "result is normal; not normwise",
)
ACTIVATION_TINY = {
    "float32": Tolerance(2.0**-126, "flushing subnormal results is allowed; absolute"),
    "float64": Tolerance(2.0**-1022, "flushing subnormal results is allowed; absolute"),
}

LOSS = {
    "float32": Tolerance(1e-6, "one exp, one log and a sum over a few hundred terms"),
    "float64": Tolerance(1e-14, "one exp, one log and a sum over a few hundred terms"),
}
LIKELIHOOD = {
    "float32": Tolerance(1e-6, "computed in float64 and rounded to float32 at the end"),
    "float64": Tolerance(
        1e-13,
        "sums of terms that are larger than what is left of them: y log y of a count, "
        "1 / scale of an outlier; a few logarithms each",
    ),
}
LIKELIHOOD_PEER = Tolerance(
    1e-10,
    "the peer takes differences of log gamma at 1 / alpha, up to 1e5 here, which loses "
    "six digits of float64",
)
QUANTILE = Tolerance(
    1e-13,
    "of the distance from the location, plus a hundredth of the scale near it: the "
    "rounding of a level next to 1/2, and of a continued fraction of some tens of "
    "terms; not normwise",
)
SAMPLE_FIT = Tolerance(
    1e-5,
    "p value of Kolmogorov and Smirnov: a lower bound, for a fixed seed; not normwise",
)
SPECIAL = Tolerance(
    4e-15, "a few roundings of terms up to 10; absolute below 1; not normwise"
)
OPTIMIZER = {
    "float32": Tolerance(
        1e-6,
        "tens of steps, each a handful of roundings of 2^-24 relative to the step, "
        "which is small beside the parameter",
    ),
    "float64": Tolerance(1e-13, "tens of steps, each a handful of roundings"),
}
MASK_RATE = Tolerance(
    5.0,
    "standard deviations of a binomial count: fails once in 1.7 million honest runs; "
    "not normwise",
)

_RAGGED = (
    "; over few rows a deviation is a difference of nearly equal numbers, and its "
    "rounding grows by up to 1 / sqrt(epsilon) = 316 when divided by their spread"
)
BATCH_NORM_VALUE = {
    dtype: Tolerance(10 * t.limit, t.reason + _RAGGED) for dtype, t in VALUE.items()
}
BATCH_NORM_GRADIENT = {
    dtype: Tolerance(30 * t.limit, t.reason + _RAGGED) for dtype, t in GRADIENT.items()
}

CRPS_GRID = Tolerance(
    1e-5,
    "4000 evenly spaced quantiles stand for a Gaussian: the midpoint rule misses "
    "tails of 1 / 4000 in all (6e-6; its error falls by six as their number grows by "
    "four)",
)
CHANCE = Tolerance(
    1e-7,
    "probability that honest data fail a statistical test; not normwise",
)
BOX_COX = Tolerance(
    1e-6,
    "of a lambda, absolute: two searches for a maximum of the likelihood, which is "
    "flat there, so each finds it to about the square root of a rounding, 1.5e-8, over "
    "its curvature",
)
