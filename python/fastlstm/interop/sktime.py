"""The estimators as classifier, regressor and forecaster of the toolkit sktime."""

from __future__ import annotations

from copy import deepcopy
from numbers import Integral
from typing import Any, ClassVar

from .. import estimators
from ..forecasting import Panel, read_panel
from ..forecasting.heads import POINT_LOSSES
from ..forecasting.steps import show_time
from .instances import (
    Frames,
    after,
    beside,
    by_instance,
    last_time,
    steps_ahead,
    together,
)
from .toolkits import (
    TEST_PARAMETERS,
    ClassifierFace,
    SequenceFace,
    ToolkitFace,
    constructor,
)

try:
    from sktime.classification.base import BaseClassifier
    from sktime.forecasting.base import BaseForecaster
    from sktime.regression.base import BaseRegressor
except ImportError as error:
    raise ImportError(
        "fastlstm.interop.sktime needs sktime, which is not installed: "
        'pip install "fastlstm[sktime]"'
    ) from error

__all__ = ["LSTMClassifier", "LSTMForecaster", "LSTMRegressor"]

TAGS = {
    "authors": "The fastlstm developers",
    "maintainers": "The fastlstm developers",
    "python_dependencies": "scikit-learn>=1.6",  # sktime itself takes older ones
    "capability:random_state": True,
    "property:randomness": "derandomized",
}
SEQUENCE_TAGS = {
    **TAGS,
    # The first of them can hold any panel, and what is no array becomes it.
    "X_inner_mtype": ["df-list", "numpy3D"],
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:multithreading": True,
}
# Small, and different paths: intervals of any level or none, X ahead or up to now.
FORECASTER_TEST_PARAMETERS: list[dict[str, Any]] = [
    {"hidden_size": 4, "max_iter": 2, "loss": "gaussian", "window": 6},
    {
        "horizon": 2,
        "strategy": "recursive",
        "hidden_size": [3, 2],
        "loss": "student_t",
        "n_samples": 5,
        "solver": "sgd",
        "dtype": "float64",
        "early_stopping": False,
        "max_iter": 1,
    },
    {"strategy": "encoder_decoder", "hidden_size": 3, "max_iter": 1, "warm": True},
]
# One series is a frame; of many each row has an index of one level, or of several.
FRAMES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]


class _SktimeFace:
    """What sktime asks for beyond the rest."""

    _test_parameters: ClassVar[list[dict[str, Any]]] = TEST_PARAMETERS

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
        return deepcopy(cls._test_parameters)


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
        **SEQUENCE_TAGS,
        "capability:class_weight": True,
        "capability:predict_proba": True,
    }

    __init__ = constructor(estimators.LSTMClassifier)


class LSTMRegressor(_SktimeFace, SequenceFace, BaseRegressor):  # type: ignore[misc]
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
        **SEQUENCE_TAGS,
        "capability:multioutput": True,
        "y_inner_mtype": "numpy2D",
    }

    __init__ = constructor(estimators.LSTMRegressor)


