"""How a network makes a horizon of steps: at once, one after the other, by a decoder.

Design: a strategy is which model reads which inputs; `WindowSet` gathers them. A
forecast from windows and one from a state that was kept are the same but for where the
state comes from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from inspect import signature
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._validate import Array
from ..data import SequenceBatch
from ..distributions.rows import RowGenerators
from ..models import EncoderDecoder, SequenceModel
from ..models.stream import ModelStream
from ..training import TrainingSet
from .draws import Draw
from .heads import Head
from .numbers import Floats
from .predictions import OutputPrediction, PathPrediction, Prediction
from .windows import WindowSet

__all__ = ["STRATEGIES", "ForecastNetwork", "Strategy"]

ForecastNetwork: TypeAlias = SequenceModel | EncoderDecoder


class Strategy(ABC):
    """Base of the strategies, which keep nothing."""

    @abstractmethod
    def new_model(
        self, example: TrainingSet[Any], outputs: int, options: dict[str, Any]
    ) -> ForecastNetwork:
        """Make an untrained model for windows like ``example``, of P outputs a target.

        ``options`` are those of `SequenceModel`, of which others take what they have.
        """

    @abstractmethod
    def history(self, windows: WindowSet) -> SequenceBatch:
        """Gather what a stream reads of the steps before the origins."""

    def stream(self, model: Any, n: int) -> ModelStream:
        """Return a stream of n series that has read nothing yet."""
        stream: ModelStream = model.stream(n)
        return stream

    @abstractmethod
    def predict(
        self, model: Any, head: Head, windows: WindowSet, draw: Draw
    ) -> Prediction:
        """Predict the horizons of windows, each from a zero state."""

    @abstractmethod
    def go_on(
        self,
        model: Any,
        head: Head,
        windows: WindowSet,
        draw: Draw,
        stream: ModelStream,
        last: Array,
    ) -> Prediction:
        """Predict the horizons that follow what ``stream`` has read.

        ``last`` are the outputs that it gave at its last step.
        """


class _Direct(Strategy):
    """All steps of the horizon are outputs at the end of the window."""

    def new_model(
        self, example: TrainingSet[Any], outputs: int, options: dict[str, Any]
    ) -> SequenceModel:
        x, targets = example.inputs.x, example.targets
        return SequenceModel(x.shape[2], targets.shape[1] * outputs, **options)

    def history(self, windows: WindowSet) -> SequenceBatch:
        batch: SequenceBatch = windows.take_all().inputs
        return batch

    def predict(
        self, model: Any, head: Head, windows: WindowSet, draw: Draw
    ) -> Prediction:
        outputs = model.infer(windows.take_all().inputs)
        return self._by(head, windows, draw, outputs)

    def go_on(
        self,
        model: Any,
        head: Head,
        windows: WindowSet,
        draw: Draw,
        stream: ModelStream,
        last: Array,
    ) -> Prediction:
        return self._by(head, windows, draw, last)

    def _by(
        self, head: Head, windows: WindowSet, draw: Draw, outputs: Array
    ) -> Prediction:
        by_step = outputs.reshape(len(windows), windows.encoded.horizon, -1)
        return OutputPrediction(head, by_step, *windows.units(), draw.rngs(windows))


class _EncoderDecoder(Strategy):
    """A decoder goes on from the window's state, through what is known ahead."""

    def new_model(
        self, example: TrainingSet[Any], outputs: int, options: dict[str, Any]
    ) -> EncoderDecoder:
        pair = example.inputs
        known = signature(EncoderDecoder).parameters
        return EncoderDecoder(
            pair.source.x.shape[2],
            pair.target.x.shape[2],
            example.targets.shape[2] * outputs,
            **{name: value for name, value in options.items() if name in known},
        )

    def history(self, windows: WindowSet) -> SequenceBatch:
        batch: SequenceBatch = windows.take_all().inputs.source
        return batch

    def stream(self, model: Any, n: int) -> ModelStream:
        stream: ModelStream = model.encoder_stream(n)
        return stream

    def predict(
        self, model: Any, head: Head, windows: WindowSet, draw: Draw
    ) -> Prediction:
        outputs = model.infer(windows.take_all().inputs)
        return OutputPrediction(head, outputs, *windows.units(), draw.rngs(windows))

    def go_on(
        self,
        model: Any,
        head: Head,
        windows: WindowSet,
        draw: Draw,
        stream: ModelStream,
        last: Array,
    ) -> Prediction:
        ahead = windows.take_all().inputs.target
        outputs = model.decode(stream.state, ahead)[0]
        return OutputPrediction(head, outputs, *windows.units(), draw.rngs(windows))


