"""Series, panels and hierarchies as sktime hands them over, and forecasts of them.

One series is a frame with an index of times. A panel is one frame too, whose index has
levels for the instance and one, the last, for the time. `fastlstm.forecasting` reads
such as a dict of frames.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .._validate import IntArray
from ..forecasting import Panel, Series
from ..forecasting.frames import index_times, read_times
from ..forecasting.steps import Times, show_time

__all__ = [
    "Frames",
    "after",
    "beside",
    "by_instance",
    "last_time",
    "steps_ahead",
    "together",
]

# A frame, or a dict of frames of pandas.
Frames: TypeAlias = Any


def by_instance(data: Any) -> Frames:
    """Take a panel's frame apart; a frame of one series stays as it is."""
    levels = list(range(data.index.nlevels - 1))
    if not levels:
        return data
    groups = data.groupby(level=levels if len(levels) > 1 else 0, sort=False)
    return {key: frame.droplevel(levels) for key, frame in groups}


def after(data: Frames, panel: Panel) -> Frames:
    """Keep the rows behind the ends of the panel's series, and what has any."""
    ends = {series.id: _times(series)[-1] for series in panel}
    if not isinstance(data, dict):
        return data[_times(data) > ends[panel.ids[0]]]
    # Series that the panel has not are the estimator's to refuse.
    kept = {
        key: frame[_times(frame) > ends[key]] if key in ends else frame
        for key, frame in data.items()
    }
    return {key: frame for key, frame in kept.items() if len(frame)}


def beside(covariates: Frames, data: Frames, *, ahead: bool) -> Frames:
    """Keep the rows of covariates at the times of series, and ``ahead`` later ones.

    Rows and series that they lack are for `read_panel` to tell.
    """
    if isinstance(data, dict):
        return {
            key: beside(covariates[key], frame, ahead=ahead)
            for key, frame in data.items()
            if key in covariates
        }
    if ahead:
        return covariates[_times(covariates) >= _times(data)[0]]
    return covariates[np.isin(_times(covariates), _times(data))]


def last_time(data: Frames | Panel) -> Any:
    """Return the last time of all series."""
    each = data.values() if isinstance(data, dict) else data
    if not isinstance(data, (dict, Panel)):
        each = [data]
    return max(_times(one)[-1] for one in each)


def steps_ahead(fh: Any, panel: Panel) -> IntArray:
    """Count the steps from the end of each series to the times of a horizon.

    Parameters
    ----------
    fh : sktime's ForecastingHorizon of F times
        Relative integers count steps, but where times are integers themselves: there
        they are added to the last one, as sktime does.
    panel : Panel of N series

    Returns
    -------
    (N, F) int64 array
        From 1.

    Raises
    ------
    ValueError
        Times between two steps, or not after the end of a series.
    """
    wanted, step = fh.to_pandas(), panel.layout.step
    if step is None:
        raise ValueError("no series has two rows: expected several, with regular times")
    if fh.is_relative and wanted.dtype.kind in "iu" and step.unit:
        return np.tile(wanted.to_numpy(np.int64), (len(panel), 1))
    each = []
    for series in panel:
        last = _times(series)[-1:]
        times = last + wanted.to_numpy() if fh.is_relative else read_times(wanted, "fh")
        places, fits = step.places(np.concatenate([last, times]))
        wrong = ~(fits & (places > 0))[1:]
        if wrong.any():
            raise ValueError(
                f"fh asks for {show_time(times[wrong][0])} of a series that ends at "
                f"{show_time(last[0])}: expected steps of {step} after its end"
            )
        each.append(places[1:])
    return np.stack(each)


def together(answers: Frames, steps: IntArray, levels: list[Any]) -> Any:
    """Take the rows of ``steps`` (N, F) of forecasts, and all series into one frame.

    ``levels`` are the names of those that tell instances.
    """
    if not isinstance(answers, dict):
        return answers.iloc[steps[0] - 1]
    import pandas

    rows = [f.iloc[own - 1] for f, own in zip(answers.values(), steps, strict=True)]
    names = [*levels, rows[0].index.name]
    return pandas.concat(rows, keys=list(answers), names=names)


def _times(data: Any) -> Times:
    """Return the times of a frame, or of a panel's series, which here has such."""
    times = data.times if isinstance(data, Series) else index_times(data, "data")
    assert times is not None
    return times