class LSTMForecaster(_SktimeFace, ToolkitFace, BaseForecaster):  # type: ignore[misc]
    """Forecast time series: sktime's face of the LSTM forecaster.

    y is one series, a panel or a hierarchy, univariate or not, with missing values or
    without. All its series are learnt by one network and forecast from their own ends.

    X is what is known ahead where ``strategy`` is "encoder_decoder" or "recursive",
    for all steps up to the farthest of ``fh``. With "direct" it is known up to now:
    `fit` and `update` read it, and `predict` needs none.

    Parameters
    ----------
    horizon : int or None, default=None
        Steps to learn. None is as far as the ``fh`` of `fit` goes; else `fit` needs no
        ``fh``, and that of `predict` goes so far at most, or any far with the strategy
        "recursive".
    **arguments
        Those of :class:`fastlstm.LSTMForecaster`, but those that name columns.
        Quantiles and intervals need a ``loss`` or ``conformal`` that has such.

    Attributes
    ----------
    estimator_ : fastlstm.LSTMForecaster
        The fitted forecaster behind this one.

    Notes
    -----
    `update` reads rows behind the ends of the series; those it has seen it passes over.
    With ``update_params`` it then fits anew on all rows, without it only goes on from
    them, as `fastlstm.LSTMForecaster.update` does. All rows are in ``estimator_``, so
    that the toolkit need not remember them too.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from fastlstm.interop.sktime import LSTMForecaster
    >>> months = pd.period_range("2012-01", periods=144, freq="M")
    >>> wave = 20 * np.sin(np.arange(144) * np.pi / 6)
    >>> sales = pd.Series(100 + np.arange(144) + wave, index=months)
    >>> model = LSTMForecaster(window=24, max_iter=300, random_state=0)
    >>> forecast = model.fit(sales[:132], fh=range(1, 13)).predict()
    >>> bool((forecast - sales[132:]).abs().mean() < 5)
    True
    """

    _estimator_class = estimators.LSTMForecaster
    _tags: ClassVar[dict[str, Any]] = {
        **TAGS,
        "y_inner_mtype": FRAMES,
        "X_inner_mtype": FRAMES,
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "capability:non_contiguous_X": False,
        "capability:unequal_length": True,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:update": True,
        "requires-fh-in-fit": True,
    }
    # The estimator has all rows; who wants them here too may turn this on.
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}
    _test_parameters = FORECASTER_TEST_PARAMETERS

    __init__ = constructor(estimators.LSTMForecaster, horizon=None)

    def __post_init__(self) -> None:
        """Say what these arguments are able to; sktime calls it."""
        self._y = self._X = None
        points = self.loss in POINT_LOSSES and self.conformal is None
        self.set_tags(
            **{
                "capability:pred_int": not points,
                "requires-fh-in-fit": self.horizon is None,
            }
        )

    def _fit(self, y: Any, X: Any, fh: Any) -> LSTMForecaster:
        frames = by_instance(y)
        self._instance_levels = y.index.names[:-1]
        panel = read_panel(frames, **self._known(frames, X))
        arguments = self._estimator_arguments()
        arguments["horizon"] = self._horizon(fh, panel)
        self.estimator_ = self._estimator_class(**arguments).fit(panel)
        # Of differences it depends on the horizon whether there are quantiles.
        self.set_tags(**{"capability:pred_int": self.estimator_.quantiles_ is not None})
        return self

    def _predict(self, fh: Any, X: Any) -> Any:
        return self._forecast(fh, X)

    def _predict_quantiles(self, fh: Any, X: Any, alpha: list[float]) -> Any:
        # Ends of an interval come as 0.09999999999999998.
        levels = [round(level, 12) for level in alpha]
        each = sorted(set(levels))
        frame = self._forecast(fh, X, each)
        places = [
            first + each.index(level)
            for first in range(0, frame.shape[1], len(each))
            for level in levels
        ]
        frame = frame.iloc[:, places]
        frame.columns = self._get_columns("predict_quantiles", alpha=alpha)
        return frame

    def _update(self, y: Any, X: Any = None, update_params: bool = True) -> Any:
        estimator, frames = self.estimator_, by_instance(y)
        new = after(frames, estimator.panel_)
        if len(new):
            estimator.update(new, **self._known(new, X))
            if update_params:
                estimator.fit(estimator.panel_)
        elif (end := last_time(frames)) < (known := last_time(estimator.panel_)):
            raise ValueError(
                f"y has rows until {show_time(end)}, but rows until {show_time(known)} "
                "were seen before: expected rows after these"
            )
        return self

    def _known(self, frames: Frames, X: Any) -> dict[str, Any]:
        """Give X the name under which the estimator knows it."""
        if X is None:
            return {}
        ahead = self.strategy != "direct"
        rows = beside(by_instance(X), frames, ahead=ahead)
        return {"future" if ahead else "past": rows}

    def _horizon(self, fh: Any, panel: Panel) -> Any:
        if fh is None:
            return self.horizon
        farthest = int(steps_ahead(fh, panel).max())
        if self.horizon is None:
            return farthest
        # What is no integer is the estimator's to refuse.
        bound = self.strategy != "recursive" and isinstance(self.horizon, Integral)
        if bound and farthest > self.horizon:
            raise ValueError(
                f"fh goes {farthest} steps ahead, but horizon={self.horizon}: expected "
                "horizon=None, or a longer one, or strategy='recursive'"
            )
        return self.horizon

    def _forecast(self, fh: Any, X: Any, quantiles: list[float] | None = None) -> Any:
        """Return the rows of ``fh``, of all series below one another."""
        panel = self.estimator_.panel_
        steps, future = steps_ahead(fh, panel), None
        if X is not None and self.strategy != "direct":
            future = after(by_instance(X), panel)
            future = future if len(future) else None
        answers = self.estimator_.predict(
            future=future, steps=int(steps.max()), quantiles=quantiles
        )
        return together(answers, steps, self._instance_levels)
