"""Static features: their forms, and what a network reads of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm.files import read_record, write_record
from fastlstm.forecasting import Panel, StaticEncoder, read_panel
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CITY, SIZE = ["Rome", "Oslo", "Rome", "Bonn"], [3.0, 9.0, 4.0, 4.0]


def make(static: Any, ids: str = "abcd", **options: Any) -> Panel:
    return read_panel(dict.fromkeys(ids, np.arange(5.0)), static=static, **options)


FORMS: dict[str, Any] = {
    "dict": dict(zip("dcba", list(zip(CITY, SIZE, strict=True))[::-1], strict=True)),
    "list": list(zip(CITY, SIZE, strict=True)),
    "objects": np.array(list(zip(CITY, SIZE, strict=True)), object),
    "pandas": pd.DataFrame({"city": CITY, "size": SIZE}),
    "categories": pd.DataFrame({"city": pd.Categorical(CITY), "size": SIZE}),
    "polars": pl.DataFrame({"city": CITY, "size": SIZE}),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str) -> None:
    panel = make(FORMS[form])
    for series, row in zip(panel, zip(CITY, SIZE, strict=True), strict=True):
        assert series.static.tolist() == list(row)
    names = ("city", "size") if hasattr(FORMS[form], "columns") else (0, 1)
    assert panel.layout.static == names


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_beside_a_long_frame(frame: Any) -> None:
    data = frame({"shop": ["b", "b", "a"], "value": [1.0, 2.0, 3.0]})
    static = frame({"shop": ["a", "b"], "size": [7, 8]})
    panel = read_panel(data, id_column="shop", static=static)
    assert [series.static.tolist() for series in panel] == [[8.0], [7.0]]
    assert panel.layout.static == ("size",)
    with pytest.raises(ValueError, match="static has no row for series 'b'"):
        read_panel(data, id_column="shop", static=static[:1])


def test_one_feature_or_one_series() -> None:
    assert [s.static.tolist() for s in make(SIZE)] == [[size] for size in SIZE]
    assert read_panel(np.ones(3), static=7)[0].static.tolist() == [7.0]
    assert read_panel(np.ones(3), static=[7, True])[0].static.tolist() == [7.0, 1.0]
    assert read_panel(np.ones(3), static=[[7, 8]])[0].static.tolist() == [7.0, 8.0]


def test_as_scikit_learn_does_it() -> None:
    panel = make(FORMS["list"])
    result = StaticEncoder().fit(panel).transform(panel)
    city, size = np.array(CITY)[:, None], np.array(SIZE)[:, None]
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(city)
    expected = np.hstack([one_hot, StandardScaler().fit_transform(size)])
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_a_constant_number_and_no_features() -> None:
    panel = make([3, 3, 3, 3])
    assert not StaticEncoder().fit(panel).transform(panel).any()
    bare = read_panel([np.ones(2)] * 3)
    assert StaticEncoder().fit(bare).transform(bare).shape == (3, 0)


def test_numbers_among_categories() -> None:
    panel = make(["x", 2, "x", 1.0])
    encoder = StaticEncoder().fit(panel)
    assert encoder.categories == [[1.0, 2.0, "x"]]
    assert encoder.transform(panel).argmax(axis=1).tolist() == [2, 1, 2, 0]


def test_a_file_keeps_it(tmp_path: Any) -> None:
    panel = make(FORMS["list"])
    encoder = StaticEncoder().fit(panel)
    write_record(tmp_path / "file", "encoder", {"encoder": encoder})
    kept = read_record(tmp_path / "file", ["encoder"])[1]["encoder"]
    np.testing.assert_array_equal(kept.transform(panel), encoder.transform(panel))


@pytest.mark.parametrize(
    ("static", "message"),
    [
        (
            ["Rome", 1.0, "Pisa", 2.0],
            "feature 0 of series 'b' is 'Pisa', expected one of 'Bonn', 'Oslo', "
            "'Rome', which the fit has seen",
        ),
        (["Rome", 1.0, "Rome", "2"], "feature 1 of series 'b' is '2', expected a nu"),
    ],
)
def test_unknown_categories(static: list[Any], message: str) -> None:
    encoder = StaticEncoder().fit(make(FORMS["list"]))
    with pytest.raises(ValueError, match=message):
        encoder.transform(make({"a": static[:2], "b": static[2:]}, "ab"))


def test_many_categories_are_not_all_listed() -> None:
    encoder = StaticEncoder().fit(
        make([f"c{at}" for at in range(20)], "abcdefghijklmnopqrst")
    )
    with pytest.raises(ValueError, match=r"'c0', .*, 'c15', \.\.\., which the fit"):
        encoder.transform(make(["no"], "a"))


@pytest.mark.parametrize(
    ("static", "error", "message"),
    [
        ([1, 2, 3], ValueError, "static has 3 rows, expected 4, one a series"),
        ({"a": 1}, ValueError, "static has no row for series 'b'"),
        (
            [[1], [1], [1, 2], [1]],
            ValueError,
            "'c' has 2 static features, but series 'a'",
        ),
        ([1, 2, np.nan, 4], ValueError, "static feature 0 of series 'c' is nan"),
        ([1, np.inf, 3, 4], ValueError, "static feature 0 of series 'b' is inf"),
        (["a", None, "b", "c"], ValueError, "static feature 0 of series 'b' is None"),
        ([[{}], [1], [1], [1]], TypeError, "must be a number or a category, got {}"),
    ],
)
def test_static_features_that_are_refused(
    static: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(static)


def test_before_fit_and_another_number() -> None:
    panel = make(FORMS["list"])
    with pytest.raises(ValueError, match="call fit first"):
        StaticEncoder().transform(panel)
    with pytest.raises(ValueError, match="have 1 static features, those of the fit 2"):
        StaticEncoder().fit(panel).transform(make(SIZE))
