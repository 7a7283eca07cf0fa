"""A series of your own: ``python examples/forecast_csv.py FILE --horizon 24``.

The file has a column of dates and one of values, monthly sales or an index of stocks,
hourly loads or daily temperatures. What lies before the last fifth is learnt from, the
rest is forecast from one origin after the other, and judged beside naive forecasts;
then comes what follows the end of the file, with intervals.

Months that grow by a share, with a season, want
``--transform log seasonal_difference``; prices and indices, which have no season,
``--transform log difference``.
"""

from __future__ import annotations

import argparse

import pandas as pd
from fastlstm import LSTMForecaster
from fastlstm.forecasting import backtest

LEVELS = [0.1, 0.5, 0.9]


def read(file: str, date: str | None, value: str | None) -> pd.Series:
    """Return the values, with their dates; by default of the first two columns."""
    table = pd.read_csv(file)
    dates = table[date or table.columns[0]]
    values = table[value or table.columns[1]]
    return values.set_axis(pd.DatetimeIndex(pd.to_datetime(dates)))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file")
    parser.add_argument("--date", help="its column; the first one by default")
    parser.add_argument("--value", help="its column; the second one by default")
    parser.add_argument("--horizon", type=int, default=12, help="steps to forecast")
    parser.add_argument("--window", type=int, help="steps to look back")
    parser.add_argument(
        "--transform",
        nargs="+",
        choices=[
            "log",
            "box_cox",
            "difference",
            "seasonal_difference",
            "fourier_season",
        ],
    )
    parser.add_argument("--epochs", type=int, default=200, help="at most")
    parser.add_argument("--plot", help="where to draw the forecast and the backtest")
    return parser.parse_args()


def main() -> None:
    """Fit, judge, forecast and draw."""
    args = parse()
    series = read(args.file, args.date, args.value)
    model = LSTMForecaster(
        args.horizon,
        args.window,
        transforms=args.transform,
        conformal="split",
        hidden_size=32,
        learning_rate_init=5e-3,
        max_iter=args.epochs,
        refit=True,
        random_state=0,
        verbose=True,
    )
    report = backtest(model, series)
    print(report)
    forecast = model.fit(series).predict(quantiles=LEVELS)
    print(f"\nWhat follows {series.index[-1].date()}:\n{forecast.to_string()}")
    if args.plot:
        from fastlstm.plotting import plot_backtest, plot_forecast
        from matplotlib import pyplot

        _, (top, bottom) = pyplot.subplots(2, figsize=(9, 8), layout="constrained")
        last = 8 * args.horizon
        plot_forecast(series, quantiles=forecast, levels=LEVELS, last=last, ax=top)
        plot_backtest(report, ax=bottom)
        pyplot.savefig(args.plot)
        print(f"\nDrawn: {args.plot}")


if __name__ == "__main__":
    main()
