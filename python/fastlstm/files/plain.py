"""From values to JSON and tensors, and back.

What JSON says itself stays as it is: None, bool, int, str, finite floats (Python's
``repr`` of one is exact), lists, dicts with names. All else is a dict with the entry
"~", which tells what it is: arrays refer to a tensor, objects of `storable` classes
name their class.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_plain", "storable", "to_plain"]

Class = TypeVar("Class", bound=type)

_TAG: Final = "~"
_NUMBERS: Final = "?bBhHiIlLqQefd"
# Each element of these is seen as some numbers: characters, bytes, ticks.
_PARTS: Final = {"U": "<u4", "S": "u1", "M": "<i8", "m": "<i8"}

_storable: dict[str, type] = {}


def storable(cls: Class) -> Class:
    """Let objects of a class be kept in files, by its name; a decorator.

    Kept is what a pickle would keep, and it has to be plain data again. A dataclass is
    made of its fields. Another class without ``__setstate__`` needs a constructor
    without arguments, whose attributes are then set. What the file does not have keeps
    its default.

    Raises
    ------
    ValueError
        Another class has the name: of a file nobody could tell which of them it means.
        The same one again, of a module that is reloaded, takes its place.
    """
    known = _storable.get(cls.__name__, cls)
    if _origin(known) != _origin(cls):
        raise ValueError(
            f"files know a class by its bare name, and {cls.__name__} is that of "
            f"{_origin(known)} already: expected another name for {_origin(cls)}"
        )
    _storable[cls.__name__] = cls
    return cls


def _origin(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def to_plain(value: Any, tensors: dict[str, NDArray[Any]], name: str = "") -> Any:
    """Return what JSON can say of ``value``; arrays go to ``tensors``.

    Raises
    ------
    TypeError
        What cannot be kept, and where it stands.
    """
    if isinstance(value, np.generic):
        value = value.item()
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {_TAG: "float", "value": repr(value)}
    if kind is np.ndarray:
        return _array_to_plain(value, tensors, name)
    if kind in (list, tuple):
        items = _items_to_plain(value, tensors, name)
        return items if kind is list else {_TAG: "tuple", "items": items}
    if kind is dict:
        if all(type(key) is str for key in value) and _TAG not in value:
            return {
                key: to_plain(item, tensors, f"{name}.{key}" if name else key)
                for key, item in value.items()
            }
        pairs = _items_to_plain([*value.items()], tensors, name)
        return {_TAG: "dict", "items": pairs}
    if _storable.get(kind.__name__) is kind:
        state = to_plain(value.__getstate__() or {}, tensors, name)
        return {_TAG: "object", "class": kind.__name__, "state": state}
    raise TypeError(
        f"{name or 'this'} is a {_origin(kind)}, which cannot be kept in a file: "
        "expected None, bool, int, float, str, list, tuple, dict or array"
    )


def _items_to_plain(
    items: Any, tensors: dict[str, NDArray[Any]], name: str
) -> list[Any]:
    return [to_plain(item, tensors, f"{name}.{i}") for i, item in enumerate(items)]


def _array_to_plain(
    array: NDArray[Any], tensors: dict[str, NDArray[Any]], name: str
) -> dict[str, Any]:
    dtype = array.dtype
    if dtype.kind == "O":
        items = _items_to_plain(array.reshape(-1).tolist(), tensors, name)
        return {_TAG: "objects", "shape": list(array.shape), "items": items}
    if dtype.kind not in _PARTS and dtype.char not in _NUMBERS:
        raise TypeError(f"{name} is an array of {dtype}, which cannot be kept")
    numbers = array.astype(dtype.newbyteorder("<"), order="C", copy=False)
    if dtype.kind in _PARTS:
        part = np.dtype(_PARTS[dtype.kind])
        shape = (*array.shape, dtype.itemsize // part.itemsize)
        numbers = numbers.reshape(-1).view(part).reshape(shape)
    base = unique = name or "array"
    while unique in tensors:
        unique = f"{base}~{len(tensors)}"
    tensors[unique] = numbers
    return {_TAG: "array", "tensor": unique, "dtype": dtype.str}


def from_plain(node: Any, tensors: Mapping[str, NDArray[Any]]) -> Any:
    """Return the value that `to_plain` gave ``node`` and ``tensors`` for.

    Raises
    ------
    ValueError, TypeError, LookupError
        What `to_plain` cannot have written.
    """
    if isinstance(node, list):
        return [from_plain(item, tensors) for item in node]
    if not isinstance(node, dict):
        return node
    if _TAG not in node:
        return {name: from_plain(item, tensors) for name, item in node.items()}
    kind = node[_TAG]
    if kind == "float":
        return float(node["value"])
    if kind == "tuple":
        return tuple(from_plain(node["items"], tensors))
    if kind == "dict":
        return dict(from_plain(node["items"], tensors))
    if kind == "objects":
        items = from_plain(node["items"], tensors)
        array = np.empty(len(items), object)
        for at, item in enumerate(items):  # at once, it would look into lists
            array[at] = item
        return array.reshape(node["shape"])
    if kind == "array":
        return _array_from_plain(tensors[node["tensor"]], np.dtype(node["dtype"]))
    if kind == "object":
        return _object_from_plain(node["class"], from_plain(node["state"], tensors))
    raise ValueError(f"it holds a {kind!r}, which this version does not know")


def _array_from_plain(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    base = dtype.newbyteorder("=")
    if dtype.kind in _PARTS:
        part = np.dtype(_PARTS[dtype.kind]).newbyteorder("=")
        if array.dtype != part or array.shape[-1:] != (base.itemsize // part.itemsize,):
            raise ValueError(f"{array.shape} numbers are no array of {dtype}")
        array = array.view(base).reshape(array.shape[:-1])
    elif array.dtype != base:
        raise ValueError(f"a tensor of {array.dtype} stands for an array of {dtype}")
    return array.astype(dtype, copy=False)


def _object_from_plain(name: str, state: dict[str, Any]) -> Any:
    cls = _storable.get(name)
    if cls is None:
        raise ValueError(f"it holds a {name!r}, which this version does not know")
    # A name of a method is no attribute's: it would stand before the method.
    unknown = sorted(key for key in state if callable(getattr(cls, key, None)))
    if not unknown and hasattr(cls, "__setstate__"):
        made: Any = object.__new__(cls)
        made.__setstate__(state)
        return made
    made = None if is_dataclass(cls) else cls()
    known = {f.name for f in fields(cls)} if is_dataclass(cls) else set(vars(made))
    unknown = unknown or sorted(set(state) - known)
    if unknown:
        raise ValueError(f"a {name} has no {', '.join(unknown)}")
    if made is None:
        return cls(**state)
    vars(made).update(state)
    return made
