"""Long frames: one row for each series and time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm.forecasting import read_panel
from polars.testing import assert_frame_equal as assert_polars_equal

from .frames import FRAMES, dates, frames, same


def long_data() -> dict[str, Any]:
    """Shops b (5 days, the third missing) and a (3 days), rows in any order."""
    b, a = dates(5), dates(3, 1)
    return {
        "day": [b[3], a[1], b[0], b[1], a[0], a[2], b[4]],
        "shop": ["b", "a", "b", "b", "a", "a", "b"],
        "sales": [3.0, 11.0, 0.0, 1.0, 10.0, None, 4.0],
        "wind": [0.3, 1.1, 0.0, 0.1, 1.0, 1.2, 0.4],
        "promo": [30, 110, 0, 10, 100, 120, 40],
        "city": ["B", "A", "B", "B", "A", "A", "B"],
        "size": [5, 7, 5, 5, 7, 7, 5],
    }


ROLES = {
    "id_column": "shop",
    "time_column": "day",
    "past_covariates": ["wind"],
    "future_covariates": ["promo"],
    "static_features": ["city", "size"],
}


@frames
def test_a_long_frame(kind: str) -> None:
    frame, nan = FRAMES[kind], np.nan
    panel = read_panel(frame(long_data()), **ROLES)
    assert panel.ids == ["b", "a"]
    assert panel.named
    layout = panel.layout
    assert (layout.targets, layout.past, layout.future, layout.static) == (
        ("sales",),
        ("wind",),
        ("promo",),
        ("city", "size"),
    )
    np.testing.assert_array_equal(panel[0].y[:, 0], [0, 1, nan, 3, 4])
    np.testing.assert_array_equal(panel[0].past[:, 0], [0, 0.1, nan, 0.3, 0.4])
    np.testing.assert_array_equal(panel[0].future[:, 0], [0, 10, 10, 30, 40])
    np.testing.assert_array_equal(panel[1].y[:, 0], [10, 11, nan])
    assert panel[1].static.tolist() == ["A", 7.0]
    back = panel.give_back([np.full((2, 1), 7.0), np.full((2, 1), 8.0)])
    ahead = [*dates(2, 5), *dates(2, 4)]
    expected = {"shop": list("bbaa"), "day": ahead, "sales": [7.0, 7.0, 8.0, 8.0]}
    same(back, frame(expected))
    values = [np.arange(4.0).reshape(2, 1, 2), np.arange(4.0).reshape(2, 1, 2) + 10]
    quantiles = panel.give_back(values, quantiles=[0.1, 0.9])
    expected.pop("sales")
    expected |= {"sales_0.1": [0.0, 2, 10, 12], "sales_0.9": [1.0, 3, 11, 13]}
    same(quantiles, frame(expected))
    paths = [np.arange(6.0).reshape(3, 2, 1), np.arange(6.0).reshape(3, 2, 1) + 10]
    expected = {
        "shop": list("bbbbbbaaaaaa"),
        "sample": [0, 0, 1, 1, 2, 2] * 2,
        "day": [*dates(2, 5) * 3, *dates(2, 4) * 3],
        "sales": np.concatenate(paths).ravel(),
    }
    same(panel.give_back(paths, samples=True), frame(expected))


@frames
def test_covariates_after_the_end_of_a_long_frame(kind: str) -> None:
    frame = FRAMES[kind]
    ahead = {
        "day": [*dates(2, 4), *reversed(dates(2, 5))],
        "shop": list("aabb"),
        "promo": [4, 5, 6, 5],
    }
    panel = read_panel(frame(long_data()), **ROLES, future=frame(ahead))
    assert [series.extra for series in panel] == [2, 2]
    np.testing.assert_array_equal(panel[0].future[-2:, 0], [5, 6])
    np.testing.assert_array_equal(panel[1].future[:, 0], [100, 110, 120, 4, 5])
    with pytest.raises(ValueError, match="have 2 rows after its end, expected 3"):
        panel.check_horizon(3)
    for change, message in (
        ({"shop": list("aacc")}, "future has rows for 'c', which is none of the ser"),
        ({"day": dates(4, 2)}, "future begins at 2024-03-01 for series 'b', which has"),
        ({"day": dates(4, 5)}, r"series 'b' are missing at step 5 \(time 2024-03-02\)"),
    ):
        with pytest.raises(ValueError, match=message):
            read_panel(frame(long_data()), **ROLES, future=frame(ahead | change))
    with pytest.raises(TypeError, match="a long frame too, got ndarray"):
        read_panel(frame(long_data()), **ROLES, future=np.ones(5))
    roles = ROLES | {"future_covariates": []}
    with pytest.raises(ValueError, match="name them in future_covariates"):
        read_panel(frame(long_data()), **roles, future=frame(ahead))


@frames
def test_long_frames_that_are_refused(kind: str) -> None:
    frame = FRAMES[kind]
    data = long_data()
    table = {
        "a time twice": (
            {"day": [dates(1)[0], *data["day"][1:]]},
            {},
            r"series 'b' has the time 2024-02-26 twice, at rows 0 and 2",
        ),
        "inf": (
            {"sales": [1.0, 2, 3, 4, np.inf, 6, 7]},
            {},
            "series 'a' holds inf at row 4, column 'sales'",
        ),
        "inf in a covariate": (
            {"wind": [1.0, 2, 3, 4, np.inf, 6, 7]},
            {},
            "past covariates of series 'a' holds inf at row 4, column 'wind'",
        ),
        "all missing": (
            {"sales": [1.0, None, 2, 3, None, None, 4]},
            {},
            "series 'a' has no observed value",
        ),
        "no identifier": (
            {"shop": ["b", None, "b", "b", "a", "a", "b"]},
            {},
            "X has no identifier at row 1",
        ),
        "static that changes": (
            {"size": [5, 7, 5, 5, 7, 8, 5]},
            {},
            "static feature 'size' of series 'a' is 7 at row 4 and 8 at row 5",
        ),
        "no such column": (
            {},
            {"id_column": "store"},
            "no column 'store': its columns ",
        ),
        "past beside": ({}, {"past": np.ones(7)}, "name them in past_covariates"),
        "static twice": ({}, {"static": np.ones(2)}, "beside static_features"),
        "wide": ({}, {"columns": "series"}, "is for long frames, columns='series' for"),
        "no target": (
            {},
            {"past_covariates": ["wind", "sales"]},
            "X has no target column",
        ),
    }
    for change, roles, message in table.values():
        with pytest.raises(ValueError, match=message):
            read_panel(frame(data | change), **(ROLES | roles))
    with pytest.raises(TypeError, match="column 'city', must hold numbers, got 'B' at"):
        read_panel(frame(data), **(ROLES | {"static_features": ["size"]}))
    with pytest.raises(ValueError, match="X has no rows"):
        read_panel(frame(data)[:0], **ROLES)


def test_a_long_frame_without_times_keeps_its_order() -> None:
    data = pl.DataFrame({"id": [2, 1, 2, 1, 2], "v": [1.0, 10.0, 2.0, 20.0, 3.0]})
    panel = read_panel(data, id_column="id")
    assert panel.ids == [2, 1]
    np.testing.assert_array_equal(panel[0].y[:, 0], [1, 2, 3])
    back = panel.give_back([np.ones((1, 1)), np.ones((1, 1))])
    assert_polars_equal(back, pl.DataFrame({"id": [2, 1], "v": [1.0, 1.0]}))


def test_identifiers_keep_their_type() -> None:
    data = pd.DataFrame({"id": list("bba"), "t": [1, 2, 1], "v": [1.0, 2.0, 3.0]})
    data["id"] = data["id"].astype("category")
    panel = read_panel(data, id_column="id", time_column="t", target="v")
    with pytest.raises(ValueError, match="several columns"):
        read_panel(data.set_axis(["id", "v", "v"], axis=1), id_column="id", target="v")
    back = panel.give_back([np.ones((1, 1)), np.ones((1, 1))])
    assert back["id"].dtype == data["id"].dtype
    assert back["t"].tolist() == [3, 2]
    short = pl.DataFrame({"id": [2, 1], "v": [1.0, 2.0]}).cast({"id": pl.Int16})
    back = read_panel(short, id_column="id").give_back([np.ones((1, 1))] * 2)
    assert back.schema == short.schema
