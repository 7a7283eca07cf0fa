"""What a forecaster's parameters mean for the series that it is fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .._validate import check_float
from ..forecasting import (
    BoxCox,
    Chain,
    Difference,
    FourierSeason,
    Log,
    Panel,
    Transform,
)
from ..forecasting.calendar import calendar_features, calendar_names
from ..forecasting.heads import Head, PointHead, new_head

if TYPE_CHECKING:
    from .forecaster import LSTMForecaster

__all__ = ["TRANSFORMS", "Options"]

_PLAIN: Final[dict[str, Callable[[], Transform]]] = {
    "log": Log,
    "box_cox": BoxCox,
    "difference": Difference,
}
_SEASONAL: Final[dict[str, Callable[[int], Transform]]] = {
    "seasonal_difference": Difference,
    "fourier_season": FourierSeason,
}
TRANSFORMS: Final = (*_PLAIN, *_SEASONAL)
# Windows are at least so long where nothing is said.
_LEAST_WINDOW: Final = 24


@dataclass(frozen=True)
class Options:
    """Parameters of a forecaster, checked and filled in.

    Attributes
    ----------
    season : int
        Steps of a season, 1 for none.
    horizon, window, min_window : int
    center : {"series", "last", "mean"}
    quantiles : list of float
    head : Head
    transform : Chain or None
    calendar : tuple of str
    recursive : bool
    """

    season: int
    horizon: int
    window: int
    min_window: int
    center: str
    quantiles: list[float]
    head: Head
    transform: Chain | None
    calendar: tuple[str, ...]
    recursive: bool

    @property
    def only_points(self) -> bool:
        """Whether the network's own forecasts are points and nothing more.

        Quantiles of differences do not add up to those of levels; paths do.
        """
        kept = self.transform is None or self.transform.keeps_quantiles(self.horizon)
        return isinstance(self.head, PointHead) or not (kept or self.recursive)

    @classmethod
    def of(cls, estimator: LSTMForecaster, panel: Panel) -> Options:
        """Read the parameters of ``estimator`` for ``panel``.

        Raises
        ------
        ValueError, TypeError
            Parameters that do not go together, or not with the series.
        """
        _check_strategy(estimator, panel)
        step, horizon = panel.layout.step, estimator.horizon
        longest = int(panel.lengths.max())
        season = estimator.season_length
        if season is None:
            season = 1 if step is None else step.season_length
            season = season if season < longest else 1  # a day of seconds, say
        window = estimator.window
        if window is None:
            window = max(3 * horizon, min(2 * season, longest // 2), _LEAST_WINDOW)
        least = estimator.min_window
        if least is None:
            least = max(1, min(window // 2, (longest - horizon) // 2))
        if estimator.autoregression > window:
            raise ValueError(
                f"autoregression={estimator.autoregression} is longer than window="
                f"{window}"
            )
        if least > window:
            raise ValueError(f"min_window={least} is longer than window={window}")
        levels = _levels(estimator.quantiles)
        transform = _transform(estimator.transforms, season)
        head = new_head(estimator.loss, levels, estimator.huber_delta)
        return cls(
            season=season,
            horizon=horizon,
            window=window,
            min_window=least,
            center=_center(estimator, head, transform),
            quantiles=levels,
            head=head,
            transform=transform,
            calendar=_calendar(estimator.calendar, panel),
            recursive=estimator.strategy == "recursive",
        )


def _covariates(names: Sequence[Any]) -> str:
    return "1 covariate is" if len(names) == 1 else f"{len(names)} covariates are"


def _check_strategy(estimator: LSTMForecaster, panel: Panel) -> None:
    strategy, layout = estimator.strategy, panel.layout
    if strategy == "direct" and layout.future:
        raise ValueError(
            f"{_covariates(layout.future)} known ahead, which strategy='direct' does "
            "not read: use strategy='encoder_decoder' or 'recursive'"
        )
    if strategy == "recursive" and layout.past:
        raise ValueError(
            f"{_covariates(layout.past)} known up to now only, which "
            "strategy='recursive' would need of steps to come: use strategy='direct' "
            "or 'encoder_decoder'"
        )
    if strategy == "recursive" and estimator.loss == "quantile":
        raise ValueError(
            "strategy='recursive' draws what it goes on from, and quantiles are no "
            "distribution: use loss='gaussian' or another likelihood"
        )
    one_way = strategy != "direct" or estimator.warm
    whole = (("bidirectional", False), ("pooling", "last"), ("autoregression", 0))
    for name, plain in whole:
        value = getattr(estimator, name)
        if one_way and value != plain:
            warm = ", warm=True" if estimator.warm else ""
            raise ValueError(
                f"{name}={value!r} needs the whole window at once, which strategy="
                f"{strategy!r}{warm} does not have: use {name}={plain!r}"
            )
    if estimator.warm and estimator.normalization == "batch":
        raise ValueError(
            "normalization='batch' has statistics of each step of a window, which a "
            "state that goes on for ever has not: use warm=False or "
            "normalization='layer'"
        )


def _center(estimator: LSTMForecaster, head: Head, transform: Chain | None) -> str:
    counts = head.counts
    if counts and transform is not None:
        raise ValueError(
            f"loss={estimator.loss!r} is of counts, which transforms="
            f"{estimator.transforms!r} does not leave"
        )
    if counts or estimator.warm:
        if estimator.center not in ("auto", "series"):
            reason = (
                "counts are never shifted"
                if counts
                else "with warm=True one state goes on through all windows"
            )
            raise ValueError(
                f"center={estimator.center!r} does not go here, {reason}: use "
                "center='series', and for a trend transforms='difference'"
            )
        return "series"
    if estimator.center == "auto":
        items = () if transform is None else transform.transforms
        if not all(item.pointwise for item in items):
            return "series"  # differences have no level that wanders
        # The steps of a window that are predicted as well would know its last value.
        return "mean" if estimator.strategy == "recursive" else "last"
    center: str = estimator.center
    return center


def _levels(quantiles: Any) -> list[float]:
    levels = [
        check_float("quantiles", q, "(0, 1)") for q in np.ravel(quantiles).tolist()
    ]
    if not levels or any(b <= a for a, b in pairwise(levels)):
        raise ValueError(f"quantiles must increase, got {quantiles!r}")
    return levels


def _transform(transform: Any, season: int) -> Chain | None:
    if transform is None:
        return None
    single = isinstance(transform, (str, Transform))
    items: Sequence[Any] = [transform] if single else list(transform)
    return Chain([_one_transform(item, season) for item in items])


def _one_transform(item: Any, season: int) -> Transform:
    if isinstance(item, Transform):
        return item
    if item not in TRANSFORMS:
        raise ValueError(
            f"transforms must be of {list(TRANSFORMS)}, or a Transform of "
            f"fastlstm.forecasting, got {item!r}"
        )
    if item in _PLAIN:
        return _PLAIN[item]()
    if season == 1:
        raise ValueError(
            f"transforms={item!r} needs a season: set season_length, which is 1 here"
        )
    return _SEASONAL[item](season)


def _calendar(calendar: Any, panel: Panel) -> tuple[str, ...]:
    if calendar is None:
        return ()
    longest = max(panel, key=len)
    times = longest.times
    dated = times is not None and times.dtype.kind == "M"
    if isinstance(calendar, str) and calendar == "auto":
        if times is None or not dated:
            return ()
        return tuple(calendar_names(times))
    if times is None or not dated:
        raise ValueError(
            f"calendar={calendar!r} needs dates: pass frames with a DatetimeIndex, a "
            "PeriodIndex or a time_column"
        )
    calendar_features(times[:1], list(calendar))  # raises for names that are none
    return tuple(calendar)
