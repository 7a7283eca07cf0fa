"""The fit of a forecaster: from a panel to a trained `ForecastModel`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.utils import check_random_state

from .._validate import IntArray
from ..forecasting import Panel, PanelEncoder, WindowSet, validation_ends
from ..forecasting.calibration import Calibration
from ..forecasting.forecast_model import ForecastModel
from ..forecasting.strategies import STRATEGIES, ForecastNetwork
from ..models import SequenceModel
from ..training import Trainer
from ..training.protocols import Loss
from .build import new_trainer, stop_after
from .forecaster_options import Options
from .parameters import CONSTRAINTS
from .resume import Resumable

if TYPE_CHECKING:
    from .forecaster import LSTMForecaster

__all__ = ["fit_forecaster"]

# Windows that judge an epoch at once; that calibrate, with all their paths, and at
# least, whatever those are.
_AT_ONCE: Final = 1024
_CALIBRATION: Final = 4096
_LEAST_CALIBRATION: Final = 256
# Windows a step, at least: with more, an epoch of a short series has few steps, and the
# fit ends before it has learnt anything.
_LEAST_BATCH: Final = 8

_SHARED: Final = tuple(
    name
    for name in signature(SequenceModel).parameters
    if name in CONSTRAINTS
    and name
    not in {"vocabulary_size", "embedding_dim", "embedding_dropout", "random_state"}
)


def fit_forecaster(
    estimator: LSTMForecaster, panel: Panel, options: Options, resumable: Resumable
) -> tuple[ForecastModel, Trainer]:
    """Train a network on the windows of a panel.

    Ctrl-C in the first training is the end; in a refit it leaves the first one's model.

    Raises
    ------
    ValueError
        Series that are too short, or that a transform or a loss is not for.
    FloatingPointError
        The training diverged.

    Warns
    -----
    UserWarning
        A refit was interrupted.
    """
    ends = _training_ends(estimator, panel, options)
    rng = check_random_state(estimator.random_state)
    seeds = [int(seed) for seed in rng.randint(2**31 - 1, size=3)]
    seeds = resumable.seeds(seeds)
    _note(resumable, panel)
    model, trainer, validation = _train(
        estimator, panel, options, ends, seeds, resumable
    )
    if estimator.conformal is not None:
        _calibrate(estimator, model, panel, validation, options)
    if estimator.refit and trainer.score_curve and trainer.stop_reason != "interrupted":
        epochs = int(np.nanargmax(trainer.score_curve)) + 1
        whole, last, _ = _train(estimator, panel, options, panel.lengths, seeds, epochs)
        if last.stop_reason == "interrupted":
            warnings.warn(
                f"The refit was interrupted in epoch {last.epoch + 1} of {epochs}; the "
                "model is that of the first training.",
                stacklevel=3,
            )
            return model, trainer
        whole.calibration = model.calibration
        model = whole
    return model, trainer


def _train(
    estimator: LSTMForecaster,
    panel: Panel,
    options: Options,
    ends: IntArray,
    seeds: list[int],
    how: Resumable | int,
) -> tuple[ForecastModel, Trainer, WindowSet]:
    """Train on what lies before ``ends``; return the windows behind them too.

    ``how`` may be a number of epochs: for so many, whatever validation windows say.
    """
    model = _new_model(estimator, options, seeds[0])
    shown = model.learn(panel, ends)
    windows = WindowSet.over(
        model.encode(shown, estimator.horizon),
        window=options.window,
        min_window=options.min_window,
        stride=estimator.stride,
        **model.window_options,
    )
    training, validation = windows.split(ends)
    if not len(validation) and (ends < panel.lengths).any():
        raise ValueError(
            "no value was observed in the validation part, the last validation_fraction"
            f"={estimator.validation_fraction:g} of each series: expected some, or "
            "early_stopping=False and conformal=None"
        )
    model.network = _new_network(estimator, model, training, seeds[1])
    loss, score = model.head.make_loss(), None
    if estimator.early_stopping and isinstance(how, Resumable):
        score = _negative_loss(model.network, loss, validation)
    trainer = new_trainer(
        estimator,
        model.network,
        loss,
        seeds[2],
        len(training),
        score,
        least_batch=_LEAST_BATCH,
    )
    if isinstance(how, Resumable):
        encoded = windows.encoded
        arrays = (encoded.targets, encoded.steps, encoded.known, encoded.static)
        how.begin_prepared(trainer, [*arrays, training.origins, validation.origins])
    else:
        stop_after(trainer, how, "refit")
    trainer.fit(training)
    return model, trainer, validation


def _note(resumable: Resumable, panel: Panel) -> None:
    """Have a checkpoint know the series it is of."""
    resumable.see_values(
        X=[(repr(series.id), series.y) for series in panel],
        times=[series.times for series in panel],
        past=[series.past for series in panel],
        future=[series.future for series in panel],
        static=[list(map(repr, series.static.tolist())) for series in panel],
    )


def _new_model(estimator: LSTMForecaster, options: Options, seed: int) -> ForecastModel:
    return ForecastModel(
        strategy=estimator.strategy,
        head=options.head,
        encoder=PanelEncoder(
            "mean" if options.head.counts else estimator.scaling,
            window=None if options.center == "series" else options.window,
        ),
        transform=options.transform,
        window=options.window,
        horizon=estimator.horizon,
        center=options.center,
        warm=bool(estimator.warm),
        n_samples=estimator.n_samples,
        seed=seed,
        dtype=estimator.dtype,
        calendar=options.calendar,
    )


def _training_ends(
    estimator: LSTMForecaster, panel: Panel, options: Options
) -> IntArray:
    """Return where the part of each series that is trained on ends."""
    horizon, least = estimator.horizon, options.min_window
    longest = int(panel.lengths.max())
    if longest < least + horizon:
        raise ValueError(
            f"horizon={horizon} and windows of at least min_window={least} steps need "
            f"a series of {least + horizon} steps, the longest has {longest}"
        )
    if not (estimator.early_stopping or estimator.conformal is not None):
        return panel.lengths
    needed, windows = 1, 1
    if estimator.conformal is not None:
        needed = _new_calibration(estimator, options).conformal.least_scores
        windows = -(-needed // len(panel))  # rounded up
    try:
        while True:
            ends = validation_ends(
                panel,
                horizon,
                fraction=estimator.validation_fraction,
                min_window=least,
                windows=windows,
            )
            parts = (panel.lengths - ends)[ends < panel.lengths]
            if (parts - horizon + 1).sum() >= needed:
                return ends
            # Some series are too short: the others have to say more.
            windows = -(-needed // len(parts))
    except ValueError as error:
        raise ValueError(
            f"{error}. To train on all of it: early_stopping=False, conformal=None"
        ) from None


def _new_network(
    estimator: LSTMForecaster, model: ForecastModel, training: WindowSet, seed: int
) -> ForecastNetwork:
    if not len(training):
        raise ValueError(
            "no window of the training part has an observed value in itself and in its "
            "horizon: expected longer series, a smaller min_window or "
            "early_stopping=False"
        )
    shared = {name: getattr(estimator, name) for name in _SHARED}
    if estimator.autoregression:
        # The values lie before all else that a step has.
        shared["skip_steps"] = estimator.autoregression
        shared["skip_features"] = training.encoded.n_targets
    return STRATEGIES[model.strategy].new_model(
        training.take(np.zeros(1, np.int64)),
        model.head.outputs,
        {**shared, "random_state": seed},
    )


def _negative_loss(
    network: ForecastNetwork, loss: Loss, validation: WindowSet
) -> Callable[[], float]:
    """Make what judges the network after each epoch, in the units of the loss."""

    def score() -> float:
        total, weight = 0.0, 0.0
        for at in range(0, len(validation), _AT_ONCE):
            rows = np.arange(at, min(at + _AT_ONCE, len(validation)))
            batch = validation.take(rows)
            if validation.strategy == "recursive":
                # The steps of its window, which the network was trained on.
                steps = np.arange(batch.targets.shape[1])
                batch.targets[steps < validation.sizes[rows, None]] = np.nan
            outputs: Any = network.infer(batch.inputs)
            value, _ = loss(outputs, batch.targets, **batch.loss_options)
            own = batch.total_weight(loss)
            total, weight = total + value * own, weight + own
        return -total / weight

    return score


def _calibrate(
    estimator: LSTMForecaster,
    model: ForecastModel,
    panel: Panel,
    validation: WindowSet,
    options: Options,
) -> None:
    """Calibrate intervals on windows that training has not seen."""
    paths = model.n_samples if model.strategy == "recursive" else 1
    most = max(_CALIBRATION // paths, _LEAST_CALIBRATION)
    if len(validation) > most:
        places = np.linspace(0, len(validation) - 1, most).astype(np.int64)
        validation = validation.subset(places)
    origins = [validation.origins[validation.series == n] for n in range(len(panel))]
    # Where a series has none, one at its end, after which nothing came.
    ends = [len(series) for series in panel]
    origins = [
        own if len(own) else np.array([end])
        for own, end in zip(origins, ends, strict=True)
    ]
    model.calibrate(panel, origins, _new_calibration(estimator, options))


def _new_calibration(estimator: LSTMForecaster, options: Options) -> Calibration:
    return Calibration(
        options.quantiles,
        adaptive=estimator.conformal == "adaptive",
        around_points=options.only_points,
    )
