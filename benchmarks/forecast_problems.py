"""What forecasting.py forecasts: series, the origins of forecasts, and what is scored.

Protocols are those of the sources, in docs/forecasting.md. A file is read from the
folder that ``FASTLSTM_DATA`` names (datasets.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from datasets import folder
from fastlstm.data import load_seattle_weather
from numpy.typing import NDArray

Floors = dict[str, dict[str, str]]
# Names of naive methods.
LAST, SEASON, GROWTH = "last value", "season before", "season before, with growth"
FLOORS_OF_ETTH1: dict[tuple[str | None, int], Floors] = {
    (None, 24): {SEASON: {"MSE": "0.424", "MAE": "0.389"}},
    (None, 48): {SEASON: {"MSE": "0.465", "MAE": "0.407"}},
    (None, 168): {SEASON: {"MSE": "0.571", "MAE": "0.462"}},
    ("OT", 24): {LAST: {"MSE": "0.034"}},
}


@dataclass(frozen=True)
class Problem:
    """A series (T, K), and which forecasts of its last part are scored.

    Parameters
    ----------
    name, words : str
    series : DataFrame
        With a DatetimeIndex; missing values are NaN.
    test : int
        The first step that is forecast. Nothing is fitted or chosen on it and later.
    horizon : int
    season : int
        Steps.
    metrics : tuple of {"MSE", "MAE", "RMSE"}
        The first one decides.
    origins : {"every step", "whole windows", "one"}
        Every step is forecast ``horizon`` steps before; or all windows of ``horizon``
        steps inside the test part, each step of them counting; or one window from
        ``test`` on.
    block : int
        Of the bootstrap, in steps: what lies that far apart has little in common.
    validation : int, optional
        The last steps before ``test``, for early stopping and choices.
    refit_every : int, optional
        A fit on all that is known after so many origins; without, one fit before them.
    past : DataFrame, optional
        What else was observed at each step.
    alike : bool
        Whether parts of ``validation`` steps are whole seasons of a series that does
        not grow, so that any of them may come after any other.
    floors : dict of method -> metric -> str
        What the protocol says that naive methods reach.
    """

    name: str
    words: str
    series: pd.DataFrame
    test: int
    horizon: int
    season: int
    metrics: tuple[str, ...]
    origins_are: str
    block: int
    validation: int
    refit_every: int | None = None
    past: pd.DataFrame | None = None
    alike: bool = False
    floors: Floors = field(default_factory=dict)

    @property
    def values(self) -> NDArray[np.float64]:
        return self.series.to_numpy(np.float64)

    @property
    def origins(self) -> NDArray[np.int64]:
        """Steps that are known at each forecast, (M,)."""
        end = len(self.series)
        if self.origins_are == "one":
            return np.array([self.test])
        first, last = self.test, end - self.horizon
        if self.origins_are == "every step":
            first -= self.horizon - 1
        return np.arange(first, last + 1)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Steps of the series that each forecast is of, (M, H)."""
        return self.origins[:, None] + np.arange(self.horizon)

    @property
    def truth(self) -> NDArray[np.float64]:
        """What is to be forecast, (M, H, K), NaN where a forecast is not scored."""
        y = self.values[self.steps]
        if self.origins_are == "every step":
            y[:, :-1] = np.nan
        return y

    @property
    def refits(self) -> list[NDArray[np.int64]]:
        """Runs of places in ``origins``: forecasts from the same fit."""
        size = self.refit_every or len(self.origins)
        places = np.arange(len(self.origins))
        return np.split(places, places[size::size])

    def before_test(self) -> Problem:
        """The same on what lies before ``test``, whose last part is forecast.

        For choices, which never see the test part.
        """
        past = None if self.past is None else self.past.iloc[: self.test]
        return replace(
            self,
            series=self.series.iloc[: self.test],
            past=past,
            test=self.test - self.validation,
            floors={},
        )

    def validation_periods(self, n: int) -> list[Problem]:
        """Return n problems on what lies before ``test``, to choose settings by.

        Their last parts are the last one of that, the one before it, and so on. Where
        the parts are ``alike``, all others come before each (blocked cross-validation,
        Bergmeir & Benitez 2012); else only what was earlier does.
        """
        periods = [self.before_test()]
        while len(periods) < n and not self.alike:
            periods.append(periods[-1].before_test())
        whole = periods[0]
        parts = len(whole.series) // self.validation
        if n > parts and self.alike:
            raise ValueError(f"{self.name} has {parts} periods, not {n}")
        for turn in range(1, n if self.alike else 1):
            periods.append(whole.turned(turn, parts))
        return periods

    def turned(self, turn: int, parts: int) -> Problem:
        """Put the last ``turn`` of so many parts before the others."""
        size = self.validation

        def roll(table: pd.DataFrame) -> pd.DataFrame:
            values = np.roll(table.to_numpy()[-parts * size :], turn * size, axis=0)
            return pd.DataFrame(values, table.index[-parts * size :], table.columns)

        past = None if self.past is None else roll(self.past)
        return replace(
            self, series=roll(self.series), past=past, test=(parts - 1) * size
        )


def read(folder_name: str, name: str) -> pd.DataFrame:
    """Read a table whose first column is the time."""
    return pd.read_csv(folder(folder_name) / name, index_col=0, dtype={0: str})