class _Recursive(Strategy):
    """One step, whose value is the next one's input (Salinas et al. 2020, DeepAR)."""

    def new_model(
        self, example: TrainingSet[Any], outputs: int, options: dict[str, Any]
    ) -> SequenceModel:
        x, targets = example.inputs.x, example.targets
        options = {**options, "output": "sequence"}
        return SequenceModel(x.shape[2], targets.shape[2] * outputs, **options)

    def history(self, windows: WindowSet) -> SequenceBatch:
        # Behind a shorter window stand inputs of its horizon, which lengths hide.
        sizes = windows.sizes
        x = windows.take_all().inputs.x[:, : int(sizes.max())]
        return SequenceBatch(np.ascontiguousarray(x), sizes)

    def predict(
        self, model: Any, head: Head, windows: WindowSet, draw: Draw
    ) -> Prediction:
        stream = self.stream(model, len(windows))
        last = stream.read(self.history(windows))
        return self.go_on(model, head, windows, draw, stream, last)

    def go_on(
        self,
        model: Any,
        head: Head,
        windows: WindowSet,
        draw: Draw,
        stream: ModelStream,
        last: Array,
    ) -> Prediction:
        encoded = windows.encoded
        steps = windows.sizes[:, None] + np.arange(encoded.horizon)
        x = windows.take_all().inputs.x
        ahead = np.take_along_axis(x, steps[:, :, None], axis=1)
        center, scale = windows.units()
        drawn = _draw_paths(
            stream,
            ahead,
            head,
            center,
            scale,
            draw.paths,
            draw.rngs(windows),
            indicators=encoded.indicators,
        )
        return PathPrediction(head, drawn, center, scale)


def _draw_paths(
    stream: ModelStream,
    ahead: NDArray[Any],
    head: Head,
    center: Floats,
    scale: Floats,
    paths: int,
    rngs: RowGenerators,
    *,
    indicators: bool,
) -> Floats:
    """Draw paths through the horizon, each step's draw being the next one's input.

    Parameters
    ----------
    stream : ModelStream
        Of n series, after the last step before the horizon; stays as it is.
    ahead : (n, H, F) array
        Inputs of the steps of the horizon. The value of the first is the last one
        known; those of the others are put there.
    head : Head
        Where it is no distribution there is one path, of point forecasts.
    center, scale : (n, K) float64 arrays
    paths : int
    rngs : RowGenerators
        Of n rows.
    indicators : bool
        Whether inputs say what is missing: no draw is.

    Returns
    -------
    (n, S, H, K) float64 array
        In units of the series.
    """
    n, horizon = ahead.shape[:2]
    k, paths = center.shape[1], paths if head.random else 1
    each = np.repeat(np.arange(n), paths)
    own, spread = center[each], scale[each]
    stream = stream.take(each)
    values = np.empty((horizon, n * paths, k))
    for h in range(horizon):
        x = ahead[each, h]
        if h:
            x[:, :k] = (values[h - 1] - own) / spread
            if indicators:
                x[:, k : 2 * k] = 0.0
        outputs = stream.step(x)
        if head.random:
            values[h] = head.sample(outputs, own, spread, rngs, 1)[0]
        else:
            values[h] = head.point(outputs, own, spread)
    return np.moveaxis(values, 0, 1).reshape(n, paths, horizon, k)


STRATEGIES: Final[dict[str, Strategy]] = {
    "direct": _Direct(),
    "recursive": _Recursive(),
    "encoder_decoder": _EncoderDecoder(),
}
