"""Seattle a week ahead: ``python examples/forecast_weather.py [--plot a.png]``.

The maximum temperature of the next seven days, from eight weeks of it; with intervals
that conformal calibration has moved to hold what they say. Four years say too little of
each day of the year for a network to learn it: `FourierSeason` takes a smooth year away
and gives it back to forecasts. The last year is kept out: the forecast is made anew
each week of it, beside what costs nothing.
"""

from __future__ import annotations

import argparse

import pandas as pd
from fastlstm import LSTMForecaster
from fastlstm.data import load_seattle_weather
from fastlstm.forecasting import FourierSeason, backtest
from fastlstm.plotting import plot_backtest, plot_coverage, plot_forecast

YEAR = 365
LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]


def main() -> None:
    """Fit, judge, forecast and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=60, help="at most")
    parser.add_argument("--plot", help="where to draw forecast, year and coverage")
    args = parser.parse_args()
    weather = load_seattle_weather()
    high = pd.Series(weather.temp_max, pd.DatetimeIndex(weather.dates), name="high")
    model = LSTMForecaster(
        horizon=7,
        window=56,
        transforms=FourierSeason(365.25),
        center="mean",
        calendar=None,
        loss="quantile",
        quantiles=LEVELS,
        conformal="split",
        hidden_size=32,
        dropout=0.3,
        learning_rate_init=3e-3,
        validation_fraction=0.25,
        refit=True,
        max_iter=args.epochs,
        random_state=0,
    )
    report = backtest(model, high, start=len(high) - YEAR)
    print(report)

    model.fit(high.iloc[:-7])
    print("\nThe last week, as it was forecast:")
    week = model.predict(quantiles=LEVELS).round(1)
    print(week.assign(came=high.iloc[-7:]).to_string())
    if args.plot:
        from matplotlib import pyplot

        _, (top, middle, bottom) = pyplot.subplots(
            3, figsize=(9, 11), layout="constrained"
        )
        plot_forecast(
            high.iloc[:-7],
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
