"""Plain data in a file: what is kept, what is refused, what damage is noticed."""

from __future__ import annotations

import collections
import datetime
import enum
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceScaler
from fastlstm.files import (
    digest,
    read_record,
    read_tensors,
    storable,
    write_record,
    write_tensors,
)
from fastlstm.files.record import _digest
from fastlstm.schedules import Constant
from safetensors import safe_open
from safetensors.numpy import load_file, save_file


def there_and_back(path: Path, value: Any) -> Any:
    write_record(path, "thing", {"value": value})
    return read_record(path, ("thing",))[1]["value"]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return False
        if a.dtype == object:
            return all(map(same, a.flat, b.flat))
        return a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and repr(a) == repr(b)


VALUES = [
    *(None, True, False, 0, -7, 2**80, "", "line\n\u20ac\ud800", 0.1, -0.0, 5e-324),
    *(float("nan"), float("inf"), float("-inf")),
    *([], (), {}, [1, (2.5, [None])], {"a": {"b.c": [1]}, "a.b": {"c": 2}}),
    *({1: 2, "1": 3}, {"~": "tuple", "items": []}, {True: "a", 2.5: None, (1, 2): []}),
    {"a": {"b": np.ones(2)}, "a.b": np.zeros(3), "": np.ones(1)},
    [np.ones(1), np.ones(2)],
    *(np.arange(6, dtype=d).reshape(2, 3) for d in "bBhHiIlLqQefd"),
    *(np.array(5.0), np.zeros((0, 3)), np.zeros(0, "U4"), np.array([True, False])),
    *(np.arange(3, dtype=">i8"), np.array(["a", "b\u20ac"], ">U7"), np.array("abc")),
    *(np.array(["up", "down"]), np.array([["a"], ["bc"]]), np.array([b"a\0b", b""])),
    np.array(["2024-01-01", "NaT"], "M8[D]"),
    np.array([5, 7], "m8[2h]"),
    np.array(["x", 1, 2.5, None, True], object),
    np.array([["x", (1, 2)], ["y", [1, 2]]], object),
    np.array([], object),
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_there_and_back(tmp_path: Path, value: Any) -> None:
    result = there_and_back(tmp_path / "a", value)
    assert same(value, result), result
    assert digest(result) == digest(value)
    load_file(tmp_path / "a")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.1), 0.10000000149011612),
        (np.int16(4), 4),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
    ],
)
def test_numpy_scalars_become_pythons(
    tmp_path: Path, value: Any, expected: Any
) -> None:
    result = there_and_back(tmp_path / "a", value)
    assert type(result) is type(expected)
    assert result == expected == value


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [
        *(1j, b"a", {1}, Colour.RED, object(), len, np.float32, datetime.date.min),
        *(np.zeros(2, "c8"), np.zeros(2, "g"), np.zeros(2, "i4,i4"), np.longdouble(1)),
        *(np.array([object()]), collections.OrderedDict(a=1), np.random.RandomState(0)),
        *(np.ma.zeros(2), np.datetime64("2024-01-01")),
    ],
    ids=lambda value: type(value).__name__,  # a repr may hold an address
)
def test_what_cannot_be_kept(tmp_path: Path, value: Any) -> None:
    with pytest.raises(TypeError, match=r"value\.there.* cannot be kept"):
        there_and_back(tmp_path / "a", {"there": value})
    assert not list(tmp_path.iterdir())


def test_storable_objects(tmp_path: Path) -> None:
    assert there_and_back(tmp_path / "a", Constant()) == Constant()  # no attributes
    scaler = SequenceScaler().fit(np.arange(12.0).reshape(4, 3))
    result = there_and_back(tmp_path / "a", [scaler, SequenceScaler()])
    assert type(result[0]) is SequenceScaler
    np.testing.assert_array_equal(result[0].center, scaler.center)
    np.testing.assert_array_equal(result[0].scale, scaler.scale)
    assert result[1].center is None

    class SequenceScaler2(SequenceScaler):
        pass

    SequenceScaler2.__name__ = "SequenceScaler"  # another class of that name
    with pytest.raises(TypeError, match="SequenceScaler2, which cannot be kept"):
        there_and_back(tmp_path / "a", SequenceScaler2())


