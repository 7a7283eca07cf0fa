"""The estimators as classifier and regressor of the toolkit sktime."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar

from .. import estimators
from .toolkits import TEST_PARAMETERS, ClassifierFace, ToolkitFace, constructor

try:
    from sktime.classification.base import BaseClassifier
    from sktime.regression.base import BaseRegressor
except ImportError as error:
    raise ImportError(
        "fastlstm.interop.sktime needs sktime, which is not installed: "
        'pip install "fastlstm[sktime]"'
    ) from error

__all__ = ["LSTMClassifier", "LSTMRegressor"]

TAGS = {
    "authors": "The fastlstm developers",
    "maintainers": "The fastlstm developers",
    "python_dependencies": "scikit-learn>=1.6",  # sktime itself takes older ones
    # The first of them can hold any panel, and what is no array becomes it.
    "X_inner_mtype": ["df-list", "numpy3D"],
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:multithreading": True,
    "capability:random_state": True,
    "property:randomness": "derandomized",
}


class _SktimeFace(ToolkitFace):
    """What sktime asks for beyond the rest."""

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Give the arguments that sktime's checks try.

        Parameters
        ----------
        parameter_set : str, default="default"
            One list serves all.

        Returns
        -------
        list of dict
        """
        return deepcopy(TEST_PARAMETERS)


class LSTMClassifier(_SktimeFace, ClassifierFace, BaseClassifier):  # type: ignore[misc]
    """Tell which class a time series belongs to: sktime's face of the LSTM classifier.

    X is any panel of sktime's, also of series of different lengths. An array (case,
    channel, time) is taken as it is, anything else is made a list of frames first.

    Parameters
    ----------
    **arguments
        Those of :class:`fastlstm.LSTMClassifier`, but ``layout``, ``warm_start`` and
        what is about tokens.

    Attributes
    ----------
    estimator_ : fastlstm.LSTMClassifier
        The fitted classifier behind this one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.interop.sktime import LSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2, 20))
    >>> y = np.where(X[:, 0, -5:].sum(axis=1) > 0, "up", "down")
    >>> model = LSTMClassifier(16, learning_rate_init=0.01, early_stopping=True,
    ...                        random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.8)
    True
    """

    _estimator_class = estimators.LSTMClassifier
    _tags: ClassVar[dict[str, Any]] = {
        **TAGS,
        "capability:class_weight": True,
        "capability:predict_proba": True,
    }

    __init__ = constructor(estimators.LSTMClassifier)


class LSTMRegressor(_SktimeFace, BaseRegressor):  # type: ignore[misc]
    """Predict numbers from a time series: sktime's face of the LSTM regressor.

    X is any panel of sktime's, also of series of different lengths. An array (case,
    channel, time) is taken as it is, anything else is made a list of frames first.
    Several targets a series are learnt by one network.

    Parameters
    ----------
    **arguments
        Those of :class:`fastlstm.LSTMRegressor`, but ``layout``, ``output``,
        ``warm_start`` and what is about tokens.

    Attributes
    ----------
    estimator_ : fastlstm.LSTMRegressor
        The fitted regressor behind this one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.interop.sktime import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2, 20))
    >>> y = X[:, 0, -5:].sum(axis=1)
    >>> model = LSTMRegressor(16, learning_rate_init=0.01, early_stopping=True,
    ...                       random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.8)
    True
    """

    _estimator_class = estimators.LSTMRegressor
    _tags: ClassVar[dict[str, Any]] = {
        **TAGS,
        "capability:multioutput": True,
        "y_inner_mtype": "numpy2D",
    }

    __init__ = constructor(estimators.LSTMRegressor)
