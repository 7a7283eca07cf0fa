"""What a fitted forecaster is asked: forecasts, updates, a score, a file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._validate import check_float, check_int
from ..files.whole import PathType
from ..forecasting import Panel
from ..forecasting.answers import Request
from .forecaster_engine import ForecastEngine
from .saving import save
from .threads import limit_threads

__all__ = ["ForecastAnswers"]


class ForecastAnswers(ForecastEngine):
    """Base of `LSTMForecaster`: all but its parameters and its fit."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags

    def predict(
        self,
        X: Any = None,
        y: Any = None,
        *,
        past: Any = None,
        future: Any = None,
        static: Any = None,
        steps: int | None = None,
        quantiles: float | Sequence[float] | None = None,
        samples: int | None = None,
    ) -> Any:
        """Forecast the steps that follow.

        Parameters
        ----------
        X, y, past, static : as for ``fit``, optional
            Histories to go on from. Without, those of ``fit`` and of every `update`. A
            series that ``fit`` has not seen is scaled by its own history. Those without
            names (arrays, lists) are those of ``fit`` in their places where there are
            as many, and each has the same values at the times that both have, or
            without times from the beginning on; others are new.
        future : as for ``fit``, optional
            Covariates known ahead. Without X the rows that follow the end, unless
            ``fit`` or `update` was given them; of dated tables earlier rows are left
            out, and a longer table without times that begins with the first row of
            ``fit`` again is refused.
        steps : int, optional
            Steps to forecast, at most the ``horizon``; with strategy "recursive" any
            number. The horizon by default.
        quantiles : float or sequence of float in (0, 1), optional
            Which quantiles to forecast, in place of points.
        samples : int, optional
            How many sample paths to draw, in place of points. Only those of strategy
            "recursive" are paths that a series may take; those of others have the right
            distribution at each step, and steps that know nothing of each other: of
            differences they are refused beyond the first step (or season).

        Returns
        -------
        array, series or frame, or list or dict of such
            In the form of the series: (H,) or (H, K) for an array (T,) or (T, K); with
            quantiles one more axis at the end, with samples one in front. In frames
            these are columns "value_0.1" and rows of a level "sample". Times go on.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``; other variables or another step than there, as where times
            of three rows or more are weeks apart and those of the fit days; covariates
            that end before the horizon; quantiles that the loss does not know.
        TypeError
            As for ``fit``; a number in place of series.

        Warns
        -----
        UserWarning
            The last ``window_`` steps of a series are all missing (without ``warm``).
        """
        check_is_fitted(self, "forecast_model_")
        levels = None if quantiles is None else np.ravel(quantiles).tolist()
        if levels is not None and not levels:
            raise ValueError("quantiles is empty: expected one level or more")
        for level in levels or ():
            check_float("quantiles", level, "(0, 1)")
        if samples is not None:
            check_int("samples", samples, 1)
            if levels is not None:
                raise ValueError("expected quantiles or samples, got both")
        if isinstance(X, Integral):
            raise TypeError(f"X is a number, {X}, and no series: expected steps={X}")
        request = Request(levels, samples, self._steps(steps, levels))
        horizon = request.steps or self.forecast_model_.horizon
        with limit_threads(self.n_jobs):
            if X is None:
                if not (y is None and past is None and static is None):
                    raise ValueError("y, past and static go with X: got no X")
                panel = self._with_future(future, horizon)
                panel.check_horizon(horizon)
                values = self._go_on(panel, request)
            else:
                panel = self._read_like(X, y, past=past, future=future, static=static)
                panel.check_horizon(horizon, whole=self.id_column is None)
                values = self._forecast(panel, panel.lengths, request)
        self._warn_of_empty_windows(panel)
        return panel.give_back(
            list(values), quantiles=levels, samples=samples is not None
        )

    def _warn_of_empty_windows(self, panel: Panel) -> None:
        """Warn where a window has no observed value, unless more is read than that."""
        if self.forecast_model_.warm:
            return
        window = self.window_
        empty = [one.id for one in panel if np.isnan(one.y[-window:]).all()]
        if empty:
            more = len(empty) - 1
            others = f" and of {more} other{'s' * (more > 1)}" if more else ""
            warnings.warn(
                f"The last {window} steps of series {empty[0]!r}{others} have no "
                "observed value, and a forecast looks back no further: all that it "
                "knows is the last value before, which is filled in.",
                stacklevel=3,
            )

    def _steps(self, steps: int | None, levels: list[float] | None) -> int | None:
        """Check how many steps to forecast."""
        if steps is None:
            return None
        model, number = self.forecast_model_, check_int("steps", steps, 1)
        if number > model.horizon:
            longer = f"steps={number} is more than the horizon={model.horizon} of the"
            if model.strategy != "recursive":
                raise ValueError(
                    f"{longer} fit: fit with a longer one, or with strategy="
                    "'recursive', which may go on"
                )
            if levels is not None and model.calibration is not None:
                raise ValueError(
                    f"{longer} fit, for which conformal={self.conformal!r} has "
                    "calibrated quantiles: fit with a longer one, or conformal=None"
                )
        return number

    def update(
        self, X: Any, y: Any = None, *, past: Any = None, future: Any = None
    ) -> Self:
        """Take in what was observed since, without a fit.

        Weights and scales stay. With ``warm`` the network's state takes a step for each
        new row; with ``conformal="adaptive"`` intervals learn whether they have held
        what came, which costs a forecast a row.

        Parameters
        ----------
        X, y, past : as for ``fit``
            The new rows, of all series or, where these have names, of some.
        future : as for ``fit``, optional
            From the first new row on; a longer table that begins with the first row of
            ``fit`` again is refused.

        Returns
        -------
        self

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``; a series that it has not seen; times that do not follow.
        """
        check_is_fitted(self, "forecast_model_")
        panel = self._extended(X, y, past, future)
        with limit_threads(self.n_jobs):
            self._observe(panel)
        self.panel_ = panel
        return self

    def score(
        self,
        X: Any,
        y: Any = None,
        *,
        past: Any = None,
        future: Any = None,
        sample_weight: None = None,
    ) -> float:
        """Judge forecasts of what follows: the negative of their MASE.

        Forecasts are made at the end of what is known, and whenever a horizon has been
        observed; none sees what comes after it. So cross-validation needs splits in the
        order of time, each test part right behind its training part, as
        `~sklearn.model_selection.TimeSeriesSplit` makes them.

        Parameters
        ----------
        X, y, past, future : as for `update`
            What was observed next.
        sample_weight : ignored

        Returns
        -------
        float
            -1 is as good as the (seasonal) naive forecast was on the series in ``fit``
            (Hyndman & Koehler 2006), 0 is perfect.

        Raises
        ------
        NotFittedError, ValueError
            As for `update`.
        """
        check_is_fitted(self, "forecast_model_")
        panel = self._extended(X, y, past, future)
        with limit_threads(self.n_jobs):
            return -self._rolling_mase(panel)

    def save(self, path: PathType) -> None:
        """Write the fitted forecaster to a safetensors file, for `fastlstm.load`.

        With it goes all that was observed, so that `predict` and `update` go on.
        Otherwise as `LSTMRegressor.save`.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError
            Identifiers of series, or labels, that are neither numbers nor strings.
        OSError
            The file cannot be written.
        """
        save(self, path)
