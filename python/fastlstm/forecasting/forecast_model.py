"""A fitted network with all that lies between it and the user's series.

Design: y -> transform -> z -> centre and scale -> network -> prediction of z -> inverse
transform -> forecast of y. Of one window or of thousands, each at its origin: what lies
behind an origin is never read, but for covariates that are known ahead.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from .._validate import IntArray
from ..files import storable
from .answers import Request, answer, levelled
from .calendar import calendar_features
from .calibration import Calibration
from .draws import Draw
from .encoding import EncodedPanel, PanelEncoder
from .heads import Head
from .memory import Memory
from .numbers import Floats
from .predictions import Prediction
from .series import Panel, Series
from .steps import Times, TimeStep
from .strategies import STRATEGIES, ForecastNetwork
from .tail import Tail
from .transforms import Chain
from .windows import WindowSet

__all__ = ["ForecastModel", "Request"]

# Windows, times their paths, that are read or stepped at once.
_AT_ONCE: Final = 4096


@storable
@dataclass(eq=False)
class ForecastModel:
    """Forecasts of series like those that its network was trained on.

    Attributes
    ----------
    network : SequenceModel or EncoderDecoder
        To be set; all else is there before it is made.
    strategy : {"direct", "recursive", "encoder_decoder"}
    head : Head
    encoder : PanelEncoder
    transform : Chain or None
        Not fitted.
    chains : dict
        Of each series of the fit the transform fitted to it.
    step : TimeStep or None
        From one time of the series to the next; None without times.
    starts : dict
        Of each series of the fit its first time, (1,); empty without times.
    calendar : tuple of str
        Names of calendar features.
    window, horizon : int
    center : {"series", "last", "mean"}
    warm : bool
        Whether the network reads the whole history, and not just a window.
    n_samples : int
        Paths of each window where quantiles need such.
    seed : int
        Draws them.
    calibration : Calibration or None
    """

    strategy: str
    head: Head
    encoder: PanelEncoder
    transform: Chain | None
    window: int
    horizon: int
    center: str
    warm: bool
    n_samples: int
    seed: int
    dtype: str
    calendar: tuple[str, ...] = ()
    network: ForecastNetwork = field(init=False)
    chains: dict[Hashable, Chain] = field(default_factory=dict)
    step: TimeStep | None = None
    starts: dict[Hashable, Times] = field(default_factory=dict)
    calibration: Calibration | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # ------------------------------------------------------------------- encoding

    def learn(self, panel: Panel, ends: Sequence[int] | IntArray) -> Panel:
        """Take the statistics of series before step ``ends[n]``; return `transformed`.

        Raises
        ------
        ValueError
            Series that the transform is not for; the series is named.
        """
        shown, chains = self.transformed(panel, ends)
        self.chains = dict(zip(panel.ids, chains, strict=True)) if chains else {}
        self.step = panel.layout.step
        self.starts = {s.id: s.times[:1] for s in panel if s.times is not None}
        self.encoder.fit(shown, ends)
        return shown

    def transformed(
        self, panel: Panel, begins: Sequence[int] | IntArray
    ) -> tuple[Panel, list[Chain]]:
        """Transform series, with what is learnt of them before step ``begins[n]``.

        Returns
        -------
        panel : Panel
        chains : list of N Chain
            After step ``begins[n]`` of each; none without a transform.
        """
        if self.transform is None:
            return panel, []
        seen = self.encoder.scaler.places(panel)
        known = {key: chain for key, chain in self.chains.items() if key in seen}
        series, chains = [], []
        for one, begin in zip(panel, begins, strict=True):
            chain = self._chain(one, int(begin), known)
            head = chain.transform(one.y[:begin])
            if begin < len(one):
                tail = copy.deepcopy(chain).update(one.y[begin:])
                head = np.concatenate([head, tail])
            series.append(replace(one, y=head))
            chains.append(chain)
        return replace(panel, series=tuple(series)), chains

    def _chain(self, series: Series, end: int, known: dict[Hashable, Chain]) -> Chain:
        assert self.transform is not None
        fitted = known.get(series.id)
        try:
            if fitted is not None:
                return fitted.following(series.y[:end], self._start(series))
            return copy.deepcopy(self.transform).fit(series.y[:end])
        except ValueError as error:
            raise ValueError(f"series {series.id!r}: {error}") from None

    def _start(self, series: Series) -> int:
        """Count the steps from where a series of the fit began; 0 without times."""
        first = self.starts.get(series.id)
        if first is None or series.times is None or self.step is None:
            return 0
        places, _ = self.step.places(np.concatenate([first, series.times[:1]]))
        return int(places[1])

    def check(self, panel: Panel, known: IntArray) -> None:
        """Raise ValueError where rows from step ``known[n]`` on cannot be read.

        That is in their transform, as counts, or as numbers of the network.
        """
        series = []
        for one, end in zip(panel, known, strict=True):
            part = one.since(min(int(end), len(one) - 1))
            try:
                chain = copy.deepcopy(self.chains.get(one.id))
                rows = part.y if chain is None else chain.update(part.y)
            except ValueError as error:
                raise ValueError(f"series {one.id!r}: {error}") from None
            series.append(replace(part, y=rows))
        encoded = self.encode(replace(panel, series=tuple(series)), 1)
        if self.head.counts:
            encoded.counts  # noqa: B018 - raises where values are none

    def encode(
        self,
        panel: Panel,
        horizon: int,
        begins: Sequence[int] | IntArray | None = None,
    ) -> EncodedPanel:
        """Encode transformed series, new ones by what is known at ``begins[n]``."""
        names = self.calendar

        def features(times: Times) -> Floats:
            return calendar_features(times, names)[0]

        return self.encoder.encode(
            panel,
            horizon,
            calendar=features if names else None,
            dtype=self.dtype,
            ends=begins,
        )

    def windows(
        self, encoded: EncodedPanel, series: IntArray, origins: IntArray
    ) -> WindowSet:
        """Return windows as the network was trained on, at any origins."""
        return WindowSet(
            encoded, series, origins, window=self.window, **self.window_options
        )

    @property
    def window_options(self) -> dict[str, Any]:
        """How windows are made, whatever their origins."""
        return {
            "center": self.center,
            "strategy": self.strategy,
            "counts": self.head.counts,
        }

    # ------------------------------------------------------------------- forecasts

    def forecast(
        self,
        panel: Panel,
        origins: Sequence[IntArray],
        request: Request,
    ) -> list[Floats]:
        """Forecast each series n at steps ``origins[n]`` (M_n,), which increase.

        A series that the fit has not seen is scaled, and its transform estimated, by
        what lies before the first of its origins.

        Parameters
        ----------
        panel : Panel
        origins : N arrays
            At least one origin each.
        request : Request

        Returns
        -------
        list of N arrays
            (M_n, H, K), with quantiles (M_n, H, K, Q), with samples (M_n, S, H, K).
        """
        draw, horizon = self._draw(panel, request), self.reach(request)
        counts = [len(own) for own in origins]
        values: Floats = np.empty(0)
        for rows, prediction, chains in self._predictions(
            panel, origins, horizon, draw
        ):
            answers = self._answer(prediction, request, chains)
            if not values.size:
                values = np.empty((sum(counts), *answers.shape[1:]))
            values[rows] = answers
        return np.split(values, np.cumsum(counts)[:-1])

    def calibrate(
        self, panel: Panel, origins: Sequence[IntArray], calibration: Calibration
    ) -> None:
        """Have quantiles hold what they say of forecasts at ``origins``.

        Raises
        ------
        ValueError
            Too few origins; the message says how many are needed.
        """
        places = [(n, int(o)) for n, own in enumerate(origins) for o in own]
        draw, pairs = self._draw(panel, Request()), []
        for rows, prediction, chains in self._predictions(
            panel, origins, self.horizon, draw
        ):
            level, outer = levelled(prediction, chains, self.horizon)
            y = np.full_like(level.point(), np.nan)
            for at, row in enumerate(rows):
                n, origin = places[row]
                came = panel[n].y[origin : origin + self.horizon]
                if outer and len(came):
                    came = copy.deepcopy(outer[at]).update(came)
                y[at, : len(came)] = came
            pairs.append((level, y))
        self.calibration = calibration.fit(pairs)

    def _predictions(
        self, panel: Panel, origins: Sequence[IntArray], horizon: int, draw: Draw
    ) -> Iterator[tuple[IntArray, Prediction, list[Chain]]]:
        """Predict windows part by part: which, what, and transforms at their origins.

        Windows are numbered series by series; without a transform there are no chains.
        """
        begins = [int(own[0]) for own in origins]
        shown, first = self.transformed(panel, begins)
        encoded = self.encode(shown, horizon, begins)
        chains = list(self._chains_at(panel, origins, first))
        if self.warm:
            yield from self._follow(encoded, origins, draw, chains)
            return
        counts = [len(own) for own in origins]
        windows = self.windows(
            encoded, np.repeat(np.arange(len(panel)), counts), np.concatenate(origins)
        )
        strategy = STRATEGIES[self.strategy]
        for rows in _chunks(len(windows), draw.paths):
            prediction = strategy.predict(
                self.network, self.head, windows.subset(rows), draw
            )
            yield rows, prediction, [chains[row] for row in rows] if chains else []

    def _follow(
        self,
        encoded: EncodedPanel,
        origins: Sequence[IntArray],
        draw: Draw,
        chains: list[Chain],
    ) -> Iterator[tuple[IntArray, Prediction, list[Chain]]]:
        """Read each series once, and predict wherever an origin is passed."""
        counts = np.array([len(own) for own in origins])
        begins = np.cumsum(counts) - counts
        memory = Memory(self.strategy)
        for at in range(int(counts.max())):
            ends = np.array([own[min(at, len(own) - 1)] for own in origins])
            memory.read(self.network, encoded, ends)
            there = np.flatnonzero(counts > at)
            for part in _chunks(len(there), draw.paths):
                series = there[part]
                prediction = memory.predict(
                    self.network, self.head, encoded, series, draw
                )
                rows = begins[series] + at
                yield rows, prediction, [chains[row] for row in rows] if chains else []

    def reach(self, request: Request) -> int:
        """Return how many steps a network predicts of which some are asked for.

        All of its horizon at least, which is how it was trained and calibrated.
        """
        return max(self.horizon, request.steps or 0)

    def remember(self, panel: Panel) -> Memory:
        """Read all of a panel, to go on from its end step by step."""
        shown, chains = self.transformed(panel, panel.lengths)
        memory = Memory(self.strategy)
        memory.read(self.network, self.encode(shown, 1), panel.lengths)
        memory.tail = Tail.of(shown, chains)
        return memory

    def recall(self, memory: Memory, panel: Panel, request: Request) -> Floats:
        """Forecast a panel from its end, which ``memory`` has read it to."""
        assert memory.tail is not None
        shown, chains = memory.tail.panel(panel, panel.lengths)
        first = panel.lengths - shown.lengths
        encoded = self.encode(shown, self.reach(request))
        draw, parts = self._draw(panel, request, first), []
        for rows in _chunks(len(panel), draw.paths):
            prediction = memory.predict(
                self.network, self.head, encoded, rows, draw, first
            )
            own = [chains[row] for row in rows] if chains else []
            parts.append(self._answer(prediction, request, own))
        return np.concatenate(parts)

    def predict(
        self,
        encoded: EncodedPanel,
        ends: IntArray,
        memory: Memory | None = None,
        first: IntArray | int = 0,
    ) -> Prediction:
        """Predict all series at ``ends`` (N,), where ``memory`` is if there is one.

        ``first`` are the steps of each series that lie before ``encoded``.
        """
        draw = self._draw(encoded.panel, Request(), first)
        rows = np.arange(len(encoded))
        if memory is not None:
            return memory.predict(self.network, self.head, encoded, rows, draw, first)
        ends = ends - first
        return STRATEGIES[self.strategy].predict(
            self.network, self.head, self.windows(encoded, rows, ends), draw
        )

    def _answer(
        self,
        prediction: Prediction,
        request: Request,
        chains: Sequence[Chain],
    ) -> Floats:
        return answer(
            prediction,
            request,
            chains,
            calibration=self.calibration,
            horizon=self.horizon,
        )

    def _draw(self, panel: Panel, request: Request, first: IntArray | int = 0) -> Draw:
        paths = 1
        if self.strategy == "recursive" and self.head.random:
            paths = request.samples or self.n_samples
        return Draw(paths, self.seed, panel, self.encoder.scaler, first)

    def _chains_at(
        self, panel: Panel, origins: Sequence[IntArray], chains: list[Chain]
    ) -> Iterator[Chain]:
        """Yield the transform of each window as it is at its origin."""
        for series, own, chain in zip(panel, origins, chains, strict=False):
            at = int(own[0])
            for origin in own.tolist():
                if origin > at:
                    chain = copy.deepcopy(chain)
                    chain.update(series.y[at:origin])
                    at = origin
                yield chain


def _chunks(n: int, paths: int) -> list[IntArray]:
    size = max(1, _AT_ONCE // paths)
    return [np.arange(at, min(at + size, n)) for at in range(0, n, size)]
