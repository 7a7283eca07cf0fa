"""Checkpoints know the parameters of their fit, objects and functions too."""

from __future__ import annotations

import functools
import logging
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastlstm.estimators.notes import agree, note
from fastlstm.files import read_record, write_record
from fastlstm.schedules import Schedule, WarmUp
from sklearn.metrics import (
    d2_pinball_score,
    explained_variance_score,
    make_scorer,
    r2_score,
)

from .test_fit import problem, quiet, regressor
from .test_resume import killed

pytestmark = quiet


def error_of(y: Any, predicted: Any) -> float:
    return float(np.abs(y - predicted).mean())


def by(power: float) -> Any:
    return lambda model, X, y: -float((np.abs(y - model.predict(X)) ** power).mean())


class Decay(Schedule):
    """With settings that a file cannot keep: an object with slots and a function."""

    def __init__(self, rate: float, shape: Any = error_of) -> None:
        self.inner = Slotted(rate)
        self.shape = shape

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        return float(self.inner.rate**step)


class Slotted:
    __slots__ = ("__hidden", "rate")

    def __init__(self, rate: float, hidden: int = 0) -> None:
        self.rate = rate
        self.__hidden = hidden


class Scores:
    def __init__(self, sign: float) -> None:
        self.sign = sign

    def score(self, model: Any, X: Any, y: Any) -> float:
        return self.sign * error_of(y, model.predict(X))


def negative(model: Any, X: Any, y: Any) -> float:
    return -error_of(y, model.predict(X))


def halved(model: Any, X: Any, y: Any, *, factor: float = 0.5) -> float:
    return factor * negative(model, X, y)


# Each is made anew for each fit, as in a process of its own.
OBJECTS: dict[str, tuple[str, Callable[[], Any], Callable[[], Any]]] = {
    "functions": ("scoring", lambda: negative, lambda: halved),
    "lambdas": (
        "scoring",
        lambda: lambda model, X, y: -error_of(y, model.predict(X)),
        lambda: lambda model, X, y: -2 * error_of(y, model.predict(X)),
    ),
    "enclosed": ("scoring", lambda: by(1.0), lambda: by(2.0)),
    "partial": (
        "scoring",
        lambda: functools.partial(halved, factor=0.1),
        lambda: functools.partial(halved, factor=0.2),
    ),
    "methods": ("scoring", lambda: Scores(-1.0).score, lambda: Scores(-2.0).score),
    "scorers": (
        "scoring",
        lambda: make_scorer(r2_score),
        lambda: make_scorer(explained_variance_score),
    ),
    "options": (
        "scoring",
        lambda: make_scorer(d2_pinball_score, alpha=0.1),
        lambda: make_scorer(d2_pinball_score, alpha=0.2),
    ),
    "schedules": ("learning_rate", lambda: Decay(0.9), lambda: Decay(0.8)),
    "functions in schedules": (
        "learning_rate",
        lambda: Decay(0.9, np.mean),
        lambda: Decay(0.9, np.median),
    ),
}


@pytest.mark.parametrize(("name", "make", "other"), OBJECTS.values(), ids=OBJECTS)
def test_objects_as_parameters(
    rng: np.random.Generator, tmp_path: Path, name: str, make: Any, other: Any
) -> None:
    X, y = problem(rng)
    options = {"early_stopping": True, "max_iter": 3}
    killed(regressor(**options, **{name: make()}), 5, tmp_path, X, y)
    message = rf"is of another fit: {name} was \{{'object'.*, is \{{'object'"
    with pytest.raises(ValueError, match=message):
        regressor(**options, **{name: other()}).fit(
            X, y, checkpoint=tmp_path, resume=True
        )
    model = regressor(**options, **{name: make()})
    assert model.fit(X, y, checkpoint=tmp_path, resume=True).n_iter_ == 3


@pytest.mark.parametrize(
    ("options", "same", "others"),
    [
        (
            {"quantile": np.array([0.1, 0.5, 0.9])},
            {"quantile": np.array([0.1, 0.5, 0.9])},
            {"quantile": np.array([0.1, 0.5, 0.8])},
        ),
        ({"hidden_size": (3, 2)}, {"hidden_size": [3, 2]}, {"hidden_size": [3, 3]}),
        ({"alpha": 0}, {"alpha": np.float64(0.0)}, {"alpha": 1}),
        (
            {"initializer": dict.fromkeys("ifgo", "orthogonal")},
            {"initializer": dict.fromkeys("ogfi", "orthogonal")},
            {"initializer": dict.fromkeys("ifgo", "glorot")},
        ),
    ],
    ids=["arrays", "tuples", "numbers", "dicts"],
)
def test_parameters_are_compared_by_contents(
    rng: np.random.Generator,
    tmp_path: Path,
    options: dict[str, Any],
    same: dict[str, Any],
    others: dict[str, Any],
) -> None:
    X, y = problem(rng)
    fixed = {"loss": "quantile", "max_iter": 3}
    killed(regressor(**fixed, **options), 5, tmp_path, X, y)
    with pytest.raises(ValueError, match=f"another fit: {next(iter(others))} was"):
        regressor(**fixed, **others).fit(X, y, checkpoint=tmp_path, resume=True)
    model = regressor(**fixed, **same).fit(X, y, checkpoint=tmp_path, resume=True)
    assert model.n_iter_ == 3


def test_notes_of_older_files(rng: np.random.Generator, tmp_path: Path) -> None:
    """They tell of an object the class and, where those are plain, attributes."""
    X, y = problem(rng)
    options = {"early_stopping": True, "max_iter": 3, "learning_rate": Decay(0.9)}
    killed(regressor(**options, scoring=negative), 5, tmp_path, X, y)
    path = max(tmp_path.iterdir())
    (kind, content) = read_record(path, ("checkpoint",))
    old = {"learning_rate": [f"{__name__}.Decay"], "scoring": ["builtins.function", {}]}
    content["extra"]["parameters"] |= old
    write_record(path, kind, content)
    with pytest.raises(ValueError, match=r"scoring was \['builtins\.function', \{\}\]"):
        regressor(**options, scoring="r2").fit(X, y, checkpoint=tmp_path, resume=True)
    changed = {**options, "learning_rate": WarmUp(2.0), "scoring": negative}
    with pytest.raises(ValueError, match=r"learning_rate was \[.*is WarmUp"):
        regressor(**changed).fit(X, y, checkpoint=tmp_path, resume=True)
    model = regressor(**options, scoring=negative)
    assert model.fit(X, y, checkpoint=tmp_path, resume=True).n_iter_ == 3


def test_what_is_noted() -> None:
    itself = Scores(1.0)
    itself.sign = itself
    slots = note(Slotted(0.5, 3))["attributes"]
    assert slots == {"_Slotted__hidden": 3, "rate": 0.5}
    assert note(itself)["attributes"] == {"sign": "itself"}
    assert note(threading.Lock()) == {"object": "_thread.lock"}  # of an address
    assert note(range(3))["parts"][1] == (0, 3, 1)
    assert list({0, 8}) != list({8, 0})
    assert note({0, 8}) == note({8, 0})
    assert note([error_of, 2])[1] == 2
    assert note({error_of: 1})[0][1] == 1
    assert note(math)["name"] == "math"
    assert note(logging.getLogger("a.b"))["parts"][1] == ("a.b",)
    assert note(np.random.RandomState(0)) == note(np.random.RandomState(1))
    assert agree(note(Scores(math.nan)), note(Scores(math.nan)))
    assert not agree(note(error_of), note(Scores(1.0)))
    assert not agree(["m.Other", {}], note(Scores(1.0)))
