"""Data frames and series of pandas and polars: what they mean, and what errors say."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm import LSTMClassifier, LSTMRegressor
from fastlstm.estimators import frames as module
from scipy import sparse

from ..compare import assert_same_bits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COLUMNS = ["mon", "tue", "wed", "thu", "fri"]
ROWS = [f"r{k}" for k in range(12)]
Y = np.arange(12.0)

Frame = Callable[..., Any]


def pandas_frame(values: Any, columns: list[str] = COLUMNS) -> pd.DataFrame:
    return pd.DataFrame(values, columns=columns, index=ROWS[: len(values)])


def polars_frame(values: Any, columns: list[str] = COLUMNS) -> pl.DataFrame:
    return pl.DataFrame(values, schema=columns, orient="row")


frames = pytest.mark.parametrize(
    "frame", [pandas_frame, polars_frame], ids=["pandas", "polars"]
)


def regressor(**options: Any) -> LSTMRegressor:
    return LSTMRegressor(
        **{"hidden_size": 4, "max_iter": 2, "random_state": 0, **options}
    )


def table(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((12, 5))


def parts(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.standard_normal((2 + k % 5, 3)) for k in range(12)]


@frames
def test_a_frame_is_steps_of_one_feature(
    rng: np.random.Generator, frame: Frame
) -> None:
    X = table(rng)
    model = regressor().fit(frame(X), Y)
    assert model.n_features_in_ == 5
    assert model.feature_names_in_.tolist() == COLUMNS
    expected = regressor().fit(X, Y).predict(X)
    assert_same_bits({"y": model.predict(frame(X))}, {"y": expected})
    deep = model.predict(X[:, :, None])  # of one feature, named nothing
    assert_same_bits({"y": deep}, {"y": expected})


@frames
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (COLUMNS[::-1], "must be in the same order as they were in fit"),
        (["sun", *COLUMNS[1:]], "unseen at fit time:\n- sun"),
        (COLUMNS[:4], "now missing:\n- fri"),
    ],
)
def test_other_columns_are_refused(
    rng: np.random.Generator, frame: Frame, columns: list[str], message: str
) -> None:
    X = table(rng)
    model = regressor().fit(frame(X), Y)
    other = frame(X[:, : len(columns)], columns)
    with pytest.raises(ValueError, match=message):
        model.predict(other)
    with pytest.raises(ValueError, match=message):
        regressor().fit(frame(X), Y, X_val=other, y_val=Y)


@frames
def test_names_are_asked_for_where_they_were(
    rng: np.random.Generator, frame: Frame
) -> None:
    X = table(rng)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        regressor().fit(frame(X), Y).predict(X)
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        regressor().fit(X, Y).predict(frame(X))


@frames
def test_frames_in_a_list_have_features_as_columns(
    rng: np.random.Generator, frame: Frame
) -> None:
    arrays, names = parts(rng), ["u", "v", "w"]
    X = [frame(part, names) for part in arrays]
    model = regressor().fit(X, Y)
    assert model.n_features_in_ == 3
    assert model.feature_names_in_.tolist() == names
    expected = regressor().fit(arrays, Y).predict(arrays)
    assert_same_bits({"y": model.predict(X)}, {"y": expected})
    assert_same_bits({"y": model.predict(tuple(X))}, {"y": expected})
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        assert_same_bits({"y": model.predict(arrays)}, {"y": expected})
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(rng.standard_normal((2, 4, 3)))
    with pytest.raises(ValueError, match="same order as they were in fit"):
        model.predict([part[names[::-1]] for part in X])
    with pytest.raises(ValueError, match="now missing:\n- w"):
        model.predict([part[names[:2]] for part in X])
    model.fit(arrays, Y)
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        model.predict(X)


@frames
def test_frames_of_a_list_have_to_agree(rng: np.random.Generator, frame: Frame) -> None:
    X = [frame(part, ["u", "v", "w"]) for part in parts(rng)]
    with pytest.raises(
        ValueError, match=r"X, sequence 3 has \['w', 'v', 'u'\], but .* \['u', 'v', 'w'"
    ):
        regressor().fit([*X[:3], X[3][["w", "v", "u"]], *X[4:]], Y)
    with pytest.raises(
        ValueError, match="X, sequence 2 has no columns, but sequence 0"
    ):
        regressor().fit([*X[:2], X[2].to_numpy(), *X[3:]], Y)
    with pytest.raises(ValueError, match=r"sequence 1 has \['u', 'v'.* 0 has no colu"):
        regressor().fit([X[0].to_numpy(), *X[1:]], Y)


@frames
def test_the_kinds_of_frames_are_told_apart(
    rng: np.random.Generator, frame: Frame
) -> None:
    X, sequences = frame(table(rng)), [frame(part, list("uvw")) for part in parts(rng)]
    with pytest.raises(ValueError, match=r"shape \(12, 5\).*fitted on sequences of 3"):
        regressor().fit(sequences, Y).predict(X)
    with pytest.raises(ValueError, match=r"3 features a step.*\(samples, 5\)"):
        regressor().fit(X, Y).predict(sequences)
    one = [
        part.iloc[:, :1] if hasattr(part, "iloc") else part[:, :1] for part in sequences
    ]
    assert regressor().fit(X, Y).predict(one).shape == (12,)  # as arrays of one feature


def with_cell(frame: Frame, dtype: Any, value: Any) -> Any:
    """Whole numbers of a dtype, but for one cell: row 3, column "wed"."""
    columns = {c: [(k + 3 * r) % 2 for r in range(12)] for k, c in enumerate(COLUMNS)}
    columns["wed"][3] = value
    if frame is pandas_frame:
        return pd.DataFrame(columns, index=ROWS).astype(dtype)
    return pl.DataFrame(columns, schema_overrides=dict.fromkeys(COLUMNS, dtype))


MISSING = [
    (pandas_frame, "float64", np.nan),
    (pandas_frame, "float32", np.nan),
    (pandas_frame, "Float64", pd.NA),
    (pandas_frame, "Int64", pd.NA),
    (pandas_frame, "boolean", pd.NA),
    (pandas_frame, "category", None),
    (pandas_frame, object, None),
    (pandas_frame, object, pd.NA),
    (pandas_frame, object, pd.NaT),
    (pandas_frame, object, np.nan),
    (polars_frame, pl.Float64, None),
    (polars_frame, pl.Float32, float("nan")),
    (polars_frame, pl.Int16, None),
]


@pytest.mark.parametrize(("frame", "dtype", "value"), MISSING)
def test_missing_values(frame: Frame, dtype: Any, value: Any) -> None:
    good, bad = (with_cell(frame, dtype, v) for v in (1, value))
    row = "'r3'" if frame is pandas_frame else "3"
    model = regressor().fit(good, Y)
    name = r"(NaN|None|<NA>|NaT) at sample 3, step 2, feature 0"
    where = rf"contains {name} \(row {row}, column 'wed'\)"
    for call in (lambda: model.predict(bad), lambda: regressor().fit(bad, Y)):
        with pytest.raises(ValueError, match="Input X " + where):
            call()
    with pytest.raises(ValueError, match="Input X_val " + where):
        regressor().fit(good, Y, X_val=bad, y_val=Y)


@pytest.mark.parametrize(("frame", "dtype", "value"), MISSING)
def test_missing_values_in_a_list(frame: Frame, dtype: Any, value: Any) -> None:
    good, bad = (with_cell(frame, dtype, v) for v in (1, value))
    row = "'r3'" if frame is pandas_frame else "3"
    where = rf"step 3, feature 2 \(row {row}, column 'wed'\)"
    with pytest.raises(ValueError, match=rf"Input X.* (sequence|sample) 1.*{where}"):
        regressor().fit([good, bad], Y[:2])


@pytest.mark.parametrize(
    "dtype", ["float32", "Float64", "Int64", "int8", "boolean", "category", object]
)
@pytest.mark.parametrize("as_list", [False, True])
def test_dtypes_of_pandas(dtype: Any, as_list: bool) -> None:
    X = with_cell(pandas_frame, dtype, 1)
    plain = X.astype(np.float64)
    X, plain = ([X] * 12, [plain] * 12) if as_list else (X, plain)
    expected = regressor().fit(plain, Y).predict(plain)
    assert_same_bits({"y": regressor().fit(X, Y).predict(X)}, {"y": expected})


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Int16, pl.Boolean, pl.Decimal(9, 2)])
@pytest.mark.parametrize("as_list", [False, True])
def test_dtypes_of_polars(dtype: Any, as_list: bool) -> None:
    plain = with_cell(polars_frame, pl.Float64, 1.0)
    X = plain.cast(pl.Int8).cast(dtype)
    X, plain = ([X] * 12, [plain] * 12) if as_list else (X, plain)
    expected = regressor().fit(plain, Y).predict(plain)
    assert_same_bits({"y": regressor().fit(X, Y).predict(X)}, {"y": expected})


DAYS = [datetime.datetime(2020, 1, 1 + k) for k in range(12)]


@frames
@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (list("ab" * 6), "could not convert string to float: 'a'.*column 'wed'"),
        (DAYS, "column 'wed' has dtype [Dd]atetime"),
        ([day - DAYS[0] for day in DAYS], "'wed' has dtype (timedelta|Duration)"),
    ],
)
def test_columns_without_numbers(
    rng: np.random.Generator,
    frame: Frame,
    as_list: bool,
    values: list[Any],
    message: str,
) -> None:
    X = frame(table(rng))
    if frame is pandas_frame:
        X["wed"] = values
    else:
        X = X.with_columns(pl.Series("wed", values))
    X = [X] * 12 if as_list else X
    start = "^X, sequence 0 must hold numbers" if as_list else "^X must hold numbers"
    with pytest.raises(ValueError, match=f"{start}.*{message}"):
        regressor().fit(X, Y)


def test_odd_tables(rng: np.random.Generator) -> None:
    X = table(rng)
    with pytest.raises(TypeError, match=r"X is a LazyFrame: pass X\.collect\(\)"):
        regressor().fit(polars_frame(X).lazy(), Y)
    for frame in (pandas_frame(X), polars_frame(X)):
        with pytest.raises(ValueError, match="forecast_windows cuts"):
            regressor().fit(frame["mon"], Y)
    with pytest.raises(TypeError, match="Feature names are only supported if all"):
        regressor().fit(pd.DataFrame(X, columns=["a", 1, 2, 3, 4]), Y)
    with pytest.raises(TypeError, match=r"[Ss]parse data was passed"):
        regressor().fit(pandas_frame(X).astype(pd.SparseDtype(float, 0.0)), Y)
    with pytest.raises(TypeError, match=r"[Ss]parse data was passed"):
        regressor().fit(X, Y).predict(sparse.csr_array(X[:, :4]))
    # Numbers are no names: nothing is kept, nothing compared.
    model = regressor().fit(pd.DataFrame(X), Y)
    assert not hasattr(model, "feature_names_in_")
    assert model.predict(pd.DataFrame(X)[[4, 3, 2, 1, 0]]).shape == (12,)


SERIES = {"pandas": lambda v: pd.Series(v, index=ROWS[: len(v)]), "polars": pl.Series}
series = pytest.mark.parametrize("make", SERIES.values(), ids=SERIES)


@series
def test_targets_of_a_series(
    rng: np.random.Generator, make: Callable[..., Any]
) -> None:
    X, y = table(rng), rng.standard_normal(12)
    expected = regressor().fit(X, y).predict(X)
    model = regressor().fit(X, make(y), make(np.ones(12)))
    assert_same_bits({"y": model.predict(X)}, {"y": expected})
    assert model.score(X, make(y)) == model.score(X, y)
    labels = np.where(y > 0, "up", "down")
    classifier = LSTMClassifier(4, max_iter=2, random_state=0)
    expected = classifier.fit(X, labels).predict_proba(X)
    actual = classifier.fit(X, make(labels)).predict_proba(X)
    assert_same_bits({"p": actual}, {"p": expected})
    assert classifier.classes_.tolist() == ["down", "up"]


@frames
def test_several_outputs_of_a_frame(rng: np.random.Generator, frame: Frame) -> None:
    X, y = table(rng), rng.standard_normal((12, 2))
    expected = regressor().fit(X, y).predict(X)
    actual = regressor().fit(X, frame(y, ["a", "b"])).predict(X)
    assert_same_bits({"y": actual}, {"y": expected})
    y[7, 1] = np.inf
    row = "'r7'" if frame is pandas_frame else "7"
    with pytest.raises(ValueError, match=rf"7, output 1 \(row {row}, column 'b'\)"):
        regressor().fit(X, frame(y, ["a", "b"]))


@series
def test_targets_a_step(rng: np.random.Generator, make: Callable[..., Any]) -> None:
    X = parts(rng)
    y = [rng.standard_normal(len(part)) for part in X]
    expected = regressor(output="sequence").fit(X, y).predict(X)
    actual = regressor(output="sequence").fit(X, [make(v) for v in y]).predict(X)
    assert_same_bits(dict(enumerate(actual)), dict(enumerate(expected)))
    y[4][2] = np.nan
    where = r"Input y contains NaN at sample 4, step 2"
    with pytest.raises(ValueError, match=where):
        regressor(output="sequence").fit(X, [make(v) for v in y])
    y = [v.astype(object) for v in y]
    y[4][2] = "x"
    with pytest.raises(ValueError, match=r"y, sequence 4 must .* 'x', at step 2"):
        regressor(output="sequence").fit(X, [pd.Series(v) for v in y])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (pd.Series([1.0, None] * 6, index=ROWS), r"NaN at sample 1 \(row 'r1'\)"),
        (pd.Series([1.0, None] * 6, index=np.arange(12) ** 2 + 7), r"\(row 8\)"),
        (pd.Series([1, None] * 6, dtype="Int64"), "NaN at sample 1"),
        (pd.Series([1.0, pd.NA] * 6, dtype=object), "<NA> at sample 1"),
        (pl.Series([1, None] * 6), "NaN at sample 1"),
        ([1.0, None] * 6, "NaN at sample 1"),
        (pd.Series(["a", "b"] * 6), "'a', at sample 0 .*labels are for LSTMClassifier"),
        (pd.Series(DAYS), "y must hold numbers: it has dtype datetime64"),
        (pl.Series(DAYS), "y must hold numbers: it has dtype Datetime"),
        (np.array(DAYS, "datetime64[D]"), r"it has dtype datetime64\[D\]"),
        (np.array([1.0, 2.0j] * 6), r"Complex data not supported, got .* at sample 0"),
    ],
)
def test_bad_targets(rng: np.random.Generator, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regressor().fit(table(rng), y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            pd.Series(["a", None] * 6, dtype="string"),
            "Input y contains <NA> at sample 1",
        ),
        (pd.Series(["a", None] * 6, dtype="category"), "contains nan at sample 1"),
        (pd.Series([0, None] * 6, dtype="Int64"), "contains NaN at sample 1"),
        (pl.Series(["a", None] * 6), "contains None at sample 1"),
        (pl.Series([True, None] * 6), "contains None at sample 1"),
    ],
)
def test_missing_labels(rng: np.random.Generator, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LSTMClassifier(4, max_iter=1).fit(table(rng), y)


def test_headers_for_scikit_learn_before_1_9(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows polars by the interchange protocol, which polars 2 has no more."""
    monkeypatch.setattr(module, "_KNOWS_POLARS", False)
    X = table(rng)
    header = module.header_of(polars_frame(X))
    assert header.shape == X.shape
    assert list(header.__dataframe__().column_names()) == COLUMNS
    frame = pandas_frame(X)
    assert module.header_of(frame) is frame