def dated(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(np.float64).set_axis(pd.DatetimeIndex(table.index))


def etth1(horizon: int, column: str | None) -> Problem:
    series = dated(read("etth1", "ETTh1.csv"))
    series = series[[column]] if column else series
    train, test, end = 8640, 11520, 14400  # hours: 12, 4 and 4 months of 30 days
    begin = series.iloc[:train]
    series = ((series - begin.mean()) / begin.std(ddof=0)).iloc[:end]
    floors = FLOORS_OF_ETTH1.get((column, horizon), {})
    kind = f"{column} alone" if column else "all seven columns"
    return Problem(
        f"etth1{'_' + column if column else ''}_{horizon}",
        f"ETTh1, {kind}, {horizon} hours from every hour of the test months, in "
        "deviations of the training months",
        series,
        test,
        horizon,
        season=24,
        metrics=("MSE", "MAE"),
        origins_are="whole windows",
        block=2 * 168,
        validation=test - train,
        floors=floors,
    )


def retail() -> Problem:
    series = dated(read("us_retail_sales", "example_retail_sales.csv"))
    return Problem(
        "retail",
        "US retail sales, millions of dollars: the last 24 months from one origin",
        series,
        len(series) - 24,
        horizon=24,
        season=12,
        metrics=("RMSE",),
        origins_are="one",
        block=6,
        validation=24,
        floors={SEASON: {"RMSE": "23298"}, GROWTH: {"RMSE": "8511"}},
    )


def classic(
    name: str, words: str, file: str, length: int, validation: int, floors: Floors
) -> Problem:
    """Take one of the small series, whose every step is forecast the step before."""
    table = read("classic_series", f"{file}.csv")
    index = table.index.to_series()
    if len(index.iloc[0]) < len("1949-01"):  # "1-01": the first of several years
        index = "200" + index
    daily = len(index.iloc[0]) > len("1949-01")
    series = dated(table.set_axis(index))
    # Days that a file leaves out (29 February) are missing.
    series = series.asfreq("D" if daily else "MS")
    return Problem(
        name,
        f"{words}, each one step ahead",
        series,
        len(series) - length,
        horizon=1,
        season=365 if daily else 12,
        metrics=("RMSE",),
        origins_are="every step",
        block=14 if daily else 3,
        validation=validation,
        floors=floors,
    )


def airline() -> Problem:
    words = "Airline passengers, thousands: the last 48 months"
    floors = {SEASON: {"RMSE": "41.85"}}
    return classic("airline", words, "airline-passengers", 48, 24, floors)


def temperatures() -> Problem:
    words = "Minimum temperature in Melbourne, degrees Celsius: the last 365 days"
    floors = {LAST: {"RMSE": "2.582"}}
    return classic("temperatures", words, "daily-min-temperatures", 365, 365, floors)


def shampoo() -> Problem:
    words = "Shampoo sales: the last 12 months"
    floors = {LAST: {"RMSE": "136.8"}}
    return classic("shampoo", words, "monthly-shampoo-sales", 12, 6, floors)


def cars() -> Problem:
    words = "Car sales in Quebec: the last 12 months"
    floors = {SEASON: {"RMSE": "2291"}}
    return classic("cars", words, "monthly-car-sales", 12, 12, floors)


def weather(horizon: int) -> Problem:
    w = load_seattle_weather()
    index = pd.DatetimeIndex(w.dates)
    past = {"rain": np.log1p(w.precipitation), "low": w.temp_min, "wind": w.wind}
    return Problem(
        f"weather_{horizon}",
        f"Seattle's maximum temperature, degrees Celsius, {horizon} "
        f"day{'s' * (horizon > 1)} ahead: the last 365 days",
        pd.DataFrame({"temp_max": w.temp_max}, index),
        len(w) - 365,
        horizon,
        season=365,
        metrics=("MAE",),
        origins_are="every step",
        block=28,
        validation=365,
        past=pd.DataFrame(past, index),
        alike=True,
        floors={LAST: {"MAE": "2.24"}} if horizon == 1 else {LAST: {"MAE": "3.7"}},
    )


def sp500(horizon: int) -> Problem:
    series = dated(read("sp500_monthly", "shiller_sp500_monthly.csv")[["SP500"]])
    return Problem(
        f"sp500_{horizon}",
        f"S&P 500, logarithm of the monthly mean, {horizon} "
        f"month{'s' * (horizon > 1)} ahead, from 1990 on, fitted anew every five years",
        np.log(series),
        int((series.index < "1990").sum()),
        horizon,
        season=12,
        metrics=("RMSE",),
        origins_are="every step",
        block=24,
        validation=120,
        refit_every=60,
    )


STUDIES: dict[str, list[Callable[[], Problem]]] = {
    "etth1": [lambda h=h: etth1(h, None) for h in (24, 48, 168)],
    "etth1_OT": [lambda h=h: etth1(h, "OT") for h in (24, 48, 168)],
    "retail": [retail],
    "classic": [airline, temperatures, shampoo, cars],
    "weather": [lambda: weather(1), lambda: weather(7)],
    "sp500": [lambda: sp500(1), lambda: sp500(12)],
}
