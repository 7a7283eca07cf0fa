"""Let a forecaster go through the past, knowing at each origin what was known then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from ..._validate import IntArray, check_int
from ...training.progress import find_tqdm
from ..numbers import Floats, check_levels
from ..series import Panel, Series
from ..steps import show_time
from .origins import Plan, plan_origins
from .protocol import Forecaster
from .report import Backtest

__all__ = ["backtest"]


def backtest(
    forecaster: Forecaster,
    X: Any,
    y: Any = None,
    *,
    past: Any = None,
    future: Any = None,
    static: Any = None,
    start: Any = None,
    stride: int | None = None,
    refit: bool | int | str = False,
    quantiles: Sequence[float] | None = None,
    season_length: int | None = None,
    name: str | None = None,
    verbose: bool | int = False,
) -> Backtest:
    """Forecast from many origins in the past, each with what was known then.

    Parameters
    ----------
    forecaster : LSTMForecaster
        Fitted or not: copies of it are fitted, and it stays as it is.
    X, y, past, future, static
        Series, and what is known beside them, as ``forecaster.fit`` reads them.
    start : float in (0, 1), int, time or None, default=None
        The first origin: a share of the steps, a number of steps, or a time. None
        leaves the last fifth, at least a horizon, to be judged, or as little more as
        lets the last origin lie a horizon before the end.
    stride : int, optional
        Steps from one origin to the next; the horizon by default, so that every step is
        forecast once.
    refit : bool, int or "never", default=False
        False fits once, on what lies before the first origin; later forecasts read the
        history up to their origin, without learning from it. True fits anew for every
        origin on all that is known then, an int k for every k-th. "never" judges a
        fitted forecaster as it is, on what it has not seen.
    quantiles : sequence of float, optional
        Levels to forecast and to judge; those of the fit by default, [] for none.
    season_length : int, optional
        Of seasonal baselines and of the MASE; that of the fit by default.
    name : str, optional
        Of the forecaster in the report; its class by default.
    verbose : bool or int, default=False
        Show progress, by tqdm where it is installed.

    Returns
    -------
    Backtest

    Raises
    ------
    ValueError
        No series with room for an origin; arguments that are none; what ``fit``
        refuses. With ``refit="never"``: the forecaster has seen what it is judged on,
        or its quantiles are adaptive, which learn between origins of one fit alone.
    TypeError
        Arguments of another type.

    Notes
    -----
    *Many series.* Where they have dates, origins are dates: ``start`` counts from the
    earliest date of all, and what a fit learns from any series lies before the date
    from which it is judged. Series without dates (or numbered ones) have a clock each:
    ``start`` counts from their own beginning, and the i-th origins of all are forecast
    by the same fit. A series that begins after a fit is not judged until the next one;
    one too short for an origin is learnt from and not judged.

    *Whole horizons only.* The last origin is one with the horizon before the end.

    *Adaptive intervals* of `LSTMForecaster` learn between the origins of a fit as they
    do by `update`, row by row, which costs a forecast a row; each fit begins anew.

    *What no backtest can see* is that covariates were passed as known ahead that were
    not, or that the model was chosen by its results here.
    """
    if not hasattr(forecaster, "_read"):
        raise TypeError(
            "backtest(forecaster, X) takes the forecaster first, then the series: got "
            f"a {type(forecaster).__name__} first, then a {type(X).__name__}"
        )
    fits = not (isinstance(refit, str) and refit == "never")
    is_flag = isinstance(verbose, (bool, np.bool_))
    quiet = not (verbose if is_flag else check_int("verbose", verbose, 0))
    if quantiles is not None and len(quantiles):
        check_levels("quantiles", quantiles)
    levels = quantiles
    reader = forecaster.__sklearn_clone__() if fits else forecaster
    panel = reader._read(X, y, past=past, future=future, static=static)
    horizon = check_int("horizon", forecaster.horizon, 1)
    plan = plan_origins(panel, horizon, start, stride)
    # A model that is taken as it is may have to scale a series by the history that it
    # is given, so every round has its own.
    every = _rounds_a_fit(refit, plan.rounds) if fits else 1
    if not fits:
        _check_unseen(forecaster.panel_, panel, plan)
        panel = panel.told_by(forecaster.panel_)
        adapts = getattr(forecaster, "conformal", None) == "adaptive"
        if adapts and plan.rounds > 1 and (levels is None or len(levels)):
            raise ValueError(
                "refit='never' takes every origin by itself, and quantiles of "
                "conformal='adaptive' learn between them: pass quantiles=[] for points "
                "alone, or use refit=False"
            )
    fitted = forecaster
    origins: list[list[IntArray]] = [[] for _ in panel]
    points: list[list[Floats]] = [[] for _ in panel]
    several: list[list[Any]] = [[] for _ in panel]
    with _progress(plan, quiet) as advance:
        for begin in range(0, plan.rounds, every):
            judged = plan.origins(range(begin, min(begin + every, plan.rounds)))
            known = plan.known(begin)
            there = np.flatnonzero(known >= plan.earliest)
            if not any(len(judged[n]) for n in there):
                continue
            # The engine wants an origin of every series that the fit has seen.
            own = [judged[n] if len(judged[n]) else known[n : n + 1] for n in there]
            part = replace(panel, series=tuple(panel[int(n)] for n in there))
            if fits:
                fitted = forecaster.__sklearn_clone__()
                fitted.fit(part.until(known[there]))
            if levels is None:
                levels = fitted.quantiles_ or ()
            history = part.until([max([known[n], *judged[n]]) for n in there])
            ahead = fitted._forecast_at(history, own)
            spread = fitted._forecast_at(history, own, levels) if levels else own
            for n, point, more in zip(there, ahead, spread, strict=True):
                count = len(judged[n])
                origins[n].append(judged[n])
                points[n].append(point[:count])
                several[n].append(more[:count])
            advance(sum(len(judged[n]) for n in there))
    who = type(forecaster).__name__ if name is None else name
    shape = (horizon, len(panel.layout.targets))
    levels = tuple(levels or ())
    quantiles_of = {who: _join(several, (*shape, len(levels)))} if levels else None
    return Backtest.from_forecasts(
        panel,
        [at.astype(np.int64) for at in _join(origins, ())],
        {who: _join(points, shape)},
        quantiles=quantiles_of,
        levels=levels,
        season_length=fitted.season_length_ if season_length is None else season_length,
    )


def _rounds_a_fit(refit: Any, rounds: int) -> int:
    """Return how many rounds a fit is for.

    Raises
    ------
    ValueError, TypeError
        ``refit`` is neither a bool, "never" nor a number of origins.
    """
    if isinstance(refit, (bool, np.bool_)):
        return 1 if refit else rounds
    if isinstance(refit, str):
        raise ValueError(
            f"refit must be True, False, 'never' or a number of origins, got {refit!r}"
        )
    return check_int("refit", refit, 1)


def _check_unseen(seen: Panel, panel: Panel, plan: Plan) -> None:
    """Raise ValueError where a fitted forecaster has seen what it is judged on.

    Or where these are other variables than those of the fit.

    That is any date from the first one that is judged on; without dates, more steps of
    a series that begins with the same values.
    """
    seen.layout.check(panel.layout)
    alike: dict[bytes, list[Series]] = {}
    for old in seen:
        alike.setdefault(_beginning(old), []).append(old)
    dated = [old for old in seen if _is_dated(old)]
    latest = [max(dated, key=lambda old: _end(old))] if dated else []
    for series, at in zip(panel, plan.origins(range(plan.rounds)), strict=True):
        if not len(at):
            continue
        first = int(at[0])
        for old in latest if _is_dated(series) else alike.get(_beginning(series), []):
            if series.times is not None and _is_dated(series):
                later = _end(old) >= series.times[first]
            else:
                later = old.begins_like(series) and len(old) > first
            if later:
                end = len(old) if old.times is None else show_time(old.times[-1])
                raise ValueError(
                    f"refit='never', but the forecaster has seen series {old.id!r} up "
                    f"to {end}, and origin {first} of series {series.id!r} lies before "
                    "that: pass a later start=, or fit it on less"
                )


def _beginning(series: Series) -> bytes:
    """Return what series that begin with the same values have in common."""
    first = series.y[0] + 0.0  # no -0.0, which equals 0.0
    return np.where(np.isnan(first), np.nan, first).tobytes()


def _is_dated(series: Series) -> bool:
    return series.times is not None and series.times.dtype.kind == "M"


def _end(series: Series) -> Any:
    assert series.times is not None
    return series.times[-1]


def _join(parts: list[list[Any]], shape: tuple[int, ...]) -> list[Floats]:
    """Put what came of each series one below another; (0, *shape) where nothing did."""
    return [np.concatenate([np.empty((0, *shape)), *own]) for own in parts]


@contextmanager
def _progress(plan: Plan, quiet: bool) -> Iterator[Callable[[int], Any]]:
    """Give a function that is told of origins that are done."""
    total = sum(map(len, plan.origins(range(plan.rounds))))
    if quiet:
        yield lambda count: None
        return
    tqdm = find_tqdm()
    if tqdm is not None:
        with tqdm(total=total, unit="origin") as bar:
            yield bar.update
        return
    done = 0

    def show(count: int) -> None:
        nonlocal done
        done += count
        print(f"backtest: {done} of {total} origins", file=sys.stderr, flush=True)

    yield show
