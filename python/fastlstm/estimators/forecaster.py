"""Forecasts of series: several steps ahead, with quantiles, from one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from numbers import Integral, Real
from typing import Any, ClassVar, Self

from sklearn.utils._param_validation import Interval, StrOptions

from ..files.whole import PathType
from ..forecasting import Transform
from ..forecasting.heads import LOSSES
from ..forecasting.strategies import STRATEGIES
from ..training import Checkpoint
from .arguments import takes_arguments
from .forecaster_answers import ForecastAnswers
from .forecaster_fit import fit_forecaster
from .forecaster_options import Options
from .outcome import tell_curves, warn
from .parameters import CONSTRAINTS, document
from .resume import Resumable, as_checkpoint
from .threads import limit_threads

__all__ = ["LSTMForecaster"]

# What means nothing here, or is told anew below.
_WITHOUT = (
    "hidden_size",
    "num_layers",
    "vocabulary_size",
    "embedding_dim",
    "embedding_dropout",
    "warm_start",
    "validation_split",
    "scoring",
    "standardize",
    "layout",
    "early_stopping",
    "dtype",
    "batch_size",
    "n_features_in_",
    "feature_names_in_",
)


@document()
@takes_arguments
class LSTMForecaster(ForecastAnswers):
    """Forecast series with an LSTM: one or many, with what is known beside them.

    ``X`` is the series, one or many (see `fit`); `predict` says how they go on, as
    points, quantiles or sample paths, in the form in which they came, and `update`
    takes in what was observed since. All series are learnt by one network, each scaled
    by itself.

    Parameters
    ----------
    horizon : int, default=1
        Steps to forecast.
    window : int or None, default=None
        Steps that a forecast looks back. None is three horizons, two seasons (half of
        the longest series at most) or 24 steps, whichever is most. Series may be
        shorter.
    strategy : {"direct", "recursive", "encoder_decoder"}, default="direct"
        How the horizon is made: all steps at once at the end of the window; or step by
        step, each draw being the next one's input, as DeepAR does (Salinas et al.
        2020), which needs a likelihood to have quantiles and may go on for ever; or by
        a second LSTM that goes on from the state of the first and reads what is known
        ahead (Sutskever et al. 2014).
    loss : str, default="squared_error"
        "squared_error", "absolute_error" or "huber" for points; "quantile" for
        ``quantiles``; "gaussian", "student_t" (bears outliers), "negative_binomial" or
        "poisson" (counts) for a distribution, of which any quantile can be had.
    quantiles : sequence of float in (0, 1), default=(0.1, 0.5, 0.9)
        What "quantile" is trained on and ``conformal`` calibrates. They never cross.
    conformal : {"split", "adaptive"} or None, default=None
        Move quantiles so that they hold what they say on validation data: those of the
        loss (Romano, Patterson & Candes 2019), or with a loss for points around these
        (Lei et al. 2018). "adaptive" goes on to do so at each `update` (Gibbs & Candes
        2021). See `fastlstm.forecasting.conformal`.
    center : {"auto", "last", "mean", "series"}, default="auto"
        What a window and its horizon are relative to: its last value, its mean, or the
        mean of the whole series in ``fit``. The first two leave no level to be learnt,
        so that a series that grows is not flattened. "auto" is "last", but "mean" with
        "recursive", and "series" for counts, for differences and with ``warm``.
    scaling : {"standard", "robust"}, default="standard"
        Whether the scale of a series is by squares, or by quartiles, which bear
        outliers (where these coincide, by squares). Counts are divided by one plus
        their mean.
    transforms : str, Transform, sequence of such, or None, default=None
        Before all that, in this order: "log", "box_cox", "difference",
        "seasonal_difference", "fourier_season" (takes waves away that repeat with the
        season) or an object of `fastlstm.forecasting`, such as
        ``FourierSeason(365.25)``. Forecasts are taken back exactly; a mean of
        logarithms comes back as a median. Quantiles of differences are no quantiles of
        their sums: beyond the first step (or season) they need ``conformal`` or
        strategy "recursive".
    season_length : int or None, default=None
        Steps of a season, for "seasonal_difference", "fourier_season" and scores. None
        is what the times say (24 for hours, 7 for days, 12 for months), and 1 without
        times or where no series is longer than that.
    calendar : "auto", sequence of str, or None, default="auto"
        Features of the times that the network reads, of
        `fastlstm.forecasting.calendar_features`; "auto" are those that the times have
        enough of.
    warm : bool, default=False
        Keep the network's state: it then reads all of a series, not a window, and an
        `update` costs one step a new observation.
    autoregression : int, default=0
        With a number p, a linear map of the last p values is added to what the LSTM
        says (Lai et al. 2018, "LSTNet", section 3.6), for strategy "direct". Where a
        linear regression on lags is hard to beat, this begins with one.
    min_window : int or None, default=None
        Steps before a forecast at least, to learn from it. None is half a window, or
        less where the series are short.
    stride : int, default=1
        Steps from one training window to the next.
    refit : bool, default=False
        After early stopping train anew on all of each series, its validation part
        included, for as many epochs as were best. For short series, whose last years
        say most of what comes; takes up to twice the time. Curves and conformal
        intervals are those of the first training.
    n_samples : int, default=100
        Sample paths, with "recursive", of which forecasts are means and quantiles. Each
        series and origin has draws of its own, whatever else is forecast beside it.
    huber_delta : float, default=1.0
        For "huber": residuals beyond it count by their size, in scaled units.
    columns : {"variables", "series"}, default="variables"
        What the columns of a table are: variables that are forecast together, or series
        by themselves, each from its first to its last observation; past covariates of
        rows after that one are not kept for later.
    id_column, time_column : str or None, default=None
        Of long frames, which have a row for each series and time; ``time_column`` also
        of other frames.
    target : str, sequence of str, or None, default=None
        Columns to forecast; None is all that are nothing else.
    past_covariates, future_covariates, static_features : str or list, default=()
        Columns that are known up to now, known ahead, and the same at all times. Those
        known up to now need strategy "direct" or "encoder_decoder", those known ahead
        "encoder_decoder" or "recursive".
    batch_size : int or "auto", default="auto"
        Windows a step. "auto" is a thirty-second of the training windows, at least 8,
        so that a few years of months are learnt too, and at most 200.
    early_stopping : bool, default=True
        Stop on what follows the training part of each series, and return to the weights
        of the best epoch; else on the training loss.
    validation_fraction : float in (0, 1), default=0.1
        Share of each series, its last steps, that is validated and calibrated on, a
        horizon at least.
    dtype : {"float32", "float64"}, default="float32"
        Arithmetic of the network; all around it is float64.
    {parameters}

    Attributes
    ----------
    model_ : fastlstm.models.SequenceModel or EncoderDecoder
        The network.
    forecast_model_ : fastlstm.forecasting.ForecastModel
        The network and what lies between it and the series; needs NumPy alone.
    panel_ : fastlstm.forecasting.Panel
        All that was observed, in ``fit`` and since.
    season_length_, window_ : int
        What was given or found.
    quantiles_ : list of float or None
        Levels of the fit; None where nothing is conformal, and the loss knows none or
        differences of a non-recursive forecast would have to be summed.
    validation_scores_ : list of float or None
        The negative loss on the last ``validation_fraction`` of each series after each
        epoch, with ``early_stopping``.
    {attributes}

    Examples
    --------
    A trend and a season, of which the last year is to be forecast:

    >>> import numpy as np
    >>> from fastlstm import LSTMForecaster
    >>> months = np.arange(144)
    >>> sales = 100 + months + 20 * np.sin(months * np.pi / 6)
    >>> model = LSTMForecaster(12, 24, season_length=12, max_iter=300, random_state=0)
    >>> forecast = model.fit(sales[:132]).predict()
    >>> forecast.shape
    (12,)
    >>> bool(np.abs(forecast - sales[132:]).mean() < 5)
    True

    With intervals:

    >>> model = LSTMForecaster(12, 24, loss="gaussian", random_state=0).fit(sales[:132])
    >>> model.predict(quantiles=[0.1, 0.5, 0.9]).shape
    (12, 3)
    """

    _without = _WITHOUT

    horizon: int = field(default=1, kw_only=False)
    window: int | None = field(default=None, kw_only=False)
    strategy: str = "direct"
    hidden_size: int | Sequence[int] = 64
    num_layers: int = 1
    loss: str = "squared_error"
    quantiles: Sequence[float] = (0.1, 0.5, 0.9)
    conformal: str | None = None
    center: str = "auto"
    scaling: str = "standard"
    transforms: str | Transform | Sequence[str | Transform] | None = None
    season_length: int | None = None
    calendar: str | Sequence[str] | None = "auto"
    warm: bool = False
    autoregression: int = 0
    min_window: int | None = None
    stride: int = 1
    refit: bool = False
    n_samples: int = 100
    huber_delta: float = 1.0
    columns: str = "variables"
    id_column: str | None = None
    time_column: str | None = None
    target: str | Sequence[str] | None = None
    past_covariates: str | Sequence[str] = ()
    future_covariates: str | Sequence[str] = ()
    static_features: str | Sequence[str] = ()
    early_stopping: bool = True
    batch_size: int | str = "auto"
    learning_rate_init: float = 3e-3
    dtype: str = "float32"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: rule for name, rule in CONSTRAINTS.items() if name not in _WITHOUT},
        "early_stopping": CONSTRAINTS["early_stopping"],
        "dtype": [StrOptions({"float32", "float64"})],
        "batch_size": CONSTRAINTS["batch_size"],
        "hidden_size": CONSTRAINTS["hidden_size"],
        "num_layers": CONSTRAINTS["num_layers"],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "window": [None, Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions(set(STRATEGIES))],
        "loss": [StrOptions(set(LOSSES))],
        "quantiles": ["array-like"],
        "conformal": [None, StrOptions({"split", "adaptive"})],
        "center": [StrOptions({"auto", "last", "mean", "series"})],
        "scaling": [StrOptions({"standard", "robust"})],
        "transforms": [None, str, Transform, list, tuple],
        "season_length": [None, Interval(Integral, 1, None, closed="left")],
        "calendar": [None, str, "array-like"],
        "warm": ["boolean"],
        "autoregression": [Interval(Integral, 0, None, closed="left")],
        "min_window": [None, Interval(Integral, 1, None, closed="left")],
        "stride": [Interval(Integral, 1, None, closed="left")],
        "refit": ["boolean"],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "columns": [StrOptions({"variables", "series"})],
        "id_column": [None, str],
        "time_column": [None, str],
        "target": [None, str, "array-like"],
        "past_covariates": [str, "array-like"],
        "future_covariates": [str, "array-like"],
        "static_features": [str, "array-like"],
    }

    # ------------------------------------------------------------------------ fit

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        past: Any = None,
        future: Any = None,
        static: Any = None,
        checkpoint: PathType | Checkpoint | None = None,
        resume: bool = False,
    ) -> Self:
        """Learn from series.

        Parameters
        ----------
        X : (T,) or (T, K) array, series, frame, or list or dict of such
            The series, one or many; NaN is a missing value. With ``y`` covariates
            known up to now, as ``past``. See `fastlstm.forecasting.read_panel` for all
            forms, and for errors.
        y : as X, optional
            The series.
        past : in the form of the series, optional
            Covariates known up to now, one row a step.
        future : in the form of the series, optional
            Covariates known ahead, from the first row of the series on; rows after its
            end are for its forecasts.
        static : array or frame with a row a series, or dict, optional
            Features of whole series.
        checkpoint, resume : optional
            As for `LSTMRegressor.fit`. With ``refit`` the second training has none, and
            begins anew.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter out of its range, or two that do not go together; empty or
            all-missing series, inf, duplicate, unsorted or irregular times; series too
            short for ``horizon``; values that a transform or a loss is not for; a
            checkpoint of another fit.
        TypeError
            What is no number or no time.
        FileExistsError
            A checkpoint is there, and ``resume`` is False.
        FloatingPointError
            The training diverged: the loss or its gradient overflowed.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` epochs went by and the loss or score was still improving.
        UserWarning
            If Ctrl-C ended the fit; the forecaster is usable.
        """
        self._validate_params()
        folder = as_checkpoint(checkpoint, resume)
        before = self.__dict__.copy()
        try:
            panel = self._read(X, y, past=past, future=future, static=static)
            options = Options.of(self, panel)
            with limit_threads(self.n_jobs):
                resumable = Resumable(self, folder, resume)
                model, trainer = fit_forecaster(self, panel, options, resumable)
                self.forecast_model_, self.panel_ = model, panel
                self.season_length_ = options.season
                known = model.calibration or not options.only_points
                self.quantiles_ = options.quantiles if known else None
                tell_curves(self, trainer)
                self._begin()
        except BaseException:
            # What was fitted before stays as it was.
            self.__dict__ = before
            raise
        warn(self, trainer)
        return self
