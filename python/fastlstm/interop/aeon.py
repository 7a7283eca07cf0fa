"""The estimators as classifier and regressor of the toolkit aeon."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar

from .. import estimators
from .toolkits import TEST_PARAMETERS, ClassifierFace, SequenceFace, constructor

try:
    from aeon.classification import BaseClassifier
    from aeon.regression import BaseRegressor
    from aeon.utils.validation import check_n_jobs
except ImportError as error:
    raise ImportError(
        "fastlstm.interop.aeon needs aeon, which is not installed: "
        'pip install "fastlstm[aeon]"'
    ) from error

__all__ = ["LSTMClassifier", "LSTMRegressor"]

TAGS = {
    "X_inner_type": ["np-list", "numpy3D"],
    "algorithm_type": "deeplearning",
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:multithreading": True,
}


class _AeonFace(SequenceFace):
    """What aeon asks for beyond the rest."""

    def _estimator_arguments(self: Any) -> dict[str, Any]:
        self._n_jobs = check_n_jobs(self.n_jobs)
        return {**super()._estimator_arguments(), "n_jobs": self._n_jobs}

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        return deepcopy(TEST_PARAMETERS)


class LSTMClassifier(_AeonFace, ClassifierFace, BaseClassifier):  # type: ignore[misc]
    """Tell which class a time series belongs to: aeon's face of the LSTM classifier.

    X is as aeon has it: an array (case, channel, time), or a list of arrays (channel,
    time) of different lengths.

    Parameters
    ----------
    **arguments
        Those of :class:`fastlstm.LSTMClassifier`, but ``layout``, ``warm_start`` and
        what is about tokens. ``n_jobs`` is 1 if not given and follows aeon's
        convention.

    Attributes
    ----------
    estimator_ : fastlstm.LSTMClassifier
        The fitted classifier behind this one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.interop.aeon import LSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2, 20))
    >>> y = np.where(X[:, 0, -5:].sum(axis=1) > 0, "up", "down")
    >>> model = LSTMClassifier(16, learning_rate_init=0.01, early_stopping=True,
    ...                        random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.8)
    True
    """

    _estimator_class = estimators.LSTMClassifier
    _tags: ClassVar[dict[str, Any]] = TAGS

    __init__ = constructor(estimators.LSTMClassifier, n_jobs=1)


class LSTMRegressor(_AeonFace, BaseRegressor):  # type: ignore[misc]
    """Predict a number from a time series: aeon's face of the LSTM regressor.

    X is as aeon has it: an array (case, channel, time), or a list of arrays (channel,
    time) of different lengths.

    Parameters
    ----------
    **arguments
        Those of :class:`fastlstm.LSTMRegressor`, but ``layout``, ``output``,
        ``warm_start`` and what is about tokens. ``n_jobs`` is 1 if not given and
        follows aeon's convention.

    Attributes
    ----------
    estimator_ : fastlstm.LSTMRegressor
        The fitted regressor behind this one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.interop.aeon import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2, 20))
    >>> y = X[:, 0, -5:].sum(axis=1)
    >>> model = LSTMRegressor(16, learning_rate_init=0.01, early_stopping=True,
    ...                       random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.8)
    True
    """

    _estimator_class = estimators.LSTMRegressor
    _tags: ClassVar[dict[str, Any]] = TAGS

    __init__ = constructor(estimators.LSTMRegressor, n_jobs=1)
