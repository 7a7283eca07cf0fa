"""Windows over a panel: a stretch of the past, and the horizon that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._validate import IntArray, check_choice, check_int
from ..data import SequenceBatch, SequencePair
from ..training import TrainingSet
from ..training.protocols import Loss, Model
from .encoding import EncodedPanel
from .numbers import Floats
from .window_batch import WindowBatch, beside, pad

__all__ = ["WindowSet"]

_STRATEGIES: Final = ("direct", "recursive", "encoder_decoder")
# Whose targets are looked at together before a fit.
_WINDOWS_AT_ONCE: Final = 4096
_CENTERS: Final = ("series", "last", "mean")


class WindowSet:
    """Windows at origins of the series of a panel, gathered when a batch asks for them.

    An origin o of a series is the number of steps known then: the window is steps
    ``max(0, o - window)`` to ``o - 1``, the horizon o to ``o + H - 1``. What of the
    horizon lies after the end of the series is missing. A set is `TrainingData` for a
    model of its strategy.

    Parameters
    ----------
    encoded : EncodedPanel
    series, origins : (M,) int64 arrays
        Of each window.
    window : int
        Steps L of a window at most.
    center : {"series", "last", "mean"}, default="series"
        What is subtracted from a window and its targets: the series' centre, or the
        last value that was observed up to the origin, or the mean of those of the
        window. The last two leave no level to be learnt: a series that grows is not
        flattened to what the fit has seen. The scale is always the series'.
    strategy : {"direct", "recursive", "encoder_decoder"}, default="direct"
        What `take` gives. "direct": the past, and targets (n, H * K), step by step.
        "encoder_decoder": a `SequencePair` of past and future, and targets (n, H, K).
        "recursive" (Salinas et al. 2020, "DeepAR", figure 2): steps of window and
        horizon, (n, L + H, F); inputs of step t are the value of t - 1, its indicator,
        what is known of t, static features; targets (n, L + H, K) are the values of t.
    counts : bool, default=False
        Whether targets are counts as they are, in float64, beside the ``scales`` by
        which a likelihood of counts stretches what the network says. What it reads is
        divided by these (Salinas et al. 2020, section 3.3).

    Raises
    ------
    ValueError
        Another ``center`` or ``strategy``; past covariates, which a recursive forecast
        would need of steps to come; counts that the encoder or ``center`` has shifted,
        or values that are none.

    See Also
    --------
    WindowSet.over : all origins that a fit can learn from.
    WindowSet.at : one origin a series, to forecast from.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import PanelEncoder, WindowSet, read_panel
    >>> panel = read_panel([np.arange(30.0), np.arange(9.0)])
    >>> encoded = PanelEncoder(window=5).fit(panel).encode(panel, 2)
    >>> windows = WindowSet.over(encoded, window=5, center="last")
    >>> len(windows), windows.take(np.array([0, 20])).inputs.x.shape
    (37, (2, 5, 1))
    >>> batch = windows.gather(np.array([20]))
    >>> batch.in_units(batch.targets).round(3)
    array([[[21.],
            [22.]]])
    """

    def __init__(
        self,
        encoded: EncodedPanel,
        series: IntArray,
        origins: IntArray,
        *,
        window: int,
        center: str = "series",
        strategy: str = "direct",
        counts: bool = False,
    ) -> None:
        self.encoded = encoded
        self.series = series
        self.origins = origins
        self.window = check_int("window", window, 1)
        self.center = check_choice("center", center, _CENTERS)
        self.strategy = check_choice("strategy", strategy, _STRATEGIES)
        if strategy == "recursive" and encoded.n_past:
            raise ValueError(
                f"the recursive strategy has no use for {encoded.n_past} past "
                "covariates: they are unknown where it predicts"
            )
        self.counts = counts
        if counts and (center != "series" or encoded.center.any()):
            raise ValueError(
                f"counts are scaled and never shifted, got center={center!r}: expected "
                "'series', and a PanelEncoder with method='mean'"
            )
        self._source = encoded.counts if counts else encoded.targets
        self.sizes = np.minimum(origins, self.window)
        self._at = encoded.first[series] + origins

    @classmethod
    def over(
        cls,
        encoded: EncodedPanel,
        *,
        window: int,
        min_window: int = 1,
        stride: int = 1,
        **options: Any,
    ) -> WindowSet:
        """Return the windows at every origin that a fit can learn from.

        That is where some target was observed in the horizon, which may reach beyond
        the end of the series, and some value in the window.

        Parameters
        ----------
        encoded : EncodedPanel
        window : int
        min_window : int, default=1
            Steps that have to lie before an origin.
        stride : int, default=1
            Steps from one origin to the next. The last whole horizon of a series is
            always among them, if ``min_window`` admits it.
        **options
            ``center``, ``strategy`` and ``counts``.

        Raises
        ------
        ValueError
            No such origin; ``min_window`` longer than ``window``.
        """
        window = check_int("window", window, 1)
        least = check_int("min_window", min_window, 1, window)
        stride = check_int("stride", stride, 1)
        horizon, lengths = encoded.horizon, encoded.lengths
        some = np.isfinite(encoded.values).any(axis=1)
        before = np.concatenate([[0], np.cumsum(some)])  # observed rows before each
        series = np.repeat(np.arange(len(lengths)), lengths)
        starts = np.cumsum(lengths) - lengths
        origins = np.arange(len(series)) - starts[series]
        at = encoded.first[series] + origins
        keep = origins >= least
        keep &= (lengths[series] - horizon - origins) % stride == 0
        # Behind the end of a series there are as many rows as the horizon has.
        keep &= before[at + horizon] > before[at]
        keep &= before[at] > before[at - np.minimum(origins, window)]
        if not keep.any():
            raise ValueError(
                f"no series has an observed value in {least} steps or more, and one in "
                f"the {horizon} steps after: the longest has {lengths.max()} steps"
            )
        return cls(encoded, series[keep], origins[keep], window=window, **options)

    @classmethod
    def at(
        cls,
        encoded: EncodedPanel,
        origins: Sequence[int] | IntArray | None = None,
        *,
        window: int,
        **options: Any,
    ) -> WindowSet:
        """Return one window a series: at its end, or at ``origins`` (N,).

        Raises
        ------
        ValueError
            Another number of origins, or one below 1 or after the end.
        """
        lengths = encoded.lengths
        places = lengths if origins is None else np.asarray(origins, np.int64)
        if places.shape != lengths.shape or ((places < 1) | (places > lengths)).any():
            raise ValueError(
                f"expected {len(lengths)} origins from 1 to the length of their series,"
                f" got {origins!r}"
            )
        return cls(encoded, np.arange(len(lengths)), places, window=window, **options)

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def lengths(self) -> IntArray | None:
        """(M,) steps that a model reads of each window; None where all are equal."""
        sizes = self.sizes
        if len(sizes) == 0 or sizes.min() == sizes.max():
            return None
        return sizes + self.encoded.horizon if self.strategy == "recursive" else sizes

    def split(self, ends: Sequence[int] | IntArray) -> tuple[WindowSet, WindowSet]:
        """Cut by time: windows to train on, and later ones to validate on.

        Those of a series whose targets all lie before step ``ends[n]`` are for
        training, those whose targets all lie from there on for validation. The others,
        whose targets are on both sides, are in neither: no target of training is one of
        validation. A series with ``ends[n]`` at its end has training windows alone.

        Parameters
        ----------
        ends : (N,) sequence of int
            As from `validation_ends`, and as the encoder's ``fit`` has had them.

        Returns
        -------
        training, validation : WindowSet
        """
        encoded = self.encoded
        cuts = np.asarray(ends, np.int64)
        if cuts.shape != encoded.lengths.shape:
            raise ValueError(
                f"expected {len(encoded)} ends, one a series, got shape {cuts.shape}"
            )
        cut = cuts[self.series]
        last = np.minimum(self.origins + encoded.horizon, encoded.lengths[self.series])
        return self.subset(last <= cut), self.subset(self.origins >= cut)

    def subset(self, windows: NDArray[Any]) -> WindowSet:
        """Return some of the windows, by a mask (M,) or by their numbers."""
        return WindowSet(
            self.encoded,
            self.series[windows],
            self.origins[windows],
            window=self.window,
            center=self.center,
            strategy=self.strategy,
            counts=self.counts,
        )

    # ----------------------------------------------------------------------- batches

    def check(self, model: Model) -> None:
        """Raise where ``model`` cannot read such windows.

        All values are finite as they were encoded; sizes and dtype are those of any.
        """
        model.check(self.take(np.zeros(1, np.int64)).inputs)

    def mean_weight(self, loss: Loss) -> float:
        """Return the mean weight of a target, which missing ones make less than 1."""
        weight, count = 0.0, 0
        for begin in range(0, len(self), _WINDOWS_AT_ONCE):
            rows = np.arange(begin, min(begin + _WINDOWS_AT_ONCE, len(self)))
            at, sizes = self._at[rows], self.sizes[rows]
            lengths, n = None, len(rows)
            if self.strategy == "recursive":
                lengths = sizes + self.encoded.horizon
                targets = self._targets(self._steps(at, sizes, lengths), None)
                n = int(lengths.sum())
            else:
                targets = self._targets(self._ahead(at), None)
            if self.strategy == "direct":
                targets = targets.reshape(n, -1)
            elif lengths is None:
                n *= self.encoded.horizon
            weight += loss.total_weight(targets, lengths=lengths)
            count += n
        return weight / count

    def take(self, rows: IntArray) -> TrainingSet[Any]:
        """Gather a batch as ``strategy`` says."""
        series, at, sizes = self.series[rows], self._at[rows], self.sizes[rows]
        shift = self._shift(at, sizes)
        if self.strategy == "recursive":
            return self._with_value_before(series, at, sizes, shift)
        past = self._past(series, at, sizes, shift)
        targets = self._targets(self._ahead(at), shift)
        if self.strategy == "direct":
            steps = self.encoded.horizon
            targets = targets.reshape(len(rows), -1)
            return TrainingSet(past, targets, scales=self._scales(series, steps))
        pair = SequencePair(past, SequenceBatch(self._future(series, self._ahead(at))))
        scales = self._scales(series)
        return TrainingSet(pair, targets, per_step=True, scales=scales)

    def gather(self, rows: IntArray) -> WindowBatch:
        """Gather windows with all that goes with them, whatever the strategy."""
        series, at, sizes = self.series[rows], self._at[rows], self.sizes[rows]
        shift = self._shift(at, sizes)
        center, scale = self._units(series, shift)
        return WindowBatch(
            past=self._past(series, at, sizes, shift),
            future=self._future(series, self._ahead(at)),
            targets=self._targets(self._ahead(at), shift),
            center=center,
            scale=scale,
        )

    def observed(self) -> Floats:
        """Return what came, (M, H, K), in units of the series; NaN where missing."""
        encoded = self.encoded
        values = encoded.values[self._ahead(self._at)]
        scale, center = (
            u[self.series][:, None] for u in (encoded.scale, encoded.center)
        )
        return np.asarray(values * scale + center)

    def take_all(self) -> TrainingSet[Any]:
        """Gather all windows in one batch."""
        return self.take(np.arange(len(self)))

    def units(self) -> tuple[Floats, Floats]:
        """Return centre and scale, (M, K) each, of what `take` gives."""
        return self._units(self.series, self._shift(self._at, self.sizes))

    def _units(self, series: IntArray, shift: Floats | None) -> tuple[Floats, Floats]:
        center, scale = self.encoded.center[series], self.encoded.scale[series]
        return (center if shift is None else center + shift * scale), scale

    def _scales(self, series: IntArray, steps: int = 1) -> Floats | None:
        """Return scales of counts, (n, K), or (n, steps * K) side by side."""
        return np.tile(self.encoded.scale[series], steps) if self.counts else None

    def _shift(self, at: IntArray, sizes: IntArray) -> Floats | None:
        """Return what windows are centred on, (n, K), in units of their series."""
        encoded = self.encoded
        if self.center == "series":
            return None
        last = encoded.filled.take(at - 1, axis=0)
        if self.center == "last":
            return last
        sums, counts = (
            before.take(at, axis=0) - before.take(at - sizes, axis=0)
            for before in encoded.sums
        )
        return np.where(counts > 0, sums / np.maximum(counts, 1.0), last)

    def _ahead(self, at: IntArray) -> IntArray:
        """Return the rows (n, H) of the steps that follow origins."""
        rows: IntArray = at[:, None] + np.arange(self.encoded.horizon)
        return rows

    def _steps(self, at: IntArray, sizes: IntArray, lengths: IntArray) -> IntArray:
        """Return the rows (n, T) from the begin of windows on, the longest's T."""
        rows: IntArray = (at - sizes)[:, None] + np.arange(int(lengths.max(initial=1)))
        return rows

    def _past(
        self, series: IntArray, at: IntArray, sizes: IntArray, shift: Floats | None
    ) -> SequenceBatch:
        """Gather the steps before origins, right-padded with zeros."""
        encoded = self.encoded
        steps = self._steps(at, sizes, sizes)
        past = encoded.steps.take(steps, axis=0, mode="clip")
        self._center(past, steps, shift, encoded.seen)
        past = beside(past, encoded.static[series])
        return SequenceBatch(past, pad(past, sizes, 0.0))

    def _future(self, series: IntArray, ahead: IntArray) -> NDArray[Any]:
        """Gather what is known of the steps after origins."""
        known, static = self.encoded.known, self.encoded.static[series]
        (n, h), c = ahead.shape, known.shape[1]
        future = np.empty((n, h, c + static.shape[1] + 1), known.dtype)
        future[:, :, :c] = known.take(ahead, axis=0)
        future[:, :, c:-1] = static[:, None]
        future[:, :, -1] = np.arange(1, h + 1) / h
        return future

    def _targets(self, steps: IntArray, shift: Floats | None) -> NDArray[Any]:
        targets = self._source.take(steps, axis=0, mode="clip")
        if shift is not None:
            targets -= shift[:, None].astype(targets.dtype)
        return targets

    def _center(
        self,
        values: NDArray[Any],
        steps: IntArray,
        shift: Floats | None,
        seen: NDArray[np.bool_],
    ) -> None:
        """Subtract what windows are centred on from the K values that lie first."""
        if shift is None:
            return
        own = values[:, :, : self.encoded.n_targets]
        own -= shift[:, None].astype(values.dtype)
        if not (self.encoded.all_seen and seen is self.encoded.seen):
            # Before the first observation stands the centre, which is now 0.
            own[~seen.take(steps, axis=0, mode="clip")] = 0.0

    def _with_value_before(
        self, series: IntArray, at: IntArray, sizes: IntArray, shift: Floats | None
    ) -> TrainingSet[Any]:
        """Gather each step of windows and horizons, with the value before it."""
        encoded = self.encoded
        lengths = sizes + encoded.horizon
        steps = self._steps(at, sizes, lengths)
        lagged, seen = encoded.lagged
        inputs = lagged.take(steps, axis=0, mode="clip")
        self._center(inputs, steps, shift, seen)
        inputs = beside(inputs, encoded.static[series])
        targets = self._targets(steps, shift)
        ragged = pad(inputs, lengths, 0.0)
        pad(targets, lengths, np.nan)
        batch, scales = SequenceBatch(inputs, ragged), self._scales(series)
        return TrainingSet(batch, targets, per_step=True, scales=scales)
