"""The memory of this process."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["resident_percent"]

_RESIDENT = Path("/proc/self/statm")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container's share of the machine is told."""


def resident_percent() -> int | None:
    """Return the part of the memory at hand that this process occupies; None where the system does not tell."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        resident = int(_RESIDENT.read_text().split()[1]) * page
        total = os.sysconf("SC_PHYS_PAGES") * page
    except (OSError, ValueError, AttributeError, IndexError):
        return None
    for limit in _LIMITS:
        try:
            total = min(total, int(limit.read_text()))
        except (OSError, ValueError):
            continue
    return 100 * resident // total if total > 0 else None
