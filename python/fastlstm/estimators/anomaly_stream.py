"""Scores of a series that is still going on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..forecasting.anomalies import Smoother
from ..forecasting.prediction_errors import ErrorStream
from ..models import SequenceModel
from .series import check_row

__all__ = ["AnomalyStream"]


class AnomalyStream:
    """Scores of a live series; `LSTMAnomalyDetector.stream` makes one.

    Each has the bits of ``score_samples`` of all steps so far, and costs one step of
    the LSTM however many those are.

    Parameters
    ----------
    model, targets, horizon, warm_up, smoothing, error_mean
        Of the detector; a later fit of it does not change the stream.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm import LSTMAnomalyDetector
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = LSTMAnomalyDetector(8, tol=0.1, random_state=0).fit(wave)
    >>> stream = detector.stream()
    >>> scores = [stream.update(value) for value in wave[:50]]
    >>> bool((scores == detector.score_samples(wave[:50])).all())
    True
    """

    def __init__(
        self,
        model: SequenceModel,
        *,
        targets: NDArray[np.int64],
        horizon: int,
        warm_up: int,
        smoothing: float,
        error_mean: float,
    ) -> None:
        self._errors = ErrorStream(model, targets=targets, horizon=horizon)
        self._features = model.config["input_size"]
        self._warm_up = warm_up
        self._smoothing = smoothing
        self._mean = error_mean
        self.reset()

    def update(self, x_t: Any) -> float:
        """Take the next step of the series.

        Parameters
        ----------
        x_t : (F,) array, or a number where F is 1

        Returns
        -------
        float
            The score of the step; it is abnormal if below ``offset_`` of the detector.

        Raises
        ------
        ValueError
            Another number of features, NaN or inf; the stream is as it was.
        """
        error = self._errors.update(check_row(x_t, self._features))
        self._steps += 1
        return -self._smoother.update(
            error if self._steps > self._warm_up else self._mean
        )

    def reset(self) -> None:
        """Begin a new series."""
        self._errors.reset()
        self._steps = 0
        self._smoother = Smoother(self._smoothing, self._mean)
