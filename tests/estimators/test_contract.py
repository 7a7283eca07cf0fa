"""What every estimator promises, whatever its targets are.

scikit-learn's own checks (test_scikit_learn.py) take neither lists of sequences nor
targets of steps.
"""

from __future__ import annotations

import ast
import copy
import inspect
import io
import pickle
import re
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import get_tags

from ..compare import assert_same_bits
from .contract import Case, assert_attributes_are_documented, cases, forms

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Hold numbers to the bit, and labels."""
    assert actual.keys() == expected.keys()
    for name, values in expected.items():
        assert actual[name].dtype == values.dtype, name
        np.testing.assert_array_equal(actual[name], values, name)


# ------------------------------------------------------------------- parameters


@cases
def test_constructor_only_stores(case: Case) -> None:
    names = list(inspect.signature(case.estimator).parameters)
    values = {name: object() for name in names}
    model = case.estimator(**values)
    assert vars(model) == values
    assert model.get_params(deep=False) == values


@cases
def test_parameters_go_round(case: Case) -> None:
    model = case.make(hidden_size=(4, 3), dropout=0.1)
    other = case.estimator().set_params(**model.get_params())
    assert other.get_params() == model.get_params()
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'units' for estimator"):
        model.set_params(units=3)


@cases
def test_documentation_tells_the_defaults(case: Case) -> None:
    text = case.estimator.__doc__ or ""
    for place in ("parameters", "attributes", "standardize", "score"):
        assert f"{{{place}}}" not in text
    for name, parameter in inspect.signature(case.estimator).parameters.items():
        told = re.search(rf"^    {name} : .*, default=(.*)$", text, re.M)
        assert told, name
        assert ast.literal_eval(told[1]) == parameter.default, name


@cases
def test_representations(case: Case) -> None:
    model = case.estimator(32, dropout=0.1)
    name = case.estimator.__name__
    assert repr(model) == f"{name}(dropout=0.1, hidden_size=32)"
    assert name in model._repr_html_()


@cases
def test_tags(case: Case) -> None:
    tags = get_tags(case.make())
    assert tags.estimator_type == case.estimator_type
    assert tags.input_tags.three_d_array
    assert tags.target_tags.required
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan


# -------------------------------------------------------------------------- fit


@cases
@forms
def test_fit_returns_self_and_changes_nothing(
    rng: np.random.Generator, case: Case, form: str
) -> None:
    X, y = case.problem(rng, form)
    weights = np.linspace(0.0, 1.0, len(X))
    before = copy.deepcopy((X, y, weights))
    model = case.make()
    parameters = model.get_params()
    assert model.fit(X, y, weights, X_val=X, y_val=y) is model
    case.answers(model, X)
    model.score(X, y, weights)
    assert model.get_params() == parameters
    for now, then in zip((X, y, weights), before, strict=True):
        for part, expected in zip(now, then, strict=True):
            np.testing.assert_array_equal(part, expected)


@cases
def test_read_only_arrays(rng: np.random.Generator, case: Case) -> None:
    X, y = case.problem(rng)
    expected = case.answers(case.make().fit(X, y), X)
    for array in (X, y):
        array.flags.writeable = False
    same(case.answers(case.make().fit(X, y), X), expected)


@cases
def test_what_a_fit_finds_is_documented(rng: np.random.Generator, case: Case) -> None:
    model = case.make().fit(*case.problem(rng, "frame"))
    assert_attributes_are_documented(model)


@cases
@forms
def test_a_second_fit_forgets_the_first(
    rng: np.random.Generator, case: Case, form: str
) -> None:
    X, y = case.problem(rng, form)
    fresh = case.make().fit(X, y)
    other = "array" if form == "frame" else "frame"
    model = case.make(early_stopping=True).fit(*case.problem(rng, other, 30))
    model.set_params(early_stopping=False).fit(X, y)
    assert vars(model).keys() == vars(fresh).keys()
    assert model.n_features_in_ == fresh.n_features_in_
    assert model.loss_curve_ == fresh.loss_curve_
    assert model.validation_scores_ is None
    same(case.answers(model, X), case.answers(fresh, X))


@cases
@forms
def test_one_random_state_one_result(
    rng: np.random.Generator, threads: Any, case: Case, form: str
) -> None:
    X, y = case.problem(rng, form)
    options = {"dropout": 0.2, "early_stopping": True}
    results = []
    for count in (1, 2, 3):
        threads(count)
        model = case.make(**options).fit(X, y)
        results.append({"weights": model.model_.params.flat.copy()})
        results[-1] |= case.answers(model, X)
    for result in results[1:]:
        same(result, results[0])
    other = case.make(random_state=1, **options).fit(X, y)
    assert (other.model_.params.flat != results[0]["weights"]).any()


@cases
@forms
def test_zero_weight_is_absence(
    rng: np.random.Generator, case: Case, form: str
) -> None:
    X, y = case.problem(rng, form)
    kept = np.arange(len(X)) % 3 != 0
    weights = np.where(kept, 1.0, 0.0)
    rows = np.flatnonzero(kept)
    few = [[part[k] for k in rows] for part in (X, y)]
    if form != "list":
        few = [np.array(part) for part in few]
    # What is absent may be longer, larger and of other labels than all that is there.
    if form == "list":
        X[0] = 1e3 * rng.standard_normal((9, 3))
        y[0] = case.target(X[0])
    model = case.make().fit(X, y, weights)
    other = case.make().fit(*few, weights[kept])
    assert_same_bits(
        {"weights": model.model_.params.flat}, {"weights": other.model_.params.flat}
    )
    assert model.loss_curve_ == other.loss_curve_
    same(case.answers(model, X), case.answers(other, X))


@cases
def test_validation_scores_are_those_of_score(
    rng: np.random.Generator, case: Case
) -> None:
    X, y = case.problem(rng, "list", 40)
    model = case.make().fit(X[:25], y[:25], X_val=X[25:], y_val=y[25:])
    assert len(model.validation_scores_) == model.n_iter_ == 3
    # The fit scores float32 outputs in the network's units.
    expected = pytest.approx(model.score(X[25:], y[25:]), rel=1e-5)
    assert model.validation_scores_[-1] == expected


# ---------------------------------------------------------------------- predict


@cases
@forms
def test_not_fitted(rng: np.random.Generator, case: Case, form: str) -> None:
    X, y = case.problem(rng, form)
    model = case.make()
    for method in case.methods:
        with pytest.raises(NotFittedError, match=r"This LSTM.* is not fitted yet"):
            getattr(model, method)(X)
    with pytest.raises(NotFittedError):
        model.score(X, y)
    with pytest.raises(NotFittedError):
        clone(case.make().fit(X, y)).predict(X)


@cases
@forms
def test_order_and_company_do_not_matter(
    rng: np.random.Generator, case: Case, form: str
) -> None:
    X, y = case.problem(rng, form)
    model = case.make().fit(X, y)
    together = case.answers(model, X)
    order = rng.permutation(len(X))
    shuffled = [X[k] for k in order] if form == "list" else X[order]
    there = case.answers(model, shuffled)
    for place, row in enumerate(order):
        alone = case.answers(model, X[row : row + 1])
        for method in case.methods:
            expected = {"y": together[f"{method} {row}"]}
            same({"y": there[f"{method} {place}"]}, expected)
            same({"y": alone[f"{method} 0"]}, expected)


def through_pickle(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


def through_joblib(model: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@cases
@pytest.mark.parametrize("copy_of", [copy.deepcopy, through_pickle, through_joblib])
def test_copies(rng: np.random.Generator, case: Case, copy_of: Any) -> None:
    X, y = case.problem(rng, "list")
    model = case.make(warm_start=True)
    unfitted = copy_of(model)
    assert unfitted.get_params() == model.get_params()
    expected = case.answers(model.fit(X, y), X)
    same(case.answers(unfitted.fit(X, y), X), expected)
    other = copy_of(model)
    same(case.answers(other, X), expected)
    assert other.score(X, y) == model.score(X, y)
    # Optimizer and stopping come along; the copy's fit leaves the original alone.
    again = case.answers(other.fit(X, y), X)
    same(case.answers(model, X), expected)
    same(case.answers(model.fit(X, y), X), again)


# ------------------------------------------------------------------ bad input


@cases
def test_features(rng: np.random.Generator, case: Case) -> None:
    X, y = case.problem(rng)
    model = case.make().fit(X, y)
    assert model.n_features_in_ == 3
    name = case.estimator.__name__
    for bad in (X[:, :, :2], [part[:, :2] for part in X]):
        for method in case.methods:
            with pytest.raises(
                ValueError, match=f"X has 2 features, but {name} is expecting 3"
            ):
                getattr(model, method)(bad)
        with pytest.raises(ValueError, match="X_val has 2 features, but"):
            case.make().fit(X, y, X_val=bad, y_val=y)
    frame, y = case.problem(rng, "frame")
    model.fit(frame, y)
    assert model.n_features_in_ == 6
    with pytest.raises(ValueError, match="X has 5 features"):
        model.predict(frame[:, :5])


def spoilt(X: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    bad = X.copy()
    bad[place] = value
    return bad


BAD = {
    "no y": (lambda X, y: (X, None), "requires y to be passed, but the target y is"),
    "fewer y": (lambda X, y: (X, y[:-1]), r"inconsistent numbers of samples: \[24, 23"),
    "NaN": (
        lambda X, y: (spoilt(X, (3, 2, 1), np.nan), y),
        "Input X contains NaN at sample 3, step 2, feature 1",
    ),
    "inf in a list": (
        lambda X, y: (list(spoilt(X, (4, 0, 2), -np.inf)), y),
        "Input X contains -inf at sample 4, step 0, feature 2",
    ),
    "empty sequence": (lambda X, y: ([X[0, :0], *X[1:]], y), "sequence 0 is empty"),
    "no samples": (lambda X, y: (X[:0], y[:0]), r"\(0, 6, 3\).*at least one of each"),
    "4-D": (lambda X, y: (X[None], y), r"shape \(1, 24, 6, 3\): expected an array"),
    "words": (lambda X, y: (np.full(X.shape, "a"), y), "could not convert string"),
}


@cases
@pytest.mark.parametrize("name", BAD)
def test_bad_input_changes_nothing(
    rng: np.random.Generator, case: Case, name: str
) -> None:
    spoil, message = BAD[name]
    X, y = case.problem(rng)
    model = case.make(warm_start=True).fit(X, y)
    before, expected = dict(vars(model)), case.answers(model, X)
    bad = spoil(X, y)
    for warm_start in (True, False):
        model.set_params(warm_start=warm_start)
        with pytest.raises(ValueError, match=message):
            model.fit(*bad)
    assert dict(vars(model)) == {**before, "warm_start": False}
    same(case.answers(model, X), expected)
    fresh = case.make()
    with pytest.raises(ValueError, match=message):
        fresh.fit(*bad)
    assert vars(fresh) == fresh.get_params()


@cases
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(24), "at least one non-zero number"),
        (np.r_[-1.0, np.ones(23)], "[Nn]egative values in data"),
        (np.ones(23), r"sample_weight.shape == \(23,\)"),
        (np.r_[np.nan, np.ones(23)], "sample_weight contains NaN"),
    ],
)
def test_bad_weights(
    rng: np.random.Generator, case: Case, weights: Any, message: str
) -> None:
    X, y = case.problem(rng)
    with pytest.raises(ValueError, match=message):
        case.make().fit(X, y, weights)


# ---------------------------------------------------------- scikit-learn's tools


def doubled(X: list[np.ndarray]) -> list[np.ndarray]:
    return [2.0 * part for part in X]


@cases
def test_pipelines(rng: np.random.Generator, case: Case) -> None:
    X, y = case.problem(rng, "list")
    pipeline = make_pipeline(FunctionTransformer(doubled), case.make()).fit(X, y)
    model = case.make().fit(doubled(X), y)
    same(case.answers(pipeline, X), case.answers(model, doubled(X)))
    assert pipeline.score(X, y) == model.score(doubled(X), y)

    X, y = case.problem(rng, "frame")
    pipeline = make_pipeline(StandardScaler(), case.make()).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    model = case.make().fit(scaled, y)
    same(case.answers(pipeline, X), case.answers(model, scaled))


@cases
@forms
def test_cross_validation(rng: np.random.Generator, case: Case, form: str) -> None:
    X, y = case.problem(rng, form)
    scores = cross_val_score(case.make(), X, y, cv=KFold(3))
    inside = slice(8, None)
    expected = case.make().fit(X[inside], y[inside]).score(X[:8], y[:8])
    assert scores[0] == expected
    search = GridSearchCV(case.make(), {"hidden_size": [3, 5]}, cv=2).fit(X, y)
    best = case.make(**search.best_params_).fit(X, y)
    same(case.answers(search, X), case.answers(best, X))
    assert search.score(X, y) == best.score(X, y)
