"""Files that are there as a whole or as they were before, whenever a process dies."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["PathType", "write_whole"]

PathType: TypeAlias = str | os.PathLike[str]


def write_whole(path: PathType, parts: Iterable[bytes | memoryview]) -> None:
    """Write ``parts`` one after another to a temporary name, and rename that.

    File and folder are flushed to the disk, so the order holds after a power cut too.
    The temporary name is ``.<name>.<process>-<thread>.tmp`` in the same folder; only a
    process that is killed leaves it behind.

    Raises
    ------
    OSError
        No such folder, no permission, no space; ``path`` is as it was.
    """
    target = os.path.realpath(path)  # a link stays one
    folder, name = os.path.split(target)
    writer = f"{os.getpid()}-{threading.get_ident()}"
    temporary = os.path.join(folder, f".{name}.{writer}.tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        with open(temporary, "xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _flush_folder(folder)


def _flush_folder(folder: str) -> None:
    """Make a rename in ``folder`` last; Windows cannot, and need not."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
