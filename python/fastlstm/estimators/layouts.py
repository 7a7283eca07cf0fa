"""Which dimension of an array of sequences is time, in views and in words."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._validate import check_choice

__all__ = ["LAYOUTS", "Layout", "layout_of", "learn_layout"]


class Layout(NamedTuple):
    """How users' arrays lie. Inside the library all are (samples, steps, features).

    Frames have no layout: their columns are features, or the steps of one.
    """

    array: str  # the dimensions of all sequences
    sequence: str  # of one
    axes: tuple[str, str, str]
    deepen: str  # makes (samples, steps) an array of one feature
    deepen_one: str  # makes (steps,) a sequence of one feature

    def turn(self, x: NDArray[Any]) -> NDArray[Any]:
        """View users' arrays or sequences in the library's order, and the reverse."""
        return x if self.axes[1] == "step" else np.swapaxes(x, -1, -2)


LAYOUTS: Final = {
    "ntf": Layout(
        array="(samples, steps, features)",
        sequence="(steps, features)",
        axes=("sample", "step", "feature"),
        deepen="[:, :, None]",
        deepen_one="[:, None]",
    ),
    "nft": Layout(
        array="(samples, features, steps)",
        sequence="(features, steps)",
        axes=("sample", "feature", "step"),
        deepen="[:, None]",
        deepen_one="[None]",
    ),
}


def learn_layout(estimator: Any) -> None:
    """Keep the layout of a fit: what is read later lies as that, whatever is set."""
    estimator._layout = estimator.layout


def layout_of(estimator: Any) -> Layout:
    """Return the layout that an estimator reads.

    Raises
    ------
    ValueError
        If its ``layout`` is none of `LAYOUTS`.
    """
    # Estimators pickled before it was kept have no such attribute, and those from
    # before there was a choice neither.
    name = getattr(estimator, "_layout", getattr(estimator, "layout", "ntf"))
    layout = LAYOUTS.get(name)
    return layout or LAYOUTS[check_choice("layout", name, LAYOUTS)]
