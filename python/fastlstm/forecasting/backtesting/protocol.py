"""What a backtest asks of a forecaster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..._validate import IntArray
from ..numbers import Floats
from ..series import Panel

__all__ = ["Forecaster"]


class Forecaster(Protocol):
    """An estimator of forecasts; what ends with ``_`` is there after ``fit``.

    Properties say that nothing is written: an estimator may have narrower types.
    """

    @property
    def horizon(self) -> int:
        """Steps H of a forecast."""

    @property
    def season_length_(self) -> int:
        """Steps of a season, 1 for none."""

    @property
    def quantiles_(self) -> Sequence[float] | None:
        """Levels that it forecasts unasked."""

    @property
    def panel_(self) -> Panel:
        """All that it has seen so far."""

    def __sklearn_clone__(self) -> Forecaster:
        """Return an unfitted copy with the same parameters."""

    def fit(self, X: Any) -> Any:
        """Fit on a panel."""

    def _read(
        self, X: Any, y: Any = None, *, past: Any, future: Any, static: Any
    ) -> Panel:
        """Read what ``fit`` takes; before a fit, too."""

    def _forecast_at(
        self,
        panel: Panel,
        origins: Sequence[IntArray],
        quantiles: Sequence[float] | None = None,
    ) -> Sequence[Floats]:
        """Forecast each series from one origin or more: (M_n, H, K[, Q]).

        Of the series nothing from the origin on is looked at; covariates known ahead
        are.
        """
