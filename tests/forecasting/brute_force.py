"""Windows of a panel in plain loops, one value after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from fastlstm.forecasting import Panel, PanelEncoder, read_panel


def calendar(times: Any) -> np.ndarray:
    days = times.astype("M8[D]").astype(np.int64)
    return np.stack([np.sin(days * 0.9), np.cos(days * 0.9)], axis=1)


def make_panel(
    rng: np.random.Generator,
    lengths: list[int],
    *,
    k: int = 2,
    missing: bool = True,
    past: bool = True,
    beside: bool = True,
    extra: int = 2,
) -> Panel:
    """Series of k variables, with every kind of covariate."""
    y, covariates, future = {}, {}, {}
    for n, length in enumerate(lengths):
        index = pd.date_range("2024-01-01", periods=length + extra, freq="D")
        values = rng.normal(50.0 * n, 4.0, (length, k)).cumsum(axis=0)
        if missing:
            values[rng.random((length, k)) < 0.3] = np.nan
            for column in values.T:
                if np.isnan(column).all():
                    column[rng.integers(length)] = 3.0
        y[f"s{n}"] = pd.DataFrame(values, index[:length])
        wind = rng.random((length, 1))
        wind[rng.random((length, 1)) < 0.3] = np.nan
        covariates[f"s{n}"] = wind
        future[f"s{n}"] = rng.random((length + extra, 2))
    if not beside:
        return read_panel(y)
    kinds = {key: ["north", "south"][n % 2] for n, key in enumerate(y)}
    return read_panel(y, past=covariates if past else None, future=future, static=kinds)


@dataclass
class Window:
    past: np.ndarray
    future: np.ndarray
    targets: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    lagged: np.ndarray
    lagged_targets: np.ndarray


def origins_of(panel: Panel, window: int, horizon: int, least: int, stride: int) -> Any:
    """(series, origin) that a fit can learn from."""
    result = []
    for n, series in enumerate(panel):
        for origin in range(1, len(series)):
            past = series.y[max(0, origin - window) : origin]
            ahead = series.y[origin : origin + horizon]
            some = np.isfinite(past).any() and np.isfinite(ahead).any()
            on_grid = (len(series) - horizon - origin) % stride == 0
            if origin >= least and some and on_grid:
                result.append((n, origin))
    return result


def make_window(
    panel: Panel,
    encoder: PanelEncoder,
    n: int,
    origin: int,
    *,
    window: int,
    horizon: int,
    center: str,
    calendar: Any = None,
) -> Window:
    series = panel[n]
    k = series.y.shape[1]
    centers, scales = encoder.scaler.statistics(panel)
    own_center, scale = centers[n].copy(), scales[n]
    begin = max(0, origin - window)
    # What this window is centred on.
    for j in range(k):
        seen = [v for v in series.y[:origin, j] if v == v]
        inside = [v for v in series.y[begin:origin, j] if v == v]
        if center != "series" and seen:
            own_center[j] = seen[-1]
        if center == "mean" and inside:
            own_center[j] = sum(inside) / len(inside)

    def scaled(step: int) -> tuple[list[float], list[float]]:
        """Values, filled, and indicators of a step."""
        values, missing = [], []
        for j in range(k):
            there = [t for t in range(step + 1) if series.y[t, j] == series.y[t, j]]
            value = (
                (series.y[there[-1], j] - own_center[j]) / scale[j] if there else 0.0
            )
            values.append(value)
            missing.append(float(not there or there[-1] != step))
        return values, missing if encoder.indicators else []

    def covariates(step: int) -> list[float]:
        result = []
        for j in range(series.past.shape[1]):
            there = [
                t for t in range(step + 1) if series.past[t, j] == series.past[t, j]
            ]
            if not there:
                result.append(0.0)
                continue
            scaler = encoder.past
            result.append(
                (series.past[there[-1], j] - scaler.center[j]) / scaler.scale[j]
            )
        return result

    times = None
    if calendar is not None:
        ahead = panel.forecast_times(horizon)
        times = np.concatenate([series.times, ahead[n]])

    def known(step: int) -> list[float]:
        result = []
        row = min(step, len(series.future) - 1)
        for j in range(series.future.shape[1]):
            scaler = encoder.future
            result.append((series.future[row, j] - scaler.center[j]) / scaler.scale[j])
        if times is not None:
            result.extend(calendar(times[step : step + 1])[0])
        return result

    def target(step: int) -> list[float]:
        if step >= len(series):
            return [np.nan] * k
        return [(series.y[step, j] - own_center[j]) / scale[j] for j in range(k)]

    static = encoder.static.transform(panel)[n].tolist()
    past, lagged = [], []
    for step in range(begin, origin):
        values, missing = scaled(step)
        past.append([*values, *missing, *covariates(step), *known(step), *static])
    for step in range(begin, origin + horizon):
        if step == 0:
            values, missing = [0.0] * k, [1.0] * k if encoder.indicators else []
        elif step > len(series):  # nothing there to be read before
            values, missing = scaled(len(series) - 1)
            missing = [1.0] * len(missing)
        else:
            values, missing = scaled(step - 1)
        lagged.append([*values, *missing, *known(step), *static])
    future = [[*known(origin + h), *static, (h + 1) / horizon] for h in range(horizon)]
    return Window(
        past=np.array(past),
        future=np.array(future),
        targets=np.array([target(origin + h) for h in range(horizon)]),
        center=own_center,
        scale=scale,
        lagged=np.array(lagged),
        lagged_targets=np.array([target(t) for t in range(begin, origin + horizon)]),
    )
