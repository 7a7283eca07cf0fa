"""Constructors that are made of what classes annotate."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest
from fastlstm import LSTMClassifier, LSTMRegressor, LSTMTagger
from fastlstm.estimators.arguments import Arguments, takes_arguments
from fastlstm.estimators.parameters import document

from .contract import Case, cases

KEYWORD, EITHER = (
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


@takes_arguments
class Other(LSTMTagger):
    """One with a default and an argument of its own."""

    max_iter: int = 3
    beam: int = 7


@takes_arguments
class Less(Other):
    """One to which some arguments mean nothing."""

    _without = ("layout", "bidirectional")

    num_layers: int = 2


def test_a_subclass_may_have_fewer() -> None:
    before, after = (inspect.signature(cls).parameters for cls in (Other, Less))
    assert list(after) == [n for n in before if n not in {"layout", "bidirectional"}]
    assert [n for n, p in after.items() if p != before[n]] == ["num_layers"]
    assert after["num_layers"].kind == KEYWORD
    assert vars(Less()).keys() == after.keys()
    with pytest.raises(TypeError, match="'layout'"):
        Less(layout="ntf")
    told = document()(type("Told", (Less,), {"__doc__": "    {parameters}"})).__doc__
    assert "num_layers : int, default=1\n" in told
    assert "layout" not in told


def test_a_subclass_writes_what_differs() -> None:
    before, after = (inspect.signature(cls).parameters for cls in (LSTMTagger, Other))
    assert [*before, "beam"] == list(after)
    assert [n for n, p in after.items() if p != before.get(n)] == ["max_iter", "beam"]
    assert LSTMTagger().max_iter == 200
    other = Other(5, beam=8)
    assert other.get_params()["beam"] == 8
    assert vars(other).keys() == after.keys()
    assert repr(other) == "Other(beam=8, hidden_size=5)"


@pytest.mark.parametrize("cls", [Arguments, LSTMClassifier, LSTMRegressor, LSTMTagger])
def test_two_arguments_may_be_positional(cls: type[Any]) -> None:
    kinds = {n: p.kind for n, p in inspect.signature(cls).parameters.items()}
    assert [n for n, kind in kinds.items() if kind == EITHER] == [
        "hidden_size",
        "num_layers",
    ]
    assert set(kinds.values()) == {EITHER, KEYWORD}
    with pytest.raises(TypeError, match=rf"{cls.__name__}.__init__.*'hiden_size'"):
        cls(hiden_size=3)
    assert cls.__init__.__module__ == cls.__module__


@cases
def test_others_see_no_dataclass(case: Case) -> None:
    # Its fields would be taken for all of its state.
    assert not dataclasses.is_dataclass(case.make())
