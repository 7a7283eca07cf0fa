"""What a checkpoint notes of an estimator's parameters, and whether two notes differ.

Design: data are noted as they are. Of objects that is their class and attributes, of
functions module and name; of those without a name of their own, lambdas and functions
in functions, their byte code and what they enclose. What a class or a named function
does is its author's affair: fits may go on after a correction there.
"""

from __future__ import annotations

import re
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import numpy as np

from ..files import digest
from .saving import is_plain

__all__ = ["agree", "note"]

_ADDRESS: Final = re.compile(r"\b0x[0-9a-f]+", re.IGNORECASE)


def note(value: Any, above: tuple[int, ...] = ()) -> Any:
    """Return ``value`` as a file can keep it; ``above`` are ids of what holds it."""
    if is_plain(value):
        return value
    if id(value) in above:
        return "itself"
    inside = partial(note, above=(*above, id(value)))
    if isinstance(value, (list, tuple)):
        return [inside(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(inside, value), key=digest)
    if isinstance(value, dict):
        return [[inside(key), inside(item)] for key, item in value.items()]
    return {"object": _name(type(value)), **_contents(value, inside)}


def _contents(value: Any, inside: Any) -> dict[str, Any]:
    if isinstance(value, np.random.RandomState):
        return {}  # what it has drawn is among the seeds
    if isinstance(value, ModuleType):
        return {"name": value.__name__}
    if isinstance(value, MethodType):
        return {"name": _name(value), "of": inside(value.__self__)}
    if isinstance(value, CodeType):
        names = [*value.co_names, *value.co_varnames, *value.co_freevars]
        return {"code": digest([value.co_code.hex(), names, inside(value.co_consts)])}
    if isinstance(value, (type, FunctionType, BuiltinFunctionType)):
        contents: dict[str, Any] = {"name": _name(value)}
        if isinstance(value, FunctionType) and "<" in value.__qualname__:
            cells = [_enclosed(cell) for cell in value.__closure__ or ()]
            parts = (value.__code__, value.__defaults__, value.__kwdefaults__, cells)
            contents["parts"] = inside(parts)
        return contents
    if any(
        getattr(type(value), way) is not getattr(object, way)
        for way in ("__reduce__", "__reduce_ex__")
    ):
        return _pickled(value, inside)
    attributes = {**_slots(value), **getattr(value, "__dict__", {})}
    if attributes:
        return {"attributes": {name: inside(v) for name, v in attributes.items()}}
    return _text(value)


def _pickled(value: Any, inside: Any) -> dict[str, Any]:
    """Note what a class says itself that its objects are made of."""
    try:
        parts = value.__reduce_ex__(4)
    except Exception:  # whatever a foreign class raises, it cannot be pickled
        return _text(value)
    if isinstance(parts, str):
        return {"name": parts}
    # The fourth and the fifth are iterators over items.
    return {
        "parts": [inside(list(p) if i > 2 and p else p) for i, p in enumerate(parts)]
    }


def _text(value: Any) -> dict[str, Any]:
    text = repr(value)
    return {} if _ADDRESS.search(text) else {"repr": text}


def _slots(value: Any) -> dict[str, Any]:
    found = {}
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{cls.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def _enclosed(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty yet
        return None


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def agree(before: Any, now: Any) -> bool:
    """Tell whether two notes are of the same; a list and a tuple may be.

    Notes from before objects were noted by their contents, ``[class, ...]``, agree with
    each object of that class.
    """
    if isinstance(before, np.ndarray) or isinstance(now, np.ndarray):
        return digest(before) == digest(now)
    if isinstance(now, dict) and "object" in now and isinstance(before, list):
        return before[:1] == [now["object"]]
    if isinstance(before, (list, tuple)) and isinstance(now, (list, tuple)):
        return len(before) == len(now) and all(map(agree, before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        same = before.keys() == now.keys()
        return same and all(agree(item, now[key]) for key, item in before.items())
    return bool(before == now) or digest(before) == digest(now)  # NaN is NaN
