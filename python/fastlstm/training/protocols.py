"""What the fit loop asks of a model and of a loss."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from .._validate import IntArray
from ..params import Gradients, Parameters

__all__ = ["Loss", "Model"]


class Model(Protocol):
    """What the loop asks of a model; `fastlstm.models` has such.

    A batch is as the ``inputs`` of the `TrainingSet`: a `fastlstm.data.SequenceBatch`,
    or a `SequencePair`, as the model reads the one or the other.
    """

    @property
    def params(self) -> Parameters:
        """All weights."""

    @property
    def grads(self) -> Gradients:
        """What ``backward`` adds into."""

    def check(self, batch: Any) -> None:
        """Raise for sequences that the model cannot read."""

    def forward(
        self,
        batch: Any,
        *,
        mask_seed: int,
        row_ids: IntArray,
        checked: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Compute outputs, and a cache for ``backward``.

        The loop has all sequences checked once, and says so by ``checked``.
        """

    def backward(self, doutputs: NDArray[Any], cache: Any) -> None:
        """Add the gradients of the weights to ``grads``."""


class Loss(Protocol):
    """Weighted mean over valid rows or steps, and its gradient.

    Where a `TrainingSet` has scales, a call is given them as ``scale``.
    """

    def __call__(
        self,
        pred: NDArray[Any],
        target: NDArray[Any],
        *,
        lengths: IntArray | None = None,
        sample_weight: NDArray[Any] | None = None,
    ) -> tuple[float, NDArray[Any]]:
        """Compute value and gradient."""

    def total_weight(
        self,
        target: NDArray[Any],
        *,
        lengths: IntArray | None = None,
        sample_weight: NDArray[Any] | None = None,
    ) -> float:
        """Sum the weights that the value is a mean over."""
