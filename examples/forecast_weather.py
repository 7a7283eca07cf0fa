"""Seattle a week ahead: ``python examples/forecast_weather.py [--plot a.png]``.

The maximum temperature of the next seven days, from eight weeks of it, of the minimum,
the rain and the wind; with intervals that conformal calibration has moved to hold what
they say. The last year is kept out: the forecast is made anew each week of it, beside
what costs nothing.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from fastlstm import LSTMForecaster
from fastlstm.data import load_seattle_weather
from fastlstm.forecasting import backtest
from fastlstm.plotting import plot_backtest, plot_coverage, plot_forecast

YEAR = 365
LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]


def read() -> tuple[pd.Series, pd.DataFrame]:
    """Return the temperature, and what else was measured each day."""
    weather = load_seattle_weather()
    days = pd.DatetimeIndex(weather.dates)
    beside = {
        "rain": np.log1p(weather.precipitation),
        "low": weather.temp_min,
        "wind": weather.wind,
    }
    return pd.Series(weather.temp_max, days, name="high"), pd.DataFrame(beside, days)


def main() -> None:
    """Fit, judge, forecast and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=60, help="at most")
    parser.add_argument("--plot", help="where to draw forecast, year and coverage")
    args = parser.parse_args()
    high, beside = read()
    model = LSTMForecaster(
        horizon=7,
        window=56,
        center="mean",
        loss="quantile",
        quantiles=LEVELS,
        conformal="split",
        hidden_size=32,
        dropout=0.3,
        learning_rate_init=3e-3,
        validation_fraction=0.33,  # a year of the three
        max_iter=args.epochs,
        random_state=0,
    )
    report = backtest(model, high, past=beside, start=len(high) - YEAR)
    print(report)

    known = slice(0, -7)
    model.fit(high.iloc[known], past=beside.iloc[known])
    print("\nThe last week, as it was forecast:")
    week = model.predict(quantiles=LEVELS).round(1)
    print(week.assign(came=high.iloc[-7:]).to_string())
    if args.plot:
        from matplotlib import pyplot

        _, (top, middle, bottom) = pyplot.subplots(
            3, figsize=(9, 11), layout="constrained"
        )
        plot_forecast(
            high.iloc[known],
            quantiles=model.predict(quantiles=LEVELS),
            levels=LEVELS,
            truth=high.iloc[-7:],
            last=56,
            unit="degrees Celsius",
            ax=top,
        )
        plot_backtest(report, ax=middle)
        plot_coverage(report, ax=bottom)
        pyplot.savefig(args.plot)
        print(f"\nDrawn: {args.plot}")


if __name__ == "__main__":
    main()
