"""The flat buffer: views, versions, joining, copies, gradients."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastlstm.params import Parameters, ParameterSpec

SPECS = [
    ParameterSpec("weight_a", (5, 3)),
    ParameterSpec("weight_b", (7,)),
    ParameterSpec("bias", (3,), decay=False),
    ParameterSpec("weight_c", (1, 5)),
]
SIZE = 15 + 7 + 3 + 5
BIG = ParameterSpec("weight", (1000,))
DUPLICATES = [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]


def make(dtype: str = "float64", offset: float = 0.0) -> Parameters:
    params = Parameters(SPECS, dtype)
    with params.update() as flat:
        flat[:] = np.arange(SIZE) + offset
    return params


def test_views_are_ranges_of_flat() -> None:
    params = make()
    assert list(params) == ["weight_a", "weight_b", "bias", "weight_c"]
    assert len(params) == 4
    assert params.size == params.flat.size == SIZE
    np.testing.assert_array_equal(params["weight_a"], np.arange(15).reshape(5, 3))
    np.testing.assert_array_equal(params["bias"], [22, 23, 24])
    assert np.shares_memory(params["bias"], params.flat)


@pytest.mark.parametrize("name", ["flat", "weight_a", "bias"])
def test_views_are_read_only(name: str) -> None:
    params = make()
    view = params.flat if name == "flat" else params[name]
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1.0


def test_decay_ranges_are_maximal() -> None:
    assert make().decay_ranges == [(0, 22, True), (22, 25, False), (25, 30, True)]


STATISTICS = [
    ParameterSpec("weight", (3,)),
    ParameterSpec("mean", (2, 3), decay=False, statistic=True),
]


def test_statistics_are_written_without_a_new_version() -> None:
    inner, other = Parameters(STATISTICS, "float64"), Parameters(SPECS, "float64")
    whole = Parameters.join({"a": other, "b": inner})
    version = whole.version
    inner.statistics("mean")[1] = 2.0
    whole.statistics("b.mean")[0] = 3.0
    assert whole.version == inner.version == version
    expected = [[3.0] * 3, [2.0] * 3]
    for copied in (
        inner["mean"],
        whole["b.mean"],
        inner.state_dict()["mean"],
        copy.deepcopy(whole).statistics("b.mean"),
        pickle.loads(pickle.dumps(inner)).statistics("mean"),
        copy.copy(inner).statistics("mean"),
    ):
        np.testing.assert_array_equal(copied, expected)
    assert whole.decay_ranges[-1] == (SIZE + 3, SIZE + 9, False)
    with pytest.raises(ValueError, match="read-only"):
        whole["b.mean"][0] = 1.0


def test_only_statistics_are_lent_without_a_version() -> None:
    for name in ("weight", "variance"):
        with pytest.raises(
            ValueError, match=rf"'{name}' is not a statistic: expected .*\['mean'\]"
        ):
            Parameters(STATISTICS, "float64").statistics(name)
    with pytest.raises(ValueError, match="statistic 'mean' must have decay=False"):
        ParameterSpec("mean", (3,), statistic=True)


def test_parts_and_copies_have_locks_of_their_own() -> None:
    a, b = Parameters(STATISTICS, "float64"), Parameters(STATISTICS, "float64")
    whole = Parameters.join({"a": a, "b": b})
    assert copy.copy(a).statistics_lock is a.statistics_lock
    locks = [a, b, whole, copy.deepcopy(a), pickle.loads(pickle.dumps(a))]
    assert len({id(params.statistics_lock) for params in locks}) == 5


def test_writable_commits_at_exit() -> None:
    params = make()
    version = params.version
    with params.writable() as values:
        values["bias"][:] = 1.0
        values["weight_b"] = np.full(7, 2.0)
        assert params["bias"][0] == 22.0, "copies until the end"
    np.testing.assert_array_equal(params["bias"], np.ones(3))
    np.testing.assert_array_equal(params["weight_b"], np.full(7, 2.0))
    np.testing.assert_array_equal(params["weight_a"], np.arange(15).reshape(5, 3))
    assert params.version != version


def set_entry(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda values: values.__setitem__(name, value)


BAD_STATES = [
    (set_entry("bias", np.zeros(4)), ValueError, r"bias must have shape \(3,\).*4"),
    (set_entry("bias", np.zeros(3, "f4")), TypeError, "bias must be float64.*float32"),
    (
        set_entry("weight_a", np.full((5, 3), np.nan)),
        ValueError,
        r"weight_a holds nan at index \(0, 0\)",
    ),
    (set_entry("bias", np.array([1, np.inf, 2])), ValueError, r"inf at index \(1,\)"),
    (set_entry("bias", np.ma.ones(3)), TypeError, r"bias is a masked array.*\.filled"),
    (set_entry("other", np.zeros(3)), ValueError, r"unknown \['other'\]"),
    (lambda values: values.pop("bias"), ValueError, r"missing \['bias'\]"),
]


@pytest.mark.parametrize(("spoil", "error", "match"), BAD_STATES)
@pytest.mark.parametrize("way", ["writable", "load_state_dict"])
def test_bad_values_change_nothing(
    way: str, spoil: Callable[[dict[str, Any]], None], error: type, match: str
) -> None:
    params = make()
    before, version = params.flat.copy(), params.version

    def write() -> None:
        state = params.state_dict()
        if way == "load_state_dict":
            state["weight_a"] += 1.0
            spoil(state)
            params.load_state_dict(state)
        else:
            with params.writable() as values:
                values["weight_a"] += 1.0
                spoil(values)

    with pytest.raises(error, match=match):
        write()
    np.testing.assert_array_equal(params.flat, before)
    assert params.version == version


def test_an_exception_inside_writable_commits_nothing() -> None:
    params = make()
    before, version = params.flat.copy(), params.version

    def spoil() -> None:
        with params.writable() as values:
            values["bias"][:] = 0.0
            raise KeyError

    with pytest.raises(KeyError):
        spoil()
    np.testing.assert_array_equal(params.flat, before)
    assert params.version == version


def test_update_changes_the_version_even_after_an_exception() -> None:
    params = make()
    version = params.version

    def spoil() -> None:
        with params.update() as flat:
            flat[0] = 7.0
            raise KeyError

    with pytest.raises(KeyError):
        spoil()
    assert params.version != version


def test_state_dict_is_a_copy_and_loads() -> None:
    params, other = make(), make(offset=100.0)
    state = params.state_dict()
    state["bias"][:] = 0.0
    assert params["bias"][0] == 22.0
    other.load_state_dict(params.state_dict())
    np.testing.assert_array_equal(other.flat, params.flat)


def test_views_of_the_same_parameters_load_as_they_were() -> None:
    specs = [ParameterSpec("a", (3,)), ParameterSpec("b", (3,))]
    params = Parameters(specs, "float64")
    with params.writable() as values:
        values["a"][:], values["b"][:] = 1.0, 2.0
    params.load_state_dict({"a": params["b"], "b": params["a"]})
    np.testing.assert_array_equal(params.flat, [2, 2, 2, 1, 1, 1])
    Parameters((), "float32").load_state_dict({})


def test_join_moves_the_parts_into_one_buffer() -> None:
    a, b = make(), make(offset=100.0)
    whole = Parameters.join({"a": a, "b": b})
    assert list(whole)[3:5] == ["a.weight_c", "b.weight_a"]
    np.testing.assert_array_equal(whole.flat, np.r_[0:SIZE, 100 : 100 + SIZE])
    assert np.shares_memory(whole.flat, a.flat)
    assert np.shares_memory(whole.flat, b["bias"])
    assert whole.parts == {"a": a, "b": b}


def test_writes_through_part_and_whole_are_the_same_writes() -> None:
    a, b = make(), make()
    whole = Parameters.join({"a": a, "b": b})
    version = whole.version
    with b.writable() as values:
        values["bias"][:] = 5.0
    np.testing.assert_array_equal(whole["b.bias"], np.full(3, 5.0))
    assert whole.version == a.version == b.version != version
    with whole.update() as flat:
        flat[:] = 3.0
    assert set(a.flat) == {3.0}


def test_join_of_joined() -> None:
    a, b, c = make(), make(offset=100.0), make(offset=200.0)
    inner = Parameters.join({"a": a, "b": b})
    outer = Parameters.join({"first": c, "inner": inner})
    assert list(outer)[-1] == "inner.b.weight_c"
    with outer.update() as flat:
        flat += 1000.0
    assert a.flat[0] == 1000.0
    assert b.flat[0] == 1100.0
    assert c.flat[0] == 1200.0
    assert outer.version == inner.version == a.version
    part = outer.grads.part("inner").part("b")
    part["bias"][:] = 1.0
    assert np.shares_memory(part.flat, b.grads.flat)
    assert outer.grads["inner.b.bias"].sum() == b.grads["bias"].sum() == 3.0


def test_join_takes_parts_without_elements() -> None:
    empty = Parameters((), "float32")
    whole = Parameters.join({"a": make("float64"), "nothing": empty})
    assert whole.dtype == np.float64
    assert whole.size == SIZE
    assert empty.flat.size == 0
    assert Parameters.join({"only": Parameters((), "float32")}).size == 0


def test_a_failed_join_changes_nothing() -> None:
    a = make()
    buffer, version = a.flat, a.version
    for parts, match in (
        ({"a": a, "b": make("float32")}, "one dtype, got a: float64, b: float32"),
        ({"a": a, "b": a}, "stand twice"),
        ({"a.b": a}, "no dot: 'a.b'"),
        ({"": a}, "non-empty"),
    ):
        with pytest.raises(ValueError, match=match):
            Parameters.join(parts)
    assert a.flat is buffer
    assert a.version == version
    Parameters.join({"a": a})
    with pytest.raises(ValueError, match="'again' already is part"):
        Parameters.join({"again": a})


def test_default_gradients_of_parts_are_ranges_of_the_wholes() -> None:
    a, b = make(), make()
    before = a.grads
    whole = Parameters.join({"a": a, "b": b})
    assert a.grads is not before
    a.grads["bias"][:] = 2.0
    assert whole.grads["a.bias"].sum() == whole.grads.flat.sum() == 6.0
    assert whole.grads.part("a")["bias"].sum() == 6.0
    whole.grads.zero()
    assert not a.grads.flat.any()


def test_new_grads_are_separate_zeros_with_the_same_names() -> None:
    params = make("float32")
    grads = params.new_grads()
    assert list(grads) == list(params)
    assert len(grads) == len(params)
    assert grads.flat.dtype == np.float32
    assert not grads.flat.any()
    grads["weight_c"][0, 2] = 1.0
    assert grads.flat[27] == 1.0
    assert not params.grads.flat.any()


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_copies_keep_their_structure_and_stand_alone(
    duplicate: Callable[..., Any],
) -> None:
    a, b = make(), make(offset=100.0)
    whole = Parameters.join({"a": a, "b": b})
    whole2, a2 = duplicate((whole, a))
    np.testing.assert_array_equal(whole2.flat, whole.flat)
    assert whole2.parts["a"] is a2
    assert whole2.version != whole.version
    with a2.writable() as values:
        values["bias"][:] = -1.0
    np.testing.assert_array_equal(whole2["a.bias"], np.full(3, -1.0))
    assert a["bias"][0] == 22.0
    with pytest.raises(ValueError, match="read-only"):
        whole2["a.bias"][0] = 1.0
    grads = whole.new_grads()
    copied = duplicate(grads)
    copied["a.bias"][:] = 1.0
    assert copied.flat.sum() == 3.0
    assert not grads.flat.any()


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_a_copied_part_is_cut_from_the_whole(duplicate: Callable[..., Any]) -> None:
    inner = Parameters.join({"a": make(), "b": make(offset=100.0)})
    whole = Parameters.join({"big": Parameters([BIG], "float64"), "inner": inner})
    assert len(pickle.dumps(inner)) < 8 * BIG.size
    cut = duplicate(inner)
    np.testing.assert_array_equal(cut.flat, inner.flat)
    assert cut.flat.base.nbytes == inner.flat.nbytes
    other = Parameters.join({"cut": cut})
    np.testing.assert_array_equal(other["cut.b.bias"], inner["b.bias"])
    # Its own parts, and those of a whole, stay what they were.
    for group in (cut, inner, duplicate(whole)):
        part = next(iter(group.parts.values()))
        assert np.shares_memory(part.flat, group.flat)
        with pytest.raises(ValueError, match="already is part"):
            Parameters.join({"again": part})


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_a_part_may_be_met_before_its_whole(duplicate: Callable[..., Any]) -> None:
    a, b = make(), make(offset=100.0)
    whole = Parameters.join({"inner": Parameters.join({"a": a, "b": b})})
    b2, whole2 = duplicate((b, whole))
    assert whole2.parts["inner"].parts["b"] is b2
    with b2.writable() as values:
        values["bias"][:] = -1.0
    np.testing.assert_array_equal(whole2["inner.b.bias"], np.full(3, -1.0))
    np.testing.assert_array_equal(whole2["inner.a.bias"], a["bias"])
    assert b["bias"][0] == 122.0


def test_a_shallow_copy_shares_the_buffer() -> None:
    a = make()
    whole = Parameters.join({"a": a})
    same = copy.copy(whole)
    with a.writable() as values:
        values["bias"][:] = -1.0
    np.testing.assert_array_equal(same["a.bias"], np.full(3, -1.0))
    np.testing.assert_array_equal(whole["a.bias"], np.full(3, -1.0))
    assert same.version == whole.version


def test_versions_differ_between_buffers() -> None:
    assert make().version != make().version


def test_bad_specs() -> None:
    with pytest.raises(ValueError, match="names must differ"):
        Parameters([SPECS[0], SPECS[0]], "float32")
    with pytest.raises(ValueError, match="too large to address"):
        Parameters([ParameterSpec("w", (2**40, 2**40))], "float32")
    for dtype in ("float16", None, "int64", "nonsense", ">f4"):
        with pytest.raises(ValueError, match="'float32' or 'float64', got"):
            Parameters(SPECS, dtype)
