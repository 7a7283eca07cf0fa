"""Figures, when one is drawn, and axes of time."""

from __future__ import annotations

from typing import Any, Final

from numpy.typing import NDArray

__all__ = ["label_times", "legend_on_top", "new_axes"]

_LEGEND_COLUMNS: Final = 3
# Height of a row of a legend, in heights of the axes.
_LEGEND_ROW: Final = 0.09


def new_axes(rows: int = 1, **options: Any) -> Any:
    """Return axes of a new figure, below one another.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib, which is not installed: "
            'pip install "fastlstm[plot]"'
        ) from error
    return pyplot.subplots(rows, layout="constrained", **options)[1]


def label_times(ax: Any, times: NDArray[Any]) -> None:
    """Label the horizontal axis: dates that do not run into each other, or steps."""
    if times.dtype.kind != "M":
        ax.set_xlabel("step")
        return
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def legend_on_top(ax: Any) -> None:
    """Make room for a legend above what is drawn, below a title."""
    entries = len(ax.get_legend_handles_labels()[1])
    low, high = ax.get_ylim()
    rows = -(-entries // _LEGEND_COLUMNS)
    ax.set_ylim(low, high + _LEGEND_ROW * rows * (high - low))
    ax.legend(loc="upper left", ncols=_LEGEND_COLUMNS, frameon=False, fontsize="small")
