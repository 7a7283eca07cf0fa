"""One group of bars a shape, with matplotlib, which is imported only here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .results import OURS, Results, Row
from .shapes import MODES

__all__ = ["save_plot"]

_GROUP_INCHES = 0.9
_PANEL_INCHES = 3.2


def save_plot(results: Results, path: Path) -> None:
    """Draw how many times as long as fastlstm each peer takes, a panel a mode.

    Raises
    ------
    ImportError
        Without matplotlib.
    OSError
        Where the file cannot be written.
    ValueError
        Where no peer has run.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    panels = {
        mode: rows
        for mode in MODES
        if (rows := [r for r in results.rows if r.job.mode == mode and r.peers])
    }
    if not panels:
        raise ValueError("nothing to draw: no peer has run")
    widest = max(map(len, panels.values()))
    figure = Figure(
        figsize=(2 + _GROUP_INCHES * max(widest, 5), _PANEL_INCHES * len(panels)),
        layout="constrained",
    )
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for ax, (mode, rows) in zip(axes, panels.items(), strict=True):
        _draw(ax, rows, results.peers)
        ax.set_title(f"{mode}: {MODES[mode]}", loc="left", fontsize="medium")
    threads = f"{results.threads} threads" if results.threads > 1 else "one thread"
    figure.suptitle(f"Time of each peer / {OURS}, {results.dtype}, {threads}")
    colors = {peer: Patch(color=f"C{i}") for i, peer in enumerate(results.peers)}
    figure.legend(
        colors.values(), colors, ncols=len(colors), loc="outside lower center"
    )
    figure.savefig(path, dpi=120)


def _draw(ax: Any, rows: Sequence[Row], peers: Sequence[str]) -> None:
    """Draw bars from 1, where both are equally fast, with the quartiles as whiskers."""
    from matplotlib.ticker import LogLocator, NullLocator

    width = 0.8 / len(peers)
    for place, peer in enumerate(peers):
        present = [i for i, row in enumerate(rows) if peer in row.timings]
        ratios = [rows[i].ratio(peer) for i in present]
        ax.bar(
            [i + (place - (len(peers) - 1) / 2) * width for i in present],
            [ratio.median - 1 for ratio in ratios],
            width,
            bottom=1,
            color=f"C{place}",
            yerr=[
                [ratio.median - ratio.low for ratio in ratios],
                [ratio.high - ratio.median for ratio in ratios],
            ],
            error_kw={"elinewidth": 0.8},
        )
    ax.axhline(1, color="black", linewidth=1)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}x")
    ax.yaxis.set_minor_locator(NullLocator())
    labels = [str(row.job.shape).replace(", ", "\n") for row in rows]
    ax.set_xticks(range(len(rows)), labels)
