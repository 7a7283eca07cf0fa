"""From predictions of transformed series to what was asked for, in the user's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .calibration import Calibration
from .heads import PointHead
from .numbers import Floats
from .predictions import PathPrediction, Prediction
from .transforms import Chain

__all__ = ["Request", "answer", "levelled"]


@dataclass(frozen=True)
class Request:
    """What to say of a horizon: points, or quantiles, or sample paths.

    ``steps`` are how many of its steps, or more where a model can go on; None is all.
    """

    quantiles: Sequence[float] | None = None
    samples: int | None = None
    steps: int | None = None


def answer(
    prediction: Prediction,
    request: Request,
    chains: Sequence[Chain],
    *,
    calibration: Calibration | None,
    horizon: int,
) -> Floats:
    """Say what was asked for, in the user's units.

    Parameters
    ----------
    prediction : Prediction
        Of n windows.
    request : Request
    chains : sequence of n Chain
        Fitted up to the origin of each window; empty without transform.
    calibration : Calibration or None
        Moves quantiles.
    horizon : int
        Of the fit.

    Returns
    -------
    (n, H, K), (n, H, K, Q) or (n, S, H, K) array

    Raises
    ------
    ValueError
        Quantiles that nothing knows; quantiles or samples of sums whose steps are drawn
        apart.
    """
    steps = slice(request.steps)
    if request.samples is not None:
        paths = prediction.paths(request.samples)[:, :, steps]
        known = isinstance(prediction, PathPrediction)
        if not (known or all(c.keeps_quantiles(paths.shape[2]) for c in chains)):
            raise ValueError(
                f"sample paths of {paths.shape[2]} steps of {chains[0]} are sums of "
                "steps, and those of this strategy know nothing of one another: use "
                "strategy='recursive'"
            )
        return _inverted("inverse_forecast", paths, chains)
    levels = request.quantiles
    if levels is not None and calibration is not None:
        level, outer = levelled(prediction, chains, horizon)
        values = calibration.quantiles(level, levels)
        return _inverted("inverse_quantiles", values[:, steps], outer)
    if levels is not None:
        if isinstance(prediction, PathPrediction):
            # Of sums, quantiles are those of summed paths.
            drawn = _inverted("inverse_forecast", prediction.drawn, chains)
            prediction, chains = replace(prediction, drawn=drawn), ()
        values = prediction.quantiles(levels)[:, steps]
        if not all(chain.keeps_quantiles(values.shape[1]) for chain in chains):
            raise ValueError(
                f"quantiles of {values.shape[1]} steps of {chains[0]} are not known, "
                "as sums of quantiles are none: use conformal='split' or "
                "strategy='recursive'"
            )
        return _inverted("inverse_quantiles", values, chains)
    if isinstance(prediction, PathPrediction):
        # A mean of paths that are logarithms still, as by any other strategy: that of
        # their exponentials need not even exist.
        prediction, chains = levelled(prediction, chains, horizon)
    return _inverted("inverse_forecast", prediction.point()[:, steps], chains)


def levelled(
    prediction: Prediction, chains: Sequence[Chain], horizon: int
) -> tuple[Prediction, list[Chain]]:
    """Take differences back where they are summed, and return what is left.

    Errors of a level are not those of its differences, summed up: then conformal
    intervals are of levels, which may still be logarithms.
    """
    if all(chain.keeps_quantiles(horizon) for chain in chains):
        return prediction, list(chains)
    parts = [chain.split() for chain in chains]
    outer, inner = [part[0] for part in parts], [part[1] for part in parts]
    if isinstance(prediction, PathPrediction):
        drawn = _inverted("inverse_forecast", prediction.drawn, inner)
        return replace(prediction, drawn=drawn), outer
    drawn = _inverted("inverse_forecast", prediction.point(), inner)[:, None]
    center, scale = prediction.center, prediction.scale
    return PathPrediction(PointHead(), drawn, center, scale), outer


def _inverted(method: str, values: NDArray[Any], chains: Sequence[Chain]) -> Floats:
    if not chains:
        return values
    each = zip(values, chains, strict=True)
    return np.stack([getattr(chain, method)(value) for value, chain in each])
