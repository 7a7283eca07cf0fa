"""A file of fastlstm's own: plain data, a version, and a sum that tells damage."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._core import __version__
from .plain import from_plain, to_plain
from .safetensors import read_tensors, write_tensors
from .whole import PathType

__all__ = ["FORMAT_VERSION", "digest", "read_record", "write_record"]

FORMAT_VERSION: Final = 1

# What a damaged or foreign content may raise on its way to an object.
_WRONG: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def write_record(path: PathType, kind: str, content: dict[str, Any]) -> None:
    """Write ``content``, of what `files.plain` can keep; as a whole or not at all.

    Raises
    ------
    TypeError
        Something in it that cannot be kept; its place is named.
    OSError
        The file cannot be written.
    """
    tensors: dict[str, NDArray[Any]] = {}
    record = {
        "format_version": FORMAT_VERSION,
        "fastlstm_version": __version__,
        "kind": kind,
        "content": to_plain(content, tensors),
    }
    text = json.dumps(record, allow_nan=False, separators=(",", ":"))
    write_tensors(path, tensors, {"fastlstm": text, "sha256": _digest(text, tensors)})


def read_record(path: PathType, kinds: Collection[str]) -> tuple[str, dict[str, Any]]:
    """Read what `write_record` wrote: the kind, one of ``kinds``, and the content.

    Raises
    ------
    ValueError
        A damaged or foreign file, another kind, a newer format; the file is named.
    OSError
        The file cannot be read.
    """
    tensors, metadata = read_tensors(path)
    name = os.fspath(path)
    if not {"fastlstm", "sha256"} <= set(metadata):
        raise ValueError(f"{name} is a safetensors file, but none of fastlstm's")
    text = metadata["fastlstm"]
    try:
        record = json.loads(text)
        version = record["format_version"]
        if version != FORMAT_VERSION or type(version) is not int:
            raise ValueError(
                f"it has format version {version!r}, written by fastlstm "
                f"{record['fastlstm_version']}; fastlstm {__version__} reads version "
                f"{FORMAT_VERSION}"
            )
        if metadata["sha256"] != _digest(text, tensors):
            raise ValueError("it is damaged: its content does not have its sha256 sum")
        kind = record["kind"]
        if kind not in kinds:
            raise ValueError(f"it holds a {kind}, expected a {' or a '.join(kinds)}")
        return kind, from_plain(record["content"], tensors)
    except _WRONG as error:
        words = str(error) if isinstance(error, ValueError) else repr(error)
        raise ValueError(f"{name} cannot be read: {words}") from error


def digest(content: Any) -> str:
    """Return the SHA-256 sum of what `write_record` would write of ``content``.

    Raises
    ------
    TypeError
        As for `write_record`.
    """
    tensors: dict[str, NDArray[Any]] = {}
    return _digest(json.dumps(to_plain(content, tensors)), tensors)


def _digest(text: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    """Sum up text and tensors, in whatever order those lie in the file."""
    result = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = tensors[name]
        dtype = array.dtype.newbyteorder("<")
        result.update(f"\n{name} {dtype.str} {array.shape}\n".encode())
        flat = np.ascontiguousarray(array, dtype).reshape(-1)
        result.update(flat.view(np.uint8).data)
    return result.hexdigest()
