"""Snapshots as a database describes them."""

from __future__ import annotations

import msgspec

__all__ = ["Snapshot"]


class Snapshot(msgspec.Struct, frozen=True):
    """Describe a snapshot: one file that holds a collection, or all of them.

    >>> Snapshot("docs-1-2026-01-31-12-00-00.snapshot", 0.0, 10240, None, "snapshots/docs").size
    10240
    """

    name: str
    created_at: float
    """Seconds since 1970-01-01 UTC."""
    size: int
    checksum: str | None
    """SHA-256 of the file in hexadecimal digits; ``None`` when the file with it is lost."""
    path: str
    """Where the file lies, for whoever wants to keep or send a copy."""
