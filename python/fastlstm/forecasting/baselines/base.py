"""What all baselines have: several outputs, quantiles and intervals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..._validate import check_int
from ..numbers import Floats, as_series, check_levels

__all__ = ["Baseline"]

# From one output (T,), whose first value is observed, and a horizon H to (H,).
_Part: TypeAlias = Callable[[Floats, int], Floats]


class Baseline(ABC):
    """A forecast and the deviation of its errors, of one output; see the package."""

    @abstractmethod
    def _mean(self, values: Floats, horizon: int) -> Floats:
        """Forecast one output (T,), whose first value is observed: (H,)."""

    @abstractmethod
    def _deviation(self, values: Floats, horizon: int) -> Floats:
        """Return the standard deviation of what `_mean` will be wrong by: (H,)."""

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"

    def forecast(self, history: npt.ArrayLike, horizon: int) -> Floats:
        """Forecast the steps after the end of a series.

        Parameters
        ----------
        history : (T,) or (T, K) array
            NaN where nothing was observed.
        horizon : int
            Steps to forecast, H.

        Returns
        -------
        forecast : (H,) or (H, K) array

        Raises
        ------
        ValueError
            A history of another shape, infinite, too short or with too little observed.
        TypeError
            What are no real numbers.
        """
        return self._each(self._mean, history, horizon)

    def quantiles(
        self,
        history: npt.ArrayLike,
        horizon: int,
        levels: float | Sequence[float],
    ) -> Floats:
        """Forecast quantiles, of a normal distribution.

        Parameters
        ----------
        history, horizon
            As for `forecast`.
        levels : float or Q of them
            In (0, 1), increasing.

        Returns
        -------
        quantiles : (H,) or (H, K) array, for several levels with one more axis of Q

        Raises
        ------
        ValueError
            As for `forecast`; a history too short for its residuals to have a variance.
        TypeError
            As for `forecast`.
        """
        values, single = check_levels("levels", levels)
        normal = NormalDist()
        places = np.array([normal.inv_cdf(level) for level in values.tolist()])
        mean = self._each(self._mean, history, horizon)
        deviation = self._each(self._deviation, history, horizon)
        result: Floats = mean[..., None] + deviation[..., None] * places
        return result[..., 0] if single else result

    def interval(
        self,
        history: npt.ArrayLike,
        horizon: int,
        level: float | Sequence[float] = 0.9,
    ) -> tuple[Floats, Floats]:
        """Forecast intervals that hold a share ``level`` of what will be observed.

        Parameters
        ----------
        history, horizon
            As for `forecast`.
        level : float or L of them, default=0.9
            In (0, 1), increasing.

        Returns
        -------
        lower, upper : (H,) or (H, K) arrays, for several levels with one more axis of L

        Raises
        ------
        ValueError, TypeError
            As for `quantiles`.
        """
        values, single = check_levels("level", level)
        tails = (1.0 - values) / 2.0
        # From the outside inwards, and back: quantiles have to increase.
        both = self.quantiles(history, horizon, [*tails[::-1], *(1.0 - tails)])
        lower, upper = both[..., len(values) - 1 :: -1], both[..., len(values) :]
        return (lower[..., 0], upper[..., 0]) if single else (lower, upper)

    def _each(self, part: _Part, history: npt.ArrayLike, horizon: int) -> Floats:
        """Let ``part`` see one output after the other."""
        values = as_series("history", history)
        steps = check_int("horizon", horizon, 1)
        results = []
        for k, column in enumerate(values.reshape(len(values), -1).T):
            seen = ~np.isnan(column)
            if not seen.any():
                where = "" if values.ndim == 1 else f" of output {k}"
                raise ValueError(f"history{where} has no observed value")
            # In a table of many series, the younger ones begin with missing values.
            results.append(part(column[seen.argmax() :], steps))
        return np.stack(results, axis=-1).reshape(steps, *values.shape[1:])
