"""What a backtest found: forecasts beside what came true, scores, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from ..._validate import IntArray, check_int
from ..metrics.inputs import Axis
from ..numbers import Floats, check_levels
from ..panel import read_panel
from ..series import Panel
from ..steps import Times, show_time
from .differences import Difference, compare
from .given import read_forecasts, read_origins
from .rivals import baseline_forecasts
from .scores import score, score_names
from .tables import ScoreTable
from .truth import Truth, gather_truth
from .verdict import verdict

__all__ = ["Backtest"]


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """Forecasts from rolling origins, judged; made by `backtest` or `from_forecasts`.

    Printed, it is the table of `scores`, notes and the `verdict`.

    Attributes
    ----------
    panel : Panel
        The series, N of them, of K variables.
    origins : list of N (M_n,) int arrays
        How many steps were known when a forecast was made; none where a series is too
        short for any.
    horizon : int
        H.
    season_length : int
        Of seasonal baselines and of the MASE.
    levels : tuple of Q floats
    models : tuple of str
        Who is judged; all others in ``forecasts`` are baselines.
    forecasts : dict of str to N arrays (M_n, H, K)
    quantiles : dict of str to N arrays (M_n, H, K, Q)
        Of those who have such.
    notes : tuple of str
        What is missing, and why.
    """

    panel: Panel
    origins: list[IntArray]
    horizon: int
    season_length: int
    levels: tuple[float, ...]
    models: tuple[str, ...]
    forecasts: dict[str, list[Floats]]
    quantiles: dict[str, list[Floats]]
    notes: tuple[str, ...]

    @classmethod
    def from_forecasts(
        cls,
        X: Any,
        origins: Any,
        forecasts: Mapping[str, Any],
        *,
        quantiles: Mapping[str, Any] | None = None,
        levels: Sequence[float] = (),
        season_length: int = 1,
        **options: Any,
    ) -> Self:
        """Judge forecasts that were made elsewhere, beside the same baselines.

        Parameters
        ----------
        X : series
            As `read_panel` reads them, to their end.
        origins : list of N arrays of int, or one of them for all series
            Increasing: the first step that is forecast is ``y[origin]``.
        forecasts : mapping of a name to N arrays (M_n, H, K)
            (M_n, H) of a single variable; one array of a single series.
        quantiles : mapping of a name to N arrays (M_n, H, K, Q), optional
            Of some or all of these, in the same manner.
        levels : sequence of Q floats, optional
            Increasing, in (0, 1).
        season_length : int, default=1
        **options
            Those of `read_panel`.

        Raises
        ------
        ValueError
            Shapes that do not fit; origins or forecasts outside a series; a forecast
            that is NaN where something was observed; a name that a baseline has.
        TypeError
            What are no numbers.

        Examples
        --------
        >>> import numpy as np
        >>> from fastlstm.forecasting import Backtest
        >>> y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
        >>> guess = np.array([[3.0, 4.0], [4.0, 5.0]])
        >>> result = Backtest.from_forecasts(y, [4, 6], {"guess": guess})
        >>> result.scores()["guess", "MAE"]
        2.5
        """
        panel = X if isinstance(X, Panel) else read_panel(X, **options)
        season = check_int("season_length", season_length, 1)
        shares = (
            tuple(check_levels("levels", levels)[0].tolist()) if len(levels) else ()
        )
        at = read_origins(panel, origins)
        given = dict(quantiles or {})
        if not forecasts or set(given) - set(forecasts) or bool(given) != bool(shares):
            raise ValueError(
                "expected forecasts by name, and quantiles of some of these names with "
                f"their levels, got forecasts of {list(forecasts)}, quantiles of "
                f"{list(given)} and levels={list(levels)}"
            )
        horizon: int | None = None
        points: dict[str, list[Floats]] = {}
        several: dict[str, list[Floats]] = {}
        for name, values in forecasts.items():
            what = f"the forecast by {name}"
            points[name] = read_forecasts(what, values, panel, at, horizon)
            horizon = points[name][0].shape[1]
        for name, values in given.items():
            what = f"quantiles by {name}"
            several[name] = read_forecasts(
                what, values, panel, at, horizon, len(shares)
            )
        assert horizon is not None
        rivals = baseline_forecasts(panel, at, horizon, season, shares)
        taken = set(points) & set(rivals[0])
        if taken:
            raise ValueError(
                f"{taken.pop()!r} is the name of a baseline: choose another"
            )
        return cls(
            panel=panel,
            origins=at,
            horizon=horizon,
            season_length=season,
            levels=shares,
            models=tuple(points),
            forecasts={**points, **rivals[0]},
            quantiles={**several, **rivals[1]},
            notes=tuple(rivals[2]),
        )

    # ------------------------------------------------------------------------- truths

    @cached_property
    def truth(self) -> Truth:
        """What came true, the origins of all series one below another."""
        return gather_truth(self.panel, self.origins, self.horizon, self.season_length)

    @property
    def truths(self) -> list[Floats]:
        """What came true: N arrays (M_n, H, K), NaN where nothing was observed."""
        cuts = np.cumsum([len(at) for at in self.origins])[:-1]
        return np.split(self.truth.y, cuts)

    @property
    def origin_times(self) -> list[Times] | None:
        """The time of the first step of each forecast: N arrays, None without times."""
        times = [
            series.times[at]
            for series, at in zip(self.panel, self.origins, strict=True)
            if series.times is not None
        ]
        return times or None

    # ------------------------------------------------------------------------- scores

    def scores(self) -> ScoreTable:
        """Return the scores of each forecaster over everything.

        Columns are MAE, RMSE, sMAPE (from 0 to 2), MASE; with quantiles WQL, CRPS from
        these quantiles, and coverage and mean width of the intervals between symmetric
        ones. The MASE is in units of the mean seasonal difference of each series before
        its first origin. Definitions and sources stand with the metrics.
        """
        values = [self._score(name) for name in self.forecasts]
        rows = tuple((name,) for name in self.forecasts)
        return ScoreTable(
            ("forecaster",), rows, score_names(self.levels), np.array(values)
        )

    def by_series(self) -> ScoreTable:
        """Return the scores of each series that has an origin."""
        rows, values = [], []
        for n, series in enumerate(self.panel):
            for name in self.forecasts if len(self.origins[n]) else ():
                rows.append((series.id, name))
                values.append(self._score(name, self.truth.series == n))
        columns = score_names(self.levels)
        return ScoreTable(
            ("series", "forecaster"), tuple(rows), columns, np.array(values)
        )

    def by_horizon(self) -> ScoreTable:
        """Return the scores of each step ahead, 1 to H."""
        return self._by("step", range(1, self.horizon + 1), (0, 2))

    def by_target(self) -> ScoreTable:
        """Return the scores of each variable."""
        return self._by("target", self.panel.layout.targets, (0, 1))

    def _by(self, label: str, keys: Sequence[Any], axis: Axis) -> ScoreTable:
        values = [self._score(name, axis=axis) for name in self.forecasts]
        rows = tuple((key, name) for key in keys for name in self.forecasts)
        columns = score_names(self.levels)
        # (forecasters, columns, keys) to (keys, forecasters, columns).
        table = np.moveaxis(np.array(values), 2, 0).reshape(-1, len(columns))
        return ScoreTable((label, "forecaster"), rows, columns, table)

    def _score(self, name: str, rows: Any = slice(None), axis: Axis = None) -> Floats:
        quantiles = self.quantiles.get(name)
        return score(
            self.truth.y[rows],
            self.truth.scale[rows],
            np.concatenate(self.forecasts[name])[rows],
            None if quantiles is None else np.concatenate(quantiles)[rows],
            self.levels,
            axis,
        )

    def to_frame(self) -> Any:
        """Return `scores` as a `pandas.DataFrame`.

        Raises
        ------
        ImportError
            Without pandas.
        """
        return self.scores().to_frame()

    # ------------------------------------------------------------------------ verdict

    @property
    def metric(self) -> str:
        """The score that decides: "MASE", or "MAE" where no series has a scale."""
        return "MAE" if np.isnan(self.truth.scale).all() else "MASE"

    @property
    def best_baseline(self) -> str | None:
        """The baseline with the lowest `metric`; None where there is none at all."""
        table = self.scores()
        names = [name for name in self.forecasts if name not in self.models]
        return min(names, key=lambda name: table[name, self.metric], default=None)

    def difference(
        self, name: str | None = None, other: str | None = None
    ) -> Difference:
        """Compare the errors of two forecasters in pairs, origin by origin.

        Parameters
        ----------
        name : str, optional
            The first model by default.
        other : str, optional
            `best_baseline` by default.

        Returns
        -------
        Difference
            Its mean is below 0 where ``name`` is better. Over at least ten origins it
            has a standard error (Newey & West 1987, corrected for few origins), over
            fewer that of series, if there are ten of these.

        Raises
        ------
        ValueError
            No such forecaster.
        """
        pair = []
        for given, default in ((name, self.models[0]), (other, self.best_baseline)):
            who = default if given is None else given
            if who not in self.forecasts:
                raise ValueError(
                    f"there is no forecaster {who!r}, only {list(self.forecasts)}"
                )
            pair.append(np.concatenate(self.forecasts[who]))
        return compare(self.truth, *pair, scaled=self.metric == "MASE")

    def verdict(self, name: str | None = None) -> str:
        """Say in a sentence whether a model beats the best baseline.

        Parameters
        ----------
        name : str, optional
            The first model by default.

        Raises
        ------
        ValueError
            No such forecaster.
        """
        who, best = self.models[0] if name is None else name, self.best_baseline
        if best is None:
            return f"{who} has no baseline to be compared with."
        gap, table = self.difference(who, best), self.scores()
        ours, theirs = table[who, self.metric], table[best, self.metric]
        if np.isnan(ours):
            return f"{who} cannot be judged: nothing was observed after any origin."
        return verdict(who, best, self.metric, ours, theirs, gap)

    def __repr__(self) -> str:
        lines = [self._heading(), "", repr(self.scores()), ""]
        lines += [*self.notes, *self._unscaled()]
        return "\n".join([*lines, *map(self.verdict, self.models)])

    def _heading(self) -> str:
        judged = [n for n, at in enumerate(self.origins) if len(at)]
        count = sum(map(len, self.origins))
        text = f"{_plural(len(judged), 'series')}, {_plural(count, 'origin')}"
        times = self.origin_times
        if times is not None:
            first = min(times[n][0] for n in judged)
            last = max(times[n][-1] for n in judged)
            text += f" from {show_time(first)} to {show_time(last)}"
        return (
            f"{text}, {_plural(self.horizon, 'step')} ahead, a season of "
            f"{_plural(self.season_length, 'step')}"
        )

    def _unscaled(self) -> list[str]:
        missing = np.isnan(self.truth.scale).any(axis=1)
        count = len(np.unique(self.truth.series[missing]))
        if not count:
            return []
        return [
            f"The MASE leaves out {_plural(count, 'series')}, or variables of them, "
            "that did not change from season to season before the first origin."
        ]


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + "s" * (count != 1 and noun != "series")
