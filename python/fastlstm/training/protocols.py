"""What the fit loop asks of data, of a model and of a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from .._validate import IntArray
from ..params import Gradients, Parameters

if TYPE_CHECKING:
    from .dataset import TrainingSet

__all__ = ["Loss", "Model", "TrainingData"]


class TrainingData(Protocol):
    """What the loop asks of what it trains on: batches by rows, made when asked for.

    A `TrainingSet` is such; so are the windows of `fastlstm.forecasting`, which overlap
    and would fill memory if they were all cut at once.
    """

    def __len__(self) -> int:
        """Return the number of rows, from 0 on."""

    @property
    def lengths(self) -> IntArray | None:
        """(N,) steps of each row, by which batches are made; None if all are equal."""

    def check(self, model: Model) -> None:
        """Raise where the model cannot read all this; `take` is not checked again."""

    def mean_weight(self, loss: Loss) -> float:
        """Return the mean weight of a target in ``loss``, over all rows."""

    def take(self, rows: IntArray) -> TrainingSet[Any]:
        """Return a batch."""


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
