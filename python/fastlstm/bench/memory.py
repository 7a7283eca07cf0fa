"""The peak of this process's resident memory."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path

__all__ = ["peak_bytes", "start_peak"]


def start_peak() -> int | None:
    """Forget the peak so far where the system can; the memory in use, in bytes."""
    with contextlib.suppress(OSError):  # not Linux, or not permitted
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS") or peak_bytes()


def peak_bytes() -> int | None:
    """Return the peak in bytes; None where the system does not tell.

    Not getrusage where /proc is there: on Linux its peak goes on from that of the
    process which started this one.
    """
    peak = _status("VmHWM")
    if peak is not None or sys.platform != "darwin":
        return peak
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _status(field: str) -> int | None:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(rf"^{field}:\s*(\d+) kB$", text, re.M)
    return int(found[1]) * 1024 if found else None
