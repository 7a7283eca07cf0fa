"""The safetensors format: named arrays and a few strings, with NumPy alone.

Eight bytes with the length of the header, little-endian; the header, JSON, padded with
spaces; the arrays' bytes, little-endian, C order, without gaps
(https://github.com/huggingface/safetensors, section Format). A reader that trusts
nothing: whatever a file claims is compared with its size before memory is taken.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .whole import PathType, write_whole

__all__ = ["read_tensors", "write_tensors"]

_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "BOOL": np.dtype("?"),
    **{f"U{8 * n}": np.dtype(f"<u{n}") for n in (1, 2, 4, 8)},
    **{f"I{8 * n}": np.dtype(f"<i{n}") for n in (1, 2, 4, 8)},
    **{f"F{8 * n}": np.dtype(f"<f{n}") for n in (2, 4, 8)},
}
_NAMES: Final = {dtype: name for name, dtype in _DTYPES.items()}
_METADATA: Final = "__metadata__"
_LONGEST_HEADER: Final = 100_000_000  # the limit of the format's own library


class _Entry(NamedTuple):
    begin: int
    end: int
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def write_tensors(
    path: PathType, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write ``tensors`` and ``metadata`` to ``path``, as a whole or not at all.

    Raises
    ------
    TypeError
        A dtype that is neither bool, integer nor float of at most 64 bits.
    ValueError
        A header of more than 100 MB, which no reader would take.
    OSError
        The file cannot be written.
    """
    # The largest elements first: so all of them lie at multiples of their size.
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    parts: list[bytes | memoryview] = []
    end = 0
    for name in names:
        array = tensors[name]
        dtype = array.dtype.newbyteorder("<")
        if dtype not in _NAMES:
            raise TypeError(f"{name} is of {array.dtype}, which safetensors has not")
        begin, end = end, end + array.nbytes
        shape = list(array.shape)
        header[name] = {
            "dtype": _NAMES[dtype],
            "shape": shape,
            "data_offsets": [begin, end],
        }
        flat = np.ascontiguousarray(array, dtype).reshape(-1)
        parts.append(flat.view(np.uint8).data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _LONGEST_HEADER:
        raise ValueError(f"{path} would need a header of {len(text)} bytes: too long")
    write_whole(path, [len(text).to_bytes(8, "little"), text, *parts])


def read_tensors(path: PathType) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read the tensors and the metadata of ``path``; arrays are the caller's own.

    Raises
    ------
    ValueError
        Anything but a whole safetensors file; the message names the file.
    OSError
        The file cannot be read.
    """
    with open(path, "rb") as file:
        try:
            size = os.fstat(file.fileno()).st_size
            header, size = _read_header(file, size)
            metadata = header.pop(_METADATA, {})
            if not isinstance(metadata, dict) or not all(
                isinstance(value, str) for value in metadata.values()
            ):
                raise ValueError(f"{_METADATA} must hold strings")
            entries = _check_entries(header, size)
            data = file.read(size)
            if len(data) != size:
                raise ValueError("it became shorter while it was read")
            tensors = {entry.name: _array(entry, data) for entry in entries}
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{os.fspath(path)} is not a whole safetensors file: {error}"
            ) from error
    return tensors, metadata


def _read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Return the header, and how many bytes come after it."""
    if size < 8:
        raise ValueError(f"it has {size} bytes, expected at least 8")
    length = int.from_bytes(file.read(8), "little")
    if length > min(_LONGEST_HEADER, size - 8):
        raise ValueError(f"its header would have {length} bytes, the file has {size}")
    text = file.read(length)
    if not text.startswith(b"{"):
        raise ValueError("its header does not begin with {")
    header = json.loads(
        text.decode(), object_pairs_hook=_no_name_twice, parse_constant=_refuse
    )
    return header, size - 8 - length


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return names


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _check_entries(header: dict[str, Any], size: int) -> list[_Entry]:
    """Return the entries in the order of their bytes, which have to be all of them."""
    entries = sorted(_check_entry(name, value) for name, value in header.items())
    end = 0
    for entry in entries:
        if entry.begin != end:
            raise ValueError(
                f"{entry.name!r} begins at byte {entry.begin}, expected {end}"
            )
        end = entry.end
    if end != size:
        raise ValueError(f"its arrays need {end} bytes, it has {size}")
    return entries


def _check_entry(name: str, value: Any) -> _Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r} needs a dtype, a shape and data_offsets")
    dtype = _DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None:
        raise ValueError(
            f"{name!r} is of {value['dtype']!r}, expected one of {', '.join(_DTYPES)}"
        )
    shape, offsets = value["shape"], value["data_offsets"]
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(
            type(number) is int and 0 <= number < 2**63 for number in numbers
        ):
            raise ValueError(f"{name!r} has {numbers!r} where sizes should stand")
    if len(offsets) != 2 or len(shape) > 64:
        raise ValueError(f"{name!r} has shape {shape} and offsets {offsets}")
    begin, end = offsets
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"{name!r} has {end - begin} bytes, but shape {shape} of {dtype}"
        )
    return _Entry(begin, end, name, dtype, tuple(shape))


def _array(entry: _Entry, data: bytes) -> NDArray[Any]:
    raw = np.frombuffer(data, np.uint8, entry.end - entry.begin, entry.begin)
    if entry.dtype.kind == "b" and raw.size and raw.max() > 1:
        raise ValueError(f"{entry.name!r} holds {raw.max()} as a truth value")
    # A copy: a view would keep the whole file in memory.
    native = entry.dtype.newbyteorder("=")
    return raw.view(entry.dtype).reshape(entry.shape).astype(native)
