"""Forecasts over the history that they follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validate import check_int
from ..forecasting.backtesting.scores import interval_pairs
from ..forecasting.frames import (
    column_of,
    index_times,
    is_frame,
    is_pandas,
    read_times,
)
from ..forecasting.numbers import Floats, as_numbers, check_levels
from ..forecasting.parts import read_table
from ..forecasting.times import future_times as times_after
from .axes import label_times, legend_on_top, new_axes

__all__ = ["draw_fan", "plot_forecast"]

# More paths than this are a cloud in which none can be followed.
_MOST_PATHS = 50
# Of a history that is not cut by the caller: in years of days a week is but a dot.
_LEAST_HISTORY = 60


def plot_forecast(
    history: Any,
    forecast: Any = None,
    *,
    quantiles: Any = None,
    levels: Sequence[float] | None = None,
    samples: Any = None,
    truth: Any = None,
    times: ArrayLike | None = None,
    future_times: ArrayLike | None = None,
    time_column: Any = None,
    last: int | None = None,
    unit: str = "",
    ax: Any = None,
) -> Any:
    """Draw forecasts over the history of a series: lines, a fan, or sample paths.

    Parameters
    ----------
    history : (T,) array, series or frame of one column
        Of pandas, its index are the times, unless there is a ``time_column``.
    forecast : (H,) array or series, or mapping of names to such, optional
        As ``predict`` returns it.
    quantiles : (H, Q) array or frame, optional
        As ``predict(quantiles=levels)`` returns it.
    levels : sequence of Q floats, optional
        Of the quantiles; by default what the names of a frame's columns end with, as
        "value_0.1". Symmetric pairs are shaded, others are lines.
    samples : (S, H) array, or frame with a level "sample", optional
        As ``predict(samples=S)`` returns it, where "sample" may be a column beside a
        ``time_column``. The first 50 paths are drawn.
    truth : (H,) array or series, optional
        What came.
    times : (T,) array, optional
        Of the history: dates or numbers.
    future_times : (H,) array, optional
        Of the forecasts, if they do not follow the history, as those of pandas do.
    time_column : str, optional
        Of all frames that are given, the column with their times.
    last : int, optional
        Steps of the history to draw; by default ten for each that is forecast, at least
        60, and all without forecasts.
    unit : str, optional
        Name of the vertical axis; by default that of the history.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        More than one series; shapes that do not fit; quantiles without levels.
    TypeError
        What are no numbers: times without ``time_column``.
    ImportError
        Without matplotlib, where no ``ax`` is given.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.plotting import plot_forecast
    >>> fan = np.array([[3.0, 4.0, 5.0], [2.0, 4.0, 6.0]])
    >>> ax = plot_forecast(np.arange(4.0), quantiles=fan, levels=[0.1, 0.5, 0.9])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['observed', 'median', '80 % interval']
    """
    past, own_times = _read("history", history, time_column)
    before = np.arange(len(past)) if own_times is None else own_times
    before = before if times is None else np.asarray(times)
    _check_shape("times", before, past.shape)
    named = dict(forecast) if isinstance(forecast, Mapping) else {"forecast": forecast}
    named["truth"] = truth
    lines = {
        name: _read(name, data, time_column)
        for name, data in named.items()
        if data is not None
    }
    parts = list(lines.values())
    shares, fan = _levels(quantiles, levels, time_column), None
    if quantiles is not None:
        fan = _read("quantiles", quantiles, time_column, (len(shares),))
    paths = None if samples is None else _read_paths(samples, time_column)
    parts += [part for part in (fan, paths) if part is not None]
    after = _times_ahead(before, parts, future_times)
    if last is None:
        last = max(10 * len(after), _LEAST_HISTORY) if parts else len(past)
    begin = max(0, len(past) - check_int("last", last, 1))
    ax = new_axes() if ax is None else ax
    ax.plot(before[begin:], past[begin:], color="0.4", linewidth=1.2, label="observed")
    if "truth" in lines:
        came, _ = lines.pop("truth")
        ax.plot(after, came, color="black", linewidth=1.2, label="came true")
    if paths is not None:
        for path in paths[0].T[:_MOST_PATHS]:
            ax.plot(after, path, color="C0", linewidth=0.6, alpha=0.35)
        ax.lines[-1].set_label("sample paths")
    if fan is not None:
        draw_fan(ax, after, fan[0], shares, median=not lines)
    for number, (name, (values, _)) in enumerate(lines.items()):
        ax.plot(after, values, color=f"C{number}", linewidth=1.6, label=name)
    label_times(ax, before)
    ax.set_ylabel(unit or str(getattr(history, "name", None) or ""))
    ax.margins(x=0)
    ax.grid(alpha=0.3)
    legend_on_top(ax)
    return ax


def draw_fan(
    ax: Any,
    times: NDArray[Any],
    quantiles: Floats,
    levels: Sequence[float],
    *,
    median: bool = True,
    labels: bool = True,
) -> None:
    """Shade the intervals between symmetric quantiles; others are lines.

    Parameters
    ----------
    ax : Axes
    times : (H,) array
    quantiles : (H, Q) array
    levels : sequence of Q floats
    median : bool, default=True
        Draw that, too, if it is among them.
    labels : bool, default=True
        Name them in the legend.
    """

    def label(text: str) -> str | None:
        return text if labels else None

    pairs = interval_pairs(levels)
    paired = {place for low, high, _ in pairs for place in (low, high)}
    for place, level in enumerate(levels):
        line = quantiles[:, place]
        if level == 0.5 and median:
            ax.plot(times, line, color="C0", linewidth=1.6, label=label("median"))
        elif level != 0.5 and place not in paired:
            text = label(f"{100 * level:g} % quantile")
            ax.plot(times, line, color="C0", linewidth=0.8, ls="--", label=text)
    for number, (low, high, share) in enumerate(pairs):
        # Opaque, so that the legend has the colours of the fan, and below all lines.
        ax.fill_between(
            times,
            quantiles[:, low],
            quantiles[:, high],
            color=_tint(0.22 + 0.38 * number / len(pairs)),
            linewidth=0.0,
            zorder=1.0 + 0.01 * number,
            label=label(f"{100 * share:g} % interval"),
        )


def _tint(strength: float) -> tuple[float, ...]:
    """Mix the first colour of lines with white."""
    from matplotlib.colors import to_rgb

    return tuple(1.0 - strength * (1.0 - part) for part in to_rgb("C0"))


def _read(
    name: str, data: Any, time_column: Any, shape: tuple[int, ...] = ()
) -> tuple[Floats, NDArray[Any] | None]:
    """Return values (T, *shape), and the times that a frame has for them."""
    if is_frame(data):
        table = read_table(data, name, time_column)
        values, times = table.values, table.times
    else:
        values, times = as_numbers(name, data), index_times(data, name)
    length = len(values) if values.ndim else 0
    if length == 0 or values.size != length * int(np.prod(shape)):
        expected = str(("steps", *shape)).replace("'", "")
        raise ValueError(
            f"{name} must have shape {expected}, of one series, got {values.shape}"
        )
    return values.reshape(length, *shape), times


def _read_paths(data: Any, time_column: Any) -> tuple[Floats, NDArray[Any] | None]:
    """Return paths (H, S), of an array (S, H) or of a frame that says "sample"."""
    if is_frame(data) and time_column is not None:
        others = [c for c in data.columns if c not in (time_column, "sample")]
        if len(others) != 1 or "sample" not in list(data.columns):
            raise ValueError(
                f"samples must have the columns {time_column!r}, 'sample' and one of a "
                f"series, got {list(data.columns)}"
            )
        table = read_table(data, "samples", time_column, others)
        count = len(np.unique(column_of(data, "sample", "samples").to_numpy()))
        paths, times = table.values.reshape(count, -1), table.times
        return paths.T, None if times is None else times[: paths.shape[1]]
    if is_pandas(data) and data.index.nlevels == 2:
        numbers, times = (data.index.get_level_values(level) for level in (0, 1))
        count = numbers.nunique()
        paths = as_numbers("samples", data).reshape(count, -1)
        return paths.T, read_times(times[: paths.shape[1]], "the index of samples")
    values = as_numbers("samples", data)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim != 2:
        raise ValueError(
            f"samples must have shape (paths, steps), of one series, got {values.shape}"
        )
    return values.T, None


def _levels(
    quantiles: Any, levels: Sequence[float] | None, time_column: Any
) -> list[float]:
    if levels is None and is_frame(quantiles):
        names = [str(c) for c in quantiles.columns if c != time_column]
        with suppress(ValueError, IndexError):  # others have no level, or no such end
            levels = [float(name.rsplit("_", 1)[1]) for name in names]
    if (quantiles is None) != (levels is None):
        raise ValueError(
            "quantiles go with their levels, got "
            + ("levels alone" if quantiles is None else "no levels")
        )
    if levels is None:
        return []
    values: list[float] = check_levels("levels", list(levels))[0].tolist()
    return values


def _times_ahead(
    before: NDArray[Any],
    parts: Sequence[tuple[Floats, NDArray[Any] | None]],
    given: ArrayLike | None,
) -> NDArray[Any]:
    """Return when the forecasts are for, and check that all are for as many steps."""
    if not parts:
        return before[:0]
    horizon = len(parts[0][0])
    for values, _ in parts:
        if len(values) != horizon:
            raise ValueError(
                f"forecasts are for {horizon} steps and for {len(values)}: expected as "
                "many of all"
            )
    if given is not None:
        after = np.asarray(given)
        _check_shape("future_times", after, (horizon,))
        return after
    for _, own in parts:
        if own is not None:
            return own
    return times_after(before, horizon)


def _check_shape(name: str, times: NDArray[Any], shape: tuple[int, ...]) -> None:
    if times.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {times.shape}")
