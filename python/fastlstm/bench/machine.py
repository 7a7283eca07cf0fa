"""What machine this is, and which of its CPUs a process may use."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["describe_machine", "keep_to_cpus", "total_memory"]

_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def describe_machine() -> dict[str, str | int]:
    """Return processor, number of CPUs, system and Python; not the machine's name."""
    return {
        "processor": _processor(),
        "cpus": os.cpu_count() or 1,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def total_memory() -> int:
    """Return the bytes of memory of this machine, or 0 where that is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return 0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    models = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return models[0].strip() if models else platform.processor() or platform.machine()


def keep_to_cpus(count: int) -> None:
    """Keep this process to ``count`` of its CPUs, where the system can do that.

    Cores come before the second thread of one, as a scheduler would have it.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS, Windows
        return
    taken: dict[str, int] = {}
    order = []
    for cpu in sorted(os.sched_getaffinity(0)):
        core = _core_of(cpu)
        order.append((taken.setdefault(core, 0), cpu))
        taken[core] += 1
    os.sched_setaffinity(0, [cpu for _, cpu in sorted(order)[:count]])


def _core_of(cpu: int) -> str:
    """Name the core that a CPU is a thread of."""
    try:
        return Path(_SIBLINGS.format(cpu)).read_text().strip()
    except OSError:
        return str(cpu)
