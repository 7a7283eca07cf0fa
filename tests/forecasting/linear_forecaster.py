"""A forecaster that is no LSTM: all that `backtest` asks for, by least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastlstm.forecasting import Panel, read_panel
from sklearn.base import BaseEstimator


class LinearForecaster(BaseEstimator):
    """Each step ahead and variable by least squares from the last values of all.

    Quantiles are those of the residuals of the fit. Missing values count as the mean.
    """

    def __init__(
        self,
        horizon: int = 1,
        *,
        lags: int = 3,
        season_length: int = 1,
        quantiles: list[float] | None = None,
        id_column: str | None = None,
    ) -> None:
        self.horizon = horizon
        self.lags = lags
        self.season_length = season_length
        self.quantiles = quantiles
        self.id_column = id_column

    def _read(self, X: Any, y: Any = None, **beside: Any) -> Panel:
        return read_panel(X, y, **beside, id_column=self.id_column)

    def fit(self, X: Any, y: Any = None, **beside: Any) -> LinearForecaster:
        panel = self._read(X, y, **beside)
        self.panel_ = panel
        self.season_length_ = self.season_length
        self.quantiles_ = self.quantiles
        self.mean_ = np.nanmean(np.concatenate([s.y for s in panel]), axis=0)
        rows = [
            (self._inputs(s.y, at), s.y[at : at + self.horizon])
            for s in panel
            for at in range(1, len(s) - self.horizon + 1)
        ]
        inputs = np.array([row for row, _ in rows])
        targets = np.array([row for _, row in rows])
        targets = np.where(np.isnan(targets), self.mean_, targets)
        flat = targets.reshape(len(targets), -1)
        self.weights_ = np.linalg.lstsq(inputs, flat, rcond=None)[0]
        self.residuals_ = (flat - inputs @ self.weights_).reshape(targets.shape)
        return self

    def _inputs(self, y: np.ndarray, at: int) -> np.ndarray:
        known = y[max(0, at - self.lags) : at]
        known = np.where(np.isnan(known), self.mean_, known)
        rows = np.tile(self.mean_, (self.lags, 1))
        rows[self.lags - len(known) :] = known
        return np.append(rows.ravel(), 1.0)

    def _forecast_at(
        self, panel: Panel, origins: Any, quantiles: Any = None
    ) -> list[np.ndarray]:
        assert panel.ids == self.panel_.ids
        shape = self.residuals_.shape[1:]
        result = []
        for series, at in zip(panel, origins, strict=True):
            assert len(at) > 0
            assert (np.asarray(at) <= len(series)).all()
            points = [
                (self._inputs(series.y, o) @ self.weights_).reshape(shape) for o in at
            ]
            own = np.array(points).reshape(len(at), *shape)
            if quantiles is not None:
                spread = np.quantile(self.residuals_, quantiles, axis=0)
                own = own[..., None] + np.moveaxis(spread, 0, -1)
            result.append(own)
        return result
