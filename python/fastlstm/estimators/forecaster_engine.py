"""What a forecaster's answers are made by: panels in, arrays out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._validate import IntArray
from ..forecasting import Panel, PanelLayout, mase, read_panel
from ..forecasting.adapting import Interval, forecast_adapting, learn
from ..forecasting.answers import Request
from ..forecasting.forecast_model import ForecastModel
from ..forecasting.memory import Memory
from ..forecasting.numbers import Floats
from ..forecasting.series import Series
from ..forecasting.strategies import ForecastNetwork
from ..forecasting.tail import Tail
from .arguments import Arguments
from .threads import limit_threads

__all__ = ["ForecastEngine"]


class ForecastEngine(Arguments):
    """Base of `LSTMForecaster`: what it does between reading and giving back."""

    horizon: Any
    n_jobs: int | None
    conformal: Any
    columns: Any
    id_column: Any
    time_column: Any
    target: Any
    past_covariates: Any
    future_covariates: Any
    static_features: Any

    forecast_model_: ForecastModel
    panel_: Panel
    season_length_: int
    quantiles_: list[float] | None
    n_iter_: int
    stop_reason_: str
    loss_curve_: list[float]
    learning_rates_: list[float]
    best_loss_: float
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    _memory: Memory | None = None
    # Of the last origins, the newest first.
    _issued: list[Interval]

    @property
    def model_(self) -> ForecastNetwork:
        """The network."""
        return self.forecast_model_.network

    @property
    def window_(self) -> int:
        """Steps that a forecast looks back."""
        return self.forecast_model_.window

    # -------------------------------------------------------------------- reading

    def _read(
        self,
        X: Any,
        y: Any = None,
        *,
        past: Any = None,
        future: Any = None,
        static: Any = None,
        like: PanelLayout | None = None,
        new_rows: bool = False,
    ) -> Panel:
        return read_panel(
            X,
            y,
            past=past,
            future=future,
            static=static,
            columns=self.columns,
            id_column=self.id_column,
            time_column=self.time_column,
            target=self.target,
            past_covariates=self.past_covariates,
            future_covariates=self.future_covariates,
            static_features=self.static_features,
            like=like,
            new_rows=new_rows,
        )

    def _read_like(self, X: Any, y: Any = None, **covariates: Any) -> Panel:
        """Read series that agree with those of the fit."""
        panel = self._read(X, y, **covariates, like=self.panel_.layout)
        return panel.told_by(self.panel_)

    def _extended(self, X: Any, y: Any, past: Any, future: Any) -> Panel:
        """Return ``panel_`` with newly observed rows."""
        layout = self.panel_.layout
        new = self._read(X, y, past=past, future=future, like=layout, new_rows=True)
        panel = self.panel_.extended(new)
        if new.layout.future and new[0].times is None:
            for own, grown in zip(self.panel_, panel, strict=True):
                if len(grown) > len(own):
                    _check_goes_on(own, grown.future[len(own) :], len(grown) - len(own))
        return panel

    def _with_future(self, future: Any, horizon: int) -> Panel:
        """Return ``panel_`` with covariates of the steps that follow."""
        panel = self.panel_
        if future is None:
            return panel
        layout = panel.layout
        if not layout.future:
            raise ValueError("future was given, but the fit had no such covariates")
        one_table = self.columns == "series" and not isinstance(future, dict)
        try:
            ahead = read_panel(
                future,
                id_column=self.id_column,
                time_column=self.time_column,
                target=list(layout.future) if self.id_column is not None else None,
                like=PanelLayout(targets=layout.future, step=layout.step),
            )
        except (TypeError, ValueError) as error:
            raise type(error)(f"future: {error}") from None
        grown = panel.with_future(ahead, shared=one_table)
        if ahead[0].times is None:
            for own, new in zip(panel, grown, strict=True):
                _check_goes_on(own, new.future[len(own) :], horizon)
        return grown

    # ------------------------------------------------------------------ forecasts

    def _forecast(
        self,
        panel: Panel,
        ends: IntArray,
        request: Request,
    ) -> Floats:
        """Forecast each series at ``ends[n]``: (N, H, K), see `ForecastModel`."""
        origins = [np.array([end]) for end in ends]
        each = self.forecast_model_.forecast(panel, origins, request)
        return np.concatenate(each)

    def _forecast_at(
        self,
        panel: Panel,
        origins: Sequence[IntArray],
        quantiles: Sequence[float] | None = None,
    ) -> list[Floats]:
        """Forecast at many origins of each series: N arrays (M_n, H, K[, Q]).

        Adaptive quantiles learn from the first origin on, as by `update`.
        """
        model, request = self.forecast_model_, Request(quantiles)
        calibration = model.calibration
        with limit_threads(self.n_jobs):
            if quantiles is None or calibration is None or not calibration.adaptive:
                return model.forecast(panel, origins, request)
            return forecast_adapting(model, panel, origins, request)

    def _go_on(self, panel: Panel, request: Request) -> Floats:
        """Forecast from where ``panel_`` ends, which ``panel`` is, with covariates."""
        model = self.forecast_model_
        if self._memory is None:
            return self._forecast(panel, panel.lengths, request)
        return model.recall(self._memory, panel, request)

    def _rolling_mase(self, panel: Panel) -> float:
        """Return the MASE of forecasts from where ``panel_`` ends on, through all."""
        model, known = self.forecast_model_, self.panel_.lengths
        origins = [
            np.arange(begin, max(end, begin + 1), model.horizon)
            for begin, end in zip(known, panel.lengths, strict=True)
        ]
        new = [series.y[at:] for series, at in zip(panel, known, strict=True)]
        if all(np.isnan(rows).all() for rows in new):
            raise ValueError(
                "no value was observed in the new rows: expected one at least to judge "
                "forecasts by"
            )
        total, count = 0.0, 0
        each = model.forecast(panel, origins, Request())
        for series, own, begin, values in zip(panel, origins, known, each, strict=True):
            rows = own[:, None] + np.arange(model.horizon)
            truth = series.y[np.minimum(rows, len(series) - 1)]
            truth[rows >= len(series)] = np.nan
            # A scale once a series, and not at each of its origins.
            seen = int((~np.isnan(truth)).sum())
            if seen:
                history, season = series.y[:begin], self.season_length_
                total += seen * float(mase(truth, values, history, season=season))
                count += seen
        return total / count

    # --------------------------------------------------------------------- memory

    def _begin(self) -> None:
        """Read all of the fit's series where the state is kept."""
        self._memory, self._issued = None, []
        model = self.forecast_model_
        if model.warm:
            self._memory = model.remember(self.panel_)

    def _observe(self, panel: Panel) -> None:
        """Learn from ``panel``, which is ``panel_`` and what came since; or raise."""
        model, known = self.forecast_model_, self.panel_.lengths
        model.check(panel, known)
        adaptive = model.calibration is not None and model.calibration.adaptive
        memory = copy.deepcopy(self._memory)
        if memory is not None:
            assert memory.tail is not None
            shown, chains = memory.tail.panel(panel, known)
            then = memory.tail.chains
        elif adaptive:
            shown, then = model.transformed(panel, known)
        else:
            return
        first = panel.lengths - shown.lengths
        encoded = model.encode(shown, model.horizon)
        calibration, issued = copy.deepcopy(model.calibration), self._issued
        if adaptive:
            assert calibration is not None
            for row in range(_new_rows(panel.lengths - known)):
                ends = known + row
                if memory is not None:
                    memory.read(model.network, encoded, ends, first)
                prediction = model.predict(encoded, ends, memory, first)
                y = np.stack([one.y[n] for one, n in zip(panel, ends, strict=True)])
                issued = learn(calibration, issued, prediction, then, y, model.horizon)
                for chain, one, end in zip(then, panel, ends, strict=False):
                    chain.update(one.y[end : end + 1])
        if memory is not None:
            memory.read(model.network, encoded, panel.lengths, first)
            memory.tail = Tail.of(shown, chains)
        self._memory, self._issued, model.calibration = memory, issued, calibration