def test_objects_of_an_older_version(tmp_path: Path) -> None:
    @storable
    class Thing:
        def __init__(self) -> None:
            self.old = 1

    write_record(tmp_path / "a", "thing", {"value": Thing()})

    @storable
    class Thing:  # type: ignore[no-redef]
        def __init__(self) -> None:
            self.old, self.new = 0, "default"

    made = read_record(tmp_path / "a", ("thing",))[1]["value"]
    assert (made.old, made.new) == (1, "default")

    @storable
    class Thing:  # type: ignore[no-redef]
        pass

    with pytest.raises(ValueError, match="a Thing has no old"):
        read_record(tmp_path / "a", ("thing",))


def test_two_classes_of_one_name(tmp_path: Path) -> None:
    other = type("SequenceScaler", (), {"__module__": "elsewhere"})
    with pytest.raises(
        ValueError,
        match=r"SequenceScaler is that of fastlstm\.data\.scaler\.SequenceScaler "
        r"already: expected another name for elsewhere\.SequenceScaler",
    ):
        storable(other)
    kept = there_and_back(tmp_path / "a", SequenceScaler())
    assert type(kept) is SequenceScaler  # the first stays
    assert storable(SequenceScaler) is SequenceScaler


# ---------------------------------------------------------------------------- damage


def make(path: Path) -> bytes:
    content = {"value": [np.arange(4.0), np.array(["a", "bc"])], "note": "x" * 30}
    write_record(path, "thing", content)
    return path.read_bytes()


def test_every_flip_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    whole = make(path)
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.safetensors (is|cannot be) "):
            read_record(path, ("thing",))


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    whole = make(path)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"a\.safetensors is not a whole"):
            read_record(path, ("thing",))


def test_the_library_may_write_it_again(tmp_path: Path) -> None:
    make(tmp_path / "a")
    with safe_open(tmp_path / "a", "numpy") as file:
        metadata = file.metadata()
    save_file(load_file(tmp_path / "a"), tmp_path / "b", metadata)
    kind, content = read_record(tmp_path / "b", ("thing",))
    assert kind == "thing"
    np.testing.assert_array_equal(content["value"][0], np.arange(4.0))


def edit(path: Path, change: Any) -> None:
    """Change the JSON text of a record, and its sum with it."""
    tensors, metadata = read_tensors(path)
    record = json.loads(metadata["fastlstm"])
    change(record)
    text = json.dumps(record)
    write_tensors(path, tensors, {"fastlstm": text, "sha256": _digest(text, tensors)})


def test_other_formats_and_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a"
    make(path)
    with pytest.raises(
        ValueError, match="it holds a thing, expected a model or a list"
    ):
        read_record(path, ("model", "list"))
    edit(path, lambda record: record.update(format_version=2, fastlstm_version="9.1"))
    with pytest.raises(
        ValueError, match=r"a cannot be read: it has format version 2, .* fastlstm 9\.1"
    ):
        read_record(path, ("thing",))
    write_tensors(path, {"a": np.ones(2)}, {"format": "pt"})
    with pytest.raises(ValueError, match="safetensors file, but none of fastlstm's"):
        read_record(path, ("thing",))


@pytest.mark.parametrize(
    "value",
    [
        {"~": "code", "items": []},
        {"~": "float", "value": "x"},
        {"~": "float"},
        {"~": "tuple", "items": 3},
        {"~": "dict", "items": [[[], 1]]},
        {"~": "dict", "items": [[1]]},
        {"~": "objects", "shape": [3], "items": [1, 2]},
        {"~": "array", "tensor": "none", "dtype": "<f8"},
        {"~": "array", "tensor": "value.0", "dtype": "<f4"},
        {"~": "array", "tensor": "value.0", "dtype": "O"},
        {"~": "array", "tensor": "value.0", "dtype": "f8,f8"},
        {"~": "array", "tensor": "value.0", "dtype": "hello"},
        {"~": "array", "tensor": "value.1", "dtype": "<U99999999"},
        {"~": "array", "tensor": "value.0", "dtype": "<U8"},
        {"~": "object", "class": "Popen", "state": {}},
        {"~": "object", "class": "SequenceScaler", "state": {"transform": 1}},
        {"~": "object", "class": "SequenceScaler", "state": 5},
        {"~": "object", "class": "SequenceModel", "state": {}},
    ],
    ids=json.dumps,
)
def test_made_up_contents(tmp_path: Path, value: Any) -> None:
    make(tmp_path / "a")
    edit(tmp_path / "a", lambda record: record["content"].update(value=value))
    with pytest.raises(ValueError, match="a cannot be read: "):
        read_record(tmp_path / "a", ("thing",))
