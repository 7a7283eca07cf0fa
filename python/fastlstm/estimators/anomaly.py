"""Anomalies in series: where an LSTM that knows them did not expect what came."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..files.whole import PathType
from ..forecasting.anomalies import (
    dynamic_threshold,
    find_spans,
    quantile_threshold,
    smooth_errors,
)
from ..forecasting.moving_threshold import moving_anomalies
from ..forecasting.prediction_errors import prediction_errors, target_values
from .anomaly_stream import AnomalyStream
from .arguments import Arguments, takes_arguments
from .parameters import CONSTRAINTS, document
from .saving import save
from .series import check_columns_of, check_series
from .threads import limit_threads
from .window_fit import fit_on_windows

__all__ = ["LSTMAnomalyDetector"]

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

    The state of the LSTM runs through all of a series; ``window`` only cuts training.
    So `stream` answers step by step what ``score_samples`` says of the whole.

    Parameters
    ----------
    {parameters}
    window : int, default=100
        Steps of a training sequence, so the farthest that a prediction learns to look
        back. The windows of a series overlap by half.
    horizon : int, default=1
        Steps that are predicted at once. The error of a step is that of all predictions
        that were made for it.
    targets : int, str, sequence of such, or None, default=None
        Features that are predicted, by place or column name; the others are only read,
        as commands are. None is all.
    warm_up : int, default=10
        First steps of a series, at least one, that are not judged: an LSTM that has
        seen nothing cannot know better. They count as steps with ``error_mean_``.
    smoothing : float, default=30
        Span of the moving average over errors, weights falling by ``1 - 2 / (span +
        1)`` a step; 1 is none. The paper has 105 for telemetry of a value a minute.
    contamination : "auto" or float in (0, 0.5], default="auto"
        The share of the steps of ``fit`` that is abnormal, so the share of them above
        the threshold; one of less than a step gives about their largest error. "auto"
        is for shares unknown: the paper's dynamic threshold, above which lie errors
        without which the rest is much calmer
        (`fastlstm.forecasting.anomalies.dynamic_threshold`).
    min_error : float, default=0.0
        The threshold is never below; one that moves (``history``) flags nothing where
        no error is above. For series that do not move in ``fit`` at all, where the
        smallest change would be abnormal.
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
        Mean error of a step in ``fit`` behind ``warm_up``, from which the average of
        every series starts.
    smoothed_mean_, smoothed_deviation_ : float
        Mean and standard deviation of the smoothed errors of ``fit``.
    model_ : fastlstm.models.SequenceModel
        The network with its scalers; its outputs at a step are ``horizon`` times K
        numbers, those one step ahead first.
    n_features_in_ : int
        Features F of a step.
    validation_scores_ : list of float or None
        The negative loss on the last ``validation_fraction`` of each series after each
        epoch, with ``early_stopping``.
    {attributes}

    Examples
    --------
    A wave that stands still for thirty steps:

    >>> import numpy as np
    >>> from fastlstm import LSTMAnomalyDetector
    >>> rng = np.random.default_rng(0)
    >>> wave = np.sin(np.arange(1500) / 5) + 0.1 * rng.normal(size=1500)
    >>> wave[1200:1230] = 0.5
    >>> detector = LSTMAnomalyDetector(
    ...     16, learning_rate_init=0.01, tol=1e-3, smoothing=10, random_state=0
    ... ).fit(wave[:1000])
    >>> [span] = detector.anomaly_spans(wave[1000:])
    >>> 165 < span.start <= 200 < 230 <= span.stop < 280
    True
    >>> detector.predict(wave[1000:])[[190, 220]]
    array([ 1, -1])
    """

    _without = _WITHOUT

    batch_size: int | str = 8
    learning_rate_init: float = 3e-3
    window: int = 100
    horizon: int = 1
    targets: int | str | Sequence[int | str] | None = None
    warm_up: int = 10
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
        "warm_up": [Interval(Integral, 1, None, closed="left")],
        "smoothing": [Interval(Real, 1, None, closed="left")],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
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
            self._horizon = self.horizon  # of this model, whatever is set afterwards
            fit_on_windows(self, series)
            self._fit_threshold(series)
        except BaseException:
            # What was fitted before stays as it was, with its own idea of X.
            self.__dict__ = before
            raise
        return self

    def _fit_threshold(self, series: list[NDArray[Any]]) -> None:
        errors = self._errors(series)
        judged = [one[min(self.warm_up, len(one) - 1) :] for one in errors]
        self.error_mean_ = float(np.mean(np.concatenate(judged)))
        smoothed = np.concatenate([self._smoothed(one) for one in errors])
        self.smoothed_mean_ = float(smoothed.mean())
        self.smoothed_deviation_ = float(smoothed.std())
        if isinstance(self.contamination, str):
            threshold = dynamic_threshold(smoothed, buffer=self.buffer)
        else:
            threshold = quantile_threshold(smoothed, self.contamination)
        self.offset_ = -max(threshold, float(self.min_error))

    # ------------------------------------------------------------------ answers

    def _errors(self, series: list[NDArray[Any]]) -> list[NDArray[np.float64]]:
        with limit_threads(self.n_jobs):
            return [
                prediction_errors(
                    self.model_, one, targets=self.targets_, horizon=self._horizon
                )
                for one in series
            ]

    def _smoothed(self, errors: NDArray[np.float64]) -> NDArray[np.float64]:
        errors[: self.warm_up] = self.error_mean_
        return smooth_errors(errors, self.smoothing, self.error_mean_)

    def _scores(self, X: Any) -> tuple[list[NDArray[np.float64]], bool]:
        check_is_fitted(self, "offset_")
        series, is_one = check_series(self, X, reset=False)
        return [-self._smoothed(one) for one in self._errors(series)], is_one

    def score_samples(self, X: Any) -> Any:
        """Tell how normal each step is: the negative of its smoothed error.

        Parameters
        ----------
        X : as for ``fit``
            A series of any length.

        Returns
        -------
        (T,) float64 array, or list of (T_i,) arrays where X is a list
            The higher, the more normal. The first ``warm_up`` steps have
            ``-error_mean_``. A step depends on those before it in its series and on
            nothing else.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``, and for another number of features than there.
        """
        scores, is_one = self._scores(X)
        return scores[0] if is_one else scores

    def decision_function(self, X: Any) -> Any:
        """Tell how far each step is from the threshold, below 0 if abnormal.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        (T,) float64 array, or list of (T_i,) arrays where X is a list
            ``score_samples(X) - offset_``.

        Raises
        ------
        NotFittedError, ValueError
            As ``score_samples``.
        """
        scores, is_one = self._scores(X)
        margins = [one - self.offset_ for one in scores]
        return margins[0] if is_one else margins

    def predict(self, X: Any) -> Any:
        """Tell which steps are abnormal.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        (T,) int array, or list of (T_i,) arrays where X is a list
            -1 where ``decision_function`` is below 0, so where the smoothed error is
            above the threshold, and 1 elsewhere.

        Raises
        ------
        NotFittedError, ValueError
            As ``score_samples``.
        """
        scores, is_one = self._scores(X)
        labels = [np.where(one - self.offset_ < 0.0, -1, 1) for one in scores]
        return labels[0] if is_one else labels

    def anomaly_spans(
        self,
        X: Any,
        *,
        history: int | None = None,
        probation: int = 0,
        low_errors: bool = True,
    ) -> Any:
        """Join abnormal steps to spans, and leave out those that do not stand out.

        Parameters
        ----------
        X : as for ``fit``
        history : int or None, default=None
            None takes the threshold of ``fit``. With a number the threshold moves, by
            the rules of the paper's code: a thirtieth of ``history`` after the other is
            judged by the dynamic threshold of so many last errors of the series itself
            (the code has 2100), and the first ``history`` together. For series that
            change for good, or are of another level than in ``fit``. See
            `fastlstm.forecasting.moving_threshold.moving_spans`.
        probation : int, default=0
            First steps of a series that are taken for normal, so that none is flagged.
            The threshold of ``fit`` is raised to the largest of their errors: for
            series that are less predictable than those of ``fit`` throughout. One that
            moves has some history behind them, and never flags the first ``warm_up``.
        low_errors : bool, default=True
            Where the threshold moves, errors lower than ever are abnormal too.

        Returns
        -------
        list of AnomalySpan, or a list of such lists where X is a list
            Named tuples (start, stop, severity) in the order of time: steps ``start``
            to ``stop - 1``, and by how much the largest error is above the threshold,
            in units of the mean plus the deviation of the errors that the threshold is
            from (the paper's score). See ``buffer`` and ``pruning``.

        Raises
        ------
        NotFittedError, ValueError
            As ``score_samples``; ``history`` below 2, ``probation`` below 0.
        """
        options: dict[str, Any] = {"buffer": self.buffer, "pruning": self.pruning}
        options["probation"] = probation
        if history is None:
            scores, is_one = self._scores(X)
            # Of a constant series all errors may be zero.
            options["scale"] = self.smoothed_mean_ + self.smoothed_deviation_ or 1.0
            spans = [find_spans(-one, -self.offset_, **options) for one in scores]
            return spans[0] if is_one else spans
        check_is_fitted(self, "offset_")
        series, is_one = check_series(self, X, reset=False)
        options |= {"history": history}
        options |= {"low_errors": low_errors, "min_error": self.min_error}
        options |= {"warm_up": self.warm_up, "smoothing": self.smoothing}
        values = [
            target_values(self.model_, one, self.targets_, self._horizon)
            for one in series
        ]
        spans = [
            moving_anomalies(*pair, **options)
            for pair in zip(self._errors(series), values, strict=True)
        ]
        return spans[0] if is_one else spans

    def stream(self) -> AnomalyStream:
        """Return what scores a live series, one step at a time.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        check_is_fitted(self, "offset_")
        return AnomalyStream(
            self.model_,
            targets=self.targets_,
            horizon=self._horizon,
            warm_up=self.warm_up,
            smoothing=self.smoothing,
            error_mean=self.error_mean_,
        )

    def save(self, path: PathType) -> None:
        """Write the fitted detector to a safetensors file, for `fastlstm.load`.

        What is kept, and what is not, is told at `LSTMRegressor.save`.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        NotFittedError
            Before ``fit``.
        OSError
            The file cannot be written.

        Warns
        -----
        UserWarning
            Something is not kept.
        """
        save(self, path)
