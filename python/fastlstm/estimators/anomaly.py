"""Anomalies in series: where an LSTM that knows them did not expect what came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..files.whole import PathType
from ..forecasting.anomalies import (
    AnomalySpan,
    Smoother,
    dynamic_threshold,
    find_spans,
    quantile_threshold,
    smooth_errors,
)
from ..forecasting.prediction_errors import (
    ErrorStream,
    cut_windows,
    future_values,
    prediction_errors,
)
from .arguments import Arguments, takes_arguments
from .parameters import CONSTRAINTS, document
from .regressor import LSTMRegressor
from .saving import save
from .series import check_columns_of, check_row, check_series
from .threads import limit_threads

__all__ = ["AnomalyStream", "LSTMAnomalyDetector"]

# What means nothing where each step of a series is predicted from those before.
_WITHOUT = (
    "bidirectional",
    "pooling",
    "vocabulary_size",
    "embedding_dim",
    "embedding_dropout",
    "warm_start",
    "validation_split",
    "scoring",
    "layout",
)
_FOUND = (
    "model_",
    "n_iter_",
    "loss_curve_",
    "learning_rates_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
)


@document(
    standardize="""Scale each feature to zero mean and unit variance. Errors are then in
        standard deviations of their target, otherwise in its own unit: better for
        series that hardly moved in ``fit`` and are on a common scale already.""",
)
@takes_arguments
class LSTMAnomalyDetector(OutlierMixin, Arguments):  # type: ignore[misc]
    """Find what is abnormal in series, by how badly an LSTM predicted it.

    An LSTM learns to predict the next step, or several, of series in which all or most
    is normal. How far its predictions are off, smoothed over time, is the score of a
    step; a threshold on it is taken from the errors of ``fit`` (Hundman et al. 2018,
    "Detecting Spacecraft Anomalies Using LSTMs and Nonparametric Dynamic
    Thresholding", KDD). Nothing of a series that is judged later moves the threshold.

    Rows of X are the steps of a series, in the order of time: X is one series, (T,) or
    (T, F), an array, `pandas.Series` or frame, or a list of series, which are learnt
    together and answered one by one. ``y`` is not looked at.

    A prediction knows at least the last half ``window`` of steps and at most ``window``
    (but the first of a series). So does every answer, whether a series is passed as a
    whole or step by step to `stream`.

    Parameters
    ----------
    {parameters}
    window : int, default=100
        Steps that the LSTM sees: of training sequences, and the most that a prediction
        looks back.
    horizon : int, default=1
        Steps that are predicted at once. The error of a step is that of all predictions
        that were made for it.
    targets : int, str, sequence of such, or None, default=None
        Features that are predicted, by place or column name; the others are only read,
        as commands are. None is all.
    smoothing : float, default=30
        Span of the moving average over errors, weights falling by ``1 - 2 / (span +
        1)`` a step; 1 is none. The paper has 105 for telemetry of a value a minute.
    contamination : "auto" or float in [0, 0.5], default="auto"
        The share of the steps of ``fit`` that is abnormal, so the share of them above
        the threshold; with 0 it is their largest error. "auto" is for shares unknown:
        the paper's dynamic threshold, above which lie errors without which the rest is
        much calmer (`fastlstm.forecasting.anomalies.dynamic_threshold`).
    min_error : float, default=0.0
        The threshold is never below. For series that do not move in ``fit`` at all,
        where the smallest change would be abnormal.
    buffer : int, default=30
        Steps before and after an abnormal one that belong to its span. The paper's code
        has 100.
    pruning : float in [0, 1), default=0.13
        The paper's p: spans whose largest errors do not stand out by this share, from
        each other and from those outside of spans, are left out. 0 keeps all.

    Attributes
    ----------
    offset_ : float
        ``decision_function`` is ``score_samples - offset_``: the negative threshold.
    targets_ : (K,) int array
        Places of the features that are predicted.
    error_mean_ : float
        Mean error of a step in ``fit``, which a series' average starts from.
    smoothed_mean_, smoothed_deviation_ : float
        Mean and standard deviation of the smoothed errors of ``fit``.
    model_ : fastlstm.models.SequenceModel
        The network with its scalers; its outputs at a step are ``horizon`` times K
        numbers, those one step ahead first.
    n_features_in_ : int
        Features F of a step.
    feature_names_in_ : (n_features_in_,) array of str
        Columns of a frame, or of all frames of a list, where they are strings.
    n_iter_ : int
        Epochs run.
    loss_curve_ : list of float
        Mean training loss of each epoch, in standardised units.
    learning_rates_ : list of float
        Learning rate at the end of each epoch.
    best_loss_ : float
        The lowest of ``loss_curve_``.
    validation_scores_ : list of float or None
        The negative loss on the last ``validation_fraction`` of each series after each
        epoch, with ``early_stopping``.
    best_validation_score_ : float or None

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm import LSTMAnomalyDetector
    >>> rng = np.random.default_rng(0)
    >>> wave = np.sin(np.arange(1500) / 5) + 0.1 * rng.normal(size=1500)
    >>> wave[1200:1230] = 0.5
    >>> detector = LSTMAnomalyDetector(
    ...     16, learning_rate_init=0.01, batch_size=8, max_iter=60, tol=0.0,
    ...     smoothing=10, random_state=0).fit(wave[:1000])
    >>> [(span.start, span.stop) for span in detector.anomaly_spans(wave[1000:])]
    [(171, 268)]
    >>> detector.predict(wave[1000:])[[190, 220]]
    array([ 1, -1])
    """

    _without = _WITHOUT

    batch_size: int | str = 8
    learning_rate_init: float = 3e-3
    window: int = 100
    horizon: int = 1
    targets: int | str | Sequence[int | str] | None = None
    smoothing: float = 30
    contamination: str | float = "auto"
    min_error: float = 0.0
    buffer: int = 30
    pruning: float = 0.13

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: rule for name, rule in CONSTRAINTS.items() if name not in _WITHOUT},
        "window": [Interval(Integral, 1, None, closed="left")],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "targets": [None, Integral, str, "array-like"],
        "smoothing": [Interval(Real, 1, None, closed="left")],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="both")],
        "min_error": [Interval(Real, 0, None, closed="left")],
        "buffer": [Interval(Integral, 0, None, closed="left")],
        "pruning": [Interval(Real, 0, 1, closed="left")],
    }

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what is normal.

        Parameters
        ----------
        X : (T,) or (T, F) array, Series or frame, or list of such
            One series or several, with at least ``horizon`` + 1 steps each.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter out of its range; a series that is too short or of another
            shape; NaN or inf, with step and feature.
        FloatingPointError
            The training diverged: the loss or its gradient overflowed.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` epochs went by and the loss or score was still improving.
        UserWarning
            If Ctrl-C ended the fit; the detector is usable.
        """
        self._validate_params()
        before = self.__dict__.copy()
        try:
            series, _ = check_series(self, X, reset=True)
            self.targets_ = check_columns_of(self, self.targets, "targets")
            self._fit_model(series)
            self._fit_threshold(series)
        except BaseException:
            # What was fitted before stays as it was, with its own idea of X.
            self.__dict__ = before
            raise
        return self

    def _fit_model(self, series: list[NDArray[Any]]) -> None:
        shared = signature(LSTMRegressor).parameters.keys() & self.get_params().keys()
        regressor = LSTMRegressor(
            output="sequence",
            scoring="loss",
            **{name: getattr(self, name) for name in shared},
        )
        share = self.validation_fraction if self.early_stopping else 0.0
        cuts = [len(one) - round(share * len(one)) for one in series]
        parts = [one[:cut] for one, cut in zip(series, cuts, strict=True)]
        validation: dict[str, Any] = {}
        if self.early_stopping:
            rest = [one[cut:] for one, cut in zip(series, cuts, strict=True)]
            pairs = self._windows(rest, "a share to validate on")
            validation = dict(zip(("X_val", "y_val"), pairs, strict=True))
        regressor.fit(*self._windows(parts, "X"), **validation)
        for name in _FOUND:
            setattr(self, name, getattr(regressor, name))

    def _windows(
        self, series: list[NDArray[Any]], name: str
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Cut series into sequences and what is to be predicted at their steps."""
        inputs, targets = [], []
        for one in series:
            if len(one) <= self.horizon:
                raise ValueError(
                    f"{name} has a series with n_samples = {len(one)} steps: expected "
                    f"at least horizon + 1 = {self.horizon + 1}"
                )
            ahead = future_values(one[:, self.targets_], self.horizon)
            inputs += cut_windows(one[: -self.horizon], self.window)
            targets += cut_windows(ahead, self.window)
        return inputs, targets

    def _fit_threshold(self, series: list[NDArray[Any]]) -> None:
        # What anomaly_spans and stream need, whatever is set afterwards.
        self._windows_of = (self.horizon, self.window)
        errors = self._errors(series)
        self.error_mean_ = float(np.mean(np.concatenate([e[1:] for e in errors])))
        smoothed = np.concatenate([self._smoothed(one) for one in errors])
        self.smoothed_mean_ = float(smoothed.mean())
        self.smoothed_deviation_ = float(smoothed.std())
        if isinstance(self.contamination, str):
            threshold = dynamic_threshold(smoothed, buffer=self.buffer)
        else:
            threshold = quantile_threshold(smoothed, self.contamination)
        self.offset_ = -max(threshold, float(self.min_error))
