"""Scale sequences, each feature by itself.

An LSTM's gates saturate on large inputs and its hidden state lies in (-1, 1), so a
model that sees degrees or prices as they are does not learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validate import check_choice, check_float
from ..files import storable
from .statistics import mean_and_deviation, median_and_quantile_range, range_to

__all__ = ["SequenceScaler"]


@storable
class SequenceScaler:
    """Centre and scale of each feature, over all valid steps.

    Statistics and transforms are computed in float64, whatever comes in. A feature that
    is constant up to rounding keeps its scale (1).

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}, default="standard"
        Zero mean and unit variance; or into ``feature_range``; or zero median and unit
        distance between two percentiles, which outliers do not move. As
        `StandardScaler`, `MinMaxScaler` and `RobustScaler` of scikit-learn do it.
    feature_range : (float, float), default=(0.0, 1.0)
        With "minmax", where the smallest and the largest value go.
    quantile_range : (float, float), default=(25.0, 75.0)
        With "robust", the percentiles, from 0 to 100.

    Attributes
    ----------
    center, scale : (F,) float64 arrays, or None before ``fit``

    Raises
    ------
    ValueError
        Another method; a range whose ends do not rise, or with percentiles beyond 0 and
        100.

    See Also
    --------
    fastlstm.estimators.SequenceScaler : the same for scikit-learn's pipelines.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.data import SequenceScaler
    >>> x = np.array([[[1.0], [3.0]], [[5.0], [99.0]]])
    >>> scaler = SequenceScaler().fit(x, lengths=np.array([2, 1]))
    >>> scaler.center
    array([3.])
    >>> scaler.inverse_transform(scaler.transform(x))[1, 0]
    array([5.])
    >>> SequenceScaler("minmax", feature_range=(-1, 1)).fit(x).transform(x)[1]
    array([[-0.91836735],
           [ 1.        ]])
    """

    def __init__(
        self,
        method: Literal["standard", "minmax", "robust"] = "standard",
        *,
        feature_range: tuple[float, float] = (0.0, 1.0),
        quantile_range: tuple[float, float] = (25.0, 75.0),
    ) -> None:
        self.method = check_choice("method", method, ("standard", "minmax", "robust"))
        self.feature_range = _check_range("feature_range", feature_range)
        self.quantile_range = _check_range("quantile_range", quantile_range, "[0, 100]")
        self.center: NDArray[np.float64] | None = None
        self.scale: NDArray[np.float64] | None = None

    def fit(
        self,
        x: NDArray[Any],
        *,
        lengths: NDArray[np.int64] | None = None,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> SequenceScaler:
        """Take the statistics of ``x``.

        Parameters
        ----------
        x : (N, F) or (N, T, F) array
        lengths : (N,) array, optional
            Valid steps; what stands after them is not read.
        sample_weight : (N,) array, optional
            Weight of each sequence, and so of each of its steps. A weight of 2 counts
            as the sequence twice, 0 as absent.

        Raises
        ------
        ValueError
            If values are so large that their variance or range overflows.
        """
        values = x if x.ndim == 3 else x[:, None, :]
        steps = values.shape[1]
        weights = sample_weight
        if lengths is None:
            rows = values.reshape(-1, values.shape[2])
            repeats: int | NDArray[np.int64] = steps
        else:
            rows = values[np.arange(steps) < lengths[:, None]]
            repeats = lengths
        if weights is not None:
            weights = np.repeat(weights, repeats)
        # One order in memory, or sums would depend on that of x.
        rows = np.ascontiguousarray(rows, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.method == "standard":
                center, scale = mean_and_deviation(rows, weights)
            elif self.method == "minmax":
                center, scale = range_to(rows, weights, self.feature_range)
            else:
                center, scale = median_and_quantile_range(
                    rows, weights, self.quantile_range
                )
        wrong = np.flatnonzero(~(np.isfinite(center) & np.isfinite(scale)))
        if wrong.size:
            what = "variance" if self.method == "standard" else "range"
            raise ValueError(
                f"the {what} of feature {int(wrong[0])} overflows float64: values "
                f"reach {np.abs(rows[:, wrong[0]]).max():g}"
            )
        self.center, self.scale = center, scale
        return self

    def transform(self, x: ArrayLike) -> NDArray[np.float64]:
        """Compute ``(x - center) / scale``; any shape that ends with the features."""
        center, scale = self._statistics()
        result: NDArray[np.float64] = np.subtract(x, center, dtype=np.float64)
        result /= scale
        return result

    def inverse_transform(self, x: ArrayLike) -> NDArray[np.float64]:
        """Compute ``x * scale + center``; any shape that ends with the features."""
        center, scale = self._statistics()
        result: NDArray[np.float64] = np.multiply(x, scale, dtype=np.float64)
        result += center
        return result

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """Copy the statistics: all that ``transform`` needs, whatever the method."""
        center, scale = self._statistics()
        return {"center": center.copy(), "scale": scale.copy()}

    def load_state_dict(self, state: Mapping[str, NDArray[np.float64]]) -> None:
        """Take the statistics that ``state_dict`` gave.

        Raises
        ------
        ValueError
            If they are not two (F,) arrays.
        """
        # "mean" is what the centre was called while there was one method.
        centered = "center" if "center" in state else "mean"
        center = np.array(state[centered], np.float64)
        scale = np.array(state["scale"], np.float64)
        if center.ndim != 1 or center.shape != scale.shape:
            raise ValueError(
                f"{centered} has shape {center.shape} and scale {scale.shape}: "
                "expected (F,)"
            )
        self.center, self.scale = center, scale

    def _statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.center is None or self.scale is None:
            raise ValueError("this scaler has no statistics yet: call fit first")
        return self.center, self.scale

    def __setstate__(self, state: dict[str, Any]) -> None:
        SequenceScaler.__init__(self)
        state = dict(state)
        if "mean" in state:  # a pickle from when there was one method
            state["center"] = state.pop("mean")
        self.__dict__.update(state)


def _check_range(
    name: str, value: tuple[float, float], interval: str = "(-inf, inf)"
) -> tuple[float, float]:
    """Return two rising numbers inside ``interval``."""
    try:
        low, high = value
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be two numbers, got {value!r}") from None
    low, high = (check_float(name, end, interval) for end in (low, high))
    if low >= high:
        raise ValueError(f"{name} must rise, got {value!r}")
    return low, high