def _check_goes_on(own: Series, rows: Floats, steps: int) -> None:
    """Raise ValueError where rows ahead of a series are those from its first step on.

    ``steps`` of them are needed. Times would tell; rows that are the same read either
    way do no harm.
    """
    fitted = own.future[: len(own)]
    known = fitted[: len(rows)]
    same = np.array_equal(rows[len(own) :][:steps], rows[:steps])
    constant = (rows == rows[:1]).all()
    if len(rows) <= steps or same or constant:
        return
    if len(rows) <= len(own) and _begins_anew(fitted):
        return
    if np.array_equal(rows[: len(known)], known):
        raise ValueError(
            f"future of series {own.id!r} has {len(rows)} rows, which begin as its "
            f"covariates in fit do: expected only those that follow its {len(own)} "
            f"steps, {steps} rows at least"
        )


def _begins_anew(rows: Floats) -> bool:
    """Tell whether rows repeat, and what follows them begins as they do."""
    n = len(rows)
    return any(
        n % period == 0 and np.array_equal(rows[period:], rows[:-period])
        for period in range(1, n // 2 + 1)
    )


def _new_rows(counts: IntArray) -> int:
    if (counts != counts[0]).any():
        raise ValueError(
            "conformal='adaptive' learns from all series at once: expected as many new "
            f"rows of each, got {counts.min()} to {counts.max()}"
        )
    return int(counts[0])
