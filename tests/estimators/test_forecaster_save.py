"""LSTMForecaster in files, pickles and copies: the same bits, and they go on."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import fastlstm
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from fastlstm.forecasting import Difference, Log
from sklearn.exceptions import NotFittedError

from ..compare import assert_same_bits
from ..subprocesses import run_python
from .forecasters import forecaster, quiet, strategies, wave

pytestmark = quiet

DAYS = pd.date_range("2024-01-29", periods=70, freq="D")
DATA = {
    "day": np.r_[DAYS, DAYS[:60]],
    "shop": np.repeat(["a", "b"], [70, 60]),
    "y": np.r_[wave(70), 3.0 * wave(60, seed=1)],
}
LONG = {"id_column": "shop", "time_column": "day", "target": "y"}
FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "array": (wave(70), {}),
    "variables": (np.stack([wave(70), wave(70, seed=1)], axis=1), {}),
    "list": ([wave(70), wave(60)], {}),
    "dict": ({"a": wave(70), 3: wave(60)}, {}),
    "3-D": (np.stack([wave(70), wave(70, seed=1)])[:, :, None], {}),
    "pandas series": (pd.Series(wave(70), index=DAYS, name="y"), {}),
    "wide": (pd.DataFrame({"a": wave(70), "b": wave(70)}, index=DAYS), {}),
    "columns": (
        pd.DataFrame({"a": wave(70), "b": wave(70)}, index=DAYS.to_period("D")),
        {"columns": "series"},
    ),
    "long": (pd.DataFrame(DATA), LONG),
    "polars": (pl.DataFrame(DATA), LONG),
}
ASKED: tuple[dict[str, Any], ...] = (
    {},
    {"quantiles": [0.1, 0.5, 0.9]},
    {"samples": 3},
)


def through_pickle(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


def through_joblib(model: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def through_file(model: Any, folder: Path) -> Any:
    model.save(folder / "forecaster.safetensors")
    return fastlstm.load(folder / "forecaster.safetensors")


def values(answer: Any) -> list[np.ndarray]:
    if isinstance(answer, (pd.DataFrame, pl.DataFrame)):
        return [np.asarray(answer[name].to_numpy()) for name in answer.columns]
    if isinstance(answer, dict):
        return list(answer.values())
    return [np.asarray(part) for part in answer]


def assert_same_answers(model: Any, other: Any) -> None:
    for asked in ASKED:
        answer, expected = (m.predict(**asked) for m in (model, other))
        assert type(answer) is type(expected)
        if isinstance(expected, pd.DataFrame):
            pd.testing.assert_frame_equal(answer, expected, check_exact=True)
        for a, b in zip(values(answer), values(expected), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("form", FORMS)
def test_files_keep_forms(form: str, tmp_path: Path) -> None:
    X, options = FORMS[form]
    model = forecaster(loss="gaussian", **options).fit(X)
    assert_same_answers(through_file(model, tmp_path), model)


@strategies
@pytest.mark.parametrize("transform", [None, ("box_cox", "difference")])
@pytest.mark.parametrize("warm", [False, True])
def test_what_is_loaded_goes_on(
    strategy: str, transform: Any, warm: bool, tmp_path: Path
) -> None:
    y = wave(90)
    model = forecaster(
        horizon=4, loss="gaussian", strategy=strategy, transforms=transform, warm=warm
    ).fit(y[:70])
    model.update(y[70:73])
    others = [
        through_file(model, tmp_path),
        through_pickle(model),
        through_joblib(model),
        copy.deepcopy(model),
    ]
    # Of differences only "recursive" has paths of more than a step.
    asked = {"samples": 2, "steps": None if strategy == "recursive" else 1}
    for other in others:
        assert other.get_params() == model.get_params()
        assert_same_bits(
            {"y": other.predict(y[:30]), "paths": other.predict(**asked)},
            {"y": model.predict(y[:30]), "paths": model.predict(**asked)},
        )
    # An update of the one is none of the other.
    before = model.predict()
    for other in others:
        other.update(y[73:75])
        np.testing.assert_array_equal(model.predict(), before)
    model.update(y[73:75])
    for other in others:
        assert_same_bits({"y": other.predict()}, {"y": model.predict()})
        assert other.score(y[75:]) == model.score(y[75:])


def test_all_that_a_fit_has_found_is_kept(tmp_path: Path) -> None:
    static = {"a": [1.0, "big"], "b": [2.0, "small"]}
    rng = np.random.default_rng(0)
    series = {"a": wave(90), "b": wave(80)}
    future = {"a": rng.random((95, 1)), "b": rng.random((85, 1))}
    model = forecaster(
        strategy="encoder_decoder",
        loss="quantile",
        conformal="adaptive",
        transforms=[Log(shift="auto")],
        scaling="robust",
        dtype="float64",
    ).fit(series, future=future, static=static)
    model.update(
        {"a": [9.0], "b": [9.0]}, future={k: v[-5:] for k, v in future.items()}
    )
    other = through_file(model, tmp_path)
    assert vars(other).keys() == vars(model).keys()
    for name in ("n_iter_", "loss_curve_", "validation_scores_", "stop_reason_"):
        assert getattr(other, name) == getattr(model, name)
    assert (other.window_, other.quantiles_) == (model.window_, model.quantiles_)
    for levels in (None, [0.1, 0.9]):
        answers = other.predict(quantiles=levels), model.predict(quantiles=levels)
        assert_same_bits(*answers)
    conformal = other.forecast_model_.calibration.conformal
    np.testing.assert_array_equal(
        conformal.alpha, model.forecast_model_.calibration.conformal.alpha
    )


def test_transforms_are_parameters(tmp_path: Path) -> None:
    model = forecaster(transforms=[Log(), Difference(2)]).fit(wave())
    other = through_file(model, tmp_path)
    assert repr(other.transforms) == repr(model.transforms)
    assert_same_bits({"y": other.predict()}, {"y": model.predict()})


def test_another_process_reads_it(tmp_path: Path) -> None:
    # Nothing has imported the classes that the file holds there.
    options = {"loss": "gaussian", "conformal": "adaptive", "transforms": "log"}
    model = forecaster(**options, warm=True)
    model.fit(wave()).update([9.0])
    path = tmp_path / "forecaster.safetensors"
    model.save(path)
    code = "import fastlstm; m = fastlstm.load({!r}); print(m.predict().tolist())"
    done = run_python("-c", code.format(str(path)))
    assert done.stdout.strip() == str(model.predict().tolist()), done.stderr


def test_without_scikit_learn(tmp_path: Path) -> None:
    y = wave()
    model = forecaster(loss="gaussian").fit(y)
    path = tmp_path / "forecaster.safetensors"
    model.save(path)
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import fastlstm, numpy as np\n"
        "from fastlstm.forecasting import read_panel\n"
        "from fastlstm.forecasting.forecast_model import Request\n"
        f"model = fastlstm.load({str(path)!r})\n"
        f"panel = read_panel({y.tolist()})\n"
        "forecast = model.forecast(panel, [panel.lengths], Request())[0]\n"
        "print(forecast.ravel().tolist())"
    )
    done = run_python("-c", code)
    assert done.stdout.strip() == str(model.predict().tolist()), done.stderr


def test_only_what_is_fitted_is_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="not fitted yet"):
        forecaster().save(tmp_path / "none")
    assert not list(tmp_path.iterdir())
    times = pd.Series([1.0] * 70, index=DAYS)
    model = forecaster().fit({frozenset("a"): times})
    with pytest.raises(TypeError, match="cannot be kept"):
        model.save(tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_what_is_not_kept_is_told(tmp_path: Path) -> None:
    model = forecaster(callbacks=[fastlstm.training.Callback()]).fit(wave())
    with pytest.warns(UserWarning, match="does not keep callbacks"):
        model.save(tmp_path / "model")
    assert fastlstm.load(tmp_path / "model").callbacks is None
